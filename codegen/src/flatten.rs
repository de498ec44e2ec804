//! Stage three: names every definition and every inline object, enum and union, and finds the Rust type of every place.

mod params;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::model::{
    Discriminator, Event, Field, Method, Model, Origin, Record, Shape, StringVariant, Ty, Type, Union,
    Variant,
};
use crate::names::{Names, field_name, joined, type_name, variant_name};
use crate::read::{EventSource, MethodSource, Source};
use crate::schema::{
    branches, contains, doc, is_object, may_be_nothing, may_be_null, object, optional_object, or_null,
    reference, string_enum, string_values, target,
};
use crate::space::Space;
use crate::union::ByTag;
use crate::{Error, keywords, secrets, union};

/// The types of single values.
const SCALARS: &[&str] = &["string", "integer", "number", "boolean"];

/// The fields whose objects keep the order of their keys, since a form shows its fields in it.
pub const IN_ORDER: &[&str] = &["ElicitationRequestedSchema.properties", "UIElicitationSchema.properties"];

/// The depth to which schemas may be nested inline, so that none exhausts the stack.
const DEEPEST: usize = 24;

/// The key by which params carry a GitHub token.
pub const TOKEN: &str = "gitHubToken";

/// Returns the protocol with Rust types. Any JSON replaces an unsupported schema, and its error is added to `problems`.
pub fn flatten(source: &Source, problems: &mut Vec<Error>) -> Model {
    let mut flattener = Flattener {
        source,
        distinguishing: union::distinguishing_keys(source),
        space: Space::new(),
        names: Names::default(),
        depth: 0,
        model: Model::default(),
        problems,
    };
    // References to definitions that come later, and to the event type, which is hand-written.
    for name in source.definitions.keys().map(String::as_str).chain(["SessionEvent"]) {
        let added = flattener.space.add(&type_name(name));
        flattener.record_error(added, ());
    }
    for (wire, definition) in &source.definitions {
        flattener.define(&type_name(wire), &definition.schema, wire, definition.origin);
    }
    for method in &source.methods {
        let method = flattener.method(method);
        // The CLI's own schema comes before the supplement.
        flattener.model.methods.entry(method.name.clone()).or_insert(method);
    }
    for event in &source.events {
        let event = flattener.event(event);
        flattener.model.events.insert(event.name.clone(), event);
    }
    let mut model = flattener.model;
    model.unspecified_keys.clone_from(&source.unspecified_keys);
    mark_logins(&mut model);
    model
}

/// Marks the methods whose params may carry a GitHub token.
fn mark_logins(model: &mut Model) {
    let has_token =
        |method: &&Method| model.record(&method.params).is_some_and(|params| params.field(TOKEN).is_some());
    let logins: Vec<String> = model.methods.values().filter(has_token).map(|of| of.name.clone()).collect();
    for method in model.methods.values_mut() {
        method.accepts_login = logins.contains(&method.name);
    }
}

struct Flattener<'s> {
    source: &'s Source,
    /// The keys by which unions distinguish objects, each with the definition or the place of the object.
    distinguishing: BTreeSet<(String, String)>,
    space: Space,
    names: Names,
    /// The schemas around the one that is read.
    depth: usize,
    model: Model,
    problems: &'s mut Vec<Error>,
}

