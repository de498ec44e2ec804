//! Hooks (`hooks.invoke`).

use copilot_session::methods::client::HooksInvoke;
use copilot_session::testing::{FakeCli, RawResponse, error};
use copilot_session::types::{
    HookInvokeResponse, PermissionRequestHookInput, PermissionRequestHookOutput, PostToolUseHookInput,
    PostToolUseHookOutput, PreToolUseHookInput, PreToolUseHookOutput, SessionEndHookInput,
};
use copilot_session::{OtherHook, RpcError, SessionBuilder};
use serde_json::{Value, json};

use super::{Does, FAILURES, internal};
use crate::rig::{Rig, assert_alive};

type Configure = fn(SessionBuilder, Does) -> SessionBuilder;

async fn with(configure: Configure, does: Does) -> Rig {
    Rig::with(|session| configure(session.approve_all().handler_timeout(super::LIMIT), does)).await
}

impl Rig {
    /// The response to a hook of this type.
    async fn invoke(&self, kind: &str, input: Value) -> RawResponse {
        self.ask("hooks.invoke", json!({"hookType": kind, "input": input})).await
    }
}

/// An input with these keys, beside those of every hook.
fn input(keys: Value) -> Value {
    let mut input = json!({"sessionId": "inner", "timestamp": 1_767_225_600_000_i64, "cwd": "/workspace"});
    input.as_object_mut().expect("an object").extend(keys.as_object().expect("an object").clone());
    input
}

fn before_tool() -> Value {
    input(json!({"toolName": "bash", "toolArgs": {"command": "ls"}}))
}

fn after_tool() -> Value {
    let result = json!({"textResultForLlm": "text", "resultType": "success"});
    input(json!({"toolName": "bash", "toolArgs": {}, "toolResult": result}))
}

/// The text that the model reads for a hook that failed, whatever the reason.
const FAILED: &str = "the hook that decides on it failed";

/// A refusal in the form of `preToolUse`.
fn denied(reason: &str) -> RawResponse {
    Ok(json!({"output": {"permissionDecision": "deny", "permissionDecisionReason": reason}}))
}

/// A refusal in the form of `permissionRequest`.
fn denied_permission(reason: &str) -> RawResponse {
    Ok(json!({"output": {"behavior": "deny", "message": reason}}))
}

const PRE_TOOL: Configure = |session, does| {
    session.hook(move |input: PreToolUseHookInput, _| {
        does.reply_with(PreToolUseHookOutput::allow().modified_args(json!({"was": input.tool_args})))
    })
};

/// A `preToolUse` hook that fails in any way refuses: after an error the CLI would run the tool.
#[tokio::test(start_paused = true)]
async fn pre_tool_use_fails_closed() {
    let rig = with(PRE_TOOL, Does::Work).await;
    assert_eq!(rig.fake.received_raw("session.create").await["hooks"], true);
    let allowed = json!({"permissionDecision": "allow", "modifiedArgs": {"was": {"command": "ls"}}});
    assert_eq!(rig.invoke("preToolUse", before_tool()).await, Ok(json!({"output": allowed})));
    for (does, _) in FAILURES {
        let rig = with(PRE_TOOL, does).await;
        let refused = denied(FAILED);
        assert_eq!(rig.invoke("preToolUse", before_tool()).await, refused, "{does:?}");
        assert_alive(&rig.client).await;
    }
    let refused = denied(FAILED);
    assert_eq!(rig.invoke("preToolUse", input(json!({"toolName": 5, "toolArgs": {}}))).await, refused);
    let refused = denied(FAILED);
    assert_eq!(rig.invoke("preToolUse", Value::Null).await, refused);
    assert_eq!(rig.ask("hooks.invoke", json!({"hookType": "preToolUse"})).await, refused);
}

