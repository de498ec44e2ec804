//! Tests of the screens. `UPDATE=1 cargo test -p chat` writes the golden files.

use std::path::Path;

use ratatui::style::Color;

use super::*;
use crate::app::Todo;
use crate::screen::Screen;

/// Compares a screen with its golden file.
fn golden(name: &str, stage: &mut Stage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/golden").join(format!("{name}.txt"));
    let screen = stage.draw();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &screen).expect("a golden file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(screen == expected, "{name} is not its golden file:\n{screen}");
}

/// A conversation with some of everything.
fn conversation(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.prompt("What is wrong with the test?\nIt fails since today.");
    stage.event(
        "assistant.reasoning",
        json!({ "reasoningId": "r", "content": "The user has a test that fails." }),
    );
    stage.event(
        "tool.execution_start",
        json!({ "toolCallId": "1", "toolName": "bash",
        "arguments": { "command": "cargo test --workspace --quiet 2>&1 | tail -n 100" } }),
    );
    stage.event(
        "tool.execution_complete",
        json!({ "toolCallId": "1", "success": false, "error": { "message": "no" } }),
    );
    stage.event("tool.execution_start", json!({ "toolCallId": "2", "toolName": "task", "arguments": {} }));
    let agent = json!({ "toolCallId": "2", "agentName": "explore", "agentDisplayName": "Explorer",
        "agentDescription": "" });
    stage.event("subagent.started", agent);
    let grep = json!({ "toolCallId": "3", "toolName": "grep", "parentToolCallId": "2", "arguments": { "pattern": "sum" } });
    stage.event("tool.execution_start", grep);
    stage.event(
        "session.usage_info",
        json!({ "tokenLimit": 1000, "currentTokens": 420, "messagesLength": 3 }),
    );
    stage.event(
        "assistant.usage",
        json!({ "model": "scripted", "inputTokens": 12_345, "outputTokens": 678, "cost": 0.33 }),
    );
    stage
        .event("session.warning", json!({ "warningType": "quota", "message": "Half of the quota is used." }));
    stage.event("assistant.message", json!({ "messageId": "m", "toolRequests": [],
        "content": "## Found it\n\n`sum` divides by **two**:\n\n```python\nreturn sum(values) / 2\n```\n\n1. 日本語 e\u{301}\n2. a\u{1b}[2Jb" }));
    stage
}

#[test]
fn conversations() {
    golden("wide", &mut conversation(80, 24));
    golden("narrow", &mut conversation(40, 30));
    golden("very_wide", &mut conversation(160, 30));
}

#[test]
fn empty() {
    golden("empty", &mut Stage::new(80, 12));
}

#[test]
fn a_permission_at_the_side_and_below() {
    for (name, width, height) in [("permission_wide", 80, 24), ("permission_narrow", 40, 20)] {
        let mut stage = conversation(width, height);
        let _verdict = stage.permission("run `rm -rf target && cargo test --workspace --quiet`");
        let _other = stage.permission("read x");
        golden(name, &mut stage);
    }
    let mut stage = conversation(80, 12);
    let _verdict = stage.permission(&format!("run `{}`", "a b ".repeat(200)));
    stage.press(KeyCode::Char('w'));
    golden("permission_all", &mut stage);
}

/// The plan stands in the conversation, where it can be read however long it is.
#[test]
fn a_plan() {
    let mut stage = conversation(80, 24);
    let steps: String = (1..=30).map(|step| format!("{step}. step `{step}`\n")).collect();
    let _answer = stage.plan(&format!("## Repair the *mean*\n\n{steps}\n\u{1b}[2J"));
    golden("plan", &mut stage);
    stage.press(KeyCode::PageUp);
    stage.press(KeyCode::PageUp);
    assert!(stage.draw().contains("The plan of the agent"), "{}", stage.draw());
}

/// The list of what is to do is below the calls. If it is too long, it begins with what is not done yet.
#[test]
fn todos() {
    let mut stage = conversation(80, 14);
    let todo = |title: &str, status: &str| Todo { title: title.to_owned(), status: status.to_owned() };
    let done = (1..=4).map(|step| todo(&format!("Step {step}"), "done"));
    let open =
        [todo("Find the\u{1b}[2J mean", "in_progress"), todo("Repair it", "pending"), todo("x", "blocked")];
    stage.app.todos = done.chain(open).collect();
    golden("todos", &mut stage);
    stage.app.todos.truncate(2);
    assert!(stage.draw().contains("│✓ Step 2") && stage.draw().contains("2/2 done"), "{}", stage.draw());
    let mut narrow = conversation(60, 14);
    narrow.app.todos = vec![todo("x", "pending")];
    assert!(narrow.draw().contains("0/1 done"), "{}", narrow.draw());
}

