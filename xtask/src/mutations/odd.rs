//! Schemas with odd values of keywords, odd texts and odd names.

use serde_json::{Map, Value, json};

use super::mutants::Changed;

/// Names with characters that Rust, its comments, its docs or file names treat in a special way.
pub fn words() -> Vec<String> {
    let words = [
        "",
        " ",
        "a b",
        "it's",
        "c\"d",
        "e\\f",
        "g\nh",
        "i\rj",
        "k\tl",
        "`",
        "{}",
        "//",
        "*/",
        "m/n",
        "\u{202e}o",
        "\u{0}p",
        "\u{feff}",
        "q\u{301}",
        "r#type",
    ];
    words.into_iter().map(str::to_owned).chain(["x".repeat(300), "x.".repeat(300)]).collect()
}

/// A place of each kind, in the first file or in that of the events.
const PLACES: [(bool, &str); 6] = [
    (true, "/definitions/ProbeAlias"),
    (true, "/definitions/ProbeRecord/properties/name"),
    (true, "/definitions/ProbeEither/anyOf/0"),
    (true, "/server/probe/get/params"),
    (true, "/server/probe/get/result"),
    (false, "/definitions/ProbeNotedEvent/properties/data/properties/text"),
];

/// The schemas with each odd one in each place, and with other changes.
pub fn all(api: &Value, events: &Value) -> Vec<Changed> {
    let mut changed = Vec::new();
    for schema in schemas() {
        for (in_api, place) in PLACES {
            let (mut api, mut events) = (api.clone(), events.clone());
            let file = if in_api { &mut api } else { &mut events };
            *file.pointer_mut(place).expect("the place of a schema") = schema.clone();
            changed.push((format!("{place} is {schema}"), api, events));
        }
    }
    changed.extend(larger(api, events));
    changed
}

fn schemas() -> Vec<Value> {
    let mut schemas = keywords();
    const KINDS: [&str; 7] = ["string", "integer", "number", "boolean", "array", "object", "null"];
    for (at, first) in KINDS.into_iter().enumerate() {
        schemas.extend(KINDS[at..].iter().map(|second| json!({ "type": [first, second] })));
    }
    let described = descriptions().into_iter();
    schemas.extend(described.map(|text| json!({ "type": "string", "description": text })));
    let keys = words().into_iter();
    schemas.extend(keys.map(|key| {
        json!({
            "type": "object", "additionalProperties": false, "required": [&key],
            "properties": { key: { "type": "string", "description": "" }, "other": { "enum": ["a"] } },
        })
    }));
    schemas
}

/// Descriptions that rustdoc or rustc might take for something else.
fn descriptions() -> Vec<Value> {
    let texts = [
        "Code:\n\n```\nlet x = ;\n```\n\nMore.",
        "```rust\nno code\n",
        "~~~~\n```\nno code",
        "A list:\n\n- one\n    - two\n\n    no code\n\n\tno code",
        "    no code",
        "[`Nowhere`] [a](b) [c] <script> `x",
        "*/ /* */ /*! //! #![x]",
        "/ a slash",
        "! a mark",
        "\u{202e}turned\u{2066} \u{0}\u{7}\u{b}",
        "# Panics\n\n| a | b |\n|---|---|\n| `a | b` | \\ |",
        "\r\n\r\n",
        "\u{feff}",
    ];
    let others = [json!(7), json!(null), json!(["a"]), json!({}), json!(true)];
    texts.into_iter().map(Value::from).chain(others).collect()
}

