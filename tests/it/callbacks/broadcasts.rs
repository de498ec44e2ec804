//! Event requests of every kind, and the call that answers each.

use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{
    McpHeadersHandlePendingHeadersRefreshRequest, McpHeadersHandlePendingHeadersRefreshRequestHeaders,
    McpOauthPendingRequestResponse, McpOauthPendingRequestResponseToken, UiElicitationResponse,
    UiHandlePendingSamplingResponse, UiSessionLimitsExhaustedResponse,
    UiSessionLimitsExhaustedResponseAction,
};
use copilot_session::{Error, SessionBuilder, Tool};
use serde_json::json;

use super::{Broadcast, Does};
use crate::rig::{Rig, assert_alive, connect};

/// A form (`elicitation.requested`): it is cancelled if the handler fails.
#[tokio::test(start_paused = true)]
async fn elicitation() {
    let broadcast = Broadcast {
        event: "elicitation.requested",
        data: json!({"message": "Who?", "mode": "form", "requestedSchema": {"type": "object", "properties": {}}}),
        broken: json!({"message": 5}),
        handle: |session, does| {
            session.on_elicitation(move |form, _| {
                does.reply_with(UiElicitationResponse::accept([
                    ("name", json!(form.message)),
                    ("sure", json!(true)),
                ]))
            })
        },
        method: "session.ui.handlePendingElicitation",
    };
    let cancelled = |_: &str| json!({"result": {"action": "cancel"}});
    let filled_in = json!({"result": {"action": "accept", "content": {"name": "Who?", "sure": true}}});
    broadcast.check(filled_in, cancelled, "").await;
}

/// Everything a user may do with a form.
#[tokio::test(start_paused = true)]
async fn answers_to_forms() {
    let nothing: [(&str, &str); 0] = [];
    let answers = [
        (
            UiElicitationResponse::accept([("list", vec!["a", "b"])]),
            json!({"action": "accept", "content": {"list": ["a", "b"]}}),
        ),
        (UiElicitationResponse::accept(nothing), json!({"action": "accept", "content": {}})),
        (UiElicitationResponse::decline(), json!({"action": "decline"})),
        (UiElicitationResponse::cancel(), json!({"action": "cancel"})),
    ];
    for (response, expected) in answers {
        let configure = |session: SessionBuilder| {
            session.approve_all().on_elicitation(move |_, _| Does::Work.reply_with(response.clone()))
        };
        let rig = Rig::with(configure).await;
        assert_eq!(rig.fake.received_raw("session.create").await["requestElicitation"], true);
        rig.emit(json!({"type": "elicitation.requested", "data": {"requestId": "1", "message": "Who?"}}));
        assert_eq!(rig.fake.received_raw("session.ui.handlePendingElicitation").await["result"], expected);
    }
}

/// A login to an MCP server (`mcp.oauth_required`): it is cancelled if the handler fails.
#[tokio::test(start_paused = true)]
async fn mcp_oauth() {
    let broadcast = Broadcast {
        event: "mcp.oauth_required",
        data: json!({"serverName": "tracker", "serverUrl": "https://mcp.example", "reason": "initial"}),
        broken: json!({"serverName": "tracker"}),
        handle: |session, does| {
            session.on_mcp_oauth(move |request, _| {
                let token = McpOauthPendingRequestResponseToken::new(request.server_name).expires_in(60);
                does.reply_with(McpOauthPendingRequestResponse::Token(token))
            })
        },
        method: "session.mcp.oauth.handlePendingRequest",
    };
    let cancelled = |_: &str| json!({"result": {"kind": "cancelled"}});
    let token = json!({"result": {"kind": "token", "accessToken": "tracker", "expiresIn": 60}});
    broadcast.check(token, cancelled, "").await;
}

/// Headers for an MCP server: the CLI learns that the handler failed, but not why.
#[tokio::test(start_paused = true)]
async fn mcp_headers() {
    let broadcast = Broadcast {
        event: "mcp.headers_refresh_required",
        data: json!({"serverName": "tracker", "serverUrl": "https://mcp.example", "reason": "startup"}),
        broken: json!({"serverName": 5, "serverUrl": "https://mcp.example", "reason": "startup"}),
        handle: |session, does| {
            session.on_mcp_headers(move |request, _| {
                let headers = [("Authorization".to_owned(), format!("Bearer {}", request.server_name))];
                let headers =
                    McpHeadersHandlePendingHeadersRefreshRequestHeaders::new(headers.into()).ttl_ms(5);
                does.reply_with(McpHeadersHandlePendingHeadersRefreshRequest::Headers(headers))
            })
        },
        method: "session.mcp.headers.handlePendingHeadersRefreshRequest",
    };
    let failed = |_: &str| json!({"result": {"kind": "error", "message": "the headers are not available"}});
    let headers = json!({"kind": "headers", "headers": {"Authorization": "Bearer tracker"}, "ttlMs": 5});
    broadcast.check(json!({ "result": headers }), failed, "").await;
}

/// A model call of an MCP server: it is rejected if the handler fails.
#[tokio::test(start_paused = true)]
async fn sampling() {
    let broadcast = Broadcast {
        event: "sampling.requested",
        data: json!({"serverName": "tracker", "mcpRequestId": 7, "request": {"messages": []}}),
        broken: json!({"serverName": null, "mcpRequestId": 7}),
        handle: |session, does| {
            session.on_sampling(move |request, _| {
                let mut response = UiHandlePendingSamplingResponse::default();
                response.rest =
                    [("role".to_owned(), json!("assistant")), ("of".to_owned(), request.mcp_request_id)]
                        .into();
                does.reply_with(response)
            })
        },
        method: "session.ui.handlePendingSampling",
    };
    broadcast.check(json!({"response": {"role": "assistant", "of": 7}}), |_| json!({}), "").await;
}

