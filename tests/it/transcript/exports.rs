//! Times, JSON, Markdown, HTML and the limit of transcripts.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::*;

fn at(millis: u64) -> Option<SystemTime> {
    // 2026-11-22T07:26:13Z
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_332_373_000 + millis))
}

fn millis(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

#[test]
fn times_are_those_of_the_events() {
    let shown = Recording::live("1.0.102-subagent");
    let [turn] = shown.turns() else { panic!("{shown}") };
    assert_eq!((turn.times().start(), turn.times().duration()), (at(675), millis(243)));
    let [task] = tool_calls(turn)[..] else { panic!("{shown}") };
    assert_eq!((task.times().start(), task.times().duration()), (at(807), millis(62)));
    let [agent] = sub_agents(turn)[..] else { panic!("{shown}") };
    assert_eq!((agent.times().start(), agent.times().duration()), (at(815), millis(52)));
    let [.., Entry::Message(text)] = agent.entries() else { panic!("{shown}") };
    assert_eq!((text.times().start(), text.times().duration()), (at(858), millis(6)));
    let prompt = turn.prompt().expect("a prompt");
    assert_eq!((prompt.times().start(), prompt.times().end()), (at(675), at(675)));
    for entry in turn.entries() {
        assert!(entry.times().start() >= turn.times().start() && entry.times().end() <= turn.times().end());
    }
}

/// A history has no `session.idle`, so a turn ends with its last event, not with a prompt of the next day.
#[test]
fn a_turn_of_a_history_ends_with_its_last_event() {
    let events = |interrupted: bool| {
        let minutes = [("00", "user.message"), ("01", "assistant.turn_start"), ("02", "assistant.message")];
        let rest = [("03", "assistant.turn_end"), ("30", "session.info"), ("59", "user.message")];
        let events =
            minutes.into_iter().chain(rest).filter(|(_, kind)| !interrupted || !kind.ends_with("end"));
        let events = events.map(|(minute, kind)| {
            let data = json!({"content": "x", "messageId": kind, "message": "x"});
            event(&json!({"type": kind, "id": minute, "data": data, "timestamp": format!("2026-01-01T10:{minute}:00Z")}))
        });
        events.collect::<Vec<_>>()
    };
    for (interrupted, minutes) in [(false, 3), (true, 2)] {
        let shown: Transcript = events(interrupted).iter().collect();
        assert_eq!(shown.turns()[0].times().duration(), millis(minutes * 60_000), "{shown}");
        assert_eq!(shown.turns()[1].times().end(), None);
    }
}

#[test]
fn a_stored_transcript_reads_the_same() {
    for name in Recording::names() {
        let shown = Recording::live(&name);
        let json = serde_json::to_string(&shown).expect("JSON");
        let read: Transcript = serde_json::from_str(&json).expect("a transcript");
        assert_eq!(read, shown, "{name}");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), json, "{name}");
        assert_eq!(
            (read.to_string(), read.to_html(), read.to_markdown()),
            (shown.to_string(), shown.to_html(), shown.to_markdown()),
            "{name}"
        );
    }
}

