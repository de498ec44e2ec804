//! The rows of the tables, for any SDK.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::runtime::Builder;

use crate::meter::Meter;
use crate::sdk::{Next, Sdk};

/// The events of a history.
const HISTORY: usize = 1000;

/// Runs `CLI ROW SIZE [current] [pinned]`, and prints what it took as JSON.
pub fn main<S: Sdk>() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [cli, row, size, options @ ..] = &arguments[..] else {
        panic!("usage: CLI ROW SIZE [current] [pinned]")
    };
    let has = |option: &str| options.iter().any(|other| other == option);
    if has("pinned") {
        let mut cpus = CpuSet::new();
        cpus.set(0).expect("a first CPU");
        sched_setaffinity(Pid::from_raw(0), &cpus).expect("this thread stays on one CPU");
    }
    let mut runtime =
        if has("current") { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let runtime = runtime.enable_all().build().expect("a runtime");
    let row = run::<S>(cli.clone(), row.clone(), size.parse().expect("a number"));
    let result = runtime.block_on(async { tokio::spawn(row).await.expect("a result") });
    println!("{result}");
}

async fn run<S: Sdk>(cli: String, row: String, size: u64) -> Value {
    if row == "start" {
        return start::<S>(&cli, size).await;
    }
    let client = S::start(&cli).await;
    let result = match &*row {
        "event" => events(&client, "deltas:500", size, 1, S::piece).await,
        "event-four" => events(&client, "deltas:500", size, 4, S::piece).await,
        "recorded" => events(&client, "recorded", size, 1, |_| 0).await,
        "call" => calls(&client, size, 1).await,
        "calls" => calls(&client, size, 64).await,
        "tool" => requests(&client, "tools", size).await,
        "permission" => requests(&client, "permissions", size).await,
        "turn" => turns(&client, size).await,
        "session" => sessions(&client, size).await,
        "history" => history(&client, size).await,
        "idle" => idle(&client, size).await,
        "crowd" => crowd(&client, size).await,
        "stall" => stall(&client, size).await,
        _ => panic!("no such row: {row}"),
    };
    client.stop().await;
    result
}

async fn start<S: Sdk>(cli: &str, size: u64) -> Value {
    let meter = Meter::start();
    for _ in 0..size {
        S::start(cli).await.stop().await;
    }
    meter.stop(size)
}

/// The events that a subscriber got.
#[derive(Default)]
struct Got {
    events: u64,
    missed: u64,
    bytes: usize,
}

/// Reads the events of a turn.
async fn read<S: Sdk>(events: &mut S::Events, got: &mut Got, piece: fn(&S::Event) -> usize) {
    loop {
        match S::next(events).await {
            Next::Missed(count) => got.missed += count,
            Next::Event(event) => match S::kind(&event) {
                // It belongs to no turn.
                "session.start" => {}
                kind => {
                    got.events += 1;
                    let is_end = kind == "session.idle";
                    got.bytes += piece(&event);
                    if is_end {
                        return;
                    }
                }
            },
        }
    }
}

/// Turns whose events a number of subscribers read, each to the end of the turn before the next one begins.
async fn events<S: Sdk>(
    client: &S,
    prompt: &str,
    turns: u64,
    subscribers: usize,
    piece: fn(&S::Event) -> usize,
) -> Value {
    let session = client.session().await;
    let mut streams: Vec<_> = (0..subscribers).map(|_| (S::events(&session), Got::default())).collect();
    let meter = Meter::start();
    for _ in 0..turns {
        let readers = streams.drain(..).map(|(mut events, mut got)| {
            tokio::spawn(async move {
                read::<S>(&mut events, &mut got, piece).await;
                (events, got)
            })
        });
        let readers: Vec<_> = readers.collect();
        S::send(&session, prompt).await;
        for reader in readers {
            streams.push(reader.await.expect("a reader"));
        }
    }
    let (_, first) = &streams[0];
    let result = meter.stop(first.events);
    assert!(streams.iter().all(|(_, got)| got.missed == 0 && got.bytes == first.bytes), "events were lost");
    result
}

