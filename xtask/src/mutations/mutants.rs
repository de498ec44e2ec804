//! A small schema with everything that the CLI's have, and changed copies of it.

use serde_json::{Map, Value, json};

use super::{odd, unions};

/// A changed schema.
pub struct Mutant {
    /// The kind of change. Two of one kind can stand side by side.
    pub kind: (&'static str, usize),
    /// The change, in words.
    pub change: String,
    pub api: Value,
    pub events: Value,
}

/// A change, in words, and the two files.
pub type Changed = (String, Value, Value);

/// Words that are keywords, items of the prelude, names in the generated code, or no names at all.
const WORDS: &str = "* + - 1 1foo 2.0 a_b _ é 🎉 日本 x userId abstract as async await become box break const continue \
    crate do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv \
    pub ref return self static struct super trait true try type typeof union unsafe unsized use virtual where while \
    yield call clone default deserialize empty eq fmt from hash kind new name params probe provide read rest serialize \
    text to_string write probeText ProbeX1 v1 returnValue forEach TrueOrFalse sessionId ids rpc types wire u8 str \
    full as_ref as_mut copy drop hash send sync future context option vec string result decode encode unhandled client \
    std core serde_json notification clientMethod serverMethod t_y_p_e_s v_a_l_u_e_s";

/// Words that become the same names as others.
const TWINS: &str = "a-b __ X userID AsRef Self Box Call Caller Clone Debug Default Eq Err From Into Method Node None Ok Option \
    PartialEq Result ServerRpc SessionEventData Some String Unrecognized Malformed Value Vec Wire";

/// The kinds of items whose names need not differ from those in other mutants.
const OWN: &[&str] = &[
    "a property",
    "a property of an open object",
    "a value",
    "a tag",
    "a method",
    "a namespace",
    "a method of a client",
];

/// Schemas that stand in the place of another.
fn schemas() -> Vec<Value> {
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    vec![
        json!(true),
        json!(false),
        json!({}),
        json!(null),
        json!("text"),
        json!({ "type": "null" }),
        json!({ "type": "text" }),
        json!({ "type": ["string", "null"] }),
        json!({ "type": ["string", "integer", "boolean"] }),
        json!({ "type": ["object", "null"], "properties": { "a": { "type": "string" } } }),
        json!({ "type": ["array", "object"] }),
        json!({ "type": [] }),
        json!({ "const": 1 }),
        json!({ "const": null }),
        json!({ "const": "only" }),
        json!({ "const": true }),
        json!({ "enum": [] }),
        json!({ "enum": ["only"] }),
        json!({ "enum": ["a", 1] }),
        json!({ "enum": [1, 2] }),
        json!({ "enum": ["a", null] }),
        json!({ "enum": ["a-b", "a_b"] }),
        json!({ "type": "integer", "maximum": u64::MAX }),
        json!({ "type": "integer", "minimum": 0, "maximum": 4 }),
        json!({ "type": "string", "format": "uuid", "pattern": "^a" }),
        json!({ "type": "array", "items": [{ "type": "string" }, { "type": "integer" }] }),
        json!({ "type": "array" }),
        json!({ "type": "array", "items": { "type": ["string", "null"] } }),
        json!({ "type": "object" }),
        json!({ "type": "object", "additionalProperties": { "type": ["integer", "null"] } }),
        json!({ "type": "object", "additionalProperties": object(json!({ "a": { "type": "string" } })) }),
        json!({ "properties": { "a": { "type": "string" } } }),
        object(json!({ "user_id": { "type": "string" }, "userId": { "type": "string" } })),
        object(json!({ "rest": { "type": "string" } })),
        json!({ "anyOf": [] }),
        json!({ "anyOf": [{ "type": "string" }] }),
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }, { "not": {} }] }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }, { "type": "array" }] }),
        json!({ "anyOf": [{ "type": "string" }, { "type": "string" }] }),
        json!({ "anyOf": [object(json!({ "a": {} })), object(json!({ "b": {} }))] }),
        json!({ "anyOf": [{ "properties": { "a": {} } }], "properties": { "c": {} }, "type": "object" }),
        json!({ "anyOf": [reference("ProbeA"), reference("ProbeMaybe")] }),
        json!({ "anyOf": [reference("ProbeA"), reference("ProbeUnion")] }),
        json!({ "allOf": [object(json!({ "a": { "type": "string" } }))], "type": "object" }),
        json!({ "allOf": [reference("ProbeA")] }),
        json!({ "$ref": "#/definitions/ProbeA", "properties": { "more": {} } }),
        json!({ "$ref": "#/definitions/Nowhere" }),
        json!({ "$ref": "elsewhere.json#/definitions/ProbeA" }),
        json!({ "$ref": 7 }),
        reference("ProbeRecord"),
        reference("ProbeUnion"),
        reference("ProbeAlias"),
        reference("ProbeList"),
        reference("ProbeEither"),
        json!({ "anyOf": [reference("ProbeRecord"), { "type": "null" }] }),
        json!({ "type": "array", "items": reference("ProbeRecord") }),
        json!({ "type": "object", "additionalProperties": reference("ProbeRecord") }),
        json!({ "type": "string", "description": "A\rB */ \" \\ <b> `c\n\n    d" }),
        deep(60),
    ]
}

