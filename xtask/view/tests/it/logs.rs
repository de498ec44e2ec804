//! Logs of real CLIs, and files that are none.

use copilot_session_view::{Error, Log, Turns, write_page};
use serde_json::{Value, json};

use crate::{drawings, event_at, index, page, recording, recordings, turn};

#[test]
fn a_page_holds_every_message_and_turn() {
    for (name, log) in recordings() {
        let (page, blocks) = page(&log);
        let index = index(&blocks);
        let messages: String =
            (0..).map_while(|number| blocks.get(&format!("messages-{number}"))).map(String::as_str).collect();
        let text = String::from_utf8(log).expect("text");
        assert!(messages.trim_end() == text.trim_end(), "{name}");
        let count = text.lines().count();
        for column in ["times", "sides", "kind", "brief", "session", "turn"] {
            assert_eq!(index[column].as_array().map(Vec::len), Some(count), "{name}: {column}");
        }
        // The drawings of the turns follow each other without a gap.
        let turns = index["turns"].as_array().expect("turns");
        let mut drawn = 0;
        for turn in turns {
            let [first, entries, rest] =
                ["first", "entries", "rest"].map(|key| turn[key].as_u64().unwrap_or(0));
            assert!(first == drawn && first <= entries && entries <= rest, "{name}: {turn}");
            drawn = rest + 1;
        }
        assert_eq!(drawings(&blocks).len() as u64, drawn, "{name}");
        assert_eq!(page.contains("<select id=\"turns\">"), !turns.is_empty(), "{name}");
        assert!(page.contains(&format!("{count} messages in")), "{name}");
    }
}

/// The messages of a long log are in blocks, each of whole lines, whose first messages the index names.
#[test]
fn a_long_log_is_in_blocks() {
    let filler = "x".repeat(64 << 10);
    let lines: Vec<String> = (0..100)
        .map(|t_ms| json!({"t_ms": t_ms, "dir": "client", "msg": {"method": filler}}).to_string() + "\n")
        .collect();
    let (_, blocks) = page(lines.concat().as_bytes());
    let index = index(&blocks);
    let firsts: Vec<usize> = serde_json::from_value(index["messages"].clone()).expect("numbers");
    assert!(firsts.len() > 10, "{firsts:?}");
    let ends = firsts.iter().skip(1).copied().chain([lines.len()]);
    for (number, (first, end)) in firsts.iter().zip(ends).enumerate() {
        assert!(blocks[&format!("messages-{number}")] == lines[*first..end].concat(), "block {number}");
    }
    assert_eq!(blocks.keys().filter(|id| id.starts_with("messages-")).count(), firsts.len());
}

/// Every open element is closed, in the right order.
#[test]
fn drawings_are_well_formed() {
    for (name, log) in recordings() {
        for (id, html) in drawings(&page(&log).1).iter().enumerate() {
            let mut open = Vec::new();
            for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
                match tag.strip_prefix('/') {
                    Some(end) => assert_eq!(open.pop(), Some(end), "{name}, {id}: {tag}"),
                    None => open.push(tag.split(' ').next().expect("a name")),
                }
            }
            assert!(open.is_empty(), "{name}, {id}: {open:?}");
        }
    }
}

/// A page loads nothing, and its policy allows its own script and style and no other.
#[test]
fn a_page_stands_alone() {
    let (page, _) = page(&recording("1.0.102-subagent"));
    for part in ["src=", "@import", "http:", "https:", "url(http"] {
        let outside = page.split("<script type").next().expect("a head").contains(part);
        let rest =
            page.rsplit("</script>\n<header>").next().expect("a body").replace("http://www.w3.org", "");
        assert!(!outside && !rest.contains(part), "{part}");
    }
    assert_eq!(page.matches("<style>").count(), 1);
    assert_eq!(page.matches("<script>").count(), 1);
    let (_, policy) = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").expect("a policy");
    let policy = policy.split('"').next().expect("its end");
    assert!(
        policy.starts_with("default-src &#39;none&#39;;") || policy.starts_with("default-src 'none';"),
        "{policy}"
    );
    for landmark in
        ["<header>", "<main>", "<nav ", "<h1>", "role=\"search\"", "role=\"status\"", "lang=\"en\""]
    {
        assert!(page.contains(landmark), "{landmark}");
    }
}

