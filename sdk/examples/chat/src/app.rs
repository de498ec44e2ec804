//! The state of the chat: events and keys go in, actions come out. It does no input and no output.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use copilot_session::transcript::Transcript;
use copilot_session::types::SessionMode;
use copilot_session::{SessionEvent, SessionEventData};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::calls;
use crate::dialog::{Dialog, Outcome};
use crate::history::History;
use crate::input::Input;
use crate::screen::{Item, Listed, Screen, Scroll, scroll};

/// A key that comes sooner after a dialog or a list came in sight was meant for what was there before, and so was one
/// that comes sooner after such a key.
pub const TOO_SOON: Duration = Duration::from_millis(400);

const OPENING: &str = "The other session is not open yet.";

/// An action for the program to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a prompt.
    Send(String),
    /// Stops the agent.
    Abort,
    /// Lets the agent plan before it changes anything, or no longer.
    Plan(bool),
    /// Lists the stored sessions.
    List,
    /// Creates a session.
    Create,
    /// Opens a stored session.
    Resume(String),
    /// Lists the models.
    Models,
    /// Goes on with this model.
    Model(String),
    /// Ends the program.
    Quit,
}

/// An item of the agent's list of what is to do.
#[derive(Clone, Debug)]
pub struct Todo {
    /// The title.
    pub title: String,
    /// The status, such as `pending`, `in_progress`, `done` or `blocked`.
    pub status: String,
}

/// The state.
pub struct App {
    /// The conversation.
    pub transcript: Transcript,
    /// The name of the model; empty if it is not known.
    pub model: String,
    /// True if the agent is to plan before it changes anything.
    pub is_planning: bool,
    /// The agent's list of what is to do.
    pub todos: Vec<Todo>,
    /// The tokens of the conversation, and how many fit the model.
    pub context: Option<(i64, i64)>,
    /// The prompt that the user writes.
    pub input: Input,
    /// The place among the earlier prompts.
    history: History,
    /// The last prompt that was sent, until the agent begins with it.
    pub sent: Option<String>,
    /// The questions that wait for the user, the oldest first.
    pub dialogs: VecDeque<Dialog>,
    /// True if keys go to the first dialog, and not to the prompt.
    pub on_dialog: bool,
    /// True if the screen showed all of the request or the plan that the first dialog is about.
    pub sees_all: bool,
    /// The view that the screen shows.
    pub screen: Screen,
    /// The place in the conversation.
    pub scroll: Scroll,
    /// A line for the user.
    pub notice: String,
    /// True while the agent works.
    pub is_running: bool,
    /// True while another session is opened.
    pub is_opening: bool,
    /// True once the user stopped the agent.
    is_aborting: bool,
    /// True if ctrl-c ends the program.
    is_armed: bool,
    /// The list that the user asked for and has pressed no key since.
    awaited: Option<Listed>,
    /// The time at which the first dialog or a list came in sight, or of the last key that came too soon.
    since: Option<Instant>,
    /// True if the user was at the prompt then. What they still type goes there.
    was_at_prompt: bool,
}

impl App {
    /// The state for a session with this conversation.
    pub fn new(transcript: Transcript, model: String) -> Self {
        Self {
            transcript,
            model,
            is_planning: false,
            todos: Vec::new(),
            context: None,
            input: Input::default(),
            history: History::default(),
            sent: None,
            dialogs: VecDeque::new(),
            on_dialog: false,
            sees_all: false,
            screen: Screen::Chat,
            scroll: Scroll::default(),
            notice: String::new(),
            is_running: false,
            is_opening: false,
            is_aborting: false,
            is_armed: false,
            awaited: None,
            since: None,
            was_at_prompt: true,
        }
    }

    /// Goes on in another session with this conversation. What the user writes stays, and so do the questions, since
    /// the other session may have asked some already.
    pub fn open(&mut self, transcript: Transcript, model: String, now: Instant) {
        let old = std::mem::replace(self, Self::new(transcript, model));
        (self.input, self.dialogs) = (old.input, old.dialogs);
        self.dialogs.retain(|dialog| !dialog.is_over());
        self.appeared(now);
    }

