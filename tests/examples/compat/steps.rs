//! The steps, from the handshake to the stop of the CLI.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use copilot_session::types::{
    PreToolUseHookInput, PreToolUseHookOutput, SessionListRequest, UserPromptSubmittedHookInput,
    UserPromptSubmittedHookOutput,
};
use copilot_session::{Decision, Error, SessionBuilder, SessionEventData, Tool};
use copilot_session_model::{Reply, Script, Stall};
use serde_json::{Value, json};

use crate::bench::{Bench, Lab};
use crate::report::{Outcome, check};

/// The steps, in the order in which they are run and shown.
pub const NAMES: [&str; 13] = [
    "handshake",
    "create",
    "streamed turn",
    "tool",
    "approve",
    "deny",
    "hooks",
    "user input",
    "shell",
    "abort",
    "resume",
    "history",
    "stop",
];

/// The tool by which the agent runs commands.
const SHELL: &str = if cfg!(windows) { "powershell" } else { "bash" };

pub async fn run(step: &'static str, lab: Arc<Lab>) -> Outcome {
    let lab = &lab;
    let start = async |replies: Vec<Reply>| Bench::start(lab, step, Script::replies(replies)).await;
    match step {
        "handshake" => handshake(start(vec![]).await?, &lab.expected).await,
        "create" => create(start(vec![]).await?).await,
        "streamed turn" => {
            streamed_turn(start(vec![Reply::chunks(["One, ", "two, ", "three."])]).await?).await
        }
        "tool" => tool(start(vec![lookup(), Reply::text("It is heron.")]).await?).await,
        "approve" => approve(start(vec![make_file(), Reply::text("Made.")]).await?).await,
        "deny" => deny(start(vec![make_file(), Reply::text("Not made.")]).await?).await,
        "hooks" => hooks(start(vec![lookup(), Reply::text("It is egret.")]).await?).await,
        "user input" => user_input(start(vec![question(), Reply::text("Tea it is.")]).await?).await,
        "shell" => shell(start(vec![]).await?).await,
        "abort" => abort(lab, step).await,
        "resume" => resume(start(vec![Reply::text("Noted: stork."), Reply::text("Stork.")]).await?).await,
        "history" => history(start(vec![Reply::text("Noted: crane.")]).await?).await,
        "stop" => stop(start(vec![Reply::text("Yes.")]).await?).await,
        other => Err(format!("there is no step {other}").into()),
    }
}

/// The CLI reports its version and responds to calls that need no session and no login.
async fn handshake(bench: Bench, expected: &str) -> Outcome {
    let version = bench.client.version().as_str();
    check(expected.is_empty() || version == expected, || format!("it reports the version {version:?}"))?;
    let pong = bench.check(bench.client.ping("there?").await)?;
    check(pong.contains("there?"), || format!("the pong is {pong:?}"))?;
    bench.check(bench.client.rpc().status().get().await)?;
    let login = bench.check(bench.client.rpc().auth().get_status().await)?;
    check(!login.is_authenticated, || "a user is logged in".to_owned())?;
    bench.check(bench.client.rpc().session().list(&SessionListRequest::default()).await)?;
    bench.finish().await
}

/// A session has the given id, and can be disconnected.
async fn create(bench: Bench) -> Outcome {
    const ID: &str = "3a1f0d52-6c5e-4d35-9e0c-1f8f6f0f9a01";
    let named = |new: SessionBuilder| new.deny_all().configure(|config| config.session_id(ID));
    let session = bench.create(named).await?;
    check(session.id() == ID, || format!("the session's id is {}", session.id()))?;
    bench.check(session.disconnect().await)?;
    bench.finish().await
}

