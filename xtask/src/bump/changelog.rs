//! The line of `CHANGELOG.md` about another version of the CLI.

use std::fs;

use anyhow::{Context, Result};

use crate::paths;

const UNRELEASED: &str = "## Unreleased\n";

/// Adds a line about this version, with the first line of the comparison, to the section "Unreleased".
pub fn add(from: &str, to: &str, comparison: &str) -> Result<()> {
    let path = paths::repo_root().join("CHANGELOG.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    fs::write(&path, with(&text, &line(from, to, comparison)))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn line(from: &str, to: &str, comparison: &str) -> String {
    let summary = comparison.lines().next().and_then(|line| line.split_once(": "));
    let summary = summary.map_or("", |(_, summary)| summary);
    format!("* Speaks the protocol of Copilot CLI {to}. Changes since {from}: {summary}.\n")
}

/// The changelog with a line at the end of the section "Unreleased", which is made before the newest version if
/// there is none.
fn with(changelog: &str, line: &str) -> String {
    let newest = changelog.find("\n## ").map_or(changelog.len(), |at| at + 1);
    let (head, versions) = changelog.split_at(newest);
    let Some(rest) = versions.strip_prefix(UNRELEASED) else {
        return format!("{head}{UNRELEASED}\n{line}\n{versions}");
    };
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    let (lines, older) = rest.split_at(end);
    let lines = lines.trim();
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\n") };
    let gap = if older.is_empty() { "" } else { "\n" };
    format!("{head}{UNRELEASED}\n{lines}{line}{gap}{older}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_last_of_what_is_unreleased() {
        let line = line("1.0.1", "1.0.2", "Copilot CLI 1.0.1 → 1.0.2: 3 breaking, 1 additive\n! x\n");
        assert_eq!(
            line,
            "* Speaks the protocol of Copilot CLI 1.0.2. Changes since 1.0.1: 3 breaking, 1 additive.\n"
        );
        let released = "# Changelog\n\nWords.\n\n## 0.1.0\n\nThe first.\n";
        let once = with(released, "* a\n");
        assert_eq!(once, released.replace("## 0.1.0", "## Unreleased\n\n* a\n\n## 0.1.0"));
        assert_eq!(with(&once, "* b\n"), once.replace("* a\n", "* a\n* b\n"));
        let empty = once.replace("\n* a\n", "");
        assert_eq!(with(&empty, "* a\n"), once);
        assert_eq!(with("# Changelog\n\n## Unreleased\n", "* a\n"), "# Changelog\n\n## Unreleased\n\n* a\n");
    }
}
