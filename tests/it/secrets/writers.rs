//! Wire logs whose writers panic, fail or block.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use copilot_session::testing::FakeCli;
use copilot_session::{Client, WireLog};
use serde_json::{Value, json};

use super::File;
use crate::rig::assert_alive;

async fn connect(fake: &FakeCli, to: impl Write + Send + 'static) -> Client {
    let builder = Client::builder().wire_log(WireLog::new(to));
    fake.connect(builder).await.expect("the greeting")
}

/// A writer that panics, and panics again when it is dropped.
struct Panics;

impl Write for Panics {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("the writer panics in a test");
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("the writer panics in a test when it is dropped");
    }
}

/// A writer that blocks before each line until it is released.
struct Blocks(mpsc::Receiver<()>, File);

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // After the sender is dropped it does not block.
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer whose device is full.
struct Fails;

impl Write for Fails {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_or_failure_ends_only_the_log() {
    for writer in [Box::new(Panics) as Box<dyn Write + Send>, Box::new(Fails)] {
        let fake = FakeCli::start();
        let client = connect(&fake, writer).await;
        for _ in 0..3 {
            assert_alive(&client).await;
        }
        fake.hang_up();
        assert_eq!(client.closed().await.reason, "the stream ended");
        client.stop().await;
    }
}

/// A blocked writer does not block the connection, delays the end for a limited time, and loses no order.
#[tokio::test]
async fn a_blocked_writer_delays_no_message() {
    let (release, releases) = mpsc::channel();
    let (fake, file) = (FakeCli::start(), File::default());
    let client = connect(&fake, Blocks(releases, file.clone())).await;
    for index in 0..100 {
        fake.notify_raw("x", json!({"index": index}));
    }
    assert_alive(&client).await;
    assert_eq!(file.text(), "", "the writer is blocked");
    tokio::time::timeout(Duration::from_secs(20), client.stop()).await.expect("a stop in time");
    assert_eq!(file.text(), "");
    drop(release);
    client.closed().await;
    let lines: Vec<Value> =
        file.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let indices = lines.iter().filter_map(|line| line["msg"]["params"]["index"].as_u64());
    assert!(indices.eq(0..100), "{lines:?}");
    assert!(lines.is_sorted_by_key(|line| line["t_ms"].as_u64()), "{lines:?}");
}

/// The queue of a blocked writer is limited, and the log has the number of messages that it lacks, in their
/// place.
#[tokio::test]
async fn a_writer_that_stays_blocked_misses_messages() {
    let (release, releases) = mpsc::channel();
    let (fake, file) = (FakeCli::start(), File::default());
    let client = connect(&fake, Blocks(releases, file.clone())).await;
    let large = "a".repeat(4 << 20);
    for index in 0..20 {
        fake.notify_raw("x", json!({"index": index, "text": large}));
        assert_alive(&client).await;
    }
    drop(release);
    while !file.text().contains("leftOut") {
        tokio::task::yield_now().await;
        client.stop().await;
    }
    let lines: Vec<Value> =
        file.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let written = lines.iter().filter(|line| line["msg"]["method"] == "x").count() as u64;
    let left_out: u64 = lines.iter().filter_map(|line| line["leftOut"].as_u64()).sum();
    let messages = lines.iter().filter(|line| !line["msg"].is_null()).count() as u64;
    assert!((10..20).contains(&written), "{written} of 20 are written");
    assert_eq!(messages + left_out, fake.frames().len() as u64, "a message is neither written nor counted");
}

/// A client that is dropped without a stop writes its whole log.
#[tokio::test]
async fn a_dropped_client_writes_its_whole_log() {
    let (fake, file) = (FakeCli::start(), File::default());
    let client = connect(&fake, file.clone()).await;
    fake.notify_raw("the last", json!({}));
    assert_alive(&client).await;
    drop(client);
    fake.ended().await;
    fake.hang_up();
    while !file.text().contains("the last") {
        tokio::task::yield_now().await;
    }
}
