//! What a set of schemas holds, in the generator's own terms, for who compares two sets.
//!
//! It is what [`Protocol::generate`](crate::Protocol::generate) knows after its third stage: the Rust names are given, unions are
//! told apart, and what is sent and received is marked. Unlike it a survey refuses nothing but a text that is no
//! schema set at all: a comparison is wanted most when a set has something that the generator does not know yet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::flatten::{self, FlatField, FlatShape, FlatType};
pub use crate::model::{Constant, Doc, Ty};
use crate::model::{Model, Origin, Test};
use crate::names::variant_name;
pub use crate::read::Group;
use crate::{Error, Input, compare, convert, direction, emit, fix, older, read};

/// What a set of schemas holds.
#[derive(Debug, Default)]
pub struct Survey {
    /// The types by Rust name.
    pub types: BTreeMap<String, Type>,
    /// The methods and notifications by wire name.
    pub methods: BTreeMap<String, Method>,
    /// The events by wire name.
    pub events: BTreeMap<String, Event>,
    /// What the generator would refuse. What it is about stands in the survey as any JSON.
    pub problems: Vec<Error>,
    /// Keys that the supplement has for other versions only, as `Type.key`: the schemas do not say whether this
    /// one has them.
    pub not_told: BTreeSet<String>,
    /// What was marked as left out by older versions.
    pub left_out: BTreeSet<String>,
}

/// A type, under its Rust name.
#[derive(Debug)]
pub struct Type {
    /// The definition, or the place of an inline type.
    pub place: String,
    /// Whether the type is named after its place, since it has no name in the schema.
    pub inline: bool,
    /// What the schema says of it to people.
    pub doc: Doc,
    /// What it looks like.
    pub shape: Shape,
    /// Keywords that narrow the values of a definition, such as `maxLength`.
    pub limits: Map<String, Value>,
    /// Reachable from what a client sends.
    pub sent: bool,
    /// Reachable from what a client receives.
    pub received: bool,
}

/// What a type looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// An object.
    Record {
        /// Keys with one possible value.
        constants: BTreeMap<String, Constant>,
        /// The fields in the order of the schema.
        fields: Vec<Field>,
        /// The type of keys that are not listed.
        rest: Option<Ty>,
    },
    /// An open set of strings: the variants' Rust names by value.
    Strings(BTreeMap<String, String>),
    /// One of several.
    Union {
        /// The key whose string tells which, if it is one.
        tag: Option<String>,
        /// The variants by Rust name.
        variants: BTreeMap<String, Variant>,
    },
    /// Another name of a type.
    Alias(Ty),
}

/// A field of an object.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key on the wire.
    pub key: String,
    /// The type, without regard to the two below.
    pub ty: Ty,
    /// Whether the key is always there.
    pub required: bool,
    /// Whether it may be `null`.
    pub nullable: bool,
    /// Whether a decoder takes it for optional, since older versions leave it out.
    pub left_out: bool,
    /// What the schema says of it to people.
    pub doc: Doc,
    /// Keywords that narrow the values, such as `maxLength`, and `items.maxLength` of what is inside.
    pub limits: Map<String, Value>,
}

impl PartialEq for Field {
    /// Without what is said to people.
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.ty, self.required, self.nullable)
            == (&other.key, &other.ty, other.required, other.nullable)
    }
}

/// A variant of a union.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its content.
    pub ty: Ty,
    /// What tells it from the others, in the words of the schema.
    pub told_by: String,
}

/// A method or notification.
#[derive(Debug)]
pub struct Method {
    /// Who calls whom.
    pub group: Group,
    /// What the schema says of it to people.
    pub doc: Doc,
    /// The params, without the session's id where the session layer fills it in.
    pub params: Ty,
    /// The result.
    pub result: Ty,
}

/// An event.
#[derive(Debug)]
pub struct Event {
    /// The name of its variant in `SessionEventData`.
    pub variant: String,
    /// What the schema says of it to people.
    pub doc: Doc,
    /// Its data.
    pub data: Ty,
}

