//! Logging in to MCP servers for the CLI (`mcp.oauth_required`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::types::{
    McpOauthPendingRequestResponse, McpOauthPendingRequestResponseToken, McpSerializableServerConfig,
    McpServerConfigHttp,
};
use copilot_session::{Session, SessionBuilder};
use copilot_session_model::{Reply, Script};
use serde_json::json;
use tokio::sync::Notify;

use super::super::rig::{Rig, ask, soon};
use super::web::{Page, Visit, Web};

const TOKEN: &str = "Bearer of-the-host";

/// An MCP server over HTTP that accepts one token and refers requests without it to a login.
fn guarded(url: &str, visit: &Visit) -> Page {
    match visit.what.as_str() {
        "POST /mcp" if visit.authorization.as_deref() == Some(TOKEN) => served(visit),
        "POST /mcp" => {
            let metadata = format!("{url}/.well-known/oauth-protected-resource");
            let challenge = format!(r#"Bearer resource_metadata="{metadata}", scope="look""#);
            Page(401, ("www-authenticate", challenge), json!({ "error": "invalid_token" }))
        }
        "GET /.well-known/oauth-protected-resource" => {
            Page::json(json!({ "resource": format!("{url}/mcp"), "authorization_servers": [url] }))
        }
        _ => Page::bare(404),
    }
}

/// The server's response to a request with the token.
fn served(visit: &Visit) -> Page {
    let result = match visit.body["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": visit.body["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "guarded", "version": "1" },
        }),
        Some("tools/list") => {
            let schema = json!({ "type": "object" });
            json!({ "tools": [{ "name": "look", "description": "Looks", "inputSchema": schema }] })
        }
        Some("tools/call") => json!({ "content": [{ "type": "text", "text": "a treasure" }] }),
        _ => return Page::bare(202),
    };
    Page::json(json!({ "jsonrpc": "2.0", "id": visit.body["id"], "result": result }))
}

/// A session with the server, and a channel that reports each event of this kind.
async fn session(
    rig: &Rig,
    web: &Web,
    kind: &'static str,
    configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> (Session, Arc<Notify>) {
    let notice = Arc::new(Notify::new());
    let notify = Arc::clone(&notice);
    let server = McpServerConfigHttp::new(format!("{}/mcp", web.url)).tools(vec!["*".to_owned()]);
    let server = McpSerializableServerConfig::ServerConfigHttp(server);
    let session = rig.session(|new: SessionBuilder| {
        let new = new.approve_all().on_event(move |event| {
            if event.kind() == kind {
                notify.notify_one();
            }
        });
        configure(new)
            .configure(|config| config.mcp_servers(BTreeMap::from([("guarded".to_owned(), server)])))
    });
    (session.await, notice)
}

/// With the token of the client the model has the server's tool and uses it.
#[tokio::test]
async fn a_login_opens_a_server() {
    let web = Web::start(guarded).await;
    let script = [Reply::tool_call("guarded-look", json!({})), Reply::text("A treasure.")];
    let rig = Rig::start(Script::replies(script)).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let (session, loaded) = session(&rig, &web, "session.mcp_server_tools_loaded", |new| {
        new.on_mcp_oauth(move |login, _| {
            let metadata = login.resource_metadata.unwrap_or_default();
            let scope = login.www_authenticate_params.and_then(|params| params.scope);
            asked.lock().unwrap().push((login.server_name, login.server_url, metadata, scope));
            let token = McpOauthPendingRequestResponseToken::new("of-the-host").expires_in(3600);
            async { McpOauthPendingRequestResponse::Token(token) }
        })
    })
    .await;
    soon("the server's tools", loaded.notified()).await;
    assert_eq!(ask(&session, "What is there?").await.expect("an answer").text(), "A treasure.");
    assert_eq!(rig.model.requests()[1].tool_results()[0].1, "a treasure");
    let seen = seen.lock().unwrap().clone();
    let [(name, address, metadata, scope)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((name.as_str(), address.as_str()), ("guarded", format!("{}/mcp", web.url).as_str()));
    assert!(metadata.contains("authorization_servers"), "{metadata}");
    assert_eq!(scope.as_deref(), Some("look"));
    let first = web.visits().into_iter().find(|visit| visit.what == "POST /mcp").expect("a visit");
    assert_eq!(first.authorization, None);
    rig.finish().await;
}

/// A login that fails is cancelled, and the session goes on without the server's tools.
#[tokio::test]
async fn no_login_for_a_server() {
    let web = Web::start(guarded).await;
    let rig = Rig::start(Script::replies([Reply::text("Nothing.")])).await;
    let (session, completed) = session(&rig, &web, "mcp.oauth_completed", |new| {
        new.on_mcp_oauth(async |_, _| Err::<McpOauthPendingRequestResponse, _>("the user went away"))
    })
    .await;
    soon("the login to be over", completed.notified()).await;
    assert_eq!(ask(&session, "What is there?").await.expect("an answer").text(), "Nothing.");
    let names = rig.model.requests()[0].tool_names();
    assert!(!names.contains(&"guarded-look".to_owned()), "{names:?}");
    assert!(web.visits().iter().all(|visit| visit.authorization.is_none()), "{:?}", web.visits());
    rig.finish().await;
}
