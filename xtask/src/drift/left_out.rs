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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_that_disagrees_is_refused() {
        let older = json!({"description": "", "versions": ["1.0.1", "1.0.2", "1.0.3"], "leftOut": {"Got.a": "1.0.2"}});
        let older = serde_json::from_value(older).expect("a list");
        let check = |version: &str, keys: &[&str]| {
            let found: BTreeSet<String> = keys.iter().map(|&key| key.to_owned()).collect();
            check(&older, version, &found).map_err(|error| error.to_string())
        };
        assert_eq!(check("1.0.2", &["Got.a"]), Ok(()));
        assert_eq!(check("1.0.3", &[]), Ok(()));
        // An older version may also omit the key, or may not have its type.
        assert_eq!((check("1.0.1", &["Got.a"]), check("1.0.1", &[])), (Ok(()), Ok(())));
        // The list does not cover this version.
        assert_eq!(check("1.0.0", &["Got.b"]), Ok(()));
        for (version, keys, problem) in [
            ("1.0.3", &["Got.a"] as &[&str], "Got.a"),
            ("1.0.1", &["Got.b"], "Got.b"),
            ("1.0.2", &[], "Got.a"),
        ] {
            let error = check(version, keys).expect_err(problem);
            assert!(error.contains(problem) && error.contains("cargo xtask versions"), "{error}");
        }
    }
}
