//! A comparison as text, Markdown or JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use anyhow::{Result, ensure};
use copilot_session_codegen::Protocol;
use serde_json::{Value, json};

use super::change::{Change, How, RuntimeImpact, Source, What};
use super::compare::Comparison;

const SOURCES: [Source; 3] = [Source::Breaking, Source::Behaviour, Source::Additive];
const IMPACTS: [RuntimeImpact; 4] =
    [RuntimeImpact::Malformed, RuntimeImpact::Refused, RuntimeImpact::Unknown, RuntimeImpact::Decodes];

/// A comparison and the names of the two sets.
pub struct Report<'r> {
    pub from: &'r str,
    pub to: &'r str,
    pub compared: &'r Comparison,
    pub new: &'r Protocol,
}

/// A line of the report, for one change or for several of the same kind.
struct Line {
    source: Source,
    running: RuntimeImpact,
    /// The text before the names of the items.
    before: String,
    items: Vec<String>,
    /// The text after them.
    after: String,
}

impl Report<'_> {
    /// The report for people at a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("Copilot CLI {} → {}: {}\n", self.from, self.to, self.summary());
        for (namespace, lines) in self.groups() {
            let _ = write!(text, "\n{namespace}\n");
            for line in lines {
                let mark = match line.source {
                    Source::Breaking => '!',
                    Source::Behaviour => '~',
                    Source::Additive => '+',
                };
                let running = running(line.running).map_or(String::new(), |word| format!("  [{word}]"));
                let items = line.items.join(", ");
                let _ = writeln!(text, "  {mark} {}{items}{}{running}", line.before, line.after);
            }
        }
        for note in self.notes() {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }

    /// The report for a pull request, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Copilot CLI {} → {}\n\n{}.\n", self.from, self.to, self.summary());
        for (namespace, lines) in self.groups() {
            let _ = write!(text, "\n## {namespace}\n");
            let mut last = None;
            for line in lines {
                if last.replace(line.source) != Some(line.source) {
                    let _ = write!(text, "\n{}:\n\n", title(line.source));
                }
                let items: Vec<String> = line.items.iter().map(|item| format!("`{item}`")).collect();
                let running = running(line.running).map_or(String::new(), |word| format!(" *[{word}]*"));
                let after = line.after.replace('<', "\\<").replace('*', "\\*");
                let _ = writeln!(text, "- {}{}{after}{running}", line.before, items.join(", "));
            }
        }
        for note in self.notes() {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }

    /// The report for programs, as JSON; `xtask/docs/drift.md` describes its keys.
    pub fn json(&self) -> Result<String> {
        let changes = &self.compared.changes;
        let count = |keep: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| keep(change)).count();
        let source: BTreeMap<String, usize> =
            SOURCES.iter().map(|&class| (word(class), count(&|change| change.source == class))).collect();
        let running: BTreeMap<String, usize> =
            IMPACTS.iter().map(|&class| (word(class), count(&|change| change.running == class))).collect();
        let json = json!({
            "from": self.from,
            "to": self.to,
            "source": source,
            "running": running,
            "descriptions": self.compared.descriptions,
            "leftOut": self.compared.left_out,
            "notes": self.problems(),
            "changes": changes,
        });
        Ok(serde_json::to_string_pretty(&json)? + "\n")
    }

    /// Fails if the newer set has parts that were not compared.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.new.problems().is_empty(),
            "the generator does not support everything in {}, so there may be more changes",
            self.to
        );
        Ok(())
    }

    fn summary(&self) -> String {
        let changes = &self.compared.changes;
        if changes.is_empty() {
            return "nothing has changed".to_owned();
        }
        let source = SOURCES.iter().map(|&class| {
            let count = changes.iter().filter(|change| change.source == class).count();
            format!("{count} {}", word(class))
        });
        let running = IMPACTS.iter().filter_map(|&class| {
            let count = changes.iter().filter(|change| change.running == class).count();
            let word = running(class)?;
            (count > 0).then(|| format!("{count} {word}"))
        });
        let running: Vec<String> = running.collect();
        let source = source.collect::<Vec<_>>().join(", ");
        match running.is_empty() {
            true => format!("{source}; a program built for {} works as before", self.from),
            false => format!("{source}; to a program built for {}: {}", self.from, running.join(", ")),
        }
    }

    /// The lines of each namespace, those with the worst changes first.
    fn groups(&self) -> Vec<(&str, Vec<Line>)> {
        let mut groups: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in &self.compared.changes {
            groups.entry(&change.namespace).or_default().push(change);
        }
        let mut groups: Vec<_> = groups.into_iter().map(|(name, changes)| (name, lines(&changes))).collect();
        groups.sort_by_key(|(_, lines)| lines.iter().map(|line| line.source).min());
        groups
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.compared.descriptions {
            0 => {}
            1 => notes.push("One description was reworded.".to_owned()),
            count => notes.push(format!("{count} descriptions were reworded.")),
        }
        notes.extend(self.left_out());
        let problems = self.problems();
        if !problems.is_empty() {
            let list = problems.join("\n- ");
            notes.push(format!("The generator does not support, in {}:\n\n- {list}", self.to));
        }
        notes
    }

    fn left_out(&self) -> Option<String> {
        let list: Vec<String> = self.compared.left_out.iter().map(|key| format!("`{key}`")).collect();
        let keys = match list.len() {
            0 => return None,
            1 => "One key is".to_owned(),
            count => format!("{count} keys are"),
        };
        Some(format!(
            "{keys} always sent by {to}, but may be missing or `null` in what {from} sends. In an SDK that is generated \
             from {to} and supports {from}, such a key is an `Option` (`schema/older.json`): {}.",
            list.join(", "),
            to = self.to,
            from = self.from,
        ))
    }

    /// Parts of the newer set that the generator does not support.
    fn problems(&self) -> Vec<String> {
        self.new.problems().iter().map(ToString::to_string).collect()
    }
}

