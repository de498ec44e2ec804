//! The earlier prompts, to send again.

use copilot_session::transcript::Transcript;

use crate::input::Input;

/// The place among the earlier prompts.
#[derive(Default)]
pub struct History {
    /// The number of steps back from what the user wrote; 0 is that text itself.
    back: usize,
    /// The unsent text of the user from before they went back.
    draft: Input,
}

impl History {
    /// Replaces the text by the prompt before it, or after it. A text that the user has changed counts as what they
    /// wrote, so that it is not lost.
    pub fn go(&mut self, is_back: bool, transcript: &Transcript, sent: Option<&str>, input: &mut Input) {
        let prompts = prompts(transcript, sent);
        let is_here = self.back > 0 && prompts.get(self.back - 1) == Some(&input.text());
        if !is_here {
            (self.back, self.draft) = (0, input.clone());
        }
        self.back = match is_back {
            true => (self.back + 1).min(prompts.len()),
            false => self.back.saturating_sub(1),
        };
        *input = match self.back {
            0 => self.draft.clone(),
            back => Input::new(prompts[back - 1]),
        };
    }
}

/// The prompts of the user, the last one first, without those that repeat the one before.
fn prompts<'a>(transcript: &'a Transcript, sent: Option<&'a str>) -> Vec<&'a str> {
    let prompts = transcript.turns().iter().rev().filter_map(|turn| turn.prompt());
    let by_user = prompts.filter(|prompt| prompt.source().is_empty()).map(|prompt| prompt.text());
    let mut prompts: Vec<&str> = sent.into_iter().chain(by_user).collect();
    prompts.dedup();
    prompts
}
