//! The life of a session, which each of its calls asks first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::events::stream::Ended;

/// Whether a session still is one.
pub(crate) struct Life {
    id: Box<str>,
    /// Whether the user gave it up, so that its handles send nothing more. Its handlers still may.
    left: AtomicBool,
    ended: OnceLock<Ended>,
}

impl Life {
    pub fn new(id: String) -> Self {
        Self { id: id.into(), left: AtomicBool::new(false), ended: OnceLock::new() }
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Notes that the user gives it up. False when that was so before.
    pub fn leave(&self) -> bool {
        !self.left.swap(true, Ordering::AcqRel)
    }

    /// Ends it. The first reason stays.
    pub fn end(&self, ended: Ended) {
        drop(self.ended.set(ended));
    }

    /// Why it is over; none while it is not.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    /// Refuses what a handler, or the crate itself, may not send any more.
    pub fn check(&self) -> Result<(), Error> {
        self.ended().map_or(Ok(()), |ended| Err(ended.clone().into()))
    }

    /// Refuses what a handle of the user may not send any more.
    pub fn check_handle(&self) -> Result<(), Error> {
        match self.left.load(Ordering::Acquire) {
            true => Err(Error::SessionEnded),
            false => self.check(),
        }
    }
}
