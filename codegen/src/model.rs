//! The protocol in Rust terms: types have Rust names, unions their discriminators. Everything after the reader is a
//! function of it: the source, the comparison of versions, the list of names.

mod queries;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

pub use crate::read::Group;

/// The protocol of a set of schemas.
#[derive(Debug, Default)]
pub struct Model {
    /// By Rust name.
    pub types: BTreeMap<String, Type>,
    /// By wire name.
    pub methods: BTreeMap<String, Method>,
    /// By wire name.
    pub events: BTreeMap<String, Event>,
    /// The types of hooks.
    pub hooks: Vec<Hook>,
    /// The requests that come as events.
    pub event_requests: Vec<EventRequest>,
    /// Keys that the supplement describes for other versions only, as `Type.key`: this version may have them or not.
    pub unspecified_keys: BTreeSet<String>,
}

/// One generated type.
#[derive(Debug)]
pub struct Type {
    /// The definition, or the place of an inline type, for messages and docs.
    pub place: String,
    /// The documentation.
    pub doc: Doc,
    /// The part of the schemas that it comes from.
    pub origin: Origin,
    /// The structure.
    pub shape: Shape,
    /// Keywords that restrict the values of a definition but not its type, such as `maxLength`.
    pub limits: Map<String, Value>,
    /// Reachable from what we send.
    pub sent: bool,
    /// Reachable from what we receive.
    pub received: bool,
}

/// The origin of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A definition of the CLI's schemas.
    Definition,
    /// A definition of the supplement.
    Supplement,
    /// A place that has a structure of its own; the type is named after it.
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
    /// The stability according to the CLI, such as `experimental`.
    pub stability: Option<String>,
}

/// The structure of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// An object.
    Record(Record),
    /// An open set of strings.
    Strings(Vec<StringVariant>),
    /// One of several types.
    Union(Union),
    /// Another name of a type.
    Alias(Ty),
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Keys with one possible value, which are always sent, in the order of the schema.
    pub constants: Vec<(String, Constant)>,
    /// In the order of the schema.
    pub fields: Vec<Field>,
    /// The type of unlisted keys, if the schema allows them.
    pub rest: Option<Ty>,
}

impl Record {
    /// The field of a key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The required fields, which are the parameters of `new`.
    pub fn required(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.required)
    }

    /// The value of a key that has only one.
    pub fn constant(&self, key: &str) -> Option<&Constant> {
        self.constants.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// The only value that a key may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// A string.
    String(String),
    /// A boolean.
    Bool(bool),
}

/// A field of an object.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key on the wire.
    pub key: String,
    /// The Rust name.
    pub name: String,
    /// The type of the value, without the options that the flags below add.
    pub ty: Ty,
    /// The documentation.
    pub doc: Doc,
    /// True if the key is required.
    pub required: bool,
    /// True if the value may be `null`.
    pub nullable: bool,
    /// True if `Debug` and logs hide the value.
    pub secret: bool,
    /// The last version that omits the key, if the newest one requires it.
    pub missing_in_older: Option<String>,
    /// Keywords that restrict the values, such as `maxLength`, or `items.maxLength` for a nested schema.
    pub limits: Map<String, Value>,
}

impl PartialEq for Field {
    /// Compares what is on the wire, and not the documentation.
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.ty, self.required, self.nullable)
            == (&other.key, &other.ty, other.required, other.nullable)
    }
}

impl Field {
    /// The number of options around the value. In a type that a client sends, `null` and an absent key differ, since
    /// the CLI may read a `null` as "reset this".
    pub fn options(&self, sent: bool) -> usize {
        self.schema_options(sent).max(usize::from(self.missing_in_older.is_some()))
    }

    /// The number of options by the schema, whatever older versions omit.
    pub fn schema_options(&self, sent: bool) -> usize {
        match (self.required, self.nullable) {
            (true, false) => 0,
            (false, true) if sent => 2,
            _ => 1,
        }
    }

    /// The type of the value that `new` takes for a required field. Some older CLIs omit the field, but a client must
    /// not.
    pub fn given(&self) -> Ty {
        if self.nullable { Ty::Option(Box::new(self.ty.clone())) } else { self.ty.clone() }
    }

    /// The type with its options.
    pub fn declared(&self, sent: bool) -> Ty {
        (0..self.options(sent)).fold(self.ty.clone(), |ty, _| Ty::Option(Box::new(ty)))
    }
}

/// A string of an open set.
#[derive(Debug, Clone)]
pub struct StringVariant {
    /// The string.
    pub value: String,
    /// The Rust name.
    pub name: String,
    /// The documentation.
    pub doc: String,
}

