//! Stage two: fixes oddities of the CLI's schemas, each by a named function. A fix that finds nothing to fix is an
//! error.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Error;
use crate::read::Source;
use crate::schema::contains;
use crate::versions::Span;

/// A fix of an oddity.
struct Fix {
    name: &'static str,
    /// The change that introduced the oddity, as `last..first`: the last version without it and the first with it.
    /// `None` if it was always there.
    since: Option<&'static str>,
    /// The change that removed it: the last version with it and the first without. `None` if it is still there.
    until: Option<&'static str>,
    /// Applies the fix, and returns false, without a change, if the oddity is absent.
    apply: fn(&mut Source) -> bool,
}

const FIXES: &[Fix] = &[
    Fix {
        name: "attachments_without_display_name",
        since: Some("1.0.50..1.0.65"),
        until: None,
        apply: attachments_without_display_name,
    },
    Fix { name: "no_current_agent", since: None, until: None, apply: no_current_agent },
    Fix {
        name: "descriptors_without_summary_intention",
        since: Some("1.0.80..1.0.81"),
        until: None,
        apply: descriptors_without_summary_intention,
    },
    Fix {
        name: "input_schemas_without_type",
        since: Some("1.0.80..1.0.81"),
        until: None,
        apply: input_schemas_without_type,
    },
    Fix { name: "sampling_with_request", since: None, until: None, apply: sampling_with_request },
    Fix {
        name: "logins_without_secrets",
        since: Some("1.0.50..1.0.65"),
        until: None,
        apply: logins_without_secrets,
    },
    Fix {
        name: "telemetry_without_client",
        since: Some("1.0.65..1.0.75"),
        until: None,
        apply: telemetry_without_client,
    },
    Fix { name: "closed_prompts", since: Some("1.0.50..1.0.65"), until: None, apply: closed_prompts },
];

impl Fix {
    /// Applies the fix whatever the version, and fails if it finds nothing to fix in its span of versions, or something
    /// outside.
    fn run(&self, source: &mut Source) -> Result<(), Error> {
        let span = Span::new(self.since, self.until, self.name)?;
        let problem = match ((self.apply)(source), span.holds(&source.version)) {
            (true, Some(false)) => "finds something to fix",
            (false, Some(true)) => "finds nothing to fix",
            _ => return Ok(()),
        };
        Err(Error::Fix { fix: self.name, problem, version: source.version.to_string() })
    }
}

/// Applies every fix, and returns the definitions that this changes.
pub fn changed(mut source: Source) -> BTreeMap<String, Value> {
    let before: BTreeMap<String, Value> = source
        .definitions
        .iter()
        .map(|(name, definition)| (name.clone(), definition.schema.clone()))
        .collect();
    fix(&mut source);
    let after = source.definitions.into_iter().map(|(name, definition)| (name, definition.schema));
    after.filter(|(name, schema)| before.get(name) != Some(schema)).collect()
}

/// Applies every fix, and returns the errors of those whose span is wrong for this version.
pub fn fix(source: &mut Source) -> Vec<Error> {
    FIXES.iter().filter_map(|fix| fix.run(source).err()).collect()
}

/// The CLI accepts an attachment without `displayName` and returns it unchanged, although the schema requires the key:
/// seen on 1.0.10 and 1.0.102. But 1.0.81 and 1.0.102 do not resume a session that has such an attachment, so a client
/// must send the key.
fn attachments_without_display_name(source: &mut Source) -> bool {
    let kinds = ["AttachmentFile", "AttachmentDirectory", "AttachmentSelection"];
    kinds.into_iter().all(|kind| is_required(source, kind, "displayName"))
        && kinds.into_iter().all(|kind| make_optional(source, kind, "displayName"))
        && kinds.into_iter().all(|kind| mark_left_out(source, kind, "displayName", "1.0.102"))
}

/// `session.agent.getCurrent` responds with `null` if no agent is selected. Its description says so, its schema does
/// not: seen on 1.0.102.
fn no_current_agent(source: &mut Source) -> bool {
    make_nullable(source, "AgentGetCurrentResult", "agent")
}

/// `session.tools.getBuiltinDescriptors` has a `null` where the schema says boolean: seen on 1.0.102.
fn descriptors_without_summary_intention(source: &mut Source) -> bool {
    make_nullable(source, "BuiltinToolDescriptor", "hasSummariseIntention")
}

/// `session.tools.getBuiltinDescriptors` has input schemas without the `type` that the schema requires: seen on
/// 1.0.102.
fn input_schemas_without_type(source: &mut Source) -> bool {
    make_optional(source, "BuiltinToolInputSchema", "type")
}

/// `sampling.requested` carries the MCP server's request to the model, which a handler needs, and its schema omits the
/// key: seen on 1.0.102.
fn sampling_with_request(source: &mut Source) -> bool {
    let definition = source.definitions.get_mut("SamplingRequestedData");
    let properties = definition.and_then(|found| found.schema.pointer_mut("/properties"));
    properties.and_then(Value::as_object_mut).is_some_and(|properties| {
        let description = "The server's request to the model: the params of its `sampling/createMessage`.";
        let request = json!({ "description": description, "x-opaque-json": true });
        let missing = !properties.contains_key("request");
        properties.entry("request").or_insert(request);
        missing
    })
}

