//! Validates the messages of the CLI in wire logs against the schemas, and lists what they lack.

mod known;
mod schemas;
mod traffic;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::ours::Ours;
use schemas::Schemas;
use traffic::Audit;
use walk::Finding;

/// The result of an audit.
pub struct Audited {
    messages: u64,
    findings: BTreeMap<Finding, u64>,
}

/// Validates the messages in a wire log, or in those of a folder.
pub fn logs(ours: &Ours, path: &Path) -> Result<Audited> {
    let files = wire_logs(path)?;
    let schemas = Schemas::of(ours)?;
    let mut audit = Audit::new(&schemas);
    for file in files {
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        audit.log(&String::from_utf8_lossy(&text));
    }
    let (messages, findings) = audit.finish();
    ensure!(
        messages > 0,
        "there are no messages of a CLI in {}; a wire log is what a client writes with `ClientBuilder::wire_log`",
        path.display()
    );
    Ok(Audited { messages, findings })
}

/// The wire logs that a path names: itself or, if it is a folder, the files `*.jsonl` in it, at least one.
pub fn wire_logs(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "there is no wire log (*.jsonl) in the folder {}", path.display());
    files.sort();
    Ok(files)
}

impl Audited {
    /// The number of findings without a known reason.
    pub fn new_findings(&self) -> usize {
        self.findings.keys().filter(|finding| known::reason(finding).is_none()).count()
    }
}

/// All findings, the known ones with their reasons.
impl fmt::Display for Audited {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} messages from the CLI", self.messages)?;
        let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (finding, count) in &self.findings {
            let line = format!("{count:>6} × {finding}");
            match known::reason(finding) {
                Some(reason) => known.entry(reason).or_default().push(line),
                None => writeln!(out, "{line}")?,
            }
        }
        for (reason, lines) in &known {
            writeln!(out, "\nKnown: {reason}\n{}", lines.join("\n"))?;
        }
        match (self.new_findings(), known.is_empty()) {
            (0, true) => writeln!(out, "Everything is valid."),
            (0, false) => writeln!(out, "\nEverything else is valid."),
            (1, _) => writeln!(out, "\nOne finding is not known."),
            (count, _) => writeln!(out, "\n{count} findings are not known."),
        }
    }
}
