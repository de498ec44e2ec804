//! The side of a program that uses the client.

use std::time::Duration;

use copilot_session::methods::client::SessionFsReadFile;
use copilot_session::types::{PreToolUseHookInput, PreToolUseHookOutput, SessionFsReadFileResult};
use copilot_session::{Client, Decision, Overflow, Error, Events, RpcError, Session, Tool, Turn};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Steps;
use crate::peer::Streams;

/// The time limit of handlers.
const LIMIT: Duration = Duration::from_secs(1);

pub struct Program {
    client: Client,
    sessions: Vec<Session>,
    events: Vec<Events>,
    turns: Vec<Turn>,
    /// The calls in flight; each of them ends.
    tasks: JoinSet<()>,
    is_stopped: bool,
}

impl Program {
    pub async fn start(streams: Streams) -> Self {
        let client = Client::builder().handler_timeout(LIMIT).connect(streams.read, streams.write).await;
        let client = client.expect("a client");
        let mut sessions = Vec::new();
        for _ in 0..2 {
            sessions.push(create(&client).await.expect("a session"));
        }
        let (events, turns) = (Vec::new(), Vec::new());
        Self { client, sessions, events, turns, tasks: JoinSet::new(), is_stopped: false }
    }

    /// The ids of the sessions that are open.
    pub fn sessions(&self) -> Vec<String> {
        self.sessions.iter().map(|session| session.id().to_owned()).collect()
    }

    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Makes one step.
    pub fn step(&mut self, steps: &mut Steps<'_>) {
        let (what, which) = (steps.next() % 12, usize::from(steps.next()));
        let Some(session) = self.sessions.get(which % self.sessions.len().max(1)).cloned() else { return };
        match what {
            0 | 1 => self.spawn(async move { session.send_and_wait("go").await.map(drop) }),
            2 => self.spawn(async move { session.abort().await }),
            3 => self.spawn(async move { session.set_tools([tool()]).await }),
            4 => self.spawn(async move { session.log("line").await.map(drop) }),
            5 => {
                let policies =
                    [Overflow::Unbounded, Overflow::Merge(2), Overflow::DropOldest(2), Overflow::Close(2)];
                self.events.push(session.events().overflow(policies[which % policies.len()]));
            }
            6 if !self.events.is_empty() => drop(self.events.swap_remove(which % self.events.len())),
            7 => {
                let client = self.client.clone();
                self.spawn(async move { client.ping("there?").await.map(drop) });
            }
            8 => drop(self.sessions.swap_remove(which % self.sessions.len())),
            9 => {
                self.sessions.swap_remove(which % self.sessions.len());
                self.spawn(async move { session.disconnect().await });
            }
            10 if which == 255 => {
                self.is_stopped = true;
                let client = self.client.clone();
                self.spawn(async move { client.stop().await });
            }
            _ => {
                if let Some(Ok(turn)) = futures_util::FutureExt::now_or_never(session.prompt("go")) {
                    self.turns.push(turn);
                }
            }
        }
    }

    fn spawn(&mut self, work: impl Future + Send + 'static) {
        self.tasks.spawn(async move { drop(work.await) });
    }

    /// Waits until all calls, turns and streams have ended.
    pub async fn end(mut self) {
        let end = async {
            self.client.closed().await;
            while let Some(task) = self.tasks.join_next().await {
                task.expect("no panic");
            }
            for turn in self.turns {
                drop(turn.await);
            }
            for mut events in self.events {
                while let Some(event) = events.next().await {
                    event.data();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(3600), end).await.expect("everything ends");
    }
}

async fn create(client: &Client) -> Result<Session, Error> {
    let session = client.session().handler_timeout(LIMIT).tool(tool());
    let session = session.on_permission(async |request, _| {
        let word = request.command().unwrap_or_default().to_owned();
        behave(&word).await.map(|yes| if yes { Decision::approve() } else { Decision::deny("no") })
    });
    let session = session.on_user_input(async |question, _| behave(&question.question).await.map(|_| "answer"));
    let session = session.hook(async |call: PreToolUseHookInput, _| {
        let output = |yes| if yes { PreToolUseHookOutput::allow() } else { PreToolUseHookOutput::deny("no") };
        behave(&call.tool_name).await.map(output)
    });
    let session = session.handle::<SessionFsReadFile>(async |request, _| {
        let text = behave(&request.path).await.map_err(|error| RpcError::new(1, error))?;
        Ok(SessionFsReadFileResult::new(text.to_string()))
    });
    session.create().await
}

fn tool() -> Tool {
    Tool::with_schema("tool", "A tool", json!({"type": "object"}), async |arguments: Value, _| {
        behave(arguments["does"].as_str().unwrap_or_default()).await.map(|yes| yes.to_string())
    })
}

/// Behaves as the word says.
async fn behave(word: &str) -> Result<bool, &'static str> {
    tokio::task::yield_now().await;
    match word {
        "approve" => Ok(true),
        "deny" => Ok(false),
        // `resume_unwind` skips the panic hook, at which the fuzzer would stop.
        "panic" => std::panic::resume_unwind(Box::new("a handler panics on purpose")),
        "hang" => std::future::pending().await,
        _ => Err("no luck"),
    }
}