/// An output nested deeper than the CLI can read is replaced by a refusal: the CLI would run the tool.
#[tokio::test(start_paused = true)]
async fn an_output_that_is_too_deep() {
    // The levels of the response itself and the two around this key make 120 with 118 here.
    for (levels, fits) in [(117, true), (118, true), (119, false), (120, false), (130, false)] {
        let configure = move |session: SessionBuilder| {
            session.approve_all().hook(move |_: PreToolUseHookInput, _| {
                let nested = (0..levels).fold(json!(1), |inner, _| json!([inner]));
                Does::Work.reply_with(PreToolUseHookOutput::deny("not now").modified_args(nested))
            })
        };
        let rig = Rig::with(configure).await;
        let answer = rig.invoke("preToolUse", before_tool()).await.expect("no error");
        let reason = answer["output"]["permissionDecisionReason"].as_str().expect("a reason").to_owned();
        assert_eq!(answer["output"]["permissionDecision"], "deny", "{levels}");
        assert_eq!(reason == "not now", fits, "{levels}: {reason}");
        assert!(fits || reason == FAILED, "{reason}");
    }
}

/// One handler for all hooks fails closed as well, and the one that was registered last is used.
#[tokio::test(start_paused = true)]
async fn one_handler_for_all() {
    let all = |session: SessionBuilder| {
        let fail = async |_, _| Err::<HookInvokeResponse, _>(RpcError::new(-1, "no idea"));
        session.handle::<HooksInvoke>(fail)
    };
    let rig = Rig::with(|session| all(PRE_TOOL(session.approve_all(), Does::Work))).await;
    assert_eq!(rig.invoke("preToolUse", before_tool()).await, denied(FAILED));
    assert_eq!(rig.invoke("postToolUse", after_tool()).await, Err(error(-1, "no idea")));
    let rig = Rig::with(|session| PRE_TOOL(all(session.approve_all()), Does::Work)).await;
    let answer = rig.invoke("preToolUse", before_tool()).await.expect("a response");
    assert_eq!(answer["output"]["permissionDecision"], "allow");
}

/// A `permissionRequest` hook that fails refuses, too.
#[tokio::test(start_paused = true)]
async fn permission_request_fails_closed() {
    let configure: Configure = |session, does| {
        session.hook(move |_: PermissionRequestHookInput, _| {
            does.reply_with(PermissionRequestHookOutput::default().message("fine"))
        })
    };
    let asked = input(json!({"toolName": "bash", "toolInput": {}}));
    let rig = with(configure, Does::Work).await;
    assert_eq!(
        rig.invoke("permissionRequest", asked.clone()).await,
        Ok(json!({"output": {"message": "fine"}}))
    );
    let unreadable = denied_permission(FAILED);
    assert_eq!(rig.invoke("permissionRequest", input(json!({"cwd": null}))).await, unreadable);
    for (does, _) in FAILURES {
        let rig = with(configure, does).await;
        let refused = denied_permission(FAILED);
        assert_eq!(rig.invoke("permissionRequest", asked.clone()).await, refused, "{does:?}");
    }
}

/// A hook that cannot refuse returns an error when it fails.
#[tokio::test(start_paused = true)]
async fn another_type() {
    let configure: Configure = |session, does| {
        session.hook(move |_: PostToolUseHookInput, _| {
            does.reply_with(PostToolUseHookOutput::default().additional_context("seen"))
        })
    };
    let rig = with(configure, Does::Work).await;
    assert_eq!(
        rig.invoke("postToolUse", after_tool()).await,
        Ok(json!({"output": {"additionalContext": "seen"}}))
    );
    let unreadable = internal("at $.toolName: expected a string, found true");
    assert_eq!(
        rig.invoke("postToolUse", input(json!({"toolName": true, "toolArgs": {}, "toolResult": {}}))).await,
        unreadable
    );
    for (does, reason) in FAILURES {
        let rig = with(configure, does).await;
        assert_eq!(rig.invoke("postToolUse", after_tool()).await, internal(reason), "{does:?}");
    }
}

