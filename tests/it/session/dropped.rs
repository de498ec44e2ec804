//! Futures that are dropped after any number of polls. Nothing hangs, and nothing stays half done.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::{Client, Session, SessionBuilder, Tool, WhenOpen};
use serde_json::{Value, json};

use crate::rig::{assert_alive, connect};

/// More polls than any operation takes.
const MOST: usize = 40;

/// Polls a future so many times, with time for the other tasks in between, and drops it. Returns true if it was ready.
async fn polled(future: impl Future, times: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..times {
        let is_ready =
            std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if is_ready {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Drops the future after each number of polls until it completes, and checks the client after each.
async fn each(client: &Client, what: &str, future: impl AsyncFn()) {
    for times in 0..MOST {
        let is_ready = polled(future(), times).await;
        assert_alive(client).await;
        if is_ready {
            return;
        }
    }
    panic!("{what} does not end");
}

fn tool(name: &str) -> Tool {
    Tool::with_schema(name, "a tool", json!({"type": "object"}), async |_: Value, _| "done")
}

fn builder(client: &Client) -> SessionBuilder {
    client.session().approve_all().tool(tool("old"))
}

/// The session with this id can be opened, and takes a prompt.
async fn assert_free(fake: &FakeCli, client: &Client, id: &str) -> Session {
    let opening = builder(client).when_open(WhenOpen::Replace).resume(id);
    let session = tokio::time::timeout(Duration::from_secs(30), opening).await.expect("no wait");
    let session = session.expect("the session");
    fake.answer("yes");
    assert_eq!(session.send_and_wait("still there?").await.expect("an answer").text(), "yes");
    session
}

#[tokio::test(start_paused = true)]
async fn openings() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    each(&client, "create", async || {
        let named = builder(&client).configure(|config| config.session_id("new"));
        drop(named.create().await.expect("a session"));
    })
    .await;
    drop(assert_free(&fake, &client, "new").await);
    for when in [WhenOpen::Refuse, WhenOpen::Replace, WhenOpen::Join] {
        each(&client, "resume", async || {
            drop(builder(&client).when_open(when).resume("stored").await.expect("a session"));
        })
        .await;
        drop(assert_free(&fake, &client, "stored").await);
    }
    for when in [WhenOpen::Replace, WhenOpen::Join] {
        for times in 0..MOST {
            let open = assert_free(&fake, &client, "open").await;
            let is_ready = polled(builder(&client).when_open(when).resume("open"), times).await;
            if when == WhenOpen::Join {
                fake.answer("joined");
                assert_eq!(open.send_and_wait("x").await.expect("an answer").text(), "joined", "{times}");
            }
            assert_eq!(assert_free(&fake, &client, "open").await.id(), "open");
            if is_ready {
                break;
            }
            assert!(times + 1 < MOST, "resume does not end");
        }
    }
    // Of the prompts and closes that the dropped futures have sent, the test expects none.
    drop(fake.take_failures());
}

#[tokio::test(start_paused = true)]
async fn calls() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let session = assert_free(&fake, &client, "one").await;
    fake.on_raw("session.tools.set", |_| Ok(json!({})));
    each(&client, "set_tools", async || session.set_tools([tool("new")]).await.expect("tools")).await;
    for name in ["new", "old"] {
        let running = fake.expect_tool_result("one", name, json!({}));
        let called = tokio::time::timeout(Duration::from_secs(1), running).await.is_ok();
        assert_eq!(called, name == "new", "{name}");
    }
    each(&client, "abort", async || session.abort().await.expect("the end")).await;
    each(&client, "messages", async || drop(session.messages().await.expect("events"))).await;
    each(&client, "models", async || drop(client.models().await)).await;
    each(&client, "ping", async || drop(client.ping("x").await.expect("a pong"))).await;
    for times in 0..MOST {
        let session = assert_free(&fake, &client, "two").await;
        let is_ready = polled(session.disconnect(), times).await;
        drop(assert_free(&fake, &client, "two").await);
        if is_ready {
            break;
        }
        assert!(times + 1 < MOST, "disconnect does not end");
    }
    // The last, since the fake answers prompts in their order.
    each(&client, "send", async || drop(session.send("x").await.expect("an id"))).await;
    drop(fake.take_failures());
}

/// A client whose end is dropped has ended nevertheless.
#[tokio::test(start_paused = true)]
async fn the_end() {
    for times in 1..MOST {
        let fake = FakeCli::start();
        let client = connect(&fake).await;
        let session = assert_free(&fake, &client, "one").await;
        let is_ready = polled(client.stop(), times).await;
        client.closed().await;
        assert!(session.send("x").await.expect_err("it has ended").is_closed());
        drop(fake.take_failures());
        if is_ready {
            return;
        }
    }
    panic!("it does not end");
}
