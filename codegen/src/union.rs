//! Finds the discriminators of unions: a tag, or tests on the shape of the JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::Error;
use crate::keywords;
use crate::model::{Constant, Discriminator, JsonKind, Test};
use crate::names::{self, type_name, variant_name};
use crate::read::Source;
use crate::schema::{self, branches, contains, target, without};

/// A union whose objects all carry a different string under one key.
pub struct ByTag {
    pub tag: String,
    /// The values of the tag for each branch.
    pub values: Vec<Vec<String>>,
}

/// The schema to which a reference points.
pub fn resolve<'v>(source: &'v Source, schema: &'v Value) -> &'v Value {
    match target(schema).and_then(|name| source.definitions.get(name)) {
        Some(definition) => resolve(source, &definition.schema),
        None => schema,
    }
}

/// The schemas of which a schema allows the values: itself, or the branches of its union, at any depth.
fn alternatives<'v>(source: &'v Source, schema: &'v Value) -> Vec<&'v Value> {
    let schema = resolve(source, schema);
    match branches(schema) {
        Some(parts) => parts.values.into_iter().flat_map(|branch| alternatives(source, branch)).collect(),
        None => vec![schema],
    }
}

/// Returns true if `null` is a value of the schema, of what it refers to, or of a union in it.
pub fn may_be_null(source: &Source, schema: &Value) -> bool {
    let schema = resolve(source, schema);
    let parts = branches(schema).map(|parts| parts.values).unwrap_or_default();
    schema::may_be_null(schema) || parts.into_iter().any(|branch| may_be_null(source, branch))
}

/// Returns true if a branch allows any JSON.
pub fn is_anything(schema: &Value) -> bool {
    ["type", "$ref", "const", "enum", "anyOf", "oneOf"].iter().all(|keyword| schema.get(keyword).is_none())
}

/// Returns the key whose strings distinguish all branches.
pub fn by_tag(source: &Source, branches: &[&Value]) -> Option<ByTag> {
    let first = candidates(source, branches.first()?);
    first.into_iter().find_map(|tag| {
        let values: Option<Vec<Vec<String>>> =
            branches.iter().map(|branch| tag_values(source, branch, &tag)).collect();
        let values = values?;
        let mut all: Vec<&String> = values.iter().flatten().collect();
        let count = all.len();
        all.sort();
        all.dedup();
        (all.len() == count).then_some(ByTag { tag, values })
    })
}

/// The keys of the first branch that could be a tag.
fn candidates(source: &Source, branch: &Value) -> Vec<String> {
    let branch = resolve(source, branch);
    match branches(branch) {
        Some(nested) => nested.values.first().map(|first| candidates(source, first)).unwrap_or_default(),
        None => branch
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect(),
    }
}

/// The strings a branch allows under `tag`, which it must require.
fn tag_values(source: &Source, branch: &Value, tag: &str) -> Option<Vec<String>> {
    let branch = resolve(source, branch);
    if let Some(nested) = branches(branch) {
        let values: Option<Vec<_>> =
            nested.values.iter().map(|branch| tag_values(source, branch, tag)).collect();
        return values.map(|values| values.concat());
    }
    if !contains(branch.get("required")?, tag) {
        return None;
    }
    strings(source, branch.get("properties")?.get(tag)?)
}

/// The strings that a property may have, if the schema lists them.
pub fn strings(source: &Source, property: &Value) -> Option<Vec<String>> {
    if let Some(value) = property.get("const") {
        return value.as_str().map(|value| vec![value.to_owned()]);
    }
    let values = resolve(source, property).get("enum")?.as_array()?;
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The strings or the boolean that a property may have, if the schema lists them.
fn listed(source: &Source, property: &Value) -> Option<Vec<String>> {
    match property.get("const") {
        Some(Value::Bool(value)) => Some(vec![value.to_string()]),
        _ => strings(source, property),
    }
}

/// The only value a property may have.
pub fn constant(source: &Source, property: &Value, place: &str) -> Result<Option<Constant>, Error> {
    match property.get("const") {
        Some(Value::String(value)) => Ok(Some(Constant::String(value.clone()))),
        Some(Value::Bool(value)) => Ok(Some(Constant::Bool(*value))),
        Some(_) => Err(Error::shape(place, "a constant that is neither string nor boolean")),
        None => Ok(match strings(source, property).as_deref() {
            Some([only]) => Some(Constant::String(only.clone())),
            _ => None,
        }),
    }
}

/// The keys by which unions distinguish objects, each with the definition of the object.
pub fn distinguishing_keys(source: &Source) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let definitions = source.definitions.values().map(|definition| &definition.schema);
    definitions.chain(source.events.iter().map(|event| &event.data)).for_each(|schema| {
        find_keys(source, schema, &mut found);
    });
    for method in &source.methods {
        method.leaf.values().for_each(|schema| find_keys(source, schema, &mut found));
    }
    found
}