/// Calls, a number of them at a time.
async fn calls<S: Sdk>(client: &S, count: u64, at_once: usize) -> Value {
    let session = Arc::new(client.session().await);
    let left = Arc::new(AtomicU64::new(count));
    let meter = Meter::start();
    let callers = (0..at_once).map(|_| {
        let (session, left) = (session.clone(), left.clone());
        tokio::spawn(async move {
            let take = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                assert_eq!(S::name(&session).await, "speed".len());
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
    meter.stop(count)
}

/// One turn with tool calls or permission requests.
async fn requests<S: Sdk>(client: &S, what: &str, count: u64) -> Value {
    let session = client.session().await;
    let meter = Meter::start();
    S::answer(&session, &format!("{what}:{count}")).await;
    meter.stop(count)
}

async fn turns<S: Sdk>(client: &S, count: u64) -> Value {
    let session = client.session().await;
    let meter = Meter::start();
    for _ in 0..count {
        assert_eq!(S::answer(&session, "deltas:10").await, "done".len());
    }
    meter.stop(count)
}

async fn sessions<S: Sdk>(client: &S, count: u64) -> Value {
    let meter = Meter::start();
    for _ in 0..count {
        S::disconnect(client.session().await).await;
    }
    meter.stop(count)
}

async fn history<S: Sdk>(client: &S, count: u64) -> Value {
    let session = client.session().await;
    S::answer(&session, &format!("history:{HISTORY}")).await;
    let meter = Meter::start();
    for _ in 0..count {
        let (events, bytes) = S::history(&session).await;
        assert_eq!((events, bytes), (HISTORY, HISTORY / 2 * 200));
    }
    meter.stop(count * HISTORY as u64)
}

/// Sessions that do nothing.
async fn idle<S: Sdk>(client: &S, count: u64) -> Value {
    // What all sessions share is there.
    let mut open = vec![client.plain().await];
    let meter = Meter::start();
    for _ in 0..count {
        open.push(client.plain().await);
    }
    meter.stop(count)
}

/// Sessions with a tool, a policy and a subscriber, each of which has done a turn.
async fn crowd<S: Sdk>(client: &S, count: u64) -> Value {
    let meter = Meter::start();
    let mut open = Vec::new();
    for _ in 0..count {
        let session = client.session().await;
        let events = S::events(&session);
        open.push((session, events));
    }
    for (session, events) in &mut open {
        S::send(session, "deltas:10").await;
        read::<S>(events, &mut Got::default(), S::piece).await;
    }
    meter.stop(count)
}

/// A flood to two subscribers, one of which does not read for three seconds.
async fn stall<S: Sdk>(client: &S, count: u64) -> Value {
    let piece = {
        let session = client.session().await;
        let (mut events, mut got) = (S::events(&session), Got::default());
        S::send(&session, "deltas:1").await;
        read::<S>(&mut events, &mut got, S::piece).await;
        got.bytes
    };
    let all = piece as f64 * count as f64;
    let session = client.session().await;
    let subscribers = [0, 3].map(|delay| {
        let mut events = S::events(&session);
        tokio::spawn(async move {
            let mut got = Got::default();
            tokio::time::sleep(Duration::from_secs(delay)).await;
            read::<S>(&mut events, &mut got, S::piece).await;
            got
        })
    });
    let meter = Meter::start();
    S::send(&session, &format!("deltas:{count}")).await;
    let mut got = Vec::new();
    for subscriber in subscribers {
        got.push(subscriber.await.expect("a subscriber"));
    }
    let mut result = meter.stop(count);
    result["missed"] = got.iter().map(|got| got.missed).collect();
    result["text"] = got.iter().map(|got| got.bytes as f64 / all).collect();
    result
}
