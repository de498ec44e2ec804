//! `schema/names.lock`: the Rust path of each generated item, by its place in the schemas. Changing the name of an
//! existing item breaks the code of users.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};
use copilot_session_codegen::Names;

use crate::{files, paths};

const NAME: &str = "names.lock";
const ABOUT: &str = "# The Rust path of each generated item, by its kind and its place in the schemas.
# Written by `cargo xtask codegen`, which refuses to change the path of an existing item.
";
/// The number of changed names that are shown.
const SHOWN: usize = 20;

/// A key with its former and its new path.
type Moved<'n> = (&'n String, &'n String, &'n String);

/// Checks that no name in the file has changed.
pub fn check_moved(names: &Names) -> Result<()> {
    let before = parse(&read()?)?;
    let moved = moved(&before, names);
    if moved.is_empty() {
        return Ok(());
    }
    bail!(
        "{} names would change; if this is intended, run `cargo xtask codegen --accept-names`\n{}",
        moved.len(),
        describe(&moved)
    )
}

/// Checks that the file is up to date.
pub fn check(names: &Names) -> Result<()> {
    if read()? != text(names) {
        bail!("schema/{NAME} is not up to date; run `cargo xtask codegen`");
    }
    Ok(())
}

/// Writes the file, and prints the numbers of all, of new and of removed names.
pub fn write(names: &Names) -> Result<()> {
    let before = parse(&read()?)?;
    let new = names.keys().filter(|key| !before.contains_key(*key)).count();
    let removed = before.keys().filter(|key| !names.contains_key(*key)).count();
    println!("schema/{NAME}: {} names, {new} new, {removed} removed", names.len());
    if read()? != text(names) {
        let path = paths::schema_dir().join(NAME);
        files::replace(&path, text(names).as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The keys of both whose path has changed.
pub fn moved<'n>(before: &'n Names, now: &'n Names) -> Vec<Moved<'n>> {
    let both = before.iter().filter_map(|(key, path)| Some((key, path, now.get(key)?)));
    both.filter(|(_, before, now)| before != now).collect()
}

/// A line for each changed name, up to a limit.
pub fn describe(moved: &[Moved<'_>]) -> String {
    let mut lines: Vec<String> = moved
        .iter()
        .take(SHOWN)
        .map(|(key, before, now)| format!("  {key}: was {before}, would be {now}"))
        .collect();
    if moved.len() > SHOWN {
        lines.push(format!("  and {} more", moved.len() - SHOWN));
    }
    lines.join("\n")
}

/// The text of the file; empty if there is no file yet.
fn read() -> Result<String> {
    let path = paths::schema_dir().join(NAME);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("cannot read {}", path.display())),
    }
}

fn text(names: &Names) -> String {
    names.iter().fold(ABOUT.to_owned(), |mut text, (key, path)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {path}");
        text
    })
}

fn parse(text: &str) -> Result<Names> {
    let mut names = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        // A key may hold an equals sign, a path may not.
        let (key, path) = line.rsplit_once(" = ").with_context(|| format!("{NAME}: no name in `{line}`"))?;
        names.insert(key.to_owned(), path.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[(&str, &str)]) -> Names {
        of.iter().map(|(key, path)| ((*key).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn names_are_read_back() -> Result<()> {
        let all =
            names(&[("definition A", "types::A"), ("string A: x = y", "types::A::XY"), ("string A: ", "b")]);
        assert_eq!(parse(&text(&all))?, all);
        assert!(parse("definition A\n").is_err());
        assert!(parse("")?.is_empty());
        Ok(())
    }

    #[test]
    fn only_changed_names_are_described() {
        let before = names(&[
            ("definition A", "types::A"),
            ("definition B", "types::B"),
            ("definition C", "types::C"),
        ]);
        let now = names(&[
            ("definition A", "types::A"),
            ("definition B", "types::Bee"),
            ("definition D", "types::D"),
        ]);
        let moved = moved(&before, &now);
        assert_eq!(describe(&moved), "  definition B: was types::B, would be types::Bee");
        let many = vec![moved[0]; SHOWN + 2];
        assert!(describe(&many).ends_with("\n  and 2 more"));
    }

    #[test]
    fn the_committed_names_can_be_read() -> Result<()> {
        let names = parse(&read()?)?;
        assert_eq!(names["event session.idle"], "SessionEventData::SessionIdle");
        assert_eq!(names["definition LogRequest"], "types::LogRequest");
        Ok(())
    }
}
