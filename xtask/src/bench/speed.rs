//! `cargo xtask bench speed` and `cargo xtask bench instructions`: how much work the SDK is for a program that uses it.

mod count;
mod figures;
mod guard;
mod memory;
mod page;
mod programs;
mod rows;
mod table;
mod time;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

pub use guard::run as guard;
use programs::{Build, Programs, Sdk};
use rows::{ROWS, Row};
use table::Table;

#[derive(clap::Args)]
pub struct Args {
    /// The rows to measure, such as `event` or `tool` [default: all]
    rows: Vec<String>,
    /// The tables to print [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<What>,
    /// Leave out the official crate
    #[arg(long)]
    alone: bool,
    /// The number of measurements of each time
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Write all tables as a page of the docs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rows", "only", "alone"])]
    markdown: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum What {
    Instructions,
    Allocations,
    Time,
    Memory,
    Wakes,
}

pub fn run(args: &Args) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux"),
        "this needs Linux: the programs measure themselves by its files in /proc"
    );
    // A page without them would look complete.
    ensure!(
        args.markdown.is_none() || count::valgrind().is_some(),
        "the page has instructions, which valgrind counts; it is not installed"
    );
    let rows = choose(&args.rows)?;
    let sdks: &[Sdk] = if args.alone { &[Sdk::Ours] } else { &[Sdk::Ours, Sdk::Official] };
    let mut tables = Vec::new();
    let mut add = |table: Table| {
        println!("{}", table.text());
        tables.push(table);
    };
    for what in What::value_variants() {
        if !args.only.is_empty() && !args.only.contains(what) {
            continue;
        }
        match what {
            What::Instructions => match count::valgrind() {
                Some(_) => add(count::instruction_table(&Programs::build(sdks, Build::Plain)?, &rows)?),
                None => println!("valgrind is not installed, so the instructions are not counted.\n"),
            },
            What::Allocations => {
                add(count::allocation_table(&Programs::build(sdks, Build::Counted)?, &rows)?)
            }
            What::Time => {
                let programs = Programs::build(sdks, Build::Plain)?;
                time::tables(&programs, &rows, args.rounds)?.into_iter().for_each(&mut add);
            }
            What::Memory => add(memory::table(sdks)?),
            What::Wakes => add(count::wake_table(&Programs::build(sdks, Build::Metrics)?)?),
        }
    }
    if let Some(file) = &args.markdown {
        fs::write(file, page::page(&tables)?).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let row = |name: &String| {
        let all = || ROWS.map(|row| row.name).join(", ");
        ROWS.iter()
            .find(|row| row.name == name)
            .with_context(|| format!("no row {name}; there are {}", all()))
    };
    names.iter().map(row).collect()
}