/// The answer arrives in deltas, and then as a whole.
async fn streamed_turn(bench: Bench) -> Outcome {
    let session = bench.create(SessionBuilder::deny_all).await?;
    let mut turn = bench.check(session.prompt("Count.").await)?;
    let (mut pieces, mut text) = (0, String::new());
    while let Some(event) = turn.next().await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data() {
            pieces += 1;
            text.push_str(&delta.delta_content);
        }
    }
    let answer = bench.check(turn.await)?;
    check(answer.text() == "One, two, three.", || format!("the answer is {:?}", answer.text()))?;
    check(pieces > 1 && text == answer.text(), || format!("it arrived in {pieces} deltas as {text:?}"))?;
    bench.finish().await
}

/// A call of the program's tool.
fn lookup() -> Reply {
    Reply::tool_call("lookup", json!({ "key": "bird" }))
}

/// A tool that returns its argument.
fn lookup_tool() -> Tool {
    let schema = json!({ "type": "object", "properties": { "key": { "type": "string" } } });
    let answer = async |arguments: Value, _| format!("found under {}", arguments["key"]);
    Tool::with_schema("lookup", "Looks something up", schema, answer)
}

/// The model calls a tool of this program, and receives its result.
async fn tool(bench: Bench) -> Outcome {
    let session = bench.create(|new| new.approve_all().tool(lookup_tool())).await?;
    bench.ask(&session, "Look it up.", "It is heron.").await?;
    let result = tool_result(&bench)?;
    check(result.contains(r#"found under "bird""#), || format!("the model received {result:?}"))?;
    bench.finish().await
}

/// The result of the tool call that the model received.
fn tool_result(bench: &Bench) -> Outcome<String> {
    let last = bench.model.requests().pop();
    let results = last.map(|request| request.tool_results()).unwrap_or_default();
    Ok(results.into_iter().next().ok_or("the model received no result")?.1)
}

/// A call of the shell that makes a file.
fn make_file() -> Reply {
    Reply::tool_call(SHELL, json!({ "command": "echo made > made.txt", "description": "Makes a file" }))
}

/// The handler approves a command, and the command runs.
async fn approve(bench: Bench) -> Outcome {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let session = bench.create(|new| {
        new.on_permission(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Decision::approve() }
        })
    });
    let session = session.await?;
    bench.ask(&session, "Make it.", "Made.").await?;
    let asked = asked.load(Ordering::Relaxed);
    check(asked == 1, || format!("the handler was asked {asked} times"))?;
    let result = tool_result(&bench)?;
    check(bench.work().join("made.txt").exists(), || format!("the command did not run: {result}"))?;
    bench.finish().await
}

/// The handler denies a command, the command does not run, and the model receives the reason.
async fn deny(bench: Bench) -> Outcome {
    let refuse = async |_, _| Decision::deny("not on a Sunday");
    let session = bench.create(|new| new.on_permission(refuse)).await?;
    bench.ask(&session, "Make it.", "Not made.").await?;
    check(!bench.work().join("made.txt").exists(), || "the denied command ran".to_owned())?;
    let result = tool_result(&bench)?;
    check(result.contains("not on a Sunday"), || format!("the model received {result:?}"))?;
    bench.finish().await
}

