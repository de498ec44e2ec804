//! `cargo xtask <command>`: the repository's chores.

mod api;
mod audit;
mod bench;
mod bump;
mod cargo;
mod cli;
mod codegen;
mod compat;
mod demo;
mod diff;
mod drift;
mod gallery;
mod matrix;
#[cfg(test)]
mod mutations;
mod names;
mod older;
mod paths;
mod schema;
mod standalone;
mod table;
mod test;
mod tree;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use copilot_session_drift::{files, platform, process};

/// The repository's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all tests, those on the real Copilot CLI included
    Test(test::Args),
    /// Show an agent turn or an example with a scripted model, a model of your own or your login
    Demo(demo::Args),
    /// Make a page of each recording, target/gallery/index.html, or the pictures of the docs
    Gallery(gallery::Args),
    /// Write sdk/src/generated from the schemas, or check that it is up to date
    Codegen(codegen::Args),
    /// Generate and compile the code of older versions of the Copilot CLI
    Versions(versions::Args),
    /// Write the lists of the packages' public items, api.txt, or check that they are up to date
    Api(api::Args),
    /// Copy the protocol schemas of a version of the Copilot CLI to the schema folder
    Schema(schema::Args),
    /// Compare the schemas of two versions of the Copilot CLI, and show which changes are breaking
    Drift(drift::Args),
    /// Update the SDK to another version of the Copilot CLI, and list the remaining decisions
    Bump(bump::Args),
    /// Install a version of the Copilot CLI to the user's cache and print the path of its binary
    Cli(cli::Args),
    /// Load the SDK in many ways and check that nothing is lost
    Matrix(matrix::Args),
    /// Run the features of a session on many versions of the CLI, and show which versions have them
    Compat(compat::Args),
    /// Validate the messages of the CLI against the schemas
    Audit(audit::Args),
    /// Measure the SDK: its build, its speed and its decoding
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let command = match Xtask::try_parse() {
        Ok(xtask) => xtask.command,
        Err(error) => return usage(&error),
    };
    let result = match command {
        Command::Test(args) => test::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Gallery(args) => gallery::run(&args),
        Command::Codegen(args) => codegen::run(&args),
        Command::Versions(args) => versions::run(&args),
        Command::Api(args) => api::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Drift(args) => return drift::run(&args),
        Command::Bump(args) => bump::run(&args),
        Command::Cli(args) => cli::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Compat(args) => compat::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Shows the requested help, or the error in the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // There is no other place to report a failure to.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        // The other exit codes of `drift` are its results.
        _ if std::env::args().nth(1).as_deref() == Some("drift") => ExitCode::from(drift::ERROR),
        code => ExitCode::from(u8::try_from(code).unwrap_or(2)),
    }
}
