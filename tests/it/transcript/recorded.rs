//! Transcripts of the recorded traffic of real CLIs.

use super::*;

/// The conversation of each scenario reads the same on every CLI.
const CONVERSATIONS: &[(&str, &[&str], &str)] = &[
    ("create-send-idle", ALL, "> What is 2+2?\nFour.\n> And 3+3?\nSix.\n"),
    ("streaming", &["1.0.10"], "> What is 2+2?\nThe answer is 4.\n"),
    ("streaming", &["1.0.81", "1.0.102"], "> What is 2+2?\n~ Let me think.\nThe answer is 4.\n"),
    ("tool-call-success", ALL, "> Use the tool\n* lookup {\"key\":\"alpha\"}: value of alpha is 42\nDone.\n"),
    (
        "tool-call-failure-result",
        ALL,
        "> Use the tool\n* lookup {\"key\":\"alpha\"} failed: KeyError: alpha\nDone.\n",
    ),
    (
        "tool-call-handler-error",
        ALL,
        "> Use the tool\n* lookup {\"key\":\"alpha\"} failed: Tool execution failed\nDone.\n",
    ),
    (
        "tool-call-parallel",
        &["1.0.10", "1.0.102"],
        "> Use both\nI will look twice.\n* slow {\"key\":\"a\"}: r-slow\n* lookup {\"key\":\"b\"}: r-lookup\nDone.\n",
    ),
    (
        "hooks-deny",
        &["1.0.10", "1.0.102"],
        "> Hello hooks\n* lookup {\"key\":\"a\"} failed: Denied by preToolUse hook: not today\nDone.\n",
    ),
    (
        "hooks-passthrough",
        &["1.0.10"],
        "> Hello hooks\n* lookup {\"key\":\"a\"}: RESULT\n* failing {\"key\":\"b\"} failed: tool says no\n\
         * bash {\"command\":\"echo hi\",\"description\":\"say hi\"}: hi\n  <exited with exit code 0>\nDone.\n",
    ),
    (
        "responses-api",
        &["1.0.10", "1.0.102"],
        "> go\n~ Let me think.\n* lookup {\"key\":\"a\"}: 42\nThe answer.\n",
    ),
    ("get-messages", ALL, "> one\n* lookup {\"key\":\"a\"}: r\nok\n"),
    (
        "set-model",
        ALL,
        "> one\nok\n! session.model_change: other-model\n! session.model_change: third-model\n\
         ! session.model_change: third-model\n! session.model_change: third-model\n> two\nok\n",
    ),
    ("resume-new-process", ALL, "> one\n* lookup {\"key\":\"a\"}: r\nfirst\n> two\nsecond\n"),
    (
        "abort-mid-stream",
        &["1.0.81", "1.0.102"],
        "> long story\nword0 word1 word2 word3 word4 …\n! aborted\n> again\nAfter abort.\n",
    ),
    (
        "abort-mid-stream",
        &["1.0.10"],
        "> long story\nword0 word1 word2 word3 word4 …\n! session.info: Operation cancelled by user\n\
         ! aborted\n> again\nAfter abort.\n",
    ),
    ("subagent", &["1.0.10"], "> delegate\n* task HELPER: sub answer\n@ helper\n    sub answer\nmain done\n"),
    (
        "subagent",
        &["1.0.102"],
        "> delegate\n* task HELPER: sub answer\n@ helper\n    ! session.model_change: fake-model\n    \
         > help me\n    sub answer\nmain done\n",
    ),
    // Each event came twice, since two clients share the session.
    (
        "tcp-two-clients-tools",
        &["1.0.10"],
        "> go\n* tool_b {\"key\":\"k\"}: B:tool_b\n* tool_a {\"key\":\"k\"}: A:tool_a\ndone\n\
         > from B\nanswer to B\n! session.info: hi from X\n",
    ),
];

/// Replaces `HELPER` in a conversation by JSON. serde_json orders its keys as the recording does if its
/// feature `preserve_order` is on.
fn expected(conversation: &str) -> String {
    let helper = json!({
        "agent_type": "helper", "prompt": "help me", "description": "helping", "name": "helper1", "mode": "sync",
    });
    conversation.replace("HELPER", &helper.to_string())
}

const ALL: &[&str] = &["1.0.10", "1.0.81", "1.0.102"];

