//! Providers: user types that handle a namespace of the methods that the CLI calls on a client, such as the files of
//! a session.
//!
//! The only method of a namespace is handled by a closure, with
//! [`SessionBuilder::handle`](crate::SessionBuilder::handle) or
//! [`ClientBuilder::handle`](crate::ClientBuilder::handle). Each namespace of several methods has a trait, whose
//! methods all have default bodies: a method that a later version of the CLI adds breaks no implementation. A function
//! turns an implementation into a [`Provider`], and [`SessionBuilder::provide`](crate::SessionBuilder::provide) or
//! [`ClientBuilder::provide`](crate::ClientBuilder::provide) registers it:
//!
//! ```
//! use copilot_session::providers::{SkillProvider, skill_provider};
//! use copilot_session::types::{
//!     SkillProviderDescriptor, SkillProviderListResult, SkillProviderReadRequest, SkillProviderReadResult,
//! };
//! use copilot_session::{HandlerContext, RpcError, SessionBuilder};
//!
//! struct Origami;
//!
//! impl SkillProvider for Origami {
//!     async fn list(&self, _: HandlerContext) -> Result<SkillProviderListResult, RpcError> {
//!         let skill = SkillProviderDescriptor::new("origami", "Folds paper birds");
//!         Ok(SkillProviderListResult::new(vec![skill]))
//!     }
//!
//!     async fn read(
//!         &self,
//!         skill: SkillProviderReadRequest,
//!         _: HandlerContext,
//!     ) -> Result<SkillProviderReadResult, RpcError> {
//!         match skill.name.as_str() {
//!             "origami" => Ok(SkillProviderReadResult::new(Some("First fold a corner.".to_owned()))),
//!             _ => Err("there is no such skill".into()),
//!         }
//!     }
//! }
//!
//! fn configure(session: SessionBuilder) -> SessionBuilder {
//!     session.provide(skill_provider(Origami))
//! }
//! ```
//!
//! A method runs as a handler does: on a task of its own, for at most the `handler_timeout`, and concurrently with
//! others. To replace one method of a provider, call [`handle`](crate::SessionBuilder::handle) after `provide`.
//!
//! A trait for requests of sessions is generic over the context. `impl SessionFs for Files` serves one session, `impl
//! SessionFs<ClientContext> for Files` all sessions of a client, and `impl<C: Send> SessionFs<C> for Files` either.
//! The provider of a session replaces the client's handlers for all methods of its namespace.
//!
//! `MemoryFiles` (feature `memory-files`) is a complete [`SessionFs`] in memory.

#[cfg(feature = "memory-files")]
mod memory_files;

use std::future::{Ready, ready};
use std::sync::Arc;

use crate::handlers::context::{ClientContext, HandlerContext, HandlerTimeout};
use crate::handlers::handler::{self, Handler, decode, encode};
use crate::rpc::{ClientMethod, RpcError};

// The schema's prose is not written for rustdoc.
#[allow(rustdoc::all, deprecated)]
#[rustfmt::skip]
#[path = "generated/providers.rs"]
mod generated;

pub use generated::*;
#[cfg(feature = "memory-files")]
pub use memory_files::MemoryFiles;

/// The handlers of a namespace of methods. Their context is that of a session ([`HandlerContext`]) or that of a client
/// ([`ClientContext`]), depending on the builder whose `provide` registers them.
#[must_use = "a provider does nothing until `provide` registers it"]
pub struct Provider<Context> {
    pub(crate) handlers: Vec<(&'static str, Handler<Context>)>,
}

impl<Context> std::fmt::Debug for Provider<Context> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.handlers.iter().map(|(method, _)| method)).finish()
    }
}

impl<Context: HandlerTimeout> Provider<Context> {
    /// Creates a handler for each method. `call` handles all of them, so that a provider is compiled as one handler.
    fn of<P, F, Fut>(provider: P, methods: &[&'static str], call: F) -> Self
    where
        P: Send + Sync + 'static,
        F: Fn(Arc<P>, &'static str, Box<str>, Context) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<String, RpcError>> + Send + 'static,
    {
        let provider = Arc::new(provider);
        let handler = |method: &&'static str| {
            let (provider, method) = (Arc::clone(&provider), *method);
            let handle = move |params, context| call(Arc::clone(&provider), method, params, context);
            (method, handler::untyped(handle))
        };
        Self { handlers: methods.iter().map(handler).collect() }
    }
}

/// Returns the response of a method without an implementation.
fn unhandled<M: ClientMethod, Context>(_: M::Params, _: Context) -> Ready<Result<M::Result, RpcError>> {
    ready(Err(RpcError::unhandled(M::NAME)))
}
