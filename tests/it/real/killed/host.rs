//! The program that uses the CLI is killed: it can call the CLI no more, but the CLI's input ends.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use copilot_session_model::{ModelServer, Reply, Script};
use serde_json::json;
use tempfile::TempDir;

use crate::real::lifeline::{self, Lifeline};

/// A running program, and the processes that depend on it, by name.
struct Host {
    host: Child,
    lifelines: Vec<(&'static str, Lifeline)>,
    _model: ModelServer,
    _folder: TempDir,
}

/// Starts a program with a session in which the agent and the user each run a command, and the CLI an MCP
/// server. None of them ends by itself.
async fn host(transport: &str) -> Host {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::create_dir(path("work")).expect("a folder to work in");
    let endless = |name: &str| {
        let (take, loose) = lifeline::lifeline(folder.path(), name);
        (format!("{take}; exec sleep 100000"), loose)
    };
    let (agents, agent) = endless("agent.lifeline");
    let (users, user) = endless("user.lifeline");
    let (take, server) = lifeline::lifeline(folder.path(), "server.lifeline");
    let serve = format!("{take}; exec '{}'", env!("CARGO_BIN_EXE_mcp_server"));
    lifeline::script(Path::new(&path("server")), &serve);
    let (program, cli) = lifeline::program(folder.path());

    let call = Reply::tool_call("bash", json!({ "command": agents, "description": "A step" }));
    let model = ModelServer::start(Script::replies([call])).await.expect("the scripted model");
    let mut host = Command::new(env!("CARGO_BIN_EXE_host"));
    host.arg(transport).arg(program).arg(folder.path()).arg(model.base_url()).args([path("server"), users]);
    for token in ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"] {
        host.env_remove(token);
    }
    let host = host.stdin(Stdio::null()).spawn().expect("the host");
    let mut lifelines = Vec::new();
    for (name, loose) in
        [("CLI", cli), ("server", server), ("agent's command", agent), ("user's command", user)]
    {
        lifelines.push((name, loose.taken().await));
    }
    Host { host, lifelines, _model: model, _folder: folder }
}

impl Host {
    /// Kills the program.
    fn kill(&mut self) {
        self.host.kill().expect("a kill");
        self.host.wait().expect("the end");
    }
}

/// The CLI ends, and ends its processes: on stdio when its input ends, on TCP when the program is gone.
#[tokio::test]
async fn no_process_remains() {
    for transport in ["stdio", "tcp"] {
        let mut host = host(transport).await;
        host.kill();
        let killed = Instant::now();
        for (name, lifeline) in host.lifelines {
            let after = lifeline.cut(name).await.saturating_duration_since(killed);
            println!("host on {transport}: {name} ended {after:?} after the death");
        }
    }
}
