//! `cargo xtask bench`: measures what the SDK costs to build and how fast it decodes.

mod build;
mod table;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;

#[derive(clap::Args)]
pub struct Args {
    /// What to measure [default: both]
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Build an empty project that depends on the SDK, and one that depends on the official crate
    Build(build::Args),
    /// Decode recorded events
    Decode,
}

pub fn run(args: Args) -> Result<()> {
    match args.what {
        Some(What::Build(args)) => build::run(&args),
        Some(What::Decode) => decode(),
        None => {
            build::run(&build::Args::default())?;
            decode()
        }
    }
}

fn decode() -> Result<()> {
    let mut command = cargo::command("bench");
    command.args(["--package", "copilot-session-tests", "--bench", "decode"]);
    cargo::run(&mut command, "the benchmark failed")
}
