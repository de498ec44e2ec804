//! Stage three: names every inline object, enum and union, so that a field is a scalar, a list, a map or a reference.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::model::{Constant, Doc, Origin, Test};
use crate::names::{Names, type_name};
use crate::read::{EventSource, Group, MethodSource, Source};
use crate::{Error, keywords, secrets, union};

/// The types of single values.
const SCALARS: &[&str] = &["string", "integer", "number", "boolean"];

/// The protocol with named types only. All schemas in it are normalized by [`Flattener::normalize`].
#[derive(Debug)]
pub struct Flat {
    pub types: BTreeMap<String, FlatType>,
    pub methods: Vec<FlatMethod>,
    pub events: Vec<FlatEvent>,
}

#[derive(Debug)]
pub struct FlatType {
    pub place: String,
    pub doc: Doc,
    pub origin: Origin,
    /// True if the schema marks the type as sent, since it is only sent within opaque JSON.
    pub sent: bool,
    /// The keywords that restrict the values of a definition but not its type.
    pub limits: Map<String, Value>,
    pub shape: FlatShape,
}

#[derive(Debug)]
pub enum FlatShape {
    Record {
        constants: Vec<(String, Constant)>,
        fields: Vec<FlatField>,
        rest: Option<Value>,
    },
    /// Values with their docs.
    Strings(Vec<(String, String)>),
    Tagged {
        tag: String,
        variants: Vec<FlatVariant<Vec<String>>>,
    },
    Untagged(Vec<FlatVariant<Test>>),
    Alias(Value),
}

#[derive(Debug)]
pub struct FlatField {
    pub key: String,
    pub schema: Value,
    pub required: bool,
    pub nullable: bool,
    pub secret: bool,
    pub doc: Doc,
    /// The keywords that restrict the values but not their type.
    pub limits: Map<String, Value>,
}

#[derive(Debug)]
pub struct FlatVariant<T> {
    pub name: String,
    pub schema: Value,
    pub doc: String,
    /// The values of the tag, or the test, that distinguish the variant from the others.
    pub discriminator: T,
}

#[derive(Debug)]
pub struct FlatMethod {
    pub source: MethodSource,
    pub params: Value,
    pub result: Value,
}

#[derive(Debug)]
pub struct FlatEvent {
    pub source: EventSource,
    pub data: Value,
}

pub fn flatten(source: &Source) -> Result<Flat, Error> {
    let mut problems = Vec::new();
    let flat = flatten_all(source, &mut problems);
    match problems.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(flat),
    }
}

/// Like [`flatten`], but replaces every unsupported schema by any JSON and adds its error to `problems`.
pub fn flatten_all(source: &Source, problems: &mut Vec<Error>) -> Flat {
    let mut flattener = Flattener { source, names: Names::default(), types: BTreeMap::new(), problems };
    for (wire, definition) in &source.definitions {
        flattener.define(&type_name(wire), &definition.schema, wire, definition.origin);
    }
    let methods = source.methods.iter().map(|method| flattener.method(method)).collect();
    let events = source.events.iter().map(|event| {
        let (data, _) = flattener.normalize_or_any(&event.data, &type_name(&event.envelope), &event.envelope);
        FlatEvent { source: event.clone(), data }
    });
    let events = events.collect();
    Flat { types: flattener.types, methods, events }
}

