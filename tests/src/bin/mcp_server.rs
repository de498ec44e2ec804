//! An MCP server on standard input and output. Two of its tools make a request of the client and return the
//! response: `ask` a form, `sample` a model call. `look` is declared read-only and returns a text of its own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    // The calls that wait for a response, by the id of the request that they made.
    let mut waiting = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        if let Some(answer) = answer(&message, &mut waiting) {
            writeln!(io::stdout(), "{answer}")?;
        }
    }
    Ok(())
}

/// The message to send after this one, if any.
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

/// The request that a call of a tool makes of the client.
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
    let request_id = format!("question to {id}");
    waiting.insert(request_id.clone(), id.clone());
    json!({ "jsonrpc": "2.0", "id": request_id, "method": method, "params": params })
}
