//! `cargo xtask schema`: copies the CLI's protocol schemas, unchanged, to the schema folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use copilot_session_drift::schema::{self as checked, LICENSE};
pub use copilot_session_drift::schema::{
    NoSchemas, SchemaSet, cached, installed, of_version, pinned_version, write,
};
use copilot_session_drift::source::Source;
use semver::Version;

use crate::paths;

#[derive(clap::Args)]
pub struct Args {
    /// A version of the CLI, or a folder with its schemas
    #[arg(value_name = "VERSION|FOLDER")]
    source: String,
    /// The version of the schemas, for a folder without the CLI's package.json
    #[arg(long)]
    version: Option<String>,
    /// The folder to write to [default: the repository's schema folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let source = if Version::parse(&args.source).is_ok() {
        ensure!(args.version.is_none(), "--version is only for a folder");
        installed(&args.source)?
    } else {
        Source::from_folder(Path::new(&args.source), args.version.as_deref())?
    };
    source.check()?;
    let out = args.out.clone().unwrap_or_else(paths::schema_dir);
    write(&out, &source)?;
    let written = read_checked(&out)?;
    println!(
        "Copied the schemas of Copilot CLI {} to {} ({} and {} bytes)",
        written.version,
        out.display(),
        written.api.len(),
        written.events.len()
    );
    if !out.join(LICENSE).exists() {
        eprintln!("note: the source has no {LICENSE}");
    }
    Ok(())
}

/// Reads the schemas of the repository and verifies their checksums.
pub fn read_checked(dir: &Path) -> Result<SchemaSet> {
    checked::read_checked(dir).context("the schemas are not complete; run `cargo xtask schema <version>`")
}
