//! Watching a session.

use std::sync::{Arc, Mutex};

use copilot_session::SessionEvent;
use copilot_session_tests::fake::say;

use crate::rig::{Rig, next};

/// A list of kinds, and an observer that adds to it.
fn list() -> (Arc<Mutex<Vec<String>>>, impl FnMut(&SessionEvent) + Send + 'static) {
    let list = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&list);
    (list, move |event| to.lock().expect("the list").push(event.kind().to_owned()))
}

/// Every observer sees every event, also when one of them panics, and the one that panics goes on.
#[tokio::test(start_paused = true)]
async fn a_panicking_observer() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, mut observe_b) = list();
    rig.session.on(observe_a);
    rig.session.on(move |event| {
        observe_b(event);
        assert_ne!(event.kind(), "session.idle", "an observer panics in a test");
    });
    let mut events = rig.session.events();
    let sent = [say::delta("a"), say::idle(), say::delta("b"), say::idle()];
    for event in sent.clone() {
        rig.emit(event);
    }
    rig.fake.settle().await;
    let kinds: Vec<_> = sent.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect();
    assert_eq!(*a.lock().expect("the list"), kinds);
    assert_eq!(*b.lock().expect("the list"), kinds);
    for kind in kinds {
        assert_eq!(next(&mut events).await.kind(), kind);
    }
}

/// An observer that unsubscribed, or a stream that was dropped, sees no more; the others do.
#[tokio::test(start_paused = true)]
async fn unsubscribe() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, observe_b) = list();
    let a_watches = rig.session.on(observe_a);
    // Dropping the subscription leaves the observer in place.
    drop(rig.session.on(observe_b));
    let events = rig.session.events();
    rig.emit(say::delta("seen by both"));
    rig.fake.settle().await;
    a_watches.unsubscribe();
    drop(events);
    rig.emit(say::idle());
    rig.fake.settle().await;
    assert_eq!(*a.lock().expect("the list"), ["assistant.message_delta"]);
    assert_eq!(*b.lock().expect("the list"), ["assistant.message_delta", "session.idle"]);
}

/// A slow reader holds up nobody and misses nothing.
#[tokio::test(start_paused = true)]
async fn a_slow_reader() {
    let rig = Rig::start().await;
    let mut slow = rig.session.events();
    let mut quick = rig.session.events();
    for index in 0..5000 {
        rig.emit(say::delta(&index.to_string()));
    }
    for _ in 0..5000 {
        next(&mut quick).await;
    }
    for index in 0..5000 {
        let event = next(&mut slow).await;
        assert!(event.raw_data().contains(&format!("\"{index}\"")), "{}", event.raw_data());
    }
}

/// The stream ends with the session, after what came before, for those that watched and those that come later.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.emit(say::delta("the last"));
    rig.fake.settle().await;
    rig.session.disconnect().await.expect("the end");
    assert_eq!(next(&mut events).await.kind(), "assistant.message_delta");
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none(), "and it stays ended");
    assert!(rig.session.events().next().await.is_none());
}
