//! A client that is used outside a runtime: on the thread of a window, on another executor, in a destructor.

use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Client, Error, Session, Tool, WhenOpen};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::rig::connect;

const SOON: Duration = Duration::from_secs(60);

/// A minimal executor.
fn block_on<F: IntoFuture>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future.into_future());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn started(runtime: &Runtime) -> (FakeCli, Client, Session) {
    runtime.block_on(async {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        let session = client.session().approve_all().create().await.expect("a session");
        (fake, client, session)
    })
}

fn tool() -> Tool {
    Tool::with_schema("t", "", json!({"type": "object"}), async |_: Value, _| "done")
}

/// Every call of a client and a session works without a runtime.
#[test]
fn everything_works() {
    let runtime = runtime();
    let (fake, client, session) = started(&runtime);
    let (sender, seen) = mpsc::channel();
    let also = sender.clone();
    session.on(move |event| drop(sender.send(event.kind().to_owned())));
    client.on::<SessionLifecycle>(move |_| drop(also.send("lifecycle".to_owned())));
    session.events().on(|_| {}).unsubscribe();
    fake.emit(session.id(), say::delta("x"));
    assert_eq!(seen.recv_timeout(SOON).expect("an event"), "assistant.message_delta");
    fake.notify_raw("session.lifecycle", json!({"type": "session.updated", "sessionId": "x"}));
    assert_eq!(seen.recv_timeout(SOON).expect("a notification"), "lifecycle");

    fake.answer("hi");
    let answer = block_on(async { session.prompt("x").await?.timeout(SOON).await });
    assert_eq!(answer.expect("an answer").text(), "hi");
    fake.on_raw("session.tools.set", |_| Ok(json!({})));
    block_on(session.set_tools([tool()])).expect("the tools");
    block_on(session.messages()).expect("the history");
    block_on(client.rpc().ping(&Default::default()).timeout(SOON)).expect("a response");
    fake.hold("session.log");
    let late = block_on(session.rpc().log(&"x".into()).timeout(Duration::from_millis(1)));
    assert!(matches!(late, Err(Error::Timeout { .. })), "{late:?}");
    let turn = block_on(session.prompt("no answer")).expect("a turn");
    assert!(block_on(turn.timeout(Duration::from_millis(1))).expect_err("the time limit").is_timeout());

    let new = client.session().approve_all().on_event(|_| {}).tool(tool()).when_open(WhenOpen::Replace);
    let other = block_on(new.resume(session.id())).expect("the session");
    let shell = block_on(session.shell("ls").timeout(SOON).start()).map(drop);
    assert!(matches!(shell, Err(Error::SessionEnded)), "{shell:?}");
    block_on(other.disconnect()).expect("the end");
    drop(block_on(client.session().approve_all().create()).expect("another session"));
    block_on(client.stop());
    assert!(block_on(client.ping("x")).expect_err("a stopped client").is_closed());
}

/// Once the runtime is gone every call fails, and none panics or hangs.
#[test]
fn the_runtime_is_gone() {
    let (runtime, others) = (runtime(), runtime());
    let (fake, client, session) = started(&runtime);
    let turn = block_on(session.prompt("x")).expect("a turn");
    let under_way = others.spawn({
        let session = session.clone();
        fake.hold("session.log");
        async move { session.log("x").await }
    });
    drop(runtime);
    drop(session.on(|_| {}));
    drop(client.on::<SessionLifecycle>(|_| {}));
    let ended = |what: &str, outcome: Result<(), Error>| {
        assert!(outcome.as_ref().is_err_and(Error::is_closed), "{what}: {outcome:?}");
    };
    ended("a call in flight", block_on(under_way).expect("no panic").map(drop));
    ended("a turn", block_on(turn.timeout(SOON)).map(drop));
    ended("a prompt", block_on(session.prompt("x")).map(drop));
    ended("a call", block_on(client.rpc().ping(&Default::default())).map(drop));
    ended(
        "a call without a timeout",
        block_on(client.rpc().ping(&Default::default()).timeout(None)).map(drop),
    );
    ended("a session", block_on(client.session().approve_all().create()).map(drop));
    ended("a shell", block_on(session.shell("ls").timeout(SOON).start()).map(drop));
    ended("the end of a session", block_on(session.disconnect()));
    block_on(client.stop());
    drop((session, client));
    others.block_on(async move { drop(fake.take_failures()) });
}

/// The drop of a session and a client after their runtime, or without one, does not panic.
#[test]
fn drops() {
    let runtime = runtime();
    let (fake, client, session) = started(&runtime);
    let id = session.id().to_owned();
    drop(session);
    assert_eq!(runtime.block_on(fake.received_raw("session.detach")), json!({"sessionId": id}));
    let session = block_on(client.session().approve_all().resume(id)).expect("the session");
    drop(fake.take_failures());
    drop(runtime);
    drop(session);
    drop(client);
}

/// Creating a client without a runtime is an error.
#[test]
fn a_client_takes_a_runtime() {
    let runtime = runtime();
    let fake = runtime.block_on(async { FakeCli::start() });
    let (from, to) = fake.streams();
    for failed in [
        block_on(Client::builder().connect(from, to)),
        block_on(Client::builder().connect_tcp("127.0.0.1:1")),
        block_on(Client::builder().start()),
        block_on(Client::builder().start_tcp(0)),
    ] {
        let failed = failed.expect_err("no runtime");
        assert!(matches!(&failed, Error::Start(_)) && failed.to_string().contains("runtime"), "{failed:?}");
    }
}

/// A runtime without a timer suffices for everything but creating the client.
#[test]
fn a_runtime_without_time() {
    let runtime = runtime();
    let (fake, client, session) = started(&runtime);
    let timeless = Builder::new_current_thread().build().expect("a runtime");
    fake.answer("hi");
    let answer = timeless.block_on(async { session.prompt("x").await?.await });
    assert_eq!(answer.expect("an answer").text(), "hi");
    drop((session, client));
}
