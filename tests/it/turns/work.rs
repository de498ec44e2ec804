//! The work of a turn in its answer: usage, calls and time.

use std::time::Duration;

use copilot_session::testing::events as say;
use copilot_session::types::SendRequest;
use copilot_session::{Answer, SessionEventData, ToolCall, ToolOutcome, Usage};
use serde_json::{Value, json};

use super::VERSIONS;
use crate::rig::Rig;

fn usage(model: &str, input: u64) -> Value {
    let billed = json!({"totalNanoAiu": 5.0});
    let data = json!({"model": model, "inputTokens": input, "outputTokens": 10, "cacheReadTokens": 2,
        "cacheWriteTokens": 1, "reasoningTokens": 4, "cost": 0.5, "copilotUsage": billed});
    say::event("assistant.usage", data)
}

fn by_sub_agent(mut event: Value) -> Value {
    event["agentId"] = "sub".into();
    event
}

fn models(answer: &Answer) -> Vec<&str> {
    answer.model_calls().map(|call| &*call.model).collect()
}

fn tools(answer: &Answer) -> Vec<&str> {
    answer.tool_calls().map(|call| &*call.start.tool_name).collect()
}

/// The usage of single events is the same as that of the answer, which knows nothing of other events.
#[tokio::test(start_paused = true)]
async fn usage_of_events() {
    let rig = Rig::start().await;
    let mut turn = rig.session.prompt("hello").await.expect("the prompt");
    rig.emit(say::user_message(turn.message_id()));
    rig.emit(usage("large", 100));
    rig.emit(say::tool_failed("1", "denied", "not here"));
    rig.emit(say::usage(7, 3));
    rig.emit(say::idle());
    let (mut sum, mut failed) = (Usage::default(), None);
    while let Some(event) = turn.next().await {
        sum += Usage::of(&event).unwrap_or_default();
        if let SessionEventData::ToolExecutionComplete(call) = event.data() {
            failed = call.error.clone().and_then(|error| error.code);
        }
    }
    let answer = turn.await.expect("the answer");
    assert_eq!((answer.usage(), sum.calls, sum.input_tokens, sum.output_tokens), (sum, 2, 107, 13));
    assert_eq!(failed.as_deref(), Some("denied"));
}

/// The calls of a turn and its sub-agents count; those before and after it do not.
#[tokio::test(start_paused = true)]
async fn calls_of_a_turn() {
    for version in VERSIONS {
        let rig = Rig::of(version).await;
        let turn = rig.session.prompt("hello").await.expect("the prompt");
        rig.emit(usage("early", 1));
        rig.emit(say::user_message(turn.message_id()));
        rig.emit(usage("large", 100));
        rig.emit(say::tool_start("1", "task", json!({"of": "it"})));
        rig.emit(by_sub_agent(usage("small", 20)));
        rig.emit(by_sub_agent(say::tool_start("2", "view", json!({}))));
        rig.emit(say::assistant_message("done"));
        rig.emit(say::idle());
        rig.emit(usage("late", 1));
        let answer = turn.await.expect("the answer");
        assert_eq!(models(&answer), ["large", "small"], "{version}");
        assert_eq!(tools(&answer), ["task", "view"], "{version}");
        let first = answer.tool_calls().next().expect("a call");
        assert_eq!(first.start.arguments, Some(json!({"of": "it"})));
        let sum = answer.usage();
        let tokens = [sum.calls, sum.input_tokens, sum.output_tokens, sum.reasoning_tokens];
        assert_eq!(tokens, [2, 120, 20, 8]);
        assert_eq!([sum.cache_read_tokens, sum.cache_write_tokens], [4, 2]);
        assert_eq!([sum.cost, sum.nano_aiu], [1.0, 10.0]);
        assert_eq!(answer.clone().usage(), sum);
        assert_eq!([sum, sum].iter().sum::<Usage>(), sum + sum);
    }
}