    /// Adds an event of the session.
    pub fn event(&mut self, event: &SessionEvent, now: Instant) {
        self.transcript.apply(event);
        match event.data() {
            SessionEventData::SessionUsageInfo(info) => {
                self.context = Some((info.current_tokens, info.token_limit));
            }
            SessionEventData::SessionModeChanged(change) => {
                self.is_planning = change.new_mode == SessionMode::Plan;
            }
            SessionEventData::SessionModelChange(change) => self.model.clone_from(&change.new_model),
            SessionEventData::UserMessage(message) if self.sent.as_ref() == Some(&message.content) => {
                self.sent = None;
            }
            // The failure before it was that of earlier work.
            SessionEventData::UserMessage(message) if self.input.text() == message.content => {
                self.input.take();
            }
            SessionEventData::AssistantTurnStart(_) => self.is_running = true,
            // A line of the log is no failure.
            SessionEventData::SessionError(error) if error.error_type != "notification" => self.give_back(),
            SessionEventData::SessionIdle(_) => {
                if self.is_aborting {
                    self.give_back();
                }
                self.rest();
                // The agent waits for nothing any more.
                self.dialogs.clear();
                self.appeared(now);
            }
            _ => {}
        }
        self.tidy(now);
    }

    /// Sets the agent to rest, after its work or a failure.
    pub fn rest(&mut self) {
        // Not the notice of a second ctrl-c.
        if std::mem::take(&mut self.is_aborting) && !self.is_armed {
            self.notice.clear();
        }
        self.is_running = false;
    }

    /// Gives the user the prompt back that the agent did not begin with.
    pub fn give_back(&mut self) {
        if let Some(prompt) = self.sent.take() {
            self.restore(prompt);
        }
    }

    /// Gives the user a text back, unless they write another one already.
    pub fn restore(&mut self, text: String) {
        if self.input.is_empty() {
            self.input = Input::new(text);
        }
    }

    /// Adds a question of the agent.
    pub fn ask(&mut self, dialog: Dialog, now: Instant) {
        self.dialogs.push_back(dialog);
        if self.dialogs.len() == 1 {
            self.awaited = None;
            self.appeared(now);
        }
    }

    /// Shows a list, unless the user has gone on meanwhile; that of the sessions also not if the agent has begun to work.
    pub fn list(&mut self, of: Listed, items: Vec<Item>, now: Instant) {
        if of == Listed::Sessions && !self.may_leave() {
            return;
        }
        if self.awaited != Some(of) {
            let again = if of == Listed::Models { "/model" } else { "Ctrl-r" };
            self.notice = format!("The list came late. {again} gets it again.");
            return;
        }
        let at = items.iter().position(|item| of == Listed::Models && item.id == self.model);
        self.screen = Screen::List(of, items, at.unwrap_or_default());
        (self.awaited, self.since, self.was_at_prompt) = (None, Some(now), !self.on_dialog);
    }

    /// Returns true if the user may go to another session, or says why not.
    fn may_leave(&mut self) -> bool {
        if self.is_running {
            self.notice = "The agent works. Stop it first, with ctrl-c.".to_owned();
        } else if self.is_opening {
            self.notice = OPENING.to_owned();
        }
        !self.is_running && !self.is_opening
    }

    /// The plan that waits for the user.
    pub fn plan(&self) -> Option<&str> {
        match self.dialogs.front() {
            Some(Dialog::Question(question)) => question.plan.as_deref(),
            _ => None,
        }
    }

    /// Removes the dialogs whose answers the agent no longer awaits.
    fn tidy(&mut self, now: Instant) {
        let is_first_over = self.dialogs.front().is_some_and(Dialog::is_over);
        self.dialogs.retain(|dialog| !dialog.is_over());
        if is_first_over {
            self.appeared(now);
        }
    }