fn find_keys(source: &Source, schema: &Value, found: &mut BTreeSet<(String, String)>) {
    if let Some(parts) = branches(schema).filter(|parts| parts.values.len() > 1) {
        let mut add = |branch, key: &str| {
            found.extend(objects(source, branch).into_iter().map(|name| (name.to_owned(), key.to_owned())));
        };
        match by_tag(source, &parts.values) {
            Some(tagged) => parts.values.iter().for_each(|branch| add(branch, &tagged.tag)),
            None => {
                for (index, test) in by_shape(source, &parts.values, "").unwrap_or_default() {
                    Discriminator::Test(test).keys().for_each(|key| add(parts.values[index], key));
                }
            }
        }
    }
    match schema {
        Value::Object(map) => map.values().for_each(|inner| find_keys(source, inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| find_keys(source, inner, found)),
        _ => {}
    }
}

/// The definitions to which a branch refers, those of a nested union one by one.
fn objects<'v>(source: &'v Source, branch: &'v Value) -> Vec<&'v str> {
    let Some((name, definition)) = target(branch).and_then(|name| source.definitions.get_key_value(name))
    else {
        return Vec::new();
    };
    match branches(&definition.schema) {
        Some(nested) => nested.values.iter().flat_map(|branch| objects(source, branch)).collect(),
        None if definition.schema.get("$ref").is_some() => objects(source, &definition.schema),
        None => vec![name],
    }
}

/// Returns the branches of a union without a tag, each with its test, the strictest tests first.
pub fn by_shape(source: &Source, branches: &[&Value], place: &str) -> Result<Vec<(usize, Test)>, Error> {
    tests(source, branches, place, false).or_else(|_| tests(source, branches, place, true))
}

/// Returns the tests; with `nested`, they include the keys of objects under required keys.
fn tests(
    source: &Source,
    branches: &[&Value],
    place: &str,
    nested: bool,
) -> Result<Vec<(usize, Test)>, Error> {
    let mut tests = Vec::new();
    for (index, branch) in branches.iter().enumerate() {
        let schema = resolve(source, branch);
        let kind = kind(schema)
            .ok_or_else(|| Error::shape(place, format!("branch {index} has no single JSON kind")))?;
        let keys = if kind == JsonKind::Object { keys(source, schema, place, nested)? } else { Vec::new() };
        tests.push((index, Test { kind, keys, optional: Vec::new() }));
    }
    // A key that every object requires distinguishes nothing, unless its values do.
    let everywhere = |key: &str| {
        let mut objects = tests.iter().filter(|(_, test)| test.kind == JsonKind::Object);
        objects.all(|(_, test)| test.keys.iter().any(|(name, values)| name == key && values.is_empty()))
    };
    let mut distinct: Vec<(usize, Test)> = tests.clone();
    for (_, test) in &mut distinct {
        test.keys.retain(|(key, values)| !values.is_empty() || !everywhere(key));
    }
    for (index, (_, test)) in distinct.iter().enumerate() {
        if distinct[..index].iter().any(|(_, other)| other == test) {
            let test = Discriminator::Test(test.clone());
            return Err(Error::shape(place, format!("branches of the union cannot be told apart: {test}")));
        }
    }
    for index in 0..distinct.len() {
        let schema = resolve(source, branches[distinct[index].0]);
        distinct[index].1.optional = optional_keys(source, schema, &tests);
    }
    distinct.sort_by_key(|(_, test)| std::cmp::Reverse(test.keys.len()));
    ordered(source, branches, distinct, place)
}

/// Sorts equally strict tests so that no object passes the test of a branch before its own whose type cannot hold all
/// of it.
fn ordered(
    source: &Source,
    branches: &[&Value],
    mut rest: Vec<(usize, Test)>,
    place: &str,
) -> Result<Vec<(usize, Test)>, Error> {
    let mut ordered = Vec::new();
    while let Some(first) = rest.first() {
        let mut equal = rest.iter().take_while(|(_, test)| test.keys.len() == first.1.keys.len());
        let Some(at) = equal.position(|branch| misread(source, branches, branch, &rest).is_none()) else {
            let problem = misread(source, branches, first, &rest).unwrap_or_default();
            return Err(Error::shape(place, problem));
        };
        ordered.push(rest.remove(at));
    }
    Ok(ordered)
}

/// Describes what is lost of an object of another branch if this one is tried before it; none if nothing is.
fn misread(
    source: &Source,
    branches: &[&Value],
    (before, test): &(usize, Test),
    others: &[(usize, Test)],
) -> Option<String> {
    let is_object = |test: &Test| test.kind == JsonKind::Object;
    let mut others =
        others.iter().filter(|(index, other)| index != before && is_object(other) && is_object(test));
    others.find_map(|(index, _)| {
        let other = resolve(source, branches[*before]);
        let mut passing =
            alternatives(source, branches[*index]).into_iter().filter(|own| may_pass(source, own, test));
        let what = passing.find_map(|own| unfit(own, other, test))?;
        let test = Discriminator::Test(test.clone());
        Some(format!("{what} of branch {index} may come with what distinguishes another: {test}"))
    })
}

/// Returns true if an object of this schema may pass the test.
fn may_pass(source: &Source, schema: &Value, test: &Test) -> bool {
    let required = |key: &str| schema.get("required").is_some_and(|list| contains(list, key));
    let mut keys = test.keys.iter();
    let mut optional = test.optional.iter().filter(|(key, _)| required(key));
    keys.all(|(key, values)| may_have(source, schema, key, values))
        && optional.all(|(key, values)| may_have(source, schema, key, values))
}

/// Returns true if an object of this schema may have one of the values under the key, or any if there are none.
fn may_have(source: &Source, schema: &Value, key: &str, values: &[String]) -> bool {
    let (outer, inner) = key.split_once('/').map_or((key, None), |(outer, inner)| (outer, Some(inner)));
    let is_object = schema.get("type").is_none_or(|of| of == "object" || contains(of, "object"));
    let value = value_of(schema, Some(outer));
    let own = || listed(source, value);
    match inner {
        _ if !is_object || *value == Value::Bool(false) => false,
        Some(inner) => {
            alternatives(source, value).into_iter().any(|nested| may_have(source, nested, inner, values))
        }
        None => values.is_empty() || own().is_none_or(|own| own.iter().any(|own| values.contains(own))),
    }
}

/// The schema of the value under a key of an object, or of those under the keys that it does not list.
fn value_of<'v>(object: &'v Value, key: Option<&str>) -> &'v Value {
    static ANY: Value = Value::Bool(true);
    let listed = key.and_then(|key| object.get("properties")?.get(key));
    listed.or_else(|| object.get("additionalProperties")).unwrap_or(&ANY)
}

