//! Gives the model two tools that share a shopping list, with arguments of types of this program:
//! `cargo run --example tools -- "We are out of milk. What is on the list?"`

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::{Client, Policy, Tool, ToolResult};

/// The arguments of the tool `buy`. The model reads the comments of the fields.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Purchase {
    /// What to buy, in the singular.
    item: String,
    /// How many of it.
    count: u32,
}

/// The arguments of the tool `list`, which has none.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// How many of each item to buy. All clones are the same list.
#[derive(Clone, Default)]
struct ShoppingList(Arc<Mutex<BTreeMap<String, u32>>>);

impl ShoppingList {
    /// A tool is called many times, so each call gets a clone of what it captures.
    fn buy(&self) -> Tool {
        let list = self.clone();
        let run = move |purchase: Purchase, _| {
            let list = list.clone();
            async move {
                // The model reads an error and may try again.
                if purchase.count == 0 {
                    return Err("the count must be at least 1");
                }
                let mut items = list.0.lock().unwrap();
                let count = items.entry(purchase.item.clone()).or_default();
                *count += purchase.count;
                Ok(format!("{count} × {} on the list", purchase.item))
            }
        };
        // Without `skip_permission` the CLI asks before each call.
        Tool::new("buy", "Puts something on the shopping list", run)
            .declare(|tool| tool.skip_permission(true))
    }

    fn list(&self) -> Tool {
        let list = self.clone();
        let run = move |_: Nothing, _| {
            let items = list.0.lock().unwrap().clone();
            async move { ToolResult::json(&items) }
        };
        Tool::new("list", "Returns the shopping list", run)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("We are out of milk. What is on the list?");
    let list = ShoppingList::default();
    let client = Client::start().await?;
    // The CLI asks before it calls a tool, so the policy names both.
    let folder = std::env::current_dir()?;
    let session = common::session(&client)
        .tool(list.buy())
        .tool(list.list())
        .policy(Policy::read_within(folder).allow_tool("buy").allow_tool("list"))
        .create()
        .await?;

    let answer = session.send_and_wait(prompt).await?;
    for call in answer.tool_calls() {
        println!("{} {}", call.tool_name, serde_json::to_string(&call.arguments)?);
    }
    println!("{}", answer.text());
    client.stop().await;

    println!("On the list: {:?}", list.0.lock().unwrap());
    Ok(())
}
