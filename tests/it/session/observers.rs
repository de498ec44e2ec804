//! Observers and streams of a session.

use std::sync::{Arc, Mutex};

use copilot_session::testing::events as say;
use copilot_session::{Overflow, SessionEvent, SessionEventData};

use crate::rig::{Rig, next};

/// A list, and an observer that adds the type of each event to it.
fn list() -> (Arc<Mutex<Vec<String>>>, impl FnMut(&SessionEvent) + Send + 'static) {
    let list = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&list);
    (list, move |event| to.lock().expect("the list").push(event.kind().to_owned()))
}

/// Every observer sees every event, even if one of them panics, which then sees the next event, too.
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

/// An observer sees the next event even if it panics with a value whose drop panics.
#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_twice() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            std::panic::panic_any(Self);
        }
    }
    let rig = Rig::start().await;
    let (seen, mut observe) = list();
    rig.session.on(move |event| {
        observe(event);
        std::panic::panic_any(Panics);
    });
    for event in [say::delta("a"), say::delta("b")] {
        rig.emit(event);
    }
    rig.fake.settle().await;
    assert_eq!(seen.lock().expect("the list").len(), 2);
}

/// An observer that unsubscribed, or a stream that was dropped, sees no more events; the others do.
#[tokio::test(start_paused = true)]
async fn unsubscribe() {
    let rig = Rig::start().await;
    let (a, observe_a) = list();
    let (b, observe_b) = list();
    let a_watches = rig.session.on(observe_a);
    // Dropping the subscription does not unsubscribe.
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

/// A slow reader without a limit delays no other and misses nothing.
#[tokio::test(start_paused = true)]
async fn a_slow_reader() {
    let rig = Rig::start().await;
    let mut slow = rig.session.events().overflow(Overflow::Unbounded);
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

/// By default the events that wait for a slow reader are merged to longer pieces of the same text.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_longer_pieces() {
    let rig = Rig::start().await;
    let mut slow = rig.session.events();
    for index in 0..10_000 {
        rig.emit(say::delta(&format!("{index},")));
    }
    rig.emit(say::assistant_message("all of it"));
    rig.emit(say::idle());
    rig.fake.settle().await;
    let (mut text, mut pieces) = (String::new(), 0);
    loop {
        let event = next(&mut slow).await;
        match event.data() {
            SessionEventData::AssistantMessageDelta(delta) => {
                text.push_str(&delta.delta_content);
                pieces += 1;
            }
            SessionEventData::SessionIdle(_) => break,
            _ => assert_eq!(event.missed(), None),
        }
    }
    assert_eq!(text, (0..10_000).map(|index| format!("{index},")).collect::<String>());
    assert_eq!(pieces, 4096);
}

/// A reader whose policy drops events learns how many it missed, and misses no request and no end.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_learns_what_it_missed() {
    let rig = Rig::start().await;
    let mut slow = rig.session.events().overflow(Overflow::DropOldest(10));
    for _ in 0..100 {
        rig.emit(say::delta("."));
    }
    rig.emit(say::idle());
    rig.fake.settle().await;
    assert_eq!(next(&mut slow).await.missed(), Some(91));
    for _ in 0..9 {
        assert_eq!(next(&mut slow).await.kind(), "assistant.message_delta");
    }
    assert_eq!(next(&mut slow).await.kind(), "session.idle");
}

/// A reader whose policy closes it reads the events that wait, and no other reader is affected.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_may_be_closed() {
    let rig = Rig::start().await;
    let mut slow = rig.session.events().overflow(Overflow::Close(3));
    let mut other = rig.session.events();
    for _ in 0..5 {
        rig.emit(say::delta("."));
    }
    rig.fake.settle().await;
    for _ in 0..3 {
        next(&mut slow).await;
    }
    assert!(slow.next().await.is_none() && slow.is_overrun());
    for _ in 0..5 {
        next(&mut other).await;
    }
}

/// The stream ends with the session, after the last event, for present and later streams.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream() {
    let rig = Rig::start().await;
    let mut events = rig.session.events();
    rig.emit(say::delta("the last"));
    rig.fake.settle().await;
    rig.session.disconnect().await.expect("the end");
    assert_eq!(next(&mut events).await.kind(), "assistant.message_delta");
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none(), "the stream has ended");
    assert!(rig.session.events().next().await.is_none());
}
