//! The environment of a test: a scripted model, a real CLI that uses it, and a check of all events.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::Duration;

use copilot_session::types::ProviderConfig;
use copilot_session::{
    Answer, Client, ClientBuilder, Error, Session, SessionBuilder, SessionEvent, SessionEventData, Turn,
};
use copilot_session_model::{MODEL_NAME, ModelServer, Script};
use copilot_session_tests::cli::cli_path;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// The time limit of every wait. It is generous, since it passes only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The tool with which the agent runs a command.
pub const SHELL: &str = if cfg!(windows) { "powershell" } else { "bash" };

/// A start takes a second of processor time, so more CLIs at once only slow each other down.
static CLIS: Semaphore = Semaphore::const_new(4);

/// Waits until another CLI may start.
pub async fn place() -> SemaphorePermit<'static> {
    CLIS.acquire().await.expect("an open semaphore")
}

/// A CLI for one test, with a home of its own.
pub struct Rig {
    pub model: ModelServer,
    pub client: Client,
    folder: TempDir,
    watch: Watch,
    _place: SemaphorePermit<'static>,
}

/// Sees every event of every session of the rig.
struct Watch {
    sender: mpsc::UnboundedSender<SessionEvent>,
    events: mpsc::UnboundedReceiver<SessionEvent>,
}

impl Rig {
    /// Starts a model with this script, and a CLI.
    pub async fn start(script: Script) -> Self {
        Self::start_program(script, |_| cli_path()).await
    }

    /// The same as [`Rig::start`], with the CLI on TCP.
    pub async fn start_tcp(script: Script) -> Self {
        Self::start_by(script, |_| cli_path(), async |new| new.start_tcp(0).await).await
    }

    /// The same as [`Rig::start`], with another program as the CLI, which may be created in the rig's folder.
    pub async fn start_program(script: Script, program: impl FnOnce(&Path) -> PathBuf) -> Self {
        Self::start_by(script, program, ClientBuilder::start).await
    }

    /// The same as [`Rig::start_program`], with a client that the test starts itself.
    pub async fn start_by(
        script: Script,
        program: impl FnOnce(&Path) -> PathBuf,
        start: impl AsyncFnOnce(ClientBuilder) -> Result<Client, Error>,
    ) -> Self {
        Self::start_beside(script, program, async |new, _| start(new).await).await
    }

    /// The same as [`Rig::start`], with the model's server in the place of GitHub, and a client with these
    /// options.
    pub async fn start_on_github(
        script: Script,
        options: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let start = async |new, model: &ModelServer| options(on_github(new, model)).start().await;
        Self::start_beside(script, |_| cli_path(), start).await
    }

    /// The same as [`Rig::start_by`], for a client that depends on the model.
    async fn start_beside(
        script: Script,
        program: impl FnOnce(&Path) -> PathBuf,
        start: impl AsyncFnOnce(ClientBuilder, &ModelServer) -> Result<Client, Error>,
    ) -> Self {
        let place = place().await;
        let folder = tempfile::tempdir().expect("a folder for the test");
        std::fs::create_dir(folder.path().join("work")).expect("a folder to work in");
        let model = ModelServer::start(script).await.expect("the scripted model");
        let builder = builder(folder.path()).program(program(folder.path()));
        let client = start(builder, &model).await.expect("the CLI");
        let (sender, events) = mpsc::unbounded_channel();
        Self { model, client, folder, watch: Watch { sender, events }, _place: place }
    }

