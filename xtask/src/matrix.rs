//! `cargo xtask matrix`: loads the SDK in many ways and shows that nothing is lost.

mod load;
mod test_rows;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{cli, table};

#[derive(clap::Args)]
pub struct Args {
    /// Run the smallest load of each kind only, and none of the tests
    #[arg(long)]
    quick: bool,
    /// The Copilot CLI to use [default: the version in schema/VERSION.json, installed if need be]
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
    /// Write the figures to this file, too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The heading of a column, and its width.
type Column = (&'static str, usize);

/// What one row of the matrix shows.
struct Row {
    title: String,
    /// One for each column of its section.
    cells: Vec<String>,
    figures: Value,
    /// What did not hold.
    failures: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let cli = cli::choose(args.cli.as_deref())?;
    let mut matrix = Matrix::default();
    load::run(&mut matrix, &cli, args.quick)?;
    if !args.quick {
        test_rows::run(&mut matrix, &cli)?;
    }
    matrix.finish(args)
}

/// The rows so far. Each is printed when it is there, as the whole takes minutes.
#[derive(Default)]
struct Matrix {
    columns: &'static [Column],
    rows: Vec<Value>,
    failed: usize,
}

impl Matrix {
    /// Begins a section with columns of its own.
    fn section(&mut self, title: &str, columns: &'static [Column]) {
        self.columns = columns;
        let headings = columns.iter().map(|(heading, width)| ((*heading).to_owned(), *width));
        println!("\n{title}\n{}", table::line("", headings));
    }

    fn add(&mut self, row: Row) {
        let Row { title, cells, figures, failures } = row;
        let verdict = if failures.is_empty() { "ok" } else { "FAILED" };
        let cells = cells.into_iter().zip(self.columns.iter().map(|(_, width)| *width));
        println!("{}", table::line(&title, cells.chain([(verdict.to_owned(), 8)])));
        for failure in &failures {
            println!("    {failure}");
        }
        self.failed += usize::from(!failures.is_empty());
        self.rows.push(json!({"row": title, "figures": figures, "failures": failures}));
    }

    /// Writes what is asked for, and fails when a row has failed.
    fn finish(self, args: &Args) -> Result<()> {
        let count = self.rows.len();
        if let Some(path) = &args.json {
            let text = format!("{:#}\n", Value::Array(self.rows));
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.failed > 0 {
            bail!("{} of {count} rows failed", self.failed);
        }
        println!("\nAll {count} rows hold.");
        Ok(())
    }
}
