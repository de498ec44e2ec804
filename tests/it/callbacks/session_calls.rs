//! Calls of a session other than prompts.

use copilot_session::testing::{FakeCli, error, events as say};
use copilot_session::types::{
    LogRequest, ModelSwitchToRequest, SessionLogLevel, UiElicitationRequest, UiElicitationResponse,
    UiElicitationSchema,
};
use copilot_session::{Error, Feature, Session, SessionBuilder, Tool};
use serde_json::{Value, json};

use super::Does;
use crate::rig::{Rig, new_request_id};

const SET: &str = "session.tools.set";
const ANSWER: &str = "session.tools.handlePendingToolCall";

/// A tool that returns this text.
fn tool(name: &str, text: &'static str) -> Tool {
    Tool::with_schema(name, "A tool", json!({"type": "object"}), move |_: Value, _| std::future::ready(text))
}

impl Rig {
    /// These keys, and the session's id.
    pub(super) fn of_session(&self, keys: Value) -> Value {
        let mut params = keys;
        params["sessionId"] = self.session.id().into();
        params
    }

    /// The result that a call of this tool returns now; none if the session has no such tool.
    async fn text_of(&self, tool: &str) -> Option<String> {
        let sent =
            self.sent_after(say::tool_call(self.session.id(), &new_request_id(), tool, json!({}))).await;
        let (method, params) = sent.into_iter().next()?;
        assert_eq!(method, ANSWER);
        Some(params["result"]["textResultForLlm"].as_str().expect("a text").to_owned())
    }
}

/// An abort calls the CLI, and a result in which the CLI reports a failure is an error.
#[tokio::test(start_paused = true)]
async fn abort() {
    let rig = Rig::start().await;
    rig.session.abort().await.expect("the abort");
    assert_eq!(rig.fake.received_raw("session.abort").await, rig.of_session(json!({})));
    rig.fake.on_raw("session.abort", |_| Ok(json!({"success": false, "error": "no turn"})));
    let refused = rig.session.abort().await.expect_err("a refusal");
    assert!(
        matches!(&refused, Error::Refused { method, reason, .. } if method == "session.abort" && reason == "no turn")
    );
    rig.fake.on_raw("session.abort", |_| Ok(Value::Null));
    rig.session.abort().await.expect("the abort of an old CLI, whose result is empty");
    rig.fake.on_raw("session.abort", |_| Err(error(-32603, "no")));
    assert_eq!(rig.session.abort().await.expect_err("an error").code(), Some(-32603));
}

#[tokio::test(start_paused = true)]
async fn set_model() {
    let rig = Rig::start().await;
    rig.fake.on_raw("session.model.switchTo", |params| Ok(json!({"modelId": params["modelId"]})));
    let switched = rig.session.set_model(&"gpt-5".to_owned()).await.expect("the switch");
    assert_eq!(switched.model_id.as_deref(), Some("gpt-5"));
    assert_eq!(
        rig.fake.received_raw("session.model.switchTo").await,
        rig.of_session(json!({"modelId": "gpt-5"}))
    );
    let detailed = ModelSwitchToRequest::new("o3").reasoning_effort(Some("high".to_owned()));
    rig.session.set_model(detailed).await.expect("the switch");
    let sent = rig.of_session(json!({"modelId": "o3", "reasoningEffort": "high"}));
    assert_eq!(rig.fake.received_raw("session.model.switchTo").await, sent);
    rig.fake.on_raw("session.model.switchTo", |_| Err(error(-32603, "no such model")));
    assert_eq!(rig.session.set_model("x".to_owned()).await.expect_err("an error").code(), Some(-32603));
}

#[tokio::test(start_paused = true)]
async fn log() {
    let rig = Rig::start().await;
    rig.fake.on_raw("session.log", |_| Ok(json!({"eventId": "line 1"})));
    assert_eq!(rig.session.log("a \"line\"").await.expect("the line"), "line 1");
    assert_eq!(rig.fake.received_raw("session.log").await, rig.of_session(json!({"message": "a \"line\""})));
    let detailed = LogRequest::new("careful").level(SessionLogLevel::Warning).ephemeral(true);
    rig.session.log(detailed).await.expect("the line");
    let sent = rig.of_session(json!({"message": "careful", "level": "warning", "ephemeral": true}));
    assert_eq!(rig.fake.received_raw("session.log").await, sent);
}