/// The page of a call shows its arguments and its output up to a limit, and leads to the calls before and after it.
#[test]
fn a_call_of_a_tool() {
    let mut stage = Stage::new(60, 16);
    assert_eq!(stage.control('o'), None);
    assert!(stage.draw().contains("No tool was called yet."));
    stage.prompt("Go");
    let start = |id: &str, command: &str| json!({ "toolCallId": id, "toolName": "bash", "arguments": { "command": command, "timeout": 5 } });
    let end =
        |id: &str, text: &str| json!({ "toolCallId": id, "success": true, "result": { "content": text } });
    stage.event("tool.execution_start", start("1", "cat big"));
    stage.event("tool.execution_complete", end("1", &"12345678\n".repeat(10_000)));
    stage.event("tool.execution_start", start("2", "ls -l\ncat \u{1b}[2Jx"));
    stage.event("tool.execution_complete", end("2", "total 3\n\u{1b}]0;owned\u{7}\r\n\tx\u{202e}y"));
    stage.control('o');
    golden("call", &mut stage);

    stage.press(KeyCode::Left);
    assert!(stage.draw().contains("call 1 of 2") && stage.draw().contains("cat big"));
    stage.press(KeyCode::End);
    // 90,000 bytes without the first 64 KiB.
    assert!(stage.draw().contains("… 24464 more bytes are not shown."), "{}", stage.draw());
    stage.press(KeyCode::Left);
    stage.press(KeyCode::Home);
    assert!(stage.draw().starts_with("✓ bash cat big"), "{}", stage.draw());

    // A call that begins meanwhile does not take the place of the one that is read.
    stage.event("tool.execution_start", start("3", "sleep 9"));
    stage.event("tool.execution_partial_result", json!({ "toolCallId": "3", "partialOutput": "so far" }));
    assert!(stage.draw().contains("call 1 of 3"));
    (0..2).for_each(|_| drop(stage.press(KeyCode::Right)));
    assert!(stage.draw().contains("Output so far\nso far\n"), "{}", stage.draw());
    stage.event(
        "tool.execution_complete",
        json!({ "toolCallId": "3", "success": false, "error": { "message": "no" } }),
    );
    assert!(stage.draw().contains("Error\nno\n"), "{}", stage.draw());

    // A request of the agent takes no key of this page.
    let mut verdict = stage.permission("read x");
    assert!(stage.draw().contains("esc answer the agent"));
    stage.press(KeyCode::Char('y'));
    assert!(verdict.try_recv().is_err());
    stage.press(KeyCode::Esc);
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
}

#[test]
fn a_question_and_a_form() {
    let mut stage = Stage::new(40, 20);
    let _answer =
        stage.question("Tea or\ncoffee\u{1b}[2J?", &["tea", "coffee, which is rather long for a panel"]);
    golden("question", &mut stage);
    let schema =
        [("city", json!({ "type": "string", "title": "City" })), ("pets", json!({ "type": "boolean" }))];
    let fields = schema.map(|(name, schema)| Field::new(name, &schema, name == "city")).into();
    let mut stage = Stage::new(80, 14);
    let _values = stage.form("Where to? (travel)", fields);
    stage.write("Os");
    golden("form", &mut stage);
}

#[test]
fn sessions_and_an_error() {
    let mut stage = Stage::new(60, 8);
    let session = |n| {
        let text = format!("2026-11-30 05:12  Session {n}\u{1b}]0;x\u{7}");
        Item { id: "x".to_owned(), text }
    };
    stage.list(Listed::Sessions, (1..20).map(session).collect());
    (0..9).for_each(|_| drop(stage.press(KeyCode::Down)));
    golden("sessions", &mut stage);
    stage.press(KeyCode::Esc);
    stage.prompt("Go");
    stage.event("session.error", json!({ "errorType": "quota", "message": "No quota is left.\u{1b}[2J" }));
    stage.event("session.idle", json!({}));
    golden("error", &mut stage);
}

/// Nothing that an event, a request or a session contains reaches the terminal as a control character.
#[test]
fn nothing_raw() {
    let evil = "a\u{1b}[2J\u{7}\u{9b}31m\u{202e}\r\nb\u{200b}";
    let mut stage = Stage::new(100, 60);
    stage.app.model = evil.to_owned();
    stage.prompt(evil);
    stage.event(
        "tool.execution_start",
        json!({ "toolCallId": "1", "toolName": evil, "arguments": { evil: evil } }),
    );
    stage.event("session.warning", json!({ "warningType": evil, "message": evil }));
    stage.event("assistant.reasoning", json!({ "reasoningId": "r", "content": evil }));
    stage.event(
        "assistant.message",
        json!({ "messageId": "m", "toolRequests": [], "content": format!("```{evil}\n{evil}\n```\n{evil}") }),
    );
    stage.app.notice = evil.to_owned();
    stage.app.todos = vec![Todo { title: evil.to_owned(), status: evil.to_owned() }];
    let _answer = stage.question_about(Some(evil.to_owned()), evil, &[evil]);
    let check = |screen: &str| {
        let is_plain = |letter: char| !letter.is_control() && !matches!(letter, '\u{200b}' | '\u{202e}');
        assert!(screen.lines().all(|row| row.chars().all(is_plain)), "{screen:?}");
        assert!(screen.contains("\\u{1b}[2J"), "{screen}");
    };
    check(&stage.draw());
    stage.app.screen = Screen::Request(0);
    check(&stage.draw());
    stage.press(KeyCode::Esc);
    stage.control('o');
    check(&stage.draw());
    stage.app.screen = Screen::List(Listed::Models, vec![Item { id: "x".into(), text: evil.into() }], 0);
    check(&stage.draw());
}

