//! Everything that ends a task of the connection ends what waits for that task.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::testing::{FakeCli, events as say};
use copilot_session::{Client, Decision, Error, Events, Session};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::rig::{Rig, assert_alive, connect};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Waits for something that must end soon.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, future).await.unwrap_or_else(|_| panic!("{what} does not end"))
}

/// Checks that nothing waits for a connection without tasks.
async fn assert_over(client: &Client, session: &Session, mut events: Events) {
    assert!(matches!(soon("a call", client.rpc().status().get()).await, Err(Error::Closed(_))));
    assert!(matches!(soon("a turn", session.send_and_wait("x")).await, Err(Error::Closed(_))));
    soon("the connection", client.closed()).await;
    while soon("the events", events.next()).await.is_some() {}
    soon("the stop", client.stop()).await;
}

/// A waker that asks whether the client is closed.
struct Asks(Client, Mutex<Vec<bool>>);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("the answers").push(self.0.is_closed());
    }
}

/// The client is closed before anything that waits for it ends.
#[tokio::test(start_paused = true)]
async fn the_client_is_closed_first() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let asks = Arc::new(Asks(rig.client.clone(), Mutex::default()));
    let waker = Waker::from(Arc::clone(&asks));
    let mut turn = rig.session.prompt("x").await.expect("a turn");
    let mut events = rig.session.events();
    let mut call = std::pin::pin!(rig.session.log("x"));
    let mut next = std::pin::pin!(turn.next());
    let mut event = std::pin::pin!(events.next());
    let mut closed = std::pin::pin!(rig.client.closed());
    let context = &mut Context::from_waker(&waker);
    assert!(call.as_mut().poll(context).is_pending() && closed.as_mut().poll(context).is_pending());
    assert!(next.as_mut().poll(context).is_pending() && event.as_mut().poll(context).is_pending());
    rig.fake.received_raw("session.log").await;
    assert!(!rig.client.is_closed());
    rig.fake.hang_up();
    soon("the connection", rig.client.closed()).await;
    assert_eq!(*asks.1.lock().expect("the answers"), [true; 4]);
    assert!(call.await.is_err_and(|error| error.is_closed()) && event.await.is_none());
}

/// A client whose runtime has shut down, such as a static one in tests, is closed.
#[test]
fn the_runtime_is_gone() {
    let endings: [fn(Runtime); 3] =
        [drop, Runtime::shutdown_background, |ends| ends.shutdown_timeout(Duration::from_secs(1))];
    for end in endings {
        let (first, second) = (runtime(), runtime());
        // The fake runs on the second runtime.
        let fake = second.block_on(async { FakeCli::start() });
        let (client, session, events, pending) = first.block_on(async {
            let client = connect(&fake).await;
            let session = client.session().approve_all().create().await.expect("a session");
            fake.hold("session.log");
            let logging = session.clone();
            let pending = second.spawn(async move { logging.log("x").await });
            fake.received_raw("session.log").await;
            let events = session.events();
            (client, session, events, pending)
        });
        end(first);
        second.block_on(async {
            let given_up = soon("a call that was in flight", pending).await.expect("no panic");
            assert!(matches!(given_up, Err(Error::Closed(_))), "{given_up:?}");
            assert_over(&client, &session, events).await;
        });
    }
}

/// A user's stream that panics.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        panic!("a stream panics in a test")
    }
}

impl AsyncWrite for Panics {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("a stream panics in a test")
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_panics() {
    let fake = FakeCli::start();
    let (read, write) = fake.streams();
    for result in [
        soon("the handshake", Client::builder().connect(Panics, write)).await,
        soon("the handshake", Client::builder().connect(read, Panics)).await,
    ] {
        let Err(Error::Closed(closed)) = result else { panic!("{result:?}") };
        assert!(closed.reason.contains("panicked"), "{closed}");
    }
}

/// A value that a handler has captured and that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a captured value panics in a test when it is dropped")
    }
}

/// The panic of a captured value's drop disturbs nothing, whatever ends the session.
#[tokio::test]
async fn a_captured_value_panics() {
    let rig = Rig::start().await;
    let armed = |bomb: Bomb| {
        let bomb = Arc::new(bomb);
        rig.client.session().on_permission(move |_, _| {
            let _ = &bomb;
            async { Decision::deny("no") }
        })
    };
    let deleted = armed(Bomb).create().await.expect("a session");
    let over = json!({"type": "session.deleted", "sessionId": deleted.id()});
    rig.fake.notify_raw("session.lifecycle", over);
    rig.fake.settle().await;
    assert_alive(&rig.client).await;
    let left = armed(Bomb).create().await.expect("another");
    left.disconnect().await.expect("the end");
    drop(armed(Bomb).create().await.expect("a third"));
    let _open = armed(Bomb).create().await.expect("a fourth");
    assert_alive(&rig.client).await;
    rig.fake.hang_up();
    soon("the connection", rig.client.closed()).await;
}

/// A captured value that blocks in its drop holds up the end of its own session only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_value_blocks() {
    struct Slow(std::sync::mpsc::Receiver<()>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.recv().ok();
        }
    }
    let rig = Rig::start().await;
    let (release, held) = std::sync::mpsc::channel();
    let slow = Arc::new(Mutex::new(Slow(held)));
    let session = rig.client.session().on_permission(move |_, _| {
        let _ = &slow;
        async { Decision::deny("no") }
    });
    let session = session.create().await.expect("a session");
    let over = json!({"type": "session.deleted", "sessionId": session.id()});
    rig.fake.notify_raw("session.lifecycle", over);
    soon("the fake", rig.fake.settle()).await;
    soon("a ping", assert_alive(&rig.client)).await;
    release.send(()).expect("a blocked drop");
}