/// A list in a list, and so on.
fn deep(depth: usize) -> Value {
    (0..depth).fold(json!({ "type": "string" }), |inner, _| json!({ "type": "array", "items": inner }))
}

/// The schema that is changed.
pub fn base() -> (Value, Value) {
    let text = || json!({ "type": "string" });
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let tagged = |tag: &str| {
        json!({
            "type": "object", "required": ["type", "text"], "additionalProperties": false,
            "properties": { "type": { "type": "string", "const": tag }, "text": text() },
        })
    };
    let record = json!({
        "type": "object",
        "required": ["name", "kind", "union"],
        "additionalProperties": false,
        "properties": {
            "name": text(),
            "count": { "type": "integer" },
            "ratio": { "type": "number" },
            "flag": { "type": "boolean" },
            "names": { "type": "array", "items": text() },
            "table": { "type": "object", "additionalProperties": { "type": "integer" } },
            "kind": reference("ProbeEnum"),
            "union": reference("ProbeUnion"),
            "either": reference("ProbeEither"),
            "maybe": { "anyOf": [text(), { "type": "null" }] },
            "inline": { "type": "object", "required": ["a"], "properties": { "a": text(), "b": text() } },
        },
    });
    let method = |name: &str, params: Value, result: Value| json!({ "rpcMethod": name, "description": "A method.", "params": params, "result": result });
    let of_session = |name: &str| {
        let properties = json!({ "sessionId": text(), "text": text() });
        let result = json!({ "anyOf": [reference("ProbeUnion"), { "type": "null" }] });
        method(name, json!({ "type": "object", "properties": properties }), result)
    };
    // Types by names of the prelude, in each file with methods.
    let texts = |name: &str| {
        let list = json!({ "type": "array", "items": { "type": ["string", "null"] } });
        method(name, json!(null), json!({ "anyOf": [list, { "type": "null" }] }))
    };
    // Params with a title repeat the definition of that name, with the session's id.
    let request = |properties: Value, required: Value| {
        json!({
            "type": "object", "title": "ProbeRequest", "properties": properties, "required": required,
            "additionalProperties": false,
        })
    };
    let repeated = request(
        json!({ "sessionId": text(), "text": text(), "count": { "type": "integer" } }),
        json!(["sessionId", "text"]),
    );
    let result = json!({ "type": "object", "properties": { "text": text() }, "required": ["text"] });
    let api = json!({
        "definitions": {
            "ProbeA": tagged("a"),
            "ProbeB": tagged("b"),
            "ProbeUnion": { "anyOf": [reference("ProbeA"), reference("ProbeB")] },
            "ProbeEither": { "anyOf": [text(), reference("ProbeA")] },
            "ProbeEnum": { "type": "string", "enum": ["one", "two"] },
            "ProbeMaybe": { "anyOf": [text(), { "type": "null" }] },
            "ProbeAlias": reference("ProbeRecord"),
            "ProbeList": { "type": "array", "items": reference("ProbeA") },
            "ProbeRecord": record.clone(),
            "ProbeRequest": request(json!({ "text": text(), "count": { "type": "integer" } }), json!(["text"])),
            // Each fix of the generator needs something to fix.
            "AgentGetCurrentResult": {
                "type": "object", "required": ["agent"], "properties": { "agent": text() },
            },
            "SamplingRequestedData": {
                "type": "object", "required": ["requestId"], "properties": { "requestId": text() },
            },
        },
        "server": { "probe": {
            "get": method("probe.get", reference("ProbeRecord"), reference("ProbeUnion")),
            "inner": { "list": method("probe.inner.list", json!(null), reference("ProbeList")) },
            "texts": texts("probe.texts"),
        } },
        "session": { "probe": {
            "put": of_session("session.probe.put"),
            "set": method("session.probe.set", repeated, result),
            "texts": texts("session.probe.texts"),
        } },
        "clientSession": { "probeFs": {
            "read": of_session("probeFs.read"),
            "write": of_session("probeFs.write"),
            "texts": texts("probeFs.texts"),
        } },
        "clientGlobal": { "probe": { "asked": method("probe.asked", reference("ProbeA"), reference("ProbeB")) } },
    });
    let envelope = |kind: &str, data: Value| {
        json!({
            "type": "object",
            "required": ["id", "timestamp", "parentId", "type", "data"],
            "additionalProperties": false,
            "properties": {
                "id": text(), "timestamp": text(), "parentId": { "anyOf": [text(), { "type": "null" }] },
                "type": { "const": kind }, "data": data,
            },
        })
    };
    let noted = json!({
        "type": "object", "required": ["text"], "properties": { "text": text(), "union": reference("ProbeEither") },
    });
    let events = json!({ "definitions": {
        "SessionEvent": { "anyOf": [reference("ProbeHappenedEvent"), reference("ProbeNotedEvent")] },
        "ProbeHappenedEvent": envelope("probe.happened", reference("ProbeHappenedData")),
        "ProbeNotedEvent": envelope("probe.noted", noted),
        "ProbeHappenedData": {
            "type": "object", "properties": { "text": text(), "union": reference("ProbeEither") },
        },
        "ProbeA": tagged("a"),
        "ProbeEither": { "anyOf": [text(), reference("ProbeA")] },
    } });
    (api, events)
}

