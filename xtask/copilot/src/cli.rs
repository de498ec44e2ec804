//! `cargo copilot cli`: the CLI on this machine.

use std::fs;

use anyhow::{Context, Result};
use clap::Subcommand;
use copilot_session_drift::cli;
use copilot_session_drift::ours;

use crate::project::Sdk;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install a version to your cache with npm, which verifies it, and print its path
    Install {
        /// The version, or `latest` [default: that which the project's copilot-session is made for]
        version: Option<String>,
    },
    /// Print the path of the CLI that the SDK starts, or of a version in your cache
    Path {
        /// The version
        version: Option<String>,
    },
    /// List the versions in your cache, and mark the CLI that the SDK starts
    List {
        /// List all published versions
        #[arg(long)]
        published: bool,
    },
}

pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Install { version } => {
            let version = match version.as_deref() {
                Some("latest") => cli::latest()?,
                Some(version) => version.to_owned(),
                None => match Sdk::find(None)? {
                    Some(sdk) => sdk.made_for,
                    None => ours::version()?,
                },
            };
            crate::print(&format!("{}\n", cli::install(&version)?.display()))
        }
        Command::Path { version: None } => crate::print(&format!("{}\n", cli::found()?.display())),
        Command::Path { version: Some(version) } => {
            let installed = cli::installed(version)?;
            let path = installed.with_context(|| {
                format!(
                    "Copilot CLI {version} is not in the cache; run `cargo copilot cli install {version}`"
                )
            })?;
            crate::print(&format!("{}\n", path.display()))
        }
        Command::List { published: true } => crate::print(&(cli::published()?.join("\n") + "\n")),
        Command::List { published: false } => list(),
    }
}

fn list() -> Result<()> {
    let (found, by) = (cli::found(), cli::found_by());
    let found = found.as_ref().map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.clone()));
    let mut is_listed = false;
    let mut lines = String::new();
    let installed = cli::all_installed()?;
    for (version, path) in &installed {
        let is_found =
            found.as_ref().is_ok_and(|found| fs::canonicalize(path).is_ok_and(|path| path == *found));
        is_listed |= is_found;
        let mark = if is_found { format!("  <- the SDK starts this one, by {by}") } else { String::new() };
        lines += &format!("{version}  {}{mark}\n", path.display());
    }
    crate::print(&lines)?;
    if installed.is_empty() {
        eprintln!("There is no version in the cache; `cargo copilot cli install` adds one.");
    }
    match found {
        Ok(_) if is_listed => {}
        Ok(found) => eprintln!("The SDK starts {}, by {by}; it is not in the cache.", found.display()),
        Err(error) => eprintln!("The SDK finds no CLI, as it does not look in the cache: {error:#}"),
    }
    Ok(())
}