/// The line of a report for one change.
impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { before, items, after, .. } = line(self, false);
        write!(out, "{before}{}{after}", items.join(", "))
    }
}

/// The lines for the changes of one namespace, which are sorted, the worst first.
fn lines(changes: &[&Change]) -> Vec<Line> {
    let mut lines: Vec<(Option<String>, Line)> = Vec::new();
    for change in changes {
        let key = group_key(change);
        let place = lines.iter_mut().find(|(other, line)| {
            key.is_some() && *other == key && (line.source, line.running) == (change.source, change.running)
        });
        match place {
            Some((_, line)) => {
                line.items.push(item(change, true));
            }
            None => lines.push((key.clone(), line(change, key.is_some()))),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The key of changes that share a line: changes of the same kind to parts of the same item.
fn group_key(change: &Change) -> Option<String> {
    let owner = change.owner().map_or("", |(owner, _)| owner);
    let key = format!("{:?} {:?} {owner}", change.what, change.how);
    match change.how {
        // The details of these may differ; `--json` has all of them.
        How::Added | How::Removed | How::Renamed => Some(key),
        How::Changed if change.source != Source::Breaking => Some(format!("{key} {}", change.detail)),
        _ => None,
    }
}

fn line(change: &Change, grouped: bool) -> Line {
    let what = match change.what {
        What::Method => "method",
        What::Event => "event",
        What::Type => "type",
        What::Field => "field",
        What::Variant => "variant",
    };
    let how = match change.how {
        How::Removed => "removed ",
        How::Added if change.new => "new required ",
        How::Added => "new ",
        How::Renamed => "probably renamed ",
        How::Changed => "",
    };
    let owner = match change.owner() {
        Some((owner, _)) if grouped && change.how != How::Changed => format!(" of {owner}"),
        _ => String::new(),
    };
    let colon = if change.how == How::Changed { " " } else { ": " };
    let after = match (change.how, change.detail.as_str()) {
        (How::Changed, detail) => format!(": {detail}"),
        _ => String::new(),
    };
    let before = format!("{how}{what}{owner}{colon}");
    Line { source: change.source, running: change.running, before, items: vec![item(change, grouped)], after }
}

/// The item of a change, without its owner in a line for several changes.
fn item(change: &Change, grouped: bool) -> String {
    let whole = change.item.as_str();
    let part = change.owner().filter(|_| grouped && change.how != How::Changed);
    let name = part.map_or(whole, |(_, part)| part);
    match &change.to {
        Some(to) => format!("{name} → {to}"),
        None => name.to_owned(),
    }
}

fn title(source: Source) -> &'static str {
    match source {
        Source::Breaking => "Breaks source",
        Source::Behaviour => "Behaviour",
        Source::Additive => "Additive",
    }
}

/// The word for an impact, if there is one.
fn running(class: RuntimeImpact) -> Option<&'static str> {
    match class {
        RuntimeImpact::Malformed => Some("malformed"),
        RuntimeImpact::Refused => Some("refused"),
        RuntimeImpact::Unknown => Some("unknown"),
        RuntimeImpact::Decodes => None,
    }
}

/// The word for a class in the JSON.
fn word(class: impl serde::Serialize) -> String {
    match serde_json::to_value(class) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
