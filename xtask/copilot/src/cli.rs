//! `cargo copilot cli`: the CLI on this machine.

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
    /// List the versions in your cache
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
        Command::List { published: false } => {
            let mut lines = String::new();
            for (version, path) in cli::all_installed()? {
                lines += &format!("{version}  {}\n", path.display());
            }
            crate::print(&lines)
        }
    }
}
