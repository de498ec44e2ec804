//! Events that no recording has: retries with text, rewinds, nested agents, malformed events.

use super::*;

/// Events of these types and data, each with an id of its own.
fn events(list: &[(&str, Value)]) -> Vec<SessionEvent> {
    let numbered = list.iter().enumerate();
    numbered
        .map(|(id, (kind, data))| event(&json!({"type": kind, "id": format!("e{id}"), "data": data})))
        .collect()
}

fn transcript(list: &[(&str, Value)]) -> Transcript {
    events(list).iter().collect()
}

fn prompt() -> (&'static str, Value) {
    ("user.message", json!({"content": "go", "messageId": "p1"}))
}

fn delta(id: &str, text: &str) -> (&'static str, Value) {
    ("assistant.message_delta", json!({"messageId": id, "deltaContent": text}))
}

fn message(id: &str, text: &str) -> (&'static str, Value) {
    ("assistant.message", json!({"messageId": id, "content": text}))
}

#[test]
fn a_failed_attempt_leaves_nothing_behind() {
    let retries = [
        ("assistant.turn_retry", json!({"turnId": "0"})),
        ("session.info", json!({"infoType": "model_retry", "message": "Retrying"})),
    ];
    for retry in retries {
        let shown = transcript(&[
            prompt(),
            message("m0", "First."),
            ("assistant.reasoning_delta", json!({"reasoningId": "r1", "deltaContent": "Hm"})),
            delta("m1", "The ans"),
            retry.clone(),
            delta("m2", "The answer"),
            message("m2", "The answer."),
        ]);
        let text: Vec<_> = shown.turns()[0].entries().iter().filter_map(text_of).collect();
        assert_eq!(text, ["First.", "The answer."], "{}", retry.0);
    }
}

fn text_of(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::Message(text) | Entry::Reasoning(text) => Some(text.text()),
        _ => None,
    }
}

/// The whole text replaces that of the deltas, even if some were missed or come late.
#[test]
fn the_whole_text_replaces_the_deltas() {
    let mut list = vec![prompt(), delta("m1", "nswer")];
    assert_eq!(transcript(&list).to_string(), "> go\nnswer …\n! running\n");
    list.extend([message("m1", "The answer."), delta("m1", " late")]);
    assert_eq!(transcript(&list).to_string(), "> go\nThe answer.\n! running\n");
    list.push(("session.idle", json!({})));
    assert_eq!(transcript(&list).to_string(), "> go\nThe answer.\n");
}

/// Reasoning that only its message contains comes before the message, and is not repeated by its own event.
#[test]
fn reasoning_appears_once() {
    let whole = ("assistant.reasoning", json!({"reasoningId": "r1", "content": "Hm."}));
    let with_reasoning = json!({"messageId": "m1", "content": "Yes.", "reasoningText": "Hm."});
    let shown = transcript(&[prompt(), ("assistant.message", with_reasoning.clone()), whole.clone()]);
    assert_eq!(shown.to_string(), "> go\n~ Hm.\nYes.\n! running\n");
    let Entry::Reasoning(reasoning) = &shown.turns()[0].entries()[0] else { panic!("{shown}") };
    assert_eq!((reasoning.id(), reasoning.is_complete()), ("r1", true));
    // A message in two parts, each with its own reasoning, streamed before either is complete.
    let thought = |id: &str, text: &str| {
        ("assistant.reasoning_delta", json!({"reasoningId": id, "deltaContent": text}))
    };
    let more = json!({"messageId": "m2", "content": "No.", "reasoningText": "Oh."});
    let streamed = [
        prompt(),
        thought("r1", "Hm."),
        delta("m1", "Yes."),
        thought("r2", "Oh."),
        delta("m2", "No."),
        ("assistant.message", with_reasoning),
        ("assistant.message", more),
        whole,
    ];
    assert_eq!(transcript(&streamed).to_string(), "> go\n~ Hm.\nYes.\n~ Oh.\nNo.\n! running\n");
}