/// The changed copies.
pub fn all() -> Vec<Mutant> {
    let (api, events) = base();
    let mut mutants = Vec::new();
    let mut add = |kind: (&'static str, usize), change: String, api: Value, events: Value| {
        mutants.push(Mutant { kind, change, api, events });
    };
    let odd_words = odd::words();
    let words = WORDS.split_whitespace().map(|word| (word, 0));
    let twins = TWINS.split_whitespace().map(|word| (word, 1));
    let odd = odd_words.iter().map(|word| (word.as_str(), 2));
    for (word, round) in words.chain(twins).chain(odd) {
        // A reference is an address, which cannot have such characters.
        let is_address = round != 2;
        for (place, api) in renamed(&api, word) {
            if !is_address && ["a definition", "an enum"].contains(&place) {
                continue;
            }
            let kind = if OWN.contains(&place) { ("own", 0) } else { (place, round) };
            add(kind, format!("{place} is named {word:?}"), api, events.clone());
        }
        let mut other = events.clone();
        let envelope = &mut other["definitions"]["ProbeHappenedEvent"]["properties"];
        envelope["type"]["const"] = json!(word);
        add(("an event", round), format!("the event is named {word:?}"), api.clone(), other);
    }
    for (of, file) in [("api", &api), ("events", &events)] {
        let mut both = |change: String, file: Value| match of {
            "api" => add(("a schema", 0), change, file, events.clone()),
            _ => add(("a schema", 0), change, api.clone(), file),
        };
        for place in places(of) {
            for schema in schemas() {
                let mut file = file.clone();
                let change = format!("{of} {place} is {schema}");
                *file.pointer_mut(place).expect("the place of a schema") = schema;
                both(change, file);
            }
            for (keyword, value) in
                [("nullable", json!(true)), ("patternProperties", json!({})), ("if", json!({}))]
            {
                let mut file = file.clone();
                if let Some(Value::Object(schema)) = file.pointer_mut(place) {
                    schema.insert(keyword.to_owned(), value);
                    both(format!("{of} {place} has {keyword}"), file);
                }
            }
        }
    }
    for (change, api, events) in odd::all(&api, &events).into_iter().chain(unions::all(&api, &events)) {
        add(("odd", 0), change, api, events);
    }
    for count in [127, 128, 129, 300] {
        let mut api = api.clone();
        let properties = (0..count).map(|index| (format!("field{index}"), json!({ "type": "string" })));
        api["definitions"]["ProbeRecord"] = json!({
            "type": "object", "additionalProperties": false, "properties": Map::from_iter(properties),
        });
        for group in ["session", "clientSession"] {
            api.as_object_mut().expect("an object").remove(group);
        }
        add(("a size", count), format!("a record of {count} fields"), api, events.clone());
    }
    mutants
}