    /// A session with the scripted model.
    pub async fn session(&self, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Session {
        let builder = configure(self.builder());
        soon("the session", builder.create()).await.expect("a session")
    }

    /// Resumes a session.
    pub async fn resume(
        &self,
        id: &str,
        configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
    ) -> Result<Session, Error> {
        let builder = configure(self.builder());
        soon("the session to be taken up", builder.resume(id)).await
    }

    fn builder(&self) -> SessionBuilder {
        self.builder_on(&self.client)
    }

    /// A session with the scripted model, on another client.
    pub fn builder_on(&self, client: &Client) -> SessionBuilder {
        let provider = ProviderConfig::new(self.model.base_url()).api_key("scripted");
        self.watched(client.session().provider(provider).model(MODEL_NAME))
    }

    /// Adds the check of events to a session that the test creates itself.
    pub fn watched(&self, builder: SessionBuilder) -> SessionBuilder {
        let sender = self.watch.sender.clone();
        // The receiver is gone only when the test has failed.
        builder.on_event(move |event| drop(sender.send(event.clone())))
    }

    /// The folder in which the CLI works.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The folder of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the CLI and starts another with the same home.
    pub async fn restart(&mut self) {
        self.client.stop().await;
        self.client = self.another_client().await;
    }

    /// Starts another CLI with the same home.
    pub async fn another_client(&self) -> Client {
        builder(self.folder()).program(cli_path()).start().await.expect("another CLI")
    }

    /// The rig without its client.
    pub fn without_client(self) -> Remains {
        let Self { model, folder, watch, _place, .. } = self;
        Remains { model, folder, watch, _place }
    }

    /// Stops the CLI. Panics if any event of any session did not fit its schema, or had an unknown type.
    pub async fn finish(self) {
        soon("the CLI to stop", self.client.stop()).await;
        self.without_client().finish().await;
    }
}

/// The rest of a rig whose client was dropped.
pub struct Remains {
    model: ModelServer,
    folder: TempDir,
    watch: Watch,
    _place: SemaphorePermit<'static>,
}

impl Remains {
    /// The same as [`Rig::finish`], after all sessions have ended by themselves.
    pub async fn finish(self) {
        let Watch { sender, mut events } = self.watch;
        // The observers end with their sessions, and the channel with the observers.
        drop(sender);
        let mut wrong = Vec::new();
        while let Some(event) = soon("the observers to end", events.recv()).await {
            wrong.extend(unreadable(&event));
        }
        assert!(wrong.is_empty(), "events that the SDK cannot read:\n{}", wrong.join("\n"));
        drop((self.model, self.folder));
    }
}

/// The reason why the SDK cannot decode an event: its data or its type.
pub fn unreadable(event: &SessionEvent) -> Option<String> {
    match event.data() {
        SessionEventData::Malformed(event) => Some(format!("{} is malformed {}", event.kind, event.error)),
        // The CLI sends these events, which its schema does not have.
        SessionEventData::Unrecognized(event) if event.kind.starts_with("model.") => None,
        SessionEventData::Unrecognized(event) => Some(format!("{} is unknown", event.kind)),
        _ => None,
    }
}

/// Sets the model's server in the place of GitHub.
pub fn on_github(builder: ClientBuilder, model: &ModelServer) -> ClientBuilder {
    ["COPILOT_API_URL", "COPILOT_DEBUG_GITHUB_API_URL"]
        .into_iter()
        .fold(builder, |builder, name| builder.env(name, model.github_url()))
}

/// A client with its home in this folder, independent of the test's environment.
pub fn builder(folder: &Path) -> ClientBuilder {
    let builder = Client::builder().home_dir(folder.join("home")).current_dir(folder.join("work")).no_login();
    let tokens = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];
    tokens.into_iter().fold(builder, ClientBuilder::env_remove).handshake_timeout(2 * PATIENCE)
}

/// Waits for a future, and panics with its name after the time limit.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Sends a prompt.
pub async fn prompt(session: &Session, prompt: &str) -> Turn {
    soon("the response to the prompt", session.prompt(prompt)).await.expect("a turn")
}

/// Sends a prompt and waits for the answer.
pub async fn ask(session: &Session, text: &str) -> Result<Answer, Error> {
    soon("the turn to end", prompt(session, text).await.into_future()).await
}
