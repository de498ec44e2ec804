//! Messages of any size: accepted up to the limit, skipped beyond it, and never buffered whole in that case.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use copilot_session::methods::client::{HooksInvoke, SessionFsReadFile};
use copilot_session::testing::{FakeCli, events as say, requests};
use copilot_session::types::{
    HookInvokeResponse, LogRequest, SessionFsReadFileResult, UiElicitationResponse,
};
use copilot_session::wire::to_json;
use copilot_session::{Client, Error, Frame, Frames, Tool};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::rig::{Rig, assert_alive, next};

const MB: usize = 1 << 20;

/// The most that a reader may buffer of bytes it does not return.
const BUFFER: usize = MB / 2;

/// A stream of one byte repeated.
struct Repeat(u8);

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        to.initialize_unfilled().fill(self.0);
        to.advance(to.remaining());
        Poll::Ready(Ok(()))
    }
}

/// A header, so many bytes, and a message of two bytes.
fn stream(header: &'static str, bytes: usize) -> Frames<impl AsyncRead + Unpin> {
    let filling = Repeat(b'x').take(bytes as u64);
    Frames::new(header.as_bytes().chain(filling).chain(&b"Content-Length: 2\r\n\r\n{}"[..]), MB)
}

/// Waits for the last message of [`stream`] and returns the most that was buffered meanwhile.
async fn held(mut frames: Frames<impl AsyncRead + Unpin>) -> usize {
    let mut held = 0;
    loop {
        let last = match frames.next().await.expect("a stream without errors") {
            Some(Frame::Message(body)) => {
                assert_eq!(*body, *b"{}");
                true
            }
            Some(Frame::TooLarge { .. }) => false,
            None => panic!("the message after the limit is lost"),
        };
        held = held.max(frames.buffered());
        if last {
            return held;
        }
    }
}

/// A message of 1 GB is not buffered, and the next one arrives.
#[tokio::test]
async fn a_skipped_message_takes_no_memory() {
    let mut frames = stream("Content-Length: 1073741824\r\n\r\n", 1024 * MB);
    let first = frames.next().await.expect("a stream without errors");
    let start = b"x".repeat(8 << 10);
    assert_eq!(first, Some(Frame::TooLarge { length: 1 << 30, start }), "reported after its end");
    assert!(held(frames).await <= BUFFER);
}

/// Text of 64 MB without a header is not buffered either.
#[tokio::test]
async fn junk_takes_no_memory() {
    assert!(held(stream("", 64 * MB)).await <= BUFFER);
}

/// A message of 100 MB is accepted, by default too, and its memory is freed.
#[tokio::test]
async fn a_hundred_megabytes() {
    let from = b"Content-Length: 104857600\r\n\r\n".chain(Repeat(b'x').take(100 << 20));
    let mut frames = Frames::new(from.chain(&b"Content-Length: 2\r\n\r\n{}"[..]), 256 * MB);
    match frames.next().await.expect("a stream without errors") {
        Some(Frame::Message(body)) => assert_eq!(body.len(), 100 * MB),
        other => panic!("{other:?}"),
    }
    assert_eq!(frames.next().await.expect("a stream without errors"), Some(Frame::Message(b"{}".into())));
    assert_eq!(frames.next().await.expect("a stream without errors"), None);
    assert!(frames.buffered() <= BUFFER, "{}", frames.buffered());
}

/// A session with handlers, of a client that accepts messages of up to 1 MiB.
async fn limited() -> Rig {
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder().max_message_size(MB)).await.expect("the handshake");
    let session = client.session().approve_all();
    let session = session
        .handle::<SessionFsReadFile>(async |_, _| Ok(SessionFsReadFileResult::new("text")))
        .handle::<HooksInvoke>(async |_, _| Ok(HookInvokeResponse::default()));
    let session = session.create().await.expect("the session");
    Rig { fake, client, session }
}

