//! Events become a tree.

use std::sync::Arc;

use copilot_session::SessionEvent;
use desk::feed::Feed;
use desk::node::{Kind, MAX_TEXT, Progress};
use desk::state::{State, Status};
use desk::tree::{MAX_NODES, MAX_SIZE};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;

fn event(kind: &str, data: &Value) -> SessionEvent {
    let event = json!({ "type": kind, "id": "", "timestamp": "2026-01-01T00:00:00.000Z", "data": data });
    SessionEvent::from_json(event.to_string()).expect("an event")
}

fn apply(state: &mut State, events: &[(&str, Value)]) {
    events.iter().for_each(|(kind, data)| state.apply(&event(kind, data)));
}

/// The tree in lines, as the page shows it.
fn lines(state: &State) -> Vec<String> {
    let nodes = state.tree().nodes();
    let depth = |mut id: u64| {
        let mut depth = 0;
        while let Some(parent) = nodes[&id].parent {
            (id, depth) = (parent, depth + 1);
        }
        depth
    };
    let line = |(id, node): (&u64, &desk::node::Node)| {
        format!("{}{:?} {:?}: {}", "  ".repeat(depth(*id)), node.kind, node.progress, node.title)
    };
    nodes.iter().map(line).collect()
}

/// The events of a recording of the real CLI.
fn recorded(name: &str) -> State {
    let path = format!("{}/../../../tests/recordings/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut state = State::default();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["msg"]["method"] == "session.event" {
            let event = line["msg"]["params"]["event"].to_string();
            state.apply(&SessionEvent::from_json(event).expect("an event"));
        }
    }
    state
}

#[test]
fn a_sub_agent_is_below_its_call() {
    let state = recorded("1.0.102-subagent");
    assert_eq!(
        lines(&state),
        [
            "Turn Done: delegate",
            "  Model Done: fake-model",
            "  Tool Done: task helper1",
            "    Agent Done: Helper",
            "      Model Done: fake-model",
            "  Model Done: fake-model",
        ]
    );
    let head = state.head();
    assert_eq!((head.status, head.tokens.calls, head.tokens.input), (Status::Idle, 3, 150));
    let of = |kind: Kind| state.tree().nodes().values().find(|node| node.kind == kind).expect("a node");
    assert_eq!(of(Kind::Agent).tokens.expect("tokens").calls, 1);
    assert_eq!(of(Kind::Agent).request, "help me");
    assert_eq!(of(Kind::Turn).tokens.expect("tokens").calls, 3);
}

#[test]
fn waiting_for_a_person_is_below_the_tool() {
    let state = recorded("1.0.102-permission-approve");
    let expected = ["Tool Done: bash echo hi > out.txt", "Wait Done: waits for permission"];
    let lines = lines(&state);
    assert!(
        lines.windows(2).any(|pair| pair[0].trim() == expected[0] && pair[1].trim() == expected[1]),
        "{lines:?}"
    );
}

#[test]
fn an_abort_stops_what_runs() {
    let state = recorded("1.0.102-abort-mid-stream");
    let stopped = state.tree().nodes().values().filter(|node| node.progress == Progress::Stopped).count();
    assert!(stopped >= 2, "{:?}", lines(&state));
    assert!(state.tree().nodes().values().all(|node| !node.is_running()));
}

/// No recording makes it panic, and every step of a turn with a prompt ends.
#[test]
fn all_recordings() {
    let folder = format!("{}/../../../tests/recordings", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the recordings") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let Some(name) = name.strip_suffix(".jsonl") else { continue };
        let state = recorded(name);
        for node in state.tree().nodes().values() {
            assert!(node.parent.is_none_or(|parent| parent < node.id), "{name}");
            // Without a prompt the CLI does not say when the work is over.
            let ends = node.title != "work without a prompt";
            assert!(!ends || !node.is_running(), "{name}: {:?} {} still runs", node.kind, node.title);
        }
        assert_ne!(state.head().status, Status::Working, "{name}");
        count += 1;
    }
    assert!(count > 50, "{count} recordings");
}

#[test]
fn a_steering_prompt_joins_the_turn() {
    let mut state = State::default();
    apply(
        &mut state,
        &[
            ("user.message", json!({ "content": "Tidy up", "delivery": "idle" })),
            ("assistant.turn_start", json!({ "turnId": "0", "model": "m" })),
            ("user.message", json!({ "content": "Only the tests", "delivery": "steering" })),
        ],
    );
    assert_eq!(lines(&state), ["Turn Running: Tidy up", "  Model Running: m", "  Note Done: Only the tests"]);
}

#[test]
fn events_in_any_order_are_shown() {
    let mut state = State::default();
    apply(
        &mut state,
        &[
            (
                "tool.execution_complete",
                json!({ "toolCallId": "t", "success": false, "error": { "message": "no" } }),
            ),
            ("assistant.message_delta", json!({ "messageId": "m", "deltaContent": "hello" })),
            ("session.error", json!({ "errorType": "query", "message": "the model is gone" })),
            ("session.idle", json!({})),
            ("something.new", json!({ "a": 1 })),
            ("assistant.usage", json!({ "model": 7 })),
        ],
    );
    assert_eq!(
        lines(&state),
        [
            "Turn Failed: work without a prompt",
            "  Tool Failed: ",
            "  Model Failed: ",
            "  Note Failed: the model is gone"
        ]
    );
}