pub struct Flattener<'s> {
    pub source: &'s Source,
    names: Names,
    types: BTreeMap<String, FlatType>,
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

    fn method(&mut self, method: &MethodSource) -> FlatMethod {
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
        FlatMethod { source: method.clone(), params, result }
    }

    /// The params of a session's method repeat a definition with the session's id added. The SDK's session adds the id,
    /// so the params are the definition without it.
    fn params(&mut self, method: &MethodSource, name: &str) -> Result<Value, Error> {
        let place = format!("{}: params", method.name);
        let params = match method.leaf.get("params") {
            None | Some(Value::Null) => return Ok(Value::Null),
            Some(params) => params,
        };
        let branch = params_object(params);
        let Some(properties) = branch.get("properties").and_then(Value::as_object) else {
            return Ok(self.normalize(params, name, &place)?.0);
        };
        let mut own = properties.clone();
        if method.group.has_session() {
            own.shift_remove("sessionId");
        }
        if own.is_empty() {
            return Ok(Value::Null);
        }
        if let Some(title) = params.get("title").and_then(Value::as_str)
            && let Some(definition) = self.source.definitions.get(title)
        {
            let schema = optional_object(&definition.schema).unwrap_or(&definition.schema);
            let defined = schema.get("properties").and_then(Value::as_object);
            // Requests of the CLI carry the id anyway, so there the definition may have it.
            let all = method.group == Group::ClientSession;
            let same = |defined: &Map<String, Value>| {
                defined.keys().eq(own.keys()) || (all && defined.keys().eq(properties.keys()))
            };
            if !defined.is_some_and(same) {
                return Err(Error::shape(
                    place,
                    format!("the properties are not those of its title {title}"),
                ));
            }
            return Ok(reference(&type_name(title)));
        }
        let mut schema = branch.clone();
        schema["properties"] = Value::Object(own);
        Ok(self.normalize(&schema, name, &place)?.0)
    }

    /// Adds the type of a definition.
    fn define(&mut self, name: &str, schema: &Value, place: &str, origin: Origin) {
        let claimed = self.names.claim(name, place);
        self.record_error(claimed, ());
        let shape = self.shape(name, schema, place);
        let shape = self.record_error(shape, FlatShape::Alias(json!({})));
        let doc = schema.as_object().map(doc).unwrap_or_default();
        let sent = schema.get("x-sent").is_some();
        // The limits of an inline type are among those of its field.
        let limits = schema.as_object().filter(|_| origin != Origin::Inline).map(keywords::limits);
        let limits = limits.unwrap_or_default();
        let ty = FlatType { place: place.to_owned(), doc, origin, sent, limits, shape };
        self.types.entry(name.to_owned()).or_insert(ty);
    }

    fn shape(&mut self, name: &str, schema: &Value, place: &str) -> Result<FlatShape, Error> {
        let known = keywords::check(object(schema, place)?, place);
        self.record_error(known, ());
        let body = optional_object(schema).unwrap_or(schema);
        if let Some(values) = string_values(body) {
            return Ok(FlatShape::Strings(values));
        }
        if body.get("properties").is_some() {
            return self.record(name, object(body, place)?, place);
        }
        match branches(body) {
            Some(parts) if parts.values.len() > 1 && !parts.nullable => {
                self.union(name, &parts.values, place)
            }
            _ => Ok(FlatShape::Alias(or_null(self.normalize(body, &format!("{name}Value"), place)?))),
        }
    }

    /// Defines the type of an inline object, enum or union, and returns a reference to it.
    fn name_inline(&mut self, name: &str, schema: &Value, place: &str) -> Value {
        self.define(name, schema, place, Origin::Inline);
        reference(name)
    }

    fn record(&mut self, name: &str, schema: &Map<String, Value>, place: &str) -> Result<FlatShape, Error> {
        let required = |key: &str| schema.get("required").is_some_and(|list| contains(list, key));
        let mut constants = Vec::new();
        let mut fields = Vec::new();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let place = format!("{place}.{key}");
            let required = required(key);
            match constant(self.source, property, &place)? {
                Some(constant) if required => constants.push((key.clone(), constant)),
                _ => {
                    let (schema, nullable) =
                        self.normalize_or_any(property, &format!("{name}{}", type_name(key)), &place);
                    let doc = property.as_object().map(doc).unwrap_or_default();
                    let secret = !secrets::is_hidden(key) && secrets::is_secret(&place, property, &schema);
                    let limits = property.as_object().map(keywords::limits).unwrap_or_default();
                    let key = key.clone();
                    fields.push(FlatField { key, schema, required, nullable, secret, doc, limits });
                }
            }
        }
        let rest = match schema.get("additionalProperties") {
            None | Some(Value::Bool(false)) => None,
            Some(rest) => Some(or_null(self.normalize(rest, &format!("{name}Value"), place)?)),
        };
        Ok(FlatShape::Record { constants, fields, rest })
    }

    fn union(&mut self, name: &str, values: &[&Value], place: &str) -> Result<FlatShape, Error> {
        if let Some(tagged) = union::by_tag(self.source, values) {
            let mut variants = Vec::new();
            for (branch, tags) in values.iter().zip(tagged.values) {
                let variant = union::tagged_name(name, branch, &tags);
                variants.push(self.variant(name, variant, branch, place, tags)?);
            }
            distinct(&variants, place)?;
            return Ok(FlatShape::Tagged { tag: tagged.tag, variants });
        }
        let mut variants = Vec::new();
        for (index, test) in union::by_shape(self.source, values, place)? {
            let variant = union::untagged_name(self.source, name, values[index], test.kind);
            variants.push(self.variant(name, variant, values[index], place, test)?);
        }
        distinct(&variants, place)?;
        Ok(FlatShape::Untagged(variants))
    }

    fn variant<T>(
        &mut self,
        union: &str,
        name: String,
        branch: &Value,
        place: &str,
        discriminator: T,
    ) -> Result<FlatVariant<T>, Error> {
        let place = format!("{place}: {name}");
        let (schema, _) = self.normalize(branch, &format!("{union}{name}"), &place)?;
        let target = union::resolve(self.source, branch);
        let text = |schema: &Value| schema.get("description").and_then(Value::as_str).map(str::to_owned);
        let doc = text(branch).or_else(|| text(target)).unwrap_or_default();
        Ok(FlatVariant { name, schema, doc, discriminator })
    }

    /// Like [`Self::normalize`], but records an error and returns any JSON in place of an unsupported schema.
    fn normalize_or_any(&mut self, schema: &Value, name: &str, place: &str) -> (Value, bool) {
        let normalized = self.normalize(schema, name, place);
        self.record_error(normalized, (json!({}), false))
    }

    /// Reduces a schema to scalars, lists, maps and references, and returns with it true if `null` is allowed. An
    /// inline type gets `name`.
    fn normalize(&mut self, schema: &Value, name: &str, place: &str) -> Result<(Value, bool), Error> {
        if schema == &Value::Bool(true) {
            return Ok((json!({}), false));
        }
        let map = object(schema, place)?;
        let known = keywords::check(map, place);
        self.record_error(known, ());
        if let Some(target) = map.get("$ref").and_then(Value::as_str) {
            let target = self.resolve_reference(target, place);
            return Ok((self.record_error(target, json!({})), false));
        }
        if let Some(parts) = branches(schema) {
            return match parts.values.as_slice() {
                [] => Ok((json!({}), parts.nullable)),
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
        if string_values(schema).is_some() {
            return Ok((self.name_inline(name, schema, place), false));
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
                let text = map.get("description").cloned().unwrap_or_default();
                self.name_inline(name, &json!({ "anyOf": branches, "description": text }), place)
            }
            _ => return Err(Error::shape(place, format!("unknown combination of types {kinds:?}"))),
        };
        Ok((schema, nullable))
    }

    fn resolve_reference(&self, target: &str, place: &str) -> Result<Value, Error> {
        let name = target.strip_prefix("#/definitions/");
        let name = name.or_else(|| target.strip_prefix("session-events.schema.json#/definitions/"));
        let name =
            name.ok_or_else(|| Error::shape(place, format!("reference to an unknown place: {target}")))?;
        if !self.source.definitions.contains_key(name) && name != "SessionEvent" {
            return Err(Error::shape(place, format!("reference to {name}, which is not defined")));
        }
        Ok(reference(&type_name(name)))
    }
}

