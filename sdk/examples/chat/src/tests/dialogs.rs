//! Tests of the requests, questions, plans and forms of the agent.

use super::*;
use crate::form::{Field, FieldValue};
use crate::screen::Screen;

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
    stage.paste("\npowder");
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
    stage.paste("Oslo");
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
