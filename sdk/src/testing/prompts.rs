//! The prompts of a client, and the turns that a test scripts for them.

use std::collections::VecDeque;

use serde_json::Value;

use super::shared::Shared;
use super::{FakeCli, defaults, events};
use crate::generated::kind;

/// A prompt that the client sent.
#[derive(Clone)]
struct Prompt {
    session_id: String,
    message_id: String,
    content: Value,
}

/// Either prompts wait for turns or turns for prompts, so one of the two queues is always empty.
#[derive(Default)]
pub(super) struct Prompts {
    /// Prompts without a turn.
    waiting: VecDeque<Prompt>,
    turns: VecDeque<Vec<Value>>,
    /// Prompts whose turn is running.
    begun: Vec<Prompt>,
}

impl Prompts {
    /// Begins the turn of the oldest waiting prompt of a session.
    fn begin(&mut self, session_id: &str) -> Option<Prompt> {
        let oldest = self.waiting.iter().position(|prompt| prompt.session_id == session_id)?;
        let prompt = self.waiting.remove(oldest)?;
        self.begun.push(prompt.clone());
        Some(prompt)
    }

    /// Ends the running turns of a session.
    fn end(&mut self, session_id: &str) {
        self.begun.retain(|prompt| prompt.session_id != session_id);
    }

    /// Returns true if a prompt of the session waits for a turn.
    fn has_waiting(&self, session_id: &str) -> bool {
        self.waiting.iter().any(|prompt| prompt.session_id == session_id)
    }

    /// Returns true if a turn of the session is running.
    fn is_running(&self, session_id: &str) -> bool {
        self.begun.iter().any(|prompt| prompt.session_id == session_id)
    }

    /// Describes the turns that were not ended.
    pub fn unfinished(&self) -> Vec<String> {
        let begun = self.begun.iter();
        begun.map(|prompt| format!("the turn of the prompt {} was not ended", prompt.content)).collect()
    }

    /// Describes the prompts and turns that were not used.
    pub fn unused(&self) -> Vec<String> {
        let waiting = self.waiting.iter();
        let mut unused: Vec<String> =
            waiting.map(|prompt| format!("no turn was scripted for the prompt {}", prompt.content)).collect();
        match self.turns.len() {
            0 => {}
            1 => unused.push("1 scripted answer was not used".to_owned()),
            more => unused.push(format!("{more} scripted answers were not used")),
        }
        unused
    }

    /// Updates the prompts for an event that the test emits: its `user.message` begins a turn, and
    /// `session.idle` ends the running ones. After an abort the waiting prompts are dropped.
    fn observe(&mut self, session_id: &str, event: &Value) {
        let is_idle = event["type"] == kind::SESSION_IDLE;
        let is_aborted = is_idle && event["data"]["aborted"] == true;
        let begins = |prompt: &Prompt| {
            event["type"] == kind::USER_MESSAGE && event["data"]["messageId"] == prompt.message_id.as_str()
        };
        if is_idle {
            self.end(session_id);
        }
        let of_session = self.waiting.iter().filter(|prompt| prompt.session_id == session_id);
        self.begun.extend(of_session.filter(|prompt| begins(prompt)).cloned());
        self.waiting.retain(|prompt| prompt.session_id != session_id || !(is_aborted || begins(prompt)));
    }
}

impl FakeCli {
    /// Scripts a turn that answers a prompt with this text, in pieces and as a whole, like
    /// [`turn`](Self::turn) with [`events::answer`].
    pub fn answer(&self, text: &str) {
        self.turn(events::answer(&self.answer_id(), text));
    }

    /// Scripts a turn with these events. The `user.message` of the prompt before them and the
    /// `session.idle` after them are added.
    ///
    /// The turn belongs to the oldest prompt of any session without a turn, or to the next one that is
    /// sent. Prompts use the scripted turns in order. A prompt is a `session.send` that gets a response by
    /// default or by [`on`](Self::on).
    pub fn turn(&self, events: impl IntoIterator<Item = Value>) {
        let turn = events.into_iter().collect();
        self.0.prompts.send_modify(|prompts| match prompts.waiting.pop_front() {
            Some(prompt) => self.0.play_turn(&prompt, turn),
            None => prompts.turns.push_back(turn),
        });
    }

