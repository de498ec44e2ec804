//! `schema/older.json` in the repository.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use copilot_session_drift::older::NAME;
pub use copilot_session_drift::older::{NOT_READ, Older};

use crate::{files, paths};

pub fn read() -> Result<Older> {
    let path = path();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Older::parse(&text).with_context(|| format!("cannot read {}", path.display()))
}

pub fn write(older: &Older) -> Result<()> {
    let path = path();
    files::replace(&path, older.text()?.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn path() -> PathBuf {
    paths::schema_dir().join(NAME)
}
