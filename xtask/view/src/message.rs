//! A message of a log, as far as the viewer looks into it.

use copilot_session::{SessionEvent, printable};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The content of a message by its kind.
pub(crate) enum Content {
    Request {
        id: String,
        method: String,
        params: Params,
    },
    Response {
        id: String,
        failed: bool,
        session: Option<String>,
        brief: String,
    },
    Notification {
        method: String,
        params: Params,
    },
    Event {
        session: String,
        event: SessionEvent,
    },
    /// Not a message of JSON-RPC, or not one that can be read.
    Other {
        brief: String,
    },
}

/// The session of a message, and a few words about it.
pub(crate) struct Params {
    pub session: Option<String>,
    pub brief: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EventParams<'a> {
    #[serde(rename = "sessionId")]
    session: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

/// The keys of many messages whose texts say most about them. Each may have a value of another type in some message.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Telling {
    session_id: Text,
    tool_name: Text,
    prompt: Text,
    delta_content: Text,
    question: Text,
    message: Text,
    content: Text,
    hook_type: Text,
    agent_name: Text,
    name: Text,
    command: Text,
}

/// The string of a value; none for a value of another type.
#[derive(Default, Deserialize)]
#[serde(from = "Box<RawValue>")]
struct Text(Option<String>);

impl Content {
    pub fn of(message: &RawValue) -> Self {
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(message.get()) else {
            return Self::Other { brief: shortened(message.get()) };
        };
        let id = envelope.id.map(|id| id.get().to_owned());
        match (id, envelope.method) {
            (Some(id), Some(method)) => Self::Request { id, method, params: Params::of(envelope.params) },
            (None, Some(method)) => Self::notification(method, envelope.params),
            (Some(id), None) => {
                let failed = envelope.error.is_some();
                let Params { session, brief } = Params::of(envelope.result.or(envelope.error));
                Self::Response { id, failed, session, brief }
            }
            (None, None) => Self::Other { brief: shortened(message.get()) },
        }
    }

    fn notification(method: String, params: Option<&RawValue>) -> Self {
        let event = params.filter(|_| method == "session.event").and_then(|params| {
            let params: EventParams<'_> = serde_json::from_str(params.get()).ok()?;
            let event = SessionEvent::from_json(params.event.get()).ok()?;
            Some(Self::Event { session: params.session, event })
        });
        event.unwrap_or_else(|| Self::Notification { method, params: Params::of(params) })
    }
}

impl Params {
    fn of(json: Option<&RawValue>) -> Self {
        let telling = Telling::of(json.map_or("null", RawValue::get));
        let brief = telling.brief();
        Self { session: telling.session_id.0, brief }
    }
}

impl Telling {
    fn of(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn brief(&self) -> String {
        let texts = [&self.tool_name, &self.prompt, &self.delta_content, &self.question, &self.message];
        let others = [&self.content, &self.hook_type, &self.agent_name, &self.name, &self.command];
        let mut found = texts.into_iter().chain(others).filter_map(|text| text.0.as_deref());
        found.find(|text| !text.is_empty()).map(shortened).unwrap_or_default()
    }
}

impl From<Box<RawValue>> for Text {
    fn from(value: Box<RawValue>) -> Self {
        Self(serde_json::from_str(value.get()).ok())
    }
}

/// A few words about an event.
pub(crate) fn brief(event: &SessionEvent) -> String {
    Telling::of(event.raw_data()).brief()
}

/// The model that an event is about; empty if it names none.
pub(crate) fn model(event: &SessionEvent) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OfModel {
        model: String,
    }
    serde_json::from_str::<OfModel>(event.raw_data()).unwrap_or_default().model
}

/// The start of a text, on one line and safe to show.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let start: String = line.chars().take(MOST).collect();
    let rest = if start.len() < line.len() { "…" } else { "" };
    format!("{}{rest}", printable(&start))
}
