//! The program's log contains no message with a secret.

use copilot_session::Decision;
use copilot_session::testing::{FakeCli, events as say, requests};
use copilot_session::types::{GitHubTokenAcquireResult, PreToolUseHookInput, UiExitPlanModeResponse};
use serde_json::json;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

use super::{File, SECRET};
use crate::rig::{Rig, assert_alive};

impl<'w> MakeWriter<'w> for File {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Records everything that is logged on this thread, which runs the whole test.
pub(crate) fn record() -> (File, tracing::subscriber::DefaultGuard) {
    let file = File::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_span_events(FmtSpan::NEW | FmtSpan::CLOSE);
    let guard = tracing::subscriber::set_default(subscriber.with_writer(file.clone()).finish());
    (file, guard)
}

#[tokio::test(start_paused = true)]
async fn no_message_of_the_peer_is_logged() {
    let (file, _guard) = record();
    let rig = Rig::with(|session| {
        session.approve_all().on_github_token(async |_, _| Err::<GitHubTokenAcquireResult, _>("none"))
    });
    let rig = rig.await;
    let mut events = rig.session.events();
    let event = |event: serde_json::Value| {
        json!({"method": "session.event", "params": {"sessionId": rig.session.id(), "event": event}})
            .to_string()
    };
    let messages = [
        json!({"id": "x", "error": {"code": 1, "message": SECRET}}).to_string(),
        json!({"id": "x", "error": {"code": 1, "token": SECRET}}).to_string(),
        format!(r#"{{"id":5,"method":"x","params":{{"token":"{SECRET}"}}"#),
        format!(r#""{SECRET}""#),
        format!(r#"["{SECRET}"]"#),
        format!(r#"{{"method":"a token={SECRET}","params":"#),
        event(json!({"data": {"token": SECRET}})),
        event(json!(SECRET)),
        event(json!({"type": "session.idle", "data": {"aborted": SECRET}})),
        event(json!({"type": "session.idle", "data": {"aborted": 1234567890123_i64}})),
        event(json!({"type": "permission.requested", "data": {
            "requestId": "p", "permissionRequest": {"kind": "shell", "fullCommandText": {"x": SECRET}}}})),
        json!({"id": 6, "method": "gitHubToken.getToken",
            "params": {"sessionId": rig.session.id(), "registrationId": 7, "host": SECRET}})
        .to_string(),
    ];
    let count = messages.len();
    for message in messages {
        rig.fake.frame(&message);
    }
    rig.fake.raw(format!("{SECRET}\r\n\r\n"));
    assert_alive(&rig.client).await;
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::from_secs(1), events.next()).await {
        event.data();
    }
    let text = file.text();
    assert!(text.lines().count() >= count / 2, "too few lines: {text}");
    assert!(!text.contains(SECRET) && !text.contains("1234567890123"), "{text}");
    drop(rig.fake.take_failures());
}

/// The log has the reason why a handler failed, without its secrets.
#[tokio::test(start_paused = true)]
async fn the_failure_of_a_handler_is_logged_without_secrets() {
    let (file, _guard) = record();
    let fail = || std::future::ready(Err::<(), _>(format!("no answer from https://me:{SECRET}@host/")));
    let rig = Rig::with(|session| {
        session
            .on_permission(move |_, _| async move { fail().await.map(|()| Decision::approve()) })
            .on_exit_plan_mode(
                move |_, _| async move { fail().await.map(|()| UiExitPlanModeResponse::new(true)) },
            )
            .on_user_input(move |_, _| async move { fail().await.map(|()| "yes") })
            .hook(move |_: PreToolUseHookInput, _| fail())
            .command("run", "Runs", move |_, _| fail())
            .transform_section("tone", move |_, _| async move { fail().await.map(|()| String::new()) })
    })
    .await;
    rig.emit(say::permission("p", requests::shell("ls")));
    let command = json!({"requestId": "c", "command": "/run", "commandName": "run", "args": ""});
    rig.emit(json!({"type": "command.execute", "data": command}));
    for (method, mut params) in [
        ("exitPlanMode.request", json!({"summary": "", "actions": [], "recommendedAction": ""})),
        ("userInput.request", json!({"question": "?"})),
        (
            "hooks.invoke",
            json!({"hookType": "preToolUse", "input":
            {"sessionId": "x", "timestamp": 1, "cwd": "/", "toolName": "bash", "toolArgs": {}}}),
        ),
        ("systemMessage.transform", json!({"sections": {"tone": {"content": "x"}}})),
    ] {
        params["sessionId"] = rig.session.id().into();
        drop(rig.fake.request_raw(method, params).await);
    }
    assert_alive(&rig.client).await;
    let text = file.text();
    assert_eq!(text.matches("no answer from https://").count(), 6, "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

/// The panic of a wire log's writer is logged once.
#[tokio::test]
async fn a_panicking_writer_is_logged_once() {
    struct Panics;
    impl std::io::Write for Panics {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            panic!("the writer panics");
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (file, _guard) = record();
    let fake = FakeCli::start();
    let log = copilot_session::WireLog::new(Panics);
    let client = fake.connect(copilot_session::Client::builder().wire_log(log)).await.expect("the greeting");
    while !file.text().contains("the writer of the wire log panicked") {
        tokio::task::yield_now().await;
    }
    assert_alive(&client).await;
    client.stop().await;
    assert_eq!(file.text().matches("the writer of the wire log panicked").count(), 1);
}
