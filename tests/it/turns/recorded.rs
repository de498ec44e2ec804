//! The turns of recorded prompts on real CLIs: one recording for each row of the table in
//! `sdk/docs/turns.md`.
//!
//! The fake replays a recording. The client makes the same requests as the recorded one, after the same
//! events. Each turn must have its recorded end, and show only its own text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use copilot_session::testing::FakeCli;
use copilot_session::types::{
    HistoryCompactRequest, LogRequest, ModeSetRequest, ModelSwitchToRequest, SendRequest,
};
use copilot_session::{Error, ErrorKind, Session, SessionEventData, Tool, Turn, wire};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::rig::{connect, next};

/// The outcome of a turn.
#[derive(Debug, PartialEq)]
struct Outcome {
    end: End,
    /// The text of the answer, or of the failure.
    text: String,
    /// The text that the documented loop prints.
    shown: String,
}

#[derive(Debug, PartialEq)]
enum End {
    Answered,
    Aborted,
    Failed(ErrorKind),
}

impl Outcome {
    /// Adds text that is shown before the answer.
    fn after(mut self, text: &str) -> Self {
        self.shown.insert_str(0, text);
        self
    }
}

/// A turn that shows its answer and nothing else.
fn answered(text: &str) -> Outcome {
    Outcome { end: End::Answered, text: text.to_owned(), shown: text.to_owned() }
}

/// A turn that was aborted after it had shown this text.
fn aborted(shown: &str) -> Outcome {
    Outcome { end: End::Aborted, text: String::new(), shown: shown.to_owned() }
}

fn failed(text: &str) -> Outcome {
    Outcome { end: End::Failed(ErrorKind::Other), text: text.to_owned(), shown: String::new() }
}

/// One test for each scenario, with the outcomes of its prompts, in order.
macro_rules! rows {
    ($($test:ident: $scenario:literal, [$($outcomes:expr),+ $(,)?];)*) => {
        const SCENARIOS: &[&str] = &[$($scenario),*];
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                for (name, path) in recordings_of($scenario) {
                    let outcomes = play(&path).await;
                    assert_eq!(outcomes, [$($outcomes),+], "{name}");
                }
            }
        )*
    };
}

