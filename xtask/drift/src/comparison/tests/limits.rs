//! Limits of values, and notices such as deprecation.

use serde_json::{Value, json};

use super::Way::{self, Received, Sent};
use super::types::assert_type;
use super::{assert_changes, compare, lines, object, with_type};

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
fn every_limit_of_a_received_value_is_reported() {
    let field = |schema: &Value| object(json!({"a": schema}), &["a"]);
    for (kind, keyword, before, after) in [
        ("integer", "minimum", json!(0), json!(-1)),
        ("integer", "maximum", json!(10), json!(100)),
        ("number", "exclusiveMinimum", json!(0), json!(1)),
        ("string", "minLength", json!(1), json!(0)),
        ("string", "format", json!("date-time"), json!("uri")),
        ("string", "pattern", json!("^a"), json!("^b")),
        ("string", "contentEncoding", json!("base64"), json!("base32")),
        ("boolean", "default", json!(true), json!(false)),
        ("array", "maxItems", json!(3), json!(4)),
        ("array", "uniqueItems", json!(true), json!(false)),
        ("object", "maxProperties", json!(3), json!(4)),
        ("object", "propertyNames", json!({"maxLength": 3}), json!({"maxLength": 4})),
    ] {
        let schema = |value: Option<&Value>| {
            let mut schema = json!({"type": kind});
            if let Some(value) = value {
                schema[keyword] = value.clone();
            }
            schema
        };
        for (old, new) in [(Some(&before), Some(&after)), (None, Some(&after)), (Some(&before), None)] {
            let [from, to] = [old, new].map(schema);
            let compared = |from: &Value, to: &Value| {
                compare(&with_type(Received, from, &json!({})), &with_type(Received, to, &json!({})))
            };
            let text = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
            let detail = format!("{keyword}: {} → {}", text(old), text(new));
            let found = compared(&field(&from), &field(&to));
            assert_eq!(lines(&found), ["T.a changed behaviour decodes"], "{detail}");
            assert_eq!(found.changes[0].detail, detail);
            let found = compared(&from, &to);
            assert_eq!(lines(&found), ["T changed behaviour decodes"], "a definition, {detail}");
            assert_eq!(found.changes[0].detail, detail);
        }
    }
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
