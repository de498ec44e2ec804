//! Tests of the keys.

use super::*;
use crate::app::{Item, Listed, Screen};
use crate::form::{Field, FieldValue};

#[test]
fn a_prompt_is_written_and_sent() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.press(KeyCode::Enter), None);
    stage.write("one");
    assert_eq!(stage.press_with(KeyModifiers::ALT, KeyCode::Enter), None);
    stage.app.paste("two\r\nthree\u{1b}[2J");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Send("one\ntwo\nthree[2J".to_owned())));
    assert!(stage.app.is_running && stage.app.input.is_empty());
}

/// A prompt is shown while it waits, and is back in the line if the agent does not begin with it.
#[test]
fn a_prompt_that_is_not_taken() {
    let mut stage = Stage::new(80, 24);
    stage.write("Hello");
    stage.press(KeyCode::Enter);
    assert!(stage.draw().starts_with("› Hello"), "{}", stage.draw());
    stage.event("session.error", json!({ "errorType": "authentication", "message": "No login." }));
    stage.event("session.idle", json!({}));
    assert!(stage.draw().contains("✗ No login.") && stage.app.input.text() == "Hello");
    stage.press(KeyCode::Enter);
    // The end of earlier work, which says nothing of this prompt.
    stage.event("session.idle", json!({}));
    assert!(stage.app.input.is_empty() && stage.draw().contains("› Hello"));
    stage.prompt("Hello");
    stage.answer("Hi.");
    assert!(stage.app.input.is_empty());
    assert_eq!(stage.draw().matches("› Hello").count(), 1);
}

/// Up and down lead to the earlier prompts and back to what the user writes, beyond the first and the last line.
#[test]
fn earlier_prompts() {
    let mut stage = Stage::new(80, 24);
    let text = |stage: &Stage| stage.app.input.text().to_owned();
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "");
    for prompt in ["one", "two\nlines", "two\nlines"] {
        stage.prompt(prompt);
        stage.answer("Hi.");
    }
    stage.write("draft");
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "two\nlines");
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "two\nlines", "the cursor goes to its first line");
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "one");
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "one", "there is none before");
    (0..2).for_each(|_| drop(stage.press(KeyCode::Down)));
    assert_eq!(text(&stage), "draft");

    // A prompt that was changed is what the user writes now.
    (0..3).for_each(|_| drop(stage.press(KeyCode::Up)));
    stage.write(" more");
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "two\nlines");
    stage.press(KeyCode::Down);
    assert_eq!(text(&stage), "one more");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Send("one more".to_owned())));
    stage.press(KeyCode::Up);
    assert_eq!(text(&stage), "one more", "also one that the agent has not begun with");
}

#[test]
fn ctrl_c_stops_the_agent_and_not_the_program() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let verdict = stage.permission("run `ls`");
    assert_eq!(stage.control('c'), Some(Action::Abort));
    assert!(verdict.blocking_recv().is_err(), "the request is refused");
    stage.event("abort", json!({ "reason": "user" }));
    stage.event("session.idle", json!({ "aborted": true }));
    assert!(stage.draw().contains("■ stopped"));
    assert!(!stage.draw().contains("Stopping"));

    assert_eq!(stage.control('c'), None);
    assert!(stage.draw().contains("Ctrl-c again ends the program."));
    stage.write("x");
    assert_eq!(stage.control('c'), None, "another key lies between");
    stage.app.paste("a long text");
    assert_eq!(stage.control('c'), None, "a text lies between");
    assert_eq!(stage.control('c'), Some(Action::Quit));
}

/// The program ends although the agent does not stop.
#[test]
fn ctrl_c_ends_the_program_of_an_agent_that_hangs() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    assert_eq!(stage.control('c'), Some(Action::Abort));
    assert_eq!(stage.control('c'), None);
    // The agent stops late.
    stage.event("session.idle", json!({ "aborted": true }));
    assert!(stage.draw().contains("Ctrl-c again ends the program."));
    assert_eq!(stage.control('c'), Some(Action::Quit));
}