rows! {
    queued: "queued", [answered("slow Re A"), answered("Re B"), answered("Re C")];
    sent_together: "sent-together", [answered("Re A"), answered("Re B")];
    immediate: "immediate", [answered("Re I").after("thinking "), answered("Re Q"), answered("Re I")];
    immediate_too_late: "immediate-too-late", [answered("slow Re A"), answered("Re I")];
    agent_stop_block: "agent-stop-block", [answered("Re again0").after("slow Re A")];
    agent_stop_block_thrice: "agent-stop-block-thrice",
        [answered("Re again0").after("slow Re ARe again2Re again1")];
    agent_stop_block_queued: "agent-stop-block-queued",
        [answered("Re again0").after("slow Re A"), answered("Re B")];
    prompt_changed_by_hook: "prompt-changed-by-hook", [answered("Re changed")];
    prompt_blocked: "prompt-blocked", [aborted("")];
    abort_then_prompt: "abort-then-prompt", [aborted("slow "), answered("Re B")];
    abort_and_prompt_at_once: "abort-and-prompt-at-once", [aborted("slow "), answered("Re B")];
    abort_drops_the_prompt_on_its_way: "1.0.81-abort-and-prompt-at-once", [aborted("slow "), aborted("")];
    abort_queued: "abort-queued", [aborted("slow "), aborted(""), answered("Re C")];
    abort_keeps_the_queue: "1.0.11-abort-queued", [aborted("slow "), answered("Re B"), answered("Re C")];
    abort_in_tool: "abort-in-tool", [
        Outcome { text: "thinking ".to_owned(), ..aborted("thinking ") },
        answered("Re B"),
    ];
    abort_in_agent_stop: "abort-in-agent-stop", [
        Outcome { text: "Re A".to_owned(), ..aborted("Re A") },
        answered("Re again").after("Re B"),
    ];
    abort_sub_agent: "abort-sub-agent-in-background", [
        Outcome { text: "Re A".to_owned(), ..aborted("delegating Re A") },
        answered("Re B"),
    ];
    tool_rejected_queued: "tool-rejected-queued",
        [answered("thinking "), aborted(""), answered("Re C")];
    permission_refused_queued: "permission-refused-queued", [
        Outcome { text: "thinking ".to_owned(), ..aborted("thinking ") },
        aborted(""),
    ];
    plan_approved: "plan-approved", [answered("Re none").after("planning ")];
    plan_refused: "plan-refused", [answered("Re A").after("planning ")];
    autopilot: "autopilot", [answered("done ").after("Re ARe none")];
    autopilot_without_end: "1.0.81-autopilot",
        [answered("Re none").after("Re ARe nonedone Re noneRe none")];
    compacted: "compacted", [answered("Re A"), answered("slow Re B")];
    compacted_by_itself: "compacted-by-itself", [answered("Re3").after("Re1"), answered("Re4")];
    sub_agent: "sub-agent", [answered("Re A").after("delegating ")];
    sub_agent_in_background: "sub-agent-in-background", [answered("Re none").after("delegating Re A")];
    sub_agent_left_behind: "1.0.11-sub-agent-in-background", [answered("Re A").after("delegating ")];
    prompt_while_sub_agent_works: "prompt-while-sub-agent-works",
        [answered("Re A").after("delegating "), answered("Re none").after("Re B")];
    model_switched: "model-switched", [answered("Re A").after("thinking ")];
    error_logged: "error-logged", [answered("slow Re A")];
    model_call_retried: "model-call-retried", [answered("Re A").after("slow ")];
    failure_before_queued: "failure-before-queued", [failed("400 scripted"), answered("Re B")];
    failure_of_queued: "failure-of-queued", [answered("slow Re A"), failed("400 scripted")];
    no_login: "no-login",
        [Outcome { end: End::Failed(ErrorKind::Authentication), ..failed("Execution failed") }];
    another_client: "another-client", [answered("slow Re A"), aborted("slow ")];
}

/// The recordings of a row: of one version if the row names it, else of all versions without a row of their
/// own.
fn recordings_of(row: &str) -> Vec<(String, PathBuf)> {
    let of = |name: &str| name == row || scenario(name) == row && !SCENARIOS.contains(&name);
    let found: Vec<_> = recordings().into_iter().filter(|(name, _)| of(name)).collect();
    assert!(!found.is_empty(), "no recording of {row}");
    found
}

/// The name of a recording without its version.
fn scenario(name: &str) -> &str {
    match name.split_once('-') {
        Some((version, scenario)) if version.starts_with(|first: char| first.is_ascii_digit()) => scenario,
        _ => name,
    }
}

/// All recordings of turns by name.
fn recordings() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/turns");
    let files = std::fs::read_dir(folder).expect("the recordings");
    let paths = files.map(|file| file.expect("a file").path());
    let name = |path: &Path| path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
    paths.map(|path| (name(&path), path)).collect()
}

