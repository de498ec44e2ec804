//! One event of a session: a small envelope around data that is decoded on first access.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::events::envelope::Envelope;
use crate::generated::{event_requests, session_event::SessionEventData};
use crate::wire::scan::{Discard, Invalid, Scanner};
use crate::wire::shared::{Place, Text};
use crate::wire::{self, DecodeError, Document, Node, Wire, Writer, peek, quote, redact};

/// The kind of the event that stands for missed events.
const MISSED: &str = "missed";

/// An event of a session, as received in the notification `session.event`.
///
/// Cloning is cheap: clones share the text and the decoded data. The data is decoded by the first call of
/// [`data`](Self::data), so unread events cost nothing.
//
// The decoded data is behind a trait, so that the code that decodes and drops some hundred types is compiled here, and
// not again in each program.
#[derive(Clone)]
pub struct SessionEvent(Arc<Inner<dyn Decoded>>);

#[derive(Default)]
struct Inner<D: ?Sized = OnceLock<SessionEventData>> {
    /// The JSON, and after it the strings of the envelope that have escapes there.
    text: Text,
    json: Place,
    kind: Place,
    id: Place,
    timestamp: Place,
    parent_id: Place,
    agent_id: Place,
    ephemeral: bool,
    /// The place where the data was found. In an event of the usual form the data may be elsewhere, or be no JSON.
    found: Place,
    /// The place of the data, once it was checked.
    checked: OnceLock<Checked>,
    /// The id of the request that the event begins or completes, once it was asked for.
    request: OnceLock<Option<Box<str>>>,
    decoded: D,
}

/// The data, once it was asked for.
trait Decoded: Send + Sync {
    fn get_or_decode(&self, decode: &dyn Fn() -> SessionEventData) -> &SessionEventData;
}

impl Decoded for OnceLock<SessionEventData> {
    fn get_or_decode(&self, decode: &dyn Fn() -> SessionEventData) -> &SessionEventData {
        self.get_or_init(decode)
    }
}

/// The place of the data in an event that is JSON.
type Checked = Result<Place, Box<NotJson>>;

/// An event of the usual form that turned out to be no JSON.
struct NotJson {
    error: DecodeError,
    /// The event with `null` for its data.
    substitute: String,
}

impl<D: ?Sized> Inner<D> {
    fn text(&self, place: Place) -> &str {
        &self.text[place.range()]
    }

    /// Checks an event of the usual form. If its data is not one value, the data is searched for, since a newer CLI may
    /// write other keys beside it.
    fn check(&self) -> Checked {
        if Scanner::new(self.text(self.found)).only(&mut Discard).is_ok() {
            return Ok(self.found);
        }
        let json = self.text(self.json);
        let not_json =
            |substitute, error: Invalid| Err(Box::new(NotJson { substitute, error: error.expected("JSON") }));
        let mut scanner = Scanner::new(json);
        match (Envelope::read(&mut scanner), scanner.end()) {
            (Ok(event), Ok(())) => Ok(event.data.and_then(|data| Place::of(json, data)).unwrap_or_default()),
            // The last members belong to something else.
            (Ok(event), Err(error)) => not_json(event.text.to_owned(), error),
            (Err(error), _) => {
                let data = self.found.range();
                not_json([&json[..data.start], "null", &json[data.end..]].concat(), error)
            }
        }
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
        let json = json.into();
        Self::new(&Envelope::parse(&json)?, &|text| text.into())
    }

    /// Returns the event of an envelope. `keep` returns its text to keep.
    pub(crate) fn new(envelope: &Envelope<'_>, keep: &dyn Fn(&str) -> Text) -> Result<Self, DecodeError> {
        let (whole, mut unescaped) = (envelope.text, String::new());
        let Some(json) = Place::of(whole, whole) else {
            return Err(DecodeError::new("an event of less than 4 GiB", "more"));
        };
        if envelope.kind.is_none() {
            return Err(DecodeError::new("a string", "nothing").in_field("type"));
        }
        let strings =
            [&envelope.kind, &envelope.id, &envelope.timestamp, &envelope.parent_id, &envelope.agent_id];
        let mut places = [Place::default(); 5];
        for (place, string) in places.iter_mut().zip(strings) {
            let found = string.and_then(|raw| match raw.text() {
                Cow::Borrowed(text) => Place::of(whole, text),
                Cow::Owned(text) => {
                    let start = whole.len() + unescaped.len();
                    unescaped.push_str(&text);
                    Place::at(start..start + text.len())
                }
            });
            *place = found.unwrap_or_default();
        }
        let [kind, id, timestamp, parent_id, agent_id] = places;
        let found = envelope.data.and_then(|raw| Place::of(whole, raw)).unwrap_or_default();
        Ok(Self(Arc::new(Inner {
            text: match unescaped.is_empty() {
                true => keep(whole),
                false => Text::Own([whole, &unescaped].concat().into()),
            },
            json,
            kind,
            id,
            timestamp,
            parent_id,
            agent_id,
            ephemeral: envelope.is_ephemeral,
            found,
            checked: if envelope.is_checked { Ok(found).into() } else { OnceLock::new() },
            request: OnceLock::new(),
            decoded: OnceLock::new(),
        })))
    }

