//! Requests of the CLI: permissions, questions, hooks, forms and sections of the system message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use copilot_session::types::{
    ElicitationRequestedData, ExitPlanModeRequestParams, ModeSetRequest, PreToolUseHookInput,
    PreToolUseHookOutput, SamplingRequestedData, SessionMode, UiElicitationRequest, UiElicitationResponse,
    UiElicitationResponseAction, UiExitPlanModeAction, UiExitPlanModeResponse,
    UiHandlePendingElicitationRequest, UiHandlePendingSamplingResponse, UserInputRequestParams,
};
use copilot_session::{Decision, Error, OtherHook, PermissionRequest, Session, ToolResult, wire};
use serde_json::{Value, json};

use super::recording::Request;
use super::sent::{Sent, answer, create, hook, leave, permission, prompt, request, tool_result};
use super::stage::Stage;
use super::tools::{fixed, lookup};

/// A prompt with one permission request, and its decision.
async fn decide(stage: &Stage, decision: Decision, result: Option<Value>) -> Vec<Sent> {
    let asked = stage.recording.events("permission.requested")[0]["permissionRequest"].clone();
    let decide = move |request: PermissionRequest, _| {
        // The handler sees the recorded request.
        assert_eq!(request.command(), asked["fullCommandText"].as_str());
        std::future::ready(decision.clone())
    };
    let session = stage.session().on_permission(decide).create().await.expect("the session");
    assert_eq!(session.send_and_wait("Do it").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    let decided = result.map(|result| permission(1, result));
    [create(), prompt("Do it")].into_iter().chain(decided).chain([leave(stage)]).collect()
}

/// The name of the decision changed with CLI 1.0.35, and no CLI knows both names.
pub async fn approve(stage: &Stage) -> Vec<Sent> {
    let word = if stage.is_old() { "approved" } else { "approve-once" };
    decide(stage, Decision::approve(), Some(json!({ "kind": word }))).await
}

/// `approve_all` approves a request without a key that newer versions require.
pub async fn approve_all(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    assert_eq!(session.send_and_wait("Do it").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    vec![create(), prompt("Do it"), permission(1, json!({"kind": "approved"})), leave(stage)]
}

pub async fn deny(stage: &Stage) -> Vec<Sent> {
    let word = if stage.is_old() { "denied-interactively-by-user" } else { "reject" };
    let reason = "please do not write files";
    decide(stage, Decision::deny(reason), Some(json!({"kind": word, "feedback": reason}))).await
}

/// No decision is sent; in the recording another client sends it.
pub async fn leave_to_others(stage: &Stage) -> Vec<Sent> {
    decide(stage, Decision::leave_to_others(), None).await
}

pub fn is_permission(request: &Request) -> bool {
    request.method == "session.permissions.handlePendingPermissionRequest"
}

/// One question with choices and one without.
pub async fn user_input(stage: &Stage) -> Vec<Sent> {
    let ask = async |question: UserInputRequestParams, _| match question.choices {
        Some(choices) if question.question == "Which color?" => choices.get(1).cloned(),
        None if question.question == "Your name?" => Some("Ann".to_owned()),
        _ => None,
    };
    let session = stage.session().approve_all().on_user_input(ask).create().await.expect("the session");
    assert_eq!(session.send_and_wait("Ask me").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    let chosen = answer("userInput.request", json!({"answer": "blue", "wasFreeform": false}));
    let written = answer("userInput.request", json!({"answer": "Ann", "wasFreeform": true}));
    vec![create(), prompt("Ask me"), chosen, written, leave(stage)]
}

/// The responses of hooks without an output.
fn passed(kinds: &[&str]) -> Vec<Sent> {
    kinds.iter().map(|kind| hook(kind, json!({}))).collect()
}

/// The hooks at the start of a turn, in the order of each version.
fn begun(stage: &Stage) -> Vec<Sent> {
    passed(match stage.version() {
        "1.0.10" => &["userPromptSubmitted", "sessionStart"],
        "1.0.81" => &["userPromptSubmitted", "userPromptTransformed", "sessionStart"],
        _ => &["sessionStart", "userPromptSubmitted", "userPromptTransformed"],
    })
}

/// The hooks at the end: old versions call that of the session's end after every turn.
fn ended(stage: &Stage) -> Vec<Sent> {
    let mut ended = passed(match stage.version() {
        "1.0.10" => &["sessionEnd"],
        "1.0.81" => &["agentStop", "sessionEnd"],
        _ => &["agentStop"],
    });
    ended.push(leave(stage));
    if stage.version() == "1.0.102" {
        ended.extend(passed(&["sessionEnd"]));
    }
    ended
}

/// The hook with a handler refuses a tool call; hooks without a handler are answered with no output.
pub async fn hooks_deny(stage: &Stage) -> Vec<Sent> {
    let deny = async |input: PreToolUseHookInput, _| {
        // Old versions send the arguments as text.
        let arguments: Value = serde_json::from_str(&wire::to_json(&input)).expect("JSON");
        match arguments["toolArgs"]["key"].as_str() {
            Some("a") => PreToolUseHookOutput::deny("not today"),
            _ => PreToolUseHookOutput::allow(),
        }
    };
    let session = stage.session().approve_all().hook(deny).tool(lookup("unused"));
    let session = session.tool(fixed("failing", "unused"));
    let session = session.create().await.expect("the session");
    assert_eq!(session.send_and_wait("Hello hooks").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    let output = json!({"permissionDecision": "deny", "permissionDecisionReason": "not today"});
    let denied = hook("preToolUse", json!({ "output": output }));
    // CLI 1.0.10 calls `postToolUse` for a refused call, too.
    let after_the_call = if stage.is_old() { passed(&["postToolUse"]) } else { Vec::new() };
    let begun = [vec![create(), prompt("Hello hooks")], begun(stage), vec![denied], after_the_call];
    begun.into_iter().flatten().chain(ended(stage)).collect()
}

/// Every hook is answered once, among the tool calls and the permission request.
pub async fn hooks_pass(stage: &Stage) -> Vec<Sent> {
    let failure = ToolResult::failure("RESULT").with(|result| result.error("tool says no"));
    let session = stage.session().approve_all().tool(lookup("RESULT")).tool(fixed("failing", failure));
    let session = session.on_other_hook(async |_: OtherHook, _| Value::Null);
    let session = session.create().await.expect("the session");
    assert_eq!(session.send_and_wait("Hello hooks").await.expect("an answer").text(), "Done.");
    session.disconnect().await.expect("the end");
    let success = tool_result(1, json!({"textResultForLlm": "RESULT", "resultType": "success"}));
    let failed = json!({"textResultForLlm": "RESULT", "resultType": "failure", "error": "tool says no"});
    let word = if stage.is_old() { "approved" } else { "approve-once" };
    let pre = || hook("preToolUse", json!({}));
    let post = |kind: &str| hook(kind, json!({}));
    let of_failure = if stage.is_old() { "postToolUse" } else { "postToolUseFailure" };
    let calls = vec![
        pre(),
        success,
        post("postToolUse"),
        pre(),
        tool_result(2, failed),
        post(of_failure),
        pre(),
        permission(3, json!({ "kind": word })),
        post("postToolUse"),
    ];
    let begun = [vec![create(), prompt("Hello hooks")], begun(stage), calls];
    begun.into_iter().flatten().chain(ended(stage)).collect()
}

/// The tools of an MCP server: a permission for each, and a form and a model call of the server.
pub async fn mcp(stage: &Stage) -> Vec<Sent> {
    if !stage.is_old() {
        let interest = "session.eventLog.registerInterest";
        stage.fake.on_raw(interest, |_| Ok(json!({"handle": "1"})));
    }
    let session = stage.session().approve_all().on_other_hook(async |_: OtherHook, _| Value::Null);
    let fill_in = async |form: ElicitationRequestedData, _| match form.elicitation_source.as_deref() {
        Some("toy") => UiElicitationResponse::accept([("name", "Bob")]),
        _ => UiElicitationResponse::decline(),
    };
    let said = json!({"role": "assistant", "content": {"type": "text", "text": "hi!"}, "model": "m"});
    let response = said.to_string();
    let sample = move |_: SamplingRequestedData, _| {
        let response = wire::from_json::<UiHandlePendingSamplingResponse>(&response);
        std::future::ready(response.map_err(|error| error.to_string()))
    };
    let session = session.on_elicitation(fill_in).on_sampling(sample).create().await.expect("the session");
    assert_eq!(session.send_and_wait("go").await.expect("an answer").text(), "done");
    session.disconnect().await.expect("the end");
    let interest = json!({"eventType": "sampling.requested"});
    let start = vec![create(), request("session.eventLog.registerInterest", interest), prompt("go")];
    let (pre, mcp, post) = (
        || hook("preToolUse", json!({})),
        || hook("preMcpToolCall", json!({})),
        || hook("postToolUse", json!({})),
    );
    let calls = if stage.is_old() {
        let once = |number| permission(number, json!({"kind": "approved"}));
        (1..=3).flat_map(|number| [pre(), once(number), post()]).collect()
    } else {
        let once = |number| permission(number, json!({"kind": "approve-once"}));
        let form =
            json!({"requestId": "request 2", "result": {"action": "accept", "content": {"name": "Bob"}}});
        let form = request("session.ui.handlePendingElicitation", form);
        let sampled = json!({"requestId": "request 4", "response": said});
        let sampled = request("session.ui.handlePendingSampling", sampled);
        // Read-only tools need no permission there.
        let reads = vec![pre(), mcp(), post()];
        let asks = vec![pre(), once(1), mcp(), form, post()];
        [reads, asks, vec![pre(), once(3), mcp(), sampled, post()]].concat()
    };
    [start, begun(stage), calls, ended(stage)].concat()
}

/// Sections are changed each time they are sent, in whatever groups.
pub async fn transforms(stage: &Stage) -> Vec<Sent> {
    const SECTIONS: [&str; 3] = ["identity", "tone", "custom_instructions"];
    let session = SECTIONS.into_iter().fold(stage.session().approve_all(), |session, section| {
        session.transform_section(section, move |text: String, _| {
            std::future::ready(format!("{text}\nchanged {section}"))
        })
    });
    let session = session.create().await.expect("the session");
    assert_eq!(session.send_and_wait("x").await.expect("an answer").text(), "Done.");
    assert_eq!(session.send_and_wait("y").await.expect("an answer").text(), "Done2.");
    session.disconnect().await.expect("the end");
    let changed = |asked: &Value| {
        let mut sections = asked["sections"].clone();
        for (id, section) in sections.as_object_mut().expect("sections") {
            let text = section["content"].as_str().expect("a text");
            section["content"] = format!("{text}\nchanged {id}").into();
        }
        answer("systemMessage.transform", json!({ "sections": sections }))
    };
    let asked = stage.recording.asked("systemMessage.transform");
    let [first, second] = asked[..] else { panic!("asked {} times", asked.len()) };
    match stage.is_old() {
        // The sections are sent once a turn.
        true => vec![create(), prompt("x"), changed(first), prompt("y"), changed(second), leave(stage)],
        // Both groups are sent in the first turn.
        false => vec![create(), prompt("x"), changed(first), changed(second), prompt("y"), leave(stage)],
    }
}

pub async fn exit_plan_mode(stage: &Stage) -> Vec<Sent> {
    let decide = async |plan: ExitPlanModeRequestParams, _| {
        let good = plan.summary == "- do a\n- do b";
        let response = UiExitPlanModeResponse::new(good).feedback("ok go");
        response.selected_action(UiExitPlanModeAction::Interactive)
    };
    let session =
        stage.session().approve_all().on_exit_plan_mode(decide).create().await.expect("the session");
    match session.rpc().mode().set(&ModeSetRequest::new(SessionMode::Plan)).await {
        // The old CLI sets the mode too, but its result does not fit the schema.
        Err(Error::Decode { error, .. }) => assert!(stage.is_old() && error.path() == "$.status", "{error}"),
        other => assert!(!stage.is_old() && other.is_ok(), "{other:?}"),
    }
    assert_eq!(session.send_and_wait("plan it").await.expect("an answer").text(), "done");
    session.abort().await.expect("nothing to abort is no error");
    session.disconnect().await.expect("the end");
    let approved = json!({"approved": true, "selectedAction": "interactive", "feedback": "ok go"});
    vec![
        create(),
        request("session.mode.set", json!({"mode": "plan"})),
        prompt("plan it"),
        answer("exitPlanMode.request", approved),
        request("session.abort", json!({})),
        leave(stage),
    ]
}

const FILLED_IN: &str = "session.ui.handlePendingElicitation";

/// The ways in which the form is filled in, in turn.
fn fillings() -> [UiElicitationResponse; 4] {
    let other = UiElicitationResponseAction::Unrecognized("bogus".to_owned());
    [
        UiElicitationResponse::accept([("name", json!("Bob")), ("ok", json!(true))]),
        UiElicitationResponse::decline(),
        UiElicitationResponse::cancel(),
        UiElicitationResponse::new(other),
    ]
}

/// A form is filled in in four ways. Without a client that can fill it in it is not sent: the CLI would wait
/// for ever.
pub async fn elicitation(stage: &Stage) -> Vec<Sent> {
    let count = Arc::new(AtomicUsize::new(0));
    let fill_in = move |_, _| std::future::ready(fillings()[count.fetch_add(1, Ordering::Relaxed)].clone());
    let session = stage.session().approve_all().on_elicitation(fill_in).create().await.expect("the session");
    let schema = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "ok": {"type": "boolean"}},
        "required": ["name"],
    });
    let json = json!({"message": "Details?", "requestedSchema": schema});
    let form: UiElicitationRequest = wire::from_json(&json.to_string()).expect("a form");
    let mut expected = vec![create()];
    for (index, way) in fillings().iter().enumerate() {
        let way: Value = serde_json::from_str(&wire::to_json(way)).expect("JSON");
        let answered = session.elicit(&form).await;
        if stage.is_old() {
            assert!(matches!(answered, Err(Error::Unsupported(_))), "{answered:?}");
            continue;
        }
        let answered = wire::to_json(&answered.expect("a response"));
        assert_eq!(serde_json::from_str::<Value>(&answered).expect("JSON"), way);
        expected.push(request("session.ui.elicitation", json.clone()));
        expected
            .push(request(FILLED_IN, json!({"requestId": format!("request {}", index + 1), "result": way})));
    }
    expected.push(late_answer(stage, &session).await);
    // A second session has no handler.
    let other = stage.session_of(1).approve_all().create().await.expect("the other session");
    assert!(matches!(other.elicit(&form).await, Err(Error::Unsupported(_))));
    expected.push(create());
    other.disconnect().await.expect("the end");
    session.disconnect().await.expect("the end");
    expected.extend([leave(stage), leave(stage)]);
    expected
}

/// An answer to a form that was not requested.
async fn late_answer(stage: &Stage, session: &Session) -> Sent {
    let accept = UiElicitationResponse::new(UiElicitationResponseAction::Accept);
    let late = UiHandlePendingElicitationRequest::new("x", accept);
    match session.rpc().ui().handle_pending_elicitation(&late).await {
        Ok(result) => assert!(!result.success && !stage.is_old()),
        Err(error) => assert!(error.is_method_not_found() && stage.is_old(), "{error}"),
    }
    request(FILLED_IN, json!({"requestId": "x", "result": {"action": "accept"}}))
}

/// Forms that the SDK's client does not send, and the recorded answer to one of them.
pub fn is_of_unsent_form(request: &Request) -> bool {
    let old = request.version == "1.0.10" && request.method == "session.ui.elicitation";
    let of_other_session = request.id >= 13 && request.method.starts_with("session.ui.");
    old || of_other_session
}
