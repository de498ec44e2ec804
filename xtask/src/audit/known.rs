//! Where the schemas and the CLI are known to differ, and why that is well.

use super::walk::Finding;

/// A path, or the start of one before `*`; and why it is known.
const KNOWN: &[(&str, &str)] = &[(
    "event model.*",
    "the CLI tells of its dealings with the model, of which no schema says anything; the SDK keeps them as \
     `Unrecognized`",
)];

/// Why something is known, if it is.
pub fn reason(finding: &Finding) -> Option<&'static str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => finding.path.starts_with(start),
        None => finding.path == pattern,
    };
    KNOWN.iter().find(|(pattern, _)| fits(pattern)).map(|(_, reason)| *reason)
}
