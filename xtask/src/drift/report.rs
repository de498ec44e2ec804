//! A comparison as text, Markdown or JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use copilot_session_codegen::survey::Survey;
use serde_json::{Value, json};

use super::change::{Change, How, Running, Source, What};
use super::compare::Comparison;

const SOURCES: [Source; 3] = [Source::Breaking, Source::Behaviour, Source::Additive];
const RUNNINGS: [Running; 4] = [Running::Malformed, Running::Refused, Running::Unknown, Running::Decodes];

/// What is to be told.
pub struct Report<'r> {
    pub from: &'r str,
    pub to: &'r str,
    pub compared: &'r Comparison,
    pub new: &'r Survey,
}

/// A line of the report: one change, or several that can be told as one.
struct Line {
    source: Source,
    running: Running,
    /// What it is about, before and after the items' names.
    before: String,
    items: Vec<String>,
    after: String,
}

impl Report<'_> {
    /// For people at a terminal.
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

    /// For a pull request.
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

    /// For programs; `xtask/docs/drift.md` has its form.
    pub fn json(&self) -> Result<String> {
        let changes = &self.compared.changes;
        let count = |keep: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| keep(change)).count();
        let source: BTreeMap<String, usize> =
            SOURCES.iter().map(|&class| (word(class), count(&|change| change.source == class))).collect();
        let running: BTreeMap<String, usize> =
            RUNNINGS.iter().map(|&class| (word(class), count(&|change| change.running == class))).collect();
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

    fn summary(&self) -> String {
        let changes = &self.compared.changes;
        if changes.is_empty() {
            return "nothing has changed".to_owned();
        }
        let source = SOURCES.iter().map(|&class| {
            let count = changes.iter().filter(|change| change.source == class).count();
            format!("{count} {}", word(class))
        });
        let running = RUNNINGS.iter().filter_map(|&class| {
            let count = changes.iter().filter(|change| change.running == class).count();
            let word = running(class)?;
            (count > 0).then(|| format!("{count} {word}"))
        });
        let running: Vec<String> = running.collect();
        let source = source.collect::<Vec<_>>().join(", ");
        match running.is_empty() {
            true => format!("{source}; a program built for {} goes on as before", self.from),
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
            notes.push(format!("The generator does not know what to do with, in {}:\n\n- {list}", self.to));
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
            "{keys} always sent by {to} and may be left out, or be `null`, in what {from} sends. The SDK has such a key \
             as an option when it is generated from {to} and supports {from} (`schema/older.json`): {}.",
            list.join(", "),
            to = self.to,
            from = self.from,
        ))
    }

    /// What the generator would refuse in the newer set.
    fn problems(&self) -> Vec<String> {
        self.new.problems.iter().map(ToString::to_string).collect()
    }
}

/// The lines for the changes of one namespace, which come with the worst first.
fn lines(changes: &[&Change]) -> Vec<Line> {
    let mut lines: Vec<(Option<String>, Line)> = Vec::new();
    for change in changes {
        let key = together(change);
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

/// What changes have in common that are told as one: the same was done to parts of the same whole.
fn together(change: &Change) -> Option<String> {
    let owner = change.owner().map_or("", |(owner, _)| owner);
    let key = format!("{:?} {:?} {owner}", change.what, change.how);
    match change.how {
        // The details of the former two differ, and `--json` has them all.
        How::Added | How::Removed | How::Renamed => Some(key),
        How::Changed if change.source != Source::Breaking => Some(format!("{key} {}", change.detail)),
        _ => None,
    }
}

fn line(change: &Change, together: bool) -> Line {
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
        How::Renamed => "looks renamed, ",
        How::Changed => "",
    };
    let owner = match change.owner() {
        Some((owner, _)) if together && change.how != How::Changed => format!(" of {owner}"),
        _ => String::new(),
    };
    let colon = if change.how == How::Changed { " " } else { ": " };
    let after = match (change.how, change.detail.as_str()) {
        (How::Changed, detail) => format!(": {detail}"),
        _ => String::new(),
    };
    let before = format!("{how}{what}{owner}{colon}");
    Line {
        source: change.source,
        running: change.running,
        before,
        items: vec![item(change, together)],
        after,
    }
}

/// What stands for a change in a line, which names its owner when it is for several.
fn item(change: &Change, together: bool) -> String {
    let whole = change.item.as_str();
    let part = change.owner().filter(|_| together && change.how != How::Changed);
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

/// What there is to say of a running program, if anything.
fn running(class: Running) -> Option<&'static str> {
    match class {
        Running::Malformed => Some("malformed"),
        Running::Refused => Some("refused"),
        Running::Unknown => Some("unknown"),
        Running::Decodes => None,
    }
}

/// A class as the JSON has it.
fn word(class: impl serde::Serialize) -> String {
    match serde_json::to_value(class) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