#[test]
fn requests_are_decided_in_their_order() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut verdicts = ["a", "b", "c"].map(|name| stage.permission(&format!("read {name}")));
    for (key, expected) in [('y', Verdict::Yes), ('a', Verdict::Always), ('n', Verdict::No)] {
        assert_eq!(stage.press(KeyCode::Char(key)), None);
        let verdict = verdicts.iter_mut().find_map(|verdict| verdict.try_recv().ok());
        assert_eq!(verdict, Some(expected));
    }
    assert!(stage.app.dialogs.is_empty() && !stage.app.on_dialog);
}

/// A key that was meant for the prompt, or for the request before, allows nothing.
#[test]
fn a_key_that_comes_too_soon() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut first = stage.permission("read a");
    stage.draw();
    let yes = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE);
    stage.now += Duration::from_millis(50);
    stage.app.key(yes, stage.now);
    assert!(first.try_recv().is_err());

    let mut second = stage.permission("read b");
    stage.press(KeyCode::Char('y'));
    assert_eq!(first.try_recv(), Ok(Verdict::Yes));
    stage.draw();
    stage.app.key(yes, stage.now + Duration::from_millis(50));
    assert!(second.try_recv().is_err());
}

/// A request or a plan that appears behind a list or a call is not answered by a key that was meant for these.
#[test]
fn a_key_that_comes_too_soon_after_another_page() {
    for (opens, leaves) in [('l', KeyCode::Esc), ('l', KeyCode::Enter), ('o', KeyCode::Esc)] {
        let mut stage = Stage::new(80, 24);
        stage.prompt("Go");
        stage
            .event("tool.execution_start", json!({ "toolCallId": "1", "toolName": "bash", "arguments": {} }));
        let cover = |stage: &mut Stage| match opens {
            'l' => stage.app.list(Listed::Models, vec![item("a")]),
            letter => drop(stage.control(letter)),
        };
        let press_soon = |stage: &mut Stage, code| {
            stage.draw();
            stage.now += Duration::from_millis(50);
            stage.app.key(KeyEvent::new(code, KeyModifiers::NONE), stage.now);
        };
        cover(&mut stage);
        let mut verdict = stage.permission("read a");
        stage.press(leaves);
        press_soon(&mut stage, KeyCode::Char('y'));
        assert!(verdict.try_recv().is_err());
        stage.press(KeyCode::Char('y'));
        assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));

        cover(&mut stage);
        let mut answer = stage.plan("1. one");
        stage.press(leaves);
        press_soon(&mut stage, KeyCode::Enter);
        assert!(answer.try_recv().is_err());
        stage.press(KeyCode::Enter);
        assert_eq!(answer.try_recv(), Ok(Some(Answer::Choice(0))));
    }
}

/// A user who types while a request appears does not allow it by accident, however long they type.
#[test]
fn a_request_appears_while_the_user_types() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut verdict = stage.permission("read a");
    for letter in "are there any files?".chars() {
        stage.draw();
        stage.now += Duration::from_millis(150);
        stage.app.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE), stage.now);
    }
    assert!(verdict.try_recv().is_err() && stage.app.dialogs.len() == 1);
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
}

/// A user who writes a prompt while a request appears goes on writing.
#[test]
fn a_request_does_not_take_the_keys_of_a_prompt() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    stage.write("wa");
    let mut verdict = stage.permission("run `ls`");
    stage.write("y");
    assert_eq!(stage.app.input.text(), "way");
    assert!(stage.draw().contains("tab: answer the agent"));
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Send("way".to_owned())));
}

/// A request that does not fit the panel is shown on the whole screen before it can be allowed.
#[test]
fn a_long_request_is_seen_before_it_is_allowed() {
    for (width, height) in [(80, 24), (40, 20), (20, 8), (200, 50)] {
        let mut stage = Stage::new(width, height);
        stage.prompt("Go");
        let mut verdict = stage.permission(&format!("run `{}rm -rf /`", "x ".repeat(6000)));
        assert!(!stage.draw().contains("rm -rf"));
        stage.press(KeyCode::Char('y'));
        assert!(verdict.try_recv().is_err() && matches!(stage.app.screen, Screen::Request(0)));
        for key in ['y', 'a'] {
            stage.press(KeyCode::Char(key));
            assert!(verdict.try_recv().is_err() && matches!(stage.app.screen, Screen::Request(0)));
        }
        assert!(!stage.draw().contains("y yes"));
        for _ in 0..100 {
            stage.press(KeyCode::PageDown);
        }
        assert!(stage.draw().contains("intention: none"));
        stage.press(KeyCode::Char('y'));
        assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
        assert!(matches!(stage.app.screen, Screen::Chat));
    }
}