/// A transcript that was stored within a turn goes on where it was.
#[test]
fn a_stored_transcript_goes_on() {
    for name in ["1.0.102-subagent", "1.0.102-streaming", "1.0.102-tool-call-parallel"] {
        let events = Recording::load(name).live;
        let whole: Transcript = events.iter().collect();
        for cut in (0..events.len()).step_by(3) {
            let first: Transcript = events[..cut].iter().collect();
            let json = serde_json::to_string(&first).expect("JSON");
            let mut read: Transcript = serde_json::from_str(&json).expect("a transcript");
            read.extend(&events[cut..]);
            assert_eq!(read, whole, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn json_that_is_no_transcript_is_refused() {
    for json in [
        "null",
        "{}",
        r#"{"turns": [{}], "droppedTurns": 0}"#,
        r#"{"turns": [], "droppedTurns": -1}"#,
        r#"{"turns": [{"eventId": "", "entries": [{"poem": {}}]}], "droppedTurns": 0}"#,
        r#"{"turns": [{"eventId": "", "entries": [{"prompt": {}, "notice": {}}]}], "droppedTurns": 0}"#,
    ] {
        assert!(serde_json::from_str::<Transcript>(json).is_err(), "{json}");
    }
}

#[test]
fn markdown_of_a_turn_with_a_sub_agent() {
    let shown = Recording::live("1.0.102-subagent").to_markdown();
    let expected = "\
## Turn 1

*2026-11-22T07:26:13.675Z, 243 ms, 3 model calls, 150 tokens in, 30 tokens out*

**Prompt**

> ```text
> delegate
> ```

**Tool** `task` (62 ms)

```json
{\"agent_type\":\"helper\",\"description\":\"helping\",\"mode\":\"sync\",\"name\":\"helper1\",\"prompt\":\"help me\"}
```

```text
sub answer
```

**Sub-agent** `helper` (52 ms)

> **Notice** `session.model_change`
>
> > ```text
> > fake-model
> > ```
>
> **Prompt**
>
> > ```text
> > help me
> > ```
>
> **Agent**
>
> > sub answer

**Agent**

> main done
";
    assert_eq!(sorted_keys(&shown), expected);
}

/// The arguments of a tool are in the order of the wire if the tests are built with `preserve_order`.
fn sorted_keys(text: &str) -> String {
    let line = |line: &str| match serde_json::from_str::<std::collections::BTreeMap<String, Value>>(line) {
        Ok(object) => serde_json::to_string(&object).expect("JSON"),
        Err(_) => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn html_of_a_turn() {
    let shown = Recording::live("1.0.102-tool-call-success").to_html();
    let expected = [
        "<h2>Turn 1</h2>\n<article class=\"turn\">\n<p class=\"about\">2026-",
        "Z, ",
        " 2 model calls, 100 tokens in, 20 tokens out</p>\n\
         <section class=\"prompt\">\n<h3>Prompt</h3>\n<pre>\nUse the tool</pre>\n</section>\n\
         <details class=\"tool\"><summary>Tool <code>lookup</code> (",
        " ms)</summary>\n<pre>\n{&quot;key&quot;:&quot;alpha&quot;}</pre>\n<pre>\nvalue of alpha is 42</pre>\n</details>\n\
         <section class=\"message\">\n<h3>Agent</h3>\n<pre>\nDone.</pre>\n</section>\n</article>\n",
    ];
    let mut rest = &*shown;
    for part in expected {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} in {shown}"));
        rest = after;
    }
    assert_eq!(rest, "");
}

const HOSTILE: &str =
    "</pre></code><script>alert('x')</script>\"onload=\"x\" & \u{202e}```\n# heading\n> [x](javascript:x)";

/// A transcript in which every text is hostile, and ends like this.
fn hostile(end: &str) -> Transcript {
    let hostile = format!("{HOSTILE}{end}");
    let data = json!({
        "content": hostile, "messageId": hostile, "source": hostile, "reasoningText": hostile, "message": hostile,
        "infoType": hostile, "errorType": hostile, "toolCallId": hostile, "toolName": hostile, "success": false,
        "arguments": {&hostile: hostile}, "error": {"message": hostile}, "agentName": hostile, "newModel": hostile,
        "agentDisplayName": hostile,
    });
    let failed = json!({"toolCallId": hostile, "agentName": hostile, "error": hostile});
    let event = |kind: &str, agent: Option<&str>, data: &Value| {
        event(&json!({"type": kind, "agentId": agent, "data": data, "timestamp": hostile}))
    };
    let events = [
        event("user.message", None, &data),
        event("assistant.message", None, &data),
        event("tool.execution_start", None, &data),
        event("tool.execution_complete", None, &data),
        event("session.info", None, &data),
        event("subagent.started", Some(&hostile), &data),
        event("user.message", Some(&hostile), &data),
        event("assistant.message", Some(&hostile), &data),
        event("subagent.failed", Some(&hostile), &failed),
        event("assistant.message_delta", None, &json!({"messageId": "m2", "deltaContent": hostile})),
        event("session.error", None, &data),
    ];
    events.iter().collect()
}

#[test]
fn nothing_becomes_html() {
    let html = hostile("").to_html();
    assert!(html.matches("alert(&#39;x&#39;)").count() > 12, "{html}");
    let tags: BTreeSet<_> = html.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect();
    let known = [
        "/article",
        "/code",
        "/details",
        "/h2",
        "/h3",
        "/p",
        "/pre",
        "/section",
        "/summary",
        "article class=\"turn\"",
        "code",
        "details class=\"reasoning\"",
        "details class=\"tool failed\"",
        "h2",
        "h3",
        "p class=\"notice\"",
        "pre",
        "section class=\"failure\"",
        "section class=\"message\"",
        "section class=\"prompt\"",
        "section class=\"sub-agent\"",
        "summary",
    ];
    assert_eq!(tags, BTreeSet::from(known));
    let open =
        |tag: &str| html.matches(&format!("<{tag}")).count() == html.matches(&format!("</{tag}>")).count();
    assert!(["article", "section", "details", "summary", "pre", "code"].into_iter().all(open), "{html}");
    assert!(!html.contains('\u{202e}'));
}

/// An element that a message leaves open ends with it. Outside of the messages, hostile text is code.
#[test]
fn nothing_but_the_agents_text_becomes_markdown() {
    use pulldown_cmark::{Event, Parser, Tag, TagEnd};
    let ends = [
        "",
        "\n~~~\n",
        "\n~~~\nx\n~~~",
        "\n`````\n",
        "\n<!--",
        "\n<pre>",
        "\n- > ~~~\n",
        "\n[x]: y",
        "\nx\n===",
    ];
    for end in ends {
        let markdown = hostile(end).to_markdown();
        let (mut last, mut quotes, mut messages, mut is_code, mut codes) = (String::new(), 0, 0, false, 0);
        for event in Parser::new(&markdown) {
            match event {
                Event::Start(Tag::BlockQuote(_)) if quotes > 0 || last == "Agent" => {
                    messages += u32::from(quotes == 0);
                    quotes += 1;
                }
                Event::End(TagEnd::BlockQuote(_)) if quotes > 0 => quotes -= 1,
                _ if quotes > 0 => {}
                Event::Start(Tag::CodeBlock(_)) => is_code = true,
                Event::End(TagEnd::CodeBlock) => {
                    (is_code, last) = (false, String::new());
                    codes += 1;
                }
                Event::Text(_) | Event::Code(_) if is_code => {}
                Event::Text(text) => {
                    assert!(!text.contains("script"), "{end:?}: {text}\n{markdown}");
                    last = text.into_string();
                }
                Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::HtmlBlock) => {
                    panic!("{end:?}: {event:?}\n{markdown}")
                }
                _ => {}
            }
        }
        // Prompts, reasoning, arguments, errors and a notice.
        assert_eq!((messages, codes), (3, 9), "{end:?}: {markdown}");
        assert_eq!(markdown.matches("*The message is not complete.*").count(), 1, "{markdown}");
    }
}

/// The texts of a transcript, in bytes.
fn length(shown: &Transcript) -> usize {
    serde_json::to_string(shown).expect("JSON").len()
}

fn numbered(number: usize, kind: &str, agent: Option<&str>, data: Value) -> SessionEvent {
    let id = format!("{kind} {number}");
    event(&json!({"type": kind, "id": id, "agentId": agent, "data": data}))
}

#[test]
fn the_oldest_turns_are_dropped() {
    let mut shown = Transcript::new().max_bytes(100_000);
    for number in 0..2_000 {
        let content = format!("{number} {}", "x".repeat(500));
        shown.apply(&numbered(number, "user.message", None, json!({"content": content, "messageId": "m"})));
        shown.apply(&numbered(number, "session.idle", None, json!({})));
        assert!(number % 100 > 0 || length(&shown) < 150_000, "{}", length(&shown));
    }
    assert_eq!(shown.dropped_turns() + shown.turns().len() as u64, 2_000);
    assert!(shown.turns().len() > 50, "{}", shown.turns().len());
    let last = shown.turns().last().and_then(TranscriptTurn::prompt).expect("a prompt");
    assert!(last.text().starts_with("1999 "));
    let first = shown.dropped_turns();
    let note = format!("{first} earlier turns were dropped.");
    assert!(shown.to_string().starts_with(&format!("! {note}\n> {first} xx")), "{shown}");
    assert!(shown.to_html().starts_with(&format!("<p class=\"notice\">{note}</p>")));
    assert!(shown.to_markdown().starts_with(&format!("*{note}*\n\n## Turn {}\n", first + 1)));
}

#[test]
fn the_oldest_entries_of_a_long_turn_are_dropped() {
    for agent in [None, Some("a1")] {
        let mut shown = Transcript::new().max_bytes(100_000);
        shown.apply(&numbered(0, "user.message", None, json!({"content": "go", "messageId": "m"})));
        for number in 0..2_000 {
            let call = json!({"toolCallId": format!("c{number}"), "toolName": "view", "arguments": {"path": "x".repeat(200)}});
            shown.apply(&numbered(number, "tool.execution_start", agent, call));
            let result = json!({"content": "y".repeat(300)});
            let end = json!({"toolCallId": format!("c{number}"), "success": true, "result": result});
            shown.apply(&numbered(number, "tool.execution_complete", agent, end));
            assert!(number % 100 > 0 || length(&shown) < 150_000, "{}", length(&shown));
        }
        let [turn] = shown.turns() else { panic!("{} turns", shown.turns().len()) };
        let entries = match agent {
            None => turn.entries(),
            Some(_) => sub_agents(turn)[0].entries(),
        };
        assert_eq!((turn.dropped_entries() + entries.len() as u64, shown.dropped_turns()), (2_000, 0));
        assert!(entries.len() > 50, "{}", entries.len());
        assert!(
            shown.to_string().contains(&format!("! {} earlier entries of this turn", turn.dropped_entries()))
        );
    }
}

/// Every text counts, whatever part of the conversation it is.
#[test]
fn all_texts_count_for_the_limit() {
    let name = |number: usize| format!("{number} {}", "x".repeat(2_000));
    let prompt = |number, data| numbered(number, "user.message", None, data);
    let event = |kind: &'static str, agent: Option<&'static str>, of: fn(String) -> Value| {
        move |number| vec![numbered(number, kind, agent, of(name(number)))]
    };
    let failure = |number| {
        let error = json!({"errorType": "query", "message": "", "stack": name(number)});
        vec![prompt(number, json!({"content": "go"})), numbered(number, "session.error", None, error)]
    };
    let agent = |number| {
        let data = json!({"toolCallId": format!("{number}"), "agentName": "", "error": name(number)});
        vec![numbered(number, "subagent.failed", Some(&format!("{number}")), data)]
    };
    type Make<'a> = &'a dyn Fn(usize) -> Vec<SessionEvent>;
    let parts: [(&str, Make<'_>); 8] = [
        ("failures", &failure),
        ("sub-agents", &agent),
        ("ids of prompts", &|number| {
            vec![prompt(number, json!({"content": "go", "messageId": name(number)}))]
        }),
        (
            "sources",
            &event("user.message", None, |name| json!({"content": "", "source": format!("skill-{name}")})),
        ),
        ("categories", &event("session.info", None, |name| json!({"message": "", "infoType": name}))),
        (
            "ids of messages",
            &event("assistant.message", None, |name| json!({"content": "x", "messageId": name})),
        ),
        (
            "ids of calls",
            &event("tool.execution_start", None, |name| json!({"toolCallId": name, "toolName": "x"})),
        ),
        ("steps", &event("session.info", Some("a"), |name| json!({"message": "", "infoType": name}))),
    ];
    for (part, events) in parts {
        let mut shown = Transcript::new().max_bytes(100_000);
        for number in 0..500 {
            shown.extend(&events(number));
            assert!(number % 50 > 0 || length(&shown) < 150_000, "{part}: {}", length(&shown));
        }
    }
}

/// A call that runs while its start is dropped does not come back without a name.
#[test]
fn the_result_of_a_dropped_call_is_ignored() {
    let mut shown = Transcript::new().max_bytes(10_000);
    shown.apply(&numbered(0, "user.message", None, json!({"content": "go", "messageId": "m"})));
    shown.apply(&numbered(0, "tool.execution_start", None, json!({"toolCallId": "c", "toolName": "wait"})));
    for number in 0..100 {
        shown.apply(&numbered(number, "session.info", None, json!({"message": "x".repeat(500)})));
    }
    let end = json!({"toolCallId": "c", "success": true, "result": {"content": "done"}});
    shown.apply(&numbered(0, "tool.execution_complete", None, end));
    let [turn] = shown.turns() else { panic!("{} turns", shown.turns().len()) };
    assert!(turn.dropped_entries() > 0);
    assert_eq!(tool_calls(turn).len(), 0, "{shown}");
}

/// Deltas come in events many times their size, which does not count.
#[test]
fn only_what_is_kept_counts_for_the_limit() {
    let mut shown = Transcript::new().max_bytes(20_000);
    for turn in 0..3 {
        shown.apply(&numbered(turn, "user.message", None, json!({"content": "go", "messageId": "m"})));
        for number in 0..1_000 {
            let delta =
                json!({"messageId": format!("m{turn}"), "deltaContent": "word ", "filler": "x".repeat(400)});
            shown.apply(&numbered(turn * 1_000 + number, "assistant.message_delta", None, delta));
        }
    }
    assert_eq!((shown.dropped_turns(), shown.turns().len()), (0, 3));
}
