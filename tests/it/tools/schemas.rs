//! Tools by the types of their arguments: those that the CLI offers the model, and those that are refused
//! because the CLI would silently leave them out. The tests on the real CLI use the same tools.

use std::collections::{BTreeMap, HashMap};

use copilot_session::testing::FakeCli;
use copilot_session::{Client, Error, ErrorKind, Tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::success;
use crate::rig::connect;

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub struct City {
    name: String,
    twin: Option<Box<City>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub struct Nothing {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "only its schema is of interest")]
pub enum Tagged {
    City(City),
    Zone { number: u32 },
    Nowhere,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub enum Objects {
    Zone { number: u32 },
    Street { street: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub enum ByKey {
    City(City),
    Number(u32),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub struct Wrapped(City);

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is of interest")]
pub struct Flat {
    zip: u32,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

fn of<A: DeserializeOwned + JsonSchema + Send + 'static>(name: &str) -> Tool {
    Tool::new(name, "A tool", async |_: A, _| "done")
}

fn with(name: &str, schema: Value) -> Tool {
    Tool::with_schema(name, "A tool", schema, async |_: Value, _| "done")
}

/// Tools that the model is offered.
pub fn offered() -> Vec<Tool> {
    let city = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let reference = json!({"$ref": "#/$defs/City", "$defs": {"City": city}});
    let choice =
        json!({"anyOf": [{"$ref": "#/definitions/City"}, {"type": "null"}], "definitions": {"City": city}});
    let either = json!({"oneOf": [{"$ref": "#/definitions/City"}, {"required": ["zip"]}], "definitions": {"City": city}});
    vec![
        of::<City>("struct"),
        of::<Nothing>("empty_struct"),
        of::<()>("unit"),
        of::<Value>("any_json"),
        of::<serde_json::Map<String, Value>>("json_object"),
        of::<Option<City>>("option"),
        of::<Option<Option<Nothing>>>("option_of_option"),
        of::<Option<Tagged>>("option_of_enum"),
        of::<Option<Objects>>("option_of_objects"),
        of::<Box<City>>("boxed"),
        of::<Wrapped>("newtype"),
        of::<Tagged>("tagged_enum"),
        of::<Objects>("untagged_enum"),
        of::<ByKey>("externally_tagged_enum"),
        of::<HashMap<String, City>>("hash_map"),
        of::<BTreeMap<String, u32>>("tree_map"),
        of::<Flat>("flattened"),
        with("typed", city.clone()),
        with("untyped", json!({"properties": {"name": {"type": "string"}}})),
        with("open", json!({})),
        with("anything", json!(true)),
        with("described", json!({"description": "Whatever fits.", "title": "Any"})),
        with("nullable", json!({"type": ["object", "null"], "properties": {}})),
        with("one_type", json!({"type": ["object"]})),
        with("reference", reference),
        with("choice", choice),
        with("either", either),
        with("all_of", json!({"allOf": [city, {"required": ["name"]}]})),
        with("enum_of_objects", json!({"enum": [{"a": 1}, {"a": 2}]})),
        of::<Vec<City>>("declared")
            .declare(|tool| tool.parameters([("type".to_owned(), json!("object"))].into())),
    ]
}

/// Tools that the CLI would leave out.
fn refused() -> Vec<Tool> {
    #[derive(Deserialize, JsonSchema)]
    enum Words {
        #[allow(dead_code, reason = "only its schema is of interest")]
        One,
    }
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is of interest")]
    enum Mixed {
        Word,
        City(City),
    }
    vec![
        of::<String>("string"),
        of::<Option<String>>("option_of_string"),
        of::<u64>("number"),
        of::<bool>("boolean"),
        of::<Vec<City>>("list"),
        of::<Option<Vec<City>>>("option_of_list"),
        of::<(String, u32)>("tuple"),
        of::<[u8; 3]>("array"),
        of::<Words>("words"),
        of::<Mixed>("mixed"),
        of::<std::collections::BTreeSet<String>>("set"),
        of::<char>("letter"),
        with("never", json!(false)),
        with("no_schema", json!("object")),
        with("capital", json!({"type": "Object"})),
        with("strange", json!({"type": 5, "properties": {}})),
        with("two_types", json!({"type": ["object", "string"]})),
        with("only_null", json!({"type": ["null"]})),
        with("dangling", json!({"$ref": "#/definitions/None"})),
        with("elsewhere", json!({"$ref": "https://example.org/city.json"})),
        with("circle", json!({"$ref": "#/definitions/A", "definitions": {"A": {"$ref": "#/definitions/A"}}})),
        with("or_text", json!({"anyOf": [{"type": "object"}, {"type": "string"}]})),
        with("or_anything", json!({"anyOf": [{"type": "object"}, {}]})),
        with("negated", json!({"not": {"type": "string"}})),
        of::<City>("declared").declare(|tool| tool.parameters([("type".to_owned(), json!("array"))].into())),
    ]
}

async fn create(client: &Client, tool: Tool) -> Result<(), Error> {
    client.session().approve_all().tool(tool).create().await.map(drop)
}

/// The schema of an accepted tool has the `"type": "object"` that the CLI looks for.
#[tokio::test(start_paused = true)]
async fn accepted_tools() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    for tool in offered() {
        let name = tool.name().to_owned();
        create(&client, tool).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let sent = fake.received_raw("session.create").await;
        let parameters = &sent["tools"][0]["parameters"];
        assert!(parameters.is_null() || parameters["type"] == "object", "{name}: {parameters}");
        for key in ["$schema", "title"] {
            assert_eq!(parameters.get(key), None, "{name}: {parameters}");
        }
    }
}

/// A tool that the CLI would leave out is refused before anything is sent, with its name and a remedy.
#[tokio::test(start_paused = true)]
async fn refused_tools() {
    let fake = FakeCli::start();
    let client = connect(&fake).await;
    let session = client.session().approve_all().create().await.expect("a session");
    let sent = fake.methods();
    for tool in refused() {
        let name = tool.name().to_owned();
        let created = create(&client, tool.clone()).await.map(|()| panic!("{name} is accepted"));
        let resumed = client.session().approve_all().tool(tool.clone()).resume("1").await.map(drop);
        let set = session.set_tools([of::<City>("city"), tool]).await;
        for refusal in [created, resumed, set] {
            let error = refusal.expect_err("a refusal");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("tool {name}: ")) && text.contains("struct"), "{text}");
        }
    }
    assert_eq!(fake.methods(), sent);
}

/// An `Option` has the schema of its content, and is `None` for a call without arguments.
#[tokio::test(start_paused = true)]
async fn optional_arguments() {
    let tool = Tool::new("find", "Finds", async |city: Option<City>, _| {
        city.map_or_else(|| "anywhere".to_owned(), |city| city.name)
    });
    let rig = super::with([tool]).await;
    let declared = rig.fake.received_raw("session.create").await["tools"][0]["parameters"].clone();
    assert_eq!((&declared["type"], &declared["required"]), (&json!("object"), &json!(["name"])));
    assert_eq!(declared["properties"]["name"]["type"], "string");
    assert_eq!(rig.call_tool("find", json!({"name": "Bergen"})).await, success("Bergen"));
    assert_eq!(rig.call_tool("find", json!({})).await, success("anywhere"));
}
