//! The prompts of a client, and what a test lets come of them.

use std::collections::VecDeque;

use serde_json::Value;

use super::shared::Shared;
use super::{FakeCli, defaults, events};

/// A prompt that was taken.
#[derive(Clone)]
struct Prompt {
    session_id: String,
    message_id: String,
    content: Value,
}

/// Prompts wait for turns, or turns for prompts: one of the two is always empty.
#[derive(Default)]
pub(super) struct Prompts {
    /// Those of which nothing has come yet.
    waiting: VecDeque<Prompt>,
    turns: VecDeque<Vec<Value>>,
    /// Those that the agent works on.
    begun: Vec<Prompt>,
}

impl Prompts {
    /// Begins the turn of the oldest prompt of a session that waits.
    fn begin(&mut self, session_id: &str) -> Option<Prompt> {
        let oldest = self.waiting.iter().position(|prompt| prompt.session_id == session_id)?;
        let prompt = self.waiting.remove(oldest)?;
        self.begun.push(prompt.clone());
        Some(prompt)
    }

    /// Ends what was begun in a session.
    fn end(&mut self, session_id: &str) {
        self.begun.retain(|prompt| prompt.session_id != session_id);
    }

    /// Whether a prompt of a session waits.
    fn waits(&self, session_id: &str) -> bool {
        self.waiting.iter().any(|prompt| prompt.session_id == session_id)
    }

    /// Whether the agent works on a prompt of a session.
    fn works(&self, session_id: &str) -> bool {
        self.begun.iter().any(|prompt| prompt.session_id == session_id)
    }

    /// The turns that were begun and not ended, in words.
    pub fn open(&self) -> Vec<String> {
        let begun = self.begun.iter();
        begun
            .map(|prompt| format!("the turn of the prompt {} was begun and not ended", prompt.content))
            .collect()
    }

    /// What is left on either side, in words.
    pub fn left(&self) -> Vec<String> {
        let waiting = self.waiting.iter();
        let mut left: Vec<String> =
            waiting.map(|prompt| format!("nothing came of the prompt {}", prompt.content)).collect();
        match self.turns.len() {
            0 => {}
            1 => left.push("1 scripted answer was not used".to_owned()),
            more => left.push(format!("{more} scripted answers were not used")),
        }
        left
    }

    /// Leaves out the prompt that a test speaks of itself, by an event that takes it up, and those of an
    /// agent that was told to stop.
    fn spoken_of(&mut self, session_id: &str, event: &Value) {
        let rests = event["type"] == "session.idle";
        let stopped = rests && event["data"]["aborted"] == true;
        let begins = |prompt: &Prompt| {
            event["type"] == "user.message" && event["data"]["messageId"] == prompt.message_id.as_str()
        };
        if rests {
            self.end(session_id);
        }
        let of_session = self.waiting.iter().filter(|prompt| prompt.session_id == session_id);
        self.begun.extend(of_session.filter(|prompt| begins(prompt)).cloned());
        self.waiting.retain(|prompt| prompt.session_id != session_id || !(stopped || begins(prompt)));
    }
}

impl FakeCli {
    /// Answers a prompt with this text, in pieces and as a whole, as [`turn`](Self::turn) with
    /// [`events::answer`].
    pub fn answer(&self, text: &str) {
        self.turn(events::answer(&self.answer_id(), text));
    }

    /// Lets these events come of a prompt: after the `user.message` of the prompt and before the
    /// `session.idle` at its end, which are made of themselves.
    ///
    /// It is the oldest prompt that was sent and of which nothing has come yet, in any session, else the
    /// next one that is sent. Each takes one of these turns, in their order. A prompt is a `session.send`
    /// that is answered by default or by [`on`](Self::on).
    pub fn turn(&self, events: impl IntoIterator<Item = Value>) {
        let turn = events.into_iter().collect();
        self.0.prompts.send_modify(|prompts| match prompts.waiting.pop_front() {
            Some(prompt) => self.0.play_turn(&prompt, turn),
            None => prompts.turns.push_back(turn),
        });
    }

    /// Waits for a prompt of this session of which nothing has come yet, and takes it up: the agent begins
    /// to work on it, by `user.message` and `assistant.turn_start`. What it does then is up to the test, until
    /// [`end_turn`](Self::end_turn), or until the client aborts it: then it ends by itself, as it does on a CLI
    /// of the fake's version.
    ///
    /// # Panics
    /// When there is none in half of the fake's life.
    pub async fn begin_turn(&self, session_id: &str) {
        let taken = self.0.find_prompt(|prompts| prompts.begin(session_id)).await;
        self.0.take_up(&taken.unwrap_or_else(|missing| panic!("{missing}")));
        self.0.emit(session_id, events::turn_start());
    }