/// An event above the limit is lost and reported to observers as missed; one at the limit and those after it
/// arrive.
#[tokio::test(start_paused = true)]
async fn events_around_the_limit() {
    let rig = limited().await;
    let mut events = rig.session.events();
    rig.emit(say::assistant_message(&"x".repeat(64 * MB)));
    rig.emit(say::assistant_message(&"x".repeat(MB - 1000)));
    rig.emit(say::idle());
    let kinds = rig.kinds_until(&mut events, "session.idle").await;
    assert_eq!(kinds, ["missed", "assistant.message", "session.idle"]);
    assert_alive(&rig.client).await;
}

/// A call whose response is above the limit fails, wherever in the first KiB the id stands.
#[tokio::test(start_paused = true)]
async fn an_answer_above_the_limit() {
    let rig = limited().await;
    rig.fake.hold("session.log");
    let huge = "x".repeat(2 * MB);
    for form in [
        r#"{"jsonrpc":"2.0","id":ID,"result":{"eventId":"HUGE"}}"#,
        r#"{"id":"ID","result":"HUGE","jsonrpc":"2.0"}"#,
        r#"{"id":ID,"error":{"code":-32000,"message":"HUGE"}}"#,
    ] {
        let answering = async {
            let call = rig.fake.received_call("session.log").await;
            rig.fake.frame(&form.replace("ID", &call.id.to_string()).replace("HUGE", &huge));
        };
        let log = LogRequest::new("a line");
        let (result, ()) = tokio::join!(rig.session.rpc().log(&log), answering);
        match result.expect_err("no answer") {
            Error::Decode { method, error, .. } => {
                assert_eq!((method.as_str(), error.path()), ("session.log", "$"));
                assert!(error.found().contains("bytes, more than are accepted"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_alive(&rig.client).await;
    }
}

/// A request above the limit is answered with an error, under its own id.
#[tokio::test(start_paused = true)]
async fn a_request_above_the_limit() {
    let rig = limited().await;
    for id in [json!(7), json!("seven"), json!(null)] {
        let params = json!({"path": "x".repeat(2 * MB), "sessionId": rig.session.id()});
        let message = format!(r#"{{"id":{id},"method":"sessionFs.readFile","params":{params}}}"#);
        rig.fake.frame(&message);
        let error = rig.fake.received_response(&id, "sessionFs.readFile").await.expect_err("an error");
        assert_eq!(error["code"], -32600, "{error}");
        assert_alive(&rig.client).await;
    }
}

/// A hook that may refuse does so when its request is above the limit: the CLI would ignore an error.
#[tokio::test(start_paused = true)]
async fn a_hook_above_the_limit() {
    let rig = limited().await;
    let huge = "x".repeat(2 * MB);
    let form = r#"{"id":ID,"method":"hooks.invoke","params":{"hookType":"KIND","input":"HUGE"}}"#;
    let late = r#"{"id":ID,"method":"hooks.invoke","params":{"input":"HUGE","hookType":"KIND"}}"#;
    let decoy = r#"{"id":ID,"method":"hooks.invoke","params":{"hookType":"KIND","input":{"toolInput":{"a":"sessionEnd","b":"HUGE"}}}}"#;
    for (id, form, kind, refuses) in [
        (1, form, "preToolUse", "permissionDecision"),
        (2, form, "permissionRequest", "behavior"),
        (3, late, "preToolUse", "permissionDecision"),
        // The model chose the name of another hook for an argument.
        (5, decoy, "permissionRequest", "behavior"),
        (6, decoy, "preToolUse", "permissionDecision"),
    ] {
        let id = json!(format!("hook {id}"));
        let request = form.replace("ID", &id.to_string()).replace("KIND", kind).replace("HUGE", &huge);
        rig.fake.frame(&request);
        let answer = rig.fake.received_response(&id, "hooks.invoke").await.expect("a response");
        assert_eq!(answer["output"][refuses], "deny", "{answer}");
    }
    rig.fake.frame(&form.replace("ID", "\"hook 4\"").replace("KIND", "sessionEnd").replace("HUGE", &huge));
    rig.fake.received_response(&json!("hook 4"), "hooks.invoke").await.expect_err("nothing to refuse");
    assert_alive(&rig.client).await;
}

/// A request that comes as an event above the limit is refused: the agent would wait for ever.
#[tokio::test(start_paused = true)]
async fn an_event_request_above_the_limit() {
    let fake = FakeCli::start();
    let client = fake.connect(Client::builder().max_message_size(MB)).await.expect("the handshake");
    let session = client.session().approve_all().tool(Tool::with_schema(
        "spy",
        "",
        json!({"type": "object"}),
        async |_: Value, _| "called",
    ));
    let session = session.on_elicitation(async |_, _| UiElicitationResponse::accept([("a", "b")]));
    let session = session.create().await.expect("the session");
    let rig = Rig { fake, client, session };
    let mut events = rig.session.events();
    let huge = "x".repeat(2 * MB);
    for (kind, data, method, key, refused) in [
        (
            "permission.requested",
            r#""permissionRequest":{"kind":"write","diff":"HUGE"}"#,
            "session.permissions.handlePendingPermissionRequest",
            "/result/kind",
            "user-not-available",
        ),
        (
            "external_tool.requested",
            r#""sessionId":"s","toolCallId":"c","toolName":"spy","arguments":{"a":"HUGE"}"#,
            "session.tools.handlePendingToolCall",
            "/result/resultType",
            "failure",
        ),
        (
            "elicitation.requested",
            r#""message":"HUGE""#,
            "session.ui.handlePendingElicitation",
            "/result/action",
            "cancel",
        ),
    ] {
        let event = format!(r#"{{"type":"{kind}","data":{{"requestId":"{kind} 1",{data}}}}}"#);
        let params = format!(r#"{{"sessionId":"{}","event":{event}}}"#, rig.session.id());
        let message = format!(r#"{{"jsonrpc":"2.0","method":"session.event","params":{params}}}"#);
        rig.fake.frame(&message.replace("HUGE", &huge));
        assert_eq!(next(&mut events).await.kind(), "missed");
        let answer = rig.fake.received_raw(method).await;
        assert_eq!(answer["requestId"], format!("{kind} 1"), "{answer}");
        assert_eq!(answer.pointer(key), Some(&json!(refused)), "{answer}");
    }
    assert_alive(&rig.client).await;
}

/// A length beyond all reason is no header: the end of such a message is not awaited.
#[tokio::test(start_paused = true)]
async fn an_absurd_length() {
    let rig = limited().await;
    let mut events = rig.session.events();
    for length in ["99999999999", "18446744073709551615", "99999999999999999999999", "-5", "5x", ""] {
        rig.fake.raw(format!("Content-Length: {length}\r\n\r\n{{}}"));
        assert_alive(&rig.client).await;
    }
    rig.emit(say::idle());
    assert_eq!(next(&mut events).await.kind(), "session.idle");
}

/// No number that a program or a CLI passes is too large to calculate with.
#[tokio::test(start_paused = true)]
async fn numbers_without_bounds() {
    let fake = FakeCli::start();
    let ever = Duration::MAX;
    let client = Client::builder()
        .max_message_size(usize::MAX)
        .handler_timeout(ever)
        .handshake_timeout(ever)
        .call_timeout(ever);
    let client = fake.connect(client.session_idle_timeout(ever)).await.expect("the handshake");
    for length in ["18446744073709551615", "4294967297", "99999999999999999999", "-1", "0x10"] {
        fake.raw(format!("Content-Length: {length}\r\n\r\n"));
        assert_alive(&client).await;
    }
    let session = client.session().approve_all().handler_timeout(ever).create().await.expect("a session");
    client.rpc().status().get().timeout(ever).await.expect("a response in all this time");
    let decision = fake.expect_permission(session.id(), requests::shell("ls")).await;
    assert!(to_json(&decision.result).contains("approve"), "{decision:?}");
}
