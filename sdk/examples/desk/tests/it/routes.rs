//! The calls and the stream, on the fake CLI with the clock paused.

use axum::http::StatusCode;
use copilot_session::methods::server::SessionResume;
use copilot_session::methods::session::{
    SessionPermissionsHandlePendingPermissionRequest as PermissionAnswer, SessionSend,
};
use copilot_session::testing::{events, requests};
use serde_json::{Value, json};

use crate::rig::{ADDRESS, Fake, soon, text};

fn is_ask(change: &Value) -> bool {
    change["change"] == "ask" && change["ask"].is_object()
}

/// The id of the open question, seen by a browser.
pub async fn asked(fake: &Fake, session: &str) -> (u64, Value) {
    let mut watching = fake.watch(session, None).await;
    let state = watching.next_of("state").await;
    let known = state.data["asks"].as_object().expect("asks").iter().next();
    if let Some((id, ask)) = known {
        return (id.parse().expect("a number"), ask.clone());
    }
    let (change, _) = watching.change(is_ask).await;
    (change["id"].as_u64().expect("a number"), change["ask"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_streamed() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let mut watching = fake.watch(&id, None).await;
    assert_eq!(watching.next_of("sessions").await.kind, "sessions");
    assert_eq!(watching.next_of("state").await.data["nodes"], json!([]));

    fake.cli.answer("Hello to you!");
    let (status, _) = fake.call(&format!("/api/sessions/{id}/prompt"), &json!({ "text": "Hello" })).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    watching.change(|change| change["head"]["status"] == "idle").await;

    // A browser that comes later sees the same.
    let state = fake.watch(&id, None).await.next_of("state").await;
    let answer = json!([["p", null], "Hello to you!", null]);
    assert!(state.data["nodes"].as_array().expect("nodes").iter().any(|node| node["formatted"] == answer));
    fake.desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_prompt_waits_or_steers() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    for (steer, mode) in [(false, Value::Null), (true, json!("immediate"))] {
        fake.cli.answer("Yes.");
        let body = json!({ "text": "Go on", "steer": steer });
        assert_eq!(fake.call(&format!("/api/sessions/{id}/prompt"), &body).await.0, StatusCode::NO_CONTENT);
        let sent = fake.cli.received::<SessionSend>().await;
        let sent: Value = serde_json::from_str(&copilot_session::wire::to_json(&sent)).expect("JSON");
        assert_eq!(sent["mode"], mode);
    }
    assert_eq!(fake.call(&format!("/api/sessions/{id}/abort"), &json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(fake.cli.calls_raw("session.abort").len(), 1);
    fake.desk.close().await;
}

/// Each answer to a permission request becomes the decision that the CLI knows.
#[tokio::test(start_paused = true)]
async fn permissions_are_decided() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let answers = [
        (json!({ "answer": "approve" }), "approve-once", Value::Null),
        (json!({ "answer": "always" }), "approve-for-session", Value::Null),
        (json!({ "answer": "deny", "reason": "not now" }), "reject", json!("not now")),
        (json!({ "answer": "deny" }), "reject", json!("the user said no")),
    ];
    for (answer, kind, feedback) in answers {
        let deciding = fake.cli.expect_permission(&id, requests::write("/work/a\u{202e}.txt", "+a\tb"));
        let answering = async {
            let (ask, shown) = asked(&fake, &id).await;
            assert_eq!(shown["what"], "write /work/a\\u{202e}.txt");
            assert_eq!(shown["whole"], "+a\\tb");
            assert_eq!(shown["always"], "writing any file");
            let path = format!("/api/sessions/{id}/asks/{ask}");
            assert_eq!(fake.call(&path, &answer).await.0, StatusCode::NO_CONTENT);
            // The first answer counts.
            assert_eq!(fake.call(&path, &json!({ "answer": "approve" })).await.0, StatusCode::GONE);
        };
        let (decision, ()) = tokio::join!(deciding, answering);
        let decision: Value = serde_json::from_str(&copilot_session::wire::to_json(&decision)).expect("JSON");
        assert_eq!((&decision["result"]["kind"], &decision["result"]["feedback"]), (&json!(kind), &feedback));
    }
    fake.desk.close().await;
}

/// An answer that does not fit leaves the question open.
#[tokio::test(start_paused = true)]
async fn unfit_answers_are_refused() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let deciding = fake.cli.expect_permission(&id, requests::shell("make"));
    let answering = async {
        let (ask, shown) = asked(&fake, &id).await;
        assert_eq!((&shown["whole"], &shown["always"]), (&json!("make"), &json!("")));
        let path = format!("/api/sessions/{id}/asks/{ask}");
        for unfit in [json!({ "answer": "always" }), json!({ "answer": "text", "text": "yes" })] {
            assert_eq!(fake.call(&path, &unfit).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{unfit}");
        }
        for wrong in [json!({ "answer": "deny", "more": 1 }), json!({ "answer": "yes" }), json!([])] {
            assert!(fake.call(&path, &wrong).await.0.is_client_error(), "{wrong}");
        }
        assert_eq!(fake.call(&path, &json!({ "answer": "approve" })).await.0, StatusCode::NO_CONTENT);
    };
    let (decision, ()) = tokio::join!(deciding, answering);
    assert!(copilot_session::wire::to_json(&decision).contains("approve-once"));
    fake.desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn questions_and_forms_are_answered() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let choices = ["tea", "cof\u{200b}fee"];
    let question =
        json!({ "sessionId": id, "question": "Tea or coffee?", "choices": choices, "allowFreeform": false });
    let asking = fake.cli.request_raw("userInput.request", question);
    let answering = async {
        let (ask, shown) = asked(&fake, &id).await;
        assert_eq!(shown["choices"], json!(["tea", "cof\\u{200b}fee"]));
        let path = format!("/api/sessions/{id}/asks/{ask}");
        assert_eq!(
            fake.call(&path, &json!({ "answer": "text", "text": "cocoa" })).await.0,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        let answer = json!({ "answer": "choice", "number": 1 });
        assert_eq!(fake.call(&path, &answer).await.0, StatusCode::NO_CONTENT);
    };
    let (answer, ()) = tokio::join!(asking, answering);
    // As the model wrote it, not as it was shown.
    assert_eq!(answer.expect("an answer"), json!({ "answer": choices[1], "wasFreeform": false }));

    let schema = json!({ "type": "object", "properties": { "nights": { "type": "integer" } }, "required": ["nights"] });
    let form = json!({ "requestId": "f", "message": "How long?", "requestedSchema": schema });
    fake.cli.emit(&id, events::event("elicitation.requested", form));
    let (ask, shown) = asked(&fake, &id).await;
    assert_eq!(shown["fields"][0]["label"], "nights");
    let path = format!("/api/sessions/{id}/asks/{ask}");
    let fill = |values: Value| json!({ "answer": "fill", "values": values });
    let (status, why) = fake.call(&path, &fill(json!([]))).await;
    assert_eq!((status, why.contains("missing")), (StatusCode::UNPROCESSABLE_ENTITY, true), "{why}");
    assert_eq!(fake.call(&path, &fill(json!([3]))).await.0, StatusCode::NO_CONTENT);
    let sent = fake.cli.received_raw("session.ui.handlePendingElicitation").await;
    assert_eq!(sent["result"], json!({ "action": "accept", "content": { "nights": 3 } }));
    fake.desk.close().await;
}

/// A browser that reconnects gets what it missed, and nothing twice; one with an id of another time gets the state.
#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_behind_the_last_message() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let mut watching = fake.watch(&id, None).await;
    watching.next_of("state").await;
    let title = |text: &str| events::event("session.title_changed", json!({ "title": text }));
    let has = |text: &'static str| move |change: &Value| change["head"]["title"] == text;
    fake.cli.emit(&id, title("one"));
    let (_, last) = watching.change(has("one")).await;
    drop(watching);
    fake.cli.emit(&id, title("two"));
    fake.cli.settle().await;

    let mut again = fake.watch(&id, Some(&last)).await;
    again.next_of("sessions").await;
    let next = again.next().await.expect("a message");
    assert_eq!((&*next.kind, &next.data[0]["head"]["title"]), ("changes", &json!("two")), "{next:?}");
    for foreign in ["0123456789abcdef-1", "nonsense", "", &format!("{}999", next.id)] {
        let state = fake.watch(&id, Some(foreign)).await.next_of("state").await;
        assert_eq!(state.data["head"]["title"], "two");
    }
    fake.desk.close().await;
}

/// A stored session is resumed with its history, and each event counts once.
#[tokio::test(start_paused = true)]
async fn a_stored_session_is_resumed() {
    let fake = Fake::start().await;
    let numbered = |number: usize, mut event: Value| {
        event["id"] = format!("of-the-history-{number}").into();
        event["timestamp"] = "2026-01-01T00:00:00.000Z".into();
        event["parentId"] = Value::Null;
        event
    };
    let mut user = events::user_message("m");
    user["data"]["content"] = "Remember me".into();
    let history = [user, events::turn_start(), events::assistant_message("I do."), events::turn_end()];
    let history: Vec<Value> =
        history.into_iter().enumerate().map(|(at, event)| numbered(at, event)).collect();
    let all = json!({ "events": history });
    fake.cli.on_raw("session.getMessages", move |_| Ok(all.clone()));

    let mut watching = fake.watch("stored-1", None).await;
    watching.next_of("sessions").await;
    let (status, why) = fake.call("/api/sessions/stored-1/open", &json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{why}");
    let resumed = fake.cli.received::<SessionResume>().await;
    assert_eq!(resumed.continue_pending_work, Some(true));
    // The stream that was open before finds the session by itself.
    let state = watching.next_of("state").await.data;
    let titles: Vec<_> =
        state["nodes"].as_array().expect("nodes").iter().map(|node| &node["progress"]).collect();
    assert_eq!(titles, ["done", "done"]);
    fake.cli.emit("stored-1", history[0].clone());
    // What was on its way when the history was asked for.
    let mut piece = events::delta("I ");
    let mut thought =
        events::event("assistant.reasoning_delta", json!({ "reasoningId": "r", "deltaContent": "Hm." }));
    let mut usage = events::event("assistant.usage", json!({ "model": "m" }));
    for part in [&mut thought, &mut piece, &mut usage] {
        part["timestamp"] = history[2]["timestamp"].clone();
        fake.cli.emit("stored-1", part.clone());
    }
    fake.cli.emit("stored-1", events::event("session.title_changed", json!({ "title": "after" })));
    watching.change(|change| change["head"]["title"] == "after").await;
    let state = fake.watch("stored-1", None).await.next_of("state").await.data;
    assert_eq!(state["nodes"].as_array().expect("nodes").len(), 2);
    // Opening it again changes nothing.
    assert_eq!(fake.call("/api/sessions/stored-1/open", &json!({})).await.0, StatusCode::NO_CONTENT);
    fake.desk.close().await;
}

/// When a session is closed, what is pending is refused, and its browsers learn of it.
#[tokio::test(start_paused = true)]
async fn closing_refuses_what_is_pending() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    fake.cli.emit(&id, events::permission("p", requests::shell("make")));
    asked(&fake, &id).await;
    let mut watching = fake.watch(&id, None).await;
    watching.next_of("state").await;
    assert_eq!(fake.call(&format!("/api/sessions/{id}/close"), &json!({})).await.0, StatusCode::NO_CONTENT);
    let decision = soon("a decision", fake.cli.received::<PermissionAnswer>()).await;
    assert!(copilot_session::wire::to_json(&decision).contains("user-not-available"));
    watching.next_of("closed").await;
    let (status, _) = fake.call(&format!("/api/sessions/{id}/prompt"), &json!({ "text": "?" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    fake.desk.close().await;
}

/// When the desk closes, streams end, pending requests are refused, and the client detaches from the sessions.
#[tokio::test(start_paused = true)]
async fn the_desk_closes_in_order() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    fake.cli.emit(&id, events::permission("p", requests::shell("make")));
    asked(&fake, &id).await;
    let mut watching = fake.watch(&id, None).await;
    watching.next_of("state").await;
    soon("the desk", fake.desk.close()).await;
    while watching.next().await.is_some() {}
    let decision = soon("a decision", fake.cli.received::<PermissionAnswer>()).await;
    assert!(copilot_session::wire::to_json(&decision).contains("user-not-available"));
    assert!(fake.cli.methods().contains(&"session.detach".to_owned()), "{:?}", fake.cli.methods());
}

/// Its thread writes in real time, so the clock is not paused.
#[tokio::test]
async fn the_log_is_downloaded() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let log = async {
        loop {
            let request = fake.request("GET", "/api/log").body(axum::body::Body::empty()).expect("a request");
            let log = text(fake.send(request).await).await;
            if log.contains("session.create") && log.contains(&id) {
                return log;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let log = soon("the session in the log", log).await;
    log.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("a line of JSON")));
    let request = fake.request("GET", "/api/log/page").body(axum::body::Body::empty()).expect("a request");
    let page = text(fake.send(request).await).await;
    assert!(
        page.to_lowercase().starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"),
        "{page}"
    );
    fake.desk.close().await;
}

/// Its thread writes in real time, so the clock is not paused.
#[tokio::test]
async fn a_long_log_says_what_it_lacks() {
    let fake = Fake::at(ADDRESS, 0).await;
    for path in ["/api/log", "/api/log/page"] {
        let download = async {
            loop {
                let request = fake.request("GET", path).body(axum::body::Body::empty()).expect("a request");
                let response = fake.send(request).await;
                if response.headers()["left-out"] != "0" {
                    return text(response).await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let text = soon("a message that is left out", download).await;
        assert!(
            text.contains("\"leftOut\":") || text.contains("because the log was too slow or full"),
            "{text}"
        );
    }
    fake.desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn wrong_wishes_have_reasons() {
    let fake = Fake::start().await;
    let (status, why) = fake.call("/api/sessions", &json!({ "folder": "/no/such/folder" })).await;
    assert_eq!((status, why.contains("no folder")), (StatusCode::BAD_REQUEST, true), "{why}");
    fake.cli
        .on_raw("session.resume", |_| Err(copilot_session::testing::error(-32603, "Session not found: x")));
    let (status, why) = fake.call("/api/sessions/x/open", &json!({})).await;
    assert!(status.is_client_error() || status.is_server_error(), "{status} {why}");
    assert!(why.contains("not found"), "{why}");
    fake.desk.close().await;
}

/// A request that is too long to be shown, and one beyond the limits of open ones, are refused at once.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_shown_is_refused() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let refused = |decision: &copilot_session::types::PermissionDecisionRequest| {
        copilot_session::wire::to_json(decision).contains("user-not-available")
    };
    let long = format!("true {}; rm -rf /", " ".repeat(2 << 20));
    assert!(refused(&fake.cli.expect_permission(&id, requests::shell(&long)).await));
    // A browser would take long to draw so many buttons.
    let choices = vec![""; 100_000];
    let question = json!({ "sessionId": id, "question": "Which?", "choices": choices });
    assert!(fake.cli.request_raw("userInput.request", question).await.is_err());
    for number in 0..100 {
        fake.cli.emit(&id, events::permission(&format!("open-{number}"), requests::shell("make")));
    }
    fake.cli.settle().await;
    assert!(refused(&fake.cli.expect_permission(&id, requests::shell("make")).await));

    let id = fake.session().await;
    let long = format!("true {}; rm -rf /", " ".repeat(900_000));
    for number in 0..4 {
        fake.cli.emit(&id, events::permission(&format!("long-{number}"), requests::shell(&long)));
    }
    fake.cli.settle().await;
    assert_eq!(fake.desk.room(&id).expect("the session").feed.summary().1, 4);
    assert!(refused(&fake.cli.expect_permission(&id, requests::shell(&long)).await));
    fake.desk.close().await;
}

/// The list has the stored sessions, from the latest on, and says which of them another program has open.
#[tokio::test(start_paused = true)]
async fn stored_sessions_are_listed() {
    let fake = Fake::start().await;
    let stored = |id: &str, modified: &str| {
        let context = json!({ "cwd": "/work/\u{202e}a" });
        json!({
            "sessionId": id, "startTime": modified, "modifiedTime": modified, "isRemote": false,
            "summary": "Tidy\u{200b} up", "context": context,
        })
    };
    let sessions = json!([stored("old", "2026-01-01T00:00:00Z"), stored("new", "2026-02-01T00:00:00Z")]);
    fake.cli.on_raw("session.list", move |_| Ok(json!({ "sessions": sessions })));
    fake.cli.on_raw("sessions.checkInUse", |_| Ok(json!({ "inUse": ["old"] })));
    let id = fake.session().await;
    let mut watching = fake.watch(&id, None).await;
    let list = loop {
        let list = watching.next_of("sessions").await.data;
        if list.as_array().is_some_and(|list| list.len() == 3) {
            break list;
        }
    };
    let shown = |at: usize| {
        (list[at]["id"].as_str().unwrap_or_default(), list[at]["state"].as_str().unwrap_or_default())
    };
    assert_eq!([shown(0), shown(1), shown(2)], [(&*id, "idle"), ("new", "stored"), ("old", "inUse")]);
    assert_eq!(list[1]["title"], "Tidy\\u{200b} up");
    assert_eq!(list[1]["folder"], "/work/\\u{202e}a");
    fake.desk.close().await;
}

/// The open sessions are listed from the last one on that was opened.
#[tokio::test(start_paused = true)]
async fn open_sessions_have_an_order() {
    let fake = Fake::start().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.insert(0, fake.session().await);
    }
    let mut watching = fake.watch(&ids[0], None).await;
    let listed = loop {
        let listed = watching.next_of("sessions").await.data;
        let listed: Vec<Value> = serde_json::from_value(listed).expect("a list");
        if listed.len() == ids.len() {
            break listed;
        }
    };
    assert_eq!(listed.iter().map(|session| session["id"].as_str().expect("an id")).collect::<Vec<_>>(), ids);
    fake.desk.close().await;
}
