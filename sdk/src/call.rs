//! Calls to the CLI.

pub(crate) mod life;
pub(crate) mod peer;

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde_core::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;
use tracing::Span;

use crate::call::{life::Life, peer::Peer};
use crate::error::{Closed, Error, RpcError, unsupported::Unsupported};
use crate::rpc::message::{self, NoResult, Params, Response, check_depth};
use crate::trace::spans;
use crate::wire::shared::Text;
use crate::wire::{self, DecodeError, Unsendable, Wire, peek, peek::keys, quote, redact, scan::is_plain};

/// The key of a session's id in params.
const ID: &str = "sessionId";

fn names_a_session(method: &str) -> Error {
    Error::Invalid(format!(
        "the params of {method} name a session, and the session's own id is added to them"
    ))
}

/// The sender of calls: the client, or one of its sessions.
#[derive(Clone)]
pub struct Caller {
    pub(crate) peer: Arc<Peer>,
    session: Option<Arc<Life>>,
    /// True if the calls come from a user's handle of the session, not from one of its handlers.
    is_handle: bool,
}

impl Caller {
    pub(crate) fn new(peer: Arc<Peer>, session: Option<Arc<Life>>) -> Self {
        Self { peer, session, is_handle: false }
    }

    /// Returns the same caller for a user's handle, which sends nothing after `session.detach`.
    pub(crate) fn for_handle(&self) -> Self {
        Self { is_handle: true, ..self.clone() }
    }

    /// Returns an error if the session has ended. Everything but the response to an event request is checked.
    fn check(&self) -> Result<(), Error> {
        match &self.session {
            Some(life) if self.is_handle => life.check_handle(),
            Some(life) => life.check(),
            None => Ok(()),
        }
    }

    /// Returns an error if the params of a session's call name a session: its own id is added to them, and the CLI
    /// would take the later one.
    fn check_params(&self, method: &str, params: &str) -> Result<(), Error> {
        // Params that this crate writes have no escapes in this key.
        let may_name = self.session.is_some() && params.contains(ID);
        match may_name && peek::has(params, ID) {
            true => Err(names_a_session(method)),
            false => Ok(()),
        }
    }

    /// Returns a call that is sent when it is first polled.
    pub(crate) fn call<R>(&self, method: &'static str, params: &dyn Wire) -> Call<R> {
        self.with_params(method, wire::to_params(params))
    }

    /// Returns a call about a GitHub account. The client's token is added, unless the params name another.
    pub(crate) fn call_with_login<R>(&self, method: &'static str, params: &dyn Wire) -> Call<R> {
        self.with_params(method, wire::to_params(params).map(|params| self.with_login(params)))
    }

    /// Returns a call whose params are the JSON of an object, to which the session's id is added.
    pub(crate) fn call_json<R>(&self, method: &'static str, params: String) -> Call<R> {
        self.with_params(method, Ok(params))
    }

    fn with_params<R>(&self, method: &'static str, params: Result<String, Unsendable>) -> Call<R> {
        Call { request: self.request(method, params), result: PhantomData }
    }

