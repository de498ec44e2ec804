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
            println!("{}", cli::install(&version)?.display());
        }
        Command::Path { version: None } => println!("{}", cli::found()?.display()),
        Command::Path { version: Some(version) } => {
            let installed = cli::installed(version)?;
            let path = installed.with_context(|| {
                format!(
                    "Copilot CLI {version} is not in the cache; run `cargo copilot cli install {version}`"
                )
            })?;
            println!("{}", path.display());
        }
        Command::List { published: true } => {
            cli::published()?.iter().for_each(|version| println!("{version}"));
        }
        Command::List { published: false } => {
            for (version, path) in cli::all_installed()? {
                println!("{version}  {}", path.display());
            }
        }
    }
    Ok(())
}
