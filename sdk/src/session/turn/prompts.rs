//! The prompts that this client sent to a session, by which a turn distinguishes its own prompt from others.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::runtime::lock;
use crate::trace::turn::WeakSpan;

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
    /// True if this client aborted the work before it, so that the idle event of the abort may arrive late.
    pub follows_abort: bool,
    /// The hash of the text, since prompts may be large.
    text: u64,
    id: OnceLock<String>,
    /// The span of its turn.
    span: WeakSpan,
    /// True once the agent has started it.
    is_started: AtomicBool,
}

impl Prompts {
    /// Adds a prompt that is about to be sent.
    pub fn add(&self, text: &str, span: WeakSpan) -> Arc<Prompt> {
        let follows_abort = self.aborted.swap(false, Ordering::AcqRel);
        let (text, id, is_started) = (hash(text), OnceLock::new(), AtomicBool::new(false));
        let prompt = Arc::new(Prompt { follows_abort, text, id, span, is_started });
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

    /// Records that the agent has started a prompt, and returns the span of its turn; none if it is not known.
    pub fn start(&self, id: Option<&str>, text: Option<&str>) -> Option<WeakSpan> {
        let text = text.map(hash);
        let is_it = |prompt: &Prompt| match (prompt.id(), id) {
            ("", _) | (_, None) => Some(prompt.text) == text,
            (known, Some(id)) => known == id,
        };
        let waiting = |prompt: &&Arc<Prompt>| !prompt.is_started.load(Ordering::Relaxed) && is_it(prompt);
        // Prompts that were started while nobody recorded a turn are not marked.
        let latest = lock(&self.latest);
        // The id decides before the text.
        let order = |prompt: &&Arc<Prompt>| (id != Some(prompt.id()), !prompt.is_traced());
        let prompt = latest.iter().filter(waiting).min_by_key(order)?;
        prompt.is_started.store(true, Ordering::Relaxed);
        Some(prompt.span.clone())
    }

    /// Returns the span of the first turn that the agent has not started; none if nobody waits for one.
    pub fn next_span(&self) -> WeakSpan {
        let is_next =
            |prompt: &&Arc<Prompt>| !prompt.is_started.load(Ordering::Relaxed) && prompt.is_traced();
        lock(&self.latest).iter().find(is_next).map(|prompt| prompt.span.clone()).unwrap_or_default()
    }

    /// Returns true if somebody records the turn of one of them.
    pub fn are_traced(&self) -> bool {
        lock(&self.latest).iter().any(|prompt| prompt.is_traced())
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

    /// Returns true if somebody records its turn, and that goes on.
    fn is_traced(&self) -> bool {
        self.span.strong_count() > 0
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
            prompts.add(&number.to_string(), WeakSpan::new());
        }
        assert!(!prompts.has_text("0") && prompts.has_text("1"));
        assert_eq!(lock(&prompts.latest).len(), REMEMBERED);
    }
}