impl Flattener<'_> {
    /// Records an error, and returns `otherwise` in its place.
    fn record_error<T>(&mut self, result: Result<T, Error>, otherwise: T) -> T {
        result.unwrap_or_else(|error| {
            self.problems.push(error);
            otherwise
        })
    }

    /// The Rust type of a normalized schema.
    fn ty(&mut self, schema: &Value) -> Ty {
        let ty = self.space.ty(schema);
        self.record_error(ty, Ty::Json)
    }

    fn method(&mut self, method: &MethodSource) -> Method {
        let name = type_name(&method.name);
        let params = self.params(method, &format!("{name}Params"));
        let params = self.record_error(params, json!({}));
        let result = match method.leaf.get("result") {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Object(result)) if result.get("type") == Some(&json!("null")) => Value::Null,
            Some(result) => {
                let place = format!("{}: result", method.name);
                let (schema, nullable) = self.normalize_or_any(result, &format!("{name}Result"), &place);
                // A JSON-RPC response always has a result, so an absent one is `null`.
                or_null((schema, nullable || may_be_nothing(result)))
            }
        };
        Method {
            marker: name,
            group: method.group,
            doc: doc(&method.leaf),
            params: self.ty(&params),
            result: self.ty(&result),
            accepts_login: false,
            missing_in_older: None,
            supplement: method.supplement,
            name: method.name.clone(),
        }
    }

    fn event(&mut self, event: &EventSource) -> Event {
        let data = or_null(self.normalize_or_any(&event.data, &type_name(&event.envelope), &event.envelope));
        let mut doc = doc(&event.schema);
        // The first sentence repeats the type.
        if let Some((lead, rest)) = doc.text.split_once("\". ")
            && lead.starts_with("Session event \"")
        {
            doc.text = rest.to_owned();
        }
        let (name, variant) = (event.name.clone(), variant_name(&event.name));
        Event { name, variant, data: self.ty(&data), doc }
    }

    /// Adds the type of a definition.
    fn define(&mut self, name: &str, schema: &Value, place: &str, origin: Origin) {
        let claimed = self.names.claim(name, place);
        self.record_error(claimed, ());
        let shape = self.shape(name, schema, place);
        let shape = self.record_error(shape, Shape::Alias(Ty::Json));
        let doc = schema.as_object().map(doc).unwrap_or_default();
        let sent = schema.get("x-sent").is_some();
        // The limits of an inline type are among those of its field.
        let limits = schema.as_object().filter(|_| origin != Origin::Inline).map(keywords::limits);
        let (place, limits) = (place.to_owned(), limits.unwrap_or_default());
        let ty = Type { place, doc, origin, shape, limits, sent, received: false };
        self.model.types.entry(name.to_owned()).or_insert(ty);
    }

    fn shape(&mut self, name: &str, schema: &Value, place: &str) -> Result<Shape, Error> {
        if schema == &Value::Bool(true) {
            return Ok(Shape::Alias(Ty::Json));
        }
        let inner = optional_object(schema).filter(|_| !may_be_null(schema));
        for schema in [Some(schema), inner].into_iter().flatten() {
            let known = keywords::check(object(schema, place)?, place);
            self.record_error(known, ());
        }
        let body = inner.unwrap_or(schema);
        if let Some(values) = string_values(body) {
            let variant =
                |(value, doc): (String, String)| StringVariant { name: variant_name(&value), value, doc };
            return Ok(Shape::Strings(values.into_iter().map(variant).collect()));
        }
        if is_object(body) {
            return self.record(name, object(body, place)?, place);
        }
        match branches(body) {
            Some(parts) if parts.values.len() > 1 && !parts.nullable => {
                self.union(name, &parts.values, place)
            }
            _ => {
                let target = or_null(self.normalize(body, &format!("{name}Value"), place)?);
                Ok(Shape::Alias(self.ty(&target)))
            }
        }
    }

    /// Defines the type of an inline object, enum or union, and returns a reference to it.
    fn name_inline(&mut self, name: &str, schema: &Value, place: &str) -> Value {
        let added = self.space.add(name);
        self.record_error(added, ());
        self.define(name, schema, place, Origin::Inline);
        reference(name)
    }

    fn record(&mut self, name: &str, schema: &Map<String, Value>, place: &str) -> Result<Shape, Error> {
        let mut record = Record { constants: Vec::new(), fields: Vec::new(), rest: None };
        let keys = schema.get("properties").and_then(Value::as_object);
        let keys: Vec<&str> = keys.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let required = schema.get("required").is_some_and(|list| contains(list, key));
            // An enum of one value may get others, unless a union distinguishes its variants by the value.
            let fixed = property.get("const").is_some()
                || self.distinguishing.contains(&(place.to_owned(), key.clone()));
            let place = format!("{place}.{key}");
            let known = property.as_object().map_or(Ok(()), |property| keywords::check(property, &place));
            self.record_error(known, ());
            let constant = union::constant(self.source, property, &place)?;
            match constant.filter(|_| required && fixed) {
                Some(constant) => {
                    record.constants.push((key.clone(), constant));
                }
                None => {
                    let type_name = format!("{name}{}", type_name(key));
                    let mut field = self.field((key, required), property, &type_name, &place);
                    field.name = field_name(key, field.name, &keys);
                    record.fields.push(field);
                }
            }
        }
        // An object without the keyword is open.
        let rest = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        if rest != &Value::Bool(false) {
            let rest = or_null(self.normalize(rest, &format!("{name}Value"), place)?);
            record.rest = Some(self.ty(&rest));
        }
        Ok(Shape::Record(record))
    }

    fn field(&mut self, key: (&str, bool), property: &Value, type_name: &str, place: &str) -> Field {
        let (key, required) = key;
        let (schema, nullable) = self.normalize_or_any(property, type_name, place);
        let name = self.space.field(&joined(key));
        let ty = match self.ty(&schema) {
            Ty::Map(values) if IN_ORDER.contains(&place) => Ty::Entries(values),
            ty => ty,
        };
        let left_out = property.get("x-left-out").and_then(Value::as_str);
        Field {
            key: key.to_owned(),
            name: self.record_error(name, key.to_owned()),
            secret: !secrets::is_hidden(key) && secrets::is_secret(place, property, &schema),
            ty,
            doc: property.as_object().map(doc).unwrap_or_default(),
            required: required || left_out.is_some(),
            nullable,
            missing_in_older: left_out.map(str::to_owned),
            limits: property.as_object().map(keywords::limits).unwrap_or_default(),
        }
    }

    fn union(&mut self, name: &str, values: &[&Value], place: &str) -> Result<Shape, Error> {
        if let Some(index) = values.iter().position(|branch| union::may_be_null(self.source, branch)) {
            return Err(Error::shape(place, format!("branch {index} of the union may be `null`")));
        }
        let (tag, branches) = match union::by_tag(self.source, values) {
            Some(ByTag { tag, values: tags }) => {
                let branches = values.iter().zip(tags).map(|(&branch, tags)| {
                    (union::tagged_name(name, branch, &tags), branch, Discriminator::Tag(tags))
                });
                (Some(tag), branches.collect::<Vec<_>>())
            }
            None => {
                let tests = union::by_shape(self.source, values, place)?;
                let branches = tests.into_iter().map(|(index, test)| {
                    let branch = values[index];
                    let variant = union::untagged_name(self.source, name, branch, test.kind);
                    (variant, branch, Discriminator::Test(test))
                });
                (None, branches.collect())
            }
        };
        let mut variants = Vec::new();
        for (variant, branch, discriminator) in branches {
            variants.push(self.variant((name, tag.as_deref()), variant, branch, place, discriminator)?);
        }
        Ok(Shape::Union(Union { tag, variants }))
    }

    fn variant(
        &mut self,
        (union, tag): (&str, Option<&str>),
        name: String,
        branch: &Value,
        place: &str,
        discriminator: Discriminator,
    ) -> Result<Variant, Error> {
        let place = format!("{place}: {name}");
        let keys = discriminator.keys().chain(tag).map(|key| (place.clone(), key.to_owned()));
        self.distinguishing.extend(keys);
        let (schema, _) = self.normalize(branch, &format!("{union}{name}"), &place)?;
        let target = union::resolve(self.source, branch);
        let text = |schema: &Value| schema.get("description").and_then(Value::as_str).map(str::to_owned);
        let doc = text(branch).or_else(|| text(target)).unwrap_or_default();
        Ok(Variant { name, ty: self.ty(&schema), doc, discriminator })
    }

    /// Like [`Self::normalize`], but records an error and returns any JSON in place of an unsupported schema.
    fn normalize_or_any(&mut self, schema: &Value, name: &str, place: &str) -> (Value, bool) {
        let normalized = self.normalize(schema, name, place);
        self.record_error(normalized, (json!({}), false))
    }

    /// Reduces a schema to scalars, lists, maps and references, and returns with it true if `null` is allowed. An
    /// inline type gets `name`.
    fn normalize(&mut self, schema: &Value, name: &str, place: &str) -> Result<(Value, bool), Error> {
        if self.depth == DEEPEST {
            return Err(Error::shape(place, format!("nested more than {DEEPEST} levels deep")));
        }
        self.depth += 1;
        let normalized = self.normalize_level(schema, name, place);
        self.depth -= 1;
        normalized
    }

    fn normalize_level(&mut self, schema: &Value, name: &str, place: &str) -> Result<(Value, bool), Error> {
        if schema == &Value::Bool(true) {
            return Ok((json!({}), false));
        }
        let map = object(schema, place)?;
        let known = keywords::check(map, place);
        self.record_error(known, ());
        if let Some(path) = map.get("$ref") {
            let target = self.resolve_reference(schema, path, place);
            return Ok((self.record_error(target, json!({})), false));
        }
        if let Some(parts) = branches(schema) {
            return match parts.values.as_slice() {
                [] if parts.nullable => Ok((json!({}), true)),
                [] => Err(Error::shape(place, "a union without branches")),
                [one] => {
                    let (schema, nullable) = self.normalize(one, name, place)?;
                    Ok((schema, nullable || parts.nullable))
                }
                values if values.iter().any(|value| union::is_anything(value)) => {
                    Ok((json!({}), parts.nullable))
                }
                _ => {
                    let mut without_null = map.clone();
                    let key = if map.contains_key("anyOf") { "anyOf" } else { "oneOf" };
                    without_null[key] = parts.values.iter().map(|&value| value.clone()).collect();
                    Ok((self.name_inline(name, &Value::Object(without_null), place), parts.nullable))
                }
            };
        }
        if let Some((strings, nullable)) = string_enum(schema) {
            return Ok((self.name_inline(name, &strings, place), nullable));
        }
        self.by_type(map, name, place)
    }

    fn by_type(&mut self, map: &Map<String, Value>, name: &str, place: &str) -> Result<(Value, bool), Error> {
        let kinds: Vec<&str> = match map.get("type") {
            None => match map.get("const") {
                None => return Ok((json!({}), false)),
                Some(Value::Bool(_)) => vec!["boolean"],
                Some(Value::String(_)) => vec!["string"],
                Some(_) => return Err(Error::shape(place, "a constant that is neither string nor boolean")),
            },
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            Some(_) => return Err(Error::shape(place, "`type` is neither a string nor a list")),
        };
        let nullable = kinds.contains(&"null");
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
        let schema = match kinds.as_slice() {
            [] => json!({}),
            [kind] if SCALARS.contains(kind) => json!({ "type": kind }),
            ["array"] => {
                let items = map.get("items").unwrap_or(&Value::Bool(true));
                let items = or_null(self.normalize(items, &format!("{name}Item"), place)?);
                json!({ "type": "array", "items": items })
            }
            ["object"] if map.contains_key("properties") => {
                let mut object = map.clone();
                object.insert("type".to_owned(), json!("object"));
                self.name_inline(name, &Value::Object(object), place)
            }
            ["object"] => {
                let values = map.get("additionalProperties").unwrap_or(&Value::Bool(true));
                let values = or_null(self.normalize(values, &format!("{name}Value"), place)?);
                json!({ "type": "object", "additionalProperties": values })
            }
            // Scalars only, since it is unclear to which of the types the other keywords belong.
            kinds if kinds.len() > 1 && kinds.iter().all(|kind| SCALARS.contains(kind)) => {
                let branches: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
                let mut union = json!({ "anyOf": branches });
                if let Some(text) = map.get("description") {
                    union["description"] = text.clone();
                }
                self.name_inline(name, &union, place)
            }
            _ => return Err(Error::shape(place, format!("unknown combination of types {kinds:?}"))),
        };
        Ok((schema, nullable))
    }

    fn resolve_reference(&self, schema: &Value, path: &Value, place: &str) -> Result<Value, Error> {
        let unknown = || Error::shape(place, format!("reference to an unknown place: {path}"));
        // A name in an address may have escapes, so that two addresses lead to one place.
        let name = target(schema).filter(|name| !name.contains(['/', '~', '%'])).ok_or_else(unknown)?;
        if !self.source.definitions.contains_key(name) && name != "SessionEvent" {
            return Err(Error::shape(place, format!("reference to {name}, which is not defined")));
        }
        Ok(reference(&type_name(name)))
    }
}