/// A waker may run any code, such as the drop of the events that it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waker_drops_what_it_wakes() {
    struct DropsEvents(Mutex<Option<Events>>);
    impl Wake for DropsEvents {
        fn wake(self: Arc<Self>) {
            let events = self.0.lock().expect("the events").take();
            drop(events);
        }
    }
    let rig = Rig::start().await;
    let mut endings: Vec<Box<dyn FnOnce()>> = Vec::new();
    for _ in 0..2 {
        let mut events = rig.session.events();
        let holder = Arc::new(DropsEvents(Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&holder));
        {
            let next = std::pin::pin!(events.next());
            assert!(next.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        *holder.0.lock().expect("the events") = Some(events);
        let held = Arc::clone(&holder);
        endings.push(Box::new(move || assert!(held.0.lock().expect("the events").is_none())));
        if endings.len() == 1 {
            rig.emit(say::idle());
            soon("a ping", assert_alive(&rig.client)).await;
        }
    }
    // The end of the session wakes the second one.
    soon("the end", rig.session.disconnect()).await.expect("the end");
    soon("a ping", assert_alive(&rig.client)).await;
    for woken in endings {
        woken();
    }
}

/// A waker may use the client: no lock is held while a call is dropped before its response, or while a subscription
/// that was dropped is removed.
#[tokio::test]
async fn a_waker_uses_the_client() {
    struct Uses(Client);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            self.0.is_closed();
            drop(self.0.notifications::<SessionLifecycle>());
        }
    }
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let waker = Waker::from(Arc::new(Uses(rig.client.clone())));
    let (done, is_done) = oneshot::channel();
    // On a thread of its own, which a lock would stop for ever.
    let (client, session) = (rig.client.clone(), rig.session.clone());
    std::thread::spawn(move || {
        let mut context = Context::from_waker(&waker);
        let mut call = Box::pin(session.log("x"));
        assert!(call.as_mut().poll(&mut context).is_pending());
        drop(call);
        let mut changes = client.notifications::<SessionLifecycle>();
        assert!(std::pin::pin!(changes.next()).poll(&mut context).is_pending());
        drop(changes);
        drop(client.notifications::<SessionLifecycle>());
        assert!(done.send(()).is_ok());
    });
    soon("the thread", is_done).await.expect("no panic");
    assert_alive(&rig.client).await;
}

/// Events without an observer are kept up to a limit in bytes.
#[tokio::test]
async fn events_without_an_observer() {
    let rig = Rig::start().await;
    let text = "x".repeat(1 << 20);
    for number in 0..20 {
        let data = json!({"messageId": number.to_string(), "deltaContent": text});
        rig.emit(json!({"type": "assistant.message_delta", "data": data, "ephemeral": true}));
    }
    rig.fake.settle().await;
    let mut events = rig.session.events();
    let missed = events.next().await.and_then(|event| event.missed());
    assert_eq!(missed, Some(17));
    for number in 17..20 {
        let event = events.next().await.expect("a kept event");
        assert!(event.raw_data().contains(&format!("\"{number}\"")), "{number}");
    }
}

/// A waker that panics, as one of another executor may.
struct Explodes;

impl Wake for Explodes {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics in a test")
    }
}

/// A waker that panics disturbs neither the connection nor what else waits for it, whatever it is called for.
#[tokio::test(start_paused = true)]
async fn a_waker_panics() {
    let rig = Rig::start().await;
    rig.fake.hold("session.log");
    let waker = Waker::from(Arc::new(Explodes));
    let mut context = Context::from_waker(&waker);
    let mut observed = rig.session.events();
    assert!(std::pin::pin!(observed.next()).poll(&mut context).is_pending());
    rig.emit(say::idle());
    let mut changes = rig.client.notifications::<SessionLifecycle>();
    for _ in 0..2 {
        assert!(std::pin::pin!(changes.next()).poll(&mut context).is_pending());
        rig.fake.notify_raw("session.lifecycle", json!({"type": "session.updated", "sessionId": "x"}));
        assert_alive(&rig.client).await;
        assert!(changes.next().await.is_some());
    }
    assert!(std::pin::pin!(changes.next()).poll(&mut context).is_pending());
    let mut calls: Vec<_> = (0..5).map(|_| Box::pin(rig.session.log("x"))).collect();
    let mut logged = Vec::new();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut context).is_pending());
        logged.push(rig.fake.received_call("session.log").await);
    }
    rig.fake.reply(&logged[0], Ok(json!({"eventId": "e"})));
    assert_alive(&rig.client).await;
    assert!(calls.remove(0).await.is_ok());
    let mut limited: Vec<_> = (0..2)
        .map(|_| Box::pin(rig.client.rpc().status().get().timeout(Duration::from_secs(1)).into_future()))
        .collect();
    rig.fake.hold("status.get");
    for call in &mut limited {
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    for call in limited {
        let another = rig.client.rpc().status().get().timeout(Duration::from_secs(2));
        assert!(matches!(another.await, Err(Error::Timeout { .. })));
        assert!(matches!(soon("a call", call).await, Err(Error::Timeout { .. })));
    }
    rig.fake.release("status.get");
    let events = rig.session.events();
    rig.fake.hang_up();
    assert_over(&rig.client, &rig.session, events).await;
    for call in calls {
        assert!(matches!(soon("a call", call).await, Err(Error::Closed(_))));
    }
}
