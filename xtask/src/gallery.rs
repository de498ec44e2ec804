//! `cargo xtask gallery`: makes a page of each recording.

use std::process::Command;

use anyhow::Result;

use crate::{cargo, paths};

pub fn run() -> Result<()> {
    let mut command = Command::new(cargo::example("gallery")?);
    command.current_dir(paths::repo_root()).arg(paths::target_dir().join("gallery"));
    cargo::run(&mut command, "the gallery cannot be written")
}