    /// The first dialog is another one now.
    fn appeared(&mut self, now: Instant) {
        self.sees_all = false;
        if let Screen::Request(_) = self.screen {
            self.screen = Screen::Chat;
        }
        if let Screen::Chat = self.screen {
            // Soon after the end of a dialog, the user is not at the prompt yet.
            self.was_at_prompt = if self.is_too_soon(now) { self.was_at_prompt } else { !self.on_dialog };
            self.since = Some(now);
        }
        // A user who writes a prompt goes on with it.
        self.on_dialog = !self.dialogs.is_empty() && self.input.is_empty();
    }

    /// Returns true if what the user does now is no answer to what came in sight last.
    fn is_too_soon(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) < TOO_SOON)
    }

    /// Leaves a key that comes too soon to the prompt, if the user was there. It answers and chooses nothing.
    fn early_key(&mut self, key: KeyEvent, now: Instant) {
        self.since = Some(now);
        if self.was_at_prompt && self.input.key(key) && !self.input.is_empty() {
            (self.screen, self.on_dialog) = (Screen::Chat, false);
        }
    }

    /// Inserts text that the user pasted.
    pub fn paste(&mut self, text: &str, now: Instant) {
        self.is_armed = false;
        self.notice.clear();
        self.awaited = None;
        if self.was_at_prompt && self.is_too_soon(now) {
            (self.screen, self.on_dialog) = (Screen::Chat, false);
        }
        match (&self.screen, self.dialogs.front_mut().filter(|_| self.on_dialog)) {
            (Screen::Chat, Some(dialog)) => dialog.paste(text),
            (Screen::Chat, None) => self.input.insert(text),
            _ => {}
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            self.awaited = None;
            return self.interrupt(now);
        }
        self.is_armed = false;
        self.notice.clear();
        self.awaited = None;
        let is_too_soon = self.is_too_soon(now);
        match &mut self.screen {
            // The keys that only move, or close the list, do what they say at once.
            Screen::List(..)
                if is_too_soon && !matches!(key.code, KeyCode::Esc | KeyCode::Up | KeyCode::Down) =>
            {
                self.early_key(key, now);
            }
            Screen::List(of, items, at) => match key.code {
                KeyCode::Up => *at = at.saturating_sub(1),
                KeyCode::Down => *at = (*at + 1).min(items.len().saturating_sub(1)),
                KeyCode::Esc => self.uncover(now),
                KeyCode::Enter => {
                    let (of, chosen) = (*of, items.get(*at).map(|item| item.id.clone()));
                    self.uncover(now);
                    return match of {
                        Listed::Models => chosen.map(Action::Model),
                        Listed::Sessions => {
                            let chosen = chosen.filter(|_| self.may_leave());
                            self.is_opening |= chosen.is_some();
                            chosen.map(Action::Resume)
                        }
                    };
                }
                _ => {}
            },
            Screen::Request(row) => match key.code {
                KeyCode::Esc | KeyCode::Char('w') => self.screen = Screen::Chat,
                code if scroll(row, code, self.scroll.page) => {}
                // The page of a plan does not show words of the user.
                code if code != KeyCode::Enter && self.plan().is_some() => {}
                _ => self.dialog_key(key, now),
            },
            Screen::Call(id, row) => match key.code {
                KeyCode::Esc => self.uncover(now),
                KeyCode::Char('o') if control => self.uncover(now),
                KeyCode::Left | KeyCode::Right => {
                    let calls = calls::all(&self.transcript);
                    let at = calls::place(&calls, id);
                    let at = if key.code == KeyCode::Left { at.saturating_sub(1) } else { at + 1 };
                    if let Some(call) = calls.get(at) {
                        (*id, *row) = (call.id().to_owned(), 0);
                    }
                }
                code => drop(scroll(row, code, self.scroll.page)),
            },
            Screen::Chat => return self.chat_key(key, now),
        }
        None
    }

    /// Goes back to the conversation. A dialog that appeared behind another page is in sight only now.
    fn uncover(&mut self, now: Instant) {
        self.screen = Screen::Chat;
        (self.since, self.was_at_prompt) = (Some(now), false);
    }

    fn chat_key(&mut self, key: KeyEvent, now: Instant) -> Option<Action> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let page = self.scroll.page.max(1);
        match key.code {
            KeyCode::PageUp => self.scroll.below += page,
            KeyCode::PageDown => self.scroll.below = self.scroll.below.saturating_sub(page),
            KeyCode::Tab if !self.dialogs.is_empty() => self.on_dialog = !self.on_dialog,
            KeyCode::BackTab => return Some(Action::Plan(!self.is_planning)),
            KeyCode::Char(letter @ ('r' | 'n')) if control => {
                if !self.may_leave() {
                    return None;
                }
                self.is_opening = letter == 'n';
                self.awaited = (letter == 'r').then_some(Listed::Sessions);
                return Some(if letter == 'r' { Action::List } else { Action::Create });
            }
            KeyCode::Char('o') if control => match calls::all(&self.transcript).last() {
                Some(call) => self.screen = Screen::Call(call.id().to_owned(), 0),
                None => self.notice = "No tool was called yet.".to_owned(),
            },
            KeyCode::Char('d') if control && self.input.is_empty() => return Some(Action::Quit),
            _ if self.on_dialog => self.dialog_key(key, now),
            // Page up begins to go through the conversation; from then on it goes by row, too.
            KeyCode::Up if self.scroll.below > 0 => self.scroll.below += 1,
            KeyCode::Down if self.scroll.below > 0 => self.scroll.below -= 1,
            KeyCode::Enter if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT) => {
                self.input.insert("\n");
            }
            KeyCode::Char('j') if control => self.input.insert("\n"),
            KeyCode::Enter if self.is_opening => self.notice = OPENING.to_owned(),
            KeyCode::Enter if !self.input.text().trim().is_empty() => {
                if let Some(action) = model_command(self.input.text()) {
                    self.input.take();
                    self.awaited = (action == Action::Models).then_some(Listed::Models);
                    return Some(action);
                }
                self.scroll.below = 0;
                self.is_running = true;
                let prompt = self.input.take();
                self.sent = Some(prompt.clone());
                // Now the dialog has its turn.
                self.appeared(now);
                return Some(Action::Send(prompt));
            }
            _ if self.input.key(key) => {}
            KeyCode::Up | KeyCode::Down => {
                let is_back = key.code == KeyCode::Up;
                self.history.go(is_back, &self.transcript, self.sent.as_deref(), &mut self.input);
            }
            _ => {}
        }
        None
    }

    fn dialog_key(&mut self, key: KeyEvent, now: Instant) {
        if self.is_too_soon(now) {
            return self.early_key(key, now);
        }
        match self.dialogs.front_mut().map(|dialog| dialog.key(key, self.sees_all)) {
            Some(Outcome::Done) => {
                self.dialogs.pop_front();
                self.appeared(now);
            }
            // On its page, the user reads on.
            Some(Outcome::ShowAll) if matches!(self.screen, Screen::Request(_)) => {}
            Some(Outcome::ShowAll) => {
                self.screen = Screen::Request(0);
                (self.since, self.was_at_prompt) = (Some(now), false);
            }
            Some(Outcome::Open) | None => {}
        }
    }

    /// Stops the agent, or else the program at the second time.
    fn interrupt(&mut self, now: Instant) -> Option<Action> {
        if self.is_running && !self.is_aborting {
            self.is_aborting = true;
            // Dropped, so that all are refused.
            self.dialogs.clear();
            self.on_dialog = false;
            self.screen = Screen::Chat;
            self.notice = "Stopping the agent …".to_owned();
            return Some(Action::Abort);
        }
        if self.is_armed {
            return Some(Action::Quit);
        }
        self.is_armed = true;
        self.input.take();
        self.uncover(now);
        self.notice = "Ctrl-c again ends the program.".to_owned();
        None
    }
}

/// The action for `/model`, or for `/model NAME` with one word as the name; none for any other text, which is a prompt.
fn model_command(text: &str) -> Option<Action> {
    let rest = text.trim().strip_prefix("/model")?;
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (None, _) => Some(Action::Models),
        (Some(name), None) if rest.starts_with(char::is_whitespace) => Some(Action::Model(name.to_owned())),
        _ => None,
    }
}