/// The name of each tool call, with its outcome.
fn outcomes(answer: &Answer) -> Vec<String> {
    let outcome = |call: ToolCall| {
        let text = match call.outcome {
            ToolOutcome::Succeeded => "succeeded".to_owned(),
            ToolOutcome::Failed(error) => format!("failed: {}", error.message),
            ToolOutcome::Refused(error) => format!("refused: {}", error.message),
            ToolOutcome::Unfinished => "unfinished".to_owned(),
            _ => panic!("an unknown outcome"),
        };
        format!("{} {text}", call.start.tool_name)
    };
    answer.tool_calls().map(outcome).collect()
}

/// Each tool call has its outcome, also one of a sub-agent. The end of a call that is not of the turn is none.
#[tokio::test(start_paused = true)]
async fn outcomes_of_tool_calls() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    for id in ["view", "grep", "bash", "edit", "task", "odd", "slow"] {
        rig.emit(say::tool_start(id, id, json!({})));
    }
    rig.emit(say::tool_failed("bash", "denied", "not here"));
    rig.emit(say::tool_failed("edit", "rejected", "no"));
    rig.emit(say::tool_complete("view", "seen"));
    rig.emit(say::tool_failed("grep", "failure", "no such file"));
    rig.emit(by_sub_agent(say::tool_complete("task", "done")));
    rig.emit(say::event("tool.execution_complete", json!({"toolCallId": "odd", "success": false})));
    rig.emit(say::tool_complete("early", "seen"));
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    let expected = [
        "view succeeded",
        "grep failed: no such file",
        "bash refused: not here",
        "edit refused: no",
        "task succeeded",
        "odd failed: ",
        "slow unfinished",
    ];
    assert_eq!(outcomes(&answer), expected);
}

/// Some model servers use the id of a call again. Each call has its own outcome.
#[tokio::test(start_paused = true)]
async fn outcomes_of_calls_with_one_id() {
    let rig = Rig::start().await;
    let turn = rig.turn().await;
    for (tool, end) in [
        ("view", Some(say::tool_complete("1", "seen"))),
        ("edit", Some(say::tool_failed("1", "denied", "no"))),
        ("bash", None),
    ] {
        rig.emit(say::tool_start("1", tool, json!({})));
        end.into_iter().for_each(|end| rig.emit(end));
    }
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    assert_eq!(outcomes(&answer), ["view succeeded", "edit refused: no", "bash unfinished"]);
}

/// A call has its outcome even if there is no room for the message of its error.
#[tokio::test]
async fn outcomes_beyond_the_limit() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    turn.next().await.expect("the prompt");
    let large = "x".repeat(6 << 20);
    for id in ["1", "2", "3"] {
        for event in [say::tool_start(id, id, json!({})), say::tool_failed(id, "failure", &large)] {
            rig.emit(event);
            turn.next().await.expect("an event");
        }
    }
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    let failed = |name: &str, message: &str| format!("{name} failed: {message}");
    assert_eq!(outcomes(&answer), [failed("1", &large), failed("2", &large), failed("3", "")]);
}

/// A code that is no code needs no room either.
#[tokio::test]
async fn outcomes_with_large_codes() {
    let rig = Rig::start().await;
    let mut turn = rig.turn().await;
    turn.next().await.expect("the prompt");
    let large = "x".repeat(9 << 20);
    for id in ["1", "2"] {
        for event in [say::tool_start(id, id, json!({})), say::tool_failed(id, &large, "no")] {
            rig.emit(event);
            turn.next().await.expect("an event");
        }
    }
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    let code = |call: ToolCall| match call.outcome {
        ToolOutcome::Failed(error) => error.code.as_ref().map(String::len),
        _ => panic!("no failure"),
    };
    assert_eq!(answer.tool_calls().map(code).collect::<Vec<_>>(), [Some(large.len()), None]);
}

