//! A live client between an arbitrary program and an arbitrary CLI: each byte is one step of either. The
//! handlers of the program answer, fail, panic or hang.
//!
//! Whatever the steps, only handlers that are meant to panic do, everything that waits ends, each request is
//! answered once, and nothing is allowed that no handler has allowed.
#![no_main]

mod peer;
mod program;

use libfuzzer_sys::fuzz_target;

use peer::Peer;
use program::Program;

fuzz_target!(|data: &[u8]| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(play(Steps(data)));
});

/// The steps that remain.
struct Steps<'a>(&'a [u8]);

impl Steps<'_> {
    /// The next byte; zero at the end.
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

async fn play(mut steps: Steps<'_>) {
    let (mut peer, streams) = Peer::start();
    let mut program = Program::start(streams).await;
    while !steps.0.is_empty() {
        match steps.next() {
            0..=159 => peer.step(&mut steps, &program.sessions()),
            160..=239 => program.step(&mut steps),
            _ => tokio::task::yield_now().await,
        }
    }
    // The clock advances only while every task is idle, so this hour ends all handlers and calls.
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    peer.check(&program.sessions(), program.is_stopped());
    peer.hang_up();
    program.end().await;
}
