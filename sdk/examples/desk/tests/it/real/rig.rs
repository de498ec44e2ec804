//! A desk for one test, on the real CLI behind a real port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, WireLog};
use copilot_session_model::{MODEL_NAME, ModelServer, Script};
use copilot_session_tests::cli::cli_path;
use desk::auth::Token;
use desk::server::Limits;
use desk::sessions::{Desk, Settings};
use desk::wire_log::LogFile;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::rig::{serve_desk, soon};

/// A desk on the real CLI with the scripted model, behind a real port.
pub struct Real {
    pub model: ModelServer,
    pub desk: Arc<Desk>,
    pub address: SocketAddr,
    pub token: Token,
    pub folder: TempDir,
    serving: JoinHandle<()>,
}

impl Real {
    pub async fn start(script: Script) -> Self {
        let model = ModelServer::start(script).await.expect("the scripted model");
        let folder = tempfile::tempdir().expect("a folder");
        let (log, wire_log) = LogFile::new(16 << 20).expect("a log");
        let client = soon("the CLI", builder(&folder, wire_log).start()).await.expect("the CLI");
        Self::on(client, model, folder, log).await
    }

    /// A desk on this client.
    pub async fn on(client: Client, model: ModelServer, folder: TempDir, log: LogFile) -> Self {
        let work = folder.path().join("work");
        std::fs::create_dir_all(&work).expect("a folder to work in");
        let provider = ProviderConfig::new(model.base_url()).api_key("scripted");
        let settings = Settings {
            provider: Some(provider),
            model: Some(MODEL_NAME.to_owned()),
            folder: work,
            script_safety: false,
        };
        let desk = Desk::new(client, settings);
        let (address, token, serving) = serve_desk(&desk, log, Limits::default()).await;
        Self { model, desk, address, token, folder, serving }
    }

    /// The address for a browser.
    pub fn url(&self) -> String {
        format!("http://{}/#token={}", self.address, self.token.reveal())
    }

    /// The folder in which the agents work.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Stops it as a signal does.
    pub async fn stop(self) {
        soon("the desk to close", self.desk.close()).await;
        soon("the server to stop", self.serving).await.expect("no panic");
    }
}

/// A client with its home in this folder, independent of the test's environment.
pub fn builder(folder: &TempDir, wire_log: WireLog) -> copilot_session::ClientBuilder {
    let home = folder.path().join("home");
    Client::builder().program(cli_path()).home_dir(home).no_login().wire_log(wire_log)
}
