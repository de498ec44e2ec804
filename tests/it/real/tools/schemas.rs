//! The tools that the model is offered, by the schemas of their arguments.

use std::collections::BTreeSet;

use copilot_session::types::{ProtocolExternalToolDefinition, ToolsSetRequest};
use copilot_session_model::{Reply, Script};
use serde_json::{Map, Value, json};

use super::super::rig::{Rig, ask};
use crate::tools::schemas;

/// The tools in the first request to the model.
fn offered(rig: &Rig) -> BTreeSet<String> {
    rig.model.requests().remove(0).tool_names().into_iter().collect()
}

/// Each tool that the crate accepts is offered to the model.
#[tokio::test]
async fn each_accepted_tool_is_offered() {
    let rig = Rig::start(Script::replies([Reply::text("I see.")])).await;
    let tools = schemas::offered();
    let names: BTreeSet<String> = tools.iter().map(|tool| tool.name().to_owned()).collect();
    let session =
        rig.session(|new| tools.into_iter().fold(new.approve_all(), |new, tool| new.tool(tool))).await;
    ask(&session, "What can you do?").await.expect("an answer");
    let offered = offered(&rig);
    assert!(names.is_subset(&offered), "{:?}", names.difference(&offered));
    rig.finish().await;
}

/// The CLI leaves out tools whose schema lacks `"type": "object"`, which is why the crate refuses them.
#[tokio::test]
async fn tools_that_the_cli_leaves_out() {
    let fields = json!({"name": {"type": "string"}});
    let object = json!({"type": "object", "properties": fields});
    let cases = [
        ("object", object.clone(), true),
        ("no_fields", json!({"type": "object"}), true),
        ("with_choice", json!({"type": "object", "oneOf": [object]}), true),
        ("with_reference", json!({"type": "object", "$ref": "#/$defs/A", "$defs": {"A": object}}), true),
        ("empty", json!({}), false),
        ("untyped", json!({"properties": fields}), false),
        ("nullable", json!({"type": ["object", "null"], "properties": fields}), false),
        ("one_type", json!({"type": ["object"], "properties": fields}), false),
        ("text", json!({"type": "string"}), false),
        ("list", json!({"type": "array", "items": {"type": "string"}}), false),
        ("choice", json!({"anyOf": [object, {"type": "null"}]}), false),
        ("reference", json!({"$ref": "#/$defs/A", "$defs": {"A": object}}), false),
        ("capital", json!({"type": "Object"}), false),
    ];
    let rig = Rig::start(Script::replies([Reply::text("I see.")])).await;
    let session = rig.session(|new| new.approve_all()).await;
    // Declared without `Tool`, which would refuse them.
    let declared = cases.iter().map(|(name, schema, _)| {
        let schema: Map<String, Value> = schema.as_object().expect("a schema").clone();
        ProtocolExternalToolDefinition::new(*name, "A tool").parameters(schema.into_iter().collect())
    });
    let all = ToolsSetRequest::new(declared.collect());
    session.rpc().tools().set(&all).await.expect("the tools to be set");
    ask(&session, "What can you do?").await.expect("an answer");
    let offered = offered(&rig);
    for (name, schema, expected) in cases {
        assert_eq!(offered.contains(name), expected, "{name}: {schema}");
    }
    rig.finish().await;
}
