//! The spans of the program's own tracing.

mod tree;

use std::future::Ready;
use std::time::Duration;

use copilot_session::testing::{self, FakeCli, events as say, requests};
use copilot_session::types::{
    LogRequest, PostToolUseHookInput, PostToolUseHookOutput, PreToolUseHookInput, PreToolUseHookOutput,
    UserInputResult,
};
use copilot_session::{
    Client, Decision, Error, HandlerContext, SessionBuilder, Tool, ToolContext, TraceContext,
};
use serde_json::{Value, json};
use tree::collect;

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

/// A turn is one tree: its prompt, and everything that handlers do for it, with the calls that they make.
#[tokio::test(start_paused = true)]
async fn of_a_turn_are_a_tree() {
    let (tree, _guard) = collect();
    let rig = Rig::on(FakeCli::start(), |new| {
        let tool = Tool::with_schema("look", "Looks", json!({}), async |_: Value, call: ToolContext| {
            call.rpc().log(&LogRequest::new("looking")).await.map(|_| "logged")
        });
        new.tool(tool)
            .on_permission(async |_, _| Err::<Decision, _>("no opinion"))
            .hook(async |_: PreToolUseHookInput, _| std::future::pending::<PreToolUseHookOutput>().await)
            .hook(|_: PostToolUseHookInput, _| -> Ready<PostToolUseHookOutput> { panic!("a panic") })
            .on_user_input(async |_, context: HandlerContext| {
                context.rpc().name().get().await?;
                Ok::<UserInputResult, Error>(UserInputResult::default())
            })
            .handler_timeout(Duration::from_secs(1))
    })
    .await;
    let id = rig.session.id().to_owned();
    let turn = rig.session.prompt("Hello").await.expect("a turn");
    rig.fake.begin_turn(&id).await;
    let usage = json!({"model": "gpt-5", "cacheReadTokens": 40, "cacheWriteTokens": 2});
    rig.emit(say::event("assistant.usage", usage));
    rig.fake.on_raw("session.log", |_| Err(testing::error(-32602, "no log")));
    rig.fake.on_raw("session.name.get", |_| Ok(json!({"name": null})));
    rig.fake.expect_tool_result(&id, "look", json!({})).await;
    rig.emit(say::permission(&new_request_id(), requests::shell("ls")));
    let input = json!({"toolName": "look", "toolArgs": {}, "sessionId": "x", "timestamp": 1, "cwd": "/"});
    for kind in ["preToolUse", "postToolUse"] {
        let mut input = input.clone();
        input["toolResult"] = json!({"textResultForLlm": "", "resultType": "success"});
        let hook = json!({"sessionId": id, "hookType": kind, "input": input});
        rig.fake.request_raw("hooks.invoke", hook).await.ok();
    }
    rig.fake.request_raw("userInput.request", json!({"sessionId": id, "question": "Where?"})).await.ok();
    rig.fake.settle().await;
    rig.fake.end_turn(&id, "Hello");
    turn.await.expect("an answer");

    let shown = tree.of("invoke_agent");
    assert_eq!(
        shown,
        "\
invoke_agent github 40 2
  call session.send
  execute_tool look failure
    call session.log invalid
  decide_permission failure
  run_hook cancelled
  run_hook panic
  call session.name.get
"
    );
}

/// The closure that returns the trace context of a prompt runs inside of its turn, so that the CLI's spans can join it.
#[tokio::test(start_paused = true)]
async fn of_a_turn_reach_the_cli() {
    let (_tree, _guard) = collect();
    let fake = FakeCli::start();
    let (read, write) = fake.streams();
    let current = || Some(TraceContext::new(tracing::Span::current().metadata()?.name()));
    let client = Client::builder().trace_context(current).connect(read, write).await.expect("the handshake");
    let session = client.session().deny_all().create().await.expect("a session");
    drop(session.prompt("Hello").await.expect("a turn"));
    assert_eq!(fake.received_raw("session.send").await["traceparent"], "invoke_agent");
}

