//! Gives the model two tools that share a shopping list, with arguments of types of this program:
//! `cargo run --example tools -- "We are out of milk. What is on the list?"`

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::{Policy, Tool, ToolResult, printable_lines};

/// The arguments of the tool `buy`. The model reads the comments of the fields.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Purchase {
    /// The item to buy, in the singular.
    item: String,
    /// The number of items.
    count: u32,
}

/// The arguments of the tool `list`, which has none.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// The number of each item to buy. All clones are the same list.
type ShoppingList = Arc<Mutex<BTreeMap<String, u32>>>;

fn buy(list: ShoppingList) -> Tool {
    // Each call is one of a clone of the closure, and so of the list.
    Tool::new("buy", "Puts something on the shopping list", async move |purchase: Purchase, _| {
        if purchase.count == 0 {
            // The model reads an error, and may try again.
            return Err("the count must be at least 1");
        }
        let mut items = list.lock().unwrap();
        let count = items.entry(purchase.item.clone()).or_default();
        *count += purchase.count;
        Ok(format!("{count} × {} on the list", purchase.item))
    })
}

fn list(list: ShoppingList) -> Tool {
    Tool::new("list", "Returns the shopping list", async move |_: Nothing, _| {
        ToolResult::json(&*list.lock().unwrap())
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("We are out of milk. What is on the list?");
    let items = ShoppingList::default();
    let client = common::client().start().await?;
    // The CLI asks before it calls a tool, so the policy names both.
    let folder = std::env::current_dir()?;
    let session = common::session(&client)
        .tool(buy(items.clone()))
        .tool(list(items.clone()))
        .policy(Policy::read_within(folder).allow_tool("buy").allow_tool("list"))
        .create()
        .await?;

    let answer = session.send_and_wait(prompt).await?;
    for call in answer.tool_calls() {
        let call = format!("{} {}", call.start.tool_name, serde_json::to_string(&call.start.arguments)?);
        println!("{}", printable_lines(&call));
    }
    println!("{}", printable_lines(answer.text()));
    client.stop().await;

    println!("On the list: {:?}", items.lock().unwrap());
    Ok(())
}
