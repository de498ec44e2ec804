//! Calls on the CLI, and the calls of the CLI as types.

pub(crate) mod life;
pub(crate) mod peer;

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::call::life::Life;
use crate::call::peer::Peer;
use crate::error::unsupported::Unsupported;
use crate::error::{Closed, Error, RpcError};
use crate::rpc::message::{NoResult, Response, check_depth};
use crate::wire::peek;
use crate::wire::quote;
use crate::wire::{self, Wire, Writer};

/// Who makes a call: the client, or one of its sessions.
#[derive(Clone)]
pub struct Caller {
    peer: Arc<Peer>,
    session: Option<Arc<Life>>,
    /// Whether it is a user's handle of the session that calls, and not one of its handlers.
    is_handle: bool,
}

impl Caller {
    pub(crate) fn new(peer: Arc<Peer>, session: Option<Arc<Life>>) -> Self {
        Self { peer, session, is_handle: false }
    }

    /// The same for a user's handle, which sends nothing more from the goodbye on.
    pub(crate) fn for_handle(&self) -> Self {
        Self { is_handle: true, ..self.clone() }
    }

    /// Refuses what is not to be sent since the session is over. All but answers passes here.
    fn check(&self) -> Result<(), Error> {
        match &self.session {
            Some(life) if self.is_handle => life.check_handle(),
            Some(life) => life.check(),
            None => Ok(()),
        }
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// A call that is sent when it is first polled.
    #[inline]
    pub(crate) fn call<R>(&self, method: &'static str, params: &dyn Wire) -> Call<R> {
        self.with_params(method, self.params(params))
    }

    /// A call about a GitHub account: the client's token goes with it, unless the params name another.
    #[inline]
    pub(crate) fn call_with_login<R>(&self, method: &'static str, params: &dyn Wire) -> Call<R> {
        self.with_params(method, self.with_login(self.params(params)))
    }

    /// A call with params that are JSON already, an object's, to which the session's id is added.
    pub(crate) fn call_json<R>(&self, method: &'static str, params: String) -> Call<R> {
        self.with_params(method, self.with_session(&params))
    }

    #[inline]
    fn with_params<R>(&self, method: &'static str, params: String) -> Call<R> {
        Call { request: self.request(method, State::New { params }), result: PhantomData }
    }

    #[inline]
    fn request(&self, method: &'static str, state: State) -> Request {
        Request { caller: self.clone(), method, timeout: self.peer.call_timeout(), state }
    }

    /// A call that is sent at once, whether or not it is ever polled.
    ///
    /// # Errors
    /// When nothing can be sent any more.
    pub(crate) fn call_now(&self, method: &'static str, timeout: Duration) -> Result<Call<()>, Error> {
        self.check()?;
        let sent = self.peer.connection().request(method, &self.params(&()), Some(timeout));
        let (id, response) = sent.map_err(Error::Closed)?;
        let request = self.request(method, State::Sent { id, response });
        Ok(Call { request, result: PhantomData }.timeout(timeout))
    }

    /// Sends a request at once whose answer nobody waits for.
    ///
    /// # Errors
    /// When the params nest too deep to be sent, and when the session is over.
    pub(crate) fn notify(&self, method: &str, params: &dyn Wire) -> Result<(), Error> {
        self.check()?;
        self.submit(method, &self.params(params))
    }

    /// Sends the answer to a request that came as an event: a request at once whose own answer nobody waits
    /// for. Whoever owes the answer sends it, also when the session ends at that moment. The params are JSON
    /// already, an object's, to which the session's id is added.
    pub(crate) fn answer_json(&self, method: &str, params: &str) -> Result<(), Error> {
        self.submit(method, &self.with_session(params))
    }

    fn submit(&self, method: &str, params: &str) -> Result<(), Error> {
        check_depth(params)?;
        self.peer.connection().request_unanswered(method, params);
        Ok(())
    }

    /// The params as JSON, with the session's id among them.
    fn params(&self, params: &dyn Wire) -> String {
        let mut out = Writer::new();
        params.write(&mut out);
        self.with_session(&out.into_json())
    }

    /// Adds the client's GitHub token to params that are JSON already, an object's, unless they name a login or a
    /// model provider of their own: the CLI refuses a token beside those.
    pub(crate) fn with_login(&self, params: String) -> String {
        const OWN: [&str; 4] =
            ["gitHubToken", "gitHubTokenProviderRegistrationId", "selectionId", "provider"];
        let (Some(token), Some(rest)) = (self.peer.github_token(), params.strip_prefix('{')) else {
            return params;
        };
        if !peek::pick(&params, OWN).is_ok_and(|own| own == [None; 4]) {
            return params;
        }
        let comma = if rest.starts_with('}') { "" } else { "," };
        format!(r#"{{"gitHubToken":{}{comma}{rest}"#, quote(token))
    }

    fn with_session(&self, params: &str) -> String {
        match (&self.session, params.strip_prefix('{')) {
            (Some(life), Some("}")) => format!(r#"{{"sessionId":{}}}"#, quote(life.id())),
            (Some(life), Some(rest)) => format!(r#"{{"sessionId":{},{rest}"#, quote(life.id())),
            _ => params.to_owned(),
        }
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("session_id", &self.session.as_ref().map(|life| life.id()))
            .finish_non_exhaustive()
    }
}

/// A request to the CLI, and the wait for its answer.
///
/// Nothing is sent before the first poll. From then on the CLI has the client's
/// [`call_timeout`](crate::ClientBuilder::call_timeout) to respond, 2 minutes by default, or that of
/// [`timeout`](Self::timeout). Dropping the call forgets it: the CLI still does what was asked, and its response is
/// discarded.
///
/// # Errors
/// * [`Error::Unsupported`] when the CLI does not know the method,
/// * [`Error::Rpc`] when it answers with another error,
/// * [`Error::Decode`] when the answer has another shape than the schema says,
/// * [`Error::Closed`] when the connection is over,
/// * [`Error::SessionEnded`] for a call on a session that has ended, for which nothing is sent,
/// * [`Error::Timeout`] when the CLI does not respond in time.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    request: Request,
    result: PhantomData<fn() -> R>,
}

/// The part of a call that is the same for every result.
struct Request {
    caller: Caller,
    method: &'static str,
    timeout: Option<Duration>,
    state: State,
}

enum State {
    New { params: String },
    Sent { id: u64, response: oneshot::Receiver<Response> },
    Done,
}

impl<R> Call<R> {
    /// Sets the time that the CLI has to respond, from the first poll on: shorter or longer than the client's
    /// [`call_timeout`](crate::ClientBuilder::call_timeout), or `None` for no timeout.
    #[inline]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.request.timeout = timeout.into();
        self
    }

    /// Waits for the JSON of the result, without decoding it.
    pub(crate) async fn json(mut self) -> Result<Box<str>, Error> {
        std::future::poll_fn(|context| self.request.poll_json(context)).await
    }
}

impl<R: Wire> Future for Call<R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut result = R::empty();
        self.request.poll_into(context, &mut result).map(|read| read.map(|()| result))
    }
}