/// Reads a set of schemas.
///
/// # Errors
/// When a text is not JSON, or not one of the CLI's schemas.
pub fn survey(input: Input<'_>) -> Result<Survey, Error> {
    let (mut source, mut problems) = read::read_all(input)?;
    fix::fix_what_is_there(&mut source);
    let flat = flatten::flatten_all(&source, &mut problems);
    let mut survey = Survey { problems, not_told: source.not_told.clone(), ..Survey::default() };
    survey.types.extend(flat.types.into_iter().map(|(name, flat)| (name, ty(flat))));
    for method in flat.methods {
        let found = Method {
            group: method.source.group,
            doc: flatten::doc(&method.source.leaf),
            params: rust(&method.params),
            result: rust(&method.result),
        };
        // What the CLI's own schema says comes first.
        survey.methods.entry(method.source.name).or_insert(found);
    }
    for event in flat.events {
        let (variant, doc) = (variant_name(&event.source.name), flatten::doc(&event.source.schema));
        survey.events.insert(event.source.name, Event { variant, doc, data: rust(&event.data) });
    }
    mark(&mut survey);
    Ok(survey)
}

/// The source of what is understood of a set, for who compares what two sets give. If it is to support an older set,
/// too, what that one leaves out is optional.
///
/// # Errors
/// When a text is not JSON, or not one of the CLI's schemas; when typify refuses what was understood.
pub fn source(input: Input<'_>, older: Option<Input<'_>>) -> Result<BTreeMap<String, String>, Error> {
    let mut model = understood(input)?;
    if let Some(older) = older {
        let left_out = compare::compare(&model, &understood(older)?).left_out;
        let left_out = left_out.iter().map(|key| (key.as_str(), older.version)).collect();
        older::make_optional(&mut model, &left_out);
    }
    Ok(emit::emit(&model, input.version))
}

/// The protocol as far as it is understood.
fn understood(input: Input<'_>) -> Result<Model, Error> {
    let (mut source, mut problems) = read::read_all(input)?;
    fix::fix_what_is_there(&mut source);
    let mut flat = flatten::flatten_all(&source, &mut problems);
    let mut seen = BTreeSet::new();
    flat.methods.retain(|method| seen.insert(method.source.name.clone()));
    let mut model = convert::convert(flat)?;
    direction::mark(&mut model);
    Ok(model)
}

fn ty(flat: FlatType) -> Type {
    let shape = match flat.shape {
        FlatShape::Record { constants, fields, rest } => Shape::Record {
            constants: constants.into_iter().collect(),
            fields: fields.into_iter().map(field).collect(),
            rest: rest.as_ref().map(rust),
        },
        FlatShape::Strings(values) => Shape::Strings(
            values
                .into_iter()
                .map(|(value, _)| {
                    let name = variant_name(&value);
                    (value, name)
                })
                .collect(),
        ),
        FlatShape::Tagged { tag, variants } => {
            let variants = variants.into_iter().map(|variant| {
                let told_by = variant.told_by.join(", ");
                (variant.name, Variant { ty: rust(&variant.schema), told_by })
            });
            Shape::Union { tag: Some(tag), variants: variants.collect() }
        }
        FlatShape::Untagged(variants) => {
            let variants = variants.into_iter().map(|variant| {
                let told_by = told_by(&variant.told_by);
                (variant.name, Variant { ty: rust(&variant.schema), told_by })
            });
            Shape::Union { tag: None, variants: variants.collect() }
        }
        FlatShape::Alias(schema) => Shape::Alias(rust(&schema)),
    };
    Type {
        place: flat.place,
        inline: flat.origin == Origin::Inline,
        doc: flat.doc,
        shape,
        limits: flat.limits,
        sent: flat.sent,
        received: false,
    }
}

