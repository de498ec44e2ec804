//! Handlers: the code that answers the CLI's requests.

pub(crate) mod context;
pub(crate) mod dialogs;
pub(crate) mod event_request;
pub(crate) mod handler;
pub(crate) mod hooks;
pub(crate) mod permission;
pub(crate) mod registry;
pub(crate) mod reply;
pub(crate) mod system_message;
pub(crate) mod tool;
