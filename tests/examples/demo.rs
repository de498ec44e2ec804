//! A turn of the agent on the real CLI, shown live; run by `cargo xtask demo`.
//!
//! Without a login or a provider of your own, the model is a scripted one on the loopback address; everything else is
//! real.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anstream::{print, println};
use clap::Parser;
use copilot_session::types::{ProviderConfig, ShellExecuteUserRequestedRequest};
use copilot_session::{
    Client, Decision, Error, Session, SessionEvent, SessionEventData, Tool, WireLog, printable,
    printable_lines,
};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script};
use copilot_session_tests::cli::cli_path;
use copilot_session_view::Log;

/// The arguments of the demo.
#[derive(Parser)]
#[command(about = "Runs an agent turn on the Copilot CLI and shows what happens.")]
struct Options {
    /// An OpenAI-compatible model server to use instead of the scripted model.
    #[arg(long, env = "COPILOT_DEMO_PROVIDER_URL")]
    provider_url: Option<String>,
    /// The model to use.
    #[arg(long, env = "COPILOT_DEMO_MODEL")]
    model: Option<String>,
    /// The key of the model server.
    #[arg(long, env = "COPILOT_DEMO_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Uses your own Copilot login.
    #[arg(long, conflicts_with = "provider_url")]
    login: bool,
}

impl Options {
    /// Returns true if the model is the scripted one.
    fn is_scripted(&self) -> bool {
        self.provider_url.is_none() && !self.login
    }
}

/// The width of a terminal that does not report one.
const WIDTH: usize = 100;

const NOTE: anstyle::Style = anstyle::Style::new().dimmed();
const OURS: anstyle::Style = anstyle::AnsiColor::Cyan.on_default();
const GOOD: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default();
const HEAD: anstyle::Style = anstyle::Style::new().bold();

