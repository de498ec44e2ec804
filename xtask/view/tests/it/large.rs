//! The limits of the page: whatever the log is, a browser gets only a part of it at a time.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{drawings, event_at, index, page};

/// The most elements of a drawing, or of a part of one.
const MOST_ELEMENTS: usize = 2_500;

/// The most bytes of one: texts, of which a character may take several when it is escaped.
const MOST_BYTES: usize = 1 << 20;

/// A turn whose answer comes in so many deltas.
pub fn deltas(count: u64) -> String {
    let delta = |number: u64| {
        let data = json!({"messageId": "m", "deltaContent": format!("word {number}\n")});
        event_at(number, "assistant.message_delta", data)
    };
    let mut lines = vec![
        event_at(0, "user.message", json!({"content": "count", "messageId": "p"})),
        event_at(0, "assistant.turn_start", json!({"turnId": "0", "model": "m"})),
    ];
    lines.extend((1..=count).map(delta));
    lines.push(event_at(count + 1, "session.idle", json!({})));
    lines.join("\n")
}

/// A turn with so many messages of the agent, each with a tool call.
pub fn calls(count: u64) -> String {
    let mut lines = vec![event_at(0, "user.message", json!({"content": "work", "messageId": "p"}))];
    for number in 0..count {
        let call =
            json!({"toolCallId": format!("t{number}"), "toolName": "bash", "arguments": {"n": number}});
        let result =
            json!({"toolCallId": format!("t{number}"), "success": true, "result": {"content": "ok"}});
        let message = json!({"messageId": format!("m{number}"), "content": "again", "toolRequests": [call]});
        lines.push(event_at(number * 9, "assistant.message", message));
        lines.push(event_at(number * 9 + 1, "tool.execution_start", call));
        lines.push(event_at(number * 9 + 5, "tool.execution_complete", result));
    }
    lines.join("\n")
}

/// Sessions with so many turns each.
pub fn turns(sessions: usize, count: u64) -> String {
    let mut lines = Vec::new();
    for session in 0..sessions {
        for number in 0..count {
            let prompt = json!({"content": format!("prompt {number}"), "messageId": format!("p{number}")});
            let answer = json!({"messageId": format!("m{number}"), "content": "an answer ".repeat(100)});
            for (kind, data) in [("user.message", prompt), ("assistant.message", answer)] {
                lines.push(event_at(number * 2, kind, data).replace("\"s\"", &format!("\"s{session}\"")));
            }
        }
    }
    lines.join("\n")
}

/// Checks the size of each drawing, and returns them.
fn bounded(blocks: &BTreeMap<String, String>) -> Vec<String> {
    let drawings = drawings(blocks);
    for (number, html) in drawings.iter().enumerate() {
        let elements = html.matches("</").count();
        assert!(elements <= MOST_ELEMENTS, "drawing {number} has {elements} elements");
        assert!(html.len() <= MOST_BYTES, "drawing {number} has {} bytes", html.len());
    }
    drawings
}

/// Checks that the page is smaller than its log, and made of elements of about the same size.
fn is_compact(page: &str, log: &str) {
    assert!(page.len() < log.len() / 2 + (64 << 10), "{} bytes for {}", page.len(), log.len());
    // Half a megabyte is one element; an event of the log may be in its block, in a drawing and in the index.
    let most = 3 * log.len() / (512 << 10) + 100;
    let elements = page.matches("</").count();
    assert!(elements < most, "{elements} elements for {} bytes", log.len());
}

/// The texts of all elements `pre`, without markup.
fn texts(drawings: &[String]) -> Vec<&str> {
    let texts = drawings.iter().flat_map(|html| html.split("<pre>\n").skip(1));
    texts.map(|rest| rest.split_once("</pre>").expect("an end").0).collect()
}

#[test]
fn an_answer_of_100000_deltas_is_in_parts() {
    let log = deltas(100_000);
    let (page, blocks) = page(log.as_bytes());
    is_compact(&page, &log);
    let drawings = bounded(&blocks);
    let whole: String = (1..=100_000).map(|number| format!("word {number}\n")).collect();
    let texts = texts(&drawings);
    assert!(texts[1..].iter().all(|text| text.len() <= 32 << 10));
    assert!(texts[0] == "count" && texts[1..].concat() == whole, "{} texts", texts.len());
    assert!(drawings.concat().contains("Agent, not complete (continued)"));
}

