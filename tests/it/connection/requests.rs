//! Requests of the CLI.

use copilot_session::methods::client::{HooksInvoke, SessionFsReadFile, UserInputRequest};
use copilot_session::testing::FakeCli;
use copilot_session::types::{
    HookInvokeRequest, HookInvokeResponse, LogRequest, SessionFsReadFileRequest, SessionFsReadFileResult,
    UserInputResult,
};
use copilot_session::{HandlerContext, Handles, RpcError, SessionBuilder};
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive};

/// A session whose `sessionFs.readFile` is answered by the closure.
async fn reading(read: impl Handles<SessionFsReadFile, HandlerContext>) -> Rig {
    Rig::with(|session| session.approve_all().handle::<SessionFsReadFile>(read)).await
}

impl Rig {
    /// Requests a file of the session.
    async fn read(&self, params: Value) -> Result<Value, Value> {
        let mut params = params;
        params["sessionId"] = self.session.id().into();
        self.fake.request_raw("sessionFs.readFile", params).await
    }
}

fn content(text: &str) -> SessionFsReadFileResult {
    SessionFsReadFileResult::new(text)
}

/// A handler receives typed params, and its typed result is sent as the schema has it.
#[tokio::test(start_paused = true)]
async fn a_typed_handler() {
    let rig = reading(async |request, context| {
        Ok(content(&format!("{} of {}", request.path, context.session_id())))
    })
    .await;
    let answer = rig.read(json!({"path": "/a \"b\""})).await;
    assert_eq!(answer, Ok(json!({"content": format!("/a \"b\" of {}", rig.session.id())})));
}

/// Handlers of several methods do not disturb each other, and of two for one method the last is used.
#[tokio::test(start_paused = true)]
async fn handlers_side_by_side() {
    let configure = |session: SessionBuilder| {
        session
            .approve_all()
            .handle::<UserInputRequest>(async |_, _| Ok(UserInputResult::default().answer("first")))
            .handle::<UserInputRequest>(async |request, _| {
                let choice = request.choices.and_then(|choices| choices.into_iter().next_back());
                let freeform = request.allow_freeform == Some(true);
                Ok(UserInputResult::default().answer(choice.unwrap_or_default()).was_freeform(freeform))
            })
            .handle::<HooksInvoke>(async |hook, _| {
                let output =
                    json!({"was": hook.hook_type.as_str(), "of": hook.session_id, "input": hook.input});
                Ok(HookInvokeResponse::default().output(output))
            })
    };
    let rig = Rig::with(configure).await;
    let id = rig.session.id();
    let question =
        json!({"sessionId": id, "question": "Red?", "choices": ["red", "blue"], "allowFreeform": true});
    let answer = rig.fake.request_raw("userInput.request", question).await;
    assert_eq!(answer, Ok(json!({"answer": "blue", "wasFreeform": true})));
    let hook = json!({"sessionId": id, "hookType": "preToolUse", "input": {"toolName": "bash"}});
    let answer = rig.fake.request_raw("hooks.invoke", hook).await;
    let output = json!({"was": "preToolUse", "of": id, "input": {"toolName": "bash"}});
    assert_eq!(answer, Ok(json!({"output": output})));
}