    /// Waits for a prompt of this session without a turn, and begins its turn with `user.message` and
    /// `assistant.turn_start`. The test then plays the turn until [`end_turn`](Self::end_turn). If the
    /// client aborts the turn, it ends by itself, as on a CLI of the fake's version.
    ///
    /// # Panics
    /// If there is no prompt within half of the fake's timeout.
    pub async fn begin_turn(&self, session_id: &str) {
        let taken = self.0.find_prompt(|prompts| prompts.begin(session_id)).await;
        self.0.begin_prompt(&taken.unwrap_or_else(|missing| panic!("{missing}")));
        self.0.emit(session_id, events::turn_start());
    }

    /// Ends a turn that was [begun](Self::begin_turn), with this text as the answer of the agent, by
    /// `assistant.turn_end` and `session.idle`.
    ///
    /// For another end, [`emit`](Self::emit) its events, such as [`events::failure`] and then
    /// [`events::idle`].
    pub fn end_turn(&self, session_id: &str, text: &str) {
        let id = self.answer_id();
        let message = events::message(&id, text);
        self.0.prompts.send_modify(|prompts| prompts.end(session_id));
        for event in message.chain([events::turn_end(), events::idle()]) {
            self.0.emit(session_id, event);
        }
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
        self.0.prompts.send_modify(|prompts| prompts.observe(session_id, &event));
        self.0.emit(session_id, event);
    }

    fn answer_id(&self) -> String {
        format!("answer-{}", self.0.number())
    }
}

impl Shared {
    /// Accepts a prompt with this response, and plays its turn if one is scripted.
    pub fn receive_prompt(&self, id: Value, params: &Value, result: Value) {
        let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
        let prompt = Prompt {
            session_id: text(&params["sessionId"]),
            message_id: text(&result["messageId"]),
            content: params["prompt"].clone(),
        };
        self.prompts.send_modify(|prompts| {
            // Under the lock, so that no turn precedes the response, and no emitted event precedes the
            // prompt.
            self.respond_as(id, Ok(result));
            match prompts.turns.pop_front() {
                Some(turn) => self.play_turn(&prompt, turn),
                None => prompts.waiting.push_back(prompt),
            }
        });
    }

    /// Responds to an abort, and ends the running turn.
    pub fn receive_abort(&self, id: Value, params: &Value, result: Value) {
        let session_id = params["sessionId"].as_str().unwrap_or_default();
        self.prompts.send_modify(|prompts| {
            // A CLI that is idle begins a prompt immediately.
            if !prompts.is_running(session_id)
                && let Some(prompt) = prompts.begin(session_id)
            {
                self.begin_prompt(&prompt);
                self.emit(session_id, events::turn_start());
            }
            if !prompts.is_running(session_id) {
                return self.respond_as(id, Ok(result));
            }
            prompts.end(session_id);
            let end = defaults::end_by_abort(&self.version, prompts.has_waiting(session_id));
            if end.drops_queue {
                prompts.waiting.retain(|prompt| prompt.session_id != session_id);
            }
            end.before.into_iter().for_each(|event| self.emit(session_id, event));
            self.respond_as(id, Ok(result));
            end.after.into_iter().for_each(|event| self.emit(session_id, event));
        });
    }

    fn play_turn(&self, prompt: &Prompt, turn: Vec<Value>) {
        self.begin_prompt(prompt);
        for event in turn.into_iter().chain([events::idle()]) {
            self.emit(&prompt.session_id, event);
        }
    }

    fn begin_prompt(&self, prompt: &Prompt) {
        let mut event = events::user_message(&prompt.message_id);
        event["data"]["content"] = prompt.content.clone();
        self.emit(&prompt.session_id, event);
    }

    /// Fails the test for unused prompts and turns.
    pub fn finish_prompts(&self) {
        let mut unused = Vec::new();
        self.prompts.send_modify(|prompts| unused = std::mem::take(prompts).unused());
        unused.into_iter().for_each(|unused| self.fail(unused));
    }

    async fn find_prompt(&self, find: impl FnMut(&mut Prompts) -> Option<Prompt>) -> Result<Prompt, String> {
        self.wait_for("a prompt without a turn", super::shared::found(&self.prompts, find)).await
    }
}