/// Keywords with values of other kinds, beside others, or at odds with them.
fn keywords() -> Vec<Value> {
    let with = |more: Value| {
        let mut schema = json!({
            "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } },
            "required": ["a"], "additionalProperties": false,
        });
        schema.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        schema
    };
    vec![
        json!({ "type": ["string", "null"], "enum": ["a", "b", null] }),
        json!({ "type": ["string", "null"], "x-extensible-enum": ["a", null] }),
        json!({ "type": ["string", "integer"], "x-extensible-enum": ["a"] }),
        json!({ "type": "string", "x-extensible-enum": ["a"], "enum": ["b"] }),
        json!({ "type": "string", "enum": ["a", "a"] }),
        json!({ "type": "string", "enum": ["\n", "\r", "\u{202e}"] }),
        json!({ "type": ["string", "integer"], "enum": ["a", 1] }),
        json!({ "type": "number", "enum": [1.5, 2] }),
        json!({ "type": "boolean", "enum": [true] }),
        json!({ "enum": [true, false] }),
        json!({ "enum": [null] }),
        json!({ "enum": [{ "a": 1 }] }),
        json!({ "type": "string", "enum": "a" }),
        json!({ "const": "" }),
        json!({ "const": "\u{0}\"\\\r" }),
        json!({ "const": [] }),
        json!({ "const": 1.5 }),
        json!({ "type": "string", "default": 7 }),
        json!({ "type": "integer", "default": "`` ` ``\n\u{202e}" }),
        json!({ "type": "integer", "minimum": -1e300 }),
        json!({ "type": "integer", "exclusiveMinimum": 1e19 }),
        json!({ "type": "integer", "minimum": "1" }),
        json!({ "type": "integer", "const": 1e30 }),
        json!({ "type": "integer", "enum": [1, 1e30] }),
        json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
        json!({ "type": "number", "minimum": -1e300, "maximum": 1e300 }),
        json!({ "type": "string", "minLength": -1 }),
        json!({ "type": "string", "maxLength": u64::MAX }),
        json!({ "type": "string", "pattern": 7 }),
        json!({ "type": "string", "format": "a `format`\r" }),
        json!({ "type": "array", "minItems": 1.5 }),
        json!({ "type": "array", "items": [] }),
        json!({ "type": "array", "items": false }),
        json!({ "type": "array", "items": true, "uniqueItems": 1 }),
        json!({ "type": "array", "items": null }),
        json!({ "type": "array", "additionalItems": false }),
        json!({ "type": "string", "properties": { "a": {} } }),
        json!({ "type": "string", "items": {} }),
        json!({ "type": "object", "items": {} }),
        json!({ "type": ["string", "object"], "properties": {} }),
        json!({ "type": ["string", 7] }),
        json!({ "type": "object", "properties": {}, "additionalProperties": { "type": "string" } }),
        json!({ "anyOf": [{ "not": {} }, with(json!({}))] }),
        json!({ "anyOf": [{ "not": {} }, with(json!({})), { "type": "null" }] }),
        json!({ "anyOf": [{ "not": {} }, with(json!({ "patternProperties": { "x": {} } }))] }),
        json!({ "anyOf": [{ "not": {} }, with(json!({ "type": ["string", "object"] }))] }),
        json!({ "type": "string", "deprecated": "yes" }),
        with(json!({ "required": ["a", "a"] })),
        with(json!({ "required": ["nowhere"] })),
        with(json!({ "required": [1] })),
        with(json!({ "required": "a" })),
        with(json!({ "additionalProperties": null })),
        with(json!({ "additionalProperties": [] })),
        with(json!({ "additionalProperties": {} })),
        with(json!({ "additionalProperties": { "type": "string" } })),
        with(json!({ "additionalProperties": { "$ref": "#/definitions/ProbeA" } })),
        with(json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] })),
        with(json!({ "anyOf": [{ "patternProperties": { "x": {} } }] })),
        with(json!({ "allOf": [{ "required": ["b"] }] })),
        with(json!({ "allOf": [{ "if": {}, "then": { "properties": { "c": {} } } }] })),
        with(json!({ "allOf": [{ "allOf": [{ "properties": { "c": {} } }] }] })),
        with(json!({ "not": { "required": ["b"] } })),
        with(json!({ "not": {} })),
        with(json!({ "dependentRequired": { "a": ["b"] } })),
        with(json!({ "discriminator": { "propertyName": "a" } })),
        with(json!({ "minProperties": 1 })),
        with(json!({ "enum": [{ "a": "x" }] })),
        with(json!({ "$ref": "#/definitions/ProbeA" })),
        json!({ "properties": { "a": true } }),
        json!({ "type": "object", "properties": { "a": false } }),
        json!({ "type": "object", "properties": [] }),
        json!({ "type": "object", "additionalProperties": false }),
        json!({ "type": "object", "propertyNames": { "pattern": "^a" } }),
        json!({ "$ref": "#/definitions/ProbeA/properties/ProbeB" }),
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/definitions/" }),
        json!({ "$ref": "#/definitions/Probe~1A" }),
        json!({ "$ref": "#/definitions/ProbeA", "description": 7 }),
        json!({ "$ref": "#/definitions/ProbeA", "default": {}, "minProperties": 1 }),
        json!({ "$ref": "#/definitions/ProbeA", "const": "a" }),
        json!({ "$ref": "#/definitions/ProbeMaybe" }),
        json!({ "$ref": "#/definitions/SessionEvent" }),
    ]
}

/// Schemas that are large in one way, and methods and events that are there twice.
fn larger(api: &Value, events: &Value) -> Vec<Changed> {
    let mut changed = Vec::new();
    let mut with = |change: &str, pointer: &str, more: &dyn Fn() -> Map<String, Value>| {
        let mut api = api.clone();
        api.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").extend(more());
        changed.push((change.to_owned(), api, events.clone()));
    };
    let reference = |name: String| json!({ "$ref": format!("#/definitions/{name}") });
    for (count, what) in [(5, "some"), (10_000, "many")] {
        with(&format!("a definition is named by {what} others"), "/definitions", &|| {
            let chain = (0..count).map(|at| (format!("ProbeC{at}"), reference(format!("ProbeC{}", at + 1))));
            chain.chain([(format!("ProbeC{count}"), json!({ "type": "string" }))]).collect()
        });
    }
    with("unions branch twice at each level", "/definitions", &|| {
        let union = |at: i32| json!({ "anyOf": [reference(format!("ProbeL{at}")), reference(format!("ProbeR{at}"))] });
        let levels =
            (0..40).flat_map(|at| ["L", "R"].map(|side| (format!("Probe{side}{at}"), union(at + 1))));
        let last = ["ProbeL40", "ProbeR40"].map(|name| (name.to_owned(), json!({ "type": "object" })));
        levels.chain(last).collect()
    });
    with("an enum of many values", "/definitions/ProbeEnum", &|| {
        let values: Vec<String> = (0..3000).map(|at| format!("value{at}")).collect();
        Map::from_iter([("enum".to_owned(), json!(values))])
    });
    with("a method is there twice", "/server", &|| {
        Map::from_iter([("again".to_owned(), api["server"]["probe"]["get"].clone())])
    });
    with("a method is there in both directions", "/clientGlobal", &|| {
        Map::from_iter([("again".to_owned(), api["server"]["probe"]["get"].clone())])
    });
    with("a method is the namespace of another", "/server", &|| {
        let mut method = api["server"]["probe"]["get"].clone();
        method["rpcMethod"] = json!("probe");
        Map::from_iter([("above".to_owned(), method)])
    });
    let mut again = events.clone();
    let kind = again["definitions"]["ProbeNotedEvent"]["properties"]["type"].clone();
    again["definitions"]["ProbeHappenedEvent"]["properties"]["type"] = kind;
    changed.push(("an event is there twice".to_owned(), api.clone(), again));
    changed
}