/// The first key of an object that the type of `other` drops, or reads as something else.
fn unfit(schema: &Value, other: &Value, test: &Test) -> Option<String> {
    let is_tested = |name: &str| test.keys.iter().any(|(key, values)| key == name && !values.is_empty());
    let structure = |schema: &Value| without(schema, &|keyword| !keywords::is_structure(keyword));
    let fits = |key: Option<&str>| {
        let [own, other] = [schema, other].map(|object| value_of(object, key));
        *own == Value::Bool(false)
            || *other == Value::Bool(true)
            || *other == json!({})
            || structure(own) == structure(other)
    };
    if !fits(None) {
        return Some("an unknown key".to_owned());
    }
    let keys = [schema, other].into_iter().filter_map(|object| object.get("properties")?.as_object());
    let wrong = keys.flat_map(Map::keys).find(|key| !is_tested(key) && !fits(Some(key)));
    wrong.map(|key| format!("the key {key:?}"))
}

/// The optional keys of an object with their possible values, if other branches are recognised by the values of these
/// keys.
fn optional_keys(source: &Source, schema: &Value, tests: &[(usize, Test)]) -> Vec<(String, Vec<String>)> {
    let is_tested = |name: &str| {
        let mut keys = tests.iter().flat_map(|(_, test)| &test.keys);
        keys.any(|(key, values)| key == name && !values.is_empty())
    };
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = |key: &str| schema.get("required").is_some_and(|list| contains(list, key));
    let optional = properties.filter(|(key, _)| !required(key) && is_tested(key));
    optional.filter_map(|(key, property)| Some((key.clone(), strings(source, property)?))).collect()
}

