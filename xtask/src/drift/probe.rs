//! Checks the comparison with the compiler: a program that uses every generated item of the older set is compiled
//! with the code of the newer set, and exactly the uses of items that were reported as breaking must fail.

mod items;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;
use cargo_metadata::diagnostic::DiagnosticLevel;
use copilot_session_codegen::Protocol;
use copilot_session_codegen::model::{Model, Shape};
use copilot_session_drift::comparison::{Change, How, Source, What, rename};

use self::items::{Kind, Use};
use crate::standalone::{self, Files};

/// The file with a use in each line.
const PROBE: &str = "src/probe.rs";
/// The number of disagreements that are shown.
const SHOWN: usize = 40;

/// The result of a probe.
#[derive(Debug)]
pub struct Outcome {
    pub uses: usize,
    pub failed: usize,
    /// Uses that were reported as breaking and compile.
    pub too_strict: Vec<String>,
    /// Uses that were not reported as breaking and do not compile.
    pub missed: Vec<String>,
}

impl Outcome {
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} uses of the older set, of which {} do not compile with the newer; {} reported as breaking compile, \
             {} not reported do not\n",
            self.uses,
            self.failed,
            self.too_strict.len(),
            self.missed.len()
        );
        for (what, list) in [("compiles: ", &self.too_strict), ("missed: ", &self.missed)] {
            for line in list.iter().take(SHOWN) {
                text += &format!("  {what}{line}\n");
            }
        }
        text
    }

    pub fn agrees(&self) -> bool {
        self.too_strict.is_empty() && self.missed.is_empty()
    }
}

/// Compiles the uses of the older source with the newer one, and compares the failures with the changes.
pub fn run(folder: &Path, old: &Protocol, changes: &[Change], new: &Protocol) -> Result<Outcome> {
    let (from, to) = (old.generate().files, new.generate().files);
    let uses = items::all(&from)?;
    let own = failing(folder, &from, &uses)?;
    if let Some(first) = own.iter().next() {
        bail!("the probe does not compile with its own set: {}", uses[*first].source);
    }
    let failed = failing(folder, &to, &uses)?;
    let breaking = Breaking::new(old.model(), changes);
    let mut outcome =
        Outcome { uses: uses.len(), failed: failed.len(), too_strict: Vec::new(), missed: Vec::new() };
    for (index, item) in uses.iter().enumerate() {
        let text = format!("{:?} {} {}", item.kind, item.owner, item.name);
        match (breaking.breaks(item), failed.contains(&index)) {
            (true, false) => outcome.too_strict.push(text),
            (false, true) => outcome.missed.push(text),
            _ => {}
        }
    }
    Ok(outcome)
}

/// Compiles generated files with one line for each use, and returns the uses that fail.
fn failing(folder: &Path, files: &Files, uses: &[Use]) -> Result<BTreeSet<usize>> {
    let lines = uses.iter().enumerate().map(|(index, item)| format!("fn u{index}({} }}\n", item.source));
    let mut command = standalone::write(folder, files, &[(PROBE, &lines.collect::<String>())])?;
    command.arg("--message-format=json");
    let output = command.output().context("cannot run cargo")?;
    let mut failed = BTreeSet::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        let Message::CompilerMessage(message) = message.context("cannot read the messages of cargo")? else {
            continue;
        };
        let message = message.message;
        if message.level != DiagnosticLevel::Error {
            continue;
        }
        for span in message.spans.iter().filter(|span| span.is_primary) {
            let line = span.line_start;
            ensure!(
                span.file_name.replace('\\', "/").ends_with(PROBE) && (1..=uses.len()).contains(&line),
                "the generated code does not compile: {}",
                message.rendered.unwrap_or_default()
            );
            failed.insert(line - 1);
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() || !failed.is_empty(), "cargo check failed: {stderr}");
    Ok(failed)
}

