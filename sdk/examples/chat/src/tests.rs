//! Tests of the state and the screen, without a CLI and without a terminal.

mod dialogs;
mod keys;
mod late;
mod screens;

use std::time::{Duration, Instant};

use copilot_session::SessionEvent;
use copilot_session::transcript::Transcript;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::app::{Action, App, TOO_SOON};
use crate::dialog::{Answer, Decide, Dialog, Question, Verdict};
use crate::form::{Field, Form, Values};
use crate::input::Input;
use crate::screen::{Item, Listed};
use crate::theme::{Colors, Theme};
use crate::view;

/// A chat on a screen of this size, with a clock of its own.
struct Stage {
    app: App,
    terminal: Terminal<TestBackend>,
    now: Instant,
}

impl Stage {
    fn new(width: u16, height: u16) -> Self {
        let app = App::new(Transcript::new(), "scripted".to_owned());
        let terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        Self { app, terminal, now: Instant::now() }
    }

    /// Adds an event with this type and data.
    fn event(&mut self, kind: &str, data: Value) {
        let event = SessionEvent::from_json(json!({ "type": kind, "data": data }).to_string());
        self.app.event(&event.expect("an event"), self.now);
    }

    /// Adds a prompt.
    fn prompt(&mut self, text: &str) {
        self.event("user.message", json!({ "content": text }));
        self.event("assistant.turn_start", json!({ "turnId": "0" }));
    }

    /// Adds an answer, and lets the agent rest.
    fn answer(&mut self, text: &str) {
        self.event("assistant.message", json!({ "messageId": "m", "content": text, "toolRequests": [] }));
        self.event("assistant.turn_end", json!({ "turnId": "0" }));
        self.event("session.idle", json!({}));
    }

    /// Adds a request for a permission, and returns the receiver of the verdict.
    fn permission(&mut self, summary: &str) -> oneshot::Receiver<Verdict> {
        let (reply, verdict) = oneshot::channel();
        let full = format!("The agent wants to {summary}\n\nintention: none");
        let (summary, always) = (summary.to_owned(), Ok("read any file".to_owned()));
        let decide = Decide { summary, full, is_summary_all: true, always, reply: Some(reply) };
        self.app.ask(Dialog::Decide(decide), self.now);
        verdict
    }

    /// Adds a form with these fields, and returns the receiver of the values.
    fn form(&mut self, message: &str, fields: Vec<Field>) -> oneshot::Receiver<Option<Values>> {
        let (reply, values) = oneshot::channel();
        let message = message.to_owned();
        let form = Form { message, fields, selected: 0, error: None, reply: Some(reply) };
        self.app.ask(Dialog::Form(form), self.now);
        values
    }

    /// Adds a question, and returns the receiver of the answer.
    fn question(&mut self, text: &str, choices: &[&str]) -> oneshot::Receiver<Option<Answer>> {
        self.question_about(None, text, choices)
    }

    /// Adds the question how to go on with a plan, and returns the receiver of the answer.
    fn plan(&mut self, plan: &str) -> oneshot::Receiver<Option<Answer>> {
        self.question_about(Some(plan.to_owned()), "Two steps", &["go on, and ask me", "go on by itself"])
    }

    fn question_about(
        &mut self,
        plan: Option<String>,
        text: &str,
        choices: &[&str],
    ) -> oneshot::Receiver<Option<Answer>> {
        let (reply, answer) = oneshot::channel();
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        let (text, words) = (text.to_owned(), Some(Input::default()));
        let question = Question { text, plan, choices, selected: 0, words, reply: Some(reply) };
        self.app.ask(Dialog::Question(question), self.now);
        answer
    }

    /// Draws the screen and returns its rows without spaces at their ends.
    fn draw(&mut self) -> String {
        self.draw_in(Colors::None)
    }

    fn draw_in(&mut self, colors: Colors) -> String {
        self.terminal.draw(|frame| view::draw(frame, &mut self.app, Theme(colors))).expect("a drawing");
        if self.terminal.backend().buffer().area.is_empty() {
            return String::new();
        }
        // The symbol of a wide character is followed by a cell that it hides.
        let shown = self.terminal.backend().to_string();
        let rows = shown.lines().map(|row| row.split("\" Hidden by").next().unwrap_or_default());
        rows.map(|row| row.trim_matches('"').trim_end().to_owned() + "\n").collect()
    }

    /// Presses a key after the user saw the screen.
    fn press(&mut self, code: KeyCode) -> Option<Action> {
        self.press_with(KeyModifiers::NONE, code)
    }

    fn press_with(&mut self, modifiers: KeyModifiers, code: KeyCode) -> Option<Action> {
        self.draw();
        self.now += TOO_SOON + Duration::from_millis(1);
        self.app.key(KeyEvent::new(code, modifiers), self.now)
    }

    fn control(&mut self, letter: char) -> Option<Action> {
        self.press_with(KeyModifiers::CONTROL, KeyCode::Char(letter))
    }

    /// Pastes a text after the user saw the screen.
    fn paste(&mut self, text: &str) {
        self.now += TOO_SOON + Duration::from_millis(1);
        self.app.paste(text, self.now);
    }

    /// Does something before the user can have seen what is new on the screen.
    fn soon(&mut self, code: KeyCode) -> Option<Action> {
        self.draw();
        self.now += Duration::from_millis(50);
        self.app.key(KeyEvent::new(code, KeyModifiers::NONE), self.now)
    }

    /// Asks for a list, and gets these items.
    fn list(&mut self, of: Listed, items: Vec<Item>) {
        let asked = match of {
            Listed::Sessions => self.control('r'),
            Listed::Models => {
                self.write("/model");
                self.press(KeyCode::Enter)
            }
        };
        assert!(matches!(asked, Some(Action::List | Action::Models)), "{asked:?}");
        self.app.list(of, items, self.now);
    }

    /// Types a text, which is no action.
    fn write(&mut self, text: &str) {
        for letter in text.chars() {
            assert_eq!(self.press(KeyCode::Char(letter)), None);
        }
    }
}

/// An item of a list.
fn item(id: &str) -> Item {
    Item { id: id.to_owned(), text: format!("The item {id}") }
}
