//! Everything the CLI may ask of a client, seen on the wire: what is answered by a handler that works,
//! fails or panics, by one that is not there, and to a request that cannot be read.

mod broadcasts;
mod calls;
mod cancellation;
mod client_handlers;
mod commands;
mod decisions;
mod hook_types;
mod hooks;
mod late;
mod methods;
mod notifications;
mod questions;
mod session_calls;
mod shell_routes;
mod stopping;
mod system_message;
mod tokens;

use std::fmt;
use std::time::Duration;

use copilot_session::SessionBuilder;
use copilot_session::testing::{FakeCli, RawAnswer, Side, error};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive};

/// What a handler of a test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Work,
    Fail,
    /// Panics when it is called.
    PanicAtOnce,
    /// Panics after its first wait.
    PanicLate,
    /// Returns an error whose text panics.
    FailWithoutWords,
    /// Never ends.
    TakeTooLong,
}

/// How long the handlers of the tests may take. Time stands still while anything else is to be done.
const LIMIT: Duration = Duration::from_millis(10);

/// All that ends in a failure, with the failure's text.
const FAILURES: [(Does, &str); 5] = [
    (Does::Fail, "no \"luck\""),
    (Does::PanicAtOnce, "the handler panicked"),
    (Does::PanicLate, "the handler panicked"),
    (Does::FailWithoutWords, "the handler panicked"),
    (Does::TakeTooLong, "the handler took longer than 10ms"),
];

/// The error of a handler.
struct Failure {
    has_words: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.has_words, "the text of an error panics in a test");
        f.write_str("no \"luck\"")
    }
}

impl Does {
    /// Does it, with this reply if it works.
    fn then<T>(self, reply: T) -> impl Future<Output = Result<T, Failure>> + use<T> {
        assert_ne!(self, Self::PanicAtOnce, "a handler panics at once in a test");
        async move {
            tokio::task::yield_now().await;
            assert_ne!(self, Self::PanicLate, "a handler panics late in a test");
            if self == Self::TakeTooLong {
                std::future::pending().await
            }
            if self == Self::Work { Ok(reply) } else { Err(Failure { has_words: self == Self::Fail }) }
        }
    }
}

impl Rig {
    /// Asks the session's client.
    async fn ask(&self, method: &str, mut params: Value) -> RawAnswer {
        params["sessionId"] = self.session.id().into();
        self.fake.request_raw(method, params).await
    }

    /// Makes an event of the session and gives all requests that follow from it: method and params.
    async fn sent_after(&self, event: Value) -> Vec<(String, Value)> {
        let before = self.fake.frames().len();
        self.emit(event);
        self.fake.settle().await;
        tokio::time::sleep(2 * LIMIT).await;
        self.fake.settle().await;
        let frames = self.fake.frames().into_iter().skip(before);
        let ours = frames.filter(|frame| frame.from == Side::Client && frame.json.get("method").is_some());
        ours.map(|frame| {
            (frame.json["method"].as_str().expect("a name").to_owned(), frame.json["params"].clone())
        })
        .collect()
    }
}

/// A kind of request that is answered under its id.
struct Request {
    method: &'static str,
    params: Value,
    /// Params that cannot be read.
    broken: Value,
    handle: fn(SessionBuilder, Does) -> SessionBuilder,
}

impl Request {
    /// Holds the answers against those expected: when all is well, when the handler fails with this text,
    /// and when the request cannot be read.
    async fn check(&self, works: Value, fails: impl Fn(&str) -> RawAnswer, unreadable: RawAnswer) {
        for (does, answer) in
            [(Does::Work, Ok(works))].into_iter().chain(FAILURES.map(|(does, text)| (does, fails(text))))
        {
            let rig = self.rig(does).await;
            assert_eq!(rig.ask(self.method, self.params.clone()).await, answer, "{} {does:?}", self.method);
            assert_eq!(rig.ask(self.method, self.params.clone()).await, answer, "asked again");
            assert_eq!(rig.ask(self.method, self.broken.clone()).await, unreadable, "unreadable");
            assert_alive(&rig.client).await;
        }
        let rig = Rig::start().await;
        // One to which an error would be as good as a yes is a no, whoever was to answer it.
        let unhandled = format!("Unhandled method {}", self.method);
        let unhandled = fails(&unhandled).map_err(|_| error(-32601, &unhandled));
        assert_eq!(rig.ask(self.method, self.params.clone()).await, unhandled);
        assert_eq!(rig.ask(self.method, self.broken.clone()).await, unhandled);
    }

