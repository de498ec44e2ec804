//! The texts that a person reads before an answer, on the fake CLI with the clock paused.

use axum::http::StatusCode;
use copilot_session::testing::requests;
use serde_json::{Value, json};

use crate::rig::Fake;
use crate::routes::asked;

/// The question that a permission request becomes. It is denied.
async fn shown(fake: &Fake, session: &str, request: Value) -> Value {
    let deciding = fake.cli.expect_permission(session, request);
    let answering = async {
        let (ask, shown) = asked(fake, session).await;
        let path = format!("/api/sessions/{session}/asks/{ask}");
        assert_eq!(fake.call(&path, &json!({ "answer": "deny" })).await.0, StatusCode::NO_CONTENT);
        shown
    };
    tokio::join!(deciding, answering).1
}

/// A button that approves for the rest of the session names all that it allows.
#[tokio::test(start_paused = true)]
async fn an_approval_for_the_session_shows_its_scope() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let mut shell = requests::shell("git push && rm a");
    shell["canOfferSessionApproval"] = true.into();
    shell["commands"] = json!([
        { "identifier": "git\u{202e}", "readOnly": false },
        { "identifier": "rm", "readOnly": false },
    ]);
    let scopes = [
        (requests::write("/work/a.txt", "+a"), "writing any file"),
        (requests::read("/work/a.txt"), "reading any file"),
        (shell, "git\\u{202e}, rm with any arguments"),
        (requests::mcp("maps", "find", json!({})), "calls of find of MCP server maps"),
        (requests::custom_tool("deploy", json!({})), "calls of deploy"),
        (requests::url("https://example.org"), ""),
    ];
    for (request, scope) in scopes {
        let shown = shown(&fake, &id, request).await;
        assert_eq!((&shown["always"], &shown["once"]), (&json!(scope), &json!("")));
    }
    let shown = shown(&fake, &id, requests::shell("make")).await;
    let why =
        "Commands can be approved for the rest of a session only if desk is started with --script-safety.";
    assert_eq!((&shown["always"], &shown["once"]), (&json!(""), &json!(why)));
    fake.desk.close().await;
}

/// A request that is to run outside the sandbox, or that was redirected, says so.
#[tokio::test(start_paused = true)]
async fn a_warning_has_the_sandbox_and_the_redirect() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let kinds = [
        requests::shell("make"),
        requests::write("/work/a.txt", "+a"),
        requests::read("/work/a.txt"),
        requests::url("https://example.org"),
    ];
    for mut request in kinds {
        assert_eq!(shown(&fake, &id, request.clone()).await["warning"], "");
        request["requestSandboxBypass"] = true.into();
        assert_eq!(shown(&fake, &id, request.clone()).await["warning"], "It is to run outside the sandbox");
        request["requestSandboxBypassReason"] = "it forks\u{202e}".into();
        let warning = "It is to run outside the sandbox: it forks\\u{202e}";
        assert_eq!(shown(&fake, &id, request).await["warning"], warning);
    }
    let mut shell = requests::shell("make");
    shell["warning"] = "It may remove files".into();
    shell["requestSandboxBypass"] = true.into();
    shell["requestSandboxPermissive"] = true.into();
    let warning = "It may remove files\nIt is to run in the sandbox, but free to use any file and process";
    assert_eq!(shown(&fake, &id, shell).await["warning"], warning);
    let mut url = requests::url("https://example.org");
    url["redirectedFrom"] = "https://short.example".into();
    assert_eq!(shown(&fake, &id, url).await["warning"], "It was redirected from https://short.example");
    fake.desk.close().await;
}

/// An approval of a plan chooses how to go on, among ways that were shown.
#[tokio::test(start_paused = true)]
async fn a_plan_is_approved_in_a_way_that_was_shown() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let cases = [
        (
            json!(["interactive", "autopilot"]),
            json!({ "answer": "choice", "number": 0 }),
            json!("interactive"),
        ),
        (json!(["interactive", "autopilot"]), json!({ "answer": "choice", "number": 1 }), json!("autopilot")),
        (json!([]), json!({ "answer": "approve" }), Value::Null),
    ];
    for (actions, answer, selected) in cases {
        let has_ways = actions != json!([]);
        let plan = json!({
            "sessionId": id, "summary": "Tidy up", "planContent": "", "actions": actions,
            "recommendedAction": "autopilot",
        });
        let asking = fake.cli.request_raw("exitPlanMode.request", plan);
        let answering = async {
            let (ask, shown) = asked(&fake, &id).await;
            assert_eq!(shown["plan"], "Tidy up");
            let path = format!("/api/sessions/{id}/asks/{ask}");
            if has_ways {
                let ways = ["Approve, and start", "Approve, and start on autopilot"];
                assert_eq!((&shown["ways"], &shown["suggested"]), (&json!(ways), &json!(1)));
                for unfit in [json!({ "answer": "approve" }), json!({ "answer": "choice", "number": 2 })] {
                    assert_eq!(fake.call(&path, &unfit).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{unfit}");
                }
            }
            assert_eq!(fake.call(&path, &answer).await.0, StatusCode::NO_CONTENT);
        };
        let (response, ()) = tokio::join!(asking, answering);
        let response = response.expect("a response");
        assert_eq!((&response["approved"], &response["selectedAction"]), (&json!(true), &selected));
    }
    fake.desk.close().await;
}
