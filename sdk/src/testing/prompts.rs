//! The prompts of a client, and the turns that a test scripts for them.

use serde_json::Value;

use super::script::exit_status;
use super::state::State;
use super::{FakeCli, events};
use crate::generated::kind;

/// A prompt that the client sent.
#[derive(Clone)]
pub(super) struct Prompt {
    pub session_id: String,
    message_id: String,
    content: Value,
    /// True once its turn was begun.
    pub begun: bool,
}

impl FakeCli {
    /// Scripts a turn that answers a prompt with this text, in pieces and as a whole, like
    /// [`turn`](Self::turn) with [`events::answer`].
    pub fn answer(&self, text: &str) {
        let id = self.0.state().answer_id();
        self.turn(events::answer(&id, text));
    }

    /// Scripts a turn with these events. The `user.message` of the prompt before them and the
    /// `session.idle` after them are added.
    ///
    /// The turn belongs to the oldest prompt of any session without a turn, or to the next one that is
    /// sent. Prompts use the scripted turns in order. A prompt is a `session.send` that gets a response by
    /// default or by [`on`](Self::on).
    pub fn turn(&self, events: impl IntoIterator<Item = Value>) {
        let turn = events.into_iter().collect();
        let mut state = self.0.state();
        match state.prompts.iter().position(|prompt| !prompt.begun) {
            Some(waiting) => {
                let prompt = state.prompts.remove(waiting);
                state.play_turn(&prompt, turn);
            }
            None => state.turns.push_back(turn),
        }
    }

    /// Waits for a prompt of this session without a turn, and begins its turn with `user.message` and
    /// `assistant.turn_start`. The test then plays the turn until [`end_turn`](Self::end_turn). If the
    /// client aborts the turn, it ends by itself, as on a CLI of the fake's version.
    ///
    /// # Panics
    /// If there is no prompt within half of the fake's timeout.
    pub async fn begin_turn(&self, session_id: &str) {
        self.wait("a prompt without a turn", |state| state.begin_turn(session_id)).await;
    }

    /// Ends a turn that was [begun](Self::begin_turn), with this text as the answer of the agent, by
    /// `assistant.turn_end` and `session.idle`.
    ///
    /// For another end, [`emit`](Self::emit) its events, such as [`events::failure`] and then
    /// [`events::idle`].
    pub fn end_turn(&self, session_id: &str, text: &str) {
        let mut state = self.0.state();
        let id = state.answer_id();
        state.end_turns(session_id, false);
        state.emit_all(session_id, events::message(&id, text).chain([events::turn_end(), events::idle()]));
    }

    /// Sends an event of a session: one of [`events`], or any JSON with a `type`. Missing keys of the
    /// envelope are added.
    ///
    /// A turn played only with this begins with `events::user_message(turn.message_id())`, by which the
    /// client recognises its turn, and ends with [`events::idle`]. Its prompt is then not available to
    /// [`turn`](Self::turn) and [`begin_turn`](Self::begin_turn).
    ///
    /// # Panics
    /// If it is not a JSON object.
    pub fn emit(&self, session_id: &str, event: Value) {
        let mut state = self.0.state();
        let data = &event["data"];
        if event["type"] == kind::SESSION_IDLE {
            // After an abort the waiting prompts are dropped.
            state.end_turns(session_id, data["aborted"] == true);
        } else if event["type"] == kind::USER_MESSAGE {
            for prompt in &mut state.prompts {
                prompt.begun |=
                    prompt.session_id == session_id && data["messageId"] == prompt.message_id.as_str();
            }
        }
        state.emit(session_id, event);
    }
}

impl State {
    /// Accepts a prompt with this response, and plays its turn if one is scripted.
    pub fn receive_prompt(&mut self, id: Value, params: &Value, result: Value) {
        let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
        let prompt = Prompt {
            session_id: text(&params["sessionId"]),
            message_id: text(&result["messageId"]),
            content: params["prompt"].clone(),
            begun: false,
        };
        self.respond(id, Ok(result));
        match self.turns.pop_front() {
            Some(turn) => self.play_turn(&prompt, turn),
            None => self.prompts.push(prompt),
        }
    }

    fn play_turn(&mut self, prompt: &Prompt, turn: Vec<Value>) {
        self.begin_prompt(prompt);
        for event in turn {
            match exit_status(&event) {
                Some(status) if event["type"].is_null() => return self.die(status),
                _ => self.emit(&prompt.session_id, event),
            }
        }
        self.emit(&prompt.session_id, events::idle());
    }

    /// Begins the turn of the oldest prompt of a session that waits for one; none if no prompt does.
    pub fn begin_turn(&mut self, session_id: &str) -> Option<()> {
        let mut prompts = self.prompts.iter_mut();
        let prompt = prompts.find(|prompt| !prompt.begun && prompt.session_id == session_id)?;
        prompt.begun = true;
        let prompt = prompt.clone();
        self.begin_prompt(&prompt);
        self.emit(session_id, events::turn_start());
        Some(())
    }

    fn begin_prompt(&mut self, prompt: &Prompt) {
        let mut event = events::user_message(&prompt.message_id);
        event["data"]["content"] = prompt.content.clone();
        self.emit(&prompt.session_id, event);
    }

    /// Ends the running turns of a session, and drops its waiting prompts if `all`.
    pub fn end_turns(&mut self, session_id: &str, all: bool) {
        self.prompts.retain(|prompt| prompt.session_id != session_id || !(all || prompt.begun));
    }

    pub fn emit_all(&mut self, session_id: &str, events: impl IntoIterator<Item = Value>) {
        events.into_iter().for_each(|event| self.emit(session_id, event));
    }

    fn answer_id(&mut self) -> String {
        format!("answer-{}", self.number())
    }

    /// Describes the turns that were not ended.
    pub fn unfinished(&self) -> Vec<String> {
        let begun = self.prompts.iter().filter(|prompt| prompt.begun);
        begun.map(|prompt| format!("the turn of the prompt {} was not ended", prompt.content)).collect()
    }

    /// Describes the prompts and turns that were not used.
    pub fn unused(&self) -> Vec<String> {
        let waiting = self.prompts.iter().filter(|prompt| !prompt.begun);
        let prompts = waiting.map(|prompt| format!("no turn was scripted for the prompt {}", prompt.content));
        let turns = match self.turns.len() {
            0 => None,
            1 => Some("1 scripted answer was not used".to_owned()),
            more => Some(format!("{more} scripted answers were not used")),
        };
        prompts.chain(turns).collect()
    }
}