fn kind(schema: &Value) -> Option<JsonKind> {
    let name = match (schema.get("type"), schema.get("const")) {
        (Some(Value::String(name)), _) => name.as_str(),
        (None, Some(Value::String(_))) => "string",
        (None, Some(Value::Bool(_))) => "boolean",
        // A nested union of objects.
        _ => {
            let nested = branches(schema)?;
            let kinds: Option<Vec<_>> = nested.values.iter().map(|branch| kind(branch)).collect();
            return kinds
                .filter(|kinds| kinds.iter().all(|kind| *kind == JsonKind::Object))
                .map(|_| JsonKind::Object);
        }
    };
    Some(match name {
        "boolean" => JsonKind::Bool,
        "integer" | "number" => JsonKind::Number,
        "string" => JsonKind::String,
        "array" => JsonKind::Array,
        "object" => JsonKind::Object,
        _ => return None,
    })
}

/// The required keys of an object, with their values where the schema lists them.
fn keys(
    source: &Source,
    schema: &Value,
    place: &str,
    nested: bool,
) -> Result<Vec<(String, Vec<String>)>, Error> {
    let mut keys = Vec::new();
    for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if !schema.get("required").is_some_and(|list| contains(list, key)) {
            continue;
        }
        if key.contains('/') {
            let problem =
                format!("the key {key:?} has a `/`, by which tests name the keys of nested objects");
            return Err(Error::shape(place, problem));
        }
        let values = listed(source, property).unwrap_or_default();
        let inner = resolve(source, property);
        if nested && values.is_empty() && schema::is_object(inner) {
            let inner = self::keys(source, inner, place, false)?;
            keys.extend(inner.into_iter().map(|(name, values)| (format!("{key}/{name}"), values)));
        }
        keys.push((key.clone(), values));
    }
    Ok(keys)
}

/// The name of a variant with a tag: its value of the tag, or the name of its type if it has several.
pub fn tagged_name(union: &str, branch: &Value, tags: &[String]) -> String {
    match tags {
        [one] => variant_name(one),
        _ => own_name(union, branch).unwrap_or_else(|| variant_name(&tags.join("_or_"))),
    }
}

/// The name of a variant without a tag. A reference is named after its type, a scalar or an open object after its kind,
/// and an inline object after its first required constant or else all its required keys. The other branches do not
/// matter.
pub fn untagged_name(source: &Source, union: &str, branch: &Value, kind: JsonKind) -> String {
    let by_kind = match kind {
        JsonKind::Bool => "Flag",
        JsonKind::Number => "Number",
        JsonKind::String => "Text",
        JsonKind::Array => "List",
        JsonKind::Object => "Object",
    };
    own_name(union, branch).or_else(|| name_by_keys(source, branch)).unwrap_or_else(|| by_kind.to_owned())
}

fn name_by_keys(source: &Source, branch: &Value) -> Option<String> {
    let required = branch.get("required")?;
    let properties = branch.get("properties")?.as_object()?;
    let required: Vec<_> = properties.iter().filter(|(key, _)| contains(required, key)).collect();
    let constant = required.iter().find_map(|(key, property)| match constant(source, property, "") {
        Ok(Some(Constant::Bool(true))) => Some(type_name(key)),
        Ok(Some(Constant::Bool(false))) => Some(format!("Not{}", type_name(key))),
        Ok(Some(Constant::String(value))) => Some(variant_name(&value)),
        _ => None,
    });
    let of_key = |(key, property): &(&String, &Value)| {
        format!("{}{}", type_name(key), target(property).map(type_name).unwrap_or_default())
    };
    constant.or_else(|| (!required.is_empty()).then(|| required.iter().map(of_key).collect()))
}

/// The name of the type to which a branch refers, without the words that it shares with the name of the union at either
/// end.
fn own_name(union: &str, branch: &Value) -> Option<String> {
    let name = type_name(target(branch)?);
    let (theirs, ours) = (words(union), words(&name));
    let before = ours.iter().zip(&theirs).take_while(|(own, other)| own == other).count();
    let after = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(own, other)| own == other).count();
    let own = ours.get(before..ours.len().saturating_sub(after)).unwrap_or_default().concat();
    let usable = own.starts_with(|first: char| first.is_ascii_uppercase());
    Some(if usable { own } else { name })
}

fn words(name: &str) -> Vec<String> {
    names::words(name).split('_').map(type_name).collect()
}
