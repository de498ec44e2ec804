//! Operations that the connected CLI does not support.

use std::fmt;

use crate::error::RpcError;
use crate::version::{CliVersion, Feature};

/// An operation that the connected CLI does not support, usually because of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// A sentence for people. It contains the CLI's version if that is the cause and is known.
    pub reason: String,
    /// The method that the CLI does not know; none if no request was sent.
    pub method: Option<String>,
    /// The error of the CLI, with the code [`RpcError::METHOD_NOT_FOUND`]; none if no request was sent.
    pub answer: Option<RpcError>,
    /// The feature that the CLI's version lacks, if the SDK knew that and sent no request.
    pub feature: Option<Feature>,
}

impl Unsupported {
    /// Creates the error for an operation for which no request was sent.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), method: None, answer: None, feature: None }
    }

    /// Creates the error for a feature that a version lacks. `what` follows the word "cannot".
    pub(crate) fn feature(feature: Feature, what: &str, version: &CliVersion) -> Self {
        let reason = format!("the Copilot CLI {version} cannot {what}");
        Self { feature: Some(feature), ..Self::new(reason) }
    }

    /// Creates the error for a method that the CLI does not know.
    pub(crate) fn method(method: &str, version: &CliVersion, answer: RpcError) -> Self {
        let reason = match version.as_str() {
            "" => format!("the Copilot CLI has no method {method}"),
            version => format!("the Copilot CLI {version} has no method {method}"),
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
    /// The error of the CLI.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.answer.as_ref().map(|answer| answer as _)
    }
}