/// Any size can be drawn, down to none at all, while everything is open.
#[test]
fn any_size() {
    for width in [0, 1, 2, 3, 10, 40, 79, 80, 81, 300] {
        for height in [0, 1, 2, 3, 5, 8, 24] {
            let mut stage = conversation(width, height);
            stage.app.todos = vec![Todo { title: "日本語".to_owned(), status: String::new() }; 9];
            stage.app.input.insert("日本語\n\n\n\n\n\n\n\nabc");
            stage.draw();
            let _answer = stage.question("Tea or coffee?", &["tea", "coffee"]);
            stage.app.on_dialog = true;
            stage.draw();
            let _verdict = stage.permission("read x");
            stage.press(KeyCode::Esc);
            stage.press(KeyCode::Char('w'));
            stage.press(KeyCode::Down);
            stage.press(KeyCode::PageUp);
            stage.draw();
            stage.press(KeyCode::Esc);
            stage.control('o');
            stage.press(KeyCode::End);
            stage.draw();

            let mut stage = Stage::new(width, height);
            let field = Field::new("city", &json!({ "type": "string" }), true);
            let _values = stage.form("Where to?", vec![field]);
            stage.draw();
            stage.write("日本");
            stage.draw();

            let mut stage = Stage::new(width, height);
            let _answer = stage.plan("1. 日本語");
            stage.press(KeyCode::Enter);
            stage.press(KeyCode::PageDown);
            stage.draw();
        }
    }
}

/// New text does not move the rows that the user reads.
#[test]
fn scrolled_back() {
    let mut stage = Stage::new(60, 10);
    stage.prompt("Count");
    let lines = |to: u32| (1..=to).map(|n| format!("line {n}\n\n")).collect::<String>();
    stage.event("assistant.message_delta", json!({ "messageId": "m", "deltaContent": lines(30) }));
    stage.press(KeyCode::PageUp);
    let before = stage.draw();
    let top: String = before.lines().take(2).map(|row| format!("{row}\n")).collect();
    assert!(top.contains("line"), "{before}");
    stage.event("assistant.message_delta", json!({ "messageId": "m", "deltaContent": lines(5) }));
    assert!(stage.draw().starts_with(&top), "{}", stage.draw());
    (0..9).for_each(|_| drop(stage.press(KeyCode::PageDown)));
    assert!(stage.draw().contains("line 5\n"));
    stage.press(KeyCode::PageUp);
    (0..99).for_each(|_| drop(stage.press(KeyCode::Up)));
    assert!(stage.draw().starts_with("› Count"), "{}", stage.draw());
}

/// A conversation that is too long loses its beginning, and says so.
#[test]
fn a_conversation_without_end() {
    let mut stage = Stage::new(60, 10);
    stage.app.transcript = Transcript::new().max_bytes(100_000);
    for _ in 0..50 {
        stage.prompt("Go");
        stage.answer(&"word ".repeat(2000));
    }
    stage.app.scroll.below = usize::MAX / 2;
    assert!(stage.draw().contains(" earlier turns are no longer shown.\n"), "{}", stage.draw());
}

#[test]
fn colors() {
    let of = |variables: &[(&str, &str)]| {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Colors::detect(find)
    };
    assert_eq!(of(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), Colors::Full);
    assert_eq!(of(&[("TERM", "xterm"), ("NO_COLOR", "")]), Colors::Basic);
    assert_eq!(of(&[("COLORTERM", "24bit"), ("NO_COLOR", "1")]), Colors::None);
    assert_eq!(of(&[("COLORTERM", "24bit"), ("TERM", "dumb")]), Colors::None);
    for colors in [Colors::Full, Colors::Basic, Colors::None] {
        let mut stage = conversation(80, 40);
        let text = stage.draw_in(colors);
        assert_eq!(text, stage.draw(), "colours change no text");
        stage.draw_in(colors);
        let used: Vec<_> = stage.terminal.backend().buffer().content.iter().map(|cell| cell.fg).collect();
        let is_full = |color: &Color| matches!(color, Color::Rgb(..));
        assert_eq!(used.iter().any(is_full), colors == Colors::Full);
        assert_eq!(used.iter().all(|color| *color == Color::Reset), colors == Colors::None);
    }
}
