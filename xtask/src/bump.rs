//! `cargo xtask bump`: makes the SDK of the schemas of another version of the CLI, and says what is left to decide.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use copilot_session_codegen::survey::survey;
use copilot_session_codegen::{Error, Protocol};
use semver::Version;

use crate::drift::{self, Change, Compared, How, Source as Breaks, What};
use crate::older::Older;
use crate::schema::SchemaSet;
use crate::source::Source;
use crate::{codegen, names, paths, schema};

#[derive(clap::Args)]
pub struct Args {
    /// The version to go to, or `latest`
    #[arg(default_value = "latest", value_parser = version_or_latest)]
    version: String,
    /// Go to an older version; those from it on leave the supported ones
    #[arg(long)]
    older: bool,
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
    let before = Older::read()?.versions;
    // What is refused need not be fetched first.
    if args.version != "latest" {
        check_way(&old.version, &args.version, &before, args.older)?;
    }
    let new = drift::find(&args.version)?;
    if old.version == new.version {
        println!("schema/ is of Copilot CLI {} already", new.version);
        return Ok(());
    }
    if args.version == "latest" && is_older(&new.version, &old.version)? && !args.older {
        println!("schema/ is of Copilot CLI {}; the newest published is {}", old.version, new.version);
        return Ok(());
    }
    check_way(&old.version, &new.version, &before, args.older)?;
    let supplement = codegen::read_supplement()?;
    let compared = drift::compared(&old, &new, &supplement)?;
    println!("{}", compared.text);
    let older =
        accepted(&old.version, &new, &supplement, args.accept_names).context("nothing was written")?;
    if let Some(path) = &args.summary {
        // What cannot be written is known before anything else is.
        fs::write(path, "")
            .with_context(|| format!("cannot write {}; nothing was written", path.display()))?;
    }
    schema::write(&ours, &Source::from_folder(&schema::folder_of(&new.version)?, Some(&new.version))?)?;
    older.write()?;
    codegen::write(args.accept_names)?;

