//! A chat with the agent in the terminal.
//!
//! ```sh
//! cargo xtask demo chat            # with a scripted model, in a clone of the repository
//! cargo run -p chat                # with your login; a new session in this folder
//! cargo run -p chat -- --resume    # the last session, or a stored one by its id
//! ```
//!
//! The left side has the conversation; at 80 columns or more the right side has the calls of tools, and what waits for
//! the user: y, n, a (always) and w (why, with the whole request). A request is allowed, and a plan accepted, only
//! after all of it was on the screen. Ctrl-c stops the agent, and twice ends the program when the agent rests. The
//! empty chat lists the other keys. Text of the model, of tools and of files is escaped before it gets to the terminal.
//!
//! `app.rs` is the state, with no input and no output; `view.rs` draws it; `run.rs` is the loop around both, and
//! `agent.rs` the part that uses the SDK. The colours follow `NO_COLOR`, `COLORTERM` and `TERM`.

mod agent;
mod app;
mod calls;
mod conversation;
mod dialog;
mod form;
mod history;
mod input;
mod markdown;
mod panel;
mod run;
mod screen;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod view;
mod wrap;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use copilot_session::printable_lines;
use tokio::sync::mpsc;

use agent::Agent;
use run::Chat;
use theme::{Colors, Theme};

/// The arguments of the program.
#[derive(Clone, Parser)]
#[command(about = "Chats with the Copilot agent in the terminal.")]
#[command(after_help = "COPILOT_DEMO_API_KEY is the key of the model server.")]
struct Options {
    /// Opens a stored session: the one with this id, or else the last one.
    #[arg(long, value_name = "ID")]
    resume: Option<Option<String>>,
    /// The CLI's home, for its login and its sessions.
    #[arg(long)]
    home: Option<PathBuf>,
    /// An OpenAI-compatible model server to use instead of the Copilot login.
    #[arg(long, env = "COPILOT_DEMO_PROVIDER_URL")]
    provider_url: Option<String>,
    /// The model to use.
    #[arg(long, env = "COPILOT_DEMO_MODEL")]
    model: Option<String>,
    /// Lets the CLI inspect shell commands. It then runs those that only read, by its judgement, without asking, and
    /// offers to allow others for the rest of a session.
    #[arg(long)]
    script_safety: bool,
}

/// The variable with the key of the model server. Other users can read the arguments of a program.
const KEY_VARIABLE: &str = "COPILOT_DEMO_API_KEY";

fn main() -> ExitCode {
    let options = Options::parse();
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        eprintln!("error: the chat needs a terminal");
        return ExitCode::from(2);
    }
    let result = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        let result = runtime.block_on(chat(options));
        // Does not wait for a thread that reads the terminal.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", printable_lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

async fn chat(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    // More questions at once wait in the SDK.
    let (sender, asks) = mpsc::channel(16);
    let resume = options.resume.clone();
    let agent = Agent::start(options, sender).await?;
    let client = agent.client.clone();
    let result = async {
        let opened = match resume {
            Some(id) => agent.resume(id).await?,
            None => agent.create().await?,
        };
        let theme = Theme(Colors::detect(|name| std::env::var(name).ok()));
        let mut screen = terminal::Screen::open()?;
        Chat::new(agent, opened, asks, theme).run(&mut screen.0).await
    };
    let result = result.await;
    // A CLI that hangs takes a while to end. A signal ends the wait.
    let mut signals = run::Signals::new()?;
    tokio::select! {
        () = client.stop() => {}
        () = signals.next() => {}
    }
    result
}
