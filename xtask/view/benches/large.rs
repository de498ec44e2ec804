//! Writes the pages of two large logs, and prints the times and sizes: `cargo bench -p copilot-session-view`.
//!
//! The pages stay in the folder that it names, to be opened in a browser.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use copilot_session_view::write_page;
use serde_json::{Value, json};

/// A log that is being written.
struct Log {
    file: BufWriter<File>,
    millis: u64,
    bytes: usize,
}

impl Log {
    fn event(&mut self, kind: &str, data: Value) -> std::io::Result<()> {
        self.millis += 3;
        let (hour, minute) = (self.millis / 3_600_000 % 24, self.millis / 60_000 % 60);
        let (second, milli) = (self.millis / 1_000 % 60, self.millis % 1_000);
        let timestamp = format!("2026-01-01T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
        let event =
            json!({"type": kind, "id": format!("e{}", self.millis), "timestamp": timestamp, "data": data});
        let params = json!({"sessionId": "s", "event": event});
        let message = json!({"jsonrpc": "2.0", "method": "session.event", "params": params});
        let line = json!({"t_ms": self.millis, "dir": "server", "msg": message}).to_string();
        self.bytes += line.len() + 1;
        writeln!(self.file, "{line}")
    }
}

/// So many words, of which few follow each other twice.
fn words(seed: &mut u64, count: usize) -> String {
    let mut word = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:x}", *seed >> 44)
    };
    (0..count).map(|_| word() + " ").collect()
}

/// Turns with an answer in deltas and a tool call, until the log has this many bytes.
fn turns(log: &mut Log, most: usize) -> std::io::Result<()> {
    let mut seed = 1;
    for turn in 0_u64.. {
        if log.bytes >= most {
            break;
        }
        let (message, call) = (format!("m{turn}"), format!("t{turn}"));
        log.event("user.message", json!({"content": words(&mut seed, 20), "messageId": "p"}))?;
        log.event("assistant.turn_start", json!({"turnId": "0", "model": "m"}))?;
        for _ in 0..20 {
            let delta = json!({"messageId": message, "deltaContent": words(&mut seed, 6)});
            log.event("assistant.message_delta", delta)?;
        }
        log.event("assistant.message", json!({"messageId": message, "content": words(&mut seed, 120)}))?;
        log.event("assistant.usage", json!({"model": "m", "inputTokens": 1_000, "outputTokens": 50}))?;
        log.event("tool.execution_start", json!({"toolCallId": call, "toolName": "bash", "arguments": {}}))?;
        let result = json!({"content": words(&mut seed, 300)});
        let complete = json!({"toolCallId": call, "success": true, "result": result});
        log.event("tool.execution_complete", complete)?;
        log.event("session.idle", json!({}))?;
    }
    Ok(())
}

/// One turn with so many messages, each of which calls a tool.
fn one_turn(log: &mut Log, messages: u64) -> std::io::Result<()> {
    log.event("user.message", json!({"content": "go", "messageId": "p"}))?;
    for number in 0..messages {
        let call =
            json!({"toolCallId": format!("t{number}"), "toolName": "bash", "arguments": {"n": number}});
        let message = json!({"messageId": format!("m{number}"), "content": "again", "toolRequests": [&call]});
        log.event("assistant.message", message)?;
        log.event("tool.execution_start", call)?;
        let result = json!({"content": "ok"});
        let complete = json!({"toolCallId": format!("t{number}"), "success": true, "result": result});
        log.event("tool.execution_complete", complete)?;
    }
    Ok(())
}

fn measured(
    folder: &Path,
    name: &str,
    fill: impl Fn(&mut Log) -> std::io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let [log_path, page_path] = ["jsonl", "html"].map(|ending| folder.join(name).with_extension(ending));
    let mut log = Log { file: BufWriter::new(File::create(&log_path)?), millis: 0, bytes: 0 };
    fill(&mut log)?;
    log.file.flush()?;
    let start = Instant::now();
    let page = BufWriter::new(File::create(&page_path)?);
    let read = write_page(name, BufReader::new(File::open(&log_path)?), page)?;
    let (time, size) = (start.elapsed(), std::fs::metadata(&page_path)?.len());
    println!(
        "{}: {} turns, {} messages, log of {:.1} MB, page of {:.1} MB, in {time:.1?}",
        page_path.display(),
        read.turns(),
        read.lines(),
        log.bytes as f64 / 1e6,
        size as f64 / 1e6
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large");
    std::fs::create_dir_all(&folder)?;
    measured(&folder, "one-turn", |log| one_turn(log, 100_000))?;
    measured(&folder, "many-turns", |log| turns(log, 100_000_000))
}
