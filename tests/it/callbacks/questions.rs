//! Questions that the CLI asks by requests: to the user, about a plan, about a model.

use copilot_session::SessionBuilder;
use copilot_session::testing::RawResponse;
use copilot_session::types::{
    AutoModeSwitchResponse, UiExitPlanModeAction, UiExitPlanModeResponse, UserInputResult,
};
use serde_json::{Value, json};

use super::{Does, Request, internal};
use crate::rig::Rig;

/// A question to the user. After a failure the model reads only that there is no answer.
#[tokio::test(start_paused = true)]
async fn user_input() {
    let request = Request {
        method: "userInput.request",
        params: json!({"question": "Red?", "choices": ["red", "blue"], "allowFreeform": true}),
        broken: json!({"question": 5}),
        handle: |session: SessionBuilder, does: Does| {
            session.on_user_input(move |_, _| does.reply_with("red"))
        },
    };
    let failed = |_: &str| internal("the user gave no answer");
    request.check(json!({"answer": "red", "wasFreeform": false}), failed, failed("")).await;
}

/// The response to a question with these choices, for this reply of the handler.
async fn answered<R>(choices: Value, reply: R) -> RawResponse
where
    R: copilot_session::IntoReply<UserInputResult> + Clone + Send + Sync + 'static,
{
    let answer = move |_, _| std::future::ready(reply.clone());
    let rig = Rig::with(|session| session.approve_all().on_user_input(answer)).await;
    assert_eq!(rig.fake.received_raw("session.create").await["requestUserInput"], true);
    rig.ask("userInput.request", json!({"question": "Which?", "choices": choices})).await
}

/// A reply is text, which may be one of the choices, a complete result, or nothing.
#[tokio::test(start_paused = true)]
async fn user_answers() {
    let choices = json!(["red", "blue"]);
    assert_eq!(answered(choices.clone(), "blue").await, Ok(json!({"answer": "blue", "wasFreeform": false})));
    assert_eq!(
        answered(choices.clone(), "pink".to_owned()).await,
        Ok(json!({"answer": "pink", "wasFreeform": true}))
    );
    assert_eq!(answered(Value::Null, Some("")).await, Ok(json!({"answer": "", "wasFreeform": true})));
    assert_eq!(answered(choices.clone(), None::<String>).await, internal("the user gave no answer"));
    assert_eq!(
        answered(choices.clone(), Ok::<_, String>("red")).await,
        Ok(json!({"answer": "red", "wasFreeform": false}))
    );
    let as_it_is = UserInputResult::default().answer("red").was_freeform(true);
    assert_eq!(answered(choices.clone(), as_it_is).await, Ok(json!({"answer": "red", "wasFreeform": true})));
    let nobody = UserInputResult::default().no_response(true);
    assert_eq!(answered(choices, nobody).await, Ok(json!({"noResponse": true})));
}

/// A plan to be approved. It is refused if the handler fails or the plan cannot be decoded.
#[tokio::test(start_paused = true)]
async fn exit_plan_mode() {
    let actions = json!(["interactive", "autopilot", "of the future"]);
    let request = Request {
        method: "exitPlanMode.request",
        params: json!({"summary": "Build it", "planContent": "1. build", "actions": actions, "recommendedAction": "autopilot"}),
        broken: json!({"summary": "Build it", "actions": "none", "recommendedAction": "autopilot"}),
        handle: |session, does| {
            session.on_exit_plan_mode(move |request, _| {
                assert_eq!(request.recommended_action, UiExitPlanModeAction::Autopilot);
                let reply = UiExitPlanModeResponse::new(true)
                    .selected_action(UiExitPlanModeAction::Interactive)
                    .feedback(format!("{}, one of {}", request.summary, request.actions.len()));
                does.reply_with(reply)
            })
        },
    };
    let refused =
        |_: &str| Ok(json!({"approved": false, "feedback": "the plan was neither approved nor rejected"}));
    let approved =
        json!({"approved": true, "selectedAction": "interactive", "feedback": "Build it, one of 3"});
    request.check(approved, refused, refused("")).await;
}

/// A switch of the model at a rate limit. It is refused if the handler fails.
#[tokio::test(start_paused = true)]
async fn auto_mode_switch() {
    let request = Request {
        method: "autoModeSwitch.request",
        params: json!({"errorCode": "rate_limited", "retryAfterSeconds": 1.5}),
        broken: json!({"retryAfterSeconds": "soon"}),
        handle: |session, does| {
            session.on_auto_mode_switch(move |request, _| {
                assert_eq!(request.retry_after_seconds, Some(1.5));
                does.reply_with(AutoModeSwitchResponse::YesAlways)
            })
        },
    };
    let no = |_: &str| Ok(json!({"response": "no"}));
    request.check(json!({"response": "yes_always"}), no, no("unreadable")).await;
}

/// Handlers of questions announce themselves, so that the model is offered the tools that ask.
#[tokio::test(start_paused = true)]
async fn announcements() {
    let rig = Rig::with(|session| {
        session
            .approve_all()
            .on_exit_plan_mode(|_, _| Does::Work.reply_with(UiExitPlanModeResponse::new(true)))
            .on_auto_mode_switch(|_, _| Does::Work.reply_with(AutoModeSwitchResponse::Yes))
    })
    .await;
    let config = rig.fake.received_raw("session.create").await;
    assert_eq!(
        (&config["requestExitPlanMode"], &config["requestAutoModeSwitch"]),
        (&json!(true), &json!(true))
    );
    assert_eq!((config.get("requestUserInput"), config.get("requestElicitation")), (None, None));
}