/// The title of a notice is one short line, and the rest of it can be read as well.
#[test]
fn a_long_notice_is_whole() {
    let mut state = State::default();
    let message = format!("{}\nand more", "the model is gone ".repeat(20));
    apply(&mut state, &[("session.error", json!({ "errorType": "query", "message": message }))]);
    let notes = state.tree().nodes().values().filter(|node| node.kind == Kind::Note);
    assert_eq!(notes.map(|node| &node.request).collect::<Vec<_>>(), [&message]);
}

#[test]
fn what_disguises_text_is_escaped() {
    let mut state = State::default();
    let trick = "ls \u{202e}\u{1b}[2K\u{200b}";
    apply(
        &mut state,
        &[
            ("user.message", json!({ "content": trick })),
            (
                "tool.execution_start",
                json!({ "toolCallId": "t", "toolName": trick, "arguments": { "command": trick } }),
            ),
            (
                "tool.execution_complete",
                json!({ "toolCallId": "t", "success": true, "result": { "content": trick } }),
            ),
            ("session.title_changed", json!({ "title": trick })),
        ],
    );
    let json = serde_json::to_string(&state.snapshot()).expect("JSON");
    for trick in ["\u{202e}", "\u{200b}", "\\u001b"] {
        assert!(!json.contains(trick), "{json}");
    }
    assert!(json.contains("ls \\\\u{202e}"), "{json}");
}

/// A list of sessions is renewed only when what it shows has changed.
#[test]
fn a_feed_wakes_the_list_for_what_it_shows() {
    let list = Arc::<Notify>::default();
    let feed = Feed::new(Arc::clone(&list)).expect("a feed");
    let events = [
        ("user.message", json!({ "content": "Tidy up" }), true),
        ("assistant.usage", json!({ "model": "m", "inputTokens": 7 }), false),
        ("session.usage_info", json!({ "currentTokens": 7, "tokenLimit": 9, "messagesLength": 1 }), false),
        ("session.title_changed", json!({ "title": "Tidying" }), true),
        ("session.idle", json!({}), true),
    ];
    for (kind, data, wakes) in events {
        let before = feed.summary().0;
        feed.change(|state| state.apply(&event(kind, &data)));
        assert_ne!(feed.summary().0, before, "{kind} changes nothing");
        assert_eq!(list.notified().now_or_never().is_some(), wakes, "{kind}");
    }
}

/// A state stays within its limits, and the changes lead to the same nodes as the state itself.
#[test]
fn the_state_is_bounded() {
    let mut state = State::default();
    let mut shown = std::collections::BTreeMap::<u64, Value>::new();
    let big = "x".repeat(MAX_TEXT);
    for turn in 0..3 {
        apply(&mut state, &[("user.message", json!({ "content": format!("turn {turn}") }))]);
        for number in 0..MAX_NODES {
            let call = format!("{turn}-{number}");
            let text = if number < 200 { &*big } else { "short" };
            apply(
                &mut state,
                &[
                    ("tool.execution_start", json!({ "toolCallId": call, "toolName": "view" })),
                    (
                        "tool.execution_complete",
                        json!({ "toolCallId": call, "success": true, "result": { "content": text } }),
                    ),
                ],
            );
            assert!(state.tree().nodes().len() <= MAX_NODES && state.tree().size() <= MAX_SIZE);
            for change in state.changes() {
                let mut change: Value = serde_json::from_str(&change).expect("JSON");
                match change["change"].as_str().expect("a kind") {
                    "node" => drop(
                        shown.insert(change["node"]["id"].as_u64().expect("an id"), change["node"].take()),
                    ),
                    "gone" => drop(shown.remove(&change["id"].as_u64().expect("an id"))),
                    _ => {}
                }
            }
        }
    }
    let sum: usize = state.tree().nodes().values().map(desk::node::Node::size).sum();
    assert_eq!(sum, state.tree().size());
    let snapshot = serde_json::to_value(state.snapshot()).expect("JSON");
    assert_eq!(snapshot["nodes"], Value::Array(shown.into_values().collect()));
    assert!(state.head().left_out > 2 * MAX_NODES);
}

/// Ids count as well, since the CLI chooses their length.
#[test]
fn ids_are_bounded() {
    let mut state = State::default();
    apply(&mut state, &[("user.message", json!({ "content": "Go" }))]);
    for number in 0..100 {
        let call = format!("{number}{}", "x".repeat(MAX_TEXT));
        apply(&mut state, &[("tool.execution_start", json!({ "toolCallId": call, "toolName": "view" }))]);
    }
    let nodes = state.tree().nodes();
    assert!(nodes.values().map(|node| node.key.len()).sum::<usize>() <= MAX_SIZE);
    assert_eq!(nodes.values().map(desk::node::Node::size).sum::<usize>(), state.tree().size());
}

/// Markdown that grows when it is formatted counts as what it becomes, so that a browser never gets far more than the
/// limit.
#[test]
fn formatted_answers_are_bounded() {
    let mut state = State::default();
    let list = "-\n".repeat(4000);
    apply(&mut state, &[("user.message", json!({ "content": "Go" }))]);
    for _ in 0..200 {
        apply(&mut state, &[("assistant.message", json!({ "messageId": "m", "content": list }))]);
    }
    let json = serde_json::to_string(&state.snapshot()).expect("JSON");
    assert!(json.contains(r#"["li",null]"#) && json.len() > MAX_SIZE / 2, "{} bytes", json.len());
    assert!(json.len() < 2 * MAX_SIZE, "{} bytes", json.len());
    assert!(state.tree().size() <= MAX_SIZE);
}