impl Request {
    /// Sends the request and waits for the JSON of its result.
    fn poll_json(&mut self, context: &mut Context<'_>) -> Poll<Result<Box<str>, Error>> {
        if let State::New { params } = &mut self.state {
            if let Err(error) = self.caller.check().and_then(|()| Ok(check_depth(params)?)) {
                return Poll::Ready(Err(error));
            }
            match self.caller.peer.connection().request(self.method, params, self.timeout) {
                Ok((id, response)) => self.state = State::Sent { id, response },
                Err(closed) => return Poll::Ready(Err(Error::Closed(closed))),
            }
        }
        let State::Sent { response, .. } = &mut self.state else {
            return Poll::Ready(Err(Error::Invalid(format!("{} was polled after its answer", self.method))));
        };
        let response = ready!(Pin::new(response).poll(context));
        self.state = State::Done;
        Poll::Ready(match response {
            Ok(Ok(json)) => Ok(json),
            Ok(Err(NoResult::Rpc(error))) => Err(self.failed(error)),
            Ok(Err(NoResult::Unreadable(error))) => {
                Err(Error::decode(self.method, error, self.caller.peer.version()))
            }
            Ok(Err(NoResult::Closed(closed))) => Err(Error::Closed(closed)),
            Ok(Err(NoResult::TimedOut)) => {
                Err(self.caller.peer.timed_out(self.method, self.timeout.unwrap_or_default()))
            }
            Err(_) => Err(Error::Closed(Closed::new("the connection ended"))),
        })
    }

    fn failed(&self, error: RpcError) -> Error {
        match error.code {
            RpcError::METHOD_NOT_FOUND => {
                let version = self.caller.peer.version();
                Unsupported::method(self.method, version, error).into()
            }
            _ => Error::Rpc { method: self.method.to_owned(), error },
        }
    }

    /// Reads the result into its place.
    fn poll_into(&mut self, context: &mut Context<'_>, result: &mut dyn Wire) -> Poll<Result<(), Error>> {
        let json = ready!(self.poll_json(context))?;
        let mut read = wire::read_json(&json, result);
        if &*json == "null" {
            // Old versions have nothing to tell where newer ones answer with an object.
            read = read.or_else(|error| wire::read_json("{}", result).map_err(|_| error));
        }
        Poll::Ready(read.map_err(|error| Error::decode(self.method, error, self.caller.peer.version())))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let State::Sent { id, .. } = self.state {
            self.caller.peer.connection().abandon(id);
        }
    }
}

impl<R> std::fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("method", &self.request.method).finish_non_exhaustive()
    }
}
