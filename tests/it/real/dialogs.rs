//! Questions to the user: with and without choices, about plans, forms, slash commands.

use std::sync::{Arc, Mutex};

use copilot_session::types::{
    ElicitationRequestedData, ExecuteCommandParams, SessionMode, UiElicitationRequest, UiElicitationResponse,
    UiExitPlanModeResponse,
};
use copilot_session::{Error, SessionBuilder, SessionEventData};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::rig::{Rig, ask, prompt, soon};

fn question() -> Reply {
    let arguments = json!({ "question": "Tea or coffee?", "choices": ["tea", "coffee"] });
    Reply::tool_call("ask_user", arguments)
}

/// A question is answered with one of its choices, then with other text, then not at all.
#[tokio::test]
async fn questions_are_answered() {
    let rig = Rig::start(Script::replies([question(), question(), question(), Reply::text("I see.")])).await;
    let answers = Arc::new(Mutex::new(vec![None, Some("cocoa"), Some("tea")]));
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().on_user_input(move |question, context| {
            assert_eq!(question.question, "Tea or coffee?");
            assert_eq!(question.choices.unwrap_or_default(), ["tea", "coffee"]);
            assert!(!context.session_id().is_empty());
            let answer = answers.lock().unwrap().pop().expect("no more than three questions");
            async move { answer }
        })
    });
    let session = session.await;
    assert_eq!(ask(&session, "Ask me.").await.expect("an answer").text(), "I see.");
    let results: Vec<_> = rig.model.requests()[3].tool_results().into_iter().map(|(_, text)| text).collect();
    assert!(results[0].contains("User selected: tea"), "{results:?}");
    assert!(results[1].contains("User responded: cocoa"), "{results:?}");
    assert!(results[2].contains("unable to respond"), "{results:?}");
    rig.finish().await;
}

/// Without a handler for questions, the model has no tool to ask them with.
#[tokio::test]
async fn no_questions_without_a_handler() {
    let rig = Rig::start(Script::replies([Reply::text("Fine.")])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    ask(&session, "Anything to ask?").await.expect("an answer");
    assert!(!rig.model.requests()[0].tool_names().contains(&"ask_user".to_owned()));
    rig.finish().await;
}

/// A plan is refused with a reason, which the model reads, and then accepted.
#[tokio::test]
async fn plans_are_decided_on() {
    let plan = |text: &str| Reply::tool_call("exit_plan_mode", json!({ "summary": text }));
    let script = [plan("Burn it down."), plan("Paint it."), Reply::text("Painted.")];
    let rig = Rig::start(Script::replies(script)).await;
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().on_exit_plan_mode(async |plan, _| match plan.summary.contains("Burn") {
            true => UiExitPlanModeResponse::new(false).feedback("not so fast"),
            false => UiExitPlanModeResponse::new(true),
        })
    });
    let session = session.await;
    let planning = copilot_session::types::ModeSetRequest::new(SessionMode::Plan);
    soon("the mode", session.rpc().mode().set(&planning)).await.expect("plan mode");
    assert_eq!(ask(&session, "Make a plan.").await.expect("an answer").text(), "Painted.");
    let results = rig.model.requests()[2].tool_results();
    assert!(results[0].1.contains("not so fast"), "{results:?}");
    let mode = soon("the mode", session.rpc().mode().get()).await.expect("a mode");
    assert_ne!(mode.as_str(), "plan");
    rig.finish().await;
}

/// A form whose fields are not in the order of the alphabet.
fn form() -> UiElicitationRequest {
    let schema = r#"{
        "type": "object",
        "properties": { "nights": { "type": "integer" }, "city": { "type": "string" } },
        "required": ["city"]
    }"#;
    let schema = copilot_session::wire::from_json(schema).expect("a form's schema");
    UiElicitationRequest::new("Where to?", schema)
}

/// The CLI passes a form to the handler, with the fields in their order, and the handler fills it in.
#[tokio::test]
async fn forms_are_filled_in() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().on_elicitation(async |form: ElicitationRequestedData, _| {
            let fields = form.requested_schema.map(|schema| schema.properties).unwrap_or_default();
            let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
            match (form.message.as_str(), names.as_slice()) {
                ("Where to?", ["nights", "city"]) => UiElicitationResponse::accept([("city", "Oslo")]),
                _ => UiElicitationResponse::decline(),
            }
        })
    });
    let session = session.await;
    assert!(session.capabilities().elicitation);
    let filled = soon("the form", session.elicit(&form())).await.expect("a response");
    assert_eq!(copilot_session::wire::to_json(&filled), r#"{"action":"accept","content":{"city":"Oslo"}}"#);
    rig.finish().await;
}

