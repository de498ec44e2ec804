//! Messages on the stream, in every form in which they may arrive.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::LogRequest;
use copilot_session::{Error, SessionEventData};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive, next};

const MIXED: &str = "a é — 日本 🦀 \u{2028} \"\\ \u{0} end";

/// The JSON of a notification with an event of this session.
fn event(session_id: &str, text: &str) -> String {
    let mut event = say::assistant_message(text);
    event["id"] = text.into();
    let params = json!({"sessionId": session_id, "event": event});
    json!({"jsonrpc": "2.0", "method": "session.event", "params": params}).to_string()
}

/// The text of the next event, which is a message.
async fn text(events: &mut copilot_session::Events) -> String {
    match next(events).await.data() {
        SessionEventData::AssistantMessage(message) => message.content.clone(),
        other => panic!("not a message: {other:?}"),
    }
}

/// Bytes may arrive and leave one by one, even in the middle of a character.
#[tokio::test(start_paused = true)]
async fn bytes_one_by_one() {
    let rig = Rig::on(FakeCli::with_pipe_capacity(1), |session| session.approve_all()).await;
    let mut events = rig.session.events();
    rig.emit(say::assistant_message(MIXED));
    assert_eq!(text(&mut events).await, MIXED);
    rig.session.send(MIXED).await.expect("a response");
    assert_eq!(rig.fake.received_raw("session.send").await["prompt"], MIXED);
}

/// Many messages may arrive at once.
#[tokio::test(start_paused = true)]
async fn messages_in_one_write() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let framed = |body: String| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let pieces: Vec<String> =
        (0..100).map(|index| framed(event(rig.session.id(), &index.to_string()))).collect();
    rig.fake.raw(pieces.concat());
    for index in 0..100 {
        assert_eq!(text(&mut events).await, index.to_string());
    }
}

/// Headers are read as leniently as the CLI reads them, and junk around them is skipped.
#[tokio::test(start_paused = true)]
async fn odd_headers() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let headers: [(&str, &[u8]); 11] = [
        ("as usual", b"Content-Length: #\r\n\r\n"),
        ("lower case", b"content-length: #\r\n\r\n"),
        ("no space", b"Content-Length:#\r\n\r\n"),
        ("spaces", b"Content-Length  :   #  \r\n\r\n"),
        (
            "one after",
            b"Content-Length: #\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        ),
        ("one before", b"Content-Type: application/json\r\nContent-Length: #\r\n\r\n"),
        ("a line of junk", b"Debugger attached.\nContent-Length: #\r\n\r\n"),
        ("junk right before", b"npm warn: old lockfileContent-Length: #\r\n\r\n"),
        ("junk that is not UTF-8", b"caf\xe9\nContent-Length: #\r\n\r\n"),
        ("junk with an empty line", b"Welcome: to node\r\n\r\nContent-Length: #\r\n\r\n"),
        ("a header of junk", b"X-Nothing: 5\r\n\r\nContent-Length: #\r\n\r\n"),
    ];
    for (name, header) in headers {
        let body = event(rig.session.id(), name);
        let at = header.iter().position(|byte| *byte == b'#').expect("a place for the length");
        let length = body.len().to_string();
        rig.fake.raw([&header[..at], length.as_bytes(), &header[at + 1..], body.as_bytes()].concat());
        assert_eq!(text(&mut events).await, name);
    }
}

/// A frame with a broken header is lost, and the frames after it are not.
#[tokio::test(start_paused = true)]
async fn a_broken_header_costs_one_frame() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let lost = event(rig.session.id(), "lost");
    rig.fake.raw(format!("Content-Lenght: {}\r\n\r\n{lost}", lost.len()));
    rig.emit(say::assistant_message("found"));
    assert_eq!(text(&mut events).await, "found");
    assert_alive(&rig.client).await;
}

/// A frame of 5 MB passes in both directions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_megabytes() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let huge = "0123456789".repeat(500_000);
    rig.emit(say::assistant_message(&huge));
    assert!(text(&mut events).await == huge, "the text came back different");
    rig.session.send(huge.as_str()).await.expect("a response");
    assert!(rig.fake.received_raw("session.send").await["prompt"] == huge, "the prompt came out different");
}

/// A stream that ends inside a frame is closed like any other.
#[tokio::test(start_paused = true)]
async fn half_a_frame() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.fake.raw("Content-Length: 100\r\n\r\n{\"jsonrpc\"");
    rig.fake.hang_up();
    assert!(events.next().await.is_none());
    assert!(!rig.client.closed().await.reason.is_empty());
}

/// A response is matched by its id even when the id comes back as a string.
#[tokio::test(start_paused = true)]
async fn ids_of_answers() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let as_string = |id: &Value| Value::String(id.to_string());
    for (name, id) in
        [("as sent", &(|id: &Value| id.clone()) as &dyn Fn(&Value) -> Value), ("a string", &as_string)]
    {
        let answering = async {
            let call = rig.fake.received_call("session.log").await;
            rig.fake.reply_as(id(&call.id), Ok(json!({"eventId": name})));
        };
        let log = LogRequest::new("a line");
        let (result, ()) = tokio::join!(rig.session.rpc().log(&log), answering);
        assert_eq!(result.expect("a response").event_id, name);
    }
}