#[test]
fn a_message_with_only_tool_requests_is_no_entry() {
    let request = json!({"toolCallId": "c1", "name": "look", "arguments": {"at": 1}});
    let asks = json!({"messageId": "m1", "content": "", "toolRequests": [request]});
    let mut list = vec![prompt(), ("assistant.message", asks), ("assistant.turn_end", json!({}))];
    assert_eq!(transcript(&list).to_string(), "> go\n* look {\"at\":1} …\n! running\n");
    list.push((
        "tool.execution_start",
        json!({"toolCallId": "c1", "toolName": "look", "arguments": {"at": 1}}),
    ));
    list.push(("tool.execution_progress", json!({"toolCallId": "c1", "progressMessage": "half"})));
    assert_eq!(tool_calls(&transcript(&list).turns()[0])[0].progress(), "half");
    let result = json!({"content": "seen", "detailedContent": "+ seen"});
    list.push(("tool.execution_complete", json!({"toolCallId": "c1", "success": true, "result": result})));
    let shown = transcript(&list);
    let [call] = tool_calls(&shown.turns()[0])[..] else { panic!("{shown}") };
    assert_eq!((call.id(), call.name(), call.arguments()), ("c1", "look", &json!({"at": 1})));
    assert_eq!((call.result(), call.detailed_content()), (Some(Ok("seen")), Some("+ seen")));
    assert_eq!(call.progress(), "");
}

/// Some model servers restart the ids of their calls in each answer.
#[test]
fn a_tool_call_id_may_be_used_again() {
    let start =
        |key: &str| ("tool.execution_start", json!({"toolCallId": "c", "toolName": "t", "arguments": key}));
    let end = |text: &str| {
        let result = json!({"content": text});
        ("tool.execution_complete", json!({"toolCallId": "c", "success": true, "result": result}))
    };
    let shown =
        transcript(&[prompt(), start("a"), end("1"), start("b"), end("2"), prompt(), start("c"), end("3")]);
    let results: Vec<_> = shown.turns().iter().flat_map(tool_calls).map(ToolCall::result).collect();
    assert_eq!(results, [Some(Ok("1")), Some(Ok("2")), Some(Ok("3"))]);
}

/// A sub-agent of a sub-agent is inside it, and one whose start was missed has an entry too.
#[test]
fn sub_agents_nest() {
    let list = [
        (None, prompt()),
        (None, ("tool.execution_start", json!({"toolCallId": "t1", "toolName": "task"}))),
        (Some("a"), ("subagent.started", json!({"toolCallId": "t1", "agentName": "outer"}))),
        (Some("a"), ("tool.execution_start", json!({"toolCallId": "t2", "toolName": "task"}))),
        (Some("b"), ("subagent.started", json!({"toolCallId": "t2", "agentName": "inner"}))),
        (Some("b"), message("m1", "deep")),
        (Some("b"), ("subagent.failed", json!({"toolCallId": "t2", "agentName": "inner", "error": "lost"}))),
        (Some("c"), message("m2", "stray")),
        (None, message("m3", "top")),
    ];
    let numbered = list.into_iter().enumerate().map(|(id, (agent, (kind, data)))| {
        event(&json!({"type": kind, "id": format!("e{id}"), "agentId": agent, "data": data}))
    });
    let shown: Transcript = numbered.collect::<Vec<_>>().iter().collect();
    let expected = "> go\n* task null …\n@ outer …\n    * task null …\n    @ inner failed: lost\n        deep\n\
                    @  …\n    stray\ntop\n! running\n";
    assert_eq!(shown.to_string(), expected);
}

/// Any number of sub-agents may start one another, without harm to the stack.
#[test]
fn sub_agents_nest_up_to_a_limit() {
    let mut transcript = Transcript::new();
    transcript.apply(&event(&json!({"type": "user.message", "data": {"content": "go"}})));
    for number in 0..1000 {
        let (outer, inner) = (format!("agent {number}"), format!("agent {}", number + 1));
        let data = json!({"toolCallId": inner, "toolName": "task", "agentName": inner});
        let own = if number == 0 { json!(null) } else { json!(outer) };
        transcript.apply(&event(&json!({"type": "tool.execution_start", "agentId": own, "data": data})));
        transcript.apply(&event(&json!({"type": "subagent.started", "agentId": inner, "data": data})));
    }
    let (mut found, mut levels) = (0, 0);
    let mut level: Vec<&SubAgent> = sub_agents(&transcript.turns()[0]);
    while !level.is_empty() {
        (found, levels) = (found + level.len(), levels + 1);
        level = level
            .iter()
            .flat_map(|agent| agent.entries())
            .filter_map(|entry| match entry {
                Entry::SubAgent(agent) => Some(agent),
                _ => None,
            })
            .collect();
    }
    assert_eq!((found, levels), (1000, 65));
}

