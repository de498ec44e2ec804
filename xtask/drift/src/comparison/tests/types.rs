//! Changes in a type, by its direction on the wire.

use serde_json::{Value, json};

use super::Way::{Both, Received, Sent};
use super::{Way, assert_changes, compare, lines, object, with_type};

/// Compares two definitions of `T`, with the expected changes in each direction.
pub fn assert_type(what: &str, old: &Value, new: &Value, expected: &[(Way, &[&str])]) {
    // These are also sent, so that their direction does not depend on `T`.
    let sent = |mut definition: Value| {
        definition["x-sent"] = json!(true);
        definition
    };
    let union = |kinds: &[&str]| {
        let branch = |kind: &&str| object(json!({"kind": {"const": kind}}), &["kind"]);
        sent(json!({"anyOf": kinds.iter().map(branch).collect::<Vec<_>>()}))
    };
    let other = json!({
        "E": {"type": "string", "enum": ["a", "b"]},
        "F": {"type": "string", "enum": ["a", "b", "c"]},
        "P": sent(object(json!({"x": {"type": "string"}}), &["x"])),
        "Q": sent(object(json!({"y": {"type": "string"}}), &["y"])),
        "Text": {"type": "string"},
        "Loose": sent(json!({"anyOf": [object(json!({"x": {}}), &["x"]), object(json!({"y": {}}), &["y"])]})),
        "Looser": sent(json!({"anyOf": [
            object(json!({"x": {}}), &["x"]),
            object(json!({"y": {}}), &["y"]),
            object(json!({"z": {}}), &["z"]),
        ]})),
        "One": union(&["a", "b"]),
        "Two": union(&["a", "b", "c"]),
    });
    for (way, expected) in expected {
        assert_changes(what, &with_type(*way, old, &other), &with_type(*way, new, &other), expected);
    }
}

#[test]
fn fields_are_added_and_removed() {
    let a = || json!({"type": "string"});
    let one = object(json!({"a": a()}), &["a"]);
    let none = object(json!({}), &[]);
    let optional = object(json!({"a": a()}), &[]);
    let nullable = object(json!({"a": {"anyOf": [a(), {"type": "null"}]}}), &["a"]);
    let both = object(json!({"a": {"anyOf": [a(), {"type": "null"}]}}), &[]);
    for (what, old, new, expected) in [
        (
            "required field added",
            &none,
            &one,
            [
                (Sent, &["T.a added breaking refused"] as &[&str]),
                (Received, &["T.a added additive decodes"]),
                (Both, &["T.a added breaking refused"]),
            ],
        ),
        (
            "required field removed",
            &one,
            &none,
            [
                (Sent, &["T.a removed breaking decodes"]),
                (Received, &["T.a removed breaking malformed"]),
                (Both, &["T.a removed breaking malformed"]),
            ],
        ),
        (
            "optional field added",
            &none,
            &optional,
            [
                (Sent, &["T.a added additive decodes"]),
                (Received, &["T.a added additive decodes"]),
                (Both, &["T.a added additive decodes"]),
            ],
        ),
        (
            "optional field removed",
            &optional,
            &none,
            [
                (Sent, &["T.a removed breaking decodes"]),
                (Received, &["T.a removed breaking decodes"]),
                (Both, &["T.a removed breaking decodes"]),
            ],
        ),
        (
            "required field becomes optional",
            &one,
            &optional,
            [
                (Sent, &["T.a changed breaking decodes"]),
                (Received, &["T.a changed breaking malformed"]),
                (Both, &["T.a changed breaking malformed"]),
            ],
        ),
        (
            "optional field becomes required",
            &optional,
            &one,
            [
                (Sent, &["T.a changed breaking refused"]),
                // It stays an `Option`, since the older version omits it.
                (Received, &["T.a changed additive decodes"]),
                (Both, &["T.a changed breaking refused"]),
            ],
        ),
        (
            "null field is no longer null",
            &nullable,
            &one,
            [
                (Sent, &["T.a changed breaking refused"]),
                (Received, &["T.a changed additive decodes"]),
                // Only the parameter of `new` has another type.
                (Both, &["T.a changed breaking refused"]),
            ],
        ),
        (
            "required field may be null",
            &one,
            &nullable,
            [
                (Sent, &["T.a changed breaking decodes"]),
                (Received, &["T.a changed breaking malformed"]),
                (Both, &["T.a changed breaking malformed"]),
            ],
        ),
        (
            "nullable field becomes optional",
            &nullable,
            &optional,
            [
                // The Rust type is `Option` in both, but `new` has no parameter for it, and `null` is refused.
                (Sent, &["T.a changed breaking refused"]),
                (Received, &["T.a changed additive decodes"]),
                (Both, &["T.a changed breaking refused"]),
            ],
        ),
        (
            "optional field may be null",
            &optional,
            &both,
            [
                // When sent, `null` and an absent key differ.
                (Sent, &["T.a changed breaking decodes"]),
                (Received, &["T.a changed additive decodes"]),
                (Both, &["T.a changed breaking decodes"]),
            ],
        ),
    ] {
        assert_type(what, old, new, &expected);
    }
}