/// Prints a line in a style.
macro_rules! line {
    ($style:expr, $($text:tt)*) => { println!("{}{}{}", $style, format_args!($($text)*), $style.render_reset()) };
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    /// Name of the city.
    name: String,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let options = Options::parse();
    match demo(options).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn demo(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let script = ModelServer::start(script()).await?;
    let folder = tempfile::tempdir()?;
    let log = SharedLog::default();
    let client = start(&options, cli_path(), folder.path(), log.clone()).await?;
    line!(HEAD, "Copilot CLI {} is up", client.version());
    if options.is_scripted() {
        line!(NOTE, "the model is a scripted one on this machine; everything else is real");
    }

    let session = open(&client, &options, &script, folder.path()).await?;
    line!(NOTE, "session {}", session.id());

    line!(HEAD, "\n> Do I need an umbrella in Oslo? Then clean up.");
    let asked = Instant::now();
    let mut turn = session.prompt("Do I need an umbrella in Oslo? Ask the weather tool. Then delete the file notes.txt with the shell.").await?;
    let mut streamed = false;
    while let Some(event) = turn.next().await {
        streamed |= matches!(event.data(), SessionEventData::AssistantMessageDelta(_));
        show(&event)?;
    }
    let answer = turn.await?;
    if !streamed {
        print!("{}", printable_lines(answer.text()));
    }
    line!(NOTE, "\n\nthe turn took {:.1?}", asked.elapsed());
    let kept = folder.path().join("notes.txt").exists();
    line!(GOOD, "notes.txt is {}", if kept { "still there: the command did not run" } else { "gone" });

    line!(HEAD, "\n! echo hello from the CLI's shell");
    let command = ShellExecuteUserRequestedRequest::new("demo-1", "echo hello from the CLI\\'s shell");
    let shell = session.rpc().shell().execute_user_requested(&command).await?;
    println!("{}", printable_lines(shell.output.trim_end()));
    line!(NOTE, "exit code {}", shell.exit_code.unwrap_or_default());

    session.disconnect().await?;
    client.stop().await;
    line!(HEAD, "\nstopped; that is what took time, as `cargo copilot view --terminal` shows it:\n");
    let bytes = std::mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
    print!("{}", Log::read(&*bytes)?.timeline(width, true));
    line!(NOTE, "\nMore to see: `cargo xtask demo chat`, `desk`, or a program to copy, such as `stream`.");
    Ok(())
}

/// A wire log in memory.
#[derive(Clone, Default)]
struct SharedLog(Arc<Mutex<Vec<u8>>>);

impl Write for SharedLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn start(
    options: &Options,
    cli: PathBuf,
    folder: &std::path::Path,
    log: SharedLog,
) -> Result<Client, Error> {
    let builder = Client::builder().program(cli).current_dir(folder).wire_log(WireLog::new(log));
    let builder = builder.handshake_timeout(Duration::from_secs(120));
    match options.login {
        true => builder.start().await,
        false => builder.home_dir(folder.join("home")).no_login().start().await,
    }
}

async fn open(
    client: &Client,
    options: &Options,
    script: &ModelServer,
    folder: &std::path::Path,
) -> Result<Session, Box<dyn std::error::Error>> {
    std::fs::write(folder.join("notes.txt"), "not to be lost\n")?;
    let mut builder = client
        .session()
        .tool(weather())
        .on_permission(async |request, _| {
            let decision = if request.is_read_only() {
                Decision::approve()
            } else {
                Decision::deny("this demo only reads")
            };
            let (style, word) = if request.is_read_only() { (GOOD, "allowed") } else { (BAD, "refused") };
            line!(style, "\n  permission to {}: {word}", request.summary());
            decision
        })
        .current_dir(folder);
    builder = match (&options.provider_url, options.login) {
        (_, true) => builder,
        (Some(url), _) => {
            let mut provider = ProviderConfig::new(url);
            provider.api_key = options.api_key.clone();
            builder.provider(provider)
        }
        (None, _) => builder.provider(ProviderConfig::new(script.base_url()).api_key("needs-no-key")),
    };
    match (&options.model, &options.provider_url, options.login) {
        (Some(model), ..) => builder = builder.model(model),
        (None, None, false) => builder = builder.model(MODEL_NAME),
        _ => {}
    }
    Ok(builder.create().await?)
}

fn weather() -> Tool {
    let tool = Tool::new("weather", "Current weather of a city", async |city: City, _| {
        line!(OURS, "\n  our tool runs: weather of {}", printable(&city.name));
        format!("Rain, 7 °C in {}", city.name)
    });
    tool.declare(|tool| tool.skip_permission(true))
}

/// The replies of the scripted model, in the order of the requests.
fn script() -> Script {
    let delete = serde_json::json!({ "command": "rm notes.txt", "description": "Delete the notes" });
    Script::replies([
        Reply::text("Let me look at the weather first. ")
            .then_tool_call("weather", serde_json::json!({ "name": "Oslo" })),
        Reply::text("It rains. Now I clean up. ").then_tool_call("bash", delete),
        Reply::text(
            "Yes, take an umbrella: it rains in Oslo at 7 °C. I was not allowed to delete notes.txt, so it stays.",
        ),
    ])
}

/// Shows an event that is of interest to a user.
fn show(event: &SessionEvent) -> std::io::Result<()> {
    match event.data() {
        SessionEventData::AssistantMessageDelta(delta) => {
            // Text of others is escaped before it goes to a terminal.
            print!("{}", printable_lines(&delta.delta_content));
            anstream::stdout().flush()?;
        }
        SessionEventData::AssistantReasoningDelta(delta) => {
            print!("{NOTE}{}{NOTE:#}", printable_lines(&delta.delta_content));
            anstream::stdout().flush()?;
        }
        SessionEventData::ToolExecutionStart(start) => {
            line!(OURS, "\n  the agent calls {}", printable(&start.tool_name));
        }
        SessionEventData::ToolExecutionComplete(complete) => {
            let (style, word) = if complete.success { (GOOD, "done") } else { (BAD, "failed") };
            line!(style, "  {word}");
        }
        SessionEventData::SessionError(error) => line!(BAD, "\n  error: {}", printable_lines(&error.message)),
        _ => {}
    }
    Ok(())
}