/// `account.getCurrentAuth`, `account.getAllUsers` and `session.gitHubAuth.login` return a login without its secret,
/// which the schema requires: seen on 1.0.81 and 1.0.102 for `token`, `env` and `hmac`. Up to 1.0.65 the secret is
/// there.
fn logins_without_secrets(source: &mut Source) -> bool {
    const SECRETS: [(&str, &str); 5] = [
        ("ApiKeyAuthInfo", "apiKey"),
        ("EnvAuthInfo", "token"),
        ("GhCliAuthInfo", "token"),
        ("HMACAuthInfo", "hmac"),
        ("TokenAuthInfo", "token"),
    ];
    SECRETS.into_iter().all(|(kind, key)| is_required(source, kind, key))
        && SECRETS.into_iter().all(|(kind, key)| make_optional(source, kind, key))
}

/// Some telemetry has an empty `client`, whose schema requires nearly all of its keys: seen on 1.0.102.
fn telemetry_without_client(source: &mut Source) -> bool {
    let definition = source.definitions.get_mut("GitHubTelemetryClientInfo");
    let required = definition.and_then(|found| found.schema.as_object_mut()?.remove("required"));
    required.is_some_and(|required| required.as_array().is_some_and(|required| !required.is_empty()))
}

/// The CLI ignores keys of `session.send` that it does not know, although the schema forbids them: seen on 1.0.102. A
/// newer CLI has more of them, and a program may set them.
fn closed_prompts(source: &mut Source) -> bool {
    let open = |schema: &mut Value| {
        let removed = schema.as_object_mut().and_then(|schema| schema.remove("additionalProperties"));
        removed == Some(Value::Bool(false))
    };
    // The params of the method repeat the definition.
    let params = source.methods.iter_mut().filter_map(|method| method.leaf.get_mut("params"));
    for repeated in params.filter(|params| params["title"] == "SendRequest") {
        open(repeated);
    }
    source.definitions.get_mut("SendRequest").is_some_and(|definition| open(&mut definition.schema))
}

/// Lets `key` of the definition be `null`. Returns false if the key is absent or may already be `null`.
fn make_nullable(source: &mut Source, definition: &str, key: &str) -> bool {
    let definition = source.definitions.get_mut(definition);
    let property = definition.and_then(|found| found.schema.pointer_mut(&format!("/properties/{key}")));
    property.is_some_and(|property| {
        if property["anyOf"].as_array().is_some_and(|any| any.contains(&json!({ "type": "null" }))) {
            return false;
        }
        let description = property.get("description").cloned();
        *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
        if let Some(description) = description {
            property["description"] = description;
        }
        true
    })
}

fn is_required(source: &Source, definition: &str, key: &str) -> bool {
    let required = source.definitions.get(definition).and_then(|found| found.schema.get("required"));
    required.is_some_and(|required| contains(required, key))
}

/// Removes `key` from the required keys of the definition. Returns false if it was not required.
fn make_optional(source: &mut Source, definition: &str, key: &str) -> bool {
    let definition = source.definitions.get_mut(definition);
    let required = definition.and_then(|found| found.schema.pointer_mut("/required"));
    required.and_then(Value::as_array_mut).is_some_and(|required| {
        let before = required.len();
        required.retain(|name| name != key);
        required.len() < before
    })
}

/// Says that this CLI and older ones may leave out an optional key of the definition, which a client must send.
fn mark_left_out(source: &mut Source, definition: &str, key: &str, version: &str) -> bool {
    let definition = source.definitions.get_mut(definition);
    let properties = definition.and_then(|found| found.schema.pointer_mut("/properties"));
    let property = properties.and_then(|properties| properties.get_mut(key)).and_then(Value::as_object_mut);
    property.is_some_and(|property| property.insert("x-left-out".to_owned(), json!(version)).is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::versions;

    #[test]
    fn a_fix_is_for_the_versions_of_its_span() -> Result<(), Error> {
        let fix = |until, apply| Fix { name: "oddity", since: Some("1.0.1..1.0.2"), until, apply };
        for (version, until, with, without) in [
            ("1.0.1", Some("1.0.4..1.0.6"), false, true),
            ("1.0.4", Some("1.0.4..1.0.6"), true, false),
            ("1.0.5", Some("1.0.4..1.0.6"), true, true),
            ("1.0.6", Some("1.0.4..1.0.6"), false, true),
            ("1.0.6", None, true, false),
        ] {
            let source = &mut Source {
                version: versions::read(version, "here")?,
                definitions: BTreeMap::new(),
                methods: Vec::new(),
                events: Vec::new(),
                event_requests: Default::default(),
                upstream_definitions: 0,
                envelopes: 0,
                unspecified_keys: BTreeSet::new(),
            };
            assert_eq!(fix(until, |_| true).run(source).is_ok(), with, "{version}");
            assert_eq!(fix(until, |_| false).run(source).is_ok(), without, "{version}");
        }
        Ok(())
    }
}