    let draft = draft(&old.version, &new.version, &compared);
    let supported = |version: &String| *version == new.version || older.versions.contains(version);
    let gone: Vec<&str> = before.iter().filter(|version| !supported(version)).map(String::as_str).collect();
    let decisions = decisions(&old.version, &new.version, &gone, &compared)?;
    print!("\n{draft}\n{decisions}");
    if let Some(path) = &args.summary {
        // A pull request takes only so much text, and the end of it is the first to go.
        let summary = format!("{decisions}\n{draft}\n{}", compared.markdown);
        fs::write(path, summary).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Takes what has a name for good, and no set that may have been edited.
fn version_or_latest(word: &str) -> Result<String> {
    ensure!(
        word == "latest" || Version::parse(word).is_ok(),
        "give a published version, such as 1.0.102, or `latest`: schemas of a folder or of an installed CLI may have \
         been edited, and are for `cargo xtask drift`"
    );
    Ok(word.to_owned())
}

fn is_older(version: &str, than: &str) -> Result<bool> {
    Ok(Version::parse(version)? < Version::parse(than)?)
}

/// Refuses the way to an older version, unless it is meant and there is a way back.
fn check_way(from: &str, to: &str, supported: &[String], meant: bool) -> Result<()> {
    let oldest = supported.first().map_or(from, String::as_str);
    if is_older(to, oldest)? {
        bail!(
            "{to} is older than {oldest}, the oldest version that the SDK supports: none would be left in \
             schema/older.json, and what such a version sends may be of another kind than what the SDK reads"
        );
    }
    if is_older(to, from)? && !meant {
        bail!(
            "{to} is older than {from}, of which schema/ is; --older goes there, and the SDK then supports less"
        );
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
            let all = survey(new.input(supplement)).map(|survey| survey.problems).unwrap_or_default();
            let others = all.iter().filter(|problem| problem.to_string() != first.to_string());
            let change = format!("{before}..{}", new.version);
            problems.extend([&first].into_iter().chain(others).map(|problem| advised(problem, &change)));
        }
    }
    if let (Some(older), true) = (older, problems.is_empty()) {
        return Ok(older);
    }
    let list: String = problems.iter().fold(String::new(), |list, problem| list + "\n  * " + problem);
    Err(anyhow!("the schemas of {} are not what the generator knows:{list}", new.version))
}

/// A problem and what to do about it.
fn advised(problem: &Error, change: &str) -> String {
    let advice = match problem {
        Error::Fix { problem: "finds nothing to fix", .. } => {
            format!(": end it, `until: Some(\"{change}\")`")
        }
        Error::Fix { .. } => ", which ends too early or begins too late".to_owned(),
        Error::Shape { path, .. } if path.starts_with("supplement") => {
            format!("; if the schemas now have it, end it in the supplement, `\"x-until\": \"{change}\"`")
        }
        // Where to settle these they say themselves.
        Error::Name { .. } | Error::Key { .. } => String::new(),
        _ => "; codegen has to learn the form".to_owned(),
    };
    format!("{problem}{advice}")
}

/// The draft of what is told to users.
fn draft(from: &str, to: &str, compared: &Compared) -> String {
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
    text
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
        // What a type that is gone was made of tells users nothing.
        let is_gone = change.what == What::Type && change.how == How::Removed;
        let detail =
            if change.detail.is_empty() || is_gone { String::new() } else { format!(": {}", change.detail) };
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

/// The list of what a person has to decide; `gone` are the versions that were supported before.
fn decisions(from: &str, to: &str, gone: &[&str], compared: &Compared) -> Result<String> {
    let mut text = "## To be decided by a person\n\n".to_owned();
    for decision in decided(from, to, gone, compared)? {
        let _ = writeln!(text, "* [ ] {decision}");
    }
    Ok(text)
}

fn decided(from: &str, to: &str, gone: &[&str], compared: &Compared) -> Result<Vec<String>> {
    let added = |what: What, wanted: &dyn Fn(&Change) -> bool| -> Vec<String> {
        let new = compared.changes.iter().filter(|change| change.what == what && change.how == How::Added);
        new.filter(|change| wanted(change)).map(|change| format!("`{}`", change.item)).collect()
    };
    let supported = if is_older(to, from)? {
        let gone: Vec<String> = gone.iter().chain([&from]).map(|version| format!("`{version}`")).collect();
        format!("the SDK no longer supports {}; `{to}` is its newest version now", gone.join(", "))
    } else {
        format!(
            "the SDK goes on to support `{from}` and what was published since, which have joined the versions in \
             schema/older.json; one without which `cargo xtask versions` writes the same keys may go from there"
        )
    };
    let mut decisions = vec![
        "`cargo check --workspace --all-targets` passes: hand-written code names what is generated, and may not \
         compile"
            .to_owned(),
        supported,
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
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_must_be_meant_and_be_supported() {
        let supported = ["1.0.65".to_owned(), "1.0.92".to_owned()];
        let way = |to: &str, meant| check_way("1.0.102", to, &supported, meant).is_ok();
        assert!(way("1.0.103", false));
        assert!(!way("1.0.92", false));
        assert!(way("1.0.92", true) && way("1.0.65", true));
        assert!(!way("1.0.50", true));
        assert!(check_way("1.0.65", "1.0.50", &[], true).is_err());
    }

    #[test]
    fn the_way_back_says_what_is_no_longer_supported() -> Result<()> {
        let nothing = Compared { changes: Vec::new(), text: String::new(), markdown: String::new() };
        let back = decisions("1.0.102", "1.0.81", &["1.0.92"], &nothing)?;
        assert!(back.contains("no longer supports `1.0.92`, `1.0.102`; `1.0.81` is its newest"), "{back}");
        assert!(!back.contains("goes on"), "{back}");
        assert!(decisions("1.0.92", "1.0.102", &[], &nothing)?.contains("goes on to support `1.0.92`"));
        Ok(())
    }

    #[test]
    fn only_a_version_or_the_latest_is_taken() {
        assert!(["latest", "1.0.102", "1.0.84-4"].into_iter().all(|word| version_or_latest(word).is_ok()));
        assert!(
            ["installed", "schema", "v1.0.102", "1.0"]
                .into_iter()
                .all(|word| version_or_latest(word).is_err())
        );
    }

    #[test]
    fn advice_is_that_of_the_problem() {
        let shape = |path: &str| Error::Shape { path: path.to_owned(), problem: "is new".to_owned() };
        let fix = |problem| Error::Fix { fix: "oddity", problem, version: "2".to_owned() };
        for (problem, end) in [
            (shape("api: A"), "codegen has to learn the form"),
            (shape("supplement: A"), "end it in the supplement, `\"x-until\": \"1..2\"`"),
            (fix("finds nothing to fix"), "end it, `until: Some(\"1..2\")`"),
            (fix("finds something to fix"), "which ends too early or begins too late"),
        ] {
            let told = advised(&problem, "1..2");
            assert!(told.ends_with(end), "{told}");
        }
    }
}