/// Hooks change a prompt and the arguments of a tool.
async fn hooks(bench: Bench) -> Outcome {
    let session = bench.create(|new| {
        new.approve_all()
            .tool(lookup_tool())
            .hook(async |prompt: UserPromptSubmittedHookInput, _| {
                UserPromptSubmittedHookOutput::default()
                    .modified_prompt(format!("{} Quickly.", prompt.prompt))
            })
            .hook(async |call: PreToolUseHookInput, _| {
                let key = format!("white {}", call.tool_args["key"].as_str().unwrap_or_default());
                PreToolUseHookOutput::default().modified_args(json!({ "key": key }))
            })
    });
    let session = session.await?;
    bench.ask(&session, "Look it up.", "It is egret.").await?;
    let prompt = bench.model.request(0).await.last_user_text().unwrap_or_default();
    check(prompt.contains("Look it up. Quickly."), || format!("the model received {prompt:?}"))?;
    let result = tool_result(&bench)?;
    check(result.contains(r#"found under "white bird""#), || format!("the model received {result:?}"))?;
    bench.finish().await
}

fn question() -> Reply {
    Reply::tool_call("ask_user", json!({ "question": "Tea or coffee?", "choices": ["tea", "coffee"] }))
}

/// The agent asks the user a question, and receives the answer.
async fn user_input(bench: Bench) -> Outcome {
    let session = bench.create(|new| new.deny_all().on_user_input(async |_, _| "tea")).await?;
    bench.ask(&session, "Ask me.", "Tea it is.").await?;
    let result = tool_result(&bench)?;
    check(result.contains("tea"), || format!("the model received {result:?}"))?;
    bench.finish().await
}

/// A shell command runs without the agent.
async fn shell(bench: Bench) -> Outcome {
    let session = bench.create(SessionBuilder::deny_all).await?;
    let done = bench.check(session.shell("echo hello; exit 3").await)?;
    let (text, code) = (done.output(), done.exit_code());
    check(text.trim_end() == "hello" && code == Some(3), || format!("it ended with {code:?} and {text:?}"))?;
    bench.finish().await
}

/// An abort during the answer ends the turn, and the next turn works.
async fn abort(lab: &Arc<Lab>, step: &'static str) -> Outcome {
    let stall = Stall::new();
    let endless = Reply::text("On and on ").stall(&stall).then_text("and on.");
    let script = Script::replies([endless, Reply::text("Fresh start.")]);
    let bench = Bench::start(lab, step, script).await?;
    let session = bench.create(SessionBuilder::deny_all).await?;
    let mut turn = bench.check(session.prompt("Talk.").await)?;
    let is_delta = |data: &SessionEventData| matches!(data, SessionEventData::AssistantMessageDelta(_));
    while !is_delta(turn.next().await.ok_or("the turn ended before the abort")?.data()) {}
    bench.check(session.abort().await)?;
    let answer = bench.check(turn.await)?;
    check(answer.is_aborted(), || format!("the turn ended with {:?}", answer.text()))?;
    bench.ask(&session, "Once more.", "Fresh start.").await?;
    bench.finish().await
}

/// Another process with the same home resumes the conversation.
async fn resume(mut bench: Bench) -> Outcome {
    let session = bench.create(SessionBuilder::deny_all).await?;
    let id = session.id().to_owned();
    bench.ask(&session, "Remember a bird.", "Noted: stork.").await?;
    bench.check(session.disconnect().await)?;
    bench.restart().await?;
    let session = bench.check(bench.session().deny_all().resume(&id).await)?;
    bench.ask(&session, "Which bird?", "Stork.").await?;
    let seen = bench.model.request(1).await.body().to_string();
    check(seen.contains("Noted: stork."), || "the model did not receive the earlier messages".to_owned())?;
    bench.finish().await
}

/// The events of a session can be read.
async fn history(bench: Bench) -> Outcome {
    let session = bench.create(SessionBuilder::deny_all).await?;
    bench.ask(&session, "Remember a bird.", "Noted: crane.").await?;
    let events = bench.check(session.messages().await)?;
    for event in &events {
        if let SessionEventData::Malformed(event) = event.data() {
            return Err(format!("{} cannot be read {}", event.kind, event.error).into());
        }
    }
    let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
    let kept = ["session.start", "user.message", "assistant.message"].iter().all(|kind| kinds.contains(kind));
    check(kept, || format!("it has only {kinds:?}"))?;
    bench.finish().await
}

/// A stop ends the CLI while a session is open, and later calls fail at once.
async fn stop(bench: Bench) -> Outcome {
    /// The time limit of a stop.
    const LIMIT: Duration = Duration::from_secs(25);
    let session = bench.create(SessionBuilder::deny_all).await?;
    bench.ask(&session, "There?", "Yes.").await?;
    let stopped = tokio::time::timeout(LIMIT, bench.client.stop()).await;
    stopped.map_err(|_| format!("it took longer than {LIMIT:?}"))?;
    bench.client.closed().await;
    let after = bench.client.ping("there?").await;
    check(matches!(after, Err(Error::Closed(_))), || format!("a ping gave {after:?}"))?;
    bench.verdict()
}
