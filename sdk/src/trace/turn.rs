//! The span of a turn, which is the parent of everything that is done for the turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tracing::Span;

use crate::runtime::lock;

/// The span of a turn, which closes when the turn ends. Others refer to it by a [`WeakSpan`], and keep it open only
/// while a handler runs in it. There is none if nobody records it.
pub(crate) struct TurnSpan(Option<Arc<Span>>);

/// A reference to the span of a turn, or to none.
pub(crate) type WeakSpan = Weak<Span>;

impl TurnSpan {
    pub fn new(span: Span) -> Self {
        Self((!span.is_disabled()).then(|| Arc::new(span)))
    }

    /// Takes the span out; none if nobody records it.
    pub fn take(&mut self) -> Option<Arc<Span>> {
        self.0.take()
    }

    pub fn downgrade(&self) -> WeakSpan {
        self.0.as_ref().map(Arc::downgrade).unwrap_or_default()
    }
}

/// The turn that a session works on.
#[derive(Default)]
pub(crate) struct CurrentTurn {
    span: Mutex<WeakSpan>,
    /// True if the agent works, perhaps for a prompt without a turn.
    is_working: AtomicBool,
    /// The CLI's `interactionId` of the latest prompt.
    interaction: Mutex<Option<String>>,
}

impl CurrentTurn {
    /// The span of the turn; a disabled one if there is none.
    pub fn span(&self) -> Span {
        let turn = lock(&self.span).upgrade();
        turn.as_deref().map_or_else(Span::none, Span::clone)
    }

    pub fn set(&self, turn: WeakSpan) {
        *lock(&self.span) = turn;
    }

    /// Returns true if the program still waits for the turn.
    pub fn is_alive(&self) -> bool {
        lock(&self.span).strong_count() > 0
    }

    /// Records the `interactionId` of a prompt. Returns true if it joins the work of the one before.
    pub fn joins(&self, interaction: Option<&str>) -> bool {
        let mut latest = lock(&self.interaction);
        let joins = interaction.is_some() && interaction == latest.as_deref();
        *latest = interaction.map(str::to_owned);
        joins
    }

    /// Records that the agent works, or that it does not.
    pub fn set_working(&self, is_working: bool) {
        self.is_working.store(is_working, Ordering::Relaxed);
    }

    /// Sets the turn, unless the session works on another.
    pub fn set_if_none(&self, turn: &WeakSpan) {
        let mut current = lock(&self.span);
        if current.strong_count() == 0 && !self.is_working.load(Ordering::Relaxed) {
            *current = turn.clone();
        }
    }
}
