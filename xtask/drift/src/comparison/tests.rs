//! Small pairs of schemas for every kind of change, in every direction in which a type may cross the wire.

mod left_out;
mod limits;
mod program;
mod types;

use copilot_session_codegen::{Input, Protocol};
use serde_json::{Value, json};

use super::compare::{Comparison, compare};
use super::report;

fn read(api: &Value, events: &Value) -> Protocol {
    let supplement = json!({"definitions": {}}).to_string();
    let (api, events) = (api.to_string(), events.to_string());
    let input = Input { version: "0.0.0", api: &api, events: &events, supplement: &supplement };
    Protocol::survey(input).expect("the schemas are of the right form")
}

/// A set with only these parts of the API.
fn api(parts: Value) -> Protocol {
    let mut api = json!({"title": "CopilotApi", "server": {}, "session": {}, "definitions": {}});
    api.as_object_mut().expect("an object").extend(parts.as_object().expect("an object").clone());
    read(&api, &json!({"definitions": {"SessionEvent": {"anyOf": []}}}))
}

/// A set with events, each with the definition of its data.
fn events(of: &[(&str, Value)]) -> Protocol {
    let mut definitions = json!({"SessionEvent": {"anyOf": []}});
    for (name, data) in of {
        let envelope = format!("{name}Event");
        definitions[format!("{name}Data")] = data.clone();
        definitions[&envelope] = json!({"properties": {
            "type": {"const": name}, "data": {"$ref": format!("#/definitions/{name}Data")},
        }});
        let union = definitions["SessionEvent"]["anyOf"].as_array_mut().expect("a list");
        union.push(json!({"$ref": format!("#/definitions/{envelope}")}));
    }
    read(&json!({"definitions": {}}), &json!({"definitions": definitions}))
}

/// The direction in which a type crosses the wire, seen from the client.
#[derive(Clone, Copy)]
enum Way {
    Sent,
    Received,
    Both,
}

use Way::{Received, Sent};

/// A set with a method that has the definition `T` in its params, its result or both.
fn with_type(way: Way, definition: &Value, more: &Value) -> Protocol {
    let reference = json!({"$ref": "#/definitions/T"});
    let mut method = json!({"rpcMethod": "use"});
    if !matches!(way, Received) {
        method["params"] = reference.clone();
    }
    if !matches!(way, Sent) {
        method["result"] = reference;
    }
    let mut definitions = json!({"T": definition});
    definitions.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    api(json!({"server": {"use": method}, "definitions": definitions}))
}

/// The changes as `item how source running`.
fn lines(compared: &Comparison) -> Vec<String> {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let line = |change: &super::change::Change| {
        let json = serde_json::to_value(change).expect("a change is JSON");
        let words = ["item", "how", "source", "running"].map(|key| word(json[key].clone()));
        words.join(" ")
    };
    compared.changes.iter().map(line).collect()
}

fn assert_changes(what: &str, old: &Protocol, new: &Protocol, expected: &[&str]) {
    assert_eq!(lines(&compare(old, new)), expected, "{what}");
}

/// An object with the given properties, some of them required.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

#[test]
fn meaningless_differences_are_not_reported() {
    let old = object(
        json!({"a": {"$ref": "#/definitions/Text"}, "bee": {"$ref": "#/definitions/TBee"}, "c": {"type": "string"}}),
        &["a", "bee"],
    );
    let b = object(json!({"x": {"type": "string"}}), &[]);
    let new = object(
        json!({"c": {"type": "string", "description": "C."}, "a": {"type": "string"}, "bee": b}),
        &["bee", "a"],
    );
    let more = json!({"Text": {"type": "string"}, "TBee": b});
    let text = json!({"Text": {"type": "string"}});
    let compared = compare(&with_type(Received, &old, &more), &with_type(Received, &new, &text));
    assert_eq!(lines(&compared), Vec::<String>::new());
    assert_eq!((compared.descriptions, compared.exit_code()), (1, 0));
}

