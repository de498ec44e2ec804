//! One event of a session: a small envelope around data that is decoded on first access.

use std::borrow::{Borrow, Cow};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::generated::{event_requests, session_event::SessionEventData};
use crate::wire::scan::{Invalid, Raw, Scanner};
use crate::wire::shared::{Place, Text};
use crate::wire::{self, DecodeError, Document, Node, Wire, Writer, peek, quote, redact};

/// The kind of the event that stands for missed events.
const MISSED: &str = "missed";

/// An event of a session, as received in the notification `session.event`.
///
/// Cloning is cheap: clones share the text and the decoded data. The data is decoded by the first call of
/// [`data`](Self::data), so unread events cost nothing.
//
// The decoded data is stored behind a trait, so that the code that decodes and drops some hundred types is compiled
// here, and not again in each program.
#[derive(Clone)]
pub struct SessionEvent(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The JSON, and after it the strings of the envelope that have escapes there.
    text: Text,
    json: Place,
    kind: Place,
    id: Place,
    timestamp: Place,
    parent_id: Place,
    agent_id: Place,
    ephemeral: bool,
    data: Place,
    decoded: OnceLock<Box<dyn Borrow<SessionEventData> + Send + Sync>>,
    /// The id of the request that the event begins or completes, once it was asked for.
    request: OnceLock<Option<Box<str>>>,
}

/// The keys of an event, in the order in which the CLI writes them.
const ENVELOPE: [&str; 7] = ["type", "data", "ephemeral", "id", "timestamp", "parentId", "agentId"];

