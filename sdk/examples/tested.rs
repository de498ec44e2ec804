//! A program with its tests, which need no CLI: `cargo test --example tested`, and
//! `cargo run --example tested -- "Oslo"` for the program itself.
//!
//! A function that talks to the agent takes a `Client`, so that a test can pass the client of a fake CLI.

mod common;

use copilot_session::{Client, Error, Policy, Tool, printable_lines};

/// The arguments of the tool.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    name: String,
}

/// Asks the model whether to take an umbrella in a city.
async fn advise(client: &Client, city: &str) -> Result<String, Error> {
    let weather = Tool::new("weather", "Current weather of a city", async |city: City, _| {
        format!("It rains in {}.", city.name)
    });
    let folder = ".";
    let session = common::session(client)
        .tool(weather)
        .policy(Policy::read_within(folder).allow_tool("weather"))
        .create()
        .await?;
    let answer = session.send_and_wait(format!("Do I need an umbrella in {city}?")).await?;
    Ok(answer.text().to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = common::client().start().await?;
    println!("{}", printable_lines(&advise(&client, &common::argument("Oslo")).await?));
    client.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use copilot_session::methods::server::SessionCreate;
    use copilot_session::methods::session::SessionSend;
    use copilot_session::testing::FakeCli;
    use serde_json::json;

    use super::*;

    /// With `start_paused` a test does not wait for time to pass.
    #[tokio::test(start_paused = true)]
    async fn the_model_gets_the_weather() {
        let fake = FakeCli::start();
        let client = fake.client().await;
        let advice = tokio::spawn(async move { advise(&client, "Oslo").await });

        let session = fake.received::<SessionCreate>().await.session_id.expect("an id");
        fake.begin_turn(&session).await;
        let result = fake.expect_tool_result(&session, "weather", json!({"name": "Oslo"})).await;
        assert!(format!("{result:?}").contains("It rains in Oslo."));
        fake.end_turn(&session, "Yes, take one.");

        assert_eq!(advice.await.unwrap().unwrap(), "Yes, take one.");
        assert!(fake.received::<SessionSend>().await.prompt.contains("in Oslo"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cli_that_dies_is_an_error() {
        let fake = FakeCli::start();
        let client = fake.client().await;
        let advice = tokio::spawn(async move { advise(&client, "Oslo").await });

        let session = fake.received::<SessionCreate>().await.session_id.expect("an id");
        fake.begin_turn(&session).await;
        fake.die(1);
        assert!(advice.await.unwrap().unwrap_err().is_closed());
    }
}
