//! The protocol as Rust items: the input of the emitters.

use std::collections::BTreeMap;

use crate::Report;
use crate::read::{Group, Source};

/// Everything to emit.
#[derive(Debug, Default)]
pub struct Model {
    /// By Rust name.
    pub types: BTreeMap<String, Type>,
    pub methods: Vec<Method>,
    pub events: Vec<Event>,
    pub hooks: Vec<Hook>,
    pub event_requests: Vec<EventRequest>,
}

/// One generated type.
#[derive(Debug)]
pub struct Type {
    /// The definition, or the place of an inline type, for messages and docs.
    pub place: String,
    pub doc: Doc,
    pub origin: Origin,
    pub shape: Shape,
    /// Reachable from what we send.
    pub sent: bool,
    /// Reachable from what we receive.
    pub received: bool,
}

/// The origin of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Definition,
    Supplement,
    Inline,
}

/// The documentation of an item in the schema.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Doc {
    /// The description.
    pub text: String,
    /// True if the item is internal to the CLI.
    pub internal: bool,
    /// True if the item is deprecated.
    pub deprecated: bool,
    /// The stability according to the CLI, such as `experimental`; not part of the generated docs.
    pub stability: Option<String>,
}

#[derive(Debug)]
pub enum Shape {
    Record(Record),
    Strings(Vec<StringVariant>),
    Tagged { tag: String, variants: Vec<TaggedVariant> },
    Untagged(Vec<UntaggedVariant>),
    Alias(Ty),
}

/// An object.
#[derive(Debug)]
pub struct Record {
    /// Keys with one possible value, which are always sent.
    pub constants: Vec<(String, Constant)>,
    pub fields: Vec<Field>,
    /// The type of unlisted keys, if the schema has one.
    pub rest: Option<Ty>,
}

/// The only value that a key may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// A string.
    String(String),
    /// A boolean.
    Bool(bool),
}

#[derive(Debug)]
pub struct Field {
    /// The key on the wire.
    pub key: String,
    /// The Rust name.
    pub name: String,
    pub ty: Ty,
    pub doc: Doc,
    pub required: bool,
    /// The schema allows `null`.
    pub nullable: bool,
    pub secret: bool,
    /// The last version that omits the key, if it is required in the newest one.
    pub missing_in_older: Option<String>,
}

#[derive(Debug)]
pub struct StringVariant {
    pub value: String,
    pub name: String,
    pub doc: String,
}

#[derive(Debug)]
pub struct TaggedVariant {
    /// The values of the tag; several if the variant is itself a union.
    pub values: Vec<String>,
    pub name: String,
    pub ty: Ty,
    pub doc: String,
}

#[derive(Debug)]
pub struct UntaggedVariant {
    pub name: String,
    pub ty: Ty,
    pub doc: String,
    pub test: Test,
}

/// The test that distinguishes a variant from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub kind: JsonKind,
    /// Required keys of an object, each with its allowed values; no values means any.
    pub keys: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// A Rust type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ty {
    /// Nothing.
    Unit,
    /// A string.
    String,
    /// A boolean.
    Bool,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// Any JSON.
    Json,
    /// A generated type.
    Named(String),
    /// A value or `null`.
    Option(Box<Ty>),
    /// An array.
    List(Box<Ty>),
    /// An object whose keys are data.
    Map(Box<Ty>),
}

impl Ty {
    /// The generated type this one holds, if any.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Option(inner) | Self::List(inner) | Self::Map(inner) => inner.named(),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub struct Method {
    /// The name on the wire.
    pub name: String,
    /// The Rust name of its marker type.
    pub marker: String,
    pub group: Group,
    pub doc: Doc,
    pub params: Ty,
    pub result: Ty,
    /// True if the params may carry a GitHub token, so that the client's own can be sent with the call.
    pub accepts_login: bool,
    /// The last version whose response has no result, if the newest one has a result.
    pub missing_in_older: Option<String>,
    pub supplement: bool,
}

#[derive(Debug)]
pub struct Event {
    /// The type on the wire.
    pub name: String,
    /// The Rust name of its variant.
    pub variant: String,
    pub data: Ty,
    pub doc: Doc,
}

/// A request that comes as an event.
#[derive(Debug)]
pub struct EventRequest {
    /// The event's type on the wire.
    pub name: String,
    pub data: Ty,
    /// The type of the event that completes the request.
    pub completed_by: String,
    /// The method whose call answers the request.
    pub answered_by: String,
    /// The key of the method's params that carries the response, and its type.
    pub response: Option<(String, Ty)>,
}

/// A type of hook.
#[derive(Debug)]
pub struct Hook {
    /// The type on the wire.
    pub name: String,
    pub input: Ty,
    pub output: Ty,
}

impl Model {
    /// Returns the names of the types that a type refers to.
    pub fn references(ty: &Type) -> Vec<&str> {
        let types: Vec<&Ty> = match &ty.shape {
            Shape::Record(record) => {
                record.fields.iter().map(|field| &field.ty).chain(&record.rest).collect()
            }
            Shape::Strings(_) => Vec::new(),
            Shape::Tagged { variants, .. } => variants.iter().map(|variant| &variant.ty).collect(),
            Shape::Untagged(variants) => variants.iter().map(|variant| &variant.ty).collect(),
            Shape::Alias(ty) => vec![ty],
        };
        types.into_iter().filter_map(Ty::named).collect()
    }

    /// Counts the schemas that were read and the items that are emitted.
    pub fn report(&self, source: &Source) -> Report {
        let count = |origin| self.types.values().filter(|ty| ty.origin == origin).count();
        let methods =
            |group| self.methods.iter().filter(|method| method.group == group && !method.supplement).count();
        let notifications = self
            .methods
            .iter()
            .filter(|method| method.supplement && method.group == Group::Notification)
            .count();
        let supplement = self.methods.iter().filter(|method| method.supplement).count();
        Report {
            definitions: source.upstream_definitions,
            types: count(Origin::Definition),
            envelopes: source.envelopes,
            inline_types: count(Origin::Inline),
            methods: Group::ALL.iter().map(|&group| (group.key(), methods(group))).collect(),
            events: self.events.len(),
            supplement: (count(Origin::Supplement), supplement - notifications, notifications),
        }
    }
}
