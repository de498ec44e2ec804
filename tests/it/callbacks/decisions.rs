//! Decisions on permission requests, in the words of new and of old CLIs.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::{
    PermissionDecision, PermissionDecisionContext, PermissionDecisionOutcome, PermissionDecisionSource,
    PermissionDecisionSurface,
};
use copilot_session::wire::from_json;
use copilot_session::{Decision, PermissionRequest, SessionBuilder};
use serde_json::{Value, json};

use super::{Broadcast, Does, FAILURES};
use crate::rig::Rig;

const ANSWER: &str = "session.permissions.handlePendingPermissionRequest";
const NEW: &str = "1.0.102";
const OLD: &str = "1.0.10";

fn url() -> Value {
    json!({"kind": "url", "intention": "Read it", "url": "https://example.com"})
}

fn deciding(session: SessionBuilder, does: Does) -> SessionBuilder {
    session.on_permission(move |_, _| does.then(Decision::approve()))
}

/// The fields of the answer to a request that is decided like this, beside the ids.
async fn decided(
    version: &str,
    request: Value,
    decide: impl Fn(&PermissionRequest) -> Decision + Send + Sync + 'static,
) -> Value {
    let configure = |session: SessionBuilder| {
        session.on_permission(move |request, _| std::future::ready(decide(&request)))
    };
    let rig = Rig::on(FakeCli::of_version(version), configure).await;
    let mut sent = rig.sent_after(say::permission("1", request)).await;
    let (method, mut params) = sent.pop().expect("an answer");
    assert_eq!((sent.len(), &*method), (0, ANSWER));
    let ids = params.as_object_mut().expect("an object");
    assert_eq!(ids.remove("sessionId"), Some(rig.session.id().into()));
    assert_eq!(ids.remove("requestId"), Some("1".into()));
    params
}

/// A request for leave: everything but a decision refuses.
#[tokio::test(start_paused = true)]
async fn fails_closed() {
    let broadcast = Broadcast {
        event: "permission.requested",
        data: json!({"permissionRequest": url()}),
        broken: json!({"permissionRequest": {"kind": "url", "url": 5}}),
        handle: deciding,
        method: ANSWER,
    };
    let refused = |reason: &str| {
        let reason = reason.replace("the request", "the permission request");
        json!({"result": {"kind": "reject", "feedback": format!("the permission handler failed: {reason}")}})
    };
    for (does, fields) in [(Does::Work, json!({"result": {"kind": "approve-once"}}))]
        .into_iter()
        .chain(FAILURES.map(|(does, text)| (does, refused(text))))
    {
        let rig = broadcast.rig(does).await;
        let asked = broadcast.event_of(&broadcast.data, "1");
        assert_eq!(rig.sent_after(asked).await, broadcast.answer(&rig, "1", &fields), "{does:?}");
        let broken = rig.sent_after(broadcast.event_of(&broadcast.broken, "2")).await;
        let fields = refused("the request could not be read: at $.url: expected a string, found 5");
        assert_eq!(broken, broadcast.answer(&rig, "2", &fields));
    }
    let rig = broadcast.rig(Does::Work).await;
    for event in [json!({"type": "permission.requested"}), broadcast.event_of(&broadcast.data, json!(5))] {
        assert_eq!(rig.sent_after(event.clone()).await, [], "{event}");
    }
}

/// The same in the words of old CLIs.
#[tokio::test(start_paused = true)]
async fn fails_closed_in_old_words() {
    for (does, reason) in FAILURES {
        let rig =
            Rig::on(FakeCli::of_version(OLD), |session| deciding(session.handler_limit(super::LIMIT), does))
                .await;
        let feedback = format!("the permission handler failed: {reason}");
        let params = json!({
            "sessionId": rig.session.id(), "requestId": "1",
            "result": {"kind": "denied-interactively-by-user", "feedback": feedback},
        });
        assert_eq!(
            rig.sent_after(say::permission("1", url())).await,
            [(ANSWER.to_owned(), params)],
            "{does:?}"
        );
    }
}

