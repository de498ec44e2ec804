//! The texts of errors are safe for a terminal, whatever the peer sent.

use copilot_session::testing::{FakeCli, error, events as say};
use copilot_session::{Error, printable};
use serde_json::{Value, json};

use crate::rig::{Rig, connect};

/// Characters that move the cursor, turn the text around, or hide a part of it.
const ODD: &str = "a\r\u{1b}[2K\u{9b}8m\u{202e}\u{200b}b";

fn assert_printable(error: &Error) {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    assert!(text.contains(r"a\r\u{1b}[2K\u{9b}8m\u{202e}\u{200b}b"), "{text}");
    assert_eq!(printable(&text), text);
}

/// The error responses of the CLI.
#[tokio::test(start_paused = true)]
async fn answers() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    fake.on_raw("ping", |_| Err(error(-32603, ODD)));
    assert_printable(&client.ping("").await.expect_err("an error"));
    fake.on_raw("ping", |_| Err(error(-32601, ODD)));
    assert_printable(&client.ping("").await.expect_err("an error"));
    fake.on_raw("session.delete", |_| Ok(json!({"success": false, "error": ODD})));
    assert_printable(&client.delete_session("1").await.expect_err("a refusal"));
    fake.on_raw("session.list", |_| Ok(json!({"sessions": [{"sessionId": 7, ODD: 1}]})));
    let unreadable = client.rpc().session().list(&Default::default()).await;
    let unreadable = unreadable.expect_err("a malformed result").to_string();
    assert_eq!(printable(&unreadable), unreadable);
}

/// The errors of turns.
#[tokio::test(start_paused = true)]
async fn turns() {
    let rig = Rig::start().await;
    let turn = rig.session.prompt("Go.").await.expect("a turn");
    rig.fake.begin_turn(rig.session.id()).await;
    rig.emit(json!({"type": "session.error", "data": {"errorType": "query", "message": ODD}}));
    rig.emit(say::event("session.idle", Value::Null));
    assert_printable(&turn.await.expect_err("a failure"));

    let turn = rig.session.prompt("Go.").await.expect("a turn");
    rig.fake.begin_turn(rig.session.id()).await;
    let tool = json!({"toolCallId": "t", "toolName": ODD, "arguments": {}});
    rig.emit(json!({"type": "tool.execution_start", "data": tool}));
    let timeout = turn.timeout(std::time::Duration::from_secs(5)).await.expect_err("a time limit");
    assert_printable(&timeout);
}

/// The errors of a start, and the `Debug` of values of the CLI.
#[tokio::test(start_paused = true)]
async fn names_and_values() {
    let start = copilot_session::Client::builder().program(format!("/not/there/{ODD}")).start();
    assert_printable(&start.await.expect_err("no such program"));
    let event = json!({"type": "assistant.message", "data": {"messageId": "1", "content": ODD}});
    let event = copilot_session::SessionEvent::from_json(event.to_string()).expect("an event");
    for shown in [format!("{event:?}"), format!("{:?}", event.data())] {
        assert_eq!(printable(&shown), shown);
    }
}
