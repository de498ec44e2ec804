//! A flood of events, with a browser that does not read.

use std::time::Duration;

use copilot_session::testing::events;
use desk::feed::MAX_BYTES;
use desk::server::Limits;
use desk::tree::MAX_SIZE;
use desk::wire_log::LogFile;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::rig::{Fake, Watching, serve_desk, soon};

const DELTAS: usize = 100_000;

/// The number of pieces of one message.
const PIECES: usize = 1000;

/// Sends the deltas of a hundred messages.
async fn feed(fake: &Fake, id: &str) {
    fake.cli.emit(id, events::user_message("m"));
    for message in 0..DELTAS / PIECES {
        for piece in 0..PIECES {
            let text = format!("piece {piece} of an answer that goes on and on, ");
            let mut delta = events::delta(&text);
            delta["data"]["messageId"] = format!("message-{message}").into();
            fake.cli.emit(id, delta);
        }
        fake.cli.emit(id, events::assistant_message(&format!("the end of message {message}")));
        // So that the desk has its turn: this test has one thread.
        tokio::task::yield_now().await;
    }
    fake.cli.emit(id, events::idle());
}

/// Reads until the turn has ended, and returns the number of messages.
async fn follow(watching: &mut Watching) -> usize {
    let has_ended = |head: &Value| head["status"] == "idle" && head["title"] != "";
    for count in 1.. {
        let seen = watching.next().await.expect("a stream");
        let ended = match &*seen.kind {
            "state" => has_ended(&seen.data["head"]),
            "changes" => {
                seen.data.as_array().expect("changes").iter().any(|change| has_ended(&change["head"]))
            }
            _ => false,
        };
        if ended {
            return count;
        }
    }
    unreachable!("the count has no end")
}

/// 100,000 pieces of text, while one browser has a stream open and does not read from it. Another gets everything, the
/// memory stays bounded, and the one that did not read gets the state as it is then.
#[tokio::test]
async fn a_browser_that_does_not_read() {
    let fake = Fake::start().await;
    // Ten minutes, for a slow machine.
    fake.cli.set_timeout(Duration::from_secs(600));
    let id = fake.session().await;
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    let (address, token, serving) = serve_desk(&fake.desk, log, Limits::default()).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut idle = soon("a connection", socket.connect(address)).await.expect("a connection");
    let hello = format!(
        "GET /api/events?session={id} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        token.reveal()
    );
    idle.write_all(hello.as_bytes()).await.expect("a request");

    let mut reading = fake.watch(&id, None).await;
    reading.next_of("state").await;
    let ((), messages) = tokio::join!(feed(&fake, &id), follow(&mut reading));
    assert!(messages > 1, "{messages} messages");
    let room = fake.desk.room(&id).expect("the session");
    let size = room.feed.size();
    assert!(size <= MAX_SIZE + MAX_BYTES, "{size} bytes");

    let mut text = String::new();
    while !text.contains("the end of message 99") {
        let mut piece = vec![0; 64 << 10];
        let length = soon("the rest", idle.read(&mut piece)).await.expect("an open stream");
        assert!(length > 0, "the stream ended");
        text += &String::from_utf8_lossy(&piece[..length]);
    }
    // It got the first state, what fitted into the buffers of the system, and then the state again.
    assert!(text.matches("event: state").count() >= 2, "it did not lag: {} bytes", text.len());
    let (status, _) = fake.call(&format!("/api/sessions/{id}/abort"), &json!({})).await;
    assert!(status.is_success());
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}