    /// Ends a turn that was [begun](Self::begin_turn) with this text as the agent's answer, by
    /// `assistant.turn_end` and `session.idle`.
    ///
    /// One that ends otherwise does so by [`emit`](Self::emit), such as of [`events::failure`] and then
    /// [`events::idle`].
    pub fn end_turn(&self, session_id: &str, text: &str) {
        let id = self.answer_id();
        let said = events::said(&id, text);
        self.0.prompts.send_modify(|prompts| prompts.end(session_id));
        for event in said.chain([events::turn_end(), events::idle()]) {
            self.0.emit(session_id, event);
        }
    }

    /// Makes an event of a session: one of [`events`], or any JSON with a `type`. The keys of its envelope
    /// that are left out are filled in.
    ///
    /// A turn that is made by this alone begins with `events::user_message(turn.message_id())`, which tells
    /// the client whose turn it is, and ends with [`events::idle`]. Its prompt is then no more one that
    /// [`turn`](Self::turn) and [`begin_turn`](Self::begin_turn) look for.
    ///
    /// # Panics
    /// When it is no JSON object.
    pub fn emit(&self, session_id: &str, event: Value) {
        self.0.prompts.send_modify(|prompts| prompts.spoken_of(session_id, &event));
        self.0.emit(session_id, event);
    }

    fn answer_id(&self) -> String {
        format!("answer-{}", self.0.number())
    }
}

impl Shared {
    /// Takes a prompt by this answer to it, and lets come of it what there is.
    pub fn take_prompt(&self, id: Value, params: &Value, result: Value) {
        let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
        let prompt = Prompt {
            session_id: text(&params["sessionId"]),
            message_id: text(&result["messageId"]),
            content: params["prompt"].clone(),
        };
        self.prompts.send_modify(|prompts| {
            // Under the lock, so that no turn comes before the answer, and no event by hand before the prompt
            // is known.
            self.answer_as(id, Ok(result));
            match prompts.turns.pop_front() {
                Some(turn) => self.play_turn(&prompt, turn),
                None => prompts.waiting.push_back(prompt),
            }
        });
    }

    /// Answers an abort, and ends what the agent does.
    pub fn take_abort(&self, id: Value, params: &Value, result: Value) {
        let session_id = params["sessionId"].as_str().unwrap_or_default();
        self.prompts.send_modify(|prompts| {
            // A CLI takes a prompt up at once when it has nothing else to do.
            if !prompts.works(session_id)
                && let Some(prompt) = prompts.begin(session_id)
            {
                self.take_up(&prompt);
                self.emit(session_id, events::turn_start());
            }
            if !prompts.works(session_id) {
                return self.answer_as(id, Ok(result));
            }
            prompts.end(session_id);
            let end = defaults::end_by_abort(&self.version, prompts.waits(session_id));
            if end.drops_queue {
                prompts.waiting.retain(|prompt| prompt.session_id != session_id);
            }
            end.before.into_iter().for_each(|event| self.emit(session_id, event));
            self.answer_as(id, Ok(result));
            end.after.into_iter().for_each(|event| self.emit(session_id, event));
        });
    }

    fn play_turn(&self, prompt: &Prompt, turn: Vec<Value>) {
        self.take_up(prompt);
        for event in turn.into_iter().chain([events::idle()]) {
            self.emit(&prompt.session_id, event);
        }
    }

    fn take_up(&self, prompt: &Prompt) {
        let mut event = events::user_message(&prompt.message_id);
        event["data"]["content"] = prompt.content.clone();
        self.emit(&prompt.session_id, event);
    }

    /// Fails the test for what is left of prompts and answers.
    pub fn finish_prompts(&self) {
        let mut left = Vec::new();
        self.prompts.send_modify(|prompts| left = std::mem::take(prompts).left());
        left.into_iter().for_each(|left| self.fail(left));
    }

    async fn find_prompt(&self, find: impl FnMut(&mut Prompts) -> Option<Prompt>) -> Result<Prompt, String> {
        self.patiently("a prompt of which nothing has come yet", super::shared::found(&self.prompts, find))
            .await
    }
}