    fn request<'m>(&self, method: &'m str, params: Result<String, Unsendable>) -> Request<'m> {
        let state = State::New { params };
        Request { caller: self.clone(), method, timeout: self.peer.call_timeout, state }
    }

    /// Makes a call of any method. The session's id is added to its params.
    pub(crate) async fn call_raw<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, Error> {
        let params = serde_json::to_string(&params).map_err(|error| error.to_string());
        let params = self.raw_params(method, params)?;
        let mut request = self.request(method, Ok(params));
        let result = request.json().await?;
        serde_json::from_str(&result).map_err(|error| {
            // The text of serde's error quotes values, which may be private.
            let found = format!("another shape of JSON from byte {} on", error.column());
            request.mismatch(DecodeError::new(std::any::type_name::<R>(), found))
        })
    }

    /// Checks a method that is not from the schema, and returns its params, or the error with which they could not be
    /// written.
    fn raw_params(&self, method: &str, params: Result<String, String>) -> Result<String, Error> {
        if method.is_empty() || !is_plain(method) {
            return Err(Error::Invalid(format!("{method:?} is not the name of a method")));
        }
        let invalid = |reason: &str| Error::Invalid(format!("the params of {method} {reason}"));
        let mut params = params.map_err(|error| invalid(&format!("cannot be written: {error}")))?;
        // JSON of the caller may have more than one line, which a wire log has not.
        if params.contains(['\n', '\r']) {
            params = params.replace(['\n', '\r'], " ");
        }
        match params.trim_ascii() {
            "null" => return Ok("{}".to_owned()),
            object if object.starts_with('{') && object.len() < params.len() => params = object.to_owned(),
            object if object.starts_with('{') => {}
            _ => return Err(invalid("are not an object")),
        }
        // What cannot be read is refused when it is sent.
        match self.session.is_some() && peek::has(&params, ID) {
            true => Err(names_a_session(method)),
            false => Ok(params),
        }
    }

    /// Sends a call at once, even if it is never polled.
    ///
    /// # Errors
    /// If the session has ended or the connection is closed.
    pub(crate) fn call_now(
        &self,
        method: &'static str,
        params: &dyn Wire,
        timeout: Option<Duration>,
    ) -> Result<Call<()>, Error> {
        let mut call = self.call(method, params).timeout(timeout);
        call.request.send()?;
        Ok(call)
    }

    /// Sends the response to an event request at once, as a request whose own response is ignored. It is sent even if
    /// the session has just ended. The params are the JSON of an object, to which the session's id is added.
    pub(crate) fn answer_json(&self, method: &str, params: &str) -> Result<(), Error> {
        check_depth(params)?;
        self.peer.connection.request_unanswered(method, self.params(params));
        Ok(())
    }

    fn span(&self, method: &str) -> Span {
        spans::call(method, self.session.as_ref().map(|life| life.id()))
    }

    /// Adds the session's id to the JSON of an object of params.
    fn params<'a>(&'a self, object: &'a str) -> Params<'a> {
        Params { first: self.session.as_ref().map_or("", |life| life.member()), object }
    }

    /// Adds the client's GitHub token to the JSON of an object of params, unless they name a login or a model
    /// provider of their own, with which the CLI refuses a token.
    pub(crate) fn with_login(&self, params: String) -> String {
        const OWN: [&str; 4] =
            ["gitHubToken", "gitHubTokenProviderRegistrationId", "selectionId", "provider"];
        let (Some(token), Some(rest)) = (self.peer.github_token.as_deref(), params.strip_prefix('{')) else {
            return params;
        };
        if !peek::pick(&params, OWN).is_ok_and(|own| own == [None; 4]) {
            return params;
        }
        let comma = if rest.starts_with('}') { "" } else { "," };
        format!(r#"{{"gitHubToken":{}{comma}{rest}"#, quote(token))
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("session_id", &self.session.as_ref().map(|life| life.id()))
            .finish_non_exhaustive()
    }
}

/// A call to the CLI: a future that sends a request and resolves to its result.
///
/// Nothing is sent before the first poll. Then the CLI must respond within the client's
/// [`call_timeout`](crate::ClientBuilder::call_timeout), 2 minutes by default, or within the
/// [`timeout`](Self::timeout) of the call. Dropping a pending call does not cancel it in the CLI; its response is
/// discarded.
///
/// # Errors
/// * [`Error::Invalid`] if the params are nested too deeply, an object in them has a key twice, or those of a session's
///   call name a session; nothing is sent then,
/// * [`Error::Unsupported`] if the CLI does not know the method,
/// * [`Error::Rpc`] if it responds with another error,
/// * [`Error::Decode`] if the result does not match the schema,
/// * [`Error::Closed`] if the connection is closed,
/// * [`Error::SessionEnded`] if the session has ended; nothing is sent then,
/// * [`Error::Timeout`] if the CLI does not respond in time.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    request: Request<'static>,
    result: PhantomData<fn() -> R>,
}

/// The part of a call that is the same for every result.
struct Request<'m> {
    caller: Caller,
    method: &'m str,
    timeout: Option<Duration>,
    state: State,
}

enum State {
    New { params: Result<String, Unsendable> },
    Sent { id: u64, response: oneshot::Receiver<Response>, span: Span },
    Done,
}

impl<R> Call<R> {
    /// Sets the timeout of this call, counted from the first poll, in place of the client's
    /// [`call_timeout`](crate::ClientBuilder::call_timeout); `None` for none.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.request.timeout = timeout.into();
        self
    }

    /// Waits for the JSON of the result, without decoding it.
    pub(crate) async fn json(mut self) -> Result<Text, Error> {
        self.request.json().await
    }

    /// Sends the call, whose result may report a failure.
    pub(crate) async fn done(mut self) -> Result<(), Error> {
        let result = self.request.json().await?;
        let keys = keys!(AbortResult, ["success", "error"]);
        let [success, error] = peek::pick(&result, keys).unwrap_or_default();
        if success != Some("false") {
            return Ok(());
        }
        let reason = error.and_then(peek::string).unwrap_or("no reason given".into());
        let reason = redact::text(&reason).into_owned();
        Err(Error::Refused { method: self.request.method.to_owned(), reason })
    }

    /// Waits for the result and reads it by `read`, from its JSON. Parts of the result may share that text. `read` must
    /// not accept text behind one value.
    pub(crate) async fn read_by<T>(
        mut self,
        read: impl Fn(&Text) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        let result = std::future::poll_fn(|context| self.request.poll_unchecked(context)).await?;
        let result = result.shareable();
        let found = match read(&result) {
            Err(_) if !message::is_json(&result) => read(&self.request.unusual(&result)?),
            found => found,
        };
        found.map_err(|error| self.request.mismatch(error))
    }
}

