//! Tests of what comes in sight while the user does something else.

use super::*;
use crate::screen::Screen;

/// A key that was meant for the prompt, or for the request before, allows nothing.
#[test]
fn a_key_that_comes_too_soon() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut first = stage.permission("read a");
    stage.soon(KeyCode::Char('y'));
    assert!(first.try_recv().is_err());
    assert_eq!(stage.app.input.take(), "y", "the user was at the prompt");

    let mut second = stage.permission("read b");
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Char('y'));
    assert_eq!(first.try_recv(), Ok(Verdict::Yes));
    stage.soon(KeyCode::Char('y'));
    assert!(second.try_recv().is_err() && stage.app.input.is_empty());
    stage.press(KeyCode::Char('y'));
    assert_eq!(second.try_recv(), Ok(Verdict::Yes));
    // Also one that the agent asks only now.
    let mut third = stage.permission("read c");
    stage.soon(KeyCode::Char('y'));
    assert!(third.try_recv().is_err() && stage.app.input.is_empty());
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
            'l' => stage.list(Listed::Models, vec![item("a"), item("b")]),
            letter => drop(stage.control(letter)),
        };
        cover(&mut stage);
        stage.press(KeyCode::Down);
        let mut verdict = stage.permission("read a");
        stage.soon(KeyCode::Up);
        assert!(!matches!(stage.app.screen, Screen::Chat | Screen::List(_, _, 1)), "its own keys go on");
        stage.press(leaves);
        stage.soon(KeyCode::Char('y'));
        assert!(verdict.try_recv().is_err());
        stage.press(KeyCode::Char('y'));
        assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));

        cover(&mut stage);
        stage.press(KeyCode::Down);
        let mut answer = stage.plan("1. one");
        stage.press(leaves);
        stage.soon(KeyCode::Enter);
        assert!(answer.try_recv().is_err());
        stage.press(KeyCode::Enter);
        assert_eq!(answer.try_recv(), Ok(Some(Answer::Choice(0))));
    }
}

/// Letters that are typed while a request, a question or a form appears stay in the prompt, the first one included.
#[test]
fn a_dialog_appears_while_the_user_types() {
    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut verdict = stage.permission("read a");
    for letter in "any files?".chars() {
        stage.soon(KeyCode::Char(letter));
    }
    assert!(verdict.try_recv().is_err() && stage.app.dialogs.len() == 1);
    assert_eq!(stage.soon(KeyCode::Enter), Some(Action::Send("any files?".to_owned())));
    // Now the request has its turn, but the user may already write the next prompt.
    stage.soon(KeyCode::Char('y'));
    assert!(verdict.try_recv().is_err() && stage.app.input.take() == "y");
    stage.press(KeyCode::Tab);
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));

    let mut stage = Stage::new(80, 24);
    stage.prompt("Go");
    let mut answer = stage.question("Tea or coffee?", &["tea", "coffee"]);
    stage.soon(KeyCode::Enter);
    assert!(answer.try_recv().is_err() && stage.app.on_dialog, "there is nothing to send");
    stage.app.paste("a long text", stage.now);
    assert_eq!(stage.app.input.text(), "a long text");
    assert!(stage.draw().contains("tab: answer the agent"));
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

/// A list covers nothing that the user began after they had asked for it.
#[test]
fn a_list_that_comes_late() {
    let models = || vec![item("a"), item("b")];
    let mut stage = Stage::new(80, 24);
    stage.write("/model");
    assert_eq!(stage.press(KeyCode::Enter), Some(Action::Models));
    stage.write("Hel");
    stage.app.list(Listed::Models, models(), stage.now);
    assert!(stage.draw().contains("The list came late. /model gets it again."), "{}", stage.draw());
    stage.write("lo");
    assert_eq!(stage.app.input.take(), "Hello");

    assert_eq!(stage.control('r'), Some(Action::List));
    stage.paste("Hello");
    stage.app.list(Listed::Sessions, models(), stage.now);
    assert!(stage.draw().contains("Ctrl-r gets it again.") && stage.app.input.take() == "Hello");

    stage.write("/model");
    stage.press(KeyCode::Enter);
    let mut verdict = stage.permission("read a");
    stage.app.list(Listed::Models, models(), stage.now);
    stage.press(KeyCode::Char('y'));
    assert_eq!(verdict.try_recv(), Ok(Verdict::Yes));
}

/// A key that comes just after a list chooses nothing, and a letter goes to the prompt.
#[test]
fn a_list_appears_while_the_user_types() {
    let mut stage = Stage::new(80, 24);
    stage.list(Listed::Models, vec![item("a")]);
    assert_eq!(stage.soon(KeyCode::Enter), None);
    assert!(matches!(stage.app.screen, Screen::List(..)));
    stage.soon(KeyCode::Char('H'));
    assert!(matches!(stage.app.screen, Screen::Chat));
    stage.write("i");
    assert_eq!(stage.app.input.take(), "Hi");

    stage.list(Listed::Models, vec![item("a")]);
    stage.app.paste("Hello", stage.now);
    assert_eq!(stage.app.input.take(), "Hello");
    stage.list(Listed::Models, vec![item("a")]);
    stage.soon(KeyCode::Esc);
    assert!(matches!(stage.app.screen, Screen::Chat));
}
