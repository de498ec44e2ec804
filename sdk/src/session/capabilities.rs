//! The capabilities of the CLI in a session.

use crate::wire::peek::{self, keys};

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

/// The capabilities as far as they are known. An event may come before the result that it changes.
#[derive(Default)]
pub(crate) struct KnownCapabilities {
    elicitation: Option<bool>,
    mcp_apps: Option<bool>,
    canvases: Option<bool>,
    extensions: Option<bool>,
}

impl KnownCapabilities {
    /// Applies the data of an event, which overrides what was known.
    pub fn change(&mut self, data: &str) {
        *self = Self::read(data).or(std::mem::take(self));
    }

    /// Applies the result that opened the session, which fills in what no event said.
    pub fn begin(&mut self, capabilities: &str) {
        *self = std::mem::take(self).or(Self::read(capabilities));
    }

    fn or(self, other: Self) -> Self {
        Self {
            elicitation: self.elicitation.or(other.elicitation),
            mcp_apps: self.mcp_apps.or(other.mcp_apps),
            canvases: self.canvases.or(other.canvases),
            extensions: self.extensions.or(other.extensions),
        }
    }

    pub fn get(&self) -> Capabilities {
        Capabilities {
            elicitation: self.elicitation == Some(true),
            mcp_apps: self.mcp_apps == Some(true),
            canvases: self.canvases == Some(true),
            extensions: self.extensions == Some(true),
        }
    }

    fn read(json: &str) -> Self {
        let flag = |raw: Option<&str>| raw.and_then(|raw| raw.parse().ok());
        let keys = keys!(SessionCapabilityFlags, ["ui", "extensions"]);
        let [ui, extensions] = peek::pick(json, keys).unwrap_or_default();
        let keys = keys!(CapabilitiesChangedUi, ["elicitation", "mcpApps", "canvases"]);
        let [elicitation, mcp_apps, canvases] = peek::pick(ui.unwrap_or("{}"), keys).unwrap_or_default();
        Self {
            elicitation: flag(elicitation),
            mcp_apps: flag(mcp_apps),
            canvases: flag(canvases),
            extensions: flag(extensions),
        }
    }
}