/// A request whose summary leaves something out is read on its page first. What was read counts after the way back.
#[test]
fn a_request_that_the_summary_does_not_tell() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut verdict = stage.permission("write a");
    if let Some(Dialog::Decide(decide)) = stage.app.dialogs.front_mut() {
        decide.is_summary_all = false;
    }
    assert!(stage.draw().contains("read\u{a0}all"), "{}", stage.draw());
    stage.press(KeyCode::Char('y'));
    assert!(verdict.try_recv().is_err() && stage.draw().contains("intention: none"));
    stage.press(KeyCode::Char('w'));
    assert!(matches!(stage.app.screen, Screen::Chat));
    stage.press(KeyCode::Char('a'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Always));
}

/// If "always" would allow no more than "yes", the panel says why, and the key does nothing.
#[test]
fn a_request_without_always() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut verdict = stage.permission("run `ls`");
    if let Some(Dialog::Decide(decide)) = stage.app.dialogs.front_mut() {
        decide.always = Err("not for commands");
    }
    assert!(stage.draw().contains("│always: not for commands"), "{}", stage.draw());
    stage.press(KeyCode::Char('a'));
    assert!(verdict.try_recv().is_err());
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
}

#[test]
fn a_question_is_answered() {
    let mut stage = Stage::new(80, 24);
    let choices = ["tea", "coffee"];
    let mut answers = [(); 3].map(|()| stage.question("Tea or coffee?", &choices));
    stage.press(KeyCode::Down);
    stage.press(KeyCode::Down);
    stage.press(KeyCode::Enter);
    stage.write("cocoa");
    stage.app.paste("\npowder");
    stage.press(KeyCode::Enter);
    stage.press(KeyCode::Esc);
    let [first, second, third] = &mut answers;
    assert_eq!(first.try_recv(), Ok(Some(Answer::Choice(1))));
    assert_eq!(second.try_recv(), Ok(Some(Answer::Words("cocoa\npowder".to_owned()))));
    assert_eq!(third.try_recv(), Ok(None));
}

/// A plan is accepted in one of its ways, refused with words, or refused.
#[test]
fn a_plan_is_decided_on() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.press(KeyCode::BackTab), Some(Action::Plan(true)));
    stage.event("session.mode_changed", json!({ "previousMode": "interactive", "newMode": "plan" }));
    assert!(stage.draw().contains("\nplans · scripted"));
    assert_eq!(stage.press(KeyCode::BackTab), Some(Action::Plan(false)));
    stage.prompt("Go");
    let mut answers = [(); 3].map(|()| stage.plan("1. one"));
    stage.press(KeyCode::Down);
    stage.press(KeyCode::Enter);
    stage.write("not so fast");
    assert!(stage.draw().contains("enter\u{a0}refuses"), "{}", stage.draw());
    stage.press(KeyCode::Enter);
    stage.press(KeyCode::Esc);
    assert!(!stage.draw().contains("The plan"), "{}", stage.draw());
    let answers = answers.each_mut().map(|answer| answer.try_recv().expect("an answer"));
    let words = Answer::Words("not so fast".to_owned());
    assert_eq!(answers, [Some(Answer::Choice(1)), Some(words), None]);
}

