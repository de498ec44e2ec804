//! Golden files: small schemas with the source generated from them, and invalid schemas with the error.
//!
//! A case is a `.json` in `golden` or `refused` with the parts `api`, `events`, `supplement` and `older`, which default
//! to empty ones, and a `version`, which defaults to one newer than all others. Run with `UPDATE=1` to write the
//! expected text of a new case, then review it. A fix that finds nothing to fix is an error, so every case gets the
//! definitions of `fixes.json`, which has something for each fix. Objects are closed, as nearly all of the CLI's are,
//! unless they or the case (`"closed": false`) say otherwise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use copilot_session_codegen::{Error, Input, Output, Protocol};
use serde_json::{Value, json};

#[test]
fn schemas_give_the_expected_source() {
    let nothing = generated(&json!({})).expect("empty schemas generate").files;
    check("golden", "rs", |name, case| {
        let files = generated(case).unwrap_or_else(|error| panic!("{name}: {error}")).files;
        let own = files.iter().filter(|(path, text)| name == "nothing" || nothing.get(*path) != Some(text));
        let of_fixes = |path: &str| match nothing.get(path) {
            Some(text) if name != "nothing" && path.starts_with("types/") => text.as_str(),
            _ => "",
        };
        own.map(|(path, text)| format!("// --- {path}\n{}", without(text, of_fixes(path)))).collect()
    });
}

/// The text without the items that are in another one, too.
fn without(text: &str, other: &str) -> String {
    let other: BTreeSet<&str> = items(other).into_iter().collect();
    items(text).into_iter().filter(|item| !other.contains(item)).collect()
}

/// The items of a file. Each ends with a line that is not indented, and that closes something.
fn items(text: &str) -> Vec<&str> {
    let (mut items, mut start, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let closes = ["}\n", ");\n"].contains(&line) || line.ends_with(";\n") || line.ends_with("{}\n");
        if closes && !line.starts_with([' ', '/', '#']) {
            items.push(&text[start..end]);
            start = end;
        }
    }
    items.push(&text[start..]);
    items
}

#[test]
fn schemas_beyond_the_generator_are_refused() {
    check("refused", "txt", |name, case| match generated(case) {
        Ok(_) => panic!("{name}: no error"),
        Err(error) => format!("{error}\n"),
    });
}

#[test]
fn an_object_is_open_unless_it_is_closed() {
    let with = |keyword: Value| {
        let mut loose = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        loose.as_object_mut().expect("an object").extend(keyword.as_object().expect("an object").clone());
        let case = json!({ "closed": false, "api": { "definitions": { "Loose": loose } } });
        generated(&case).expect("the case generates").files["types/full/others.rs"].clone()
    };
    assert_eq!(with(json!({})), with(json!({ "additionalProperties": true })));
    assert_ne!(with(json!({})), with(json!({ "additionalProperties": false })));
}

fn generated(case: &Value) -> Result<Output, Error> {
    let part = |name: &str, empty: Value| case.get(name).cloned().unwrap_or(empty);
    let mut api = part("api", json!({"definitions": {}}));
    if let (Some(given), Value::Object(needed)) = (api["definitions"].as_object_mut(), fixes(case)) {
        given.extend(needed);
    }
    let mut events = part("events", json!({"definitions": {"SessionEvent": {"anyOf": []}}}));
    let mut supplement = part("supplement", json!({"definitions": {}}));
    if case["closed"] != false {
        [&mut api, &mut events, &mut supplement].into_iter().for_each(close);
    }
    let mut protocol = Protocol::read(Input {
        version: case["version"].as_str().unwrap_or("9.9.9"),
        api: &api.to_string(),
        events: &events.to_string(),
        supplement: &supplement.to_string(),
    })?;
    protocol.allow_older(&part("older", json!({})).to_string())?;
    Ok(protocol.generate())
}

/// Closes every object that does not say whether it is open.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // A property of this name is a schema, whose type is a text.
            let are_properties = |found: &Value| found.is_object() && !found["type"].is_string();
            if map.get("properties").is_some_and(are_properties) && map.get("type") != Some(&json!("array")) {
                map.entry("additionalProperties").or_insert(json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Something to fix for every fix; nothing if the case sets `fixes` to false.
fn fixes(case: &Value) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixes.json");
    let all = serde_json::from_str(&read(&path)).expect("fixes.json is JSON");
    if case["fixes"] == false { json!({}) } else { all }
}

/// Compares the text that `actual` returns for each case in `folder` with the file beside the case.
fn check(folder: &str, extension: &str, actual: impl Fn(&str, &Value) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let update = env::var_os("UPDATE").is_some_and(|value| value == "1");
    let cases = files(&folder, "json");
    assert!(!cases.is_empty(), "{} holds no cases", folder.display());
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case.file_stem().unwrap_or_default().to_string_lossy();
        let expected = case.with_extension(extension);
        let text = actual(&name, &serde_json::from_str(&read(case)).expect("a case is JSON"));
        if update {
            fs::write(&expected, text).expect("a golden file can be written");
        } else if let Some(difference) = difference(&read(&expected), &text) {
            wrong.push(format!("{}, {difference}", expected.display()));
        }
    }
    let given: BTreeSet<PathBuf> = cases.iter().map(|case| case.with_extension(extension)).collect();
    wrong.extend(
        files(&folder, extension)
            .difference(&given)
            .map(|path| format!("{}: no case has this name", path.display())),
    );
    assert!(wrong.is_empty(), "{}\nrun with UPDATE=1 if that is right", wrong.join("\n"));
}

fn files(folder: &Path, extension: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the cases");
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    paths.filter(|path| path.extension().is_some_and(|own| own == extension)).collect()
}

/// The text of a file; empty if there is none yet.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first line that differs.
fn difference(expected: &str, actual: &str) -> Option<String> {
    let lines = expected.lines().count().max(actual.lines().count());
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap_or("(nothing)").to_owned();
    (0..lines).find(|&at| line(expected, at) != line(actual, at)).map(|at| {
        format!("line {}:\n  expected {}\n  actual   {}", at + 1, line(expected, at), line(actual, at))
    })
}
