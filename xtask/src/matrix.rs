//! `cargo xtask matrix`: loads the SDK in many ways and checks that nothing is lost.

use std::path::PathBuf;

use anyhow::Result;

use crate::{cargo, cli};

#[derive(clap::Args)]
pub struct Args {
    /// Run the smallest load of each kind only, in an unoptimized build
    #[arg(long)]
    quick: bool,
    /// The Copilot CLI to use [default: the version in schema/VERSION.json, installed if necessary]
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let cli = cli::choose(args.cli.as_deref())?;
    let profiles: &[&str] = if args.quick { &["dev"] } else { &["dev", "bench"] };
    for profile in profiles {
        println!("The profile `{profile}`:");
        let mut command = cargo::command("bench");
        // With the features of the whole workspace, so that what `cargo xtask test` has built is used again.
        command.args(["--quiet", "--workspace", "--bench", "load", "--profile", profile]);
        command.args(args.quick.then_some(["--", "--quick"]).into_iter().flatten());
        cargo::run(command.env(cli::PATH_VARIABLE, &cli), "loads failed")?;
    }
    Ok(())
}
