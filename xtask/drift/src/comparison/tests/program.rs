//! The impact of changes on a program that was built with the SDK.

use copilot_session_codegen::{Input, Protocol};
use serde_json::{Value, json};

use super::super::change::RuntimeImpact;
use super::super::compare::{Comparison, compare};
use super::{lines, object};
use crate::sets::label;

const EVENTS: &str = r#"{"definitions": {"SessionEvent": {"anyOf": []}}}"#;

/// A set with a method `get`.
fn set(version: &str, result: Value, definitions: Value, supplement: Value) -> Protocol {
    let server = json!({"get": {"rpcMethod": "get", "result": result}});
    let api = json!({"title": "CopilotApi", "server": server, "session": {}, "definitions": definitions});
    let (api, supplement) = (api.to_string(), json!({"definitions": supplement}).to_string());
    let input = Input { version, api: &api, events: EVENTS, supplement: &supplement };
    Protocol::survey(input).expect("the schemas are of the right form")
}

fn got(definition: Value) -> Protocol {
    set("1.0.70", json!({"$ref": "#/definitions/Got"}), json!({"Got": definition}), json!({}))
}

fn text() -> Value {
    json!({"type": "string"})
}

fn running(compared: &Comparison) -> Vec<RuntimeImpact> {
    compared.changes.iter().map(|change| change.running).collect()
}

#[test]
fn an_option_of_the_sdk_may_be_missing() {
    let (with, without) = (object(json!({"a": text()}), &["a"]), object(json!({"a": text()}), &[]));
    let (mut old, new) = (got(with.clone()), got(without));
    assert_eq!(compare(&old, &new).running_exit_code(), 2);
    old.make_optional([("Got.a", "1.0.60")]);
    let compared = compare(&old, &new);
    assert_eq!(
        (compared.running_exit_code(), lines(&compared)),
        (0, vec!["Got.a changed additive decodes".to_owned()])
    );
    // A key that is known to be omitted is not reported again.
    let compared = compare(&old, &got(with));
    assert_eq!((lines(&compared), compared.left_out.len()), (Vec::new(), 0));
}

#[test]
fn a_variant_may_be_known_without_a_key() {
    let variant =
        |queued: bool| object(json!({"queued": {"const": queued}, "id": text()}), &["queued", "id"]);
    let set = || {
        let branches = ["Yes", "No"].map(|name| json!({"$ref": format!("#/definitions/{name}")}));
        let definitions = json!({"Got": {"anyOf": branches}, "Yes": variant(true), "No": variant(false)});
        set("1.0.70", json!({"$ref": "#/definitions/Got"}), definitions, json!({}))
    };
    let mut old = set();
    old.make_optional([("Yes.id", "1.0.60")]);
    assert_eq!(lines(&compare(&old, &set())), Vec::<String>::new());
}

#[test]
fn a_result_that_is_an_option_may_be_nothing() {
    let object = || object(json!({"a": text()}), &["a"]);
    let (mut old, null) = (got(object()), set("1.0.70", json!({"type": "null"}), json!({}), json!({})));
    assert_eq!(compare(&old, &null).running_exit_code(), 2);
    old.make_optional([("get: result", "1.0.60")]);
    assert_eq!(compare(&old, &null).running_exit_code(), 0);
    assert_eq!(lines(&compare(&old, &got(object()))), Vec::<String>::new());
}

#[test]
fn a_key_that_the_supplement_lacks_for_a_version_is_not_lost() {
    let set = |version: &str, definitions: Value| {
        let key = json!({"$ref": "#/definitions/Other", "x-since": "1.0.50..1.0.60"});
        let supplement = json!({"Kept": object(json!({"a": key}), &["a"])});
        set(version, json!({"$ref": "#/definitions/Kept"}), definitions, supplement)
    };
    let old = set("1.0.70", json!({"Other": object(json!({}), &[])}));
    let compared = compare(&old, &set("1.0.50", json!({})));
    assert_eq!(lines(&compared), ["Other removed breaking decodes", "Kept.a removed breaking decodes"]);
}

#[test]
fn a_variant_under_another_tag_is_not_decoded() {
    let union = |tag: &str, key: &str| {
        let first = object(json!({"kind": {"const": "same"}}), &["kind"]);
        json!({"anyOf": [first, object(json!({"kind": {"const": tag}, key: text()}), &["kind", key])]})
    };
    let compared = compare(&got(union("factory", "name")), &got(union("workflow", "name")));
    assert!(!running(&compared).contains(&RuntimeImpact::Malformed), "{:?}", lines(&compared));
    assert_eq!(compared.running_exit_code(), 1);
    let compared = compare(&got(union("factory", "name")), &got(union("factory", "title")));
    assert_eq!(compared.running_exit_code(), 2);
}

#[test]
fn a_label_has_the_version_and_the_kind_of_set() {
    let labels = ["1.0.2", "latest", "sdk", "installed", "some/folder"].map(|word| label(word, "1.0.2"));
    assert_eq!(labels, ["1.0.2", "1.0.2", "1.0.2 (SDK)", "1.0.2 (installed)", "1.0.2 (some/folder)"]);
}