impl PartialEq for StringVariant {
    /// Compares what is on the wire, and not the documentation.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// One of several types.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// The key whose value distinguishes the variants; without one, the shape of the JSON does.
    pub tag: Option<String>,
    /// In the order of the schema, or of the tests.
    pub variants: Vec<Variant>,
}

impl Union {
    /// The variant with this Rust name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// A variant of a union.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The Rust name.
    pub name: String,
    /// The content.
    pub ty: Ty,
    /// The documentation.
    pub doc: String,
    /// The means by which the variant is distinguished from the others.
    pub discriminator: Discriminator,
}

impl PartialEq for Variant {
    /// Compares what is on the wire, and not the documentation.
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.ty, &self.discriminator) == (&other.name, &other.ty, &other.discriminator)
    }
}

/// The means by which a variant is distinguished from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discriminator {
    /// The values of the tag; several if the variant is itself a union.
    Tag(Vec<String>),
    /// The shape of the JSON.
    Test(Test),
}

impl Discriminator {
    /// The keys by whose values a test distinguishes.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = match self {
            Self::Tag(_) => &[],
            Self::Test(test) => test.keys.as_slice(),
        };
        keys.iter().filter(|(_, values)| !values.is_empty()).map(|(key, _)| key.as_str())
    }

    /// Returns true if a value of the tag belongs to both.
    pub fn shares_tag(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tag(values), Self::Tag(others)) => values.iter().any(|value| others.contains(value)),
            _ => false,
        }
    }
}

impl fmt::Display for Discriminator {
    /// Writes the values of the tag, or a test as `object with kind = a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(values) => write!(f, "{}", values.join(", ")),
            Self::Test(Test { kind, keys, optional }) => {
                write!(f, "{}", kind.word())?;
                for (index, (key, values)) in keys.iter().enumerate() {
                    write!(f, "{}{key}", if index == 0 { " with " } else { ", " })?;
                    if !values.is_empty() {
                        write!(f, " = {}", values.join(" or "))?;
                    }
                }
                for (key, values) in optional {
                    write!(f, ", {key} missing or {}", values.join(" or "))?;
                }
                Ok(())
            }
        }
    }
}

/// The test that distinguishes a variant from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The kind of JSON.
    pub kind: JsonKind,
    /// Required keys of an object, each with its allowed values; no values means any.
    pub keys: Vec<(String, Vec<String>)>,
    /// Keys that may be missing and otherwise have one of these values.
    pub optional: Vec<(String, Vec<String>)>,
}

/// A kind of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl JsonKind {
    /// The kind as JSON Schema names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
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
    /// The same, with its keys in their order.
    Entries(Box<Ty>),
    /// A type that contains the one it is part of, behind a pointer.
    Boxed(Box<Ty>),
}

impl Ty {
    /// The generated type this one holds, if any.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Option(inner)
            | Self::List(inner)
            | Self::Map(inner)
            | Self::Entries(inner)
            | Self::Boxed(inner) => inner.named(),
            _ => None,
        }
    }
}

/// A method or notification.
#[derive(Debug)]
pub struct Method {
    /// The name on the wire.
    pub name: String,
    /// The Rust name of its marker type.
    pub marker: String,
    /// The direction and scope.
    pub group: Group,
    /// The documentation.
    pub doc: Doc,
    /// The params, without the session's id where the SDK's session adds it.
    pub params: Ty,
    /// The result; an option if older versions omit it.
    pub result: Ty,
    /// True if the params may carry a GitHub token, so that the client's own can be sent with the call.
    pub accepts_login: bool,
    /// The last version whose response has no result, if the newest one has a result.
    pub missing_in_older: Option<String>,
    /// True if the method is described by the supplement.
    pub supplement: bool,
}

impl Method {
    /// The part that a client sends.
    pub fn sent(&self) -> &Ty {
        if self.group.is_ours() { &self.params } else { &self.result }
    }

    /// The part that a client receives.
    pub fn received(&self) -> &Ty {
        if self.group.is_ours() { &self.result } else { &self.params }
    }

    /// The name of the result in `schema/older.json`.
    pub fn result_place(&self) -> String {
        format!("{}: result", self.name)
    }
}

/// An event.
#[derive(Debug)]
pub struct Event {
    /// The type on the wire.
    pub name: String,
    /// The Rust name of its variant.
    pub variant: String,
    /// The type of its data.
    pub data: Ty,
    /// The documentation.
    pub doc: Doc,
}

/// A request that comes as an event.
#[derive(Debug)]
pub struct EventRequest {
    /// The event's type on the wire.
    pub name: String,
    /// The type of its data.
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
    /// The type of what the CLI sends.
    pub input: Ty,
    /// The type of the response.
    pub output: Ty,
}
