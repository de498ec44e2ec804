//! The common form of all handlers for JSON-RPC requests of the CLI.

use std::sync::Arc;

use crate::handlers::context::{HandlerContext, HandlerTimeout};
use crate::handlers::reply::{self, IntoReply, Replies};
use crate::rpc::{ClientMethod, RpcError};
use crate::runtime::BoxFuture;
use crate::wire::{self, Wire};

/// A handler for one method, from the JSON of the params to that of the result.
pub(crate) type Handler<Context> = Arc<dyn Fn(Box<str>, Context) -> Handling + Send + Sync>;
/// The future of a running handler.
pub(crate) type Handling = BoxFuture<Result<String, RpcError>>;

/// A closure that handles the requests of a method: `async |params, context| …`, whose future is `Send`. Each request
/// calls a new clone of it.
//
// `AsyncFnOnce` is there for the inference of the argument types of an `async` closure.
#[diagnostic::on_unimplemented(
    message = "this does not handle `{M}`",
    label = "not an `async` closure of the params and the context that is `Clone` and whose future is `Send` and returns a `Result<_, RpcError>`",
    note = "a closure is needed here: write `|params, context| handle(params, context)` for anything else"
)]
pub trait Handles<M: ClientMethod, Context>:
    AsyncFnOnce(M::Params, Context) -> Result<M::Result, RpcError>
    + FnOnce(M::Params, Context) -> <Self as Handles<M, Context>>::Future
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The future that the closure returns.
    type Future: Future<Output = Result<M::Result, RpcError>> + Send + 'static;
}

impl<M, Context, F, Fut> Handles<M, Context> for F
where
    M: ClientMethod,
    F: AsyncFnOnce(M::Params, Context) -> Result<M::Result, RpcError>,
    F: FnOnce(M::Params, Context) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<M::Result, RpcError>> + Send + 'static,
{
    type Future = Fut;
}

/// Turns a closure that decodes the params and encodes the result itself into a handler.
pub(crate) fn untyped<Context, F, Fut>(handle: F) -> Handler<Context>
where
    Context: HandlerTimeout,
    F: Fn(Box<str>, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, RpcError>> + Send + 'static,
{
    let handle = Arc::new(handle);
    Arc::new(move |params, context| {
        let handle = Arc::clone(&handle);
        Box::pin(async move {
            let limit = context.timeout();
            reply::caught(limit, async { handle(params, context).await }).await?
        })
    })
}

/// The same for a typed closure.
pub(crate) fn typed<M: ClientMethod, Context: HandlerTimeout>(
    handle: impl Handles<M, Context>,
) -> Handler<Context> {
    untyped(move |params: Box<str>, context| {
        let handling = decode::<M>(&params).map(|params| handle.clone()(params, context));
        async move { encode(&handling?.await?) }
    })
}

/// The same for a closure that returns any [`IntoReply`] of the result.
pub(crate) fn replying<M: ClientMethod>(
    handle: impl Replies<M::Params, M::Result>,
) -> Handler<HandlerContext> {
    typed::<M, HandlerContext>(move |params, context| {
        let handling = handle(params, context);
        async move { Ok(handling.await.into_reply()?) }
    })
}

/// Returns a result as JSON.
pub(crate) fn encode(result: &dyn Wire) -> Result<String, RpcError> {
    wire::to_unique_json(result).map_err(|error| RpcError::from(error.to_string()))
}

pub(crate) fn decode<M: ClientMethod>(params: &str) -> Result<M::Params, RpcError> {
    wire::from_json(params).map_err(|error| RpcError::new(RpcError::INVALID_PARAMS, error.to_string()))
}
