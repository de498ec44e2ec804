//! Decides what every build of the SDK has, and what only the feature [`FULL`] adds.
//!
//! Types are most of what the SDK costs to compile, and most types belong to calls that few programs make. Events,
//! configuration and everything that the CLI asks of a client are in every build.

use std::collections::BTreeSet;

use crate::model::{Method, Model, Ty};
use crate::read::Group;

/// The feature that adds all other calls and the types that only they use.
pub const FULL: &str = "full";

/// The namespaces of a session that every build has: calls of a program that runs sessions and shows them to a person.
/// Those of the CLI's own user interface, of its settings and of what is installed are left to the feature, as is any
/// namespace that a newer CLI adds.
pub const OF_SESSIONS: &[&str] = &[
    "agent", "commands", "eventLog", "fleet", "history", "lsp", "mode", "model", "name", "plan", "shell",
    "skills", "ui", "usage",
];

/// The namespaces of the whole CLI that every build has: calls before the first session, and those by which a client
/// announces that it answers requests for models or files.
pub const OF_SERVER: &[&str] =
    &["auth", "llmInference", "models", "runtime", "session", "sessionFs", "status", "tools"];

/// Methods of other namespaces that hand-written code calls by their wire names.
pub const CALLED_BY_HAND: &[&str] =
    &["session.permissions.pendingRequests", "session.tools.listPendingRequests", "session.tools.set"];

/// Returns true if every build has the calls of a namespace. The functions that stand directly on a session or on the
/// server are no namespace, and every build has them.
pub fn is_everyday(group: Group, namespace: &str) -> bool {
    match group {
        Group::Session => OF_SESSIONS.contains(&namespace),
        Group::Server => OF_SERVER.contains(&namespace),
        Group::ClientSession | Group::ClientGlobal | Group::Notification => true,
    }
}

/// The names of a method's namespaces, outermost first, and of the method. A session has no namespace of its own.
pub fn path(method: &Method) -> Vec<&str> {
    let name = match method.group {
        Group::Session => method.name.strip_prefix("session.").unwrap_or(&method.name),
        _ => &method.name,
    };
    name.split('.').collect()
}

/// The methods and types of every build.
pub struct Everyday<'m> {
    methods: BTreeSet<&'m str>,
    types: BTreeSet<&'m str>,
}

impl<'m> Everyday<'m> {
    pub fn of(model: &'m Model) -> Self {
        let answers = || model.event_requests.iter().map(|request| request.answered_by.as_str());
        let is_used = |method: &Method| match *path(method) {
            [namespace, _, ..] if !is_everyday(method.group, namespace) => {
                CALLED_BY_HAND.contains(&&*method.name) || answers().any(|name| name == method.name)
            }
            _ => true,
        };
        let methods: Vec<&Method> = model.methods.values().filter(|method| is_used(method)).collect();
        let of_methods = methods.iter().flat_map(|method| [&method.params, &method.result]);
        let of_events = model.events.values().map(|event| &event.data);
        let of_hooks = model.hooks.iter().flat_map(|hook| [&hook.input, &hook.output]);
        let responses = model.event_requests.iter().filter_map(|request| request.response.as_ref());
        let of_responses = responses.map(|(_, ty)| ty);
        let roots = of_methods.chain(of_events).chain(of_hooks).chain(of_responses);
        let types = model.reach(roots.filter_map(Ty::named));
        Self { methods: methods.into_iter().map(|method| &*method.name).collect(), types }
    }

    /// Returns true if every build has the types of a method.
    pub fn has_method(&self, method: &Method) -> bool {
        self.methods.contains(&*method.name)
    }

    /// Returns true if every build has a type.
    pub fn has_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }
}
