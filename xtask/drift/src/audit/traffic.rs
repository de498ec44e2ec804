//! Reads wire logs and validates each message that the CLI sent.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::schemas::Schemas;
use super::walk::{self, Finding, Kind};

/// The findings so far, each with its number.
pub struct Audit<'a> {
    schemas: &'a Schemas,
    messages: u64,
    findings: BTreeMap<Finding, u64>,
}

impl<'a> Audit<'a> {
    pub fn new(schemas: &'a Schemas) -> Self {
        Self { schemas, messages: 0, findings: BTreeMap::new() }
    }

    pub fn finish(self) -> (u64, BTreeMap<Finding, u64>) {
        (self.messages, self.findings)
    }

    /// Validates the messages of the CLI in the log of one client.
    pub fn log(&mut self, text: &str) {
        // The method of each request of the client, by its id.
        let mut asked = HashMap::new();
        for line in text.lines() {
            // The last line of a program that was killed may be incomplete.
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let message = &line["msg"];
            if line["dir"] == "server" {
                self.messages += 1;
                for finding in self.message(message, &asked) {
                    *self.findings.entry(finding).or_default() += 1;
                }
            } else if let Some(method) = message["method"].as_str() {
                asked.insert(message["id"].to_string(), method.to_owned());
            }
        }
    }

    fn message(&self, message: &Value, asked: &HashMap<String, String>) -> Vec<Finding> {
        if !message.is_object() {
            return vec![Finding::new(Kind::Malformed, "message", "it is not a JSON object")];
        }
        if let Some(method) = message["method"].as_str() {
            return self.called(method, &message["params"]);
        }
        let Some(method) = asked.get(&message["id"].to_string()) else {
            return vec![Finding::new(Kind::Malformed, "message", "it is a response to no request")];
        };
        match message.get("result") {
            Some(result) => self.response(method, result),
            // Errors have no schema.
            None => Vec::new(),
        }
    }

    /// Validates a request or a notification of the CLI.
    fn called(&self, method: &str, params: &Value) -> Vec<Finding> {
        let Some(schema) = self.schemas.method(method) else {
            return vec![Finding::new(Kind::UnknownMethod, method, "")];
        };
        let mut found = self.part(params, &schema["params"], &format!("params {method} $"));
        // Both contain a value that their own schema does not describe.
        match method {
            "session.event" => found.extend(walk::event(self.schemas, &params["event"])),
            "hooks.invoke" => found.extend(self.hook(&params["hookType"], &params["input"])),
            _ => {}
        }
        found
    }

    fn response(&self, method: &str, result: &Value) -> Vec<Finding> {
        let Some(schema) = self.schemas.method(method) else {
            return vec![Finding::new(Kind::UnknownMethod, method, "")];
        };
        let mut found = self.part(result, &schema["result"], &format!("result {method} $"));
        if method == "session.getMessages" {
            let events = result["events"].as_array().into_iter().flatten();
            found.extend(events.flat_map(|event| walk::event(self.schemas, event)));
        }
        found
    }

    /// Validates the input of a hook, whose type is `PreToolUseHookInput` for `preToolUse`.
    fn hook(&self, kind: &Value, input: &Value) -> Vec<Finding> {
        let kind = kind.as_str().unwrap_or_default();
        let name = kind.split_at_checked(1).map(|(first, rest)| first.to_ascii_uppercase() + rest);
        let schema = self.schemas.definition(&format!("{}HookInput", name.unwrap_or_default()));
        schema.map(|schema| self.part(input, schema, &format!("hook {kind} $"))).unwrap_or_default()
    }

    fn part(&self, value: &Value, schema: &Value, path: &str) -> Vec<Finding> {
        walk::value(self.schemas, value, schema, path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ours::Ours;

    fn lines(messages: &[(&str, Value)]) -> String {
        messages.iter().map(|(dir, msg)| format!("{}\n", json!({ "dir": dir, "msg": msg }))).collect()
    }

    #[test]
    fn each_message_is_validated_against_the_schema_of_its_method() -> anyhow::Result<()> {
        let schemas = Schemas::of(&Ours::built_in()?)?;
        let mut audit = Audit::new(&schemas);
        let event = json!({ "type": "bird.seen", "data": {} });
        audit.log(&lines(&[
            ("client", json!({ "id": 1, "method": "session.name.get", "params": {} })),
            ("server", json!({ "id": 1, "result": { "name": 7 } })),
            ("client", json!({ "id": 2, "method": "session.name.get", "params": {} })),
            ("server", json!({ "id": 2, "error": { "code": 1, "message": "no" } })),
            ("server", json!({ "id": 3, "result": {} })),
            ("server", json!({ "method": "session.event", "params": { "sessionId": "s", "event": event } })),
            ("server", json!({ "method": "bird.sing", "params": {} })),
            (
                "server",
                json!({ "id": 4, "method": "hooks.invoke", "params": {
                "sessionId": "s", "hookType": "postTurn", "input": {},
            } }),
            ),
        ]));
        let (messages, findings) = audit.finish();
        let shown: Vec<_> = findings.keys().map(Finding::to_string).collect();
        assert_eq!(messages, 6);
        assert_eq!(
            shown,
            [
                "unknown method: bird.sing",
                "unknown event type: event bird.seen",
                "unknown value: params hooks.invoke $.hookType: \"postTurn\"",
                "malformed: message: it is a response to no request",
                "malformed: result session.name.get $.name: integer instead of string or null",
            ]
        );
        Ok(())
    }
}
