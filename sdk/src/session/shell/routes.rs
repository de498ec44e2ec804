//! The sessions of shell processes, whose notifications name only the process.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::methods::notification::ShellExit;
use crate::rpc::Notification;
use crate::runtime::lock;
use crate::wire::{peek, peek::keys};

/// The call that starts a process.
pub(crate) const EXEC: &str = "session.shell.exec";

/// Maximum number of notifications of unknown processes kept while a process is being started.
const EARLY: usize = 1024;

/// Maximum size of their params in bytes.
const EARLY_BYTES: usize = 4 << 20;

/// The shell processes of all sessions.
#[derive(Default)]
pub(crate) struct ShellRoutes(Mutex<Routes>);

#[derive(Default)]
struct Routes {
    /// Session ids by process id.
    processes: HashMap<String, String>,
    /// The number of pending calls of `session.shell.exec`.
    starting: usize,
    /// Notifications that arrived before the response that names their process.
    early: Vec<Note>,
}

/// A `shell.output` or `shell.exit`.
pub(crate) struct Note {
    pub name: String,
    process: String,
    pub params: String,
}

impl ShellRoutes {
    /// Records that a process is being started.
    pub fn starting(&self) {
        lock(&self.0).starting += 1;
    }

    /// Records the response to a start; `result` is none if it failed. Returns the earlier notifications of the
    /// process.
    pub fn started(&self, session: &str, result: Option<&str>) -> Vec<Note> {
        let key = keys!(ShellExecResult, ["processId"])[0];
        let process = result.and_then(|result| peek::text(result, key)).unwrap_or_default();
        let mut routes = lock(&self.0);
        routes.starting = routes.starting.saturating_sub(1);
        let early = std::mem::take(&mut routes.early);
        let (ours, others) = early.into_iter().partition::<Vec<_>, _>(|note| note.process == process);
        if routes.starting > 0 {
            routes.early = others;
        }
        let over = ours.iter().any(|note| note.name == ShellExit::NAME);
        if !over && !process.is_empty() {
            routes.processes.insert(process.into_owned(), session.to_owned());
        }
        ours
    }

    /// Returns the session of a notification. If the pending start of a process may still identify it, the
    /// notification is kept.
    pub fn route(&self, name: &str, params: &str) -> Option<String> {
        let process = peek::text(params, keys!(ShellExitNotification, ["processId"])[0])?;
        let mut routes = lock(&self.0);
        let session = match name {
            ShellExit::NAME => routes.processes.remove(&*process),
            _ => routes.processes.get(&*process).cloned(),
        };
        let size = |note: &Note| note.params.len();
        if session.is_none()
            && routes.starting > 0
            && routes.early.len() < EARLY
            && routes.early.iter().map(size).sum::<usize>() + params.len() <= EARLY_BYTES
        {
            let process = process.into_owned();
            routes.early.push(Note { name: name.to_owned(), process, params: params.to_owned() });
        }
        session
    }

    /// Forgets the processes of a session.
    pub fn forget(&self, session: &str) {
        lock(&self.0).processes.retain(|_, owner| owner != session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_early_notifications_is_kept() {
        let kept = |count: usize, params: &str| {
            let routes = ShellRoutes::default();
            routes.starting();
            for _ in 0..count {
                assert!(routes.route("shell.output", params).is_none());
            }
            routes.started("session", Some(r#"{"processId":"p"}"#)).len()
        };
        assert_eq!(kept(2 * EARLY, r#"{"processId":"p"}"#), EARLY);
        let large = format!(r#"{{"processId":"p","data":"{}"}}"#, "x".repeat(EARLY_BYTES / 4));
        assert_eq!(kept(6, &large), 3);
    }
}
