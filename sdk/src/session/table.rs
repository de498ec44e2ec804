//! The sessions of a client that are open, one for each id.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::runtime::{aside::caught, hash::QuickHash, lock, on_drop::OnDrop, spawn};
use crate::session::{Session, WeakSession, state::SessionState};

/// The longest wait for the response to `session.detach`.
pub(crate) const DETACH_TIMEOUT: Duration = Duration::from_secs(10);

/// The behaviour of [`SessionBuilder::resume`](crate::SessionBuilder::resume) for a session that is already open on
/// the same client; set by [`SessionBuilder::when_open`](crate::SessionBuilder::when_open).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenOpen {
    /// Fails with [`Error::AlreadyOpen`] and sends nothing.
    #[default]
    Refuse,
    /// Replaces the session, even if the resume then fails. The turns of the old handles end with
    /// [`Error::TurnCutOff`], their event streams end, and their calls fail with [`Error::SessionEnded`]. The old
    /// handlers stop at their next `await`. The new handlers start at once on the tool calls, permission requests and
    /// forms that were in flight: a tool may have done part of its work already, and for a moment both handlers may
    /// run. A hook or a question that was in flight is answered as if its handler had failed.
    Replace,
    /// Continues the same session, with the new configuration, tools and handlers in place of the old ones. The old
    /// handles, their turns and their event streams continue, and a running handler completes.
    Join,
}

/// All sessions of a client, including those that are being opened.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<Table>,
    /// Wakes tasks that wait for an id to become free.
    changed: Notify,
}

#[derive(Default)]
struct Table {
    open: HashMap<String, Entry, QuickHash>,
    /// The ids of the sessions whose `session.detach` has no response yet. Only the session that has the place of its
    /// id is detached, and only once.
    detaching: HashSet<String>,
}

struct Entry {
    state: Arc<SessionState>,
    /// None until the session is open.
    handle: Option<WeakSession>,
    /// True while a call that opens it, for the first time or again, is pending.
    opening: bool,
}

/// The way a session is admitted to the table.
pub(crate) enum Admission {
    /// As a new entry, with the session that it replaces.
    New(Option<Arc<SessionState>>),
    /// As a further handle of the open session.
    Same(Session),
}

impl Sessions {
    pub fn get(&self, id: &str) -> Option<Arc<SessionState>> {
        lock(&self.table).open.get(id).map(|entry| Arc::clone(&entry.state))
    }

    pub fn all(&self) -> Vec<Arc<SessionState>> {
        lock(&self.table).open.values().map(|entry| Arc::clone(&entry.state)).collect()
    }

    /// Returns a handle of an open session; none once its last handle is dropped.
    pub fn handle(&self, id: &str) -> Option<Session> {
        let handle = lock(&self.table).open.get(id)?.handle.clone()?;
        handle.upgrade().filter(Session::is_open)
    }

    /// Waits until the session may be opened, and registers it. It waits for a pending `session.detach` of the same id
    /// and, unless `when_open` refuses it anyway, for another opening of it.
    pub async fn admit(&self, new: &Arc<SessionState>, when_open: WhenOpen) -> Result<Admission, Error> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(admission) = self.try_admit(new, when_open)? {
                return Ok(admission);
            }
            changed.await;
        }
    }

    fn try_admit(&self, new: &Arc<SessionState>, when_open: WhenOpen) -> Result<Option<Admission>, Error> {
        let table = &mut *lock(&self.table);
        if table.detaching.contains(new.id()) {
            return Ok(None);
        }
        let Some(entry) = table.open.get_mut(new.id()) else {
            let entry = Entry { state: Arc::clone(new), handle: None, opening: true };
            table.open.insert(new.id().to_owned(), entry);
            return Ok(Some(Admission::New(None)));
        };
        // Its last handle is being dropped, which removes the entry in a moment.
        let is_going = entry.handle.as_ref().is_some_and(WeakSession::is_gone);
        match when_open {
            WhenOpen::Refuse if !is_going => Err(Error::AlreadyOpen { session_id: new.id().to_owned() }),
            WhenOpen::Replace if !entry.opening => {
                let old = std::mem::replace(&mut entry.state, Arc::clone(new));
                (entry.handle, entry.opening) = (None, true);
                Ok(Some(Admission::New(Some(old))))
            }
            WhenOpen::Join if !entry.opening => {
                let session = entry.handle.as_ref().and_then(WeakSession::upgrade);
                entry.opening = session.is_some();
                Ok(session.map(Admission::Same))
            }
            _ => Ok(None),
        }
    }

    /// Records that the opening of a session is over, with its handle. Returns false if it is no longer registered.
    pub fn opened(&self, state: &Arc<SessionState>, handle: WeakSession) -> bool {
        let there = lock(&self.table).entry(state).map(|entry| {
            entry.opening = false;
            entry.handle = Some(handle);
        });
        self.wake();
        there.is_some()
    }

    /// Wakes tasks that wait for an id to become free. Their wakers may panic.
    fn wake(&self) {
        caught(|| self.changed.notify_waiters());
    }

    /// Removes a session, unless another has its place. Returns true if it was there.
    pub fn remove(&self, state: &Arc<SessionState>) -> bool {
        let removed = {
            let table = &mut *lock(&self.table);
            table.entry(state).is_some().then(|| table.open.remove(state.id()))
        };
        self.wake();
        removed.is_some()
    }

    /// Sends `session.detach` at once and returns the task that waits for the response; none if the session is not
    /// registered. Until the response the session is not opened again: the CLI works on several requests at once, so
    /// the detach could close what was opened after it.
    pub fn detach(self: &Arc<Self>, state: &Arc<SessionState>) -> Option<JoinHandle<Result<(), Error>>> {
        {
            let table = &mut *lock(&self.table);
            table.entry(state)?;
            table.detaching.insert(state.id().to_owned());
        }
        let (sessions, id) = (Arc::clone(self), state.id().to_owned());
        let detached = OnDrop(move || {
            lock(&sessions.table).detaching.remove(&id);
            sessions.wake();
        });
        let call = state.caller().call_now(state.version().detach_method(), &(), Some(DETACH_TIMEOUT));
        Some(spawn(state.peer().runtime(), async move {
            let _detached = detached;
            call?.await
        }))
    }

    /// Removes and returns all sessions.
    pub fn take_all(&self) -> Vec<Arc<SessionState>> {
        let all = std::mem::take(&mut lock(&self.table).open);
        self.wake();
        all.into_values().map(|entry| entry.state).collect()
    }
}

impl Table {
    /// Returns the entry with this id if it is of this very session.
    fn entry(&mut self, state: &Arc<SessionState>) -> Option<&mut Entry> {
        self.open.get_mut(state.id()).filter(|entry| Arc::ptr_eq(&entry.state, state))
    }
}
