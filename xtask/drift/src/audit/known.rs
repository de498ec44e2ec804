//! Known differences between the schemas and the CLI, each with its reason.

use super::walk::{Finding, Kind};

/// The kind of a finding; its path, or the start of it before `*`; and the reason.
const KNOWN: &[(Kind, &str, &str)] = &[
    (Kind::UnknownEvent, "event model.*", MODEL),
    (Kind::UnknownField, "event permission.requested $.data.permissionRequest.shellType", SHELL),
    (Kind::UnknownField, "event permission.requested $.data.permissionRequest.commandSegments[].*", SHELL),
];

const MODEL: &str = "the CLI sends events about its requests to the model, which no schema has; the SDK keeps them as \
                     `Unrecognized`";
const SHELL: &str = "CLIs from 1.0.92 on send more keys for a shell command than their schema has; the SDK keeps \
                     them in the event's JSON";

/// The reason for a known finding.
pub fn reason(finding: &Finding) -> Option<&'static str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => finding.path.starts_with(start),
        None => finding.path == pattern,
    };
    let known = KNOWN.iter().find(|(kind, pattern, _)| *kind == finding.kind && fits(pattern));
    known.map(|(_, _, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_as_a_whole_or_by_its_start() {
        let known = |path: &str| reason(&Finding::new(Kind::UnknownField, path, "")).is_some();
        assert!(reason(&Finding::new(Kind::UnknownEvent, "event model.message", "")).is_some());
        assert!(!known("event model.call_start $.data.x"));
        assert!(known("event permission.requested $.data.permissionRequest.shellType"));
        assert!(!known("event permission.requested $.data.permissionRequest.shellTypes"));
        assert!(!known("event session.model_change $.data.x"));
    }
}
