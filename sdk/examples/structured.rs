//! Gets an answer as a type of this program, within a time limit, and prints what it took:
//! `cargo run --example structured -- "Which city has the most bridges?"`
//!
//! The model's provider must support a response format.

mod common;

use std::time::Duration;

use copilot_session::types::SendRequest;
use copilot_session::{Error, printable_lines};

/// The answer that the model is to give. It reads the comments.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct City {
    name: String,
    /// The number of inhabitants.
    people: u64,
    /// One sentence on why it is this city.
    reason: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("Which city has the most bridges?");
    // This is the timeout of each call. It is shorter than that of the turn, so that one limits the whole job.
    let client = common::client().call_timeout(Duration::from_secs(10)).start().await?;
    let session = common::session(&client).deny_all().create().await?;

    let request = SendRequest::new(prompt).answer_as::<City>();
    let job = async { session.prompt(request).await?.timeout(Duration::from_secs(60)).await };
    let answer = match job.await {
        Ok(answer) => answer,
        Err(error) => {
            // The agent goes on after its time, unless it is stopped.
            if let Error::TurnTimeout(_) = error {
                session.abort().await?;
            }
            return Err(error.into());
        }
    };
    let text = match answer.json::<City>() {
        Ok(city) => format!("{} has {} inhabitants. {}", city.name, city.people, city.reason),
        Err(Error::Answer { reason, .. }) => format!("not a city: {reason}\n{}", answer.text()),
        Err(error) => return Err(error.into()),
    };
    println!("{}", printable_lines(&text));

    // The sum over all calls of the model in this turn. `cost` is zero with a provider of your own.
    let usage = answer.usage();
    println!(
        "{:.1?}, {} call(s) of the model, {} tokens in, {} out, {} premium request(s)",
        answer.duration(),
        usage.calls,
        usage.input_tokens,
        usage.output_tokens,
        usage.cost,
    );
    client.stop().await;
    Ok(())
}