/// The content of a log does not become markup of the page or of its drawings.
#[test]
fn nothing_of_a_log_becomes_markup() {
    const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}";
    let event = |kind: &str, data: Value| {
        let event = json!({"type": kind, "id": format!("{kind}{HOSTILE}"), "timestamp": "2026-01-01T00:00:00.000Z",
            "data": data});
        let params = json!({"sessionId": HOSTILE, "event": event});
        json!({"t_ms": 1, "dir": "server", "msg": {"jsonrpc": "2.0", "method": "session.event", "params": params}})
    };
    let call = |kind: &str, data: Value| {
        let mut all = json!({"toolCallId": HOSTILE, "toolName": HOSTILE});
        all.as_object_mut().expect("an object").extend(data.as_object().cloned().unwrap_or_default());
        event(kind, all)
    };
    let lines = [
        json!({"t_ms": 0, "dir": "client", "msg": {"id": HOSTILE, "method": HOSTILE, "params": {"sessionId": HOSTILE, "prompt": HOSTILE}}}),
        json!({"t_ms": 0, "dir": "server", "msg": {"id": 1, "result": {"version": HOSTILE}}}),
        event("user.message", json!({"content": HOSTILE, "messageId": HOSTILE})),
        event("assistant.turn_start", json!({"turnId": "0", "model": HOSTILE})),
        event("assistant.usage", json!({"model": HOSTILE})),
        call("tool.execution_start", json!({"arguments": {HOSTILE: HOSTILE}})),
        event(&format!("{HOSTILE}.requested"), json!({"requestId": HOSTILE})),
        event("permission.requested", json!({"requestId": "p"})),
        event("permission.completed", json!({"requestId": "p", "result": {"kind": HOSTILE}})),
        call("tool.execution_complete", json!({"success": false, "error": {"message": HOSTILE}})),
        call(
            "subagent.started",
            json!({"agentName": HOSTILE, "agentDisplayName": HOSTILE, "agentDescription": ""}),
        ),
        event("session.error", json!({"errorType": HOSTILE, "message": HOSTILE})),
        json!({"t_ms": 9, "dir": "server", "msg": HOSTILE}),
        json!({"t_ms": 9, "dir": "server", "end": {"reason": HOSTILE}}),
    ];
    let log = lines.map(|line| line.to_string()).join("\n");
    let mut page_bytes = Vec::new();
    let read = write_page(HOSTILE, log.as_bytes(), &mut page_bytes).expect("a page");
    assert_eq!(read.turns(), 1);
    let whole = String::from_utf8(page_bytes).expect("text");
    let (_, blocks) = page(log.as_bytes());
    let drawn = turn(&blocks, 0);
    for html in [&whole, &drawn] {
        assert!(html.contains("&lt;img src=x"), "{html}");
        assert!(!html.contains("<img") && !html.contains("alert(1)</script>"), "{html}");
    }
    assert!(!drawn.contains("<script") && !drawn.contains('\u{202e}'));
    // The index is set as text, but shows no text in disguise.
    assert!(!blocks["index"].contains('\u{202e}'));
    assert!(!read.timeline(100, false).contains('\u{202e}'));
}

