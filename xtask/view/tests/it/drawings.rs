//! The drawings of the recordings of real CLIs, as golden files.

use std::fs;
use std::path::Path;

use copilot_session_view::Log;

use crate::{drawings, index, page, recording, recordings, turn};

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

/// The parts of the drawings of all recordings and their places, without markup.
#[test]
fn outlines_of_all_recordings() {
    let mut text = String::new();
    for (name, log) in recordings() {
        let (_, blocks) = page(&log);
        let drawings = drawings(&blocks);
        for (number, turn) in index(&blocks)["turns"].as_array().expect("turns").iter().enumerate() {
            text += &format!("== {name}, turn {}\n", number + 1);
            let [first, entries, rest] =
                ["first", "entries", "rest"].map(|key| turn[key].as_u64().unwrap_or(0) as usize);
            drawings[first..entries].iter().for_each(|html| rows(&mut text, html));
            arrows(&mut text, &drawings[rest]);
            drawings[entries..rest].iter().for_each(|html| headings(&mut text, html));
        }
    }
    check("outlines.txt", &text);
}

/// The rows of a timeline: depth, words, and where each bar begins and how long it is.
fn rows(out: &mut String, html: &str) {
    for row in html.split("<li>").skip(1) {
        let (label, bars) = row.split_once("<svg").expect("bars");
        let depth = between(label, "depth-", "\"").and_then(|depth| depth.parse().ok()).unwrap_or(0);
        let bars: Vec<String> = bars
            .split("<rect")
            .skip(1)
            .filter_map(|bar| {
                Some(format!("{} + {}", between(bar, " x=\"", "\"")?, between(bar, " width=\"", "\"")?))
            })
            .collect();
        *out += &format!("{}{} | {}\n", "  ".repeat(depth), words(label), bars.join(", "));
    }
}

/// The arrows of a sequence.
fn arrows(out: &mut String, html: &str) {
    let labels = html.split("<li><a").skip(1).filter_map(|arrow| between(arrow, "aria-label=\"", "\""));
    for label in labels {
        let (parties, message) = label.split_once(": ").expect("the parties");
        let arrow = match parties {
            "program to CLI" => "> ",
            "CLI to program" => "< ",
            "CLI to model" => "      > ",
            _ => "      < ",
        };
        *out += &format!("{arrow}{}\n", start_of(message.trim_end()));
    }
}

/// The classes and headings of the entries of a conversation.
fn headings(out: &mut String, html: &str) {
    for entry in html.split(" class=\"entry ").skip(1) {
        let (class, rest) = entry.split_once("\">").expect("a class");
        let heading = rest.split("<pre>").next().unwrap_or_default();
        *out += &format!("[{class}] {}\n", start_of(&words(heading)));
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// The text of some markup.
fn words(html: &str) -> String {
    let texts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    texts.collect::<String>().trim().to_owned()
}

fn start_of(text: &str) -> String {
    text.chars().take(60).collect()
}
