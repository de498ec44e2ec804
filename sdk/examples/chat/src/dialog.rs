//! The dialogs with the user: permission requests, questions and forms.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tokio::sync::oneshot;

use crate::form::Form;
use crate::input::Input;

/// A request of the agent to the user. If it is dropped without a reply, the answer is no.
#[derive(Debug)]
pub enum Dialog {
    /// Asks for a yes or no.
    Decide(Decide),
    /// Asks a question.
    Question(Question),
    /// Asks to fill in a form.
    Form(Form),
}

/// A request that is allowed or refused.
#[derive(Debug)]
pub struct Decide {
    /// The description of the request: one line, safe for the terminal.
    pub summary: String,
    /// Everything that is known of the request.
    pub full: String,
    /// True if the summary, with what "always" allows, says all that the user has to know.
    pub is_summary_all: bool,
    /// The description of all that "always" allows: one line, safe for the terminal. An error is the reason why there
    /// is no more to allow than this request.
    pub always: Result<String, &'static str>,
    /// The way of the verdict to the agent.
    pub reply: Option<oneshot::Sender<Verdict>>,
}

/// The user's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This once.
    Yes,
    /// This, and what is like it for the rest of the session.
    Always,
    /// Not at all.
    No,
}

/// A question with choices, an answer in the user's own words, or both.
#[derive(Debug)]
pub struct Question {
    /// The question; for a plan its summary, if it has one.
    pub text: String,
    /// The plan in Markdown, if the question is how to go on with it. Words of the user's own refuse it.
    pub plan: Option<String>,
    /// The answers to choose from.
    pub choices: Vec<String>,
    /// The choice that the user is at.
    pub selected: usize,
    /// The user's own words; none if only a choice is an answer.
    pub words: Option<Input>,
    /// The way of the answer to the agent; none if the user gives none.
    pub reply: Option<oneshot::Sender<Option<Answer>>>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The choice with this number, from 0.
    Choice(usize),
    /// The user's own words.
    Words(String),
}

/// The result of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dialog goes on.
    Open,
    /// The dialog was answered.
    Done,
    /// The user wants to read all of the request.
    ShowAll,
}

impl Dialog {
    /// Handles a key of a user who sees all of the request, or only its beginning.
    pub fn key(&mut self, key: KeyEvent, sees_all: bool) -> Outcome {
        match self {
            Self::Decide(decide) => decide.key(key, sees_all),
            Self::Question(question) => question.key(key, sees_all),
            Self::Form(form) => form.key(key),
        }
    }

    /// Inserts text that the user pasted.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Decide(_) => {}
            Self::Question(question) => {
                if let Some(words) = &mut question.words {
                    words.insert(text);
                }
            }
            Self::Form(form) => form.paste(text),
        }
    }

    /// Returns true if the agent no longer awaits the answer.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Decide(decide) => decide.reply.as_ref().is_none_or(oneshot::Sender::is_closed),
            Self::Question(question) => question.reply.as_ref().is_none_or(oneshot::Sender::is_closed),
            Self::Form(form) => form.is_over(),
        }
    }
}

impl Decide {
    fn key(&mut self, key: KeyEvent, sees_all: bool) -> Outcome {
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return Outcome::Open;
        }
        let verdict = match key.code {
            KeyCode::Char('n') | KeyCode::Esc => Verdict::No,
            KeyCode::Char('w') => return Outcome::ShowAll,
            // A request cannot be allowed before all of it was shown.
            KeyCode::Char('y' | 'a') if !sees_all => return Outcome::ShowAll,
            KeyCode::Char('y') => Verdict::Yes,
            KeyCode::Char('a') if self.always.is_ok() => Verdict::Always,
            _ => return Outcome::Open,
        };
        send(&mut self.reply, verdict)
    }
}

impl Question {
    fn key(&mut self, key: KeyEvent, sees_all: bool) -> Outcome {
        let last = self.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => send(&mut self.reply, None),
            KeyCode::Up => {
                self.selected = self.selected.saturating_sub(1);
                Outcome::Open
            }
            KeyCode::Down => {
                self.selected = (self.selected + 1).min(last);
                Outcome::Open
            }
            KeyCode::Enter => match self.answer() {
                // A plan cannot be accepted before all of it was shown.
                Some(Answer::Choice(_)) if self.plan.is_some() && !sees_all => Outcome::ShowAll,
                Some(answer) => send(&mut self.reply, Some(answer)),
                None => Outcome::Open,
            },
            _ => {
                if let Some(words) = &mut self.words {
                    words.key(key);
                }
                Outcome::Open
            }
        }
    }

    /// The user's own words, or else the choice.
    fn answer(&self) -> Option<Answer> {
        let words = self.words.as_ref().filter(|words| !words.is_empty());
        let words = words.map(|words| Answer::Words(words.text().to_owned()));
        words.or_else(|| (self.selected < self.choices.len()).then_some(Answer::Choice(self.selected)))
    }
}

/// Sends a reply. The agent may have stopped to wait, which is no failure.
pub fn send<T>(reply: &mut Option<oneshot::Sender<T>>, value: T) -> Outcome {
    if let Some(reply) = reply.take() {
        drop(reply.send(value));
    }
    Outcome::Done
}
