//! Text on the stream that is no message is part of the error of a handshake or connection that failed.

use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::types::LogRequest;
use copilot_session::{Client, Error};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::net::TcpListener;

use crate::rig::Rig;

/// The error of a handshake with a peer that sends only this text and keeps the stream open.
async fn greeting(text: &[u8]) -> Error {
    let (from, mut peer) = duplex(1);
    let (to, _their_end) = duplex(1 << 16);
    let speak = async {
        peer.write_all(text).await.expect("a reader");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = Client::builder().connect(from, to) => result.expect_err("no CLI"),
        () = speak => unreachable!("the peer does not end"),
    }
}

/// A peer that does not answer the greeting is reported with the text it sent instead.
#[tokio::test(start_paused = true)]
async fn of_a_greeting_without_an_answer() {
    for (text, shown) in [
        (&b"Host key verification failed.\n"[..], "Host key verification failed.\n"),
        (b"one\r\n\r\ntwo\r\n\r\nthree", "one\ntwo\nthree"),
        (b"Content-Length: many\r\n\r\n{}", "Content-Length: many\n{}"),
        // The beginning of a message is no text.
        (b"Content-Length: 30\r\n\r\n{\"jsonrpc\"", ""),
        (b"Content-Len", ""),
        (b"", ""),
    ] {
        let error = greeting(text).await;
        let Error::Timeout { stdout, .. } = &error else { panic!("not late: {error:?}") };
        assert_eq!(stdout, shown);
    }
}

/// A call without a response is reported with the text, also if the CLI is no child process.
#[tokio::test(start_paused = true)]
async fn of_a_call_without_a_response() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    rig.fake.raw("a warning\n");
    let log = LogRequest::new("hello");
    let error = rig.session.rpc().log(&log).timeout(Duration::from_secs(1)).await.expect_err("no response");
    let Error::Timeout { stdout, .. } = &error else { panic!("not late: {error:?}") };
    assert_eq!(stdout, "a warning\n");
}

/// A server that is no CLI is reported with the text it sent.
#[tokio::test(start_paused = true)]
async fn of_another_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let speak = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        // The connection took some time, so that its time is over before that of the handshake.
        tokio::time::advance(Duration::from_secs(1)).await;
        stream.write_all(b"220 mail.example ready\n").await.expect("a reader");
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        biased;
        () = speak => unreachable!("the server does not end"),
        result = Client::builder().connect_tcp(address) => result.expect_err("no CLI"),
    };
    let Error::Timeout { what, stdout, .. } = &error else { panic!("not late: {error:?}") };
    assert_eq!((&**what, &**stdout), ("the connection to the CLI", "220 mail.example ready\n"));
}

/// Text among messages is kept, and the messages are not.
#[tokio::test(start_paused = true)]
async fn among_messages() {
    for fake in [FakeCli::start(), FakeCli::with_pipe_capacity(1)] {
        let rig = Rig::on(fake, |session| session.deny_all()).await;
        rig.fake.raw("a warning\n");
        rig.client.ping("Still there?").await.expect("a response");
        rig.fake.raw("no header at all\r\n\r\n");
        rig.client.ping("Still there?").await.expect("a response");
        rig.fake.raw("last words");
        rig.fake.hang_up();
        let closed = rig.client.closed().await;
        assert_eq!(closed.stdout, "a warning\nno header at all\nlast words");
        assert!(closed.to_string().ends_with("; text on stdout: a warning\nno header at all\nlast words"));
    }
}