/// The breaking changes, by the items of uses.
struct Breaking {
    /// Types whose name is removed.
    removed: BTreeSet<String>,
    /// Types of another kind, with all their parts.
    replaced: BTreeSet<String>,
    aliases: BTreeSet<String>,
    /// Types that lose `new` and setters.
    loses_constructor: BTreeSet<String>,
    /// Types whose `new` has changed parameters.
    new: BTreeSet<String>,
    /// Fields and variants by owner and plain name; methods by name; events by variant.
    parts: BTreeSet<(String, String)>,
    /// Setters by owner and plain name.
    setters: BTreeSet<(String, String)>,
    methods: BTreeSet<String>,
    events: BTreeSet<String>,
}

impl Breaking {
    fn new(old: &Model, changes: &[Change]) -> Self {
        let names = || BTreeSet::new();
        let aliases = old.types.iter().filter(|(_, ty)| matches!(ty.shape, Shape::Alias(_)));
        let mut breaking = Self {
            removed: names(),
            replaced: names(),
            aliases: aliases.map(|(name, _)| name.clone()).collect(),
            loses_constructor: names(),
            new: names(),
            parts: BTreeSet::new(),
            setters: BTreeSet::new(),
            methods: names(),
            events: names(),
        };
        for change in changes.iter().filter(|change| change.source == Source::Breaking) {
            breaking.add(old, change);
        }
        breaking
    }

    fn add(&mut self, old: &Model, change: &Change) {
        let owner = change.owner().map_or(change.item.as_str(), |(owner, _)| owner).to_owned();
        if change.new {
            self.new.insert(owner.clone());
        }
        match (change.what, change.how) {
            (What::Type, How::Removed | How::Renamed) => drop(self.removed.insert(owner)),
            (What::Field, _) if change.setter && !change.breaks_item => {
                let part = rust_name(old, change);
                self.setters.insert((owner, part));
            }
            (What::Type, _) if change.loses_constructor => drop(self.loses_constructor.insert(owner)),
            (What::Type, _) if change.breaks_item => drop(self.replaced.insert(owner)),
            (What::Field | What::Variant, _) if change.breaks_item => {
                let part = rust_name(old, change);
                self.parts.insert((owner, part));
            }
            (What::Method, _) => drop(self.methods.insert(owner)),
            (What::Event, _) => {
                self.events.extend(old.events.get(&change.item).map(|event| event.variant.clone()));
            }
            _ => {}
        }
    }

    /// Returns true if a use was reported as breaking.
    fn breaks(&self, item: &Use) -> bool {
        let of = |parts: &BTreeSet<_>| parts.contains(&(item.owner.clone(), plain(&item.name)));
        let replaced = self.replaced.contains(&item.owner);
        let loses_constructor = self.loses_constructor.contains(&item.owner);
        let breaks = match item.kind {
            Kind::Type => replaced && self.aliases.contains(&item.owner),
            Kind::New => replaced || loses_constructor || self.new.contains(&item.owner),
            Kind::Setter => replaced || loses_constructor || of(&self.parts) || of(&self.setters),
            Kind::Field | Kind::Variant => replaced || of(&self.parts),
            Kind::Call | Kind::Marker => self.methods.contains(&item.owner),
            Kind::Event => self.events.contains(&item.name),
        };
        breaks || item.names.iter().any(|name| self.removed.contains(name))
    }
}

/// The plain name of the field or variant that has changed. A field may have another name than its key.
fn rust_name(old: &Model, change: &Change) -> String {
    let (owner, part) = change.owner().unwrap_or((&change.item, ""));
    let field = match old.types.get(owner).map(|ty| &ty.shape) {
        Some(Shape::Record(record)) => record.field(part),
        _ => None,
    };
    plain(field.map_or(part, |field| &field.name))
}

/// A name without the differences in spelling between Rust and the wire.
fn plain(name: &str) -> String {
    rename::letters(name.trim_start_matches("r#"))
}