/// How a decision was come to goes with it, to CLIs that take it.
#[tokio::test(start_paused = true)]
async fn the_context_of_a_decision() {
    let with_context = |decision: Decision| {
        move |_: &PermissionRequest| {
            decision.clone().context(&PermissionDecisionContext::new(
                PermissionDecisionOutcome::PromptedUser,
                PermissionDecisionSource::HumanResponse,
                PermissionDecisionSurface::Sdk,
            ))
        }
    };
    let context = json!({"outcome": "prompted_user", "source": "human_response", "surface": "sdk"});
    let approved = decided(NEW, url(), with_context(Decision::approve())).await;
    assert_eq!(approved, json!({"result": {"kind": "approve-once"}, "decisionContext": context}));
    let denied = decided(NEW, url(), with_context(Decision::deny("no"))).await;
    assert_eq!(denied, json!({"result": {"kind": "reject", "feedback": "no"}, "decisionContext": context}));
    let old = decided(OLD, url(), with_context(Decision::approve())).await;
    assert_eq!(old, json!({"result": {"kind": "approved"}}));
}

/// What is approved for the session, by the kind of the request. Old CLIs know no such approval.
#[tokio::test(start_paused = true)]
async fn for_the_session() {
    let shell = |offered: bool| {
        json!({
            "kind": "shell", "fullCommandText": "ls && cat a", "intention": "look", "canOfferSessionApproval": offered,
            "commands": [{"identifier": "ls", "readOnly": true}, {"identifier": "cat", "readOnly": true}],
            "possiblePaths": [], "possibleUrls": [], "hasWriteFileRedirection": false,
        })
    };
    let write = json!({"kind": "write", "intention": "Write", "fileName": "a", "diff": "", "canOfferSessionApproval": true});
    let mcp = json!({"kind": "mcp", "serverName": "toy", "toolName": "toy-ask", "toolTitle": "ask", "readOnly": false});
    let custom = json!({"kind": "custom-tool", "toolName": "lookup", "toolDescription": "Looks up"});
    let cases = [
        (shell(true), Some(json!({"kind": "commands", "commandIdentifiers": ["ls", "cat"]}))),
        (shell(false), None),
        (write, Some(json!({"kind": "write"}))),
        (json!({"kind": "read", "intention": "Read", "path": "a"}), Some(json!({"kind": "read"}))),
        (mcp, Some(json!({"kind": "mcp", "serverName": "toy", "toolName": "toy-ask"}))),
        (custom, Some(json!({"kind": "custom-tool", "toolName": "lookup"}))),
        (url(), None),
        (json!({"kind": "memory", "fact": "it rains"}), None),
        (json!({"kind": "hook", "toolName": "bash"}), None),
        (json!({"kind": "of the future"}), None),
    ];
    for (request, approval) in cases {
        let once = json!({"kind": "approve-once"});
        let expected =
            approval.map_or(once, |approval| json!({"kind": "approve-for-session", "approval": approval}));
        let answer = decided(NEW, request.clone(), PermissionRequest::approve_for_session).await;
        assert_eq!(answer, json!({ "result": expected }), "{request}");
        let answer = decided(OLD, request.clone(), PermissionRequest::approve_for_session).await;
        assert_eq!(answer, json!({"result": {"kind": "approved"}}), "{request}");
    }
}

/// Any decision of the protocol goes out as it is; an old CLI is told its gist, and never more than that.
#[tokio::test(start_paused = true)]
async fn any_decision() {
    let approval = json!({"kind": "write"});
    let (approved, denied) = ("approved", "denied-interactively-by-user");
    let cases = [
        (
            json!({"kind": "approve-for-location", "approval": approval, "locationKey": "/workspace"}),
            approved,
        ),
        (json!({"kind": "approve-permanently", "domain": "example.com"}), approved),
        (json!({"kind": "reject", "feedback": "no"}), denied),
        (json!({"kind": "user-not-available"}), denied),
        (json!({"kind": "cancelled", "reason": "late"}), denied),
        (json!({"kind": "of the future", "because": [1]}), denied),
    ];
    for (decision, old) in cases {
        let exact = || from_json::<PermissionDecision>(&decision.to_string()).expect("a decision");
        let (new_exact, old_exact) = (exact(), exact());
        let answer = decided(NEW, url(), move |_| new_exact.clone().into()).await;
        assert_eq!(answer, json!({ "result": decision }));
        let answer = decided(OLD, url(), move |_| old_exact.clone().into()).await;
        assert_eq!(answer["result"]["kind"], old, "{decision}");
    }
}
