//! `cargo copilot <command>`, for programs that use `copilot-session`.

mod audit;
mod cli;
mod drift;
mod project;
mod vendor;
mod view;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use copilot_session::printable_lines;

/// The exit code if a command fails whose other exit codes are results.
const ERROR: u8 = 3;

const AFTER_HELP: &str = "\
A CLI is found as the SDK finds it: in COPILOT_CLI_PATH, or else on the PATH. Installed versions and schemas are kept in
your cache folder; COPILOT_SESSION_CACHE moves it.";

/// The Copilot CLI for programs that use copilot-session.
//
// The lines of the help do not depend on the features of clap that other packages of a build enable.
#[derive(Parser)]
#[command(name = "cargo copilot", bin_name = "cargo copilot", version, after_help = AFTER_HELP, term_width = 0)]
struct Copilot {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare what your program is built for with the installed CLI, or any two versions of the CLI
    Drift(drift::Args),
    /// Run the installed CLI for a moment, and validate what it sends
    Audit(audit::Args),
    /// Install the CLI to your cache, show its path, or list the versions
    Cli(cli::Args),
    /// Write the sources of copilot-session, generated for another version of the CLI
    Vendor(vendor::Args),
    /// Show a wire log as a page, or its timelines in the terminal
    View(view::Args),
}

fn main() -> ExitCode {
    let command = match Copilot::try_parse_from(arguments()) {
        Ok(copilot) => copilot.command,
        Err(error) => return usage(&error),
    };
    let (result, failure) = match command {
        Command::Drift(args) => (drift::run(&args), ERROR),
        Command::Audit(args) => (audit::run(&args), ERROR),
        Command::Cli(args) => (cli::run(&args).map(|()| 0), 1),
        Command::Vendor(args) => (vendor::run(&args).map(|()| 0), 1),
        Command::View(args) => (view::run(&args).map(|()| 0), 1),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report(&error);
            ExitCode::from(failure)
        }
    }
}

/// Prints an error. It may have names of files and texts of others, which must not control the terminal.
fn report(error: &anyhow::Error) {
    eprintln!("error: {}", printable_lines(&format!("{error:#}")));
}

/// The arguments. As a subcommand of cargo, the program gets its own name before the others.
fn arguments() -> impl Iterator<Item = OsString> {
    let mut arguments = env::args_os();
    let program = arguments.next();
    let mut rest = arguments.peekable();
    rest.next_if(|argument| argument == "copilot");
    program.into_iter().chain(rest)
}

/// Prints a result. A closed pipe is no error.
fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

/// Shows the requested help, or the error in the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // There is no other place to report a failure to.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        // The other exit codes of some commands are their results.
        _ => ExitCode::from(ERROR),
    }
}
