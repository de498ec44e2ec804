//! The table of versions and steps, as a page of the docs.

use std::fmt::Write;

use super::Column;
use super::scenario::{Outcome, Step};

const HEAD: &str = "\
# Versions of the CLI

The features that each version of the Copilot CLI supports with this crate. This page was written by
`cargo xtask compat --markdown sdk/docs/versions.md`, which ran these steps on each version with a scripted model. At
run time, `Client::version` returns the version, and `CliVersion::has` returns true if that version has a `Feature`,
whose docs name the first version with it. Only the response to a call shows that a version lacks the method.

The types decode everything that the schemas of CLI 1.0.65 and later describe: a key that one of these versions omits is
an `Option`. Before 1.0.65 times were numbers, so some typed calls and events of these versions cannot be decoded.

What a newer CLI sends and the types do not know is never replaced by something else:

* An event, a value of an enum or a variant of a union that is new is `Unrecognized`, with its JSON.
* A new key is in `rest` if its object has this field, since the schema leaves such an object open. The types of other
  objects do not have it. For an event it is in `SessionEvent::raw_data`; for a result, `call_raw` returns it.
* A value of another JSON type, or a whole number that does not fit an `i64`, is an error that names its place. An event
  is then `Malformed` and a notification `MalformedNotification`, both with their JSON. A call fails with
  `Error::Decode`, and a request of the CLI gets an error as its response; both messages are in the log. A field that
  may have a fraction is an `f64`, as in the CLI itself: exact for whole numbers up to 2^53.
";

/// The page for runs on a platform.
pub fn page(columns: &[Column], platform: &str) -> String {
    let mut out = format!("{HEAD}\n");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "| on {platform} |{}", cells(columns, |column| column.version.clone()));
    let _ = writeln!(out, "|---|{}", "---|".repeat(columns.len()));
    for name in names(columns) {
        let row = cells(columns, |column| match step(column, name) {
            Some(step) => step.outcome.word().to_owned(),
            None => "-".to_owned(),
        });
        let _ = writeln!(out, "| {name} |{row}");
    }
    let no = "An unsupported call fails with `Error::Unsupported`, which has the version:";
    section(&mut out, no, &reasons(columns, Outcome::Cannot));
    section(&mut out, "Partly supported:", &reasons(columns, Outcome::Partly));
    section(&mut out, "Failed:", &reasons(columns, Outcome::Failed));
    out
}

fn cells(columns: &[Column], cell: impl Fn(&Column) -> String) -> String {
    columns.iter().map(|column| format!(" {} |", cell(column))).collect()
}

/// The names of all steps, in their order.
fn names(columns: &[Column]) -> Vec<&str> {
    let mut names = Vec::new();
    for step in columns.iter().filter_map(|column| column.steps.as_ref().ok()).flatten() {
        if !names.contains(&&*step.name) {
            names.push(&*step.name);
        }
    }
    names
}

fn step<'a>(column: &'a Column, name: &str) -> Option<&'a Step> {
    column.steps.as_ref().ok()?.iter().find(|step| step.name == name)
}

/// The reason for the outcome of a step, with all versions that have it. Reasons that differ only in the version are
/// one.
struct Reason {
    place: String,
    text: String,
    versions: Vec<String>,
}

fn reasons(columns: &[Column], outcome: Outcome) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for column in columns {
        let mut add = |place: &str, text: &str| {
            let text = text.replace(&column.version, "…");
            let version = column.version.clone();
            match reasons.iter_mut().find(|reason| reason.place == place && reason.text == text) {
                Some(reason) => reason.versions.push(version),
                None => reasons.push(Reason { place: place.to_owned(), text, versions: vec![version] }),
            }
        };
        match &column.steps {
            Ok(steps) => {
                for step in steps.iter().filter(|step| step.outcome == outcome) {
                    add(&step.name, &step.reason);
                }
            }
            Err(error) if outcome == Outcome::Failed => add("all", error),
            Err(_) => {}
        }
    }
    reasons
}

fn section(out: &mut String, title: &str, reasons: &[Reason]) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}\n");
    for Reason { place, text, versions } in reasons {
        item(out, &format!("{place}, on {}: {text}", versions.join(", ")));
    }
}

/// The most letters of a line.
const COLUMNS: usize = 120;

/// An item of a list.
fn item(out: &mut String, text: &str) {
    out.push('*');
    let mut used = 1;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if used > 1 && used + 1 + letters > COLUMNS {
            out.push_str("\n ");
            used = 1;
        }
        out.push(' ');
        out.push_str(word);
        used += 1 + letters;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::paths;

    fn step(name: &str, outcome: Outcome, reason: &str) -> Step {
        Step { name: name.to_owned(), outcome, reason: reason.to_owned(), seconds: 1.0 }
    }

    fn column(version: &str, steps: Result<Vec<Step>, String>) -> Column {
        Column { version: version.to_owned(), steps }
    }

    #[test]
    fn the_page_has_each_version_and_its_reasons() {
        let old = |version: &str| {
            let no = format!("the Copilot CLI {version} cannot sing");
            column(version, Ok(vec![step("talk", Outcome::Ok, ""), step("sing", Outcome::Cannot, &no)]))
        };
        let broken = column("1.0.3", Ok(vec![step("talk", Outcome::Failed, "it\nstutters")]));
        let absent = column("1.0.4", Err("not published".to_owned()));
        let page = page(&[old("1.0.1"), old("1.0.2"), broken, absent], "linux-x64");
        let expected = "
| on linux-x64 | 1.0.1 | 1.0.2 | 1.0.3 | 1.0.4 |
|---|---|---|---|---|
| talk | yes | yes | FAILED | - |
| sing | no | no | - | - |

An unsupported call fails with `Error::Unsupported`, which has the version:

* sing, on 1.0.1, 1.0.2: the Copilot CLI … cannot sing

Failed:

* talk, on 1.0.3: it stutters
* all, on 1.0.4: not published
";
        assert_eq!(page.strip_prefix(HEAD), Some(expected));
    }

    #[test]
    fn an_item_is_wrapped() {
        let mut out = String::new();
        item(&mut out, &format!("{} … b", "a ".repeat(58)));
        item(&mut out, &"c".repeat(130));
        assert_eq!(out, format!("* {}…\n  b\n* {}\n", "a ".repeat(58), "c".repeat(130)));
    }

    #[test]
    fn the_committed_page_has_the_current_versions() -> anyhow::Result<()> {
        let page = fs::read_to_string(paths::repo_root().join("sdk/docs/versions.md"))?;
        let table = page.strip_prefix(HEAD).expect("the page begins with `HEAD`");
        for text in
            table.split("\n* ").skip(1).map(|rest| rest.split("\n\n").next().unwrap_or(rest).trim_end())
        {
            let mut written = String::new();
            item(&mut written, text);
            assert_eq!(written, format!("* {text}\n"));
        }
        let header = table.lines().find(|line| line.starts_with('|')).expect("the page has a table");
        let versions: Vec<&str> =
            header.split('|').skip(2).map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            versions,
            crate::compat::default_versions()?,
            "run `cargo xtask compat --markdown sdk/docs/versions.md`"
        );
        Ok(())
    }
}