/// New tools can be called before the CLI has confirmed them, old ones until then, and a call that has begun
/// is answered.
#[tokio::test(start_paused = true)]
async fn set_tools() {
    let configure =
        |session: SessionBuilder| session.approve_all().tool(tool("a", "old a")).tool(tool("b", "old b"));
    let rig = Rig::with(configure).await;
    rig.fake.hold(SET);
    let setting = rig.session.set_tools([tool("b", "new b"), tool("c", "new c")]);
    let meanwhile = async {
        let call = rig.fake.received_call(SET).await;
        let mut names: Vec<_> =
            call.params["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].clone()).collect();
        names.sort_by_key(Value::to_string);
        assert_eq!(names, [json!("b"), json!("c")]);
        let declared = &call.params["tools"][0];
        assert_eq!(
            (&declared["description"], &declared["parameters"]),
            (&json!("A tool"), &json!({"type": "object"}))
        );
        assert_eq!(call.params, rig.of_session(json!({"tools": call.params["tools"]})));
        assert_eq!(rig.text_of("a").await.as_deref(), Some("old a"));
        assert_eq!(rig.text_of("b").await.as_deref(), Some("new b"));
        assert_eq!(rig.text_of("c").await.as_deref(), Some("new c"));
        rig.fake.reply(&call, Ok(json!({})));
    };
    let (set, ()) = tokio::join!(setting, meanwhile);
    set.expect("the new tools");
    assert_eq!(rig.text_of("a").await, None, "the old tool is still there");
    assert_eq!(rig.text_of("c").await.as_deref(), Some("new c"));
    rig.fake.on_raw(SET, |_| Ok(json!({})));
    rig.session.set_tools([]).await.expect("no tools");
    assert_eq!(rig.fake.calls_raw(SET).last(), Some(&rig.of_session(json!({"tools": []}))));
    assert_eq!(rig.text_of("c").await, None);
}

/// Tools that the CLI or the crate rejects do not replace the current ones.
#[tokio::test(start_paused = true)]
async fn tools_that_are_refused() {
    let rig = Rig::with(|session| session.approve_all().tool(tool("a", "old a"))).await;
    rig.fake.on_raw(SET, |_| Err(error(-32603, "no")));
    assert_eq!(rig.session.set_tools([tool("b", "new b")]).await.expect_err("an error").code(), Some(-32603));
    let twice = rig.session.set_tools([tool("b", ""), tool("b", "")]).await;
    assert!(matches!(twice, Err(Error::Invalid(text)) if text.contains("two tools are named b")));
    let nameless = rig.session.set_tools([tool("two words", "")]).await;
    assert!(matches!(nameless, Err(Error::Invalid(text)) if text.contains("two words")));
    assert_eq!(rig.fake.calls_raw(SET).len(), 1, "invalid tools were sent");
    assert_eq!(rig.text_of("a").await.as_deref(), Some("old a"));
    assert_eq!(rig.text_of("b").await, None);
}

/// After a call whose caller gives up, both sets of tools work.
#[tokio::test(start_paused = true)]
async fn a_call_given_up_by_its_caller() {
    let rig = Rig::with(|session| session.approve_all().tool(tool("a", "old a"))).await;
    rig.fake.hold(SET);
    let setting = rig.session.set_tools([tool("b", "new b")]);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), setting).await.is_err());
    // It is not known if the CLI will replace them, so both can be called.
    assert_eq!(rig.text_of("a").await.as_deref(), Some("old a"));
    assert_eq!(rig.text_of("b").await.as_deref(), Some("new b"));
}

/// Two calls at once are made one after the other: the tools of the last one are in place.
#[tokio::test(start_paused = true)]
async fn tools_that_are_set_twice() {
    let rig = Rig::start().await;
    rig.fake.hold(SET);
    let answering = async {
        let first = rig.fake.received_call(SET).await;
        rig.fake.settle().await;
        assert_eq!(rig.fake.calls_raw(SET).len(), 1, "the second did not wait for the first");
        rig.fake.reply(&first, Ok(json!({})));
        let second = rig.fake.received_call(SET).await;
        assert_eq!(
            rig.text_of("a").await.as_deref(),
            Some("old a"),
            "the new tool is used before the CLI confirms it"
        );
        assert_eq!(rig.text_of("b").await.as_deref(), Some("new b"));
        rig.fake.reply(&second, Ok(json!({})));
    };
    let first = rig.session.set_tools([tool("a", "old a")]);
    let second = rig.session.set_tools([tool("b", "new b")]);
    let (first, second, ()) = tokio::join!(first, second, answering);
    first.and(second).expect("the tools");
    assert_eq!(rig.text_of("a").await, None);
    assert_eq!(rig.text_of("b").await.as_deref(), Some("new b"));
}

/// A CLI that cannot replace tools is not asked to.
#[tokio::test(start_paused = true)]
async fn tools_of_old_versions() {
    for (version, can) in [("1.0.10", false), ("1.0.65", false), ("1.0.81", true)] {
        let rig = Rig::on(FakeCli::of_version(version), SessionBuilder::approve_all).await;
        rig.fake.on_raw(SET, |_| Ok(json!({})));
        let set = rig.session.set_tools([tool("a", "")]).await;
        assert_eq!(rig.fake.calls_raw(SET).len(), usize::from(can), "{version}");
        match set {
            Ok(()) => assert!(can, "{version}"),
            Err(Error::Unsupported(what)) => {
                assert!(!can && what.reason.contains(version), "{what}");
                assert_eq!(what.feature, Some(Feature::ReplaceTools));
            }
            Err(other) => panic!("{version}: {other:?}"),
        }
    }
}

