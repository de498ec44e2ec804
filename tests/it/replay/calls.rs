//! Calls of a session other than prompts, and the ends of sessions.

use std::collections::HashMap;

use copilot_session::types::{
    CommandExecuteData, CommandsHandlePendingCommandRequest, CommandsInvokeRequest, CommandsListRequest,
    EnqueueCommandParams, EnqueueCommandResult, ExecuteCommandParams, LogRequest, ModelSwitchToRequest,
    ShutdownRequest,
};
use copilot_session::{Error, ErrorKind, Session, wire};
use serde_json::{Value, json};

use super::recording::Request;
use super::sent::{Sent, create, leave, prompt, request, tool_result};
use super::stage::Stage;
use super::tools::lookup;

/// Commands that succeed and fail; CLI 1.0.10 accepts their declarations but cannot run them.
pub async fn commands(stage: &Stage) -> Vec<Sent> {
    let deploy = async |command: CommandExecuteData, _| match &*command.args {
        "prod now" => Ok(()),
        other => Err(format!("not what was asked for: {other}")),
    };
    let session = stage.session().approve_all().command("deploy", "Deploy it", deploy);
    let fail = async |_: CommandExecuteData, _| Err::<(), _>("command failed");
    let session = session.command("fail", "fails", fail).create().await.expect("the session");
    let listed = session.rpc().commands().list(&CommandsListRequest::default()).await;
    assert_eq!(listed.err().is_some_and(|error| error.is_method_not_found()), stage.is_old());
    let mut expected = vec![create(), request("session.commands.list", json!({}))];
    expected.extend(run(stage, &session, 1, ["deploy", "prod now"], None).await);
    expected.extend(run(stage, &session, 3, ["fail", "x"], Some("command failed")).await);
    let answer = session.send_and_wait("/deploy via send").await.expect("an answer");
    assert_eq!(answer.text(), "model answered the slash text");
    let late = CommandsHandlePendingCommandRequest::new("nope");
    let late = session.rpc().commands().handle_pending_command(&late).await;
    assert!(late.expect("a response").success);
    session.disconnect().await.expect("the end");
    expected.push(prompt("/deploy via send"));
    expected.push(request("session.commands.handlePendingCommand", json!({"requestId": "nope"})));
    expected.push(leave(stage));
    expected
}

/// Runs a command in each of three ways. For the first two, the CLI sends a request, the first with this
/// number.
async fn run(
    stage: &Stage,
    session: &Session,
    number: usize,
    [name, args]: [&str; 2],
    failure: Option<&str>,
) -> Vec<Sent> {
    let commands = || session.rpc().commands();
    let command = format!("/{name} {args}");
    let executed = commands().execute(&ExecuteCommandParams::new(name, args)).await;
    let invoked = commands().invoke(&CommandsInvokeRequest::new(name).input(args)).await;
    let queued = commands().enqueue(&EnqueueCommandParams::new(&*command)).await;
    let execute = request("session.commands.execute", json!({"commandName": name, "args": args}));
    let invoke = request("session.commands.invoke", json!({"name": name, "input": args}));
    let enqueue = request("session.commands.enqueue", json!({ "command": command }));
    if stage.is_old() {
        let errors = [executed.err(), invoked.err(), queued.err()];
        assert!(
            errors.iter().all(|error| error.as_ref().is_some_and(Error::is_method_not_found)),
            "{errors:?}"
        );
        return vec![execute, invoke, enqueue];
    }
    assert_eq!(executed.expect("a response").error.as_deref(), failure);
    let told = invoked.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains(failure.unwrap_or_default()) && failure.is_some() != told.is_empty(), "{told}");
    assert!(matches!(queued, Ok(EnqueueCommandResult::Accepted(_))));
    let ran = |number: usize| {
        let mut params = json!({"requestId": format!("request {number}")});
        failure.into_iter().for_each(|failure| params["error"] = json!(failure));
        request("session.commands.handlePendingCommand", params)
    };
    vec![execute, ran(number), invoke, ran(number + 1), enqueue]
}

/// A log line of every kind, and the event that it causes.
pub async fn log(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let mut events = session.events();
    let mut expected = vec![create()];
    let mut written = HashMap::new();
    for recorded in stage.recording.requests().filter(|request| request.method == "session.log") {
        let mut params = recorded.params.clone();
        params.as_object_mut().expect("an object").remove("sessionId");
        let line: LogRequest = wire::from_json(&params.to_string()).expect("a line");
        let id = session.log(line).await.expect("the line");
        let kind = format!("session.{}", params["level"].as_str().unwrap_or("info"));
        written.insert(id, (kind, params["ephemeral"] == true));
        expected.push(request("session.log", params));
    }
    assert_eq!((expected.len(), written.len()), (10, 9));
    // An event may come after the response with its id.
    while !written.is_empty() {
        let event = events.next().await.expect("an event for each line");
        if let Some(line) = written.remove(event.id()) {
            assert_eq!(line, (event.kind().to_owned(), event.is_ephemeral()));
        }
    }
    session.messages().await.expect("the history");
    session.disconnect().await.expect("the end");
    expected.extend([request("session.getMessages", json!({})), leave(stage)]);
    expected
}

