//! `cargo xtask bump`: updates the SDK to another version of the CLI, and lists the remaining decisions.

mod changelog;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use copilot_session_codegen::{Error, Protocol};
use semver::Version;

use crate::drift::{self, Change, Compared, How, Source as Breaks, What};
use crate::older::{self, Older};
use crate::schema::SchemaSet;
use crate::{codegen, names, paths, schema};

#[derive(clap::Args)]
pub struct Args {
    /// The version to update to, or `latest`
    #[arg(default_value = "latest", value_parser = version_or_latest)]
    version: String,
    /// Allow an older version, and drop the support of those after it
    #[arg(long)]
    older: bool,
    /// Allow generated items to change their names
    #[arg(long)]
    accept_names: bool,
    /// Also write the changes to this file, as the text of a pull request
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let ours = paths::schema_dir();
    let old = schema::read_checked(&ours)?;
    let before = older::read()?.versions;
    // A version that is refused need not be fetched first.
    if args.version != "latest" {
        check_way(&old.version, &args.version, &before, args.older)?;
    }
    let new = drift::find(&args.version)?;
    if old.version == new.version {
        println!("schema/ already has Copilot CLI {}", new.version);
        return Ok(());
    }
    if args.version == "latest" && is_older(&new.version, &old.version)? && !args.older {
        println!("schema/ has Copilot CLI {}; the newest published version is {}", old.version, new.version);
        return Ok(());
    }
    check_way(&old.version, &new.version, &before, args.older)?;
    let supplement = codegen::read_supplement()?;
    let compared = drift::compared(&new)?;
    println!("{}", compared.text);
    let older =
        accepted(&old.version, &new, &supplement, args.accept_names).context("nothing was written")?;
    // What was compared may come from a download that was not verified.
    let source = schema::installed(&new.version)?;
    ensure!(
        source.api == new.api.as_bytes() && source.events == new.events.as_bytes(),
        "the schemas in the cache are not those in the package of Copilot CLI {}; nothing was written",
        new.version
    );
    if let Some(path) = &args.summary {
        // Fails before anything else is written.
        fs::write(path, "")
            .with_context(|| format!("cannot write {}; nothing was written", path.display()))?;
    }
    schema::write(&ours, &source)?;
    older::write(&older)?;
    codegen::write(args.accept_names)?;
    changelog::add(&old.version, &new.version, &compared.text)?;

