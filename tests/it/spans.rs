//! The spans of the program's own tracing.

use copilot_session::testing::{FakeCli, events as say};
use copilot_session::types::PreToolUseHookInput;
use copilot_session::{Client, Decision, SessionBuilder, Tool};
use serde_json::{Value, json};

use crate::rig::{Rig, connect, new_request_id};
use crate::secrets::tracing::record;

/// A text that no span may show.
const PRIVATE: &str = "hunter2";

fn handlers(new: SessionBuilder) -> SessionBuilder {
    let tool = Tool::with_schema("look", "Looks", json!({}), async |_: Value, _| {
        tracing::info!("in the tool");
        PRIVATE
    });
    new.tool(tool)
        .on_permission(async |_, _| {
            tracing::info!("in the permission");
            Decision::deny(PRIVATE)
        })
        .hook(async |_: PreToolUseHookInput, _| tracing::info!("in the hook"))
}

/// The lines of the log that have this text.
fn lines<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(text)).collect()
}

/// A turn with a tool, a permission and a hook: each has a span with the names of OpenTelemetry, and none of the texts.
#[tokio::test(start_paused = true)]
async fn of_a_turn() {
    let (file, _guard) = record();
    let rig = Rig::on(FakeCli::start(), handlers).await;
    let id = rig.session.id().to_owned();
    let turn = rig.session.prompt(PRIVATE).await.expect("a turn");
    rig.fake.begin_turn(&id).await;
    let usage = json!({"model": "gpt-5", "inputTokens": 70, "outputTokens": 6});
    rig.emit(say::event("assistant.usage", usage));
    rig.fake.expect_tool_result(&id, "look", json!({"text": PRIVATE})).await;
    let details = json!({"kind": "read", "path": PRIVATE, "intention": PRIVATE});
    rig.emit(say::permission(&new_request_id(), details));
    let input =
        json!({"toolName": PRIVATE, "toolArgs": {}, "sessionId": "inner", "timestamp": 1, "cwd": "/"});
    let hook = json!({"sessionId": id, "hookType": "preToolUse", "input": input});
    rig.fake.request_raw("hooks.invoke", hook).await.expect("an output");
    rig.fake.settle().await;
    rig.fake.end_turn(&id, PRIVATE);
    turn.await.expect("an answer");

    let log = file.text();
    assert!(!log.contains(PRIVATE), "{log}");
    let conversation = format!("gen_ai.conversation.id=\"{id}\"");
    for (name, inside, fields) in [
        ("execute_tool", "in the tool", "gen_ai.operation.name=\"execute_tool\" gen_ai.tool.name=\"look\""),
        ("decide_permission", "in the permission", ""),
        ("run_hook", "in the hook", "copilot.hook.type=\"preToolUse\""),
        (
            "invoke_agent",
            "close",
            "gen_ai.operation.name=\"invoke_agent\" gen_ai.response.model=\"gpt-5\" gen_ai.usage.input_tokens=70 gen_ai.usage.output_tokens=6",
        ),
    ] {
        let spans = lines(&log, &format!("{name}{{"));
        let shows =
            |line: &&str| line.contains(&conversation) && fields.split(' ').all(|field| line.contains(field));
        assert!(spans.iter().any(|line| line.contains(inside) && shows(line)), "{name} in {log}");
        assert!(spans.iter().any(|line| line.contains(": close")), "{name} in {log}");
    }
}

/// A turn that fails, and one that is dropped, close their spans.
#[tokio::test(start_paused = true)]
async fn of_turns_without_an_answer() {
    let (file, _guard) = record();
    let rig = Rig::start().await;
    let turn = rig.session.prompt("Hello").await.expect("a turn");
    rig.fake.begin_turn(rig.session.id()).await;
    rig.emit(say::failure("rate_limit", PRIVATE));
    rig.emit(say::idle());
    turn.await.expect_err("the failure");
    let log = file.text();
    let mut closed = lines(&log, "invoke_agent{").into_iter().filter(|line| line.contains(": close"));
    assert!(closed.next_back().is_some_and(|line| line.contains("error.type=RateLimit")), "{log}");
    assert!(!log.contains(PRIVATE), "{log}");
    drop(rig.session.prompt("Hello").await.expect("a turn"));
    let log = file.text();
    assert_eq!(
        lines(&log, "invoke_agent{").iter().filter(|line| line.contains(": close")).count(),
        2,
        "{log}"
    );
}

/// The start of a client shows the version of the CLI, or why it failed.
#[tokio::test(start_paused = true)]
async fn of_a_start() {
    let (file, _guard) = record();
    let fake = FakeCli::of_version("1.0.65");
    let _client: Client = connect(&fake).await;
    let fake = FakeCli::start();
    let (read, write) = fake.streams();
    fake.hang_up();
    Client::builder().connect(read, write).await.expect_err("a closed connection");
    let log = file.text();
    let closed: Vec<_> =
        lines(&log, "start_client{").into_iter().filter(|line| line.contains(": close")).collect();
    assert!(closed[0].contains("copilot.version=1.0.65"), "{closed:?}");
    assert!(closed[1].contains("error.type=Closed"), "{closed:?}");
}

/// A call has a span, with the kind of its error.
#[tokio::test(start_paused = true)]
async fn of_a_call() {
    let (file, _guard) = record();
    let rig = Rig::start().await;
    rig.session.log(PRIVATE).await.ok();
    rig.fake.on_raw("session.model.switchTo", |_| Err(copilot_session::testing::error(-32602, PRIVATE)));
    rig.session.set_model("gpt-5").await.expect_err("a refusal");
    let log = file.text();
    let closed: Vec<_> = lines(&log, "call{").into_iter().filter(|line| line.contains(": close")).collect();
    let of = |method: &str| closed.iter().find(|line| line.contains(&format!("rpc.method=\"{method}\"")));
    let conversation = format!("gen_ai.conversation.id=\"{}\"", rig.session.id());
    assert!(of("session.log").is_some_and(|line| line.contains(&conversation)), "{log}");
    assert!(of("session.model.switchTo").is_some_and(|line| line.contains("error.type=Invalid")), "{log}");
    assert!(!log.contains(PRIVATE), "{log}");
}