pub async fn set_model(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    assert_eq!(session.send_and_wait("one").await.expect("an answer").text(), "ok");
    let current = async || {
        let current = session.rpc().model().get_current().await.expect("the model");
        (current.model_id, current.reasoning_effort)
    };
    assert_eq!(current().await, (Some("fake-model".to_owned()), None));
    let third = || ModelSwitchToRequest::new("third-model");
    let switches = [
        ModelSwitchToRequest::new("other-model"),
        third().reasoning_effort(Some("high".to_owned())),
        third().reasoning_effort(None),
        third().reasoning_effort(Some("zzz".to_owned())),
    ];
    for switch in switches {
        let wanted = switch.model_id.clone();
        let switched = session.set_model(switch).await.expect("another model");
        assert_eq!(switched.model_id, Some(wanted));
    }
    // The effort reaches the model only on newer versions.
    let (model, effort) = current().await;
    assert_eq!((model.as_deref(), effort.as_deref().unwrap_or("zzz")), (Some("third-model"), "zzz"));
    assert_eq!(session.send_and_wait("two").await.expect("an answer").text(), "ok");
    session.disconnect().await.expect("the end");
    let current = || request("session.model.getCurrent", json!({}));
    let switch = |params: Value| request("session.model.switchTo", params);
    vec![
        create(),
        prompt("one"),
        current(),
        switch(json!({"modelId": "other-model"})),
        switch(json!({"modelId": "third-model", "reasoningEffort": "high"})),
        switch(json!({"modelId": "third-model", "reasoningEffort": null})),
        switch(json!({"modelId": "third-model", "reasoningEffort": "zzz"})),
        current(),
        prompt("two"),
        leave(stage),
    ]
}

/// A tool call is answered when it is made, and not again when the history repeats it.
pub async fn messages(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().tool(lookup("r")).create().await.expect("the session");
    // On some versions this is the only event before the first prompt.
    assert_eq!(session.messages().await.expect("the history")[0].kind(), "session.start");
    assert_eq!(session.send_and_wait("one").await.expect("an answer").text(), "ok");
    let history = session.messages().await.expect("the history");
    assert!(history.iter().any(|event| event.kind() == "external_tool.requested"));
    session.disconnect().await.expect("the end");
    let history = || request("session.getMessages", json!({}));
    vec![create(), history(), prompt("one"), tool_result(1, r()), history(), leave(stage)]
}

fn r() -> Value {
    json!({"textResultForLlm": "r", "resultType": "success"})
}

/// A session is disconnected and resumed in another process.
pub async fn resume(stage: &Stage) -> Vec<Sent> {
    let history = request("session.getMessages", json!({}));
    if stage.recording.part == 0 {
        let session = stage.session().approve_all().tool(lookup("r")).create().await.expect("the session");
        assert_eq!(session.send_and_wait("one").await.expect("an answer").text(), "first");
        session.messages().await.expect("the history");
        session.disconnect().await.expect("the end");
        return vec![create(), prompt("one"), tool_result(1, r()), history, leave(stage)];
    }
    let id = recorded_id(stage);
    let session = stage.session().approve_all().tool(lookup("r"));
    let session = session.resume(&id).await.expect("the session");
    let told = session.messages().await.expect("the history");
    assert!(told.iter().any(|event| event.kind() == "external_tool.requested" || stage.is_old()));
    assert_eq!(session.send_and_wait("two").await.expect("an answer").text(), "second");
    let again = stage.client.session().approve_all().resume(&id).await;
    assert!(matches!(again, Err(Error::AlreadyOpen { .. })), "the session is open here: {again:?}");
    session.disconnect().await.expect("the end");
    vec![request("session.resume", json!({})), history, prompt("two"), leave(stage)]
}

fn recorded_id(stage: &Stage) -> String {
    let resumed = stage.recording.requests().find(|request| request.method == "session.resume");
    resumed.expect("a resume").params["sessionId"].as_str().expect("an id").to_owned()
}

/// The requests that the SDK's client refuses itself: those for a session that is not open, and a second
/// resume.
pub fn is_refused_here(request: &Request) -> bool {
    match request.method.as_str() {
        "session.send" => request.params["prompt"] == "x",
        "session.getMessages" => request.id == 3,
        "session.resume" => request.id > 4,
        _ => false,
    }
}

/// A session that was disconnected accepts no prompts, and the same process resumes it.
pub async fn detach(stage: &Stage) -> Vec<Sent> {
    let first = stage.session().approve_all().create().await.expect("the session");
    assert_eq!(first.send_and_wait("x").await.expect("an answer").text(), "ok");
    first.disconnect().await.expect("the end");
    assert!(matches!(first.send("x").await, Err(Error::SessionEnded)));
    let session = stage.session_of(1).approve_all().resume(first.id()).await.expect("the session");
    if let Err(error) = session.rpc().suspend().await {
        assert!(stage.is_old() && error.is_method_not_found(), "{error}");
    }
    let turn = session.prompt("x").await.expect("a turn");
    shut_down(stage, &session).await;
    match turn.await {
        Ok(answer) => assert_eq!((answer.text(), stage.is_old()), ("ok", true)),
        // The end of the session ends its turns, even if a `session.idle` follows, as on CLI 1.0.102 but not
        // on 1.0.81.
        Err(error) => assert!(error.kind() == ErrorKind::SessionGone && !stage.is_old(), "{error:?}"),
    }
    session.disconnect().await.expect("the end");
    vec![
        create(),
        prompt("x"),
        leave(stage),
        request("session.resume", json!({})),
        request("session.suspend", json!({})),
        prompt("x"),
        request("session.shutdown", json!({})),
        leave(stage),
    ]
}

async fn shut_down(stage: &Stage, session: &Session) {
    if let Err(error) = session.rpc().shutdown(&ShutdownRequest::default()).await {
        assert!(stage.is_old() && error.is_method_not_found(), "{error}");
    }
}

/// The requests of the recorded client to a session after its end, and its `session.detach` on CLI 1.0.10, which
/// does not know that method.
pub fn is_after_the_end(request: &Request) -> bool {
    let leaves = request.method == "session.detach" && (request.version == "1.0.10" || request.id > 4);
    leaves || (request.method == "session.send" && request.id == 5)
}
