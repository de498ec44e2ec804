//! An MCP server on standard input and output, whose tools ask the client: `ask` for a form to be filled
//! in, `sample` for an answer of the model's. Each gives back what it was answered. `look` says that it only
//! reads, and gives an answer of its own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    // The calls that wait for an answer, by the id of the question.
    let mut waiting = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        if let Some(answer) = answer(&message, &mut waiting) {
            writeln!(io::stdout(), "{answer}")?;
        }
    }
    Ok(())
}

/// What is to be sent after this message, if anything.
fn answer(message: &Value, waiting: &mut BTreeMap<String, Value>) -> Option<Value> {
    let id = message.get("id")?;
    let Some(method) = message["method"].as_str() else {
        let call = waiting.remove(id.as_str()?)?;
        let outcome = message.get("result").or(message.get("error"))?;
        let content = json!([{ "type": "text", "text": format!("answered {outcome}") }]);
        return Some(json!({ "jsonrpc": "2.0", "id": call, "result": { "content": content } }));
    };
    let result = match method {
        "initialize" => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "asking", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [tool("ask"), tool("sample"), tool("look")] }),
        "tools/call" if message["params"]["name"] == "look" => {
            json!({ "content": [{ "type": "text", "text": "looked" }] })
        }
        "tools/call" => return Some(question(&message["params"], id, waiting)),
        _ => json!({}),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn tool(name: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { "about": { "type": "string" } } });
    json!({
        "name": name, "title": format!("The tool {name}"), "description": "Asks", "inputSchema": schema,
        "annotations": { "readOnlyHint": name == "look" },
    })
}

/// The question that a call of a tool puts to the client.
fn question(call: &Value, id: &Value, waiting: &mut BTreeMap<String, Value>) -> Value {
    let about = call["arguments"]["about"].as_str().unwrap_or_default();
    let city =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let (method, params) = match call["name"].as_str() {
        Some("ask") => ("elicitation/create", json!({ "message": about, "requestedSchema": city })),
        _ => {
            let content = json!({ "type": "text", "text": about });
            let messages = json!([{ "role": "user", "content": content }]);
            ("sampling/createMessage", json!({ "messages": messages, "maxTokens": 20 }))
        }
    };
    let ours = format!("question to {id}");
    waiting.insert(ours.clone(), id.clone());
    json!({ "jsonrpc": "2.0", "id": ours, "method": method, "params": params })
}
