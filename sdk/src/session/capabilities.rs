//! The capabilities of the CLI in a session.

use crate::types::SessionResumeResult;
use crate::wire::{peek, peek::keys};

/// The capabilities of the CLI in a session, from the result of `session.create` or `session.resume` and from
/// `capabilities.changed` since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// A client answers elicitation requests.
    pub elicitation: bool,
    /// MCP Apps can be shown.
    pub mcp_apps: bool,
    /// Canvases can be shown.
    pub canvases: bool,
    /// Extensions are wired to the session.
    pub extensions: bool,
}

/// The capabilities as far as they are known, in the order of [`Capabilities`]. An event may come before the result
/// that it changes.
#[derive(Clone, Copy, Default)]
pub(crate) struct KnownCapabilities([Option<bool>; 4]);

impl KnownCapabilities {
    /// Reads the data of an event.
    pub fn of_event(data: &str) -> Self {
        let keys = keys!(SessionCapabilityFlags, ["ui", "extensions"]);
        let [ui, extensions] = peek::pick(data, keys).unwrap_or_default();
        let keys = keys!(CapabilitiesChangedUi, ["elicitation", "mcpApps", "canvases"]);
        let [elicitation, mcp_apps, canvases] = peek::pick_any(ui, keys);
        Self([elicitation, mcp_apps, canvases, extensions].map(|raw| raw?.parse().ok()))
    }

    /// Returns those of the result that opened the session.
    pub fn of_result(result: &SessionResumeResult) -> Self {
        let Some(flags) = &result.capabilities else { return Self::default() };
        let ui = flags.ui.as_ref().map(|ui| [ui.elicitation, ui.mcp_apps, ui.canvases]);
        let [elicitation, mcp_apps, canvases] = ui.unwrap_or_default();
        Self([elicitation, mcp_apps, canvases, flags.extensions])
    }

    /// Applies an event, which overrides what was known.
    pub fn change(&mut self, new: Self) {
        *self = new.or(*self);
    }

    /// Applies the result that opened the session, which fills in what no event said.
    pub fn begin(&mut self, new: Self) {
        *self = self.or(new);
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].or(other.0[at])))
    }

    pub fn get(&self) -> Capabilities {
        let [elicitation, mcp_apps, canvases, extensions] = self.0.map(Option::unwrap_or_default);
        Capabilities { elicitation, mcp_apps, canvases, extensions }
    }
}
