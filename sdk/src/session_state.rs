//! What the connection knows of a session: who handles what, and who watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::connection::{Connection, lock};
use crate::error::Closed;
use crate::event::SessionEvent;
use crate::events::{Ended, Events, Observers};
use crate::handler::Handler;
use crate::permission::{self, Decide};
use crate::rpc::Caller;
use crate::tool::{self, Tool};
use crate::versions::CliVersion;

/// The part of a session that lives as long as the CLI may speak of it.
pub(crate) struct SessionState {
    id: Arc<str>,
    caller: Caller,
    versions: CliVersion,
    observers: Arc<Observers>,
    handlers: Mutex<Handlers>,
}

/// What this client does for the session.
#[derive(Default)]
pub(crate) struct Handlers {
    pub tools: HashMap<String, Tool>,
    pub permission: Option<Decide>,
    /// By method.
    pub requests: HashMap<&'static str, Handler>,
}

impl SessionState {
    pub fn new(
        id: String,
        connection: Arc<Connection>,
        versions: CliVersion,
        handlers: Handlers,
    ) -> Arc<Self> {
        let id: Arc<str> = id.into();
        Arc::new(Self {
            caller: Caller::new(connection, Some(Arc::clone(&id))),
            id,
            versions,
            observers: Observers::new(),
            handlers: Mutex::new(handlers),
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub fn versions(&self) -> &CliVersion {
        &self.versions
    }

    pub fn handler(&self, method: &str) -> Option<Handler> {
        lock(&self.handlers).requests.get(method).cloned()
    }

    pub fn tool(&self, name: &str) -> Option<Tool> {
        lock(&self.handlers).tools.get(name).cloned()
    }

    pub fn decides(&self) -> Option<Decide> {
        lock(&self.handlers).permission.clone()
    }

    pub fn subscribe(&self) -> Events {
        self.observers.subscribe()
    }

    pub fn subscribe_from_now(&self) -> Events {
        self.observers.subscribe_from_now()
    }

    /// Takes a live event: answers what it asks, then shows it to all who watch.
    pub fn deliver(self: &Arc<Self>, event: SessionEvent) {
        match event.kind() {
            "external_tool.requested" => tool::requested(self, &event),
            "permission.requested" => permission::requested(self, &event),
            _ => {}
        }
        self.observers.push(event);
    }

    /// Frees what the session held and tells its observers that it is over.
    pub fn end(&self, closed: Option<Closed>) {
        let handlers = std::mem::take(&mut *lock(&self.handlers));
        drop(handlers);
        self.observers.end(closed.map_or(Ended::Session, Ended::Connection));
    }
}
