//! Questions of the program to the user, as forms with one field.

use copilot_session::types::{
    UiElicitationRequest, UiElicitationResponse, UiElicitationSchema, UiElicitationSchemaPropertyBoolean,
};
use copilot_session::{Error, SessionBuilder};
use serde_json::{Value, json};

use super::Does;
use crate::rig::Rig;

/// A session whose user can be asked, and responds with this.
async fn rig(response: Value) -> Rig {
    let fake = copilot_session::testing::FakeCli::start();
    fake.on_raw("session.create", |params| {
        let id = params["sessionId"].as_str().expect("an id");
        Ok(json!({"sessionId": id, "capabilities": {"ui": {"elicitation": true}}}))
    });
    fake.on_raw("session.ui.elicitation", move |_| Ok(response.clone()));
    let configure = |session: SessionBuilder| {
        session.approve_all().on_elicitation(|_, _| Does::Work.reply_with(UiElicitationResponse::decline()))
    };
    Rig::on(fake, configure).await
}

fn accepted(answer: Value) -> Value {
    json!({"action": "accept", "content": {"answer": answer}})
}

/// Checks the form that was sent for a question.
async fn assert_sent(rig: &Rig, message: &str, field: Value) {
    let schema = json!({"type": "object", "properties": {"answer": field}, "required": ["answer"]});
    let sent = rig.of_session(json!({"message": message, "requestedSchema": schema}));
    assert_eq!(rig.fake.received_raw("session.ui.elicitation").await, sent);
}

/// Checks that the response is refused, at this place.
fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, place: &str) {
    match result {
        Err(Error::Decode { method, error, .. }) => {
            assert_eq!((&*method, error.path()), ("session.ui.elicitation", place));
        }
        other => panic!("{other:?}"),
    }
}

/// Only a yes is a yes.
#[tokio::test(start_paused = true)]
async fn confirm() {
    for (response, yes) in [
        (accepted(json!(true)), true),
        (accepted(json!(false)), false),
        (json!({"action": "decline"}), false),
        (json!({"action": "cancel"}), false),
        // A decision that has content nevertheless.
        (json!({"action": "decline", "content": {"answer": true}}), false),
    ] {
        let rig = rig(response.clone()).await;
        assert_eq!(rig.session.confirm("Go on?").await.expect("an answer"), yes, "{response}");
        assert_sent(&rig, "Go on?", json!({"type": "boolean"})).await;
    }
    for (response, place) in [
        (accepted(json!("true")), "$.content.answer"),
        (accepted(json!(1)), "$.content.answer"),
        (accepted(Value::Null), "$.content.answer"),
        (json!({"action": "accept"}), "$.content.answer"),
        (json!({"action": "of the future", "content": {"answer": true}}), "$.action"),
    ] {
        assert_refused(rig(response).await.session.confirm("Go on?").await, place);
    }
}

/// The choice is one of the options, or none.
#[tokio::test(start_paused = true)]
async fn select() {
    for (response, chosen) in [
        (accepted(json!("blue")), Some("blue")),
        (json!({"action": "decline"}), None),
        (json!({"action": "cancel"}), None),
    ] {
        let rig = rig(response.clone()).await;
        let answer = rig.session.select("Which?", ["red", "blue"]).await.expect("an answer");
        assert_eq!(answer.as_deref(), chosen, "{response}");
        assert_sent(&rig, "Which?", json!({"type": "string", "enum": ["red", "blue"]})).await;
    }
    for response in [accepted(json!("green")), accepted(json!(["blue"])), json!({"action": "accept"})] {
        let answer = rig(response).await.session.select("Which?", ["red", "blue"]).await;
        assert_refused(answer, "$.content.answer");
    }
    let rig = rig(accepted(json!(""))).await;
    let answer = rig.session.select("Which?", [""; 0]).await;
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
    assert_eq!(rig.fake.calls_raw("session.ui.elicitation").len(), 0);
}

/// A form with two fields of one name is refused before it is sent: the CLI would read only the second.
#[tokio::test(start_paused = true)]
async fn two_fields_of_one_name() {
    let rig = rig(json!({"action": "decline"})).await;
    let ask = async |fields: [&str; 3]| {
        let field = |name: &str| (name.to_owned(), UiElicitationSchemaPropertyBoolean::default().into());
        let form = UiElicitationSchema::new(fields.map(field).to_vec());
        rig.session.rpc().ui().elicitation(&UiElicitationRequest::new("Which?", form)).await
    };
    let error = ask(["tests", "docs", "tests"]).await.expect_err("two fields of one name");
    assert!(matches!(&error, Error::Invalid(text) if text.contains("\"tests\" twice")), "{error:?}");
    assert_eq!(rig.fake.calls_raw("session.ui.elicitation").len(), 0);
    ask(["tests", "docs", "code"]).await.expect("a response");
    let sent = rig.fake.calls_raw("session.ui.elicitation").pop().expect("a call");
    let fields = &sent["requestedSchema"]["properties"];
    assert_eq!(fields.as_object().map(|fields| fields.len()), Some(3), "{fields}");
}

/// The text may be empty, which is not the same as none.
#[tokio::test(start_paused = true)]
async fn input() {
    for (response, text) in [
        (accepted(json!("Ann")), Some("Ann")),
        (accepted(json!("")), Some("")),
        (json!({"action": "decline"}), None),
        (json!({"action": "cancel"}), None),
    ] {
        let rig = rig(response.clone()).await;
        let answer = rig.session.input("Who?").await.expect("an answer");
        assert_eq!(answer.as_deref(), text, "{response}");
        assert_sent(&rig, "Who?", json!({"type": "string"})).await;
    }
    for response in [accepted(json!(5)), json!({"action": "accept", "content": {}})] {
        assert_refused(rig(response).await.session.input("Who?").await, "$.content.answer");
    }
}

/// A question fails, and is not sent, if no client shows forms.
#[tokio::test(start_paused = true)]
async fn without_a_handler() {
    let rig = Rig::start().await;
    let session = &rig.session;
    let refusals = [
        session.confirm("Go on?").await.map(drop),
        session.select("Which?", ["red"]).await.map(drop),
        session.input("Who?").await.map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::Unsupported(_))), "{refusal:?}");
    }
    assert_eq!(rig.fake.calls_raw("session.ui.elicitation").len(), 0);
}
