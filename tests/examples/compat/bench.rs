//! The CLI, the folder and the scripted model of a step.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use copilot_session::types::ProviderConfig;
use copilot_session::{
    Answer, Client, ClientBuilder, Error, Session, SessionBuilder, SessionEvent, SessionEventData, WireLog,
};
use copilot_session_model::{MODEL_NAME, ModelServer, Script};
use tempfile::TempDir;

use crate::report::{Fault, Outcome, check};

/// The time limit for a CLI to start. At its first start it unpacks itself.
const START: Duration = Duration::from_secs(120);

/// The settings of all steps.
pub struct Lab {
    program: PathBuf,
    /// The expected version of the CLI; empty for any.
    pub expected: String,
    wire_logs: Option<PathBuf>,
}

impl Lab {
    pub fn new(program: PathBuf, expected: String, wire_logs: Option<PathBuf>) -> Self {
        Self { program, expected, wire_logs }
    }
}

pub struct Bench {
    pub model: ModelServer,
    pub client: Client,
    lab: Arc<Lab>,
    step: &'static str,
    folder: TempDir,
    /// The errors of events that the SDK could not decode.
    unreadable: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    pub async fn start(lab: &Arc<Lab>, step: &'static str, script: Script) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("work"))?;
        let model = ModelServer::start(script).await?;
        let client = start(lab, step, &folder).await?;
        let (lab, unreadable) = (Arc::clone(lab), Arc::default());
        Ok(Self { model, client, lab, step, folder, unreadable })
    }

    /// Stops the CLI and starts another on the same home.
    pub async fn restart(&mut self) -> Outcome {
        self.client.stop().await;
        let log = format!("{}-again", self.step);
        self.client = start(&self.lab, &log, &self.folder).await?;
        Ok(())
    }

    /// The working directory of the CLI.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A builder of a session with the scripted model.
    pub fn session(&self) -> SessionBuilder {
        let provider = ProviderConfig::new(self.model.base_url()).api_key("scripted");
        let unreadable = Arc::clone(&self.unreadable);
        self.client.session().provider(provider).model(MODEL_NAME).on_event(move |event| {
            unreadable.lock().unwrap_or_else(PoisonError::into_inner).extend(malformed(event));
        })
    }

    /// Creates a configured session.
    pub async fn create(&self, configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Outcome<Session> {
        self.check(configure(self.session()).create().await)
    }

    /// Sends a prompt and waits for the answer, which must have this text.
    pub async fn ask(&self, session: &Session, prompt: &str, expected: &str) -> Outcome<Answer> {
        let answer = self.check(session.send_and_wait(prompt).await)?;
        check(answer.text() == expected, || format!("the answer is {:?}, not {expected:?}", answer.text()))?;
        Ok(answer)
    }

    /// The value, or the fault for the error.
    pub fn check<T>(&self, result: Result<T, Error>) -> Outcome<T> {
        result.map_err(|error| Fault::of(&error, Some(self.client.version())))
    }

    /// Stops the CLI. Fails if the SDK could not decode an event, or the model had an unexpected request.
    pub async fn finish(self) -> Outcome {
        self.client.stop().await;
        self.verdict()
    }

    /// Fails if the SDK could not decode an event, or the model had an unexpected request.
    pub fn verdict(&self) -> Outcome {
        let mut unreadable =
            std::mem::take(&mut *self.unreadable.lock().unwrap_or_else(PoisonError::into_inner));
        unreadable.sort();
        unreadable.dedup();
        check(unreadable.is_empty(), || unreadable.join("; "))?;
        let unexpected = self.model.take_unexpected();
        check(unexpected.is_empty(), || format!("the model server saw: {}", unexpected.join("; ")))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The model server panics on unexpected requests, which would hide the failure of the step.
        self.model.take_unexpected();
    }
}

async fn start(lab: &Lab, log: &str, folder: &TempDir) -> Outcome<Client> {
    let home = folder.path().join("home");
    let mut builder =
        Client::builder().program(&lab.program).home_dir(&home).no_login().handshake_timeout(START);
    // Early versions ignore COPILOT_HOME and use the user's home.
    for variable in ["HOME", "USERPROFILE", "LOCALAPPDATA"] {
        builder = builder.env(variable, &home);
    }
    let inherited = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
    let tokens = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];
    builder = inherited.into_iter().chain(tokens).fold(builder, ClientBuilder::env_remove);
    fs::create_dir_all(&home)?;
    if let Some(logs) = &lab.wire_logs {
        builder = builder.wire_log(WireLog::new(File::create(logs.join(format!("{log}.jsonl")))?));
    }
    let client = builder.current_dir(folder.path().join("work")).start().await;
    client.map_err(|error| Fault::of(&error, None))
}

fn malformed(event: &SessionEvent) -> Option<String> {
    match event.data() {
        SessionEventData::Malformed(event) => Some(format!("{} cannot be read {}", event.kind, event.error)),
        _ => None,
    }
}
