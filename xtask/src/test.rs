//! `cargo xtask test`: runs all tests, those on the real Copilot CLI included.

use std::path::PathBuf;

use anyhow::Result;

use crate::{cargo, cli};

#[derive(clap::Args)]
pub struct Args {
    /// The Copilot CLI to test with [default: the version in schema/VERSION.json, installed if necessary]
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
    /// Also run the tests of the pages, which need Chromium, from the PATH or from CHROMIUM_PATH
    #[arg(long)]
    browser: bool,
    /// The arguments of the test programs, such as a part of the names of the tests to run
    #[arg(last = true)]
    rest: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let chosen = cli::choose(args.cli.as_deref())?;
    println!("Testing with {}", chosen.display());
    let mut command = cargo::command("test");
    command.arg("--workspace").env(cli::PATH_VARIABLE, &chosen);
    if args.browser {
        command.args(["--features", "copilot-session-view/_browser,desk/_browser"]);
    }
    if !args.rest.is_empty() {
        command.arg("--").args(&args.rest);
    }
    cargo::run(&mut command, "tests failed")?;
    match args.rest.as_slice() {
        [] => println!("All tests passed."),
        rest => println!("The tests chosen by `{}` passed.", rest.join(" ")),
    }
    Ok(())
}