#[test]
fn methods_are_added_removed_and_changed() {
    let t = object(json!({"a": {"type": "string"}, "b": {"type": "string"}}), &["a", "b"]);
    let definitions = json!({"T": t, "U": object(json!({"c": {"type": "string"}}), &["c"])});
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let set = |group: &str, methods: Value| api(json!({group: methods, "definitions": definitions}));
    let get = || json!({"rpcMethod": "x.get", "params": reference("T"), "result": reference("U")});
    let nothing = || json!({});
    for (what, group, old, new, expected) in [
        ("added", "server", nothing(), json!({"x": {"get": get()}}), "x.get added additive decodes"),
        ("removed", "server", json!({"x": {"get": get()}}), nothing(), "x.get removed breaking refused"),
        ("added", "clientGlobal", nothing(), json!({"x": {"get": get()}}), "x.get added additive unknown"),
        (
            "removed",
            "clientGlobal",
            json!({"x": {"get": get()}}),
            nothing(),
            "x.get removed breaking decodes",
        ),
        (
            "renamed",
            "server",
            json!({"x": {"get": get()}}),
            json!({"x": {"gets": {"rpcMethod": "x.gets", "params": reference("T"), "result": reference("U")}}}),
            "x.get renamed breaking refused",
        ),
        (
            "with params",
            "server",
            json!({"x": {"get": {"rpcMethod": "x.get", "result": reference("U")}}}),
            json!({"x": {"get": get()}}),
            "x.get changed breaking refused",
        ),
        (
            "without params",
            "server",
            json!({"x": {"get": get()}}),
            json!({"x": {"get": {"rpcMethod": "x.get", "result": reference("U")}}}),
            "x.get changed breaking decodes",
        ),
        (
            "with another result",
            "server",
            json!({"x": {"get": get()}}),
            json!({"x": {"get": {"rpcMethod": "x.get", "params": reference("T"), "result": {"type": "string"}}}}),
            "x.get changed breaking malformed",
        ),
        (
            "deprecated",
            "server",
            json!({"x": {"get": get()}}),
            json!({"x": {"get": {"rpcMethod": "x.get", "params": reference("T"), "result": reference("U"),
                "deprecated": true}}}),
            "x.get changed behaviour decodes",
        ),
    ] {
        let all = lines(&compare(&set(group, old), &set(group, new)));
        let about: Vec<&String> = all.iter().filter(|line| line.starts_with("x.")).collect();
        assert_eq!(about, [expected], "{what}, {group}");
    }
}

#[test]
fn a_method_may_move_to_another_group() {
    let method = json!({"x": {"rpcMethod": "x"}});
    let (old, new) = (api(json!({"server": method})), api(json!({"session": method})));
    assert_changes("moved", &old, &new, &["x changed breaking refused"]);
}

#[test]
fn changes_in_a_type_that_is_no_longer_used_affect_no_running_program() {
    let old = object(json!({"gone": {"type": "string"}, "a": {"type": "string"}}), &["gone"]);
    let new = object(json!({"a": {"type": "string", "maxLength": 3}}), &["a"]);
    let set = |methods: &[&str], t: &Value| {
        let reference = json!({"$ref": "#/definitions/T"});
        let method = |name: &str| json!({"rpcMethod": name, "params": reference, "result": reference});
        let methods: serde_json::Map<_, _> =
            methods.iter().map(|name| ((*name).to_owned(), method(name))).collect();
        api(json!({"server": methods, "definitions": {"T": t}}))
    };
    let of_t = |old: &[&str], new: &[&str], types: (&Value, &Value)| -> Vec<String> {
        let all = lines(&compare(&set(old, types.0), &set(new, types.1)));
        all.into_iter().filter(|line| line.starts_with("T.")).collect()
    };
    let met = [
        "T.gone removed breaking malformed",
        "T.a changed breaking refused",
        "T.a changed behaviour refused",
    ];
    assert_eq!(of_t(&["get", "take"], &["take"], (&old, &new)), met);
    let lost =
        ["T.gone removed breaking decodes", "T.a changed breaking decodes", "T.a changed behaviour decodes"];
    assert_eq!(of_t(&["get"], &["take"], (&old, &new)), lost);
}

#[test]
fn events_are_added_removed_and_changed() {
    let data = |key: &str| object(json!({key: {"type": "string"}, "n": {"type": "number"}}), &[key, "n"]);
    let one = events(&[("turn.ended", data("a"))]);
    let two = events(&[("turn.ended", data("a")), ("other.thing", data("z"))]);
    let lines_of = |old: &Protocol, new: &Protocol| -> Vec<String> {
        lines(&compare(old, new))
            .into_iter()
            .filter(|line| line.contains('.') && !line.contains("Data"))
            .collect()
    };
    assert_eq!(lines_of(&one, &two), ["other.thing added additive unknown"]);
    assert_eq!(lines_of(&two, &one), ["other.thing removed breaking unknown"]);
    let renamed = events(&[("turn.end", data("a"))]);
    assert_eq!(lines_of(&one, &renamed), ["turn.ended renamed breaking unknown"]);
    assert_changes(
        "field of an event",
        &one,
        &events(&[("turn.ended", data("b"))]),
        &["TurnEndedData.a renamed breaking malformed"],
    );
}

