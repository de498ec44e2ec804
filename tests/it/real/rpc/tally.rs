//! The outcomes of a series of calls.

use std::collections::BTreeSet;
use std::path::Path;

use copilot_session::Error;
use serde_json::Value;

/// Calls by their outcome; each call is named by its source text, such as `rpc.mode().get()`.
#[derive(Default)]
pub struct Tally {
    called: BTreeSet<&'static str>,
    answered: BTreeSet<&'static str>,
    refused: Vec<(&'static str, String)>,
    wrong: Vec<String>,
}

/// Makes each of these calls, one after the other, and records its outcome in the tally.
macro_rules! call {
    ($tally:ident: $($call:expr),+ $(,)?) => {
        $($tally.record(stringify!($call), $crate::real::rig::soon(stringify!($call), $call).await);)+
    };
}
pub(super) use call;

impl Tally {
    /// Records the outcome of a call.
    pub fn record<T>(&mut self, call: &'static str, outcome: Result<T, Error>) {
        self.called.insert(call);
        match outcome {
            Ok(_) => drop(self.answered.insert(call)),
            Err(Error::Rpc { error, .. }) => self.refused.push((call, error.message)),
            Err(error) => self.wrong.push(format!("{call}: {error:#}")),
        }
    }

    /// Panics unless every result could be decoded, and exactly these calls were refused, for these reasons.
    pub fn check(&self, refusals: &[(&str, &str)]) {
        let mut wrong = self.wrong.clone();
        for (call, text) in &self.refused {
            if !refusals.iter().any(|(name, reason)| call == name && text.contains(reason)) {
                wrong.push(format!("{call} was refused: {text}"));
            }
        }
        let answered = refusals.iter().filter(|(call, _)| self.answered.contains(call));
        wrong.extend(answered.map(|(call, _)| format!("{call} was answered")));
        assert!(wrong.is_empty(), "of {} calls:\n{}", self.called.len(), wrong.join("\n"));
    }

    /// Panics unless every method of this part of the schema that needs no parameters was called, or is one
    /// of those that must not be.
    pub fn check_complete(&self, part: &str, left_out: &[&str]) {
        let called = |method: &str| {
            let call =
                call_of(method.strip_prefix("session.").filter(|_| part == "session").unwrap_or(method));
            self.called
                .iter()
                .any(|other| *other == call || other.split("(&").next() == call.strip_suffix("()"))
        };
        let methods = methods_without_params(part);
        let forgotten: Vec<_> =
            methods.iter().filter(|method| !called(method) && !left_out.contains(&method.as_str())).collect();
        assert!(forgotten.is_empty(), "neither called nor left out: {forgotten:#?}");
        let stale: Vec<_> =
            left_out.iter().filter(|method| called(method) || !methods.contains(**method)).collect();
        assert!(stale.is_empty(), "left out without need: {stale:#?}");
    }
}

/// The call for a method: `rpc.user().settings().get_path()` for `user.settings.getPath`.
fn call_of(method: &str) -> String {
    let mut call = "rpc".to_owned();
    // One word in Rust.
    let method = method.replace("gitHub", "github").replace("GitHub", "Github");
    for part in method.split('.') {
        call.push('.');
        for letter in part.chars() {
            if letter.is_ascii_uppercase() {
                call.push('_');
            }
            call.push(letter.to_ascii_lowercase());
        }
        call += "()";
    }
    call
}

/// The methods in a part of the CLI's schema that need no parameters except, in a session, its id.
fn methods_without_params(part: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/api.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("the schema")).expect("JSON");
    let mut methods = Vec::new();
    collect(&schema[part], &mut methods);
    let needless =
        |method: &&Value| !needs_params(&method["params"], &schema["definitions"], part == "session");
    let names = methods.into_iter().filter(needless).filter_map(|method| method["rpcMethod"].as_str());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert!(!names.is_empty(), "the schema has no {part} methods");
    names
}

fn collect<'a>(node: &'a Value, methods: &mut Vec<&'a Value>) {
    if node["rpcMethod"].is_string() {
        methods.push(node);
    } else {
        node.as_object().into_iter().flatten().for_each(|(_, child)| collect(child, methods));
    }
}

fn needs_params(params: &Value, definitions: &Value, of_session: bool) -> bool {
    if let Some(reference) = params["$ref"].as_str() {
        return needs_params(
            &definitions[reference.trim_start_matches("#/definitions/")],
            definitions,
            of_session,
        );
    }
    if let Some(ways) = params["anyOf"].as_array() {
        return ways.iter().all(|way| needs_params(way, definitions, of_session));
    }
    let mut required = params["required"].as_array().into_iter().flatten();
    required.any(|key| !of_session || key != "sessionId")
}