/// A hook without a handler returns no output, as the CLI calls all types once there is one hook; so does a
/// handler that returns nothing. A request without a type is an error.
#[tokio::test(start_paused = true)]
async fn no_opinion() {
    let configure: Configure = |session, _| session.hook(async |_: SessionEndHookInput, _| {});
    let rig = with(configure, Does::Work).await;
    let ended = input(json!({"reason": "complete"}));
    assert_eq!(rig.invoke("sessionEnd", ended).await, Ok(json!({"output": {}})));
    for kind in ["preToolUse", "permissionRequest", "agentStop", "of the future"] {
        assert_eq!(rig.invoke(kind, json!({"any": 1})).await, Ok(json!({})), "{kind}");
    }
    for params in [json!({"input": {}}), json!({"hookType": 5, "input": {}})] {
        assert_eq!(rig.ask("hooks.invoke", params).await, denied(FAILED));
    }
    let rig = Rig::start().await;
    assert_eq!(rig.fake.received_raw("session.create").await.get("hooks"), None);
    let unhandled = "Unhandled method hooks.invoke";
    assert_eq!(rig.invoke("preToolUse", before_tool()).await, denied(FAILED));
    assert_eq!(rig.invoke("permissionRequest", json!({})).await, denied_permission(FAILED));
    assert_eq!(rig.invoke("postToolUse", after_tool()).await, Err(error(-32601, unhandled)));
}

const OTHER: Configure = |session, does| {
    session.hook(|_: SessionEndHookInput, _| Does::Work.reply_with(())).on_other_hook(
        move |hook: OtherHook, _| does.reply_with(json!({"of": hook.hook_type, "input": hook.input})),
    )
};

/// One handler for all types without their own, including types that the crate does not know.
#[tokio::test(start_paused = true)]
async fn other_hooks() {
    let rig = with(OTHER, Does::Work).await;
    for kind in ["of the \"future\"", "postToolUse"] {
        let answer = rig.invoke(kind, json!({"any": [1]})).await;
        assert_eq!(answer, Ok(json!({"output": {"of": kind, "input": {"any": [1]}}})));
    }
    let ended = input(json!({"reason": "complete"}));
    assert_eq!(
        rig.invoke("sessionEnd", ended).await,
        Ok(json!({"output": {}})),
        "the handler of its own type"
    );
    let silent = |session: SessionBuilder| session.approve_all().on_other_hook(async |_, _| Value::Null);
    assert_eq!(Rig::with(silent).await.invoke("agentStop", json!({})).await, Ok(json!({})));
}

/// It fails as a handler of the type would: closed, where the hook may refuse.
#[tokio::test(start_paused = true)]
async fn other_hooks_that_fail() {
    for (does, reason) in FAILURES {
        let rig = with(OTHER, does).await;
        assert_eq!(rig.invoke("preToolUse", before_tool()).await, denied(FAILED), "{does:?}");
        assert_eq!(rig.invoke("permissionRequest", input(json!({}))).await, denied_permission(FAILED));
        assert_eq!(rig.invoke("postToolUse", after_tool()).await, internal(reason));
        assert_eq!(rig.invoke("of the future", json!({})).await, denied(FAILED));
    }
}

/// The arguments of a tool are JSON, even where an old CLI sends them as a string of JSON.
#[tokio::test(start_paused = true)]
async fn arguments_of_old_versions() {
    let text = r#"{"command": "echo \"x\""}"#;
    let (string, object) = (json!(text), json!({"command": "echo \"x\""}));
    let cases = [
        ("1.0.10", &string, &object),
        ("1.0.65", &string, &object),
        ("1.0.10", &object, &object),
        ("1.0.81", &object, &object),
        ("1.0.102", &string, &string),
    ];
    for (version, sent, arrives) in cases {
        let configure = |session: SessionBuilder| PRE_TOOL(session.approve_all(), Does::Work);
        let rig = Rig::on(FakeCli::of_version(version), configure).await;
        let answer = rig.invoke("preToolUse", input(json!({"toolName": "bash", "toolArgs": sent}))).await;
        assert_eq!(answer.expect("an output")["output"]["modifiedArgs"]["was"], *arrives, "{version}");
    }
}
