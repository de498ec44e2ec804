//! Starts the Copilot CLI and the web server of the desk; `lib.rs` says how to run it.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use copilot_session::types::ProviderConfig;
use copilot_session::{Client, ClientBuilder, WireLog};
use desk::auth::{Guard, Token};
use desk::routes::{Shared, routes};
use desk::server::{Limits, serve};
use desk::sessions::{Desk, Settings};
use desk::wire_log::LogFile;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The largest wire log, in bytes: its beginning and its end.
const MAX_LOG: u64 = 64 << 20;

/// The longest time that a browser gets to open the file of `--open`.
const MAX_OPENING: Duration = Duration::from_secs(60);

/// The variables with secrets of this program. The CLI, and the commands that it runs, do not get them.
const SECRETS: [&str; 2] = [KEY_VARIABLE, TOKEN_VARIABLE];
const KEY_VARIABLE: &str = "COPILOT_DEMO_API_KEY";
const TOKEN_VARIABLE: &str = "COPILOT_CONNECTION_TOKEN";

/// A mission control for the sessions of the Copilot CLI, in the browser.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// An OpenAI-compatible model server to use instead of your login to Copilot
    #[arg(long, value_name = "URL", env = "COPILOT_DEMO_PROVIDER_URL")]
    provider_url: Option<String>,
    /// The model to use [default: the CLI's choice]
    #[arg(long, env = "COPILOT_DEMO_MODEL")]
    model: Option<String>,
    /// The key of the model server. Prefer the variable, since other programs can see this option
    #[arg(long, value_name = "KEY", env = KEY_VARIABLE, hide_env_values = true)]
    api_key: Option<String>,
    /// The port on the loopback address [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// The folder in which new sessions work [default: the current one]
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// The folder with the CLI's stored sessions and settings [default: that of the CLI]
    #[arg(long, value_name = "PATH")]
    home: Option<PathBuf>,
    /// A CLI that runs already, such as 127.0.0.1:7777, instead of a new one
    #[arg(long, value_name = "ADDRESS")]
    connect: Option<std::net::SocketAddr>,
    /// The secret of that CLI. Prefer the variable, since other programs can see this option
    #[arg(long, value_name = "TOKEN", env = TOKEN_VARIABLE, hide_env_values = true)]
    connection_token: Option<String>,
    /// Lets the CLI inspect shell commands. It then runs those that only read, by its judgement, without asking, and
    /// offers to approve others for the rest of a session
    #[arg(long)]
    script_safety: bool,
    /// Opens the page in the browser
    #[arg(long)]
    open: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let mut stop = Stop::new()?;
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await;
    let listener = listener.with_context(|| format!("cannot listen on port {}", options.port))?;
    let address = listener.local_addr()?;
    let (log, wire_log) = LogFile::new(MAX_LOG).context("cannot create the wire log")?;
    let client = start(&options, wire_log).await?;
    let is_shown = options.open;
    let desk = Desk::new(client, settings(options)?);
    let token = Token::random()?;
    let url = format!("http://{address}/#token={}", token.reveal());
    println!("desk is at {url}");

    let shared = Shared { desk: Arc::clone(&desk), log: Arc::new(log) };
    let guard = Guard::new(token, address);
    let used = guard.used().clone();
    let routes = routes(shared, guard);
    let serving = tokio::spawn(serve(listener, routes, Limits::default(), desk.closing().clone()));
    match is_shown.then(|| open_page(&url)) {
        Some(Ok(file)) => {
            // Some browsers may not read the folder of the file.
            println!("if no page appears, open the address above");
            tokio::spawn(keep(file, used));
        }
        Some(Err(error)) => eprintln!("cannot start a browser: {error}; open the address by hand"),
        None => {}
    }
    let ended = tokio::select! {
        () = stop.next() => Ok(()),
        reason = desk.cli_closed() => Err(anyhow::anyhow!("the CLI has ended: {reason}")),
    };
    println!("desk stops");
    let closing = async {
        desk.close().await;
        serving.await
    };
    tokio::select! {
        closed = closing => closed?,
        // Dropping the client ends the CLI.
        () = stop.next() => bail!("stopped at once, before the CLI had ended its work"),
    }
    ended
}

async fn start(options: &Options, log: WireLog) -> Result<Client> {
    let mut builder: ClientBuilder = Client::builder().wire_log(log);
    for secret in SECRETS {
        builder = builder.env_remove(secret);
    }
    if let Some(home) = &options.home {
        builder = builder.home_dir(home);
    }
    if options.provider_url.is_some() {
        builder = builder.no_login();
    }
    if let Some(address) = options.connect {
        if let Some(token) = &options.connection_token {
            builder = builder.connection_token(token);
        }
        return builder.connect_tcp(address).await.context("cannot connect to the CLI");
    }
    builder.start().await.context("cannot start the CLI")
}

/// Opens the page in the browser by a file that leads there, which only this user can read: the address has the secret,
/// and other users can see the arguments of a program. It does not wait for the browser.
fn open_page(url: &str) -> std::io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("desk-").suffix(".html").tempfile()?;
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0; url={url}\">");
    write!(file, "<!doctype html><title>desk</title>{refresh}<a href=\"{url}\">desk</a>")?;
    open::that_detached(file.path())?;
    Ok(file)
}

/// Deletes the file as soon as a page has the token, or else after [`MAX_OPENING`]: the commands of an agent can read
/// it, and with the token they could approve themselves.
async fn keep(file: NamedTempFile, used: CancellationToken) {
    drop(tokio::time::timeout(MAX_OPENING, used.cancelled()).await);
    drop(file);
}

fn settings(options: Options) -> Result<Settings> {
    let provider = options.provider_url.map(|url| {
        let mut provider = ProviderConfig::new(url);
        provider.api_key = options.api_key;
        provider
    });
    let folder = match options.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => std::env::current_dir()?,
    };
    Ok(Settings { provider, model: options.model, folder, script_safety: options.script_safety })
}

/// The signals to stop, such as ctrl-c. One that comes before it is waited for counts.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(not(unix))]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next signal.
    async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(self.interrupt.recv().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also if no browser ever opens the page.
    #[tokio::test(start_paused = true)]
    async fn the_file_of_the_page_does_not_stay() -> Result<()> {
        let file = NamedTempFile::new()?;
        let path = file.path().to_owned();
        let keeping = tokio::spawn(keep(file, CancellationToken::new()));
        tokio::time::sleep(MAX_OPENING / 2).await;
        assert!(path.exists());
        keeping.await?;
        assert!(!path.exists());
        Ok(())
    }
}
