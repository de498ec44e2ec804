//! `cargo xtask <command>`: the repository's chores, and the only code in it that touches files.

mod api;
mod audit;
mod bench;
mod cargo;
mod cli;
mod codegen;
mod compat;
mod demo;
mod files;
mod matrix;
mod names;
mod npm;
mod older;
mod paths;
mod platform;
mod process;
mod progress;
mod schema;
mod source;
mod table;
mod test;
mod tree;
mod unpack;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The repository's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test, with the Copilot CLI that the tests talk to
    Test(test::Args),
    /// Show a session at work, with a scripted model, a model of your own or your login
    Demo(demo::Args),
    /// Write sdk/src/generated from the schemas, or check that it is up to date
    Codegen(codegen::Args),
    /// Generate and compile the code of older versions of the Copilot CLI too
    Versions(versions::Args),
    /// Write the list of the SDK's public items, sdk/api.txt, or check that it is up to date
    Api(api::Args),
    /// Take the protocol schemas of a version of the Copilot CLI into the schema folder
    Schema(schema::Args),
    /// Install a version of the Copilot CLI into the user's cache and print the path of its binary
    Cli(cli::Args),
    /// Load the SDK in many ways and show that nothing is lost
    Matrix(matrix::Args),
    /// Go through what a session does on many versions of the CLI, and show which can do what
    Compat(compat::Args),
    /// Check that what the CLI sends is what the schemas say
    Audit(audit::Args),
    /// Measure what the SDK costs to build and how fast it decodes
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Xtask::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Codegen(args) => codegen::run(&args),
        Command::Versions(args) => versions::run(&args),
        Command::Api(args) => api::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Cli(args) => cli::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Compat(args) => compat::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Bench(args) => bench::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
