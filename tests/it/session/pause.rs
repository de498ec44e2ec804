//! Observers that hold up the reader: the CLI waits, not this program's memory.

use std::time::Duration;

use copilot_session::testing::events as say;
use copilot_session::{Delivery, Events};

use crate::rig::{Rig, assert_alive, next};

const EVENTS: usize = 5_000;

/// Lets everything run until nothing can go on. Time stands still meanwhile.
async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// How many events wait for an observer.
fn waiting(events: &Events) -> usize {
    let text = format!("{events:?}");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn flood(rig: &Rig) {
    (0..EVENTS).for_each(|number| rig.emit(say::delta(&number.to_string())));
    rig.emit(say::idle());
}

/// What was held up comes whole and in order.
async fn assert_all(mut events: Events) {
    for number in 0..EVENTS {
        let event = next(&mut events).await;
        assert!(event.raw_data().contains(&format!("\"{number}\"")), "{number}: {}", event.raw_data());
    }
    assert_eq!(next(&mut events).await.kind(), "session.idle");
}

/// No more is read than the observer wants, and what it takes is made up for.
#[tokio::test(start_paused = true)]
async fn reading_stops() {
    let rig = Rig::start().await;
    let events = rig.session.events().delivery(Delivery::Pause(10));
    flood(&rig);
    rest().await;
    assert_eq!(waiting(&events), 10);
    let mut events = events;
    for _ in 0..3 {
        next(&mut events).await;
    }
    rest().await;
    assert_eq!(waiting(&events), 10);
    let events = events.delivery(Delivery::Unbounded);
    rest().await;
    assert_eq!(waiting(&events), EVENTS + 1 - 3);
    assert_alive(&rig.client).await;

    // None at all is one.
    let events = rig.session.events().delivery(Delivery::Pause(0));
    flood(&rig);
    rest().await;
    assert_eq!(waiting(&events), 1);
    assert_all(events).await;
}

/// A call is answered all the same: the reader goes on until it is.
#[tokio::test(start_paused = true)]
async fn calls_go_on() {
    let rig = Rig::start().await;
    let mut events = rig.session.events().delivery(Delivery::Pause(10));
    flood(&rig);
    let mut called = 0;
    for _ in 0..EVENTS {
        next(&mut events).await;
        // From within the observer, as often as it likes.
        if called < 20 {
            called += 1;
            assert_alive(&rig.client).await;
        }
    }
    assert_eq!(next(&mut events).await.kind(), "session.idle");
}

/// With the observer, or the client's connection, the hold is gone.
#[tokio::test(start_paused = true)]
async fn the_hold_ends() {
    let rig = Rig::start().await;
    let held = rig.session.events().delivery(Delivery::Pause(10));
    let all = rig.session.events();
    flood(&rig);
    rest().await;
    assert_eq!((waiting(&held), waiting(&all)), (10, 10));
    drop(held);
    rest().await;
    assert!(waiting(&all) > 10, "the reader went on");

    let rig = Rig::start().await;
    let held = rig.session.events().delivery(Delivery::Pause(10));
    flood(&rig);
    rest().await;
    assert_eq!(waiting(&held), 10);
    rig.session.disconnect().await.expect("the end of the session");
    assert_alive(&rig.client).await;

    let rig = Rig::start().await;
    let held = rig.session.events().delivery(Delivery::Pause(10));
    flood(&rig);
    rest().await;
    rig.client.stop().await.expect("the end of the client");
    assert!(waiting(&held) >= 10, "what had come is still to be read");
}
