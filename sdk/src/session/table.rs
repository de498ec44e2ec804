//! The sessions that are open on a connection: one for each id, and who may take its place.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::runtime::lock;
use crate::session::router::Router;
use crate::session::state::SessionState;
use crate::session::{Session, WeakSession};

/// The longest wait for the CLI's answer to the goodbye of a session.
const GOODBYE: Duration = Duration::from_secs(10);

/// The way in which [`SessionBuilder::resume`](crate::SessionBuilder::resume) treats a session that is open on the
/// same client already; chosen by [`SessionBuilder::when_open`](crate::SessionBuilder::when_open).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenOpen {
    /// Fails with [`Error::AlreadyOpen`], and sends nothing.
    #[default]
    Refuse,
    /// Takes its place. The turns of the old handles end with [`Error::SessionEnded`], their streams of events end,
    /// and all that they would send fails with that error, also when the resume fails. The old handlers stop at
    /// their next `await`. The tool calls, permission requests and forms that they worked on go to the new handlers,
    /// which begin them from the start, at once: a tool may have done a part of its work already, and for a moment
    /// both may run. A hook or a question that they worked on is answered as when a handler fails.
    Replace,
    /// Goes on as the same session, with the new configuration, tools and handlers in place of the old ones. The old
    /// handles, their turns and their streams of events go on; a handler that is at work finishes.
    Join,
}

/// All sessions of a connection, with those that are being opened.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<Table>,
    /// Wakes those who wait for an id to be free.
    changed: Notify,
}

#[derive(Default)]
struct Table {
    open: HashMap<String, Entry>,
    /// The number of goodbyes that the CLI has not answered, by session.
    goodbyes: HashMap<String, usize>,
}

struct Entry {
    state: Arc<SessionState>,
    /// None before the session is open.
    handle: Option<WeakSession>,
    /// Whether the CLI is being asked to open it, for the first time or again.
    opening: bool,
}

/// In what way a session may be opened.
pub(crate) enum Admission {
    /// It is registered now; with the session whose place it takes.
    New(Option<Arc<SessionState>>),
    /// The same session goes on.
    Same(Session),
}

impl Sessions {
    pub fn get(&self, id: &str) -> Option<Arc<SessionState>> {
        lock(&self.table).open.get(id).map(|entry| Arc::clone(&entry.state))
    }

    pub fn all(&self) -> Vec<Arc<SessionState>> {
        lock(&self.table).open.values().map(|entry| Arc::clone(&entry.state)).collect()
    }

    /// A handle of a session that is open; none when its last one is gone.
    pub fn handle(&self, id: &str) -> Option<Session> {
        let handle = lock(&self.table).open.get(id)?.handle.clone()?;
        handle.upgrade().filter(Session::is_open)
    }

    /// Waits until the session may be opened, and registers it. What is under way about its id is waited for:
    /// the goodbye of one that was left, and unless `when_open` refuses it anyway, another's opening.
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
        if table.goodbyes.contains_key(new.id()) {
            return Ok(None);
        }
        let entry = match table.open.entry(new.id().to_owned()) {
            Place::Vacant(place) => {
                place.insert(Entry { state: Arc::clone(new), handle: None, opening: true });
                return Ok(Some(Admission::New(None)));
            }
            Place::Occupied(place) => place.into_mut(),
        };
        // Its last handle is going, and takes it off in a moment.
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

    /// Notes that a session is open, with its handle, or is no longer being opened again. False when it is not
    /// registered any more.
    pub fn opened(&self, state: &Arc<SessionState>, handle: WeakSession) -> bool {
        let there = lock(&self.table).entry(state).map(|entry| {
            entry.opening = false;
            entry.handle = Some(handle);
        });
        self.changed.notify_waiters();
        there.is_some()
    }

    /// Forgets a session, unless another has its place. True when it was there.
    pub fn remove(&self, state: &Arc<SessionState>) -> bool {
        let removed = {
            let table = &mut *lock(&self.table);
            table.entry(state).is_some().then(|| table.open.remove(state.id()))
        };
        self.changed.notify_waiters();
        removed.is_some()
    }

    /// Forgets all.
    pub fn take_all(&self) -> Vec<Arc<SessionState>> {
        let all = std::mem::take(&mut lock(&self.table).open);
        self.changed.notify_waiters();
        all.into_values().map(|entry| entry.state).collect()
    }
}

impl Table {
    /// What is registered, if it is this very session.
    fn entry(&mut self, state: &Arc<SessionState>) -> Option<&mut Entry> {
        self.open.get_mut(state.id()).filter(|entry| Arc::ptr_eq(&entry.state, state))
    }
}

/// A `session.detach` that the CLI has not answered. The CLI works on several requests at once, so until then
/// the session must not be opened again: the detach could end what was opened after it.
struct Goodbye {
    router: Arc<Router>,
    id: String,
}

impl Goodbye {
    /// None when the session is not registered, so that it is not this one's to leave.
    fn begin(router: &Arc<Router>, state: &Arc<SessionState>) -> Option<Self> {
        let table = &mut *lock(&router.sessions().table);
        table.entry(state)?;
        *table.goodbyes.entry(state.id().to_owned()).or_default() += 1;
        Some(Self { router: Arc::clone(router), id: state.id().to_owned() })
    }
}

impl Drop for Goodbye {
    fn drop(&mut self) {
        let sessions = self.router.sessions();
        if let Place::Occupied(mut count) = lock(&sessions.table).goodbyes.entry(self.id.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        sessions.changed.notify_waiters();
    }
}

/// Detaches the session at once, and returns the task that waits for the CLI's response. None when the session is not
/// registered.
pub(crate) fn say_goodbye(
    router: &Arc<Router>,
    state: &Arc<SessionState>,
) -> Option<JoinHandle<Result<(), Error>>> {
    let goodbye = Goodbye::begin(router, state)?;
    let call = state.caller().call_now(state.version().leave());
    Some(state.peer().runtime().spawn(async move {
        let result = call?.within(GOODBYE).await;
        drop(goodbye);
        result
    }))
}