/// Questions reach the handler as forms with one field, and its answers come back; so do a refusal and a closed form.
#[tokio::test]
async fn single_questions() {
    let rig = Rig::start(Script::replies([])).await;
    fn accept(value: impl Into<serde_json::Value>) -> UiElicitationResponse {
        UiElicitationResponse::accept([("answer", value)])
    }
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().on_elicitation(async |form: ElicitationRequestedData, _| match &*form.message {
            "Go on?" => accept(true),
            "Stop?" => accept(false),
            "Which?" => accept("blue"),
            "Which else?" => accept("green"),
            "Who?" => accept("Ann"),
            "How?" => UiElicitationResponse::decline(),
            _ => UiElicitationResponse::cancel(),
        })
    });
    let session = session.await;
    let some = |text: &str| Some(text.to_owned());
    assert!(soon("a question", session.confirm("Go on?")).await.expect("an answer"));
    for question in ["Stop?", "How?", "Why?"] {
        assert!(!soon("a question", session.confirm(question)).await.expect("an answer"), "{question}");
    }
    let colors = ["red", "blue"];
    for (question, answer) in [("Which?", some("blue")), ("How?", None), ("Why?", None)] {
        assert_eq!(soon("a choice", session.select(question, colors)).await.expect("an answer"), answer);
    }
    for (question, answer) in [("Who?", some("Ann")), ("How?", None), ("Why?", None)] {
        assert_eq!(soon("a line", session.input(question)).await.expect("an answer"), answer);
    }
    // The CLI does not compare the answer with the form.
    let error = soon("a choice", session.select("Which else?", colors)).await.expect_err("no such option");
    assert!(matches!(error, Error::Decode { .. }), "{error}");
    rig.finish().await;
}

/// A form without a handler is an error at once: the CLI itself would wait for ever.
#[tokio::test]
async fn a_form_without_a_handler() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    assert!(!session.capabilities().elicitation);
    let error = soon("the form", session.elicit(&form())).await.expect_err("no handler");
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    rig.finish().await;
}

/// A slash command calls its handler, and its caller learns of a failure.
#[tokio::test]
async fn slash_commands_run() {
    let rig = Rig::start(Script::replies([])).await;
    let run = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&run);
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all()
            .command("deploy", "Deploys it", move |call, _| {
                seen.lock().unwrap().push(call.args);
                async {}
            })
            .command("undeploy", "Takes it back", async |_, _| Err::<(), _>("there is no way back"))
    });
    let session = session.await;
    let command = |name: &str, arguments: &str| ExecuteCommandParams::new(name, arguments);
    let done = soon("the command", session.rpc().commands().execute(&command("deploy", "to production")));
    assert_eq!(done.await.expect("a response").error, None);
    assert_eq!(*run.lock().unwrap(), ["to production"]);
    let failed = soon("the command", session.rpc().commands().execute(&command("undeploy", ""))).await;
    let failed = failed.expect("a response").error.expect("its failure");
    assert!(failed.contains("there is no way back"), "{failed}");
    rig.finish().await;
}

/// A question that is still open when the turn is aborted does not block the session.
#[tokio::test]
async fn a_question_outlives_its_turn() {
    let rig = Rig::start(Script::replies([question(), Reply::text("Again.")])).await;
    let (asked, answer) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&answer));
    let session = rig.session(|new: SessionBuilder| {
        new.deny_all().on_user_input(move |_, _| {
            let wait = Arc::clone(&wait);
            tell.notify_one();
            async move {
                wait.notified().await;
                "too late"
            }
        })
    });
    let session = session.await;
    let turn = prompt(&session, "Ask me.").await;
    soon("the question", asked.notified()).await;
    soon("the abort", session.abort()).await.expect("an abort");
    let mut turn = turn;
    let mut aborted = false;
    while let Some(event) = soon("the turn's end", turn.next()).await {
        aborted |= matches!(event.data(), SessionEventData::Abort(_));
    }
    assert!(aborted);
    answer.notify_one();
    assert_eq!(ask(&session, "Once more.").await.expect("an answer").text(), "Again.");
    rig.finish().await;
}