#[test]
fn live_events_make_a_readable_conversation() {
    for (scenario, versions, expected) in CONVERSATIONS {
        for version in *versions {
            let transcript = Recording::live(&format!("{version}-{scenario}"));
            assert_eq!(transcript.to_string(), self::expected(expected), "{version} {scenario}");
        }
    }
}

/// A history reads as the conversation did up to that point.
#[test]
fn a_history_reads_like_the_live_events() {
    let mut whole = Vec::new();
    for (scenario, versions, expected) in CONVERSATIONS {
        // A history lacks the text that an abort cut off.
        let versions = versions.iter().filter(|_| *scenario != "abort-mid-stream");
        for version in versions {
            for history in Recording::load(&format!("{version}-{scenario}")).histories {
                let transcript = history.iter().collect::<Transcript>().to_string();
                assert!(expected.starts_with(&transcript), "{version} {scenario}: {transcript}");
                if transcript == *expected {
                    whole.push(*scenario);
                }
            }
        }
    }
    whole.dedup();
    assert_eq!(whole, ["create-send-idle", "get-messages"]);
}

/// The kept events alone have the whole conversation, except for a recording whose text is only in ephemeral
/// events.
#[test]
fn kept_events_alone_give_the_same_conversation() {
    for (scenario, versions, expected) in CONVERSATIONS {
        if *scenario == "abort-mid-stream" {
            continue;
        }
        for version in *versions {
            let live = Recording::load(&format!("{version}-{scenario}")).live;
            let kept: Transcript = live.iter().filter(|event| !event.is_ephemeral()).collect();
            // Without `session.idle` the end of the turn follows from the model's last answer.
            assert_eq!(kept.to_string(), self::expected(expected), "{version} {scenario}");
        }
    }
}

/// A program subscribes, reads the history, and then reads the live events, some of which are in the history.
#[test]
fn history_and_live_events_may_overlap_anywhere() {
    for name in ["1.0.102-streaming", "1.0.102-get-messages", "1.0.81-streaming", "1.0.102-subagent"] {
        let live = Recording::load(name).live;
        let whole: Transcript = live.iter().collect();
        for read in 0..=live.len() {
            let history: Transcript = live.iter().take(read).filter(|event| !event.is_ephemeral()).collect();
            for subscribed in 0..=read {
                let mut transcript = history.clone();
                transcript.extend(live.iter().skip(subscribed));
                assert_eq!(transcript.to_string(), whole.to_string(), "{name} {subscribed} {read}");
            }
        }
    }
}

#[test]
fn an_abort_marks_the_text_it_cut_off() {
    for version in ALL {
        let recording = Recording::load(&format!("{version}-abort-mid-stream"));
        let transcript: Transcript = recording.live.iter().collect();
        let [aborted, again] = transcript.turns() else { panic!("{transcript}") };
        assert!(matches!(aborted.state(), TurnState::Aborted), "{version}");
        assert!(matches!(again.state(), TurnState::Finished), "{version}");
        let Some(Entry::Message(message)) = aborted.entries().first() else { panic!("{transcript}") };
        assert!(!message.is_complete(), "{version}");
        let history: Transcript = recording.histories.last().into_iter().flatten().collect();
        let states: Vec<_> = history.turns().iter().map(|turn| format!("{:?}", turn.state())).collect();
        assert_eq!(states, ["Aborted", "Finished"], "{version}");
    }
}

#[test]
fn a_turn_that_failed_has_its_error() {
    for version in ["1.0.10", "1.0.102"] {
        let transcript = Recording::live(&format!("{version}-model-error-429"));
        let [failed, again] = transcript.turns() else { panic!("{transcript}") };
        let TurnState::Failed(error) = failed.state() else { panic!("{transcript}") };
        assert!(error.message.contains("429 Rate limit reached"), "{version}");
        assert_eq!(error.status_code, (version == "1.0.102").then_some(429));
        assert!(matches!(again.state(), TurnState::Finished), "{version}");
    }
}

