//! `cargo xtask cli`: installs a version of the Copilot CLI to the user's cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
pub use copilot_session_drift::cli::{
    Installed, PATH_VARIABLE, found, given, install, install_any, own_version,
};

use crate::{paths, schema};

#[derive(clap::Args)]
pub struct Args {
    /// The version to install [default: the one in schema/VERSION.json]
    #[arg(long)]
    version: Option<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let version = match &args.version {
        Some(version) => version.clone(),
        None => schema::pinned_version(&paths::schema_dir())
            .context("no default version; give one with --version")?,
    };
    println!("{}", install(&version)?.display());
    Ok(())
}

/// The binary at a given path, or that of the schemas' version, which is installed if necessary.
pub fn choose(path: Option<&Path>) -> Result<PathBuf> {
    match path {
        Some(path) => given(path),
        None => install(&schema::pinned_version(&paths::schema_dir())?),
    }
}