/// The spending limit of a session: it stays in force if the handler fails.
#[tokio::test(start_paused = true)]
async fn session_limits() {
    let broadcast = Broadcast {
        event: "session_limits_exhausted.requested",
        data: json!({"usedAiCredits": 10.5, "maxAiCredits": 10}),
        broken: json!({"usedAiCredits": "ten", "maxAiCredits": 10}),
        handle: |session, does| {
            session.on_session_limits(move |limits, _| {
                let more = UiSessionLimitsExhaustedResponse::new(UiSessionLimitsExhaustedResponseAction::Add);
                does.reply_with(more.additional_ai_credits(limits.used_ai_credits))
            })
        },
        method: "session.ui.handlePendingSessionLimitsExhausted",
    };
    let cancelled = |_: &str| json!({"response": {"action": "cancel"}});
    let more = json!({"response": {"action": "add", "additionalAiCredits": 10.5}});
    broadcast.check(more, cancelled, "").await;
}

/// A tool of the session: the model reads the tool's own error text, and no other.
#[tokio::test(start_paused = true)]
async fn external_tools() {
    let broadcast = Broadcast {
        event: "external_tool.requested",
        data: json!({"sessionId": "s", "toolCallId": "call", "toolName": "lookup", "arguments": {"key": "k"}}),
        broken: json!({"sessionId": "s", "toolCallId": 5, "toolName": "lookup"}),
        handle: |session, does| {
            let run = move |arguments: serde_json::Value, _| {
                let works = does.reply_with(format!("found {}", arguments["key"]));
                async move { works.await.map_err(|failure| failure.to_string()) }
            };
            session.tool(Tool::with_schema("lookup", "Looks up", json!({"type": "object"}), run))
        },
        method: "session.tools.handlePendingToolCall",
    };
    let failed = |reason: &str| {
        let answered = reason == "no \"luck\"";
        let reason = if answered { reason } else { "The tool ended without a result." };
        json!({"result": {"textResultForLlm": reason, "resultType": "failure", "error": reason}})
    };
    let found = json!({"result": {"textResultForLlm": "found \"k\"", "resultType": "success"}});
    broadcast.check(found, failed, "").await;
}

/// An answer nested deeper than the CLI can read is replaced by a refusal, since the CLI would wait for ever. So is one
/// with a key twice, of which the CLI reads the last.
#[tokio::test(start_paused = true)]
async fn answers_that_cannot_be_sent() {
    let nested = (0..130).fold(json!(1), |inner, _| json!([inner]));
    for (key, value) in [("deep", nested), ("action", json!("accept"))] {
        let mut response = UiElicitationResponse::decline();
        response.rest = [(key.to_owned(), value)].into();
        let configure = |session: SessionBuilder| {
            session.approve_all().on_elicitation(move |_, _| Does::Work.reply_with(response.clone()))
        };
        let rig = Rig::with(configure).await;
        let request = json!({"type": "elicitation.requested", "data": {"requestId": "1", "message": "Who?"}});
        let sent = rig.sent_after(request).await;
        let params = json!({"sessionId": rig.session.id(), "requestId": "1", "result": {"action": "cancel"}});
        assert_eq!(sent, [("session.ui.handlePendingElicitation".to_owned(), params)], "{key}");
    }
}

/// A session with handlers for all event requests that go only to clients that register an interest.
fn interested(session: SessionBuilder) -> SessionBuilder {
    session
        .approve_all()
        .on_session_limits(|_, _| {
            Does::Fail.reply_with(UiSessionLimitsExhaustedResponse::new(
                UiSessionLimitsExhaustedResponseAction::Cancel,
            ))
        })
        .on_sampling(|_, _| Does::Fail.reply_with(UiHandlePendingSamplingResponse::default()))
        .on_mcp_oauth(|_, _| {
            Does::Fail.reply_with(McpOauthPendingRequestResponse::Cancelled(Default::default()))
        })
        .on_elicitation(|_, _| Does::Fail.reply_with(UiElicitationResponse::cancel()))
}

/// Interests are registered once the session exists, and before the caller has it to send a prompt.
#[tokio::test(start_paused = true)]
async fn interests() {
    let fake = FakeCli::start();
    fake.on_raw("session.eventLog.registerInterest", |_| Ok(json!({"handle": "interest"})));
    let rig = Rig::on(fake, interested).await;
    let register = "session.eventLog.registerInterest";
    assert_eq!(rig.fake.methods(), ["connect", "session.create", register, register, register]);
    let params = |event| json!({"sessionId": rig.session.id(), "eventType": event});
    let events = ["mcp.oauth_required", "sampling.requested", "session_limits_exhausted.requested"];
    assert_eq!(rig.fake.calls_raw(register), events.map(params));
}

/// A session whose interests cannot be registered fails to open, and is detached.
#[tokio::test(start_paused = true)]
async fn interests_that_are_refused() {
    let fake = FakeCli::start();
    fake.on_raw("session.eventLog.registerInterest", |_| Err(error(-32603, "no")));
    let client = connect(&fake).await;
    let refused = interested(client.session()).create().await.expect_err("the refusal");
    assert!(
        matches!(&refused, Error::Rpc { method, .. } if method == "session.eventLog.registerInterest"),
        "{refused:?}"
    );
    fake.received_raw("session.detach").await;
    assert_alive(&client).await;
}
