//! Limits of values, and notices such as deprecation.

use serde_json::{Value, json};

use super::Way::{self, Received, Sent};
use super::types::assert_type;
use super::{assert_changes, compare, object, with_type};

#[test]
fn limits_inside_are_reported() {
    let field = |schema: Value| object(json!({"a": schema}), &["a"]);
    let text = |more: Value| {
        let mut text = json!({"type": "string"});
        text.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        text
    };
    let list = |items: Value| field(json!({"type": "array", "items": items}));
    let map = |values: Value| field(json!({"type": "object", "additionalProperties": values}));
    let or_null = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    let (free, short) = (text(json!({})), text(json!({"maxLength": 3})));
    let either = |text: &Value| field(json!({"anyOf": [text, {"type": "boolean"}]}));
    for (what, old, new, key) in [
        ("items", list(free.clone()), list(short.clone()), "items.maxLength"),
        ("values", map(free.clone()), map(short.clone()), "additionalProperties.maxLength"),
        ("or null", field(or_null(free.clone())), field(or_null(short.clone())), "maxLength"),
        (
            "values of items, or null",
            list(or_null(json!({"type": "object", "additionalProperties": free}))),
            list(or_null(json!({"type": "object", "additionalProperties": short}))),
            "items.additionalProperties.maxLength",
        ),
        ("branch", either(&free), either(&short), "string.maxLength"),
    ] {
        let stricter: [(Way, &[&str]); 2] =
            [(Sent, &["T.a changed behaviour refused"]), (Received, &["T.a changed behaviour decodes"])];
        assert_type(what, &old, &new, &stricter);
        assert_type(
            what,
            &new,
            &old,
            &[(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        );
        let compared = compare(&with_type(Sent, &old, &json!({})), &with_type(Sent, &new, &json!({})));
        assert_eq!(compared.changes[0].detail, format!("{key}: none → 3"));
    }
    assert_type(
        "definition",
        &free,
        &short,
        &[(Sent, &["T changed behaviour refused"]), (Received, &["T changed behaviour decodes"])],
    );
    let values = |more: Value| {
        let mut values = text(json!({"x-extensible-enum": ["a", "b"]}));
        values.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        values
    };
    assert_type("enum", &values(json!({})), &values(json!({"minLength": 1})), &[(Sent, &[])]);
    // Only the added `null` is reported, and a default of items is no limit.
    let both = [(Received, &["T.a changed breaking malformed"] as &[&str])];
    assert_type("null added", &field(short.clone()), &field(or_null(short.clone())), &both);
    let (old, new) = (with_type(Sent, &field(short.clone()), &json!({})), field(or_null(short.clone())));
    assert_changes("null added", &old, &with_type(Sent, &new, &json!({})), &["T.a changed breaking decodes"]);
    assert_type("default", &list(free), &list(text(json!({"default": "x"}))), &[(Sent, &[])]);
}

#[test]
fn limits_and_notices_are_reported() {
    let a = |more: Value| {
        let mut a = json!({"type": "string"});
        a.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        object(json!({"a": a}), &["a"])
    };
    for (what, old, new, expected) in [
        (
            "limit added",
            a(json!({})),
            a(json!({"maxLength": 3})),
            [
                (Sent, &["T.a changed behaviour refused"] as &[&str]),
                (Received, &["T.a changed behaviour decodes"]),
            ],
        ),
        (
            "limit removed",
            a(json!({"maxLength": 3})),
            a(json!({})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "longer",
            a(json!({"maxLength": 3})),
            a(json!({"maxLength": 4})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "shorter",
            a(json!({"maxLength": 4})),
            a(json!({"maxLength": 3})),
            [(Sent, &["T.a changed behaviour refused"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "less at least",
            a(json!({"minLength": 2})),
            a(json!({"minLength": 1})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "more at least",
            a(json!({"minLength": 1})),
            a(json!({"minLength": 2})),
            [(Sent, &["T.a changed behaviour refused"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "another pattern",
            a(json!({"pattern": "a"})),
            a(json!({"pattern": "b"})),
            [(Sent, &["T.a changed behaviour refused"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "unique",
            a(json!({"uniqueItems": false})),
            a(json!({"uniqueItems": true})),
            [(Sent, &["T.a changed behaviour refused"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "no longer unique",
            a(json!({"uniqueItems": true})),
            a(json!({"uniqueItems": false})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "default changed",
            a(json!({"default": "x"})),
            a(json!({"default": "y"})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "deprecated",
            a(json!({})),
            a(json!({"deprecated": true})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "internal",
            a(json!({})),
            a(json!({"visibility": "internal"})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "less firm",
            a(json!({"stability": "stable"})),
            a(json!({"stability": "experimental"})),
            [(Sent, &["T.a changed behaviour decodes"]), (Received, &["T.a changed behaviour decodes"])],
        ),
        (
            "firmer",
            a(json!({"stability": "experimental"})),
            a(json!({"stability": "stable"})),
            [(Sent, &["T.a changed additive decodes"]), (Received, &["T.a changed additive decodes"])],
        ),
    ] {
        assert_type(what, &old, &new, &expected);
    }
}