    /// Reads the events of a list under the first of `keys`, in a text that is a JSON object. They share it if it
    /// is shareable. Data is checked only when it is asked for.
    pub(crate) fn list(object: &Text, keys: &[&str; 1]) -> Result<Vec<Self>, DecodeError> {
        let (mut events, mut problem) = (Vec::new(), None);
        let mut scanner = Scanner::new(object);
        let read = scanner.known_members(keys, |scanner, _| {
            (events, problem) = (Vec::new(), None);
            scanner.items(|scanner| {
                let usual = Envelope::usual_item(scanner);
                let envelope = usual.map_or_else(|| Envelope::read(scanner), Ok)?;
                match Self::new(&envelope, &|text| object.part(text)) {
                    Ok(event) => events.push(event),
                    Err(error) => problem = problem.take().or(Some(error)),
                }
                Ok(())
            })
        });
        let read = read.and_then(|()| scanner.end());
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
        self.0.decoded.get_or_decode(&|| self.decode_any())
    }

    /// Decodes the data as one certain type, without caching.
    pub(crate) fn decode<T: Wire>(&self) -> Result<T, DecodeError> {
        self.document()?.root().decode()
    }

    fn decode_any(&self) -> SessionEventData {
        let kind = self.kind();
        let read = self.document().and_then(|document| SessionEventData::read(kind, document.root()));
        let data = || {
            RawValue::from_string(self.raw_data().to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
        };
        match read {
            Ok(Some(event)) => event,
            // An unknown type is unrecognized even if its data cannot be parsed, for example because it is nested too
            // deeply.
            Err(error) if SessionEventData::TYPES.contains(&kind) => {
                tracing::warn!(kind, %error, "the data of an event does not match its type");
                let malformed = MalformedEvent { kind: kind.to_owned(), error, data: data() };
                SessionEventData::Malformed(Box::new(malformed))
            }
            _ => {
                let unrecognized = UnrecognizedEvent { kind: kind.to_owned(), data: data() };
                SessionEventData::Unrecognized(Box::new(unrecognized))
            }
        }
    }

    /// Parses the data, which checks it too.
    fn document(&self) -> Result<Document<'_>, DecodeError> {
        // What is found without a check is the data if it is one value.
        Document::parse(self.0.text(self.0.found)).or_else(|_| match self.checked() {
            Ok(_) => Document::parse(self.raw_data()),
            Err(not_json) => Err(not_json.error.clone()),
        })
    }

    fn checked(&self) -> &Checked {
        self.0.checked.get_or_init(|| self.0.check())
    }

    /// The id of the request that the event begins or completes; none if it has none.
    pub(crate) fn request_id(&self) -> Option<&str> {
        let read = || {
            let [id] = self.pick([event_requests::ID]);
            id.and_then(peek::string).map(|id| id.into_owned().into())
        };
        self.0.request.get_or_init(read).as_deref()
    }

    /// Returns the string under this key, as written, if it is the first of the data. It is not checked.
    pub(crate) fn first_string(&self, key: &str) -> Option<&str> {
        let data = self.0.text(self.0.found);
        data.strip_prefix("{\"")?.strip_prefix(key)?.strip_prefix("\":\"")?.split('"').next()
    }

    /// Returns the raw values of the data under these keys; none if the data is not an object.
    pub(crate) fn pick<const N: usize>(&self, keys: [&str; N]) -> [Option<&str>; N] {
        // What is found without a check is the data if it is one object.
        let picked = peek::pick(self.0.text(self.0.found), keys);
        picked.or_else(|_| peek::pick(self.raw_data(), keys)).unwrap_or([None; N])
    }

    /// The event's JSON as received; bytes that are not UTF-8 are U+FFFD. If its data is no JSON, `null` stands in its
    /// place.
    pub fn raw(&self) -> &str {
        match self.checked() {
            Ok(_) => self.text(self.0.json),
            Err(not_json) => &not_json.substitute,
        }
    }

    /// The JSON of the event's data; `null` if it has none, or if that is no JSON.
    pub fn raw_data(&self) -> &str {
        match self.checked() {
            Ok(place) if !place.is_empty() => self.text(*place),
            _ => "null",
        }
    }

    /// The size of the event's JSON in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.json.range().len()
    }

    /// The number of events that a subscriber missed at this place; none for an event of the CLI. This
    /// crate creates the event, with the kind `missed`. It stands for events that were dropped as
    /// [`Overflow`](crate::Overflow) describes, that were too large, or that had no type.
    pub fn missed(&self) -> Option<u64> {
        if !self.0.id.is_empty() || self.kind() != MISSED {
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
        self.0.text(place)
    }
}

/// Events of one type are equal if their data are the same text.
impl PartialEq for UnrecognizedEvent {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, self.data.get()) == (&other.kind, other.data.get())
    }
}

/// Events of one type are equal if their data are the same text.
impl PartialEq for MalformedEvent {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, self.data.get()) == (&other.kind, other.data.get())
    }
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
        Self(Arc::new(Inner::<OnceLock<SessionEventData>>::default()))
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
