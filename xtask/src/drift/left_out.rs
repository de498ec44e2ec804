//! Checks `schema/older.json` against a comparison.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::older::Older;

/// Checks that `older.json` lists what an older version omits, if it is one of those in the file.
pub fn check(older: &Older, version: &str, found: &BTreeSet<String>) -> Result<()> {
    let place = |version: &str| older.versions.iter().position(|other| other == version);
    let Some(from) = place(version) else { return Ok(()) };
    // A key is listed with the last version that omits it; an older version need not have its type.
    let listed = |key: &&String| {
        older.left_out.get(*key).and_then(|last| place(last)).is_some_and(|last| last >= from)
    };
    let lacking = found.iter().filter(|key| !listed(key));
    let last = older.left_out.iter().filter(|(_, last)| *last == version).map(|(key, _)| key);
    let wrong: Vec<&str> =
        lacking.chain(last.filter(|key| !found.contains(*key))).map(String::as_str).collect();
    ensure!(
        wrong.is_empty(),
        "schema/older.json disagrees on what {version} omits: {}; run `cargo xtask versions`",
        wrong.join(", ")
    );
    Ok(())
}