#[test]
fn fields_change_their_types() {
    let field = |schema: Value| object(json!({"a": schema}), &["a"]);
    let kind = |kind: &str| field(json!({"type": kind}));
    let named = |name: &str| field(json!({"$ref": format!("#/definitions/{name}")}));
    let list = |items: Value| field(json!({"type": "array", "items": items}));
    for (what, old, new, sent, received) in [
        ("whole number to number", kind("integer"), kind("number"), "decodes", "malformed"),
        ("number to whole number", kind("number"), kind("integer"), "refused", "decodes"),
        ("string to number", kind("string"), kind("number"), "refused", "malformed"),
        ("string to any JSON", kind("string"), field(json!({})), "decodes", "malformed"),
        ("any JSON to string", field(json!({})), kind("string"), "refused", "decodes"),
        ("string to enum", kind("string"), named("E"), "refused", "decodes"),
        ("enum to string", named("E"), kind("string"), "decodes", "unknown"),
        ("enum to larger enum", named("E"), named("F"), "decodes", "unknown"),
        ("enum to smaller enum", named("F"), named("E"), "refused", "decodes"),
        ("loose union to larger one", named("Loose"), named("Looser"), "decodes", "unknown"),
        ("loose union to smaller one", named("Looser"), named("Loose"), "refused", "decodes"),
        (
            "object to a list of it",
            named("P"),
            list(json!({"$ref": "#/definitions/P"})),
            "refused",
            "malformed",
        ),
        ("union to larger union", named("One"), named("Two"), "decodes", "unknown"),
        ("union to smaller union", named("Two"), named("One"), "refused", "decodes"),
        (
            "list of numbers to list of strings",
            list(json!({"type": "number"})),
            list(json!({"type": "string"})),
            "refused",
            "malformed",
        ),
        ("one to many", kind("string"), list(json!({"type": "string"})), "refused", "malformed"),
    ] {
        assert_type(
            what,
            &old,
            &new,
            &[
                (Sent, &[&format!("T.a changed breaking {sent}")]),
                (Received, &[&format!("T.a changed breaking {received}")]),
            ],
        );
    }
    // The older version omits the keys of the other object, which makes them optional.
    let other = &["Q.y changed breaking decodes", "T.a changed breaking malformed"] as &[&str];
    let cases = [(Sent, &["T.a changed breaking refused"] as &[&str]), (Received, other)];
    assert_type("object to another", &named("P"), &named("Q"), &cases);
}

#[test]
fn values_and_variants_are_added_and_removed() {
    let values = |values: &[&str]| json!({"type": "string", "enum": values});
    let (two, three) = (values(&["a-b", "b"]), values(&["a-b", "b", "c"]));
    let spelled = values(&["aB", "b"]);
    let [parted, joined, other] =
        [values(&["read_only", "b"]), values(&["readonly", "b"]), values(&["readOnly2", "b"])];
    let branch = |kind: &str| object(json!({"kind": {"const": kind}, "x": {"type": "string"}}), &["kind"]);
    let union = |kinds: &[&str]| json!({"anyOf": kinds.iter().map(|kind| branch(kind)).collect::<Vec<_>>()});
    for (what, old, new, expected) in [
        (
            "value added",
            &two,
            &three,
            [
                (Sent, &["T::C added additive decodes"] as &[&str]),
                (Received, &["T::C added additive unknown"]),
            ],
        ),
        (
            "value removed",
            &three,
            &two,
            [(Sent, &["T::C removed breaking refused"]), (Received, &["T::C removed breaking decodes"])],
        ),
        (
            "value spelled in another way",
            &two,
            &spelled,
            [(Sent, &["T::AB changed behaviour refused"]), (Received, &["T::AB changed behaviour unknown"])],
        ),
        (
            "value whose words are joined",
            &parted,
            &joined,
            [
                (Sent, &["T::ReadOnly renamed breaking refused"]),
                (Received, &["T::ReadOnly renamed breaking unknown"]),
            ],
        ),
        (
            "value that is much like another",
            &parted,
            &other,
            [
                (Sent, &["T::ReadOnly removed breaking refused", "T::ReadOnly2 added additive decodes"]),
                (Received, &["T::ReadOnly removed breaking decodes", "T::ReadOnly2 added additive unknown"]),
            ],
        ),
        (
            "variant added",
            &union(&["a", "b"]),
            &union(&["a", "b", "c"]),
            [
                (Sent, &["TC added additive decodes", "T::C added additive decodes"]),
                (Received, &["TC added additive decodes", "T::C added additive unknown"]),
            ],
        ),
        (
            "variant removed",
            &union(&["a", "b", "c"]),
            &union(&["a", "b"]),
            [
                (Sent, &["TC removed breaking decodes", "T::C removed breaking refused"]),
                (Received, &["TC removed breaking decodes", "T::C removed breaking decodes"]),
            ],
        ),
    ] {
        assert_type(what, old, new, &expected);
    }
}

