//! The prompts that this client sent to a session, by which a turn distinguishes its own prompt from others.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::runtime::lock;

/// Maximum number of prompts that are remembered. A turn needs those that are in the CLI's queue with its own. A
/// forgotten one is identified when the agent answers it.
const REMEMBERED: usize = 64;

/// The latest prompts of this client to one session.
#[derive(Default)]
pub(crate) struct Prompts {
    latest: Mutex<VecDeque<Arc<Prompt>>>,
    /// True if this client has aborted since the last prompt.
    aborted: AtomicBool,
}

/// One prompt that was sent.
pub(crate) struct Prompt {
    /// True if this client aborted the work before it.
    follows_abort: bool,
    /// The hash of the text, since prompts may be large.
    text: u64,
    id: OnceLock<String>,
}

impl Prompts {
    /// Adds a prompt that is about to be sent.
    pub fn add(&self, text: &str) -> Arc<Prompt> {
        let follows_abort = self.aborted.swap(false, Ordering::AcqRel);
        let prompt = Arc::new(Prompt { follows_abort, text: hash(text), id: OnceLock::new() });
        let mut prompts = lock(&self.latest);
        if prompts.len() == REMEMBERED {
            prompts.pop_front();
        }
        prompts.push_back(Arc::clone(&prompt));
        prompt
    }

    /// Records that this client aborts the agent's work.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    /// Returns true if a prompt with this id was sent, or one with this text whose id is not known yet.
    pub fn has(&self, id: &str, text: Option<&str>) -> bool {
        let text = text.map(hash);
        let is_it = |prompt: &Prompt| match prompt.id() {
            "" => Some(prompt.text) == text,
            known => known == id,
        };
        // Most ids are of the latest prompt.
        lock(&self.latest).iter().rev().any(|prompt| is_it(prompt))
    }

    /// Returns true if a prompt with this text was sent.
    pub fn has_text(&self, text: &str) -> bool {
        let text = hash(text);
        lock(&self.latest).iter().any(|prompt| prompt.text == text)
    }
}

impl Prompt {
    /// The id from the CLI's response; empty before that.
    pub fn id(&self) -> &str {
        self.id.get().map_or("", String::as_str)
    }

    /// Records the id from the CLI's response.
    pub fn set_id(&self, id: String) {
        // A prompt has one response.
        drop(self.id.set(id));
    }

    /// Returns true if this client aborted the work before it, so that the idle event of the abort may arrive late.
    pub fn follows_abort(&self) -> bool {
        self.follows_abort
    }

    /// Returns true if this is its text.
    pub fn has_text(&self, text: &str) -> bool {
        self.text == hash(text)
    }
}

fn hash(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_prompts_are_remembered() {
        let prompts = Prompts::default();
        for number in 0..=REMEMBERED {
            prompts.add(&number.to_string());
        }
        assert!(!prompts.has_text("0") && prompts.has_text("1"));
        assert_eq!(lock(&prompts.latest).len(), REMEMBERED);
    }
}