    async fn rig(&self, does: Does) -> Rig {
        Rig::with(|session| (self.handle)(session.approve_all().handler_limit(LIMIT), does)).await
    }
}

/// An error that stands for a handler that failed.
fn internal(text: &str) -> RawAnswer {
    Err(error(-32603, text))
}

/// An error that stands for params that cannot be read.
fn invalid(text: &str) -> RawAnswer {
    Err(error(-32602, text))
}

/// A kind of request that comes as an event to every client and is answered by a call.
struct Broadcast {
    event: &'static str,
    /// Without the `requestId`.
    data: Value,
    /// Data that cannot be read.
    broken: Value,
    handle: fn(SessionBuilder, Does) -> SessionBuilder,
    method: &'static str,
}

impl Broadcast {
    /// Holds the fields of the answers, beside the ids, against those expected: when all is well, when the
    /// handler fails with this text, and when the event cannot be read, for this reason.
    async fn check(&self, works: Value, fails: impl Fn(&str) -> Value, unreadable: &str) {
        let failures = FAILURES.map(|(does, text)| (does, fails(text)));
        for (does, fields) in [(Does::Work, works)].into_iter().chain(failures) {
            let rig = self.rig(does).await;
            let about = format!("{} {does:?}", self.event);
            assert_eq!(
                rig.sent_after(self.event_of(&self.data, "1")).await,
                self.answer(&rig, "1", &fields),
                "{about}"
            );
            assert_eq!(
                rig.sent_after(self.event_of(&self.data, "\"2\"")).await,
                self.answer(&rig, "\"2\"", &fields)
            );
            let refused = fails(&format!("the request could not be read: {unreadable}"));
            assert_eq!(
                rig.sent_after(self.event_of(&self.broken, "3")).await,
                self.answer(&rig, "3", &refused)
            );
            assert_alive(&rig.client).await;
        }
        self.check_silence().await;
    }

    /// Shows what is not answered: what another client has a handler for, and what names no request.
    async fn check_silence(&self) {
        let rig = Rig::start().await;
        assert_eq!(rig.sent_after(self.event_of(&self.data, "1")).await, [], "{} is another's", self.event);
        assert_eq!(rig.sent_after(self.event_of(&self.broken, "1")).await, []);
        let rig = self.rig(Does::PanicAtOnce).await;
        for event in [
            json!({"type": self.event, "data": self.data}),
            json!({"type": self.event}),
            self.event_of(&self.data, Value::Null),
            self.event_of(&self.data, json!(5)),
        ] {
            assert_eq!(rig.sent_after(event.clone()).await, [], "{event}");
        }
        assert_alive(&rig.client).await;
    }

    async fn rig(&self, does: Does) -> Rig {
        let fake = FakeCli::start();
        fake.on_raw("session.eventLog.registerInterest", |_| Ok(json!({"handle": "interest"})));
        Rig::on(fake, |session| (self.handle)(session.approve_all().handler_limit(LIMIT), does)).await
    }

    fn event_of(&self, data: &Value, request_id: impl Into<Value>) -> Value {
        let mut data = data.clone();
        data["requestId"] = request_id.into();
        json!({"type": self.event, "data": data, "ephemeral": true})
    }

    fn answer(&self, rig: &Rig, request_id: &str, fields: &Value) -> Vec<(String, Value)> {
        let mut params = fields.clone();
        params["sessionId"] = rig.session.id().into();
        params["requestId"] = request_id.into();
        vec![(self.method.to_owned(), params)]
    }
}