impl<R: Wire> Future for Call<R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut result = R::empty();
        self.request.poll_into(context, &mut result).map(|read| read.map(|()| result))
    }
}

impl Request<'_> {
    /// Waits for the JSON of the result, without decoding it.
    async fn json(&mut self) -> Result<Text, Error> {
        let result = std::future::poll_fn(|context| self.poll_unchecked(context)).await?;
        if message::is_json(&result) { Ok(result) } else { self.unusual(&result) }
    }

    /// Sends the call, unless it is sent already.
    fn send(&mut self) -> Result<(), Error> {
        let State::New { params } = &self.state else { return Ok(()) };
        self.caller.check()?;
        let params = params.as_ref().map_err(|error| Error::from(error.clone()))?;
        check_depth(params)?;
        self.caller.check_params(self.method, params)?;
        let (params, span) = (self.caller.params(params), self.caller.span(self.method));
        let sent = self.caller.peer.connection.request(self.method, params, self.timeout);
        let (id, response) = sent.map_err(Error::Closed)?;
        self.state = State::Sent { id, response, span };
        Ok(())
    }

    /// Sends the request and waits for its result, which may be unchecked.
    fn poll_unchecked(&mut self, context: &mut Context<'_>) -> Poll<Result<Text, Error>> {
        self.send()?;
        let State::Sent { response, span, .. } = &mut self.state else {
            return Poll::Ready(Err(Error::Invalid(format!(
                "{} was polled after it completed",
                self.method
            ))));
        };
        let response = ready!(Pin::new(response).poll(context));
        let span = std::mem::replace(span, Span::none());
        self.state = State::Done;
        let result = match response {
            Ok(response) => response.map_err(|reason| self.error(reason)),
            Err(_) => Err(Error::Closed(Closed::new("the connection ended"))),
        };
        if let Err(error) = &result {
            spans::failed(&span, error.kind());
        }
        Poll::Ready(result)
    }

    /// Returns the result of a response whose unchecked result is no JSON.
    fn unusual(&self, result: &str) -> Result<Text, Error> {
        message::unusual_result(result).map_err(|reason| self.error(reason))
    }

    fn error(&self, reason: NoResult) -> Error {
        match reason {
            NoResult::Rpc(error) => self.failed(error),
            NoResult::Unreadable(error) => self.mismatch(error),
            NoResult::Closed(closed) => Error::Closed(closed),
            NoResult::TimedOut => self.caller.peer.timed_out(self.method, self.timeout.unwrap_or_default()),
        }
    }

    fn mismatch(&self, error: DecodeError) -> Error {
        Error::decode(self.method, error, Some(self.caller.peer.version()))
    }

    fn failed(&self, error: RpcError) -> Error {
        match error.code {
            RpcError::METHOD_NOT_FOUND => {
                Unsupported::method(self.method, self.caller.peer.version(), error).into()
            }
            _ => Error::Rpc { method: self.method.to_owned(), error },
        }
    }

    /// Decodes the result into `result`.
    fn poll_into(&mut self, context: &mut Context<'_>, result: &mut dyn Wire) -> Poll<Result<(), Error>> {
        let mut json = ready!(self.poll_unchecked(context))?;
        let mut read = wire::read_json(&json, result);
        if read.is_err() && !message::is_json(&json) {
            json = self.unusual(&json)?;
            read = wire::read_json(&json, result);
        }
        if &*json == "null" {
            // Old CLIs return null where newer ones return an object.
            read = read.or_else(|error| wire::read_json("{}", result).map_err(|_| error));
        }
        Poll::Ready(read.map_err(|error| self.mismatch(error)))
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if let State::Sent { id, .. } = self.state {
            self.caller.peer.connection.abandon(id);
        }
    }
}

impl<R> std::fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("method", &self.request.method).finish_non_exhaustive()
    }
}