/// A test in words, such as `object with kind = a`.
fn told_by(test: &Test) -> String {
    let keys = test.keys.iter().map(|(key, values)| match values.as_slice() {
        [] => key.clone(),
        values => format!("{key} = {}", values.join(" or ")),
    });
    let kind = format!("{:?}", test.kind).to_lowercase();
    let keys: Vec<String> = keys.collect();
    if keys.is_empty() { kind } else { format!("{kind} with {}", keys.join(", ")) }
}

fn field(flat: FlatField) -> Field {
    let FlatField { key, required, nullable, doc, limits, .. } = flat;
    Field { key, ty: rust(&flat.schema), required, nullable, left_out: false, doc, limits }
}

/// The Rust type that typify gives for a schema of the small kind.
fn rust(schema: &Value) -> Ty {
    if schema.is_null() {
        return Ty::Unit;
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return Ty::Named(name.rsplit('/').next().unwrap_or(name).to_owned());
    }
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        return Ty::Option(Box::new(branches.first().map_or(Ty::Json, rust)));
    }
    let inner = |key| Box::new(schema.get(key).map_or(Ty::Json, rust));
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => Ty::String,
        Some("boolean") => Ty::Bool,
        Some("integer") => Ty::Integer,
        Some("number") => Ty::Float,
        Some("array") => Ty::List(inner("items")),
        Some("object") => Ty::Map(inner("additionalProperties")),
        _ => Ty::Json,
    }
}

/// Marks what is sent and what is received, as `direction` does for the generator.
fn mark(survey: &mut Survey) {
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for method in survey.methods.values() {
        let (ours, theirs) = match method.group.is_ours() {
            true => (&method.params, &method.result),
            false => (&method.result, &method.params),
        };
        sent.extend(ours.named());
        received.extend(theirs.named());
    }
    received.extend(survey.events.values().filter_map(|event| event.data.named()));
    sent.extend(survey.types.iter().filter(|(_, ty)| ty.sent).map(|(name, _)| name.as_str()));
    let names = |reached: BTreeSet<&str>| reached.into_iter().map(str::to_owned).collect();
    let sent: BTreeSet<String> = names(survey.reach(sent));
    let received: BTreeSet<String> = names(survey.reach(received));
    for (name, ty) in &mut survey.types {
        ty.sent = sent.contains(name);
        ty.received = received.contains(name) || !ty.sent;
    }
}

impl Survey {
    /// Takes keys and results, by `place.key` and `method: result`, for what older versions leave out and the SDK
    /// therefore has as options.
    pub fn allow_older<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        self.left_out.extend(keys.into_iter().map(str::to_owned));
        for ty in self.types.values_mut() {
            if let Shape::Record { fields, .. } = &mut ty.shape {
                for field in fields {
                    field.left_out = self.left_out.contains(&format!("{}.{}", ty.place, field.key));
                }
            }
        }
        for (name, method) in &mut self.methods {
            if self.left_out.contains(&format!("{name}: result")) {
                method.result = Ty::Option(Box::new(method.result.clone()));
            }
        }
    }

    /// The types that stand in those of the given names, at any depth, and these.
    pub fn reach<'s>(&'s self, from: impl IntoIterator<Item = &'s str>) -> BTreeSet<&'s str> {
        let mut open: Vec<&str> = from.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let (Some(ty), true) = (self.types.get(name), reached.insert(name)) {
                open.extend(ty.references().into_iter().filter_map(Ty::named));
            }
        }
        reached
    }
}

impl Type {
    /// The types that its definition speaks of.
    pub fn references(&self) -> Vec<&Ty> {
        match &self.shape {
            Shape::Record { fields, rest, .. } => fields.iter().map(|field| &field.ty).chain(rest).collect(),
            Shape::Strings(_) => Vec::new(),
            Shape::Union { variants, .. } => variants.values().map(|variant| &variant.ty).collect(),
            Shape::Alias(ty) => vec![ty],
        }
    }
}
