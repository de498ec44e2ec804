//! The loads: runs of the example `matrix`, each of which prints its figures as a line of JSON.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Column, Matrix, Row};
use crate::table::megabytes;
use crate::{cargo, cli, process};

/// How long a run may take. It passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(600);

const BURST: [Column; 6] =
    [("sent", 9), ("lost", 6), ("answered", 12), ("told missed", 13), ("time", 10), ("peak memory", 13)];
const CROWD: [Column; 6] = [
    ("sent", 9),
    ("observers", 11),
    ("answered", 12),
    ("told missed", 13),
    ("time", 10),
    ("peak memory", 13),
];
const FRAME: [Column; 4] = [("megabytes", 11), ("time", 10), ("peak memory", 13), ("passed over", 13)];
const SESSIONS: [Column; 5] =
    [("turns done", 12), ("idle", 12), ("observed", 12), ("time", 10), ("peak memory", 13)];
/// The two before the last are what the CLI itself did wrong.
const CHUNKS: [Column; 6] =
    [("chunks", 9), ("deltas", 9), ("whole", 9), ("CLI: twice", 12), ("CLI: mixed up", 15), ("time", 10)];

/// Runs all loads, or the smallest of each kind.
pub fn run(matrix: &mut Matrix, cli: &Path, quick: bool) -> Result<()> {
    let dev = Program { name: "dev", path: cargo::example("matrix", &[])?, cli };
    let mut programs = vec![&dev];
    let release;
    if !quick {
        release = Program { name: "release", path: cargo::example("matrix", &["--release"])?, cli };
        programs.push(&release);
    }
    let all_events: &[u64] = if quick { &[2_000] } else { &[2_000, 20_000, 100_000] };
    let all_workers: &[u64] = if quick { &[0] } else { &[0, 1, 2, 4] };

    matrix.section("A flood of events: five observers, tools and permission requests meanwhile", &BURST);
    for program in &programs {
        for events in all_events {
            for workers in all_workers {
                matrix.add(burst(program, *events, *workers)?);
            }
        }
    }
    let events = if quick { 2_000 } else { 100_000 };
    matrix.section("A flood of events: 20 observers of each policy at a time, which come and go", &CROWD);
    for program in &programs {
        for workers in if quick { &[0][..] } else { &[0, 2] } {
            matrix.add(crowd(program, events, *workers)?);
        }
    }
    matrix.section("One huge message: taken, and passed over by a lower limit", &FRAME);
    matrix.add(frame(programs.last().copied().unwrap_or(&dev), if quick { 30 } else { 300 })?);
    matrix.section("Sessions on one client, one of them stalled; bytes of heap for each idle one", &SESSIONS);
    matrix.add(sessions(&dev, if quick { 50 } else { 1_000 })?);
    matrix.section("Long answers of the real CLI, on one thread", &CHUNKS);
    matrix.add(chunks(&dev, if quick { 2 } else { 20 })?);
    Ok(())
}

fn burst(program: &Program<'_>, events: u64, workers: u64) -> Result<Row> {
    let figures =
        program.run(&["burst", "--events", &events.to_string(), "--workers", &workers.to_string()])?;
    let cells = vec![
        count(&figures, "sent"),
        count(&figures, "lost"),
        share(&figures, "answered", "asked"),
        count(&figures, "missed"),
        time(&figures),
        memory(&figures),
    ];
    Ok(row(format!("{} {events:>6} {}", program.name, runtime(workers)), cells, figures))
}

fn runtime(workers: u64) -> String {
    match workers {
        0 => "current_thread".to_owned(),
        1 => "1 worker".to_owned(),
        workers => format!("{workers} workers"),
    }
}

fn crowd(program: &Program<'_>, events: u64, workers: u64) -> Result<Row> {
    let figures =
        program.run(&["crowd", "--events", &events.to_string(), "--workers", &workers.to_string()])?;
    let cells = vec![
        count(&figures, "sent"),
        count(&figures, "observers"),
        share(&figures, "answered", "asked"),
        count(&figures, "missed"),
        time(&figures),
        memory(&figures),
    ];
    Ok(row(format!("{} {events:>6} {}", program.name, runtime(workers)), cells, figures))
}