/// Calls that come before it is known whose they are belong to the turn that takes their prompt.
#[tokio::test(start_paused = true)]
async fn calls_of_a_prompt_in_doubt() {
    let rig = Rig::of("1.0.102").await;
    for (of, models_of_turn) in [("mine", vec!["first", "second"]), ("theirs", vec!["first"])] {
        let turn = rig.turn().await;
        rig.emit(usage("first", 1));
        rig.emit(say::user_message("theirs"));
        rig.emit(usage("second", 1));
        let mut message = say::assistant_message("text");
        message["data"]["originatingMessageId"] = of.into();
        rig.emit(message);
        rig.emit(say::idle());
        assert_eq!(models(&turn.await.expect("the answer")), models_of_turn, "{of}");
    }
}

/// A turn that fails or takes too long reports its cost until then.
#[tokio::test(start_paused = true)]
async fn calls_of_a_failed_turn() {
    let rig = Rig::of("1.0.102").await;
    let turn = rig.turn().await;
    rig.emit(usage("failing", 1));
    rig.emit(say::failure("query", "no"));
    rig.emit(say::idle());
    let failed = turn.await.expect_err("it fails");
    assert_eq!(models(failed.answer().expect("an answer so far")), ["failing"]);

    let turn = rig.turn().await.timeout(Duration::from_secs(5));
    rig.emit(usage("slow", 1));
    let late = turn.await.expect_err("it takes too long");
    let answer = late.answer().expect("an answer so far");
    assert_eq!((models(answer), answer.duration().as_secs()), (vec!["slow"], 5));

    let turn = rig.turn().await;
    rig.emit(usage("cut off", 1));
    rig.emit(say::assistant_message("The first part."));
    rig.emit(say::tool_start("1", "view", json!({})));
    rig.session.disconnect().await.expect("the end");
    let cut_off = turn.await.expect_err("the session ended");
    let answer = cut_off.answer().expect("an answer so far");
    assert_eq!((models(answer), answer.text()), (vec!["cut off"], "The first part."));
    assert_eq!(outcomes(answer), ["view unfinished"]);
}

/// Of a turn of any length a bounded part is kept, and nothing is missing in the sum.
#[tokio::test(start_paused = true)]
async fn calls_of_a_long_turn() {
    let rig = Rig::of("1.0.102").await;
    let mut turn = rig.turn().await;
    turn.next().await.expect("the prompt");
    for _ in 0..50 {
        for _ in 0..100 {
            rig.emit(usage("m", 1));
        }
        for _ in 0..100 {
            turn.next().await.expect("an event");
        }
    }
    rig.emit(say::idle());
    let answer = turn.await.expect("the answer");
    assert_eq!(answer.model_calls().count(), 4096);
    assert_eq!([answer.usage().calls, answer.usage().input_tokens], [5000, 5000]);
}

/// A typed answer goes with the stream, a timeout and the usage.
#[tokio::test(start_paused = true)]
async fn a_typed_answer_of_a_turn() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct City {
        name: String,
    }

    let rig = Rig::of("1.0.102").await;
    let request = SendRequest::new("Which city?").answer_as::<City>();
    let format = request.response_format.clone().expect("a format");
    let mut turn = rig.session.prompt(request).await.expect("the prompt").timeout(Duration::from_secs(60));
    let sent = rig.fake.received_raw("session.send").await;
    assert_eq!(
        sent["responseFormat"].to_string(),
        serde_json::from_str::<Value>(&copilot_session::wire::to_json(&format)).expect("JSON").to_string()
    );
    rig.emit(say::user_message(turn.message_id()));
    rig.emit(usage("m", 7));
    rig.emit(say::assistant_message(r#"{"name":"Oslo"}"#));
    rig.emit(say::idle());
    assert_eq!(turn.next().await.expect("an event").kind(), "user.message");
    let answer = turn.await.expect("the answer");
    assert_eq!(answer.json::<City>().expect("a city").name, "Oslo");
    assert_eq!(answer.usage().input_tokens, 7);
    let odd = answer.json::<Vec<City>>().err().expect("no list");
    let same = odd.answer().expect("the answer");
    assert_eq!((same.text(), same.usage()), (answer.text(), answer.usage()));
}