/// A plan that is too long for the screen, or that is out of sight, is shown as a page before it can be accepted.
#[test]
fn a_plan_is_seen_before_it_is_accepted() {
    let long = (1..=30).map(|step| format!("{step}. step\n")).collect::<String>();
    for (width, height) in [(80, 24), (40, 10), (20, 8)] {
        let mut stage = Stage::new(width, height);
        stage.prompt("Go");
        let mut answer = stage.plan(&long);
        stage.press(KeyCode::Enter);
        for key in [KeyCode::Enter, KeyCode::Char('n'), KeyCode::Enter] {
            stage.press(key);
            assert!(answer.try_recv().is_err() && matches!(stage.app.screen, Screen::Request(0)));
        }
        assert!(stage.draw().starts_with("Two steps\n"), "{}", stage.draw());
        stage.press(KeyCode::Esc);
        assert!(matches!(stage.app.screen, Screen::Chat));
        stage.press(KeyCode::Enter);
        (0..30).for_each(|_| drop(stage.press(KeyCode::PageDown)));
        assert!(
            stage.draw().contains("30. step") && stage.draw().contains("enter go on"),
            "{}",
            stage.draw()
        );
        stage.press(KeyCode::Enter);
        assert_eq!(answer.try_recv(), Ok(Some(Answer::Choice(0))));
        assert!(matches!(stage.app.screen, Screen::Chat));
    }

    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    stage
        .event("assistant.message_delta", json!({ "messageId": "m", "deltaContent": "line\n\n".repeat(50) }));
    stage.press(KeyCode::PageUp);
    let mut answer = stage.plan("1. one");
    assert!(!stage.draw().contains("1. one"), "{}", stage.draw());
    stage.press(KeyCode::Enter);
    assert!(answer.try_recv().is_err() && stage.draw().contains("1. one"), "{}", stage.draw());
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    stage.now += Duration::from_millis(50);
    stage.app.key(enter, stage.now);
    assert!(answer.try_recv().is_err(), "the user has not read the page yet");
    stage.press(KeyCode::Enter);
    assert_eq!(answer.try_recv(), Ok(Some(Answer::Choice(0))));
}

#[test]
fn a_form_is_filled_in() {
    let schema = json!({
        "city": { "type": "string", "title": "City" },
        "nights": { "type": "integer", "default": 2 },
        "price": { "type": "number" },
        "class": { "type": "string", "enum": ["a", "b"], "enumNames": ["First", "Second"] },
        "bed": { "oneOf": [{ "const": 1, "title": "Narrow" }, { "const": 2, "title": "Wide" }] },
        "pets": { "type": "boolean" },
        "guests": { "type": "array", "items": { "type": "string" } },
    });
    let fields = ["city", "nights", "price", "class", "bed", "pets", "guests"];
    let fields = fields.map(|name| Field::new(name, &schema[name], name == "city")).into();
    let mut stage = Stage::new(120, 30);
    let mut values = stage.form("Where to?", fields);

    (0..7).for_each(|_| drop(stage.press(KeyCode::Enter)));
    assert!(stage.draw().contains("✗ City: required"));
    (0..6).for_each(|_| drop(stage.press(KeyCode::Up)));
    stage.app.paste("Oslo");
    stage.press(KeyCode::Enter);
    stage.write("x");
    stage.press(KeyCode::Enter);
    stage.write("1.5");
    stage.press(KeyCode::Enter);
    (0..2).for_each(|_| drop(stage.press(KeyCode::Right)));
    stage.press(KeyCode::Enter);
    stage.press(KeyCode::Left);
    stage.press(KeyCode::Enter);
    stage.press(KeyCode::Char(' '));
    stage.press(KeyCode::Enter);
    stage.write("Ann, Bo,");
    stage.press(KeyCode::Enter);
    assert!(stage.draw().contains("✗ nights: not a whole number"), "{}", stage.draw());
    (0..5).for_each(|_| drop(stage.press(KeyCode::Up)));
    stage.press(KeyCode::Backspace);
    (0..6).for_each(|_| drop(stage.press(KeyCode::Enter)));
    let expected = json!([
        ["city", "Oslo"],
        ["nights", 2],
        ["price", 1.5],
        ["class", "b"],
        ["bed", 2],
        ["pets", true],
        ["guests", ["Ann", "Bo"]],
    ]);
    assert_eq!(json!(values.try_recv().expect("a reply").expect("values")), expected);
}

