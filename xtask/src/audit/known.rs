//! Where the schemas and the CLI are known to differ, and why that is well.

use super::walk::{Finding, Kind};

/// What it is; a path, or the start of one before `*`; and why it is known.
const KNOWN: &[(Kind, &str, &str)] = &[
    (Kind::UnknownEvent, "event model.*", MODEL),
    (Kind::UnknownField, "event permission.requested $.data.permissionRequest.shellType", SHELL),
    (Kind::UnknownField, "event permission.requested $.data.permissionRequest.commandSegments[].*", SHELL),
];

const MODEL: &str = "the CLI tells of its dealings with the model, of which no schema says anything; the SDK keeps \
                     these events as `Unrecognized`";
const SHELL: &str = "CLIs from 1.0.92 on say more of a shell command than their schema does; it stands in the \
                     event's JSON, which the SDK keeps";

/// Why something is known, if it is.
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
    fn a_path_is_known_whole_or_by_its_start() {
        let known = |path: &str| reason(&Finding::new(Kind::UnknownField, path, "")).is_some();
        assert!(reason(&Finding::new(Kind::UnknownEvent, "event model.message", "")).is_some());
        assert!(!known("event model.call_start $.data.x"));
        assert!(known("event permission.requested $.data.permissionRequest.shellType"));
        assert!(!known("event permission.requested $.data.permissionRequest.shellTypes"));
        assert!(!known("event session.model_change $.data.x"));
    }
}
