//! The costs of decoding an event and of writing a request, compared with other ways.
//!
//! The time includes freeing the decoded value; allocations are counted too. All measurements start from, or end in,
//! JSON text.

use std::sync::LazyLock;

use copilot_session::types::{LogRequest, SessionLogLevel};
use copilot_session::{SessionEvent, wire};
use divan::{Bencher, black_box};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// A delta as CLI 1.0.102 sent it.
static DELTA: LazyLock<String> = LazyLock::new(|| {
    r#"{"type":"assistant.message_delta","data":{"messageId":"248a72f8-5d63-43f4-88bc-339fe47df8ee","deltaContent":"answer "},"ephemeral":true,"id":"d5dfadc0-e62c-425f-95bc-1b830a0c0bd1","timestamp":"2026-11-22T06:58:10.334Z","parentId":"e4269a7f-2e35-40c1-9651-e73d497b41c6"}"#.to_owned()
});

/// A message as CLI 1.0.102 sent it, but with 20 kB of text, 4 kB of reasoning and eight tool requests.
static MESSAGE: LazyLock<String> = LazyLock::new(|| {
    let line = "The function `parse` returns \"None\" for an empty line – see src/lib.rs.\n";
    let request = |index: usize| {
        json!({
            "toolCallId": format!("call_{index}"),
            "name": "edit",
            "arguments": {"path": "src/lib.rs", "old_str": line.repeat(5), "new_str": line.repeat(6), "lines": [index, 40]},
            "type": "function",
            "toolTitle": "Editing src/lib.rs",
            "intentionSummary": "make parse total",
        })
    };
    let data = json!({
        "messageId": "7eb8d4be-9612-4471-88f6-058d416c1b19",
        "originatingMessageId": "a2118678-03f4-40ad-ba41-25b05825fd87",
        "model": "gpt-5",
        "content": line.repeat(280),
        "toolRequests": (0..8).map(request).collect::<Value>(),
        "interactionId": "38c4e1b9-04c8-4529-bc08-db1433951d6f",
        "turnId": "0",
        "reasoningOpaque": "rs_0",
        "reasoningText": line.repeat(56),
        "rte": false,
        "apiCallId": "resp_1",
    });
    json!({
        "type": "assistant.message",
        "data": data,
        "id": "2c4b9715-a513-4dbe-8480-c26c97e0a093",
        "timestamp": "2026-11-22T06:58:17.124Z",
        "parentId": "2e21d771-50fc-443c-a345-fa77e2b6023f",
    })
    .to_string()
});

/// The same measurements for one event.
macro_rules! decode {
    ($event:ident, $kind:literal, $json:expr, $data:ty) => {
        mod $event {
            use super::*;

            /// This crate: the envelope and the data.
            #[divan::bench]
            fn a_event_and_data(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    let event = SessionEvent::from_json(json).expect("an event");
                    black_box(event.data());
                });
            }

            /// This crate: an event whose data are not read.
            #[divan::bench]
            fn b_event_only(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    drop(black_box(SessionEvent::from_json(json).expect("an event")))
                });
            }

            /// JSON of any shape.
            #[divan::bench]
            fn c_value(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    drop(black_box(serde_json::from_str::<Value>(json).expect("JSON")));
                });
            }

            /// Derived code that knows the type of the event.
            #[divan::bench]
            fn d_derived(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    drop(black_box(serde_json::from_str::<Envelope<$data>>(json).expect("an event")));
                });
            }

            /// Derived code that reads the type of the event first.
            #[divan::bench]
            fn e_derived_by_type(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    let event: Envelope<Box<RawValue>> = serde_json::from_str(json).expect("an event");
                    let data = match event.r#type.as_str() {
                        $kind => serde_json::from_str::<$data>(event.data.get()).expect("its data"),
                        other => panic!("an event of type {other}"),
                    };
                    drop(black_box((event, data)));
                });
            }

            /// Derived code that decodes a JSON value, as the official crate does.
            #[divan::bench]
            fn f_value_then_derived(bencher: Bencher) {
                measure(bencher, &$json, |json| {
                    let value: Value = serde_json::from_str(json).expect("JSON");
                    let event: Envelope<Value> = serde_json::from_value(value).expect("an event");
                    let data: $data = serde_json::from_value(event.data.clone()).expect("its data");
                    drop(black_box((event, data)));
                });
            }
        }
    };
}

decode!(message_delta, "assistant.message_delta", DELTA, DeltaData);
decode!(message, "assistant.message", MESSAGE, MessageData);

fn measure(bencher: Bencher, json: &str, decode: impl Fn(&str) + Sync) {
    bencher.counter(divan::counter::BytesCount::of_str(json)).bench(|| decode(black_box(json)));
}

mod write {
    use super::*;

    const TEXT: &str = "The build of `copilot-session` took 12.4 s, \"as expected\"";

    /// This crate.
    #[divan::bench]
    fn a_to_json(bencher: Bencher) {
        let request = LogRequest::new(TEXT).level(SessionLogLevel::Warning).ephemeral(true);
        bencher.bench(|| drop(black_box(wire::to_json(black_box(&request)))));
    }

    /// Derived code.
    #[divan::bench]
    fn d_derived(bencher: Bencher) {
        let request =
            Log { message: TEXT.to_owned(), level: Some("warning"), ephemeral: Some(true), ..Log::default() };
        bencher.bench(|| drop(black_box(serde_json::to_string(black_box(&request)))));
    }

    #[derive(Default, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Log {
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ephemeral: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tip: Option<String>,
    }
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<D> {
    r#type: String,
    id: String,
    timestamp: String,
    parent_id: Option<String>,
    agent_id: Option<String>,
    ephemeral: Option<bool>,
    data: D,
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaData {
    message_id: String,
    delta_content: String,
    parent_tool_call_id: Option<String>,
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageData {
    message_id: String,
    originating_message_id: Option<String>,
    model: Option<String>,
    provider_id: Option<String>,
    content: String,
    tool_requests: Option<Vec<ToolRequest>>,
    reasoning_opaque: Option<String>,
    reasoning_text: Option<String>,
    reasoning_wire_field: Option<String>,
    encrypted_content: Option<String>,
    phase: Option<String>,
    chunk_index: Option<i64>,
    chunk_count: Option<i64>,
    output_tokens: Option<i64>,
    interaction_id: Option<String>,
    request_id: Option<String>,
    client_request_id: Option<String>,
    service_request_id: Option<String>,
    rte: Option<bool>,
    api_call_id: Option<String>,
    server_tools: Option<Value>,
    reasoning_blocks: Option<Value>,
    turn_id: Option<String>,
    parent_tool_call_id: Option<String>,
    citations: Option<Value>,
    fusion: Option<Value>,
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolRequest {
    tool_call_id: String,
    name: String,
    arguments: Option<Value>,
    r#type: Option<String>,
    tool_title: Option<String>,
    mcp_server_name: Option<String>,
    mcp_tool_name: Option<String>,
    intention_summary: Option<String>,
    caller: Option<Value>,
}