/// A method without a handler, a session of another client and a request without a session are unknown
/// methods.
#[tokio::test(start_paused = true)]
async fn unknown_methods() {
    let rig = reading(async |_, _| Ok(content("text"))).await;
    let id = rig.session.id();
    let requests = [
        ("sessionFs.stat", json!({"sessionId": id, "path": "/a"})),
        ("made.up", json!({"sessionId": id})),
        ("sessionFs.readFile", json!({"sessionId": "another", "path": "/a"})),
        ("sessionFs.readFile", json!({"sessionId": 5, "path": "/a"})),
        ("sessionFs.readFile", json!({"path": "/a"})),
        ("sessionFs.readFile", json!([])),
        ("sessionFs.readFile", Value::Null),
    ];
    for (method, params) in requests {
        let error = rig.fake.request_raw(method, params.clone()).await.expect_err("an error");
        assert_eq!(error["code"], -32601, "{method} {params}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(method)), "{error}");
    }
}

/// Params that do not fit are rejected with the path of the mismatch, and the handler is not called.
#[tokio::test(start_paused = true)]
async fn undecodable_params() {
    let rig = reading(async |_, _| panic!("not to be called")).await;
    for params in [json!({"path": 5}), json!({})] {
        let error = rig.read(params).await.expect_err("an error");
        assert_eq!(error["code"], -32602);
        assert!(error["message"].as_str().is_some_and(|text| text.contains("$.path")), "{error}");
    }
}

/// A handler that panics, before or after its first wait, fails its request.
#[tokio::test(start_paused = true)]
async fn a_panicking_handler() {
    for late in [false, true] {
        let panicking = move |_: SessionFsReadFileRequest, _: HandlerContext| async move {
            if late {
                tokio::task::yield_now().await;
            }
            panic!("a handler panics in a test")
        };
        let rig = reading(panicking).await;
        let error = rig.read(json!({"path": "/a"})).await.expect_err("an error");
        assert_eq!(error["code"], -32603);
        assert_alive(&rig.client).await;
    }
}

/// A closure that panics before it returns its future fails its request.
#[tokio::test(start_paused = true)]
async fn a_panicking_closure() {
    let rig = reading(|_, _| -> std::future::Ready<_> { panic!("a closure panics in a test") }).await;
    let error = rig.read(json!({"path": "/a"})).await.expect_err("an error");
    assert_eq!(error["code"], -32603);
    assert_alive(&rig.client).await;
}

/// The error of a handler is sent to the CLI unchanged.
#[tokio::test(start_paused = true)]
async fn a_handlers_error() {
    let rig = reading(async |_, _| {
        let mut error = RpcError::new(-32000, "no \"such\" file");
        error.data = Some(r#"{"errno": 2}"#.to_owned());
        Err(error)
    })
    .await;
    let error = rig.read(json!({"path": "/a"})).await.expect_err("an error");
    assert_eq!(error, json!({"code": -32000, "message": "no \"such\" file", "data": {"errno": 2}}));
}

/// A response that the CLI could not read, and would wait for, is replaced by an error that it can.
#[tokio::test(start_paused = true)]
async fn answers_that_cannot_be_read() {
    let handle = async |hook: HookInvokeRequest, _: HandlerContext| {
        if hook.hook_type.as_str() == "postToolUse" {
            let nested = (0..130).fold(json!(1), |inner, _| json!([inner]));
            return Ok(HookInvokeResponse::default().output(nested));
        }
        let mut error = RpcError::new(-32000, "no luck");
        error.data = Some("not JSON".to_owned());
        Err(error)
    };
    let rig = Rig::with(|session| session.approve_all().handle::<HooksInvoke>(handle)).await;
    let hook = |kind: &str| json!({"sessionId": rig.session.id(), "hookType": kind, "input": {}});
    let error = rig.fake.request_raw("hooks.invoke", hook("postToolUse")).await.expect_err("too deep");
    assert_eq!(error["code"], -32603);
    assert!(error["message"].as_str().is_some_and(|text| text.contains("120 levels")), "{error}");
    let error = rig.fake.request_raw("hooks.invoke", hook("sessionEnd")).await.expect_err("an error");
    assert_eq!(error, json!({"code": -32000, "message": "no luck", "data": "not JSON"}));
}

/// A handler may call the CLI and wait for the response: it blocks neither the reader nor other handlers.
#[tokio::test(start_paused = true)]
async fn a_handler_that_calls() {
    let rig = reading(async |request, context| {
        if request.path == "/slow" {
            let line = context.rpc().log(&LogRequest::new("reading")).await;
            return Ok(content(&line.expect("an answer").event_id));
        }
        Ok(content("at once"))
    })
    .await;
    rig.fake.hold("session.log");
    let meanwhile = async {
        let call = rig.fake.received_call("session.log").await;
        assert_eq!(call.params, json!({"sessionId": rig.session.id(), "message": "reading"}));
        assert_eq!(rig.read(json!({"path": "/fast"})).await, Ok(json!({"content": "at once"})));
        rig.fake.reply(&call, Ok(json!({"eventId": "line 1"})));
    };
    let (slow, ()) = tokio::join!(rig.read(json!({"path": "/slow"})), meanwhile);
    assert_eq!(slow, Ok(json!({"content": "line 1"})));
}

/// The id of a request comes back unchanged, whatever its type.
#[tokio::test(start_paused = true)]
async fn ids_of_requests() {
    let rig = reading(async |_, _| Ok(content("text"))).await;
    for id in [json!("a-1"), json!("\"quoted\""), json!(0), json!(-7), json!(1e3), Value::Null] {
        let params = json!({"sessionId": rig.session.id(), "path": "/a"});
        let answer = rig.fake.request_as(id, "sessionFs.readFile", params).await;
        assert_eq!(answer, Ok(json!({"content": "text"})));
    }
}

/// Requests may come before the response to `session.create`, and are answered.
#[tokio::test(start_paused = true)]
async fn requests_before_the_session_is_made() {
    let fake = FakeCli::start();
    let client = crate::rig::connect(&fake).await;
    fake.hold("session.create");
    let making = client
        .session()
        .approve_all()
        .handle::<SessionFsReadFile>(async |request, _| Ok(content(&request.path)))
        .create();
    let asking = async {
        let call = fake.received_call("session.create").await;
        let id = &call.params["sessionId"];
        let answer = fake.request_raw("sessionFs.readFile", json!({"sessionId": id, "path": "/a"})).await;
        assert_eq!(answer, Ok(json!({"content": "/a"})));
        fake.reply(&call, Ok(json!({"sessionId": id})));
    };
    let (session, ()) = tokio::join!(making, asking);
    session.expect("the session");
}