/// The capabilities are those of the last response or event, of which some may come before the response.
#[tokio::test(start_paused = true)]
async fn capabilities() {
    let fake = FakeCli::start();
    let events = fake.clone();
    fake.on_raw("session.create", move |params| {
        let id = params["sessionId"].as_str().expect("an id");
        events.emit(id, say::event("capabilities.changed", json!({"ui": {"mcpApps": true}})));
        Ok(json!({"sessionId": id, "capabilities": {"ui": {"elicitation": true, "mcpApps": false}}}))
    });
    let rig = Rig::on(fake, SessionBuilder::approve_all).await;
    let known = rig.session.capabilities();
    assert_eq!(
        (known.elicitation, known.mcp_apps, known.canvases, known.extensions),
        (true, true, false, false)
    );
    rig.emit(say::event(
        "capabilities.changed",
        json!({"ui": {"elicitation": false, "canvases": true}, "extensions": true}),
    ));
    rig.emit(say::event("capabilities.changed", json!({"ui": {"canvases": "of the future"}})));
    rig.fake.settle().await;
    let known = rig.session.capabilities();
    assert_eq!(
        (known.elicitation, known.mcp_apps, known.canvases, known.extensions),
        (false, true, true, true)
    );
}

/// A form is sent if a client can fill it in. Otherwise the CLI would never answer, so it is not sent.
#[tokio::test(start_paused = true)]
async fn elicit() {
    let rig = Rig::with(|session| {
        session.approve_all().on_elicitation(|_, _| Does::Work.reply_with(UiElicitationResponse::decline()))
    })
    .await;
    let form = UiElicitationRequest::new("Who?", UiElicitationSchema::new(Default::default()));
    let refused = rig.session.elicit(&form).await;
    assert!(
        matches!(&refused, Err(Error::Unsupported(what)) if what.reason.contains("on_elicitation")),
        "{refused:?}"
    );
    assert_eq!(rig.fake.calls_raw("session.ui.elicitation").len(), 0);
    rig.emit(say::event("capabilities.changed", json!({"ui": {"elicitation": true}})));
    rig.fake.settle().await;
    rig.fake
        .on_raw("session.ui.elicitation", |_| Ok(json!({"action": "accept", "content": {"name": "Ann"}})));
    let answer = rig.session.elicit(&form).await.expect("a response");
    let answer = serde_json::to_value(answer).expect("JSON");
    assert_eq!(answer, json!({"action": "accept", "content": {"name": "Ann"}}));
    let schema = json!({"type": "object", "properties": {}});
    let sent = rig.of_session(json!({"message": "Who?", "requestedSchema": schema}));
    assert_eq!(rig.fake.received_raw("session.ui.elicitation").await, sent);
}

/// The method of a disconnect depends on the version of the CLI. A second disconnect sends nothing.
#[tokio::test(start_paused = true)]
async fn disconnect() {
    for (version, method) in
        [("1.0.10", "session.destroy"), ("1.0.65", "session.destroy"), ("1.0.81", "session.detach")]
    {
        let rig = Rig::on(FakeCli::of_version(version), SessionBuilder::approve_all).await;
        rig.session.disconnect().await.expect("the end");
        assert_eq!(rig.fake.received_raw(method).await, rig.of_session(json!({})), "{version}");
        rig.session.disconnect().await.expect("nothing more to do");
        let goodbyes = rig
            .fake
            .methods()
            .into_iter()
            .filter(|sent| sent.ends_with("destroy") || sent.ends_with("detach"));
        assert_eq!(goodbyes.collect::<Vec<_>>(), [method]);
    }
}

/// A session that has ended makes no calls.
#[tokio::test(start_paused = true)]
async fn after_the_end() {
    let rig = Rig::start().await;
    rig.session.disconnect().await.expect("the end");
    let sent = rig.fake.methods();
    let session: &Session = &rig.session;
    let form = UiElicitationRequest::new("Who?", UiElicitationSchema::new(Default::default()));
    let errors = [
        session.abort().await,
        session.set_model("gpt-5").await.map(drop),
        session.log("a line").await.map(drop),
        session.set_tools([]).await,
        session.elicit(&form).await.map(drop),
    ];
    for result in errors {
        assert!(matches!(result, Err(Error::SessionEnded)), "{result:?}");
    }
    assert_eq!(rig.fake.methods(), sent);
}
