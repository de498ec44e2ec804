//! The CLI is killed in each of its phases, as by a system that runs out of memory; so is the program that
//! uses it.

mod host;
mod phases;
mod start;
mod stop;
#[cfg(target_os = "linux")]
mod streams;
mod stubborn;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use copilot_session::{Client, ClientBuilder, Closed, Error, Session};
use copilot_session_model::Script;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::lifeline::{self, Lifeline, Loose};
use super::rig::{Rig, soon};

/// The time after the death of the CLI in which everything that waits for it fails. It takes some
/// milliseconds; the rest is for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A CLI that is about to be killed.
struct Doomed {
    rig: Rig,
    lifeline: Lifeline,
    /// The number of tasks without the client.
    tasks: usize,
}

impl Doomed {
    async fn start(script: Script) -> Self {
        Self::start_by(script, lifeline::program, ClientBuilder::start).await
    }

    async fn start_by(
        script: Script,
        program: impl FnOnce(&Path) -> (std::path::PathBuf, Loose),
        start: impl AsyncFnOnce(ClientBuilder) -> Result<Client, Error>,
    ) -> Self {
        let (mut loose, mut tasks) = (None, 0);
        let with_lifeline = |folder: &Path| {
            let (program, line) = program(folder);
            loose = Some(line);
            program
        };
        let counted = async |builder: ClientBuilder| {
            tasks = alive_tasks();
            start(builder).await
        };
        let rig = Rig::start_by(script, with_lifeline, counted).await;
        let lifeline = loose.expect("a lifeline").taken().await;
        Self { rig, lifeline, tasks }
    }

    /// Kills the CLI while the future waits for it, and checks that the future fails at once.
    async fn kill<T>(self, phase: &str, waiting: impl Future<Output = Result<T, Error>>) -> Dead {
        self.lifeline.kill();
        self.killed(phase, waiting).await
    }

    /// The same, after the CLI was killed.
    async fn killed<T>(self, phase: &str, waiting: impl Future<Output = Result<T, Error>>) -> Dead {
        let Self { rig, lifeline, tasks } = self;
        let closed = failed_at_once(phase, lifeline, waiting).await;
        Dead { rig, closed, tasks }
    }
}

/// Waits for the death and for the failure, and checks that the failure follows at once.
async fn failed_at_once<T>(
    phase: &str,
    lifeline: Lifeline,
    waiting: impl Future<Output = Result<T, Error>>,
) -> Closed {
    let failing = async {
        let outcome = soon("the failure", waiting).await;
        (outcome.map(drop), Instant::now())
    };
    let ((outcome, failed), died) = tokio::join!(failing, lifeline.cut("the CLI"));
    let closed = killed(phase, outcome);
    let after = failed.saturating_duration_since(died);
    println!("{phase}: failed {after:?} after the death");
    assert!(after < AT_ONCE, "{phase}: failed only {after:?} after the death");
    closed
}

/// The error of a future that waited for a killed CLI.
fn killed<T: std::fmt::Debug>(what: &str, outcome: Result<T, Error>) -> Closed {
    let error = outcome.expect_err(what);
    assert!(error.is_closed(), "{what}: {error:?}");
    let closed = error.closed().expect("a closed connection").clone();
    assert_eq!((closed.signal, closed.exit_code), (Some(9), None), "{what}: {closed}");
    assert_eq!(closed.reason, "the CLI ended", "{what}: {closed}");
    closed
}

/// The error of a call that must fail at once.
fn at_once<T: std::fmt::Debug>(what: &str, call: impl Future<Output = Result<T, Error>>) -> Closed {
    killed(what, call.now_or_never().unwrap_or_else(|| panic!("{what} waits for a dead CLI")))
}

/// The rest of a rig whose CLI was killed.
struct Dead {
    rig: Rig,
    closed: Closed,
    tasks: usize,
}

impl Dead {
    /// Checks that later calls fail at once for the same reason, and that no task remains.
    async fn check(self, session: Option<&Session>) {
        let Self { rig, closed, tasks } = self;
        let same = rig.client.closed().now_or_never().expect("a dead CLI is closed");
        assert_eq!(same.to_string(), closed.to_string());
        let mut later = vec![
            at_once("a call", rig.client.rpc().status().get()),
            at_once("a method", rig.client.ping("Anybody?")),
            at_once("another session", rig.client.session().deny_all().create()),
        ];
        if let Some(session) = session {
            later.push(at_once("a call of the session", session.rpc().mode().get()));
            later.push(at_once("a prompt", session.send("Anybody?")));
            assert!(session.events().next().now_or_never().expect("the end of the events").is_none());
            later.push(at_once("a disconnect", session.disconnect()));
        }
        assert!(later.iter().all(|other| other.to_string() == closed.to_string()), "{closed}: {later:?}");
        // The client and the session still exist here.
        tasks_end(tasks).await;
        rig.finish().await;
    }
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until at most this many tasks remain.
async fn tasks_end(tasks: usize) {
    let ended = async {
        while alive_tasks() > tasks {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(AT_ONCE, ended).await.is_err() {
        panic!("{} tasks remain, and there were {tasks} before", alive_tasks());
    }
}

/// Waits until the CLI works on the future's call.
async fn under_way<T: std::fmt::Debug>(
    mut waiting: Pin<&mut impl Future<Output = T>>,
    reached: impl Future<Output = ()>,
) {
    tokio::select! {
        biased;
        ended = &mut waiting => panic!("it ended: {ended:?}"),
        () = soon("the CLI to work on it", reached) => {}
    }
}

/// A handler that never returns, with the number of times it was started and dropped.
#[derive(Clone, Default)]
struct Stuck(Arc<watch::Sender<(usize, usize)>>);

impl Stuck {
    /// Records its start and never returns.
    async fn hang(&self) {
        self.0.send_modify(|(begun, _)| *begun += 1);
        let _dropped = Dropped(self);
        std::future::pending().await
    }

    async fn reached(&self) {
        self.0.subscribe().wait_for(|(begun, _)| *begun > 0).await.expect("an open channel");
    }

    async fn dropped(&self) {
        let mut changes = self.0.subscribe();
        let dropped = changes.wait_for(|(begun, dropped)| begun == dropped);
        soon("the handler to be dropped", dropped).await.expect("an open channel");
    }
}

struct Dropped<'a>(&'a Stuck);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|(_, dropped)| *dropped += 1);
    }
}