fn frame(program: &Program<'_>, size: u64) -> Result<Row> {
    let figures = program.run(&["frame", "--megabytes", &size.to_string()])?;
    let passed_over = figures["passed_over_bytes"].as_f64().map_or_else(|| "-".to_owned(), megabytes);
    let cells = vec![count(&figures, "megabytes"), time(&figures), memory(&figures), passed_over];
    Ok(row(format!("{} one message", program.name), cells, figures))
}

fn sessions(program: &Program<'_>, sessions: u64) -> Result<Row> {
    let figures = program.run(&["sessions", "--count", &sessions.to_string()])?;
    let cells = vec![
        share(&figures, "completed", "turns"),
        count(&figures, "idle_bytes"),
        count(&figures, "watched_bytes"),
        time(&figures),
        memory(&figures),
    ];
    Ok(row(format!("{} {sessions} sessions", program.name), cells, figures))
}

fn chunks(program: &Program<'_>, runs: u64) -> Result<Row> {
    let figures = program.run(&["chunks", "--runs", &runs.to_string(), "--chunks", "5000"])?;
    let cells = vec![
        count(&figures, "chunks"),
        count(&figures, "deltas"),
        share(&figures, "whole", "runs"),
        count(&figures, "twice"),
        count(&figures, "mixed_up"),
        time(&figures),
    ];
    Ok(row(format!("{} {runs} runs", program.name), cells, figures))
}

/// A row of what a run printed.
fn row(title: String, cells: Vec<String>, mut figures: Value) -> Row {
    let failures = figures.as_object_mut().and_then(|figures| figures.remove("failures"));
    let failures = failures.as_ref().and_then(Value::as_array).into_iter().flatten();
    let failures = failures.map(|failure| failure.as_str().unwrap_or("unnamed").to_owned()).collect();
    Row { title, cells, figures, failures }
}

fn count(figures: &Value, key: &str) -> String {
    figures[key].as_u64().map_or_else(|| "-".to_owned(), |count| count.to_string())
}

fn share(figures: &Value, part: &str, whole: &str) -> String {
    format!("{}/{}", count(figures, part), count(figures, whole))
}

fn time(figures: &Value) -> String {
    figures["seconds"].as_f64().map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2} s"))
}

fn memory(figures: &Value) -> String {
    figures["peak_bytes"].as_f64().map_or_else(|| "-".to_owned(), megabytes)
}

/// The load program of one build.
struct Program<'a> {
    name: &'static str,
    path: PathBuf,
    cli: &'a Path,
}

impl Program<'_> {
    /// Runs it. A run that breaks down is a failure in its figures, and the next goes on.
    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.path);
        command.args(arguments).env(cli::PATH_VARIABLE, self.cli);
        let output = match process::run(&mut command, Some(PATIENCE)) {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Ok(json!({"failures": [error.to_string()]}));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot run {}", self.path.display()));
            }
        };
        Ok(read(&output))
    }
}

/// The figures that a run printed, with a failure in them when it did not end well.
fn read(output: &process::Output) -> Value {
    let figures = output.stdout.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let mut figures = figures.filter(Value::is_object).unwrap_or_else(|| json!({}));
    let broken = || Value::from(format!("no figures, but {}: {}", output.status, output.stderr.trim()));
    match figures["failures"].as_array_mut() {
        Some(failures) if failures.is_empty() && !output.status.success() => failures.push(broken()),
        Some(_) => {}
        None => figures = json!({"failures": [broken()]}),
    }
    figures
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<Value> {
        let mut command = Command::new("sh");
        Ok(read(&process::run(command.args(["-c", script]), None)?))
    }

    #[test]
    fn a_run_without_figures_or_without_success_has_failed() -> Result<()> {
        let failures = |figures: Value| row(String::new(), Vec::new(), figures).failures;
        assert!(failures(run(r#"echo '{"sent":1,"failures":[]}'"#)?).is_empty());
        assert_eq!(failures(run(r#"echo '{"failures":["lost"]}'; exit 1"#)?), ["lost"]);
        let broken = failures(run("echo broken >&2; exit 1")?);
        assert!(broken[0].ends_with("broken"), "{broken:?}");
        assert_eq!(failures(run(r#"echo '{"failures":[]}'; exit 1"#)?).len(), 1);
        assert_eq!(failures(run("exit 0")?).len(), 1);
        Ok(())
    }
}