/// The parts of an event in the text that it was found in.
#[derive(Default)]
pub(crate) struct Envelope<'a> {
    text: &'a str,
    kind: Option<Raw<'a>>,
    id: Option<Raw<'a>>,
    timestamp: Option<Raw<'a>>,
    parent_id: Option<Raw<'a>>,
    agent_id: Option<Raw<'a>>,
    ephemeral: bool,
    data: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Reads an object. The last of several equal keys counts.
    pub fn read(scanner: &mut Scanner<'a>) -> Result<Self, Invalid> {
        let mut found = Self::default();
        found.text = scanner.object(&ENVELOPE, |scanner, index| {
            match index {
                0 => found.kind = scanner.string_or_skip()?,
                1 => found.data = Some(scanner.skip()?),
                2 => found.ephemeral = scanner.skip()? == "true",
                3 => found.id = scanner.string_or_skip()?,
                4 => found.timestamp = scanner.string_or_skip()?,
                5 => found.parent_id = scanner.string_or_skip()?,
                _ => found.agent_id = scanner.string_or_skip()?,
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns the event. `keep` returns its text to keep.
    pub fn event(&self, keep: impl FnOnce(&str) -> Text) -> Result<SessionEvent, DecodeError> {
        let (inner, unescaped) = self.places(self.text)?;
        let text = match unescaped.is_empty() {
            true => keep(self.text),
            false => Text::Own([self.text, &unescaped].concat().into()),
        };
        Ok(SessionEvent(Arc::new(Inner { text, ..inner })))
    }

    /// Returns the event without its text, as places in `whole` followed by the strings that have escapes there.
    fn places(&self, whole: &str) -> Result<(Inner, String), DecodeError> {
        let mut unescaped = String::new();
        let mut place = |raw: Raw<'a>| {
            let place = match raw.text() {
                Cow::Borrowed(text) => Place::of(whole, text),
                Cow::Owned(text) => {
                    let start = whole.len() + unescaped.len();
                    unescaped.push_str(&text);
                    Place::at(start..start + text.len())
                }
            };
            place.unwrap_or_default()
        };
        let Some(json) = Place::of(whole, whole) else {
            return Err(DecodeError::new("an event of less than 4 GiB", "more"));
        };
        let Some(kind) = self.kind else {
            return Err(DecodeError::new("a string", "nothing").in_field("type"));
        };
        let inner = Inner {
            kind: place(kind),
            id: self.id.map(&mut place).unwrap_or_default(),
            timestamp: self.timestamp.map(&mut place).unwrap_or_default(),
            parent_id: self.parent_id.map(&mut place).unwrap_or_default(),
            agent_id: self.agent_id.map(&mut place).unwrap_or_default(),
            ephemeral: self.ephemeral,
            data: self.data.and_then(|raw| Place::of(whole, raw)).unwrap_or_default(),
            json,
            ..Inner::default()
        };
        Ok((inner, unescaped))
    }
}

/// An event of a type that this version of the crate does not know.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnrecognizedEvent {
    /// The event's type on the wire.
    pub kind: String,
    /// The event's data.
    pub data: Box<RawValue>,
}

/// An event of a known type whose data does not match the schema.
#[derive(Clone)]
#[non_exhaustive]
pub struct MalformedEvent {
    /// The event's type on the wire.
    pub kind: String,
    /// The mismatch, with its JSON path.
    pub error: DecodeError,
    /// The event's data.
    pub data: Box<RawValue>,
}

impl SessionEvent {
    /// Reads an event from its JSON. Data of any shape is accepted; see [`SessionEventData::Malformed`].
    ///
    /// # Errors
    /// If the text is not a JSON object with a `type`.
    pub fn from_json(json: impl Into<Box<str>>) -> Result<Self, DecodeError> {
        Self::from_text(json.into())
    }

    fn from_text(json: Box<str>) -> Result<Self, DecodeError> {
        let envelope = Envelope::read(&mut Scanner::new(&json));
        let envelope = envelope.map_err(|error| error.expected("a JSON object"))?;
        let (inner, unescaped) = envelope.places(&json)?;
        let text = if unescaped.is_empty() { json } else { (json.into_string() + &unescaped).into() };
        Ok(Self(Arc::new(Inner { text: Text::Own(text), ..inner })))
    }

    /// Reads the events of a list under the first of `keys`, in a JSON object that is valid. They share its text if
    /// that is large.
    pub(crate) fn list(object: &Text, keys: &[&str; 1]) -> Result<Vec<Self>, DecodeError> {
        let (mut events, mut problem) = (Vec::new(), None);
        let read = Scanner::new(object).known_members(keys, |scanner, _| {
            (events, problem) = (Vec::new(), None);
            scanner.items(|scanner| {
                let envelope = Envelope::read(scanner)?;
                match envelope.event(|text| object.part(text)) {
                    Ok(event) => events.push(event),
                    Err(error) => problem = problem.take().or(Some(error)),
                }
                Ok(())
            })
        });
        read.map_err(|error| error.expected("an object with an array of objects"))?;
        problem.map_or(Ok(events), Err)
    }

    /// The event's type on the wire, such as `assistant.message`.
    pub fn kind(&self) -> &str {
        self.text(self.0.kind)
    }

    /// The unique id of the event.
    pub fn id(&self) -> &str {
        self.text(self.0.id)
    }

    /// The time of the event: ISO 8601, UTC.
    pub fn timestamp(&self) -> &str {
        self.text(self.0.timestamp)
    }

    /// The id of the previous event in the session's log; none for the first.
    pub fn parent_id(&self) -> Option<&str> {
        Some(self.text(self.0.parent_id)).filter(|id| !id.is_empty())
    }

    /// The sub-agent that the event comes from; none for the session's own agent.
    pub fn agent_id(&self) -> Option<&str> {
        Some(self.text(self.0.agent_id)).filter(|id| !id.is_empty())
    }

    /// Returns true if the event is ephemeral: sent once, and not kept in the session's log.
    pub fn is_ephemeral(&self) -> bool {
        self.0.ephemeral
    }

    /// The typed data of the event.
    pub fn data(&self) -> &SessionEventData {
        let decoded = self.0.decoded.get_or_init(|| Box::new(decode(self.kind(), self.raw_data())));
        Borrow::<SessionEventData>::borrow(&**decoded)
    }

    /// Decodes the data as one certain type, without caching.
    pub(crate) fn decode<T: Wire>(&self) -> Result<T, DecodeError> {
        wire::from_json(self.raw_data())
    }

    /// The id of the request that the event begins or completes; none if it has none.
    pub(crate) fn request_id(&self) -> Option<&str> {
        let read = || {
            let [id] = self.pick([event_requests::ID]);
            id.and_then(peek::string).map(|id| id.into_owned().into())
        };
        self.0.request.get_or_init(read).as_deref()
    }

    /// Returns the raw values of the data under these keys; none if the data is not an object.
    pub(crate) fn pick<const N: usize>(&self, keys: [&str; N]) -> [Option<&str>; N] {
        peek::pick(self.raw_data(), keys).unwrap_or([None; N])
    }

    /// The event's JSON as received; bytes that are not UTF-8 are U+FFFD.
    pub fn raw(&self) -> &str {
        self.text(self.0.json)
    }

    /// The JSON of the event's data.
    pub fn raw_data(&self) -> &str {
        match self.0.data {
            place if place.is_empty() => "null",
            place => self.text(place),
        }
    }

    /// The number of events that a subscriber missed at this place; none for an event of the CLI. This
    /// crate creates the event, with the kind `missed`. It stands for events that were dropped as
    /// [`Overflow`](crate::Overflow) describes, that were too large, or that had no type.
    pub fn missed(&self) -> Option<u64> {
        if self.kind() != MISSED || !self.id().is_empty() {
            return None;
        }
        let [count] = self.pick(["count"]);
        count?.parse().ok()
    }

    /// Creates the event that stands for `count` missed events.
    pub(crate) fn missed_marker(count: u64) -> Self {
        let json = format!(r#"{{"type":"{MISSED}","data":{{"count":{count}}},"ephemeral":true}}"#);
        Self::from_json(json).unwrap_or_else(|_| Self::empty())
    }

    /// Returns the event with `more` appended to a string of its data.
    pub(crate) fn with_appended(&self, key: &str, more: &str) -> Option<Self> {
        let [raw] = self.pick([key]);
        let at = Place::of(self.raw(), raw?)?.range();
        let text = peek::string(raw?)?.into_owned() + more;
        let (before, after) = (&self.raw()[..at.start], &self.raw()[at.end..]);
        Self::from_json(format!("{before}{}{after}", quote(&text))).ok()
    }

    fn text(&self, place: Place) -> &str {
        &self.0.text[place.range()]
    }
}

fn decode(kind: &str, data: &str) -> SessionEventData {
    let read = Document::parse(data).and_then(|document| SessionEventData::read(kind, document.root()));
    match read {
        Ok(Some(event)) => event,
        // An unknown type is unrecognized even if its data cannot be parsed, for example because it is nested too
        // deeply.
        Err(error) if SessionEventData::TYPES.contains(&kind) => {
            tracing::warn!(kind, %error, "the data of an event does not match its type");
            SessionEventData::Malformed(Box::new(MalformedEvent {
                kind: kind.to_owned(),
                error,
                data: raw(data),
            }))
        }
        _ => SessionEventData::Unrecognized(Box::new(UnrecognizedEvent {
            kind: kind.to_owned(),
            data: raw(data),
        })),
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

impl std::fmt::Debug for UnrecognizedEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data = redact::json(self.data.get());
        f.debug_struct("UnrecognizedEvent").field("kind", &self.kind).field("data", &data).finish()
    }
}

impl std::fmt::Debug for MalformedEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data = redact::json(self.data.get());
        let mut out = f.debug_struct("MalformedEvent");
        out.field("kind", &self.kind).field("error", &self.error).field("data", &data).finish()
    }
}

impl std::fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionEvent")
            .field("kind", &self.kind())
            .field("id", &self.id())
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}

impl Wire for SessionEvent {
    fn empty() -> Self {
        Self(Arc::default())
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = Self::from_json(node.object_text()?)?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.raw(self.raw());
    }
}

impl serde_core::Serialize for SessionEvent {
    fn serialize<S: serde_core::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        wire::serialize_json(self.raw(), to)
    }
}

impl<'de> serde_core::Deserialize<'de> for SessionEvent {
    fn deserialize<D: serde_core::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = wire::deserialize_json(from)?;
        Self::from_json(json).map_err(serde_core::de::Error::custom)
    }
}