/// Events with data of any shape, and turns that are rewound, do no harm.
#[test]
fn odd_events_are_read() {
    let event = |kind: &str, data: Value| {
        let event = json!({"type": kind, "id": format!("{kind}{data}"), "timestamp": "2026-01-01T00:00:00.000Z", "data": data});
        let params = json!({"sessionId": "s", "event": event});
        json!({"t_ms": 1, "dir": "server", "msg": {"method": "session.event", "params": params}}).to_string()
    };
    let prompt = |text: &str| event("user.message", json!({"content": text, "messageId": text}));
    let usage =
        json!({"model": "m", "inputTokens": -5, "outputTokens": 1_234_567, "timeToFirstTokenMs": -1e300});
    let first = "user.message{\"content\":\"one\",\"messageId\":\"one\"}";
    let mut lines = vec![
        prompt("one"),
        event("assistant.turn_start", json!({"turnId": "0"})),
        event("assistant.usage", usage),
        prompt("two"),
        event("session.snapshot_rewind", json!({"eventIds": [first], "eventsRemoved": "many"})),
        event("session.snapshot_rewind", json!({"upToEventId": first, "eventsRemoved": 1})),
        prompt("three"),
    ];
    let kinds = [
        "permission.requested",
        "permission.completed",
        "tool.execution_start",
        "subagent.started",
        "hook.end",
    ];
    for kind in kinds.into_iter().chain(["assistant.usage", "model.call_start", "session.error"]) {
        for data in
            [json!(null), json!([]), json!("x"), json!({"requestId": {}, "model": 7, "toolCallId": [1]})]
        {
            lines.push(event(kind, data));
        }
    }
    let read = Log::read(lines.join("\n").as_bytes()).expect("a log");
    let text = read.timeline(200, false);
    for expected in ["turn 1  one", "turn 2  two", "turn 3 (failed)  three", "0 tokens in, 1,234,567 out"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (page, _) = page(lines.join("\n").as_bytes());
    assert!(page.contains("1 session, 3 turns"));
}

/// A span that began long before the prompt is not drawn in its turn, but the spans that it waits for are.
#[test]
fn a_part_outlives_a_whole_from_before_the_prompt() {
    let log = [
        event_at(0, "user.message", json!({"content": "one", "messageId": "1"})),
        event_at(1, "session.idle", json!({})),
        event_at(2, "tool.execution_start", json!({"toolCallId": "t", "toolName": "wait"})),
        event_at(
            9_500,
            "permission.requested",
            json!({"requestId": "p", "permissionRequest": {"toolCallId": "t"}}),
        ),
        event_at(10_000, "user.message", json!({"content": "two", "messageId": "2"})),
        event_at(10_500, "permission.completed", json!({"requestId": "p", "result": {"kind": "approved"}})),
    ];
    let text = Log::read(log.join("\n").as_bytes()).expect("a log").timeline(200, false);
    let (_, second) = text.split_once("turn 2").expect("a second turn");
    assert!(second.contains("waits permission") && !second.contains("tool wait"), "{text}");
}

/// The clock of a CLI may go back.
#[test]
fn a_bar_has_no_negative_width() {
    let log = [
        event_at(2_000, "user.message", json!({"content": "one", "messageId": "1"})),
        event_at(3_000, "tool.execution_start", json!({"toolCallId": "t", "toolName": "wait"})),
        event_at(2_500, "tool.execution_complete", json!({"toolCallId": "t", "success": true})),
        event_at(4_000, "session.idle", json!({})),
    ];
    let (_, blocks) = page(log.join("\n").as_bytes());
    let html = turn(&blocks, 0);
    assert!(html.contains("<rect class=\"bar tool\"") && !html.contains("width=\"-"), "{html}");
}

/// A clock may be far off.
#[test]
fn any_time_is_drawn() {
    for (time, shown) in [
        ("2026-11-22T07:26:13.434Z", "<p>2026-11-22 07:26:13 UTC, 0 ms"),
        ("1969-12-31T23:59:59.999Z", "<p>0 ms"),
        ("9999-12-31T23:59:60.000Z", "<p>0 ms"),
        ("0000-01-01T00:00:00.000Z", "<p>0 ms"),
    ] {
        let log = event_at(0, "user.message", json!({"content": "one", "messageId": "1"}));
        let (_, blocks) = page(log.replace("2026-01-01T00:00:00.000Z", time).as_bytes());
        let html = turn(&blocks, 0);
        assert!(html.contains(shown), "{time}: {html}");
    }
}

/// Keys that have a string in most messages have other values in some.
#[test]
fn a_message_keeps_its_session_whatever_its_other_keys_are() {
    let params = json!({"sessionId": "s", "message": {"prompt": "go"}, "prompt": 7, "name": "first"});
    let log = json!({"t_ms": 1, "dir": "client", "msg": {"id": 1, "method": "session.queue.insertAt", "params": params}});
    let (_, blocks) = page(log.to_string().as_bytes());
    let index = index(&blocks);
    assert_eq!((&index["sessions"], &index["session"]), (&json!(["s"]), &json!([0])));
    assert_eq!(index["brief"], json!(["first"]));
}

/// A request that creates a session does not name it, and is drawn in its place once the response does.
#[test]
fn the_request_for_a_session_comes_before_its_response() {
    let message =
        |t_ms: u64, dir: &str, message: Value| json!({"t_ms": t_ms, "dir": dir, "msg": message}).to_string();
    let file = json!({"sessionId": "s", "path": "a"});
    let log = [
        message(1, "client", json!({"id": 1, "method": "session.create", "params": {"model": "m"}})),
        message(2, "client", json!({"id": 2, "method": "session.create", "params": {"model": "m"}})),
        message(3, "server", json!({"id": 1, "method": "sessionFs.stat", "params": file})),
        message(4, "client", json!({"id": 1, "result": {}})),
        message(5, "server", json!({"id": 1, "result": {"sessionId": "s"}})),
        message(6, "server", json!({"id": 2, "error": {"code": 1, "message": "no"}})),
        event_at(7, "user.message", json!({"content": "one", "messageId": "1"})),
    ];
    let (_, blocks) = page(log.join("\n").as_bytes());
    let drawn = turn(&blocks, 0);
    let (_, sequence) = drawn.split_once("class=\"rows steps\"").expect("a sequence");
    let arrows: Vec<&str> = sequence
        .split(" aria-label=\"")
        .skip(2)
        .filter_map(|label| label.split('"').next().filter(|label| label.contains(" to ")))
        .map(str::trim_end)
        .collect();
    let expected = [
        "program to CLI: session.create",
        "CLI to program: sessionFs.stat",
        "program to CLI: result of sessionFs.stat",
        "CLI to program: result of session.create",
        "CLI to program: user.message one",
    ];
    assert_eq!(arrows, expected);
}

fn refused(log: &[u8]) -> String {
    Log::read(log).map(|_| ()).expect_err("an error").to_string()
}

#[test]
fn what_is_no_log_is_refused() {
    let good = br#"{"t_ms":1,"dir":"client","msg":{"jsonrpc":"2.0","method":"x"}}"#;
    assert_eq!(refused(b""), "the log is empty");
    assert_eq!(refused(b"\n\n"), "the log is empty");
    assert_eq!(refused(b"hello\n"), "line 1 is no line of a wire log: expected value");
    assert_eq!(refused(b"{\"a\": 1}"), "line 1 is no line of a wire log: missing field `t_ms`");
    let neither = r#"it has neither "msg" nor "leftOut" nor "end""#;
    let none = br#"{"t_ms":1,"dir":"client"}"#;
    assert_eq!(refused(none), format!("line 1 is no line of a wire log: {neither}"));
    let with = |line: &[u8]| [good, b"\n\n".as_slice(), line, b"\n", good, b"\n"].concat();
    assert_eq!(refused(&with(b"\xff")), "line 3 is no line of a wire log: it is not UTF-8");
    assert!(
        refused(&with(br#"{"t_ms":1,"dir":"north","msg":1}"#)).starts_with("line 3 is no line of a wire log")
    );
    let escape = refused(br#"{"t_ms":1,"dir":"\u001b]0;x\u0007","msg":1}"#);
    assert!(escape.contains(r"`\u{1b}]0;x\u{7}`"), "{escape:?}");
    let error = Log::read(&*with(b"[")).expect_err("an error");
    assert!(matches!(error, Error::NotALog { line: 3, .. }), "{error:?}");
    let mut page = Vec::new();
    assert!(matches!(write_page("x", &*with(b"["), &mut page), Err(Error::NotALog { line: 3, .. })));
}

/// A log of a program that was killed ends anywhere, also within a character.
#[test]
fn a_log_may_end_anywhere() {
    let log = recording("1.0.102-streaming");
    let first = log.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for end in (first..log.len()).step_by(97) {
        let cut = Log::read(&log[..end]).expect("a log");
        let whole = log[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        let ends_whole = log[end - 1] == b'\n' || log[end] == b'\n';
        assert_eq!(cut.is_cut_off(), !ends_whole, "{end}");
        assert_eq!(cut.lines(), whole + u64::from(log[end - 1] != b'\n' && log[end] == b'\n'), "{end}");
        assert_eq!(cut.timeline(80, false).contains("is cut off"), cut.is_cut_off(), "{end}");
    }
    let (page, _) = page(&log[..log.len() - 5]);
    assert!(page.contains("The last line of the log is cut off, and is left out."));
}

#[test]
fn what_the_log_itself_says_is_shown() {
    let log = concat!(
        r#"{"t_ms":1,"dir":"client","leftOut":3}"#,
        "\n",
        r#"{"t_ms":9,"dir":"server","end":{"reason":"the CLI exited","exitCode":1,"signal":null,"stderr":""}}"#
    );
    let read = Log::read(log.as_bytes()).expect("a log");
    let text = read.timeline(80, false);
    assert!(
        text.contains("left 3 messages out, because the log was too slow or full.")
            && text.contains("The connection ended: the CLI exited"),
        "{text}"
    );
}

#[test]
fn timelines_fit_the_terminal() {
    let logs = recordings();
    for width in [0, 40, 79, 80, 100, 200, 100_000] {
        for (name, log) in logs.iter().filter(|(name, _)| name.starts_with("1.0.102")) {
            let log = Log::read(&**log).expect("a log");
            let plain = log.timeline(width, false);
            let remarks = |line: &&str| !line.starts_with("The ");
            let longest =
                plain.lines().filter(remarks).map(|line| line.chars().count()).max().unwrap_or_default();
            assert!(longest <= width.clamp(40, 400), "{name} at {width}: {longest}");
            assert!(!plain.contains('\u{1b}'));
            let colored = log.timeline(width, true);
            assert!(log.turns() == 0 || colored.contains('\u{1b}'));
        }
    }
}

/// A log of some sessions with so many turns each, which begin in the order of their numbers.
fn with_turns(sessions: &[(&str, u64)]) -> Log {
    let mut lines = Vec::new();
    for number in 1..=sessions.iter().map(|(_, turns)| *turns).max().unwrap_or_default() {
        for (session, _) in sessions.iter().filter(|(_, turns)| *turns >= number) {
            let prompt = json!({"content": format!("{session} prompt {number}"), "messageId": "p"});
            let line = event_at(number, "user.message", prompt);
            lines.push(line.replace("\"s\"", &format!("\"{session}\"")));
        }
    }
    lines.push(json!({"t_ms": 1, "dir": "client", "leftOut": 2}).to_string());
    Log::read(lines.join("\n").as_bytes()).expect("a log")
}

#[test]
fn a_turn_is_shown_alone() {
    let log = with_turns(&[("one", 2), ("two", 4), ("three", 3)]);
    let prompts = |turns| {
        let text = log.timeline_of(turns, 80, false).expect("the turn");
        assert!(text.ends_with("left 2 messages out, because the log was too slow or full.\n"), "{text}");
        let turns = text.lines().filter(|line| line.starts_with("turn ") && line.contains(" prompt "));
        turns.filter_map(|line| Some(line.split_once("  ")?.1.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(prompts(Turns::Number(1)), ["one prompt 1", "two prompt 1", "three prompt 1"]);
    assert_eq!(prompts(Turns::Number(3)), ["two prompt 3", "three prompt 3"]);
    assert_eq!(prompts(Turns::Last), ["two prompt 4"]);
    let sessions = [("one", 1), ("two", 2), ("three", 1)];
    let last = with_turns(&sessions).timeline_of(Turns::Last, 80, false).expect("the turn");
    assert!(
        last.starts_with("session two\n\nturn 2 (unfinished)  two prompt 2\n") && !last.contains("prompt 1"),
        "{last}"
    );
}

#[test]
fn a_turn_that_is_not_there_is_refused() {
    let refused = |sessions: &[(&str, u64)], turns| {
        with_turns(sessions).timeline_of(turns, 80, false).expect_err("an error").to_string()
    };
    let number = Turns::Number;
    assert_eq!(refused(&[("one", 3)], number(4)), "the log has no turn 4; it has turns 1 to 3");
    assert_eq!(refused(&[("one", 1)], number(0)), "the log has no turn 0; it has turn 1");
    assert_eq!(
        refused(&[("one", 1)], number(usize::MAX)),
        format!("the log has no turn {}; it has turn 1", usize::MAX)
    );
    let two = "the log has no turn 9; session one has turns 1 to 3, session two has turn 1";
    assert_eq!(refused(&[("one", 3), ("two", 1)], number(9)), two);
    assert_eq!(refused(&[], number(1)), "the log has no turn 1; none has begun");
    assert_eq!(refused(&[], Turns::Last), "the log has no turn; none has begun");
    let many = [("1", 1), ("2", 1), ("3", 1), ("4", 1), ("5", 1), ("6", 1), ("7", 1)];
    assert!(refused(&many, number(2)).ends_with("session 5 has turn 1, and there are 2 more sessions"));
}
