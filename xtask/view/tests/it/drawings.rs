//! What is drawn of the recordings of real CLIs, in golden files.

use std::fs;
use std::path::Path;

use copilot_session_view::Log;

use crate::{page, recording, recordings, turn};

/// Compares with a golden file, which `UPDATE=1` writes.
fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return fs::write(path, actual).expect("a golden file can be written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    let differs = expected.lines().zip(actual.lines()).position(|(expected, actual)| expected != actual);
    let lines = || differs.map(|line| (line + 1, expected.lines().nth(line), actual.lines().nth(line)));
    assert!(expected == actual, "{name} differs: {:?}; run with UPDATE=1 if that is right", lines());
}

#[test]
fn timelines_of_all_recordings() {
    let mut text = String::new();
    for (name, log) in recordings() {
        let log = Log::read(&*log).expect("a log");
        text += &format!("== {name}\n{}\n", log.timeline(80, false));
    }
    check("timelines.txt", &text);
}

#[test]
fn drawings_of_some_recordings() {
    for name in ["1.0.102-subagent", "1.0.102-permission-approve", "1.0.10-model-error-429"] {
        let (_, blocks) = page(&recording(name));
        // On lines of their own, elements can be compared.
        check(&format!("{name}.html"), &turn(&blocks, 0).replace("><", ">\n<"));
    }
}