/// The branches of a union, without `null` and without the branch for an absent value.
pub struct Branches<'a> {
    pub values: Vec<&'a Value>,
    pub nullable: bool,
}

/// Returns the branches of an `anyOf` or `oneOf`; none if the schema has properties, since there the branches only list
/// which keys go together.
pub fn branches(schema: &Value) -> Option<Branches<'_>> {
    if schema.get("properties").is_some() {
        return None;
    }
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let nullable = list.iter().any(|branch| branch.get("type") == Some(&json!("null")));
    let something =
        |branch: &&Value| branch.get("type") != Some(&json!("null")) && branch.get("not") != Some(&json!({}));
    Some(Branches { values: list.iter().filter(something).collect(), nullable })
}

/// The object of a union of an object and an absent value, which is the schema of optional params.
fn optional_object(schema: &Value) -> Option<&Value> {
    match branches(schema)?.values.as_slice() {
        [one] if may_be_nothing(schema) && one.get("properties").is_some() => Some(one),
        _ => None,
    }
}

/// The object of params. Up to 1.0.75 the session's id is beside a union with an optional object.
fn params_object(params: &Value) -> &Value {
    let beside = params.get("properties").and_then(Value::as_object);
    let beside = beside.is_some_and(|properties| properties.keys().eq(["sessionId"]));
    let branches = params.get("anyOf").and_then(Value::as_array).filter(|_| beside);
    let inner = branches.and_then(|all| all.iter().find(|branch| branch.get("properties").is_some()));
    optional_object(params).or(inner).unwrap_or(params)
}

