//! The life of a session, which each of its calls checks first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::events::stream::Ended;
use crate::wire::quote;

/// Records whether a session can still send requests.
pub(crate) struct Life {
    id: Box<str>,
    /// The id as the first member of params.
    member: Box<str>,
    /// True once the session is being detached: its handles send nothing more, its handlers still may.
    is_detached: AtomicBool,
    ended: OnceLock<Ended>,
}

impl Life {
    pub fn new(id: String) -> Self {
        let member = [r#""sessionId":"#, &quote(&id)].concat().into();
        Self { id: id.into(), member, is_detached: AtomicBool::new(false), ended: OnceLock::new() }
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The session's id as the first member of params.
    pub fn member(&self) -> &str {
        &self.member
    }

    /// Records that the session is being detached. Returns false if it was already.
    pub fn start_detach(&self) -> bool {
        !self.is_detached.swap(true, Ordering::AcqRel)
    }

    /// Ends the session. A later reason is ignored.
    pub fn end(&self, ended: Ended) {
        drop(self.ended.set(ended));
    }

    /// The reason why the session ended; none until it does.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    /// Returns an error if handlers and the crate itself may send nothing more.
    pub fn check(&self) -> Result<(), Error> {
        self.ended().map_or(Ok(()), |ended| Err(ended.clone().into()))
    }

    /// Returns an error if a user's handle may send nothing more.
    pub fn check_handle(&self) -> Result<(), Error> {
        match self.is_detached.load(Ordering::Acquire) {
            true => Err(Error::SessionEnded),
            false => self.check(),
        }
    }
}
