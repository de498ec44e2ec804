//! The keys of `session.send` and `connect`: each, and no other.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::{
    Attachment, AttachmentBlob, AttachmentDirectory, AttachmentFile, AttachmentSelection,
    AttachmentSelectionDetails, AttachmentSelectionDetailsEnd, AttachmentSelectionDetailsStart,
    AttachmentSelectionFields, ConnectClientInfo, SendMode, SendRequest,
};
use copilot_session::{Client, ClientBuilder, SessionBuilder, TraceContext, wire};
use copilot_session_tests::sample::Schemas;
use serde_json::{Value, json};

use super::keys::values_of;
use super::with;
use crate::rig::Rig;

impl Rig {
    /// The params of `session.send`, without the session's id.
    async fn sent(&self, request: impl Into<SendRequest>) -> Value {
        self.session.send(request).await.expect("the prompt");
        let mut sent = self.fake.received_raw("session.send").await;
        assert_eq!(super::take(&mut sent, "sessionId"), self.session.id());
        sent
    }
}

fn request(json: &Value) -> SendRequest {
    wire::from_json(&json.to_string()).expect("a value of the schema")
}

/// A prompt without options has no other key.
#[tokio::test(start_paused = true)]
async fn a_prompt() {
    let rig = Rig::start().await;
    assert_eq!(rig.sent("Hello").await, json!({"prompt": "Hello"}));
    assert_eq!(rig.sent(String::from("Hello")).await, json!({"prompt": "Hello"}));
    assert_eq!(rig.sent("").await, json!({"prompt": ""}));
}

/// Each key is sent as the schema has it, and no other.
#[tokio::test(start_paused = true)]
async fn every_key_of_a_prompt() {
    let rig = Rig::start().await;
    for (key, value) in values_of("SendRequest") {
        let alone = with(json!({"prompt": "Hello"}), json!({ key.as_str(): value }));
        assert_eq!(rig.sent(request(&alone)).await, alone, "{key}");
    }
}

/// Files and images are attachments, in the order of the calls.
#[tokio::test(start_paused = true)]
async fn files_and_images() {
    let rig = Rig::start().await;
    let here = std::env::current_dir().expect("a directory").join("a.rs");
    let request = SendRequest::new("Look").file("a.rs").image(b"fo", "image/png");
    let attachments = json!([
        {"type": "file", "path": here, "displayName": "a.rs"},
        {"type": "blob", "data": "Zm8=", "mimeType": "image/png"},
    ]);
    assert_eq!(rig.sent(request).await, json!({"prompt": "Look", "attachments": attachments}));
}

/// Attachments of every kind, with all their keys and with only the required ones.
#[tokio::test(start_paused = true)]
async fn every_kind_of_attachment() {
    let rig = Rig::start().await;
    let schemas = Schemas::read();
    let mut kinds = Vec::new();
    for sample in schemas.of_place("Attachment") {
        let prompt = json!({"prompt": "Look", "attachments": [sample.json]});
        assert_eq!(rig.sent(request(&prompt)).await, prompt);
        kinds.push(sample.json["type"].as_str().expect("a kind").to_owned());
    }
    kinds.dedup();
    let expected = "file directory selection github_reference github_commit github_release \
                    github_actions_job github_repository github_file_diff github_tree_comparison github_url \
                    github_file github_snippet blob extension_context";
    assert_eq!(kinds.join(" "), expected);
}

/// The attachments that every CLI knows, made by their setters.
#[tokio::test(start_paused = true)]
async fn attachments_by_hand() {
    let rig = Rig::start().await;
    let (start, end) = (AttachmentSelectionDetailsStart::new(3, 4), AttachmentSelectionDetailsEnd::new(5, 0));
    let selection = AttachmentSelection::new(AttachmentSelectionFields {
        file_path: "/w/b.rs".to_owned(),
        display_name: "b.rs".to_owned(),
        text: "fn b() {}".to_owned(),
        selection: AttachmentSelectionDetails::new(start, end),
    });
    let prompt = SendRequest::new("Look").mode(SendMode::Immediate).attachments(vec![
        Attachment::File(AttachmentFile::new("/w/a.rs", "a.rs")),
        Attachment::Directory(AttachmentDirectory::new("/w", "w")),
        Attachment::Selection(selection),
        Attachment::Blob(AttachmentBlob::new("text/plain").data("aGk=")),
    ]);
    assert_eq!(
        rig.sent(prompt).await,
        json!({
            "prompt": "Look",
            "mode": "immediate",
            "attachments": [
                {"type": "file", "path": "/w/a.rs", "displayName": "a.rs"},
                {"type": "directory", "path": "/w", "displayName": "w"},
                {
                    "type": "selection",
                    "filePath": "/w/b.rs",
                    "displayName": "b.rs",
                    "text": "fn b() {}",
                    "selection": {
                        "start": {"line": 3, "character": 4},
                        "end": {"line": 5, "character": 0},
                    },
                },
                {"type": "blob", "data": "aGk=", "mimeType": "text/plain"},
            ],
        })
    );
}

