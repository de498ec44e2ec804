//! The check of a CLI, as a program that depends on the crate uses it. No CLI runs here; `sets` reads folders as well.

use std::fs;
use std::path::Path;

use copilot_session::CLI_VERSION;
use copilot_session_drift::{Check, What, check};
use serde_json::{Value, json};
use tempfile::TempDir;

const API: &str = "api.schema.json";
const EVENTS: &str = "session-events.schema.json";

/// The folder of the schemas of the SDK.
fn own() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema"))
}

/// A folder with the schemas of the SDK, one of which is changed.
fn changed(file: &str, change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [API, EVENTS, "VERSION.json"] {
        fs::copy(own().join(name), folder.path().join(name)).expect("a copy");
    }
    let path = folder.path().join(file);
    let mut schema = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    change(&mut schema);
    fs::write(&path, schema.to_string()).expect("it can be written");
    folder
}

fn checked(folder: &Path) -> Check {
    check(CLI_VERSION, folder.to_str().expect("a path in UTF-8")).expect("it can be checked")
}

/// The message of a panic.
fn panics(assertion: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(assertion).expect_err("it panics");
    *panic.downcast::<String>().expect("a formatted message")
}

#[test]
fn the_cli_that_the_crate_is_made_for_is_readable() {
    let check = checked(own());
    check.assert_readable();
    check.assert_has_call("session.detach");
    assert_eq!((check.cli(), check.made_for()), (CLI_VERSION, CLI_VERSION));
    assert!(check.changes().is_empty(), "{}", check.report());
    assert_eq!(
        check.to_string(),
        format!(
            "A program that is built for Copilot CLI {CLI_VERSION} can read all that {CLI_VERSION} sends."
        )
    );
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let folder = changed(EVENTS, |schema| {
        schema["definitions"]["AssistantMessageData"]["properties"]["content"] = json!({"type": "integer"});
    });
    let check = checked(folder.path());
    let unreadable: Vec<_> = check.unreadable().collect();
    assert_eq!(unreadable.len(), 1, "{check}");
    assert_eq!(
        (unreadable[0].what, unreadable[0].item.as_str()),
        (What::Field, "AssistantMessageData.content")
    );
    let message = panics(move || check.assert_readable());
    assert!(
        message.contains("may not read") && message.contains("AssistantMessageData.content"),
        "{message}"
    );
}

#[test]
fn new_things_are_readable_and_calls_that_are_gone_are_named() {
    let folder = changed(API, |schema| {
        let session = schema["session"].as_object_mut().expect("an object");
        session.remove("abort").expect("the method");
        session.insert("fly".to_owned(), json!({"rpcMethod": "session.fly", "result": {"type": "string"}}));
    });
    let check = checked(folder.path());
    check.assert_readable();
    assert_eq!(check.missing_calls().collect::<Vec<_>>(), ["session.abort"]);
    assert!(
        check.to_string().ends_with(&format!("Calls that {CLI_VERSION} lacks: session.abort")),
        "{check}"
    );
    assert!(check.report().contains("session.fly"), "{}", check.report());
    let again = checked(folder.path());
    let message = panics(move || check.assert_has_call("session.abort"));
    assert!(message.contains("has no method session.abort"), "{message}");
    // A mistake in the name does not pass.
    let message = panics(move || again.assert_has_call("session.abbort"));
    assert!(message.contains("copilot-session has no call session.abbort"), "{message}");
}

#[test]
fn what_the_generator_does_not_support_is_not_readable() {
    let folder = changed(API, |schema| {
        schema["definitions"]["New"] = json!({"type": "object", "patternProperties": {"^a": {}}});
        schema["session"]["fly"] =
            json!({"rpcMethod": "session.fly", "result": {"$ref": "#/definitions/New"}});
    });
    let check = checked(folder.path());
    assert!(!check.is_readable() && check.unreadable().next().is_none(), "{check}");
    assert!(check.to_string().contains("not compared: "), "{check}");
}

#[test]
fn an_error_says_what_is_missing_however_it_is_printed() {
    let error = check("nonsense", "installed").expect_err("there is no such version");
    let (shown, debugged) = (error.to_string(), format!("{error:?}"));
    assert!(shown.contains("made for Copilot CLI nonsense") && shown.contains(CLI_VERSION), "{shown}");
    assert_eq!(shown, debugged);
}