/// Every recording is replayed, and the documented table has its scenario.
#[test]
fn every_recording_of_a_turn_is_played() {
    let recordings = recordings();
    let recorded: BTreeSet<_> = recordings.iter().map(|(name, _)| scenario(name)).collect();
    assert_eq!(recorded, SCENARIOS.iter().map(|row| scenario(row)).collect());
    let table = include_str!("../../../sdk/docs/turns.md");
    let missing: Vec<_> = recorded.iter().filter(|name| !table.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

/// A pending request of the client, kept by its recorded id.
enum Pending {
    Prompt(JoinHandle<Result<Turn, Error>>),
    Other(JoinHandle<Result<(), Error>>),
}

async fn play(path: &Path) -> Vec<Outcome> {
    let recording = std::fs::read_to_string(path).expect("a recording");
    let fake = FakeCli::replay(&recording);
    let client = connect(&fake).await;
    let schema = json!({"type": "object", "properties": {"key": {"type": "string"}}});
    let lookup = Tool::with_schema("lookup", "Looks up", schema, async |_: Value, _| "found");
    let session = client.session().approve_all().tool(lookup).create().await.expect("the session");
    let mut events = session.events();
    let mut pending: HashMap<u64, Pending> = HashMap::new();
    let mut turns = BTreeMap::new();
    for line in recording.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        let (message, of_client) = (&line["msg"], line["dir"] == "client");
        match (message["method"].as_str(), message["id"].as_u64()) {
            (Some(method), Some(id)) if of_client => {
                pending.extend(request(&session, method, &message["params"]).map(|request| (id, request)));
            }
            (Some("session.event"), None) => drop(next(&mut events).await),
            (None, Some(id)) if !of_client => match pending.remove(&id) {
                Some(Pending::Prompt(turn)) => {
                    let turn = turn.await.expect("no panic").expect("a turn");
                    turns.insert(id, tokio::spawn(outcome(turn)));
                }
                Some(Pending::Other(done)) => done.await.expect("no panic").expect("a response"),
                None => {}
            },
            _ => {}
        }
    }
    let mut outcomes = Vec::new();
    for turn in turns.into_values() {
        outcomes.push(turn.await.expect("no panic"));
    }
    outcomes
}

/// Makes the same request as the recorded client, unless the SDK makes it itself.
fn request(session: &Session, method: &str, params: &Value) -> Option<Pending> {
    let session = session.clone();
    let mut params = params.clone();
    params.as_object_mut().expect("an object").remove("sessionId");
    let params = params.to_string();
    Some(match method {
        "session.send" => {
            let prompt: SendRequest = wire::from_json(&params).expect("a prompt");
            Pending::Prompt(tokio::spawn(async move { session.prompt(prompt).await }))
        }
        "session.abort" => Pending::Other(tokio::spawn(async move { session.abort().await })),
        "session.mode.set" => {
            let mode: ModeSetRequest = wire::from_json(&params).expect("a mode");
            Pending::Other(tokio::spawn(async move { session.rpc().mode().set(&mode).await.map(drop) }))
        }
        "session.model.switchTo" => {
            let model: ModelSwitchToRequest = wire::from_json(&params).expect("a model");
            Pending::Other(tokio::spawn(async move { session.set_model(model).await.map(drop) }))
        }
        "session.history.compact" => {
            let compact = HistoryCompactRequest::default();
            Pending::Other(tokio::spawn(
                async move { session.rpc().history().compact(&compact).await.map(drop) },
            ))
        }
        "session.log" => {
            let line: LogRequest = wire::from_json(&params).expect("a line");
            Pending::Other(tokio::spawn(async move { session.log(line).await.map(drop) }))
        }
        _ => return None,
    })
}

/// Reads a turn like the loop in the guide.
async fn outcome(mut turn: Turn) -> Outcome {
    let mut shown = String::new();
    while let Some(event) = turn.next().await {
        if let SessionEventData::AssistantMessageDelta(delta) = event.data()
            && event.agent_id().is_none()
        {
            shown.push_str(&delta.delta_content);
        }
    }
    match turn.await {
        Ok(answer) => {
            let end = if answer.is_aborted() { End::Aborted } else { End::Answered };
            Outcome { end, text: answer.text().to_owned(), shown }
        }
        Err(error) => {
            let Error::Turn(failure) = &error else { panic!("{error:?}") };
            // The rest of the text depends on the version.
            let text = failure.data.message.split(':').next().unwrap_or_default().to_owned();
            Outcome { end: End::Failed(error.kind()), text, shown }
        }
    }
}
