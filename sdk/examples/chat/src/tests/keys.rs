//! Tests of the prompt, and of the lists to choose from.

use super::*;
use crate::screen::{Listed, Screen};

#[test]
fn a_prompt_is_written_and_sent() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.press(KeyCode::Enter), None);
    stage.write("one");
    assert_eq!(stage.press_with(KeyModifiers::ALT, KeyCode::Enter), None);
    stage.paste("two\r\nthree\u{1b}[2J");
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
    stage.paste("a long text");
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

/// `/model` lists the models, from the current one on, and with a name it takes that one. With more words it is a
/// prompt.
#[test]
fn a_model_is_chosen() {
    let mut stage = Stage::new(80, 24);
    stage.list(Listed::Models, vec![item("other"), item("scripted"), item("third")]);
    assert!(stage.app.input.is_empty() && !stage.app.is_running);
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
    stage.list(Listed::Models, Vec::new());
    assert!(stage.draw().starts_with("The CLI lists no models."));
}

#[test]
fn sessions_are_chosen() {
    let mut stage = Stage::new(80, 24);
    stage.list(Listed::Sessions, vec![item("a"), item("b")]);
    assert_eq!(stage.press(KeyCode::Down), None);
    assert_eq!(stage.press(KeyCode::Down), None);
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Resume("b".to_owned())));
    stage.app.open(Transcript::new(), "b".to_owned(), stage.now);
    stage.list(Listed::Sessions, Vec::new());
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
    stage.app.list(Listed::Sessions, vec![item("a")], stage.now);
    assert!(matches!(stage.app.screen, Screen::Chat));
    assert!(stage.draw().contains("Stop it first"));
    assert_eq!(stage.control('r'), None);
    stage.answer("Hi.");
    stage.list(Listed::Sessions, vec![item("a")]);
    stage.event("assistant.turn_start", json!({ "turnId": "1" }));
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert!(stage.draw().contains("Stop it first"));
}
