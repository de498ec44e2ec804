//! The capabilities of the CLI in a session.

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
#[derive(Default)]
pub(crate) struct KnownCapabilities([Option<bool>; 4]);

impl KnownCapabilities {
    /// Applies the data of an event, which overrides what was known.
    pub fn change(&mut self, data: &str) {
        self.0 = or(read(data), self.0);
    }

    /// Applies the result that opened the session, which fills in what no event said.
    pub fn begin(&mut self, capabilities: &str) {
        self.0 = or(self.0, read(capabilities));
    }

    pub fn get(&self) -> Capabilities {
        let [elicitation, mcp_apps, canvases, extensions] = self.0.map(Option::unwrap_or_default);
        Capabilities { elicitation, mcp_apps, canvases, extensions }
    }
}

fn or(these: [Option<bool>; 4], others: [Option<bool>; 4]) -> [Option<bool>; 4] {
    std::array::from_fn(|at| these[at].or(others[at]))
}

fn read(json: &str) -> [Option<bool>; 4] {
    let keys = keys!(SessionCapabilityFlags, ["ui", "extensions"]);
    let [ui, extensions] = peek::pick(json, keys).unwrap_or_default();
    let keys = keys!(CapabilitiesChangedUi, ["elicitation", "mcpApps", "canvases"]);
    let [elicitation, mcp_apps, canvases] = peek::pick(ui.unwrap_or("{}"), keys).unwrap_or_default();
    [elicitation, mcp_apps, canvases, extensions].map(|raw| raw?.parse().ok())
}
