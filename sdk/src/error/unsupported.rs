//! What the connected CLI cannot do.

use std::fmt;

use crate::error::RpcError;
use crate::version::{CliVersion, Feature};

/// Something that the connected CLI cannot do, mostly because of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// A sentence for people. It names the CLI's version, where that is why and the CLI told it.
    pub reason: String,
    /// The method that was called and that the CLI does not know; none when nothing was sent.
    pub method: Option<String>,
    /// The error that the CLI answered with, of the code [`RpcError::METHOD_NOT_FOUND`]; none when nothing was sent.
    pub answer: Option<RpcError>,
    /// The feature that the CLI's version lacks, where the SDK knew that and sent nothing.
    pub feature: Option<Feature>,
}

impl Unsupported {
    /// Something that nothing was sent for.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), method: None, answer: None, feature: None }
    }

    /// What a version is known to lack, in words that follow "cannot".
    pub(crate) fn feature(feature: Feature, what: &str, version: &CliVersion) -> Self {
        let reason = format!("the Copilot CLI {version} cannot {what}");
        Self { feature: Some(feature), ..Self::new(reason) }
    }

    /// A method that the CLI says it does not know.
    pub(crate) fn method(method: &str, version: Option<&CliVersion>, answer: RpcError) -> Self {
        let version = version.map(CliVersion::as_str).filter(|version| !version.is_empty());
        let reason = match version {
            Some(version) => format!("the Copilot CLI {version} has no method {method}"),
            None => format!("the Copilot CLI has no method {method}"),
        };
        Self { method: Some(method.to_owned()), answer: Some(answer), ..Self::new(reason) }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::printable::printable_lines(&self.reason))
    }
}

impl std::error::Error for Unsupported {
    /// The error that the CLI answered with.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.answer.as_ref().map(|answer| answer as _)
    }
}