/// The schema with one item renamed, for each kind of item.
fn renamed(api: &Value, word: &str) -> Vec<(&'static str, Value)> {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut api = api.clone();
        change(&mut api);
        api
    };
    let key = |map: &mut Value, from: &str| {
        let map = map.as_object_mut().expect("an object");
        let value = map.remove(from).expect("the key");
        map.insert(word.to_owned(), value);
    };
    let method = |of: &mut Value, name: String| of["rpcMethod"] = json!(name);
    vec![
        (
            "a definition",
            with(&|api| {
                let reference = json!({ "$ref": format!("#/definitions/{word}") });
                key(&mut api["definitions"], "ProbeAlias");
                api["definitions"]["ProbeList"]["items"] = reference;
            }),
        ),
        (
            "an enum",
            with(&|api| {
                let values = api["definitions"]["ProbeEnum"].clone();
                api["definitions"][word] = values;
                api["definitions"]["ProbeRecord"]["properties"]["kind"]["$ref"] =
                    json!(format!("#/definitions/{word}"));
            }),
        ),
        ("a property", with(&|api| key(&mut api["definitions"]["ProbeRecord"]["properties"], "count"))),
        (
            "a property of an open object",
            with(&|api| {
                let inline = &mut api["definitions"]["ProbeRecord"]["properties"]["inline"];
                key(&mut inline["properties"], "b");
            }),
        ),
        ("a value", with(&|api| api["definitions"]["ProbeEnum"]["enum"][1] = json!(word))),
        ("a tag", with(&|api| api["definitions"]["ProbeB"]["properties"]["type"]["const"] = json!(word))),
        ("a method", with(&|api| method(&mut api["server"]["probe"]["get"], format!("probe.{word}")))),
        (
            "a method without a namespace",
            with(&|api| method(&mut api["server"]["probe"]["get"], word.to_owned())),
        ),
        (
            "a namespace",
            with(&|api| {
                method(&mut api["server"]["probe"]["inner"]["list"], format!("probe.{word}.list"));
            }),
        ),
        (
            "a namespace of a session",
            with(&|api| {
                method(&mut api["session"]["probe"]["put"], format!("session.{word}.put"));
            }),
        ),
        (
            "a method of a client",
            with(&|api| {
                method(&mut api["clientSession"]["probeFs"]["write"], format!("probeFs.{word}"));
            }),
        ),
        (
            "a namespace of a client",
            with(&|api| {
                method(&mut api["clientSession"]["probeFs"]["read"], format!("{word}.read"));
                method(&mut api["clientSession"]["probeFs"]["write"], format!("{word}.write"));
            }),
        ),
    ]
}

/// The places of schemas that are replaced, one of each kind, as JSON pointers.
fn places(file: &str) -> &'static [&'static str] {
    match file {
        "api" => &[
            "/definitions/ProbeAlias",
            "/definitions/ProbeEnum",
            "/definitions/ProbeList",
            "/definitions/ProbeList/items",
            "/definitions/ProbeRecord",
            "/definitions/ProbeRequest",
            "/definitions/ProbeUnion",
            "/definitions/ProbeUnion/anyOf/1",
            "/definitions/ProbeEither/anyOf/0",
            "/definitions/ProbeB/properties/type",
            "/definitions/ProbeRecord/properties/name",
            "/definitions/ProbeRecord/properties/count",
            "/definitions/ProbeRecord/properties/names/items",
            "/definitions/ProbeRecord/properties/table/additionalProperties",
            "/definitions/ProbeRecord/properties/maybe/anyOf/0",
            "/definitions/ProbeRecord/properties/inline/properties/a",
            "/server/probe/get/params",
            "/server/probe/get/result",
            "/session/probe/put/params",
            "/session/probe/put/params/properties/text",
            "/session/probe/set/params",
            "/session/probe/set/params/properties/text",
            "/session/probe/set/result",
            "/clientSession/probeFs/read/result",
        ],
        _ => &[
            "/definitions/SessionEvent",
            "/definitions/ProbeHappenedEvent",
            "/definitions/ProbeHappenedEvent/properties/id",
            "/definitions/ProbeHappenedEvent/properties/parentId",
            "/definitions/ProbeHappenedEvent/properties/type",
            "/definitions/ProbeHappenedEvent/properties/data",
            "/definitions/ProbeHappenedData/properties/text",
            "/definitions/ProbeNotedEvent/properties/data",
            "/definitions/ProbeNotedEvent/properties/data/properties/text",
        ],
    }
}