/// Returns true if the value may be absent according to one of the branches.
fn may_be_nothing(schema: &Value) -> bool {
    let branches = schema.get("anyOf").and_then(Value::as_array);
    branches.is_some_and(|branches| branches.iter().any(|branch| branch.get("not") == Some(&json!({}))))
}

/// The values of a string enum, with their docs.
fn string_values(schema: &Value) -> Option<Vec<(String, String)>> {
    let list = schema.get("enum").or_else(|| schema.get("x-extensible-enum"))?.as_array()?;
    let docs = schema.get("x-enumDescriptions");
    let doc =
        |value: &str| docs.and_then(|docs| docs.get(value)).and_then(Value::as_str).unwrap_or("").to_owned();
    list.iter().map(|value| value.as_str().map(|value| (value.to_owned(), doc(value)))).collect()
}

/// The only value a property may have.
pub fn constant(source: &Source, property: &Value, place: &str) -> Result<Option<Constant>, Error> {
    match property.get("const") {
        Some(Value::String(value)) => Ok(Some(Constant::String(value.clone()))),
        Some(Value::Bool(value)) => Ok(Some(Constant::Bool(*value))),
        Some(_) => Err(Error::shape(place, "a constant that is neither string nor boolean")),
        // An enum with one value is a constant.
        None => Ok(union::strings(source, property)
            .filter(|values| values.len() == 1)
            .and_then(|mut values| values.pop())
            .map(Constant::String)),
    }
}

pub fn contains(list: &Value, key: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == key))
}

/// Fails if two variants of a union have the same name.
fn distinct<T>(variants: &[FlatVariant<T>], place: &str) -> Result<(), Error> {
    for (index, variant) in variants.iter().enumerate() {
        if let Some(other) = variants[..index].iter().position(|other| other.name == variant.name) {
            return Err(Error::Name {
                name: variant.name.clone(),
                first: format!("{place}: branch {other}"),
                second: format!("{place}: branch {index}"),
            });
        }
    }
    Ok(())
}

/// One schema for the result of [`Flattener::normalize`].
fn or_null((schema, nullable): (Value, bool)) -> Value {
    if nullable { json!({ "oneOf": [schema, { "type": "null" }] }) } else { schema }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn object<'v>(schema: &'v Value, place: &str) -> Result<&'v Map<String, Value>, Error> {
    schema.as_object().ok_or_else(|| Error::shape(place, "not a schema"))
}

pub fn doc(schema: &Map<String, Value>) -> Doc {
    Doc {
        text: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        internal: schema.get("visibility") == Some(&json!("internal")),
        deprecated: schema.get("deprecated") == Some(&json!(true)),
        stability: schema.get("stability").and_then(Value::as_str).map(str::to_owned),
    }
}