    let draft = draft(&old.version, &new.version, &compared);
    let supported = |version: &String| *version == new.version || older.versions.contains(version);
    let dropped: Vec<&str> =
        before.iter().filter(|version| !supported(version)).map(String::as_str).collect();
    let decisions = decisions(&old.version, &new.version, &dropped, &compared)?;
    print!("\n{draft}\n{decisions}");
    if let Some(path) = &args.summary {
        // The text of a pull request has a maximum length, and its end may be cut.
        let summary = format!("{decisions}\n{draft}\n{}", compared.markdown);
        fs::write(path, summary).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Accepts only published schemas, which are never edited.
fn version_or_latest(word: &str) -> Result<String> {
    ensure!(
        word == "latest" || Version::parse(word).is_ok(),
        "give a published version, such as 1.0.102, or `latest`; only `cargo xtask drift` accepts the schemas of a \
         folder or of an installed CLI, which may have been edited"
    );
    Ok(word.to_owned())
}

fn is_older(version: &str, than: &str) -> Result<bool> {
    Ok(Version::parse(version)? < Version::parse(than)?)
}

/// Checks that an older version is intended and is among the supported ones.
fn check_way(from: &str, to: &str, supported: &[String], meant: bool) -> Result<()> {
    let oldest = supported.first().map_or(from, String::as_str);
    if is_older(to, oldest)? {
        bail!(
            "{to} is older than {oldest}, the oldest version that the SDK supports; schema/older.json would be \
             empty, and the messages of such a version may have another form than the SDK reads"
        );
    }
    if is_older(to, from)? && !meant {
        bail!(
            "{to} is older than {from}, the version of schema/; --older allows it, and drops the support of \
             newer versions"
        );
    }
    Ok(())
}

/// Checks that the generator accepts the new schemas with everything that is written by hand about them, and returns
/// the keys that older versions omit.
fn accepted(before: &str, new: &SchemaSet, supplement: &str, accept_names: bool) -> Result<Older> {
    let mut problems: Vec<String> = Vec::new();
    let mut older = None;
    match Protocol::read(new.input(supplement)) {
        Ok(mut protocol) => {
            let found = older::read()?.after(before, &protocol, &new.version, supplement)?;
            protocol.allow_older(&found.text()?)?;
            older = Some(found);
            problems.extend(protocol.unused_lists().iter().map(Error::to_string));
            if !accept_names && let Err(error) = names::check_moved(&protocol.names()?) {
                problems.push(format!("{error}"));
            }
        }
        Err(first) => {
            let survey = Protocol::survey(new.input(supplement));
            let all = survey.as_ref().map(Protocol::problems).unwrap_or_default();
            let others = all.iter().filter(|problem| problem.to_string() != first.to_string());
            let change = format!("{before}..{}", new.version);
            problems.extend([&first].into_iter().chain(others).map(|problem| advised(problem, &change)));
        }
    }
    if let (Some(older), true) = (older, problems.is_empty()) {
        return Ok(older);
    }
    let list: String = problems.iter().fold(String::new(), |list, problem| list + "\n  * " + problem);
    Err(anyhow!("the generator does not support the schemas of {}:{list}", new.version))
}

/// A problem and its remedy.
fn advised(problem: &Error, change: &str) -> String {
    let advice = match problem {
        Error::Fix { problem: "finds nothing to fix", .. } => {
            format!(": end it with `until: Some(\"{change}\")`")
        }
        Error::Fix { .. } => ", which ends too early or begins too late".to_owned(),
        Error::Shape { path, .. } if path.starts_with("supplement") => {
            format!("; if the schemas now have it, end it in the supplement with `\"x-until\": \"{change}\"`")
        }
        // The messages of these name their remedy.
        Error::Name { .. } | Error::Key { .. } | Error::List { .. } => String::new(),
        _ => "; codegen must support this form".to_owned(),
    };
    format!("{problem}{advice}")
}

/// The draft of the release notes.
fn draft(from: &str, to: &str, compared: &Compared) -> String {
    let mut text = format!("## Protocol of Copilot CLI {to}\n\nThe schemas were those of {from}.\n");
    for (title, changes) in [
        ("Breaks source", listed(compared, |change| change.source == Breaks::Breaking)),
        ("Changes behaviour", listed(compared, |change| change.source == Breaks::Behaviour)),
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

/// The changes of one kind; those that differ only in their item share a line.
fn listed(compared: &Compared, wanted: impl Fn(&Change) -> bool) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for change in compared.changes.iter().filter(|change| wanted(change)) {
        let what = match change.what {
            What::Method => "method ",
            What::Event => "event ",
            _ => "",
        };
        let to = change.to.as_ref().map_or(String::new(), |to| format!(", probably to `{to}`"));
        // The parts of a removed type do not matter to users.
        let is_removed_type = change.what == What::Type && change.how == How::Removed;
        let detail = if change.detail.is_empty() || is_removed_type {
            String::new()
        } else {
            format!(": {}", change.detail)
        };
        let text = format!("{}{to}{detail}", format!("{:?}", change.how).to_lowercase());
        let item = format!("{what}`{}`", change.item);
        match lines.iter_mut().find(|(other, _)| *other == text) {
            Some((_, items)) => items.push(item),
            None => lines.push((text, vec![item])),
        }
    }
    lines.into_iter().fold(String::new(), |mut list, (text, items)| {
        let _ = writeln!(list, "* {} {text}", items.join(", "));
        list
    })
}

/// The list of the decisions for a person; `dropped` are the versions that are no longer supported.
fn decisions(from: &str, to: &str, dropped: &[&str], compared: &Compared) -> Result<String> {
    let mut text = "## To be decided\n\n".to_owned();
    for decision in decided(from, to, dropped, compared)? {
        let _ = writeln!(text, "* [ ] {decision}");
    }
    Ok(text)
}

fn decided(from: &str, to: &str, dropped: &[&str], compared: &Compared) -> Result<Vec<String>> {
    let added = |what: What, wanted: &dyn Fn(&Change) -> bool| -> Vec<String> {
        let new = compared.changes.iter().filter(|change| change.what == what && change.how == How::Added);
        new.filter(|change| wanted(change)).map(|change| format!("`{}`", change.item)).collect()
    };
    let supported = if is_older(to, from)? {
        let dropped: Vec<String> =
            dropped.iter().chain([&from]).map(|version| format!("`{version}`")).collect();
        format!("the SDK no longer supports {}; `{to}` is its newest version now", dropped.join(", "))
    } else {
        format!(
            "the SDK still supports `{from}` and the versions published since, which were added to \
             schema/older.json; a version may be removed from it if `cargo xtask versions` then writes the same keys"
        )
    };
    let mut decisions = vec![
        "`cargo check --workspace --all-targets` passes: hand-written code that uses generated items may no longer \
         compile"
            .to_owned(),
        supported,
        "`cargo xtask api` writes the lists of public items, and each line that goes from sdk/api.txt may go".to_owned(),
        format!(
            "`cargo xtask test`, `cargo xtask audit` and `cargo xtask compat --markdown sdk/docs/versions.md` pass"
        ),
        format!("README.md and sdk/docs/guide.md have {to} and the numbers of its methods and events"),
        format!("sdk/README.md and the table in sdk/docs/stability.md have {to}"),
    ];
    if compared.changes.iter().any(|change| change.source == Breaks::Breaking) {
        decisions.push("the next version of the crate is a breaking one".to_owned());
    }
    let requests = added(What::Event, &|change| change.item.ends_with(".requested"));
    if !requests.is_empty() {
        let requests = requests.join(", ");
        decisions.push(format!(
            "the handler of {requests}, and the reply without one, since the turn may wait for it"
        ));
    }
    let calls = added(What::Method, &|change| change.namespace.starts_with("client"));
    if !calls.is_empty() {
        decisions.push(format!("whether {} get `on_…` methods in addition to `handle`", calls.join(", ")));
    }
    let renamed = compared.changes.iter().filter(|change| change.how == How::Renamed).count();
    if renamed > 0 {
        decisions.push(format!(
            "whether the {renamed} inferred renames are right: the SDK has only the new names"
        ));
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_must_be_intended_and_supported() {
        let supported = ["1.0.65".to_owned(), "1.0.92".to_owned()];
        let way = |to: &str, meant| check_way("1.0.102", to, &supported, meant).is_ok();
        assert!(way("1.0.103", false));
        assert!(!way("1.0.92", false));
        assert!(way("1.0.92", true) && way("1.0.65", true));
        assert!(!way("1.0.50", true));
        assert!(check_way("1.0.65", "1.0.50", &[], true).is_err());
    }

    #[test]
    fn the_decisions_name_the_versions_that_are_no_longer_supported() -> Result<()> {
        let nothing = Compared { changes: Vec::new(), text: String::new(), markdown: String::new() };
        let back = decisions("1.0.102", "1.0.81", &["1.0.92"], &nothing)?;
        assert!(back.contains("no longer supports `1.0.92`, `1.0.102`; `1.0.81` is its newest"), "{back}");
        assert!(!back.contains("still supports"), "{back}");
        assert!(decisions("1.0.92", "1.0.102", &[], &nothing)?.contains("still supports `1.0.92`"));
        Ok(())
    }

    #[test]
    fn only_a_version_or_the_latest_is_accepted() {
        assert!(["latest", "1.0.102", "1.0.84-4"].into_iter().all(|word| version_or_latest(word).is_ok()));
        assert!(
            ["installed", "schema", "v1.0.102", "1.0"]
                .into_iter()
                .all(|word| version_or_latest(word).is_err())
        );
    }

    #[test]
    fn each_problem_has_its_advice() {
        let shape = |path: &str| Error::Shape { path: path.to_owned(), problem: "is new".to_owned() };
        let fix = |problem| Error::Fix { fix: "oddity", problem, version: "2".to_owned() };
        for (problem, end) in [
            (shape("api: A"), "codegen must support this form"),
            (shape("supplement: A"), "end it in the supplement with `\"x-until\": \"1..2\"`"),
            (fix("finds nothing to fix"), "end it with `until: Some(\"1..2\")`"),
            (fix("finds something to fix"), "which ends too early or begins too late"),
        ] {
            let text = advised(&problem, "1..2");
            assert!(text.ends_with(end), "{text}");
        }
    }
}
