//! Known failures of old versions, each with its explanation.

use semver::Version;

use super::scenario::{Outcome, Step};

struct Explained {
    step: &'static str,
    /// The first version without the failure.
    before: Version,
    /// A part of the step's reason.
    reason: &'static str,
    why: &'static str,
}

const EXPLAINED: &[Explained] = &[Explained {
    step: "call: mode().set",
    before: Version::new(1, 0, 40),
    reason: "to session.mode.set does not match its schema: at $.status",
    why: "the mode is set, but the response has an older form than the SDK reads",
}];

/// Changes the outcome of a known failure to [`Outcome::Partly`].
pub fn explain(version: &str, step: Step) -> Step {
    let version = Version::parse(version);
    let fits = |known: &&Explained| {
        let is_old = version.as_ref().is_ok_and(|version| *version < known.before);
        step.name == known.step && is_old && step.reason.contains(known.reason)
    };
    match EXPLAINED.iter().find(fits).filter(|_| step.outcome == Outcome::Failed) {
        Some(known) => {
            let reason = format!("{}: {}", known.why, step.reason);
            Step { outcome: Outcome::Partly, reason, ..step }
        }
        None => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_failures_are_explained() {
        let step = |reason: &str| Step {
            name: "call: mode().set".to_owned(),
            outcome: Outcome::Failed,
            reason: reason.to_owned(),
            seconds: 1.0,
        };
        let known = "the response to session.mode.set does not match its schema: at $.status";
        let explained = explain("1.0.10", step(known));
        assert_eq!(explained.outcome, Outcome::Partly);
        assert!(explained.reason.starts_with("the mode is set") && explained.reason.ends_with("at $.status"));
        assert_eq!(explain("1.0.102", step(known)).outcome, Outcome::Failed);
        assert_eq!(explain("1.0.40", step(known)).outcome, Outcome::Failed);
        assert_eq!(explain("1.0.10", step("it hangs")).outcome, Outcome::Failed);
    }
}
