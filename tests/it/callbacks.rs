//! Every request that the CLI may make of a client, as seen on the wire: with a handler that works, fails or
//! panics, without a handler, and with params that cannot be decoded.

mod broadcasts;
mod calls;
mod cancellation;
mod captures;
mod client_handlers;
mod commands;
mod decisions;
mod forms;
mod hook_types;
mod hooks;
mod late;
mod methods;
mod notifications;
mod providers;
mod questions;
mod session_calls;
mod shell_routes;
mod stopping;
mod system_message;
mod tokens;

use std::fmt;
use std::time::Duration;

use copilot_session::SessionBuilder;
use copilot_session::testing::{FakeCli, RawResponse, Side, error};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive};

/// The behaviour of a handler in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Work,
    Fail,
    /// Panics when it is called.
    PanicAtOnce,
    /// Panics after its first wait.
    PanicLate,
    /// Returns an error whose `Display` panics.
    FailWithoutText,
    /// Never returns.
    TakeTooLong,
}

/// The time limit of the handlers in the tests. The clock advances only while every task is idle.
const LIMIT: Duration = Duration::from_millis(10);

/// Every behaviour that fails, with the text of the failure.
const FAILURES: [(Does, &str); 5] = [
    (Does::Fail, "no \"luck\""),
    (Does::PanicAtOnce, "the handler panicked"),
    (Does::PanicLate, "the handler panicked"),
    (Does::FailWithoutText, "the handler panicked"),
    (Does::TakeTooLong, "the handler took longer than 10ms"),
];

/// The error of a handler.
struct Failure {
    has_text: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.has_text, "the text of an error panics in a test");
        f.write_str("no \"luck\"")
    }
}

impl Does {
    /// Behaves as it says, and returns this reply if it works.
    fn reply_with<T>(self, reply: T) -> impl Future<Output = Result<T, Failure>> + use<T> {
        assert_ne!(self, Self::PanicAtOnce, "a handler panics at once in a test");
        async move {
            tokio::task::yield_now().await;
            assert_ne!(self, Self::PanicLate, "a handler panics late in a test");
            if self == Self::TakeTooLong {
                std::future::pending().await
            }
            if self == Self::Work { Ok(reply) } else { Err(Failure { has_text: self == Self::Fail }) }
        }
    }
}

impl Rig {
    /// Makes a request of the session's client.
    async fn ask(&self, method: &str, mut params: Value) -> RawResponse {
        params["sessionId"] = self.session.id().into();
        self.fake.request_raw(method, params).await
    }

    /// Emits an event of the session and returns the method and params of every request that follows from it.
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

/// A kind of request that is answered by a response.
struct Request {
    method: &'static str,
    params: Value,
    /// Params that cannot be decoded.
    broken: Value,
    handle: fn(SessionBuilder, Does) -> SessionBuilder,
}

impl Request {
    /// Compares the responses with the expected ones: when the handler works, when it fails with each text,
    /// and when the params cannot be decoded.
    async fn check(&self, works: Value, fails: impl Fn(&str) -> RawResponse, unreadable: RawResponse) {
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
        // A request whose error the CLI would treat as a yes is refused even without a handler.
        let unhandled = format!("Unhandled method {}", self.method);
        let unhandled = fails(&unhandled).map_err(|_| error(-32601, &unhandled));
        assert_eq!(rig.ask(self.method, self.params.clone()).await, unhandled);
        assert_eq!(rig.ask(self.method, self.broken.clone()).await, unhandled);
    }

    async fn rig(&self, does: Does) -> Rig {
        Rig::with(|session| (self.handle)(session.approve_all().handler_timeout(LIMIT), does)).await
    }
}

/// The error of a handler that failed.
fn internal(text: &str) -> RawResponse {
    Err(error(-32603, text))
}

/// The error for params that cannot be decoded.
fn invalid(text: &str) -> RawResponse {
    Err(error(-32602, text))
}

/// A kind of event request, which goes to every client and is answered by a call.
struct Broadcast {
    event: &'static str,
    /// The event's data without the `requestId`.
    data: Value,
    /// Data that cannot be decoded.
    broken: Value,
    handle: fn(SessionBuilder, Does) -> SessionBuilder,
    method: &'static str,
}

impl Broadcast {
    /// Compares the fields of the answers, beside the ids, with the expected ones: when the handler works,
    /// when it fails with each text, and when the event cannot be decoded for this reason.
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

    /// Checks that a client without a handler, and one whose event has no valid request id, answers nothing.
    async fn check_silence(&self) {
        let rig = Rig::start().await;
        assert_eq!(
            rig.sent_after(self.event_of(&self.data, "1")).await,
            [],
            "{} without a handler",
            self.event
        );
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
        Rig::on(fake, |session| (self.handle)(session.approve_all().handler_timeout(LIMIT), does)).await
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
