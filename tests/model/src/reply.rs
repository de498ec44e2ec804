//! The replies of the model, built piece by piece.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::Stall;

/// The response header by which OpenAI servers allow or forbid retries.
pub(super) const SHOULD_RETRY: &str = "x-should-retry";

/// One answer of the model. A constructor begins it, and the methods add pieces, which are sent in that order. If the
/// request asks for a stream, as the CLI does, each piece is one chunk.
///
/// # Panics
/// The methods that add pieces, [`paced`](Self::paced) and [`usage`](Self::usage) panic for [`Reply::error`] and
/// [`Reply::http`], which have no pieces.
///
/// ```
/// # use copilot_session_model::Reply;
/// # use serde_json::json;
/// Reply::text("Let me look. ").then_tool_call("view", json!({"path": "notes.txt"}));
/// ```
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// An answer, with the number of tokens of the request and of the answer.
    Answer { pieces: Vec<Piece>, usage: (u64, u64) },
    /// A plain HTTP response, for errors.
    Http { status: StatusCode, body: String },
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
    /// The name of the tool, and its arguments as text.
    ToolCall(String, String),
    Stall(Stall),
    Pause(Duration),
    Cut,
}

impl Reply {
    /// An answer without pieces, to add some in a loop, or to see what an empty answer does. It counts as 100 tokens in
    /// and 10 out until [`usage`](Self::usage) sets others.
    pub fn empty() -> Self {
        let usage = (100, 10);
        Self { headers: HeaderMap::new(), content: Content::Answer { pieces: Vec::new(), usage } }
    }

    /// Text, one chunk per word.
    pub fn text(text: &str) -> Self {
        Self::empty().then_text(text)
    }

    /// Text in exactly these chunks.
    pub fn chunks<T: Into<String>>(chunks: impl IntoIterator<Item = T>) -> Self {
        Self::empty().then_chunks(chunks)
    }

    /// Reasoning, one chunk per word; text or tool calls usually follow.
    pub fn reasoning(text: &str) -> Self {
        Self::empty().then_reasoning(text)
    }

    /// A call of a tool by its name. The arguments are usually an object. The CLI answers a call of a tool that it does
    /// not have with an error, as a result that the model reads.
    pub fn tool_call(name: &str, arguments: Value) -> Self {
        Self::empty().then_tool_call(name, arguments)
    }

    /// An HTTP error, with a body in OpenAI's format. The CLI tries again after most of them, with pauses that add up
    /// to some 20 seconds; see [`Reply::not_retried`].
    ///
    /// # Panics
    /// The status is not between 100 and 999.
    pub fn error(status: u16, message: &str) -> Self {
        Self::http(status, json!({"error": {"message": message, "type": "scripted"}}).to_string())
    }

    /// An HTTP response with any status and body, as of a proxy that is in the way.
    ///
    /// # Panics
    /// The status is not between 100 and 999.
    pub fn http(status: u16, body: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).expect("an HTTP status");
        Self { headers: HeaderMap::new(), content: Content::Http { status, body: body.into() } }
    }

    /// Adds text, one chunk per word.
    pub fn then_text(self, text: &str) -> Self {
        self.then_chunks(text.split_inclusive(' '))
    }

    /// Adds text in exactly these chunks.
    pub fn then_chunks<T: Into<String>>(self, chunks: impl IntoIterator<Item = T>) -> Self {
        self.then(chunks.into_iter().map(|chunk| Piece::Text(chunk.into())))
    }

    /// Adds reasoning, one chunk per word.
    pub fn then_reasoning(self, text: &str) -> Self {
        self.then(text.split_inclusive(' ').map(|word| Piece::Reasoning(word.to_owned())))
    }

    /// Adds a call of a tool; several in one reply are parallel calls. Their ids are `call_1`, `call_2`, ...
    /// in the order in which a server sends them.
    pub fn then_tool_call(self, name: &str, arguments: Value) -> Self {
        self.then_raw_tool_call(name, &arguments.to_string())
    }

    /// Adds a call with exactly this text as its arguments, JSON or not.
    pub fn then_raw_tool_call(self, name: &str, arguments: &str) -> Self {
        self.then([Piece::ToolCall(name.to_owned(), arguments.to_owned())])
    }

    /// Adds the pieces of another reply. The headers and the usage of that reply are lost.
    pub fn followed_by(self, mut other: Self) -> Self {
        let pieces = std::mem::take(other.answer().0);
        self.then(pieces)
    }

    /// Holds the answer here until the test [releases](Stall::release) it.
    pub fn stall(self, stall: &Stall) -> Self {
        self.then([Piece::Stall(stall.clone())])
    }

    /// Pauses before each piece that was added so far, as a model that takes its time. This is for people who watch; a
    /// test that needs an unfinished answer uses [`Reply::stall`].
    pub fn paced(mut self, pause: Duration) -> Self {
        let pieces = self.answer().0;
        *pieces = std::mem::take(pieces).into_iter().flat_map(|piece| [Piece::Pause(pause), piece]).collect();
        self
    }

    /// Cuts the connection here; nothing after this is sent.
    pub fn cut(self) -> Self {
        self.then([Piece::Cut])
    }

    /// Sets the reported number of tokens of the request and of the answer.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        *self.answer().1 = (input, output);
        self
    }

    /// Adds a header to the HTTP response, such as `retry-after`.
    ///
    /// # Panics
    /// It is not the name or the value of a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Makes the CLI not try again after an error.
    pub fn not_retried(self) -> Self {
        self.header(SHOULD_RETRY, "false")
    }

    fn then(mut self, more: impl IntoIterator<Item = Piece>) -> Self {
        self.answer().0.extend(more);
        self
    }

    fn answer(&mut self) -> (&mut Vec<Piece>, &mut (u64, u64)) {
        match &mut self.content {
            Content::Answer { pieces, usage } => (pieces, usage),
            Content::Http { .. } => panic!("an HTTP error has no content to add to"),
        }
    }
}