/// Every way to send a prompt takes the client's trace context, unless the prompt has one of its own.
#[tokio::test(start_paused = true)]
async fn the_span_of_a_prompt() {
    let fake = FakeCli::start();
    let client =
        client(&fake, |client| client.trace_context(|| Some(TraceContext::new("00-1-2-01").state("k=v"))));
    let client = client.await;
    let session = client.session().approve_all().create().await.expect("the session");
    let rig = Rig { fake, client, session };
    let span = json!({"traceparent": "00-1-2-01", "tracestate": "k=v"});
    assert_eq!(rig.sent("Hello").await, with(json!({"prompt": "Hello"}), span.clone()));
    drop(rig.session.prompt("Hello").await.expect("the prompt"));
    let prompted = with(json!({"sessionId": rig.session.id(), "prompt": "Hello"}), span);
    assert_eq!(rig.fake.received_raw("session.send").await, prompted);
    let own = SendRequest::new("Hello").traceparent("00-3-4-01");
    assert_eq!(rig.sent(own).await, json!({"prompt": "Hello", "traceparent": "00-3-4-01"}));
}

/// The schema of an answer's type goes with the prompt, as strict as model providers require it.
#[tokio::test(start_paused = true)]
async fn the_schema_of_an_answer() {
    #[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
    struct Verdict {
        good: bool,
        // Providers refuse the formats that schemars gives to numbers.
        lines: u32,
        parts: Vec<i64>,
        /// The reason.
        reason: Option<String>,
        score: Option<f64>,
    }
    let rig = Rig::with(SessionBuilder::approve_all).await;
    let session = rig.session.clone();
    let answer = tokio::spawn(async move { session.send_and_wait_as::<Verdict>("Is it good?").await });
    let schema = json!({
        "type": "object",
        "properties": {
            "good": {"type": "boolean"},
            "reason": {"type": ["string", "null"], "description": "The reason."},
            "lines": {"type": "integer", "minimum": 0},
            "score": {"type": ["number", "null"]},
            "parts": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["good", "lines", "parts", "reason", "score"],
        "additionalProperties": false,
    });
    assert_eq!(
        rig.fake.received_raw("session.send").await,
        json!({
            "sessionId": rig.session.id(),
            "prompt": "Is it good?",
            "responseFormat": {
                "type": "json_schema",
                "jsonSchema": {"name": "Verdict", "schema": schema, "strict": true},
            },
        })
    );
    rig.fake.settle().await;
    rig.emit(say::user_message("message-0"));
    let text = r#"{"good": true, "reason": null, "lines": 3, "score": 0.5, "parts": [1]}"#;
    rig.emit(say::assistant_message(text));
    rig.emit(say::idle());
    let verdict = answer.await.expect("no panic").expect("an answer");
    assert_eq!(verdict, Verdict { good: true, reason: None, lines: 3, score: Some(0.5), parts: vec![1] });
}

/// The client introduces itself with what was set, and nothing else.
#[tokio::test(start_paused = true)]
async fn the_greeting() {
    let greeting = async |configure: fn(ClientBuilder) -> ClientBuilder| {
        let fake = FakeCli::start();
        let _client = client(&fake, configure).await;
        fake.received_raw("connect").await
    };
    assert_eq!(greeting(|client| client).await, json!({}));
    let full = |client: ClientBuilder| {
        let info = ConnectClientInfo::default().editor_name("an editor").editor_version("1.2");
        client.client_info(info.extension_name("an extension").extension_version("3"))
    };
    assert_eq!(
        greeting(full).await,
        json!({"clientInfo": {
            "editorName": "an editor",
            "editorVersion": "1.2",
            "extensionName": "an extension",
            "extensionVersion": "3",
        }})
    );
    for (key, value) in values_of("ConnectClientInfo") {
        let alone = json!({ key.as_str(): value });
        let info = wire::from_json(&alone.to_string()).expect("a value of the schema");
        let fake = FakeCli::start();
        let _client = client(&fake, |client| client.client_info(info)).await;
        assert_eq!(fake.received_raw("connect").await, json!({"clientInfo": alone}), "{key}");
    }
}

async fn client(fake: &FakeCli, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    fake.connect(configure(Client::builder())).await.expect("the handshake")
}
