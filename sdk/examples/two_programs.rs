//! Two programs on one CLI: the first starts it on TCP and watches its session, the second joins and asks:
//! `cargo run --example two_programs`
//!
//! The first starts the second as a child, for this example. Any program of the same user can join that knows the
//! address and the token; the token goes through the environment, since other users can read command lines.

mod common;

use copilot_session::{Events, SessionEventData, printable_lines};
use tokio::process::Child;

const TOKEN: &str = "TWO_PROGRAMS_TOKEN";

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [address, session] => second(address, session).await,
        _ => first().await,
    }
}

async fn first() -> Result {
    // Port 0 is a free one, on the loopback address.
    let client = common::client().start_tcp(0).await?;
    let session = common::session(&client).deny_all().create().await?;
    let events = session.events();

    let address = client.address().ok_or("the CLI listens nowhere")?;
    let mut second = tokio::process::Command::new(std::env::current_exe()?)
        .args([address.to_string(), session.id().to_owned()])
        .env(TOKEN, client.connection_token().unwrap_or_default())
        .spawn()?;

    tokio::select! {
        () = watch(events) => {}
        () = failure(&mut second) => {}
    }
    let status = second.wait().await?;
    client.stop().await;
    if status.success() { Ok(()) } else { Err("the second program failed".into()) }
}

/// Prints what happens until the agent rests. Every client of a session gets all of its events, also those of the
/// others' prompts.
async fn watch(mut events: Events) {
    while let Some(event) = events.next().await {
        match event.data() {
            SessionEventData::UserMessage(message) => println!("first: somebody asks {:?}", message.content),
            SessionEventData::AssistantMessage(message) => {
                println!("first: the model says {:?}", message.content)
            }
            SessionEventData::SessionIdle(_) => break,
            _ => {}
        }
    }
}

/// Waits until a program has failed, maybe before it asked anything. Events of one that succeeded may still come.
async fn failure(program: &mut Child) {
    if program.wait().await.is_ok_and(|status| status.success()) {
        std::future::pending().await
    }
}

async fn second(address: &str, session: &str) -> Result {
    let client = common::client().connection_token(std::env::var(TOKEN)?).connect_tcp(address).await?;
    // This client has handlers of its own. The CLI asks those of both clients, and the first answer counts.
    let session = common::session(&client).deny_all().resume(session).await?;
    let answer = session.send_and_wait("Who is there?").await?;
    println!("second: {}", printable_lines(answer.text()));
    // Leaves the session and the CLI to the first program.
    client.stop().await;
    Ok(())
}
