//! `cargo xtask bump`: makes the SDK of the schemas of another version of the CLI, and says what is left to decide.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use copilot_session_codegen::Protocol;
use copilot_session_codegen::survey::survey;

use crate::drift::{self, Change, Compared, How, Source as Breaks, What};
use crate::older::Older;
use crate::schema::SchemaSet;
use crate::source::Source;
use crate::{codegen, names, paths, schema};

#[derive(clap::Args)]
pub struct Args {
    /// The version to go to, or `latest`
    #[arg(default_value = "latest")]
    version: String,
    /// Let what had a name get another
    #[arg(long)]
    accept_names: bool,
    /// Write what is printed of the changes to this file, too, as the text of a pull request
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let ours = paths::schema_dir();
    let old = schema::read_checked(&ours)?;
    let new = drift::find(&args.version)?;
    if old.version == new.version {
        println!("schema/ is of Copilot CLI {} already", new.version);
        return Ok(());
    }
    let supplement = codegen::read_supplement()?;
    let compared = drift::compared(&old, &new, &supplement)?;
    let older = match accepted(&old.version, &new, &supplement, args.accept_names) {
        Ok(older) => older,
        Err(error) => {
            print!("{}", compared.text);
            return Err(error.context("nothing was written"));
        }
    };
    schema::write(&ours, &Source::from_folder(&schema::folder_of(&new.version)?, Some(&new.version))?)?;
    older.write()?;
    codegen::write(args.accept_names)?;

    let summary = summary(&old.version, &new.version, &compared);
    print!("\n{summary}");
    if let Some(path) = &args.summary {
        fs::write(path, &summary).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Makes sure that the generator takes the new schemas with all that is written by hand about them, and returns what
/// older versions leave out of what they say.
fn accepted(before: &str, new: &SchemaSet, supplement: &str, accept_names: bool) -> Result<Older> {
    let mut problems: Vec<String> = Vec::new();
    let mut older = None;
    match Protocol::read(new.input(supplement)) {
        Ok(mut protocol) => {
            let found = Older::read()?.after(before, &protocol, &new.version, supplement)?;
            protocol.allow_older(&found.text()?)?;
            older = Some(found);
            if !accept_names && let Err(error) = names::check_moved(&protocol.names()?) {
                problems.push(format!("{error}"));
            }
        }
        Err(first) => {
            problems.push(first.to_string());
            let all = survey(new.input(supplement)).map(|survey| survey.problems).unwrap_or_default();
            problems
                .extend(all.iter().map(ToString::to_string).filter(|problem| *problem != first.to_string()));
        }
    }
    if let (Some(older), true) = (older, problems.is_empty()) {
        return Ok(older);
    }
    let list: String = problems.iter().fold(String::new(), |list, problem| list + "\n  * " + problem);
    Err(anyhow!(
        "the schemas of {} are not what the generator knows:{list}\n\
         A fix that finds nothing has to end with the version before (codegen/src/fix.rs), as has an entry of \
         schema/supplement.schema.json that the schemas now have (`x-until`); a new form of schema is for codegen \
         to learn.",
        new.version
    ))
}

/// The draft of what is told to users, and the list of what a person has to decide.
fn summary(from: &str, to: &str, compared: &Compared) -> String {
    let mut text = format!("## Protocol of Copilot CLI {to}\n\nThe schemas were those of {from}.\n");
    for (title, changes) in [
        ("Breaks source", listed(compared, |change| change.source == Breaks::Breaking)),
        ("Behaves otherwise", listed(compared, |change| change.source == Breaks::Behaviour)),
        (
            "New",
            listed(compared, |change| {
                change.how == How::Added && matches!(change.what, What::Method | What::Event)
            }),
        ),
    ] {
        if !changes.is_empty() {
            let _ = write!(text, "\n### {title}\n\n{changes}");
        }
    }
    let _ = write!(text, "\n### To be decided by a person\n\n");
    for decision in decisions(from, to, compared) {
        let _ = writeln!(text, "* [ ] {decision}");
    }
    text + "\n" + &compared.markdown
}

/// The changes of one kind; those that differ only in what they are about share a line.
fn listed(compared: &Compared, wanted: impl Fn(&Change) -> bool) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for change in compared.changes.iter().filter(|change| wanted(change)) {
        let what = match change.what {
            What::Method => "method ",
            What::Event => "event ",
            _ => "",
        };
        let to = change.to.as_ref().map_or(String::new(), |to| format!(", it seems to `{to}`"));
        let detail = if change.detail.is_empty() { String::new() } else { format!(": {}", change.detail) };
        let told = format!("{}{to}{detail}", format!("{:?}", change.how).to_lowercase());
        let item = format!("{what}`{}`", change.item);
        match lines.iter_mut().find(|(other, _)| *other == told) {
            Some((_, items)) => items.push(item),
            None => lines.push((told, vec![item])),
        }
    }
    lines.into_iter().fold(String::new(), |mut text, (told, items)| {
        let _ = writeln!(text, "* {} {told}", items.join(", "));
        text
    })
}

fn decisions(from: &str, to: &str, compared: &Compared) -> Vec<String> {
    let added = |what: What, wanted: &dyn Fn(&Change) -> bool| -> Vec<String> {
        let new = compared.changes.iter().filter(|change| change.what == what && change.how == How::Added);
        new.filter(|change| wanted(change)).map(|change| format!("`{}`", change.item)).collect()
    };
    let mut decisions = vec![
        format!(
            "the SDK goes on to support `{from}`, which has joined the versions in schema/older.json; what stands \
             between others may go from there, and then `cargo xtask versions` writes the file"
        ),
        "`cargo xtask api` writes sdk/api.txt, and what it shows as gone may go".to_owned(),
        format!(
            "`cargo xtask test`, `cargo xtask audit` and `cargo xtask compat --markdown sdk/docs/versions.md` pass"
        ),
        format!("README.md and sdk/docs/guide.md name {to}, and count its methods and events"),
    ];
    if compared.changes.iter().any(|change| change.source == Breaks::Breaking) {
        decisions.push("the next version of the crate is one that may break its users".to_owned());
    }
    let asks = added(What::Event, &|change| change.item.ends_with(".requested"));
    if !asks.is_empty() {
        let asks = asks.join(", ");
        decisions
            .push(format!("who answers {asks}, and with what when nobody does: the turn may wait for it"));
    }
    let calls = added(What::Method, &|change| change.namespace.starts_with("client"));
    if !calls.is_empty() {
        decisions.push(format!("whether {} get an `on_…` of their own beside `handle`", calls.join(", ")));
    }
    let renamed = compared.changes.iter().filter(|change| change.how == How::Renamed).count();
    if renamed > 0 {
        decisions
            .push(format!("whether what looks renamed is ({renamed}): the SDK speaks the new names only"));
    }
    decisions
}
