//! Any bytes as one message to a client, with SESSION in place of its session's id and a new id in place of
//! `00000000-0000-0000-0000-000000000000`: a request is answered, an event that serde_json can read is delivered, every
//! event that is delivered is JSON, and no message ends the connection.
#![no_main]

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use copilot_session::methods::client::SessionFsReadFile;
use copilot_session::types::SessionFsReadFileResult;
use copilot_session::{Client, Session};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::runtime::Runtime;

thread_local! {
    static PEER: RefCell<(Runtime, Peer)> = RefCell::new({
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let peer = runtime.block_on(Peer::start());
        (runtime, peer)
    });
}

fuzz_target!(|data: &[u8]| {
    PEER.with_borrow_mut(|(runtime, peer)| runtime.block_on(peer.take(data)));
});

/// The CLI's end of a connection, and the client at the other end.
struct Peer {
    from: BufReader<DuplexStream>,
    to: DuplexStream,
    session: Session,
    _client: Client,
    count: u64,
}

impl Peer {
    async fn start() -> Self {
        let (from, client_writes) = tokio::io::duplex(1 << 20);
        let (client_reads, mut to) = tokio::io::duplex(1 << 20);
        let mut from = BufReader::new(from);
        let greeting = tokio::spawn(async move {
            for _ in 0..2 {
                let request = read(&mut from).await;
                let session = &request["params"]["sessionId"];
                let result =
                    json!({"ok": true, "protocolVersion": 3, "version": "1.0.102", "sessionId": session});
                let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": result});
                write(&mut to, answer.to_string().as_bytes()).await;
            }
            (from, to)
        });
        let client = Client::builder().handshake_timeout(Duration::from_secs(60));
        let client = client.connect(client_reads, client_writes).await.expect("a client");
        let session = client.session().approve_all();
        let session = session.handle::<SessionFsReadFile>(async |request, _| {
            Ok(SessionFsReadFileResult::new(request.path))
        });
        let session = session.create().await.expect("a session");
        let (from, to) = greeting.await.expect("a greeting");
        Self { from, to, session, _client: client, count: 0 }
    }

    /// Sends a message, then a request, and waits for the responses to both.
    async fn take(&mut self, data: &[u8]) {
        let mut events = self.session.events();
        self.count += 1;
        let id = format!("{:036}", self.count);
        let body = replaced(data, b"SESSION", self.session.id().as_bytes());
        let body = replaced(&body, b"00000000-0000-0000-0000-000000000000", id.as_bytes());
        let last = json!(format!("request {} of the fuzzer", self.count));
        let mut expected = vec![last.clone()];
        expected.extend(id_of_request(&body));
        write(&mut self.to, &body).await;
        let request = json!({"jsonrpc": "2.0", "id": last, "method": "unheard of"});
        write(&mut self.to, request.to_string().as_bytes()).await;
        while !expected.is_empty() {
            let message = read(&mut self.from).await;
            if message.get("method").is_some() {
                // The client answers an event request by a call of its own.
                if let Some(id) = message.get("id") {
                    let error = json!({"code": -32601, "message": "unknown"});
                    let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
                    write(&mut self.to, answer.to_string().as_bytes()).await;
                }
            } else if let Some(at) = expected.iter().position(|id| *id == message["id"]) {
                assert!(message.get("result").is_some() != message.get("error").is_some(), "{message}");
                expected.remove(at);
            }
        }
        let mut expected = expected_event(&body, self.session.id(), &id);
        loop {
            let Some(event) = at_once(events.next()) else { break };
            // The message may have ended the session.
            let Some(event) = event else { return };
            event.data();
            assert!(serde_json::from_str::<&RawValue>(event.raw()).is_ok(), "{}", event.raw());
            expected.take_if(|json| serde_json::from_str::<Value>(event.raw()).is_ok_and(|raw| raw == *json));
        }
        assert_eq!(expected, None, "the event is delivered");
    }
}

/// The id of a request that must be answered.
fn id_of_request(body: &[u8]) -> Option<Value> {
    let json: Value = serde_json::from_slice(body).ok()?;
    json.get("method").filter(|method| method.is_string())?;
    json.get("id").filter(|id| !id.is_object() && !id.is_array() && !id.is_boolean()).cloned()
}

/// The event that must be delivered, if there is one. One with another id than the new one may be a repeat.
fn expected_event(body: &[u8], session: &str, new: &str) -> Option<Value> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    let is_event = json["method"] == "session.event" && json.get("id").is_none();
    let event = json.pointer_mut("/params/event").map(Value::take)?;
    let is_ours = is_event && json["params"]["sessionId"] == session;
    let is_repeat = event["id"].as_str().is_some_and(|id| !id.is_empty() && id != new);
    (is_ours && event["type"].is_string() && !is_repeat).then_some(event)
}

/// The output of a future that is ready at once.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn replaced(data: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + to.len());
    let mut left = data;
    while let Some(at) = left.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&left[..at]);
        out.extend_from_slice(to);
        left = &left[at + from.len()..];
    }
    out.extend_from_slice(left);
    out
}

async fn write(to: &mut DuplexStream, body: &[u8]) {
    let header = format!("Content-Length: {}\r\n\r\n", body.len());
    to.write_all(header.as_bytes()).await.expect("the client to read");
    to.write_all(body).await.expect("the client to read");
}

/// The next message of the client, which must be JSON. The client returns an id as it came. One that holds a
/// number out of range cannot be decoded here, and is not awaited.
async fn read(from: &mut BufReader<DuplexStream>) -> Value {
    let mut header = String::new();
    from.read_line(&mut header).await.expect("a header line");
    let length = header.trim().strip_prefix("Content-Length: ").expect("a header");
    let mut body = vec![0; length.parse::<usize>().expect("a length") + 2];
    from.read_exact(&mut body).await.expect("a whole message");
    let text: &RawValue = serde_json::from_slice(&body).expect("JSON");
    serde_json::from_str(text.get()).unwrap_or_else(|_| json!({"id": ["a number that is none"]}))
}