/// Lines of the session's log fail no turn, and events outside of a prompt have a turn without one.
#[test]
fn log_lines_are_notices() {
    for version in ALL {
        let transcript = Recording::live(&format!("{version}-log"));
        let [turn] = transcript.turns() else { panic!("{transcript}") };
        assert!(turn.prompt().is_none() && matches!(turn.state(), TurnState::Finished));
        let kinds: Vec<_> = turn.entries().iter().filter_map(notice).collect();
        let expected = [
            ("session.info", "notification"),
            ("session.info", "notification"),
            ("session.warning", "notification"),
            ("session.error", "notification"),
            ("session.info", "notification"),
            ("session.warning", "notification"),
            ("session.error", "notification"),
            ("session.info", "notification"),
        ];
        assert_eq!(kinds.get(..8), Some(&expected[..]), "{version}");
    }
}

fn notice(entry: &Entry) -> Option<(&str, &str)> {
    let Entry::Notice(notice) = entry else { return None };
    Some((notice.kind(), notice.category()))
}

/// Each model call used 50 tokens in and 10 out; those of the sub-agent count for it and for the turn.
#[test]
fn usage_is_summed_up_per_turn() {
    for version in ["1.0.10", "1.0.102"] {
        let transcript = Recording::live(&format!("{version}-subagent"));
        let [turn] = transcript.turns() else { panic!("{transcript}") };
        assert_eq!(counts(turn.usage()), [3, 150, 30], "{version}");
        let [agent] = sub_agents(turn)[..] else { panic!("{transcript}") };
        assert_eq!(counts(agent.usage()), [1, 50, 10], "{version}");
    }
    let twice = Recording::live("1.0.102-tcp-two-clients-tools");
    let sums: Vec<_> = twice.turns().iter().map(|turn| counts(turn.usage())).collect();
    assert_eq!(sums, [[3, 150, 30], [1, 50, 10], [1, 50, 10]]);
}

#[test]
fn a_sub_agent_is_found_by_its_id_or_its_tool_call() {
    for (version, id) in [("1.0.10", ""), ("1.0.102", "1059bb4e-74da-472a-ba13-289351c279bb")] {
        let transcript = Recording::live(&format!("{version}-subagent"));
        let [agent] = sub_agents(&transcript.turns()[0])[..] else { panic!("{transcript}") };
        let said = (agent.agent_id(), agent.tool_call_id(), agent.name(), agent.display_name());
        assert_eq!(said, (id, "t1", "helper", "Helper"));
        assert_eq!(agent.result(), Some(Ok(())));
    }
}

#[test]
fn a_call_of_the_user_shows_its_output_while_it_runs() {
    let live = Recording::load("1.0.102-shell-user-requested").live;
    let outputs: Vec<_> = (0..=live.len())
        .filter_map(|count| {
            let transcript: Transcript = live.iter().take(count).collect();
            let call = *tool_calls(transcript.turns().last()?).last()?;
            assert!(call.is_user_requested());
            Some((call.output().to_owned(), call.result().is_some()))
        })
        .collect();
    let has = |output: &str, complete| outputs.contains(&(output.to_owned(), complete));
    assert!(has("", false) && has("out1\nerr1", false) && has("a\nb", false) && has("", true));
    assert!(!outputs.iter().any(|(output, complete)| *complete && !output.is_empty()));
}

/// Every recording, forwards, backwards, interleaved, and with each event twice: nothing panics, and a
/// repeated event counts once.
#[test]
fn events_in_any_order() {
    let names = Recording::names();
    assert!(names.len() > 70);
    for name in names {
        let live = Recording::load(&name).live;
        let once: Transcript = live.iter().collect();
        let doubled: Transcript = live.iter().flat_map(|event| [event, event]).collect();
        let again: Transcript = live.iter().chain(&live).collect();
        assert_eq!(doubled.to_string(), once.to_string(), "{name}");
        assert_eq!(again.to_string(), once.to_string(), "{name}");
        let usage = |transcript: &Transcript| -> Vec<_> {
            transcript.turns().iter().map(|turn| counts(turn.usage())).collect()
        };
        assert_eq!(usage(&again), usage(&once), "{name}");
        let reversed: Transcript = live.iter().rev().collect();
        assert_eq!(prompts(&reversed).len(), prompts(&once).len(), "{name}: a prompt was lost");
        for step in 2..7 {
            let mixed: Transcript =
                (0..step).flat_map(|first| live.iter().skip(first).step_by(step)).collect();
            assert_eq!(prompts(&mixed).len(), prompts(&once).len(), "{name}");
        }
    }
}

fn prompts(transcript: &Transcript) -> Vec<&str> {
    transcript.turns().iter().filter_map(|turn| Some(turn.prompt()?.text())).collect()
}
