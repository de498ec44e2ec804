//! `cargo copilot view`: shows a wire log as a page, or in the terminal.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Result, anyhow, ensure};
use copilot_session::printable;
use copilot_session_drift::audit::wire_logs;
use copilot_session_view::{Error, Log, Turns, write_page};

const ABOUT: &str = "\
The log is what a client writes with `ClientBuilder::wire_log`. The page is one file that loads nothing from elsewhere:
the timeline of each turn, the messages between the program, the CLI and the model, the conversation, and all messages
with their JSON. Known secrets are not in a log, but prompts, answers and files are: read a page before you share it.";

/// The width of a terminal that does not report one.
const WIDTH: usize = 100;

#[derive(clap::Args)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// The wire log, or a folder of wire logs, `*.jsonl`
    log: PathBuf,
    /// The page to write [default: the name of the log with .html]
    #[arg(short, long, value_name = "FILE", conflicts_with = "terminal")]
    output: Option<PathBuf>,
    /// Open the page in your browser
    #[arg(long, conflicts_with = "terminal")]
    open: bool,
    /// Print the timelines of the turns instead of writing a page
    #[arg(long)]
    terminal: bool,
    /// Print only the turn with this number, from 1; in a log of several sessions, that of each session
    #[arg(long, value_name = "N", requires = "terminal", conflicts_with = "last")]
    turn: Option<NonZeroUsize>,
    /// Print only the turn that began last
    #[arg(long, requires = "terminal")]
    last: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let logs = wire_logs(&args.log)?;
    ensure!(
        logs.len() == 1 || (args.output.is_none() && !args.open),
        "{} has {} logs; name one of them for --output or --open",
        args.log.display(),
        logs.len()
    );
    let mut failed = 0;
    for (number, path) in logs.iter().enumerate() {
        if args.terminal && logs.len() > 1 {
            let before = if number == 0 { "" } else { "\n" };
            crate::print(&format!("{before}log {}\n", shown(path)))?;
        }
        match view(args, path) {
            // The others can still be shown.
            Err(error) if logs.len() > 1 => {
                crate::report(&error);
                failed += 1;
            }
            viewed => viewed?,
        }
    }
    ensure!(failed == 0, "{failed} of {} logs cannot be shown", logs.len());
    Ok(())
}

/// A path as text for a terminal. A name in a folder of others may have characters that control it.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

fn view(args: &Args, log_path: &Path) -> Result<()> {
    let file = File::open(log_path).with_context(|| format!("cannot open {}", log_path.display()))?;
    let about_log = |error: anyhow::Error| {
        let is_other = matches!(error.downcast_ref(), Some(Error::NotALog { .. } | Error::Empty));
        let hint =
            if is_other { "; a wire log is what a client writes with `ClientBuilder::wire_log`" } else { "" };
        anyhow!("cannot show {}: {error:#}{hint}", log_path.display())
    };
    let log = BufReader::with_capacity(1 << 20, file);
    if args.terminal {
        let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
        let colored = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let log = Log::read(log).map_err(|error| about_log(error.into()))?;
        let number = args.turn.map(|number| Turns::Number(number.get()));
        let bars = match number.or(args.last.then_some(Turns::Last)) {
            Some(turns) => log.timeline_of(turns, width, colored).map_err(|error| about_log(error.into()))?,
            None => log.timeline(width, colored),
        };
        return crate::print(&bars);
    }
    let path = args.output.clone().unwrap_or_else(|| log_path.with_extension("html"));
    ensure!(!is_same(&path, log_path), "the page would replace the log; give its name with --output");
    let read = page(log_path, log, &path).map_err(about_log)?;
    if read.is_cut_off() {
        eprintln!("The last line of the log is cut off, and is left out.");
    }
    let plural = if read.turns() == 1 { "" } else { "s" };
    let hint = if args.open { "" } else { " Open it in a browser, or use --open." };
    crate::print(&format!(
        "{}: {} turn{plural}, {} messages.{hint}\n",
        shown(&path),
        read.turns(),
        read.lines()
    ))?;
    if args.open {
        // The opener would take a name such as `mailto:x.html` for an address.
        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let failure = || format!("cannot start a browser for {}; open it by hand", path.display());
        // It does not wait for the browser, which may be the opener itself.
        open::that_detached(whole).with_context(failure)?;
    }
    Ok(())
}

/// Returns true if both paths lead to one file, however they are spelt.
fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// Writes the page beside its place and moves it there once it is whole.
fn page(log_path: &Path, log: BufReader<File>, path: &Path) -> Result<Log> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "there is no folder {} for the page", folder.display());
    let new = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write to the folder {}", folder.display()))?;
    let title = log_path.file_name().unwrap_or_default().to_string_lossy();
    let read = write_page(&title, log, BufWriter::new(&new))?;
    new.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(read)
}