#[test]
fn types_change_their_kind() {
    let one = object(json!({"a": {"type": "string"}, "b": {"type": "string"}}), &["a"]);
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "required": ["a"], "additionalProperties": {"type": "string"}});
    let constant = |value: &str| object(json!({"k": {"const": value}, "a": {"type": "string"}}), &["k", "a"]);
    let list = |first: &str, second: &str| {
        let properties = json!({first: {"type": "string"}, second: {"type": "string"}});
        object(properties, &["a", "b"])
    };
    // The order of the list of required keys has no meaning.
    let typed = |keys: [&str; 2]| {
        let of = |key: &str| json!({"type": if key == "a" { "string" } else { "integer" }});
        object(json!({keys[0]: of(keys[0]), keys[1]: of(keys[1])}), &["a", "b"])
    };
    let spread = |keys: [&str; 4]| {
        let of = |key: &str| json!({"type": if key == "n" { "integer" } else { "string" }});
        let properties: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), of(key))).collect();
        object(Value::Object(properties), &keys)
    };
    for (what, old, new, expected) in [
        (
            "object to enum",
            &one,
            &json!({"type": "string", "enum": ["a"]}),
            [
                (Sent, &["T changed breaking refused"] as &[&str]),
                (Received, &["T changed breaking malformed"]),
            ],
        ),
        (
            "keys are opened",
            &one,
            &open,
            [(Sent, &["T.rest added additive decodes"]), (Received, &["T.rest added additive decodes"])],
        ),
        (
            "keys are closed",
            &open,
            &one,
            [(Sent, &["T.rest removed breaking decodes"]), (Received, &["T.rest removed breaking decodes"])],
        ),
        (
            "a constant has another value",
            &constant("x"),
            &constant("y"),
            [(Sent, &["T.k changed behaviour refused"]), (Received, &["T.k changed behaviour malformed"])],
        ),
        (
            "the parameters of `new` change places",
            &list("a", "b"),
            &list("b", "a"),
            [(Sent, &["T changed breaking decodes"]), (Received, &[])],
        ),
        (
            "parameters of two types change places",
            &typed(["a", "b"]),
            &typed(["b", "a"]),
            [(Sent, &["T changed breaking decodes"]), (Received, &[])],
        ),
        (
            "`new` takes its values by name from now on",
            &spread(["a", "n", "b", "c"]),
            &spread(["n", "a", "b", "c"]),
            [(Sent, &["T changed breaking decodes"]), (Received, &[])],
        ),
        (
            "values by name change places",
            &spread(["n", "a", "b", "c"]),
            &spread(["c", "b", "a", "n"]),
            [(Sent, &[]), (Received, &[])],
        ),
    ] {
        assert_type(what, old, new, &expected);
    }
    let (sent, both) = (with_type(Sent, &one, &json!({})), with_type(Both, &one, &json!({})));
    let received = with_type(Received, &one, &json!({}));
    let params = "use changed breaking decodes";
    assert_eq!(lines(&compare(&both, &received))[1..], ["T changed breaking decodes"]);
    assert!(lines(&compare(&received, &both)).contains(&"T changed additive decodes".to_owned()));
    assert!(lines(&compare(&sent, &received)).contains(&params.to_owned()));
}

#[test]
fn keys_gain_and_lose_their_constant() {
    let of = |schema: Value| object(json!({"a": schema}), &["a"]);
    let (always, text) = (of(json!({"const": "a"})), of(json!({"type": "string"})));
    let (named, number) = (of(json!({"$ref": "#/definitions/F"})), of(json!({"type": "number"})));
    let other = of(json!({"const": "other"}));
    for (what, old, new, received) in [
        ("string to constant", &text, &always, "decodes"),
        ("enum to one of its values", &named, &always, "decodes"),
        ("enum to a new value", &named, &other, "unknown"),
        ("number to constant", &number, &always, "malformed"),
    ] {
        let of_sent = ["T.a removed breaking decodes", "T.a added behaviour refused"];
        let of_received = [&*format!("T.a removed breaking {received}"), "T.a added behaviour decodes"];
        assert_type(what, old, new, &[(Sent, &of_sent), (Received, &of_received)]);
    }
    for (what, old, new, sent) in [
        ("constant to string", &always, &text, "decodes"),
        ("constant to enum that has it", &always, &named, "decodes"),
        ("constant to enum without it", &other, &named, "refused"),
        ("constant to number", &always, &number, "refused"),
    ] {
        let sent = [&*format!("T.a added breaking {sent}"), "T.a removed behaviour decodes"];
        let received = ["T.a removed behaviour malformed", "T.a added additive decodes"];
        assert_type(what, old, new, &[(Sent, &sent), (Received, &received)]);
    }
    // An object can be read from a union whose variants all have its keys.
    let flag = json!({"type": "boolean"});
    let union = json!({"anyOf": [
        object(json!({"a": {"const": true}, "id": {"type": "string"}}), &["a", "id"]),
        object(json!({"a": {"const": false}}), &["a"]),
    ]});
    let lines = super::lines(&compare(
        &with_type(Received, &of(flag), &json!({})),
        &with_type(Received, &union, &json!({})),
    ));
    assert!(lines.contains(&"T changed breaking decodes".to_owned()), "{lines:?}");
}
