//! The time, memory and allocations of a row.

use std::fs;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// An allocator that counts, in a build that is not for the measurement of time.
#[cfg(feature = "counted")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Figures that grow.
struct Figures {
    cpu_seconds: f64,
    resident_bytes: f64,
    allocations: f64,
    allocated_bytes: f64,
    live_bytes: f64,
    /// Of the runtime: the polls of tasks, the tasks that a worker took over from another one, and how often a worker
    /// went to sleep.
    polls: f64,
    stolen: f64,
    parks: f64,
}

impl Figures {
    fn now() -> Self {
        let cpu = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("the time of this process");
        let [allocations, allocated_bytes, live_bytes] = heap();
        let [polls, stolen, parks] = runtime();
        Self {
            cpu_seconds: cpu.tv_sec() as f64 + cpu.tv_nsec() as f64 / 1e9,
            resident_bytes: resident("VmRSS:"),
            allocations,
            allocated_bytes,
            live_bytes,
            polls,
            stolen,
            parks,
        }
    }
}

#[cfg(feature = "counted")]
fn heap() -> [f64; 3] {
    let stats = ALLOCATOR.stats();
    let calls = stats.allocations + stats.reallocations;
    [calls, stats.bytes_allocated, stats.bytes_allocated - stats.bytes_deallocated].map(|count| count as f64)
}

#[cfg(not(feature = "counted"))]
fn heap() -> [f64; 3] {
    [0.0; 3]
}

#[cfg(tokio_unstable)]
fn runtime() -> [f64; 3] {
    let metrics = tokio::runtime::Handle::current().metrics();
    let sum = |count: fn(&tokio::runtime::RuntimeMetrics, usize) -> u64| {
        (0..metrics.num_workers()).map(|worker| count(&metrics, worker)).sum::<u64>() as f64
    };
    [
        sum(|metrics, worker| metrics.worker_poll_count(worker)),
        sum(|metrics, worker| metrics.worker_steal_count(worker)),
        sum(|metrics, worker| metrics.worker_park_count(worker)),
    ]
}

#[cfg(not(tokio_unstable))]
fn runtime() -> [f64; 3] {
    [0.0; 3]
}

/// A line of the memory of this process, in bytes.
fn resident(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0
}

pub struct Meter {
    before: Figures,
    started: Instant,
}

impl Meter {
    pub fn start() -> Self {
        // Lets the peak be what is used now.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { before: Figures::now(), started: Instant::now() }
    }

    /// The result of a row, for a number of operations.
    pub fn stop(self, operations: u64) -> Value {
        let seconds = self.started.elapsed().as_secs_f64();
        let (before, now) = (self.before, Figures::now());
        json!({
            "operations": operations,
            "seconds": seconds,
            "cpu_seconds": now.cpu_seconds - before.cpu_seconds,
            "resident_bytes": now.resident_bytes - before.resident_bytes,
            "peak_bytes": resident("VmHWM:") - before.resident_bytes,
            "allocations": now.allocations - before.allocations,
            "allocated_bytes": now.allocated_bytes - before.allocated_bytes,
            "live_bytes": now.live_bytes - before.live_bytes,
            "polls": now.polls - before.polls,
            "stolen": now.stolen - before.stolen,
            "parks": now.parks - before.parks,
        })
    }
}