/// A schema that makes no sense is a text field, and breaks nothing.
#[test]
fn fields_of_any_schema() {
    for schema in
        [json!(null), json!(3), json!({ "enum": [] }), json!({ "type": [1] }), json!({ "oneOf": [{}] })]
    {
        let field = Field::new("x", &schema, false);
        assert!(matches!(field.value, FieldValue::Text(..)), "{schema}");
    }
}

/// A request that was answered elsewhere disappears, and so do all when the agent rests.
#[test]
fn nobody_waits_any_more() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    drop(stage.permission("read a"));
    let _second = stage.permission("read b");
    stage.event("permission.completed", json!({ "requestId": "1", "result": { "kind": "approved" } }));
    assert_eq!(stage.app.dialogs.len(), 1);
    stage.answer("Done");
    assert!(stage.app.dialogs.is_empty() && !stage.app.on_dialog);
}

/// An item of a list.
fn item(id: &str) -> Item {
    Item { id: id.to_owned(), text: format!("The item {id}") }
}

/// `/model` lists the models, from the current one on, and with a name it takes that one. With more words it is a
/// prompt.
#[test]
fn a_model_is_chosen() {
    let mut stage = Stage::new(80, 24);
    stage.write("/model");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Models));
    assert!(stage.app.input.is_empty() && !stage.app.is_running);
    stage.app.list(Listed::Models, vec![item("other"), item("scripted"), item("third")]);
    assert!(stage.draw().starts_with("Models\n"));
    assert_eq!(stage.press(KeyCode::Down), None);
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Model("third".to_owned())));
    stage.event("session.model_change", json!({ "previousModel": "scripted", "newModel": "third" }));
    assert!(stage.draw().contains("\nthird "), "{}", stage.draw());

    stage.write("/model  gpt-5 ");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Model("gpt-5".to_owned())));
    // The CLI refuses it, and later another one while the user writes.
    stage.app.restore("/model gpt-5".to_owned());
    stage.app.restore("/model gpt-4".to_owned());
    assert_eq!(stage.app.input.take(), "/model gpt-5");
    for prompt in ["/models, what are they?", "/models", "/model the data as a tree, please"] {
        stage.write(prompt);
        assert_eq!(stage.press(KeyCode::Enter), Some(Action::Send(prompt.to_owned())));
    }
    // Also while the agent works, which goes on with its model until the end of the turn.
    stage.write("/model");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Models));
    stage.app.list(Listed::Models, Vec::new());
    assert!(stage.draw().starts_with("The CLI lists no models."));
}

#[test]
fn sessions_are_chosen() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.control('r'), Some(Action::List));
    stage.app.list(Listed::Sessions, vec![item("a"), item("b")]);
    assert_eq!(stage.press(KeyCode::Down), None);
    assert_eq!(stage.press(KeyCode::Down), None);
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Resume("b".to_owned())));
    stage.app.open(Transcript::new(), "b".to_owned(), stage.now);
    stage.app.list(Listed::Sessions, Vec::new());
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert_eq!(stage.control('n'), Some(Action::Create));
    // The way to another session is taken once, and what is written meanwhile stays.
    stage.write("Hello");
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert_eq!(stage.control('n'), None);
    assert!(stage.draw().contains("not open yet"));
    let mut verdict = stage.permission("read a");
    stage.app.open(Transcript::new(), "other".to_owned(), stage.now);
    assert_eq!(stage.app.dialogs.len(), 1, "the other session asked already");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Send("Hello".to_owned())));
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
}

/// A list that comes late does not lead away from an agent that works.
#[test]
fn sessions_while_the_agent_works() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.control('r'), Some(Action::List));
    stage.prompt("Go");
    assert_eq!(stage.control('r'), None);
    assert!(stage.draw().contains("Stop it first"));
    stage.app.list(Listed::Sessions, vec![item("a")]);
    assert!(matches!(stage.app.screen, Screen::Chat));
    stage.answer("Hi.");
    stage.app.list(Listed::Sessions, vec![item("a")]);
    stage.event("assistant.turn_start", json!({ "turnId": "1" }));
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert!(stage.draw().contains("Stop it first"));
}
