//! Passes everything on to a person at the terminal: what the agent may do, and the model's own questions:
//! `cargo run --example ask_user -- "Ask me which file to delete, and delete it."`

mod common;

use std::io::BufRead as _;

use copilot_session::types::UiExitPlanModeResponse;
use copilot_session::{Decision, PermissionRequest, printable_lines};

/// Prints a question and reads a line, on a thread that may block. Returns none at the end of the input.
async fn ask(question: String) -> Option<String> {
    let ask = move || {
        // One question at a time, so that no answer goes to another one.
        let mut lines = std::io::stdin().lock().lines();
        println!("{question}");
        lines.next()?.ok()
    };
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}

/// Asks for a permission. "Always" allows more than this request, so the question says how much.
async fn ask_user(request: &PermissionRequest) -> String {
    let always = request.summary_for_session().map(|more| format!(", always: {more}"));
    let question = format!("May the agent {}? (yes, no{})", request.summary(), always.unwrap_or_default());
    ask(question).await.unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prompt = common::argument("Ask me which file to delete, and delete it.");
    let client = common::client().start().await?;
    let session = common::session(&client)
        // The summary is safe for a terminal. The agent waits, and goes on with other tools, until there is an answer.
        .on_permission(async |request, _| match ask_user(&request).await.as_str() {
            "always" => request.approve_for_session(),
            "yes" => Decision::approve(),
            _ => Decision::deny("the user said no"),
        })
        // A question of the model is not safe for a terminal until it is escaped.
        .on_user_input(async |question, _| {
            let choices = question.choices.unwrap_or_default().join(", ");
            ask(printable_lines(&format!("{} ({choices})", question.question)).into_owned()).await
        })
        // In plan mode the model shows its plan before it does anything.
        .on_exit_plan_mode(async |plan, _| {
            let question = format!("{}\nIs this the plan? (yes, or what to change)", plan.summary);
            match ask(printable_lines(&question).into_owned()).await.unwrap_or_default().as_str() {
                // Without another action, the agent goes on as before, and asks for permissions.
                "yes" => UiExitPlanModeResponse::new(true),
                change => UiExitPlanModeResponse::new(false).feedback(change),
            }
        })
        .create()
        .await?;

    let answer = session.send_and_wait(prompt).await?;
    println!("{}", printable_lines(answer.text()));
    client.stop().await;
    Ok(())
}