/// A response that matches no call, with the id null, of another type or unknown, disturbs no call.
#[tokio::test(start_paused = true)]
async fn responses_without_a_call() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let answering = async {
        let call = rig.fake.received_call("session.log").await;
        for id in [Value::Null, json!(987_654), json!("no number"), json!(1.5), json!({})] {
            rig.fake.reply_as(id.clone(), Err(json!({"code": -32700, "message": "not yours"})));
            rig.fake.reply_as(id, Ok(json!({"eventId": "not yours"})));
        }
        rig.fake.reply(&call, Ok(json!({"eventId": "yours"})));
    };
    let log = LogRequest::new("a line");
    let (result, ()) = tokio::join!(rig.session.rpc().log(&log), answering);
    assert_eq!(result.expect("a response").event_id, "yours");
}

/// Anything that is no message is skipped, and the connection stays open.
#[tokio::test(start_paused = true)]
async fn nonsense_is_skipped() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let nonsense = [
        r#"{"jsonrpc":"2.0","method":"host.event","params":{"scope":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"session.event"}"#,
        r#"{"jsonrpc":"2.0","method":"session.event","params":{"sessionId":"SESSION"}}"#,
        r#"{"jsonrpc":"2.0","method":"session.event","params":{"sessionId":"SESSION","event":5}}"#,
        r#"{"jsonrpc":"2.0","method":"session.event","params":{"sessionId":"SESSION","event":{"data":{}}}}"#,
        r#"{"jsonrpc":"2.0","method":"session.event","params":{"sessionId":7,"event":{"type":"abort"}}}"#,
        r#"{"jsonrpc":"2.0","method":"session.event","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":5}"#,
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1,"#,
        "[]",
        r#"[{"jsonrpc":"2.0","method":"session.event","params":{}}]"#,
        "null",
        "nonsense",
        "",
    ];
    for text in nonsense {
        rig.fake.frame(&text.replace("SESSION", rig.session.id()));
        assert_alive(&rig.client).await;
    }
    rig.fake.raw(b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc".as_slice());
    assert_alive(&rig.client).await;
    rig.emit(say::idle());
    // An event that cannot be read is reported to observers as missed.
    let kinds = rig.kinds_until(&mut events, "session.idle").await;
    assert_eq!(kinds, ["missed", "missed", "missed", "session.idle"]);
}

/// JSON nested far deeper than the decoder reads is still an event, and later events follow it.
#[tokio::test(start_paused = true)]
async fn deep_events() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for kind in ["from.the.future", "assistant.message"] {
        let event = format!(r#"{{"type":"{kind}","data":{{"content":{deep}}}}}"#);
        rig.fake.frame(&format!(
            r#"{{"jsonrpc":"2.0","method":"session.event","params":{{"sessionId":"{}","event":{event}}}}}"#,
            rig.session.id()
        ));
        let came = next(&mut events).await;
        assert_eq!(came.raw(), event);
        match came.data() {
            SessionEventData::Unrecognized(_) => assert_eq!(kind, "from.the.future"),
            SessionEventData::Malformed(_) => assert_eq!(kind, "assistant.message"),
            other => panic!("{other:?}"),
        }
    }
    assert_alive(&rig.client).await;
}

/// A response may have other keys, in any order, than the CLI gives it.
#[tokio::test(start_paused = true)]
async fn odd_responses() {
    let rig = Rig::start().await;
    rig.fake.hold("session.name.get");
    for (rest, expected) in [
        (r#""result":{"name":"usual"}"#, "usual"),
        (r#" "result" : {"name":"spaces"} "#, "spaces"),
        (r#""result":{"name":"no error"},"error":null"#, "no error"),
        (r#""result":{},"error":{"code":5,"message":"no"}"#, "5"),
        (r#""error":{"code":6,"message":"no"},"result":null"#, "6"),
        (r#""result":{"name":"first"},"result":{"name":"last"}"#, "last"),
        (r#""result":{"name":]"#, "unreadable"),
    ] {
        let session = rig.session.clone();
        let name = tokio::spawn(async move { session.rpc().name().get().await });
        let call = rig.fake.received_call("session.name.get").await;
        rig.fake.frame(&format!(r#"{{"jsonrpc":"2.0","id":{},{rest}}}"#, call.id));
        let found = match name.await.expect("no panic") {
            Ok(result) => result.name.unwrap_or_default(),
            Err(Error::Rpc { error, .. }) => error.code.to_string(),
            Err(Error::Decode { .. }) => "unreadable".to_owned(),
            Err(error) => panic!("{rest}: {error}"),
        };
        assert_eq!(found, expected, "{rest}");
    }
    assert_alive(&rig.client).await;
}
