//! Compares an installed CLI with what a program was built for.

use std::collections::BTreeSet;
use std::fmt;

use crate::Error;
use crate::comparison::{Change, How, Report, RuntimeImpact, What, compare};
use crate::ours::Ours;
use crate::sets::{self, SDK};

/// The compatibility of a program that was built with `copilot-session` with a version of the CLI, according to the
/// schemas of this CLI.
#[derive(Debug)]
pub struct Check {
    cli: String,
    made_for: String,
    /// The methods that the SDK can call.
    calls: BTreeSet<String>,
    changes: Vec<Change>,
    unsupported: Vec<String>,
    report: String,
}

/// Checks the CLI that the SDK would start: the one in `COPILOT_CLI_PATH`, or else on the `PATH`.
///
/// `made_for` is `copilot_session::CLI_VERSION`, so that the check is of the crate that the program is built with. The
/// CLI is started for its version and, if that was not checked before, for its schemas, which are kept in the user's
/// cache. It has a home and a cache of its own: it needs no login and changes nothing of the user's.
///
/// # Errors
/// If there is no CLI, or if its schemas cannot be read. This package has the schemas of one version; those that a
/// `copilot-session` of another release is made for are downloaded, as [`check`] does.
pub fn check_installed(made_for: &str) -> Result<Check, Error> {
    check(made_for, "installed")
}

/// Checks another CLI: a version, such as `1.0.110`, or `latest`, whose schemas are downloaded with npm and curl and
/// kept in the user's cache, or a folder with schemas.
///
/// # Errors
/// As [`check_installed`].
pub fn check(made_for: &str, cli: &str) -> Result<Check, Error> {
    compared(made_for, cli).map_err(Error)
}

fn compared(made_for: &str, cli: &str) -> anyhow::Result<Check> {
    let (from, to) = sets::read(SDK, cli, &Ours::made_for(made_for)?)?;
    let compared = compare(&from.protocol, &to.protocol);
    let report = Report { from: &from.label, to: &to.label, compared: &compared, new: &to.protocol };
    let methods = from.protocol.model().methods.values();
    let calls = methods.filter(|method| method.group.is_ours()).map(|method| method.name.clone());
    Ok(Check {
        calls: calls.collect(),
        report: report.text(),
        unsupported: to.protocol.problems().iter().map(ToString::to_string).collect(),
        cli: to.set.version,
        made_for: from.set.version,
        changes: compared.changes,
    })
}

impl Check {
    /// The version of the CLI that was checked.
    pub fn cli(&self) -> &str {
        &self.cli
    }

    /// The version of the CLI that the program is built for.
    pub fn made_for(&self) -> &str {
        &self.made_for
    }

    /// All differences. Most concern only source that is yet to be compiled for this CLI.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The differences that may keep the program from decoding an event, a request or a result of this CLI.
    pub fn unreadable(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.running == RuntimeImpact::Malformed)
    }

    /// The parts of the schemas of this CLI that the generator of the SDK does not support. They were not compared.
    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }

    /// The methods that the program can call and this CLI lacks, by their names on the wire.
    pub fn missing_calls(&self) -> impl Iterator<Item = &str> {
        let gone = |change: &&Change| {
            change.what == What::Method
                && matches!(change.how, How::Removed | How::Renamed)
                && change.running == RuntimeImpact::Refused
        };
        self.changes.iter().filter(gone).map(|change| change.item.as_str())
    }

    /// Returns true if the program can decode everything that this CLI sends. What is new in it is kept, as
    /// `Unrecognized`.
    pub fn is_readable(&self) -> bool {
        self.unsupported.is_empty() && self.unreadable().next().is_none()
    }

    /// Panics unless the program can decode everything that this CLI sends.
    ///
    /// # Panics
    /// If [`is_readable`](Self::is_readable) returns false. The message lists what is not readable.
    #[track_caller]
    pub fn assert_readable(&self) {
        assert!(self.is_readable(), "{self}");
    }

    /// Panics unless this CLI has a method, by its name on the wire, such as `session.detach`.
    ///
    /// # Panics
    /// If the method is one of the [missing calls](Self::missing_calls), or if the SDK has no method of this name.
    #[track_caller]
    pub fn assert_has_call(&self, method: &str) {
        assert!(self.calls.contains(method), "copilot-session has no call {method}");
        assert!(
            !self.missing_calls().any(|missing| missing == method),
            "Copilot CLI {} has no method {method}, which {} has",
            self.cli,
            self.made_for
        );
    }

    /// All differences, as `cargo copilot drift` prints them.
    pub fn report(&self) -> &str {
        &self.report
    }
}

/// The messages that the program cannot read, and the calls that this CLI lacks.
impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cli, made_for) = (&self.cli, &self.made_for);
        if self.is_readable() {
            write!(out, "A program that is built for Copilot CLI {made_for} can read all that {cli} sends.")?;
        } else {
            write!(out, "A program that is built for Copilot CLI {made_for} may not read what {cli} sends:")?;
        }
        for change in self.unreadable() {
            write!(out, "\n  {change}")?;
        }
        for unsupported in &self.unsupported {
            write!(out, "\n  not compared: {unsupported}")?;
        }
        let missing: Vec<&str> = self.missing_calls().collect();
        if !missing.is_empty() {
            write!(out, "\nCalls that {cli} lacks: {}", missing.join(", "))?;
        }
        Ok(())
    }
}
