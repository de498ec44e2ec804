//! The page in a real browser: Chromium, in `CHROMIUM_PATH` or else on the `PATH`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use copilot_session_view::write_page;
use serde_json::json;
use tempfile::TempDir;

fn chromium() -> PathBuf {
    if let Some(program) = env::var_os("CHROMIUM_PATH") {
        return program.into();
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut programs = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!(
            "there is no Chromium; install it (`apt-get install chromium`), or set CHROMIUM_PATH to its path"
        )
    })
}

/// Opens the page of a log, and returns the document that its script has made. The address may end with a message.
fn shown(log: &[u8], message: &str) -> String {
    let temp = TempDir::new().expect("a folder");
    let path = temp.path().join("page.html");
    write_page("a log", log, fs::File::create(&path).expect("a file")).expect("a page");
    let mut browser = Command::new(chromium());
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    browser.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    browser.arg(format!("--user-data-dir={}", temp.path().join("profile").display()));
    // The time of the page, which passes as fast as the page has nothing to do.
    browser.args(["--virtual-time-budget=20000", "--dump-dom"]);
    let output = browser.arg(format!("file://{}{message}", path.display())).output().expect("Chromium");
    let document = String::from_utf8(output.stdout).expect("text");
    assert!(
        document.contains("<p id=\"problem\" class=\"remark\" role=\"alert\" hidden=\"\"></p>"),
        "{document}"
    );
    document
}

#[test]
fn a_page_shows_its_first_turn_and_messages() {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-subagent.jsonl");
    let log = fs::read(log).expect("a recording");
    let document = shown(&log, "");
    assert!(document.contains("115 of 115 messages. Page 1 of 2."), "{document}");
    assert!(document.contains("<optgroup label=\"session f23a4b09-"), "{document}");
    assert!(document.contains("<svg class=\"timeline\"") && document.contains("<svg class=\"sequence\""));
    assert_eq!(document.matches("<li id=\"message-").count(), 100);
    assert!(!document.contains("aria-expanded=\"true\""));

    // Its JSON is that of the log, but for spaces.
    let document = shown(&log, "#message-110");
    let (_, shown) = document.split_once("aria-expanded=\"true\"").expect("an open message");
    let (_, json) = shown.split_once("<pre ").and_then(|(_, pre)| pre.split_once('>')).expect("its JSON");
    let (json, _) = json.split_once("</pre>").expect("an end");
    let line = log.split(|byte| *byte == b'\n').nth(109).expect("the line");
    let line: serde_json::Value = serde_json::from_slice(line).expect("JSON");
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON"), line);
}

/// A script in a log would change the title.
#[test]
fn a_script_in_a_log_does_not_run() {
    const HOSTILE: &str =
        "</pre></script><script>document.title='run'</script><img src=x onerror=document.title='run'>";
    let event = |kind: &str, data: serde_json::Value| {
        let event = json!({"type": kind, "id": kind, "timestamp": "2026-01-01T00:00:00.000Z", "data": data});
        let params = json!({"sessionId": HOSTILE, "event": event});
        json!({"t_ms": 1, "dir": "server", "msg": {"method": "session.event", "params": params}}).to_string()
    };
    let log = [
        event("user.message", json!({"content": HOSTILE, "messageId": "m"})),
        event(HOSTILE, json!({"content": HOSTILE})),
        event(
            "tool.execution_start",
            json!({"toolCallId": "t", "toolName": HOSTILE, "arguments": {HOSTILE: HOSTILE}}),
        ),
    ]
    .join("\n");
    let document = shown(log.as_bytes(), "#message-2");
    assert!(document.contains("<title>a log</title>"), "{document}");
    assert!(document.contains("&lt;img src=x") && !document.contains("<img"), "{document}");
    assert!(document.contains("aria-expanded=\"true\""), "{document}");
}