/// A sub-agent is found after entries before it have come and gone.
#[test]
fn sub_agents_are_found_when_their_places_change() {
    let list = [
        (None, prompt()),
        (None, delta("m1", "Let")),
        (None, delta("m2", "lost")),
        (Some("a"), ("subagent.started", json!({"toolCallId": "t1", "agentName": "one"}))),
        (None, ("assistant.message", json!({"messageId": "m1", "content": "Let me", "reasoningText": "Hm"}))),
        (Some("a"), message("m3", "deep")),
        (None, message("m2", "")),
        (Some("a"), message("m4", "deeper")),
        (None, delta("m5", "lost")),
        (Some("b"), ("subagent.started", json!({"toolCallId": "t2", "agentName": "two"}))),
        (None, ("assistant.turn_retry", json!({"turnId": "0"}))),
        (Some("b"), message("m6", "deep")),
        (Some("a"), message("m7", "deepest")),
    ];
    let mut shown = Transcript::new();
    for (agent, (kind, data)) in list {
        shown.apply(&event(&json!({"type": kind, "agentId": agent, "data": data})));
    }
    let steps: Vec<usize> = sub_agents(&shown.turns()[0]).iter().map(|agent| agent.entries().len()).collect();
    assert_eq!((steps.as_slice(), shown.turns()[0].entries().len()), (&[3, 1][..], 4), "{shown}");
}

/// The work for an event of a sub-agent does not grow with the turn, in which minutes would be lost with this many.
#[test]
fn sub_agents_of_a_long_turn() {
    const MANY: usize = 30_000;
    let of = |agent: Option<&str>, (kind, data): (&str, Value)| {
        event(&json!({"type": kind, "agentId": agent, "data": data}))
    };
    let mut shown = transcript(&[prompt()]);
    for agent in ["a", "b"] {
        shown.apply(&of(Some(agent), ("subagent.started", json!({"toolCallId": agent}))));
    }
    let info = ("session.info", json!({"message": "still there"}));
    for event in [of(None, info.clone()), of(Some("b"), info), of(Some("a"), delta("m", "."))] {
        (0..MANY).for_each(|_| shown.apply(&event));
    }
    let entries = |agent: &&SubAgent| agent.entries().len();
    let agents = sub_agents(&shown.turns()[0]);
    assert_eq!(agents.iter().map(entries).collect::<Vec<_>>(), [1, MANY]);
    assert_eq!(text_of(&agents[0].entries()[0]).map(str::len), Some(MANY));
}

/// An error belongs to the turn it names, and that of a refused prompt fails no turn before it.
#[test]
fn an_error_fails_its_own_turn() {
    let error = |id: &str| {
        ("session.error", json!({"errorType": "query", "message": "no", "originatingMessageId": id}))
    };
    let idle = ("session.idle", json!({}));
    let second = ("user.message", json!({"content": "more", "messageId": "p2"}));
    let shown = transcript(&[prompt(), second.clone(), error("p1")]);
    assert_eq!(shown.to_string(), "> go\n! failed: no\n> more\n! running\n");
    for refused in [error("p3"), ("session.error", json!({"errorType": "authentication", "message": "no"}))] {
        let shown = transcript(&[prompt(), message("m1", "Yes."), idle.clone(), refused, idle.clone()]);
        assert_eq!(shown.to_string(), "> go\nYes.\n! failed: no\n");
        assert_eq!(shown.turns().len(), 2);
    }
    let unreadable = transcript(&[prompt(), ("session.error", json!(7))]);
    assert!(matches!(unreadable.turns()[0].state(), TurnState::Failed(_)));
}