#[test]
fn types_are_renamed_by_place_or_by_shape() {
    let p = object(json!({"x": {"type": "string"}, "y": {"type": "string"}}), &["x"]);
    let field = |name: &str| object(json!({"a": {"$ref": format!("#/definitions/{name}")}}), &["a"]);
    let old = with_type(Received, &field("Before"), &json!({"Before": p}));
    let new = with_type(Received, &field("Other"), &json!({"Other": p}));
    assert_changes("by place", &old, &new, &["Before renamed breaking decodes"]);
    // An inline type is named after its place, so a definition that replaces it renames it.
    let inline = with_type(Received, &object(json!({"a": p}), &["a"]), &json!({}));
    assert_changes("inline", &inline, &new, &["TA renamed breaking decodes"]);
    let set = |name: &str| api(json!({"definitions": {name: p}}));
    assert_changes(
        "by shape",
        &set("ThingOfOld"),
        &set("ThingOfNew"),
        &["ThingOfOld renamed breaking decodes"],
    );
    let many = |word: &str| {
        let definitions =
            (0..6).map(|n| (format!("{word}Number{n}Thing"), object(json!({word: p}), &[word])));
        api(json!({"definitions": definitions.collect::<serde_json::Map<_, _>>()}))
    };
    let compared = compare(&many("Factory"), &many("Workflow"));
    let types = compared.changes.iter().filter(|change| change.what == super::change::What::Type);
    let how: Vec<_> = types.map(|change| change.how).collect();
    assert_eq!(how, [super::change::How::Renamed; 12], "by their words");
    assert_changes(
        "neither",
        &set("Thing"),
        &set("Unlike"),
        &["Thing removed breaking decodes", "Unlike added additive decodes"],
    );
}

#[test]
fn unsupported_schemas_do_not_stop_the_comparison() {
    let mut odd = object(json!({"a": {"type": ["string", "array"]}}), &[]);
    odd["if"] = json!({});
    let old = with_type(Received, &object(json!({}), &[]), &json!({}));
    let new = with_type(Received, &odd, &json!({}));
    assert_changes("odd", &old, &new, &["T.a added additive decodes"]);
    assert_eq!(new.problems().len(), 2, "{:?}", new.problems());
}

#[test]
fn the_supplement_is_compared_as_each_version_has_it() {
    let supplement = json!({
        "server": {"put": {"rpcMethod": "put", "params": {"$ref": "#/definitions/T"}}},
        "definitions": {"T": object(
            json!({
                "a": {"type": "string"},
                "comes": {"$ref": "#/definitions/Later", "x-since": "0.0.1..0.0.2"},
                "goes": {"$ref": "#/definitions/Sooner", "x-until": "0.0.1..0.0.2"},
            }),
            &["a", "comes"],
        )},
    })
    .to_string();
    let read = |version: &str, name: &str| {
        let api = json!({"definitions": {name: object(json!({"x": {}}), &[])}}).to_string();
        let events = r#"{"definitions": {"SessionEvent": {"anyOf": []}}}"#;
        Protocol::survey(Input { version, api: &api, events, supplement: &supplement }).expect("a set")
    };
    let (old, new) = (read("0.0.1", "Sooner"), read("0.0.2", "Later"));
    let of_t: Vec<String> =
        lines(&compare(&old, &new)).into_iter().filter(|line| line.starts_with("T.")).collect();
    assert_eq!(of_t, ["T.goes removed breaking decodes", "T.comes added breaking refused"]);
}

#[test]
fn the_worst_change_decides_the_exit_code() {
    let none = object(json!({}), &[]);
    let one = object(json!({"a": {"type": "string"}}), &["a"]);
    let code = |old: &Value, new: &Value| {
        compare(&with_type(Received, old, &json!({})), &with_type(Received, new, &json!({}))).exit_code()
    };
    assert_eq!((code(&none, &none), code(&none, &one), code(&one, &none)), (0, 1, 2));
}

#[test]
fn a_report_groups_and_collapses() {
    let old = object(json!({"gone": {"type": "string"}}), &["gone"]);
    let new = object(json!({"a": {"type": "string"}, "b": {"type": "string"}}), &[]);
    let (old, new) = (with_type(Received, &old, &json!({})), with_type(Received, &new, &json!({})));
    let compared = compare(&old, &new);
    let report = report::Report { from: "1", to: "2", compared: &compared, new: &new };
    let text = report.text();
    assert_eq!(
        text,
        "Copilot CLI 1 → 2: 1 breaking, 0 behaviour, 2 additive; to a program built for 1: 1 malformed\n\n\
         server\n  ! removed field of T: gone  [malformed]\n  + new field of T: a, b\n"
    );
    let markdown = report.markdown();
    assert!(markdown.contains("\n## server\n\nBreaks source:\n\n- removed field of T: `gone`"), "{markdown}");
    let json: Value = serde_json::from_str(&report.json().expect("JSON")).expect("JSON");
    assert_eq!(json["source"], json!({"breaking": 1, "behaviour": 0, "additive": 2}));
    let first = &json["changes"][0];
    assert_eq!((&first["item"], &first["what"]), (&json!("T.gone"), &json!("field")));
}