/// Each of two prompts has its own tools, whichever the agent starts first. Those of a prompt without a turn have no
/// parent.
#[tokio::test(start_paused = true)]
async fn of_prompts_that_wait() {
    let (tree, _guard) = collect();
    let rig = Rig::on(FakeCli::start(), |new| {
        ["first", "second", "third"].into_iter().fold(new.approve_all(), |new, name| {
            new.tool(Tool::with_schema(name, "Looks", json!({}), async |_: Value, _| "seen"))
        })
    })
    .await;
    let id = rig.session.id().to_owned();
    let first = rig.session.prompt("One").await.expect("a turn");
    let second = rig.session.prompt("Two").await.expect("a turn");
    let third = rig.session.send("Three").await.expect("a prompt");
    for (message_id, tool) in
        [(second.message_id(), "second"), (first.message_id(), "first"), (&*third, "third")]
    {
        rig.emit(say::user_message(message_id));
        rig.fake.expect_tool_result(&id, tool, json!({})).await;
    }
    rig.emit(say::idle());
    first.await.expect("an answer");
    drop(second);
    rig.fake.expect_tool_result(&id, "first", json!({})).await;
    let of_turn = |tool| format!("invoke_agent github 0 0\n  call session.send\n  execute_tool {tool}\n");
    assert_eq!(tree.of("invoke_agent"), of_turn("first") + &of_turn("second").replace(" 0 0", ""));
    assert_eq!(tree.of("execute_tool"), "execute_tool third\nexecute_tool first\n");
}

/// The work for a prompt without a turn has no parent, although a turn waits. The idle of an abort before a turn does
/// not end the turn's span.
#[tokio::test(start_paused = true)]
async fn of_a_turn_behind_a_prompt() {
    let (tree, _guard) = collect();
    let rig = Rig::on(FakeCli::start(), |new| {
        ["own", "later"].into_iter().fold(new.approve_all(), |new, name| {
            new.tool(Tool::with_schema(name, "Looks", json!({}), async |_: Value, _| "seen"))
        })
    })
    .await;
    let id = rig.session.id().to_owned();
    let sent = rig.session.send("One").await.expect("a prompt");
    rig.emit(say::user_message(&sent));
    rig.fake.expect_tool_result(&id, "own", json!({})).await;
    let turn = rig.session.prompt("Two").await.expect("a turn");
    rig.fake.expect_tool_result(&id, "own", json!({})).await;
    rig.emit(say::user_message(turn.message_id()));
    let mut idle = say::idle();
    idle["data"]["aborted"] = true.into();
    rig.emit(idle);
    rig.fake.expect_tool_result(&id, "later", json!({})).await;
    assert_eq!(tree.of("execute_tool"), "execute_tool own\nexecute_tool own\n");
    assert_eq!(tree.of("invoke_agent"), "invoke_agent github\n  call session.send\n  execute_tool later\n");
    drop(turn);
}

/// A prompt that joins the work of a turn leaves the tree as it is, whether it has a turn of its own or not.
#[tokio::test(start_paused = true)]
async fn of_a_turn_that_is_steered() {
    let (tree, _guard) = collect();
    let rig = Rig::on(FakeCli::start(), |new| {
        new.approve_all().tool(Tool::with_schema("own", "Looks", json!({}), async |_: Value, _| "seen"))
    })
    .await;
    let id = rig.session.id().to_owned();
    let turn = rig.session.prompt("One").await.expect("a turn");
    let sent = rig.session.send("Two").await.expect("a prompt");
    let other = rig.session.prompt("Three").await.expect("a turn");
    for message_id in [turn.message_id(), &sent, other.message_id()] {
        let mut message = say::user_message(message_id);
        message["data"]["interactionId"] = "one".into();
        rig.emit(message);
        rig.fake.expect_tool_result(&id, "own", json!({})).await;
    }
    rig.emit(say::event("assistant.usage", json!({"model": "gpt-5", "cacheReadTokens": 40})));
    rig.emit(say::idle());
    turn.await.expect("an answer");
    other.await.expect("the same answer");
    let tools = "  execute_tool own\n".repeat(3);
    assert_eq!(
        tree.of("invoke_agent"),
        format!(
            "invoke_agent github 40 0\n  call session.send\n{tools}invoke_agent github 40 0\n  call session.send\n"
        )
    );
    assert_eq!(tree.of("execute_tool"), "");
}

/// The lines of the ends of turns.
fn closed_turns(log: &str) -> Vec<&str> {
    let is_of_turn = |line: &&str| line.contains(": close") && !line.contains("}:call{");
    lines(log, "invoke_agent{").into_iter().filter(is_of_turn).collect()
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
    let closed = closed_turns(&log);
    assert!(closed.len() == 1 && closed[0].contains("error.type=rate_limit"), "{log}");
    assert!(!log.contains(PRIVATE), "{log}");
    drop(rig.session.prompt("Hello").await.expect("a turn"));
    let log = file.text();
    assert_eq!(closed_turns(&log).len(), 2, "{log}");
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
    assert!(closed[1].contains("error.type=closed"), "{closed:?}");
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
    assert!(of("session.model.switchTo").is_some_and(|line| line.contains("error.type=invalid")), "{log}");
    assert!(!log.contains(PRIVATE), "{log}");
}