#[test]
fn a_turn_ends_as_the_cli_says() {
    let state = |kind: &str, data: Value| {
        let shown = transcript(&[prompt(), (kind, data)]);
        format!("{:?}", shown.turns()[0].state())
    };
    assert_eq!(state("session.idle", json!({})), "Finished");
    assert_eq!(state("session.idle", json!({"aborted": true})), "Aborted");
    assert_eq!(state("abort", json!({"reason": "user_initiated"})), "Aborted");
    assert_eq!(state("session.shutdown", json!({})), "Aborted");
    assert_eq!(state("assistant.turn_end", json!({})), "Running");
    assert_eq!(state("session.idle", Value::Null), "Finished");
}

#[test]
fn a_rewind_takes_back_turns() {
    let second = ("user.message", json!({"content": "more"}));
    let third = ("user.message", json!({"content": "most"}));
    let rewind =
        |data| transcript(&[prompt(), second.clone(), third.clone(), ("session.snapshot_rewind", data)]);
    let shown = rewind(json!({"upToEventId": "e1", "eventsRemoved": 2}));
    assert_eq!(shown.to_string(), "> go\n");
    let shown = rewind(json!({"upToEventId": "e1", "eventsRemoved": 1, "eventIds": ["e1"]}));
    assert_eq!(shown.to_string(), "> go\n> most\n! running\n");
    let shown = rewind(json!({"upToEventId": "e9", "eventsRemoved": 1}));
    assert_eq!(shown.turns().len(), 3);
}

/// The text that a skill inserts is no prompt of the user.
#[test]
fn a_skill_begins_no_turn() {
    let skill = ("user.message", json!({"content": "how to", "source": "skill-pdf"}));
    let shown = transcript(&[prompt(), skill, message("m1", "Yes.")]);
    let [turn] = shown.turns() else { panic!("{shown}") };
    let Some(Entry::Prompt(prompt)) = turn.entries().first() else { panic!("{shown}") };
    assert_eq!((prompt.source(), prompt.text()), ("skill-pdf", "how to"));
    assert_eq!(turn.prompt().map(|prompt| (prompt.message_id(), prompt.text())), Some(("p1", "go")));
}

/// Malformed data of any event causes no panic and removes nothing.
#[test]
fn malformed_events_remove_nothing() {
    let nonsense = [
        Value::Null,
        json!(7),
        json!("text"),
        json!([1, {"content": 2}]),
        json!({"messageId": 7, "content": {}, "toolRequests": 1, "toolCallId": [], "eventIds": {}, "cost": "x"}),
        json!({"toolRequests": [1, null, {"toolCallId": 1}], "eventIds": [1, null], "inputTokens": -1.5e300}),
    ];
    let kinds = copilot_session::SessionEventData::TYPES.iter().chain(&["model.log", "no.such", ""]);
    for kind in kinds {
        let mut shown = transcript(&[prompt(), message("m1", "Yes.")]);
        for (id, data) in nonsense.iter().enumerate() {
            shown.apply(&event(&json!({"type": kind, "id": format!("n{id}"), "data": data})));
            shown.apply(&event(&json!({"type": kind, "agentId": "a", "data": data})));
        }
        assert!(shown.to_string().starts_with("> go\nYes.\n"), "{kind}: {shown}");
    }
}

/// Fractions and missing numbers of the usage are accepted.
#[test]
fn usage_reads_numbers_of_any_form() {
    let usage = json!({"model": "m", "inputTokens": 5.0, "cacheReadTokens": 2, "cacheWriteTokens": 1, "cost": 0.5,
                       "copilotUsage": {"totalNanoAiu": 3e9}});
    let shown = transcript(&[prompt(), ("assistant.usage", usage.clone()), ("assistant.usage", usage)]);
    let sum = shown.turns()[0].usage();
    assert_eq!(counts(sum), [2, 10, 0]);
    assert_eq!((sum.cache_read_tokens, sum.cache_write_tokens), (4, 2));
    assert_eq!((sum.cost, sum.nano_aiu), (1.0, 6e9));
}