#[test]
fn a_turn_of_100000_events_is_in_parts() {
    const COUNT: usize = 33_000;
    let log = calls(COUNT as u64);
    let (page, blocks) = page(log.as_bytes());
    is_compact(&page, &log);
    let drawings = bounded(&blocks);
    let turn = &index(&blocks)["turns"][0];
    let [first, entries, rest] =
        ["first", "entries", "rest"].map(|key| turn[key].as_u64().unwrap_or(0) as usize);
    // A row for each call, and an entry for each message and each call.
    assert_eq!((first, entries), (0, COUNT / 100));
    assert_eq!(rest - entries, (2 * COUNT + 2).div_ceil(100));
    assert!(drawings[1].contains("Rows 101 to 200 of 33000. The scale is"), "{}", drawings[1]);
    // Each part has its own time: calls of 4 ms, 9 ms apart.
    assert!(drawings[1].contains("at 901 ms") && drawings[1].contains("width=\"0.45%\""), "{}", drawings[1]);
    let rows: usize = drawings[..entries].iter().map(|html| html.matches("<li>").count()).sum();
    assert_eq!(rows, COUNT);
    let tools: usize = drawings[entries..rest].iter().map(|html| html.matches("<details").count()).sum();
    assert_eq!(tools, COUNT);
}

#[test]
fn a_log_of_many_turns_has_few_elements() {
    let log = turns(3, 1_000);
    let (page, blocks) = page(log.as_bytes());
    is_compact(&page, &log);
    bounded(&blocks);
    assert_eq!(index(&blocks)["turns"].as_array().map(Vec::len), Some(3_000));
}

/// A long text is cut between characters and, where there are lines, between lines; nothing of it is lost.
#[test]
fn a_long_text_is_cut_at_lines() {
    for (part, cut_at_lines) in
        [("é".repeat(100) + "\n", true), ("é".repeat(50_000), false), ("🦀x".repeat(40_000), false)]
    {
        let text = part.repeat(200_000 / part.len() + 1);
        let call = json!({"toolCallId": "t", "toolName": "bash", "arguments": {"command": text}});
        let result = json!({"toolCallId": "t", "success": true, "result": {"content": text}});
        let log = [
            event_at(0, "user.message", json!({"content": "go", "messageId": "p"})),
            event_at(1, "tool.execution_start", call),
            event_at(2, "tool.execution_complete", result),
        ];
        let (_, blocks) = page(log.join("\n").as_bytes());
        let drawings = bounded(&blocks);
        let texts = texts(&drawings);
        let whole = json!({"command": text}).to_string() + &text;
        assert!(texts[1..].concat().replace("&quot;", "\"") == whole, "{} texts", texts.len());
        let ends = texts[1..].iter().filter(|text| text.ends_with('\n')).count();
        assert_eq!(ends > 5, cut_at_lines, "{ends} of {}", texts.len());
    }
}

/// Entries of a sub-agent are in parts, too, however many they are.
#[test]
fn the_entries_of_a_sub_agent_are_in_parts() {
    let started =
        json!({"toolCallId": "t", "agentName": "helper", "agentDisplayName": "h", "agentDescription": ""});
    let mut lines = vec![
        event_at(0, "user.message", json!({"content": "go", "messageId": "p"})),
        event_at(1, "tool.execution_start", json!({"toolCallId": "t", "toolName": "task"})),
        event_at(2, "subagent.started", started),
    ];
    lines.extend((3..1_003).map(|number| {
        let data = json!({"messageId": format!("m{number}"), "content": "step", "parentToolCallId": "t"});
        event_at(number, "assistant.message", data)
    }));
    let (_, blocks) = page(lines.join("\n").as_bytes());
    let drawings = bounded(&blocks);
    let steps = drawings.iter().map(|html| html.matches("entry message depth-1").count());
    assert_eq!(steps.clone().sum::<usize>(), 1_000);
    assert!(steps.max() <= Some(100));
}
