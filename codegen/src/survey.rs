//! The protocol of a set of schemas in the generator's terms, for the comparison of two sets.
//!
//! It is the result of the generator's third stage: types have their Rust names, unions their discriminators, and sent
//! and received types are marked. Unlike the generator, a survey accepts schemas that are not supported, because a
//! comparison is needed most when a set has something new. It fails only if a text is not a schema of the CLI.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::flatten::{self, FlatField, FlatShape, FlatType};
pub use crate::model::{Constant, Doc, Ty};
use crate::model::{Model, Origin, Test};
use crate::names::variant_name;
pub use crate::read::Group;
use crate::{Error, Input, compare, convert, direction, emit, fix, older, read};

/// The protocol of a set of schemas.
#[derive(Debug, Default)]
pub struct Survey {
    /// The types by Rust name.
    pub types: BTreeMap<String, Type>,
    /// The methods and notifications by wire name.
    pub methods: BTreeMap<String, Method>,
    /// The events by wire name.
    pub events: BTreeMap<String, Event>,
    /// Errors of the generator. The survey has any JSON in place of the schemas concerned.
    pub problems: Vec<Error>,
    /// Keys that the supplement describes for other versions only, as `Type.key`: this version may have them or not.
    pub unspecified_keys: BTreeSet<String>,
    /// The keys and results that older versions omit, as passed to [`allow_older`](Self::allow_older).
    pub missing_in_older: BTreeSet<String>,
}

/// A type, under its Rust name.
#[derive(Debug)]
pub struct Type {
    /// The definition, or the place of an inline type.
    pub place: String,
    /// True if the type has no name in the schema and is named after its place.
    pub inline: bool,
    /// The documentation.
    pub doc: Doc,
    /// The structure.
    pub shape: Shape,
    /// Keywords that restrict the values of a definition, such as `maxLength`.
    pub limits: Map<String, Value>,
    /// Reachable from what a client sends.
    pub sent: bool,
    /// Reachable from what a client receives.
    pub received: bool,
}

/// The structure of a type.
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
    /// One of several types.
    Union {
        /// The key of the tag, if the union has one.
        tag: Option<String>,
        /// The variants by Rust name.
        variants: BTreeMap<String, Variant>,
    },
    /// An alias of a type.
    Alias(Ty),
}

/// A field of an object.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key on the wire.
    pub key: String,
    /// The type, not counting the two flags below.
    pub ty: Ty,
    /// True if the key is required.
    pub required: bool,
    /// True if the value may be `null`.
    pub nullable: bool,
    /// True if the SDK treats the key as optional, since older versions omit it.
    pub missing_in_older: bool,
    /// The documentation.
    pub doc: Doc,
    /// Keywords that restrict the values, such as `maxLength`, or `items.maxLength` for a nested schema.
    pub limits: Map<String, Value>,
}

impl PartialEq for Field {
    /// Ignores the documentation.
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
    /// The values of the tag, or the test, that distinguish the variant from the others.
    pub discriminator: String,
}

/// A method or notification.
#[derive(Debug)]
pub struct Method {
    /// The direction and scope.
    pub group: Group,
    /// The documentation.
    pub doc: Doc,
    /// The params, without the session's id where the SDK's session adds it.
    pub params: Ty,
    /// The result.
    pub result: Ty,
}

/// An event.
#[derive(Debug)]
pub struct Event {
    /// The name of its variant in `SessionEventData`.
    pub variant: String,
    /// The documentation.
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
    fix::fix_what_applies(&mut source);
    let flat = flatten::flatten_all(&source, &mut problems);
    let mut survey =
        Survey { problems, unspecified_keys: source.unspecified_keys.clone(), ..Survey::default() };
    survey.types.extend(flat.types.into_iter().map(|(name, flat)| (name, ty(flat))));
    for method in flat.methods {
        let found = Method {
            group: method.source.group,
            doc: flatten::doc(&method.source.leaf),
            params: rust(&method.params),
            result: rust(&method.result),
        };
        // The CLI's own schema comes before the supplement.
        survey.methods.entry(method.source.name).or_insert(found);
    }
    for event in flat.events {
        let (variant, doc) = (variant_name(&event.source.name), flatten::doc(&event.source.schema));
        survey.events.insert(event.source.name, Event { variant, doc, data: rust(&event.data) });
    }
    mark(&mut survey);
    Ok(survey)
}

/// Generates the source of the supported part of a set, for the comparison of the source of two sets. With an older
/// set, the keys and results that it omits are optional.
///
/// # Errors
/// When a text is not JSON, or not one of the CLI's schemas; when typify fails.
pub fn source(input: Input<'_>, older: Option<Input<'_>>) -> Result<BTreeMap<String, String>, Error> {
    let mut model = lenient_model(input)?;
    if let Some(older) = older {
        let missing_in_older = compare::compare(&model, &lenient_model(older)?).missing_in_older;
        let missing_in_older = missing_in_older.iter().map(|key| (key.as_str(), older.version)).collect();
        older::make_optional(&mut model, &missing_in_older);
    }
    Ok(emit::emit(&model, input.version))
}

/// Reads the supported part of the protocol.
fn lenient_model(input: Input<'_>) -> Result<Model, Error> {
    let (mut source, mut problems) = read::read_all(input)?;
    fix::fix_what_applies(&mut source);
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
                let discriminator = variant.discriminator.join(", ");
                (variant.name, Variant { ty: rust(&variant.schema), discriminator })
            });
            Shape::Union { tag: Some(tag), variants: variants.collect() }
        }
        FlatShape::Untagged(variants) => {
            let variants = variants.into_iter().map(|variant| {
                let discriminator = describe(&variant.discriminator);
                (variant.name, Variant { ty: rust(&variant.schema), discriminator })
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

/// Describes a test, such as `object with kind = a`.
fn describe(test: &Test) -> String {
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
    Field { key, ty: rust(&flat.schema), required, nullable, missing_in_older: false, doc, limits }
}

/// The Rust type into which typify converts a normalized schema.
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

/// Marks the types that are sent and received, like `direction` does for the generator.
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
    /// Marks keys and results, as `place.key` and `method: result`, as missing in older versions, so that the SDK has
    /// options for them.
    pub fn allow_older<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        self.missing_in_older.extend(keys.into_iter().map(str::to_owned));
        for ty in self.types.values_mut() {
            if let Shape::Record { fields, .. } = &mut ty.shape {
                for field in fields {
                    field.missing_in_older =
                        self.missing_in_older.contains(&format!("{}.{}", ty.place, field.key));
                }
            }
        }
        for (name, method) in &mut self.methods {
            if self.missing_in_older.contains(&format!("{name}: result")) {
                method.result = Ty::Option(Box::new(method.result.clone()));
            }
        }
    }

    /// The types of the given names, and those that they contain at any depth.
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
    /// The types to which the definition refers.
    pub fn references(&self) -> Vec<&Ty> {
        match &self.shape {
            Shape::Record { fields, rest, .. } => fields.iter().map(|field| &field.ty).chain(rest).collect(),
            Shape::Strings(_) => Vec::new(),
            Shape::Union { variants, .. } => variants.values().map(|variant| &variant.ty).collect(),
            Shape::Alias(ty) => vec![ty],
        }
    }
}