/// The usage of all turns is the sum of theirs, and the exports name the cost that the CLI reports.
#[test]
fn usage_and_cost_are_summed_and_exported() {
    let usage = |cost: f64, nano_aiu: f64| {
        let billed = json!({"totalNanoAiu": nano_aiu});
        (
            "assistant.usage",
            json!({"model": "m", "inputTokens": 5, "outputTokens": 2, "cost": cost, "copilotUsage": billed}),
        )
    };
    let shown = transcript(&[
        prompt(),
        usage(0.33, 0.0),
        usage(0.33, 0.0),
        usage(0.33, 0.0),
        ("session.idle", json!({})),
        ("user.message", json!({"content": "more", "messageId": "p2"})),
        usage(1.0, 1_500_000_000.0),
        ("user.message", json!({"content": "free", "messageId": "p3"})),
        usage(0.0, 0.0),
    ]);
    let sum = shown.usage();
    assert_eq!((counts(&sum), sum.nano_aiu), ([5, 25, 10], 1.5e9));
    assert!((sum.cost - 1.99).abs() < 1e-9, "{}", sum.cost);
    assert_eq!(Transcript::new().usage().calls, 0);
    for text in [shown.to_markdown(), shown.to_html()] {
        for expected in [
            "3 model calls, 15 tokens in, 6 tokens out, 0.99 premium requests",
            "1 model call, 5 tokens in, 2 tokens out, 1 premium request, 1.5 AI units",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert_eq!(text.matches("premium").count(), 2, "{text}");
    }
    let json = serde_json::to_value(&shown).expect("JSON");
    let number = |key| json["turns"][1]["usage"][key].as_f64();
    assert_eq!((number("cost"), number("nanoAiu")), (Some(1.0), Some(1.5e9)));
}

/// An event may be about an entry that is far back, also after the transcript was stored and read.
#[test]
fn old_entries_of_a_long_turn_are_found() {
    let mut list = vec![
        prompt(),
        delta("m", "The "),
        ("tool.execution_start", json!({"toolCallId": "t", "toolName": "ls"})),
    ];
    list.extend((0..100).map(|number| message(&format!("m{number}"), "step")));
    list.push(delta("m", "answer"));
    let rest = [
        (
            "tool.execution_complete",
            json!({"toolCallId": "t", "success": true, "result": {"content": "a.txt"}}),
        ),
        message("m", "The answer."),
        message("m7", "step"),
    ];
    let half = transcript(&list);
    let stored = serde_json::to_string(&half).expect("JSON");
    let read: Transcript = serde_json::from_str(&stored).expect("a transcript");
    list.extend(rest.clone());
    let later = events(&list).split_off(list.len() - rest.len());
    for mut shown in [half, read] {
        assert!(
            matches!(&shown.turns()[0].entries()[0], Entry::Message(text) if text.text() == "The answer")
        );
        shown.extend(&later);
        let entries = shown.turns()[0].entries();
        assert_eq!(entries.len(), 102);
        assert!(
            matches!(&entries[0], Entry::Message(text) if text.text() == "The answer." && text.is_complete())
        );
        assert!(matches!(&entries[1], Entry::ToolCall(call) if call.result() == Some(Ok("a.txt"))));
    }
}

/// Text of a model, a tool or the CLI cannot move the cursor or hide a part of the transcript.
#[test]
fn the_text_is_safe_for_a_terminal() {
    let odd = "a\r\u{1b}[2K\u{202e}\u{200b}b\n\tc";
    let tool = json!({"toolCallId": "t1", "toolName": odd, "arguments": {"path": odd}});
    let done = json!({"toolCallId": "t1", "success": true, "result": {"content": odd}});
    let shown = transcript(&[
        ("user.message", json!({"content": odd, "messageId": "p1"})),
        ("assistant.reasoning", json!({"reasoningId": "r1", "content": odd})),
        ("tool.execution_start", tool),
        ("tool.execution_complete", done),
        message("m1", odd),
        ("session.info", json!({"infoType": odd, "message": odd})),
        ("subagent.started", json!({"toolCallId": "t2", "agentName": odd, "agentDisplayName": odd})),
        ("session.error", json!({"errorType": "query", "message": odd})),
    ])
    .to_string();
    assert!(shown.contains(r"a\r\u{1b}[2K\u{202e}\u{200b}b"), "{shown}");
    let lines = |letter: char| matches!(letter, '\n' | '\t');
    let raw: Vec<char> = shown.chars().filter(|letter| !lines(*letter)).collect();
    assert_eq!(copilot_session::printable(&raw.iter().collect::<String>()), raw.iter().collect::<String>());
    assert!(shown.lines().count() > 12, "{shown}");
}
