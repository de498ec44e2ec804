//! `cargo xtask bench`: measures the build of a program with the SDK, what it does in that program, both beside one
//! with the official crate, and the decoding of events.

mod build;
mod cost;
mod speed;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Build a program that uses the SDK, and the same program with the official crate
    Build {
        /// Leave out the official crate
        #[arg(long)]
        alone: bool,
        /// Measure `cargo build --release`
        #[arg(long)]
        release: bool,
    },
    /// Count what a user's build compiles, and fail if it has grown
    Cost {
        /// Write the counts to xtask/build-cost.json, where they are the new limit
        #[arg(long)]
        accept: bool,
    },
    /// Measure what a program does with the SDK
    Speed(speed::Args),
    /// Count the instructions of what a program does with the SDK, and fail if they are more than before
    Instructions {
        /// Write the counts to xtask/instructions.json, where they are the new limit
        #[arg(long)]
        accept: bool,
    },
    /// Decode recorded events
    Decode,
}

pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Build { alone, release } => build::run(*alone, *release),
        What::Cost { accept } => cost::run(*accept),
        What::Speed(args) => speed::run(args),
        What::Instructions { accept } => speed::guard(*accept),
        What::Decode => decode(),
    }
}

fn decode() -> Result<()> {
    let mut command = cargo::command("bench");
    command.args(["--package", "copilot-session-tests", "--bench", "decode"]);
    cargo::run(&mut command, "the benchmark failed")
}
