//! The page of the docs.

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};

use super::programs::{self, OFFICIAL};
use super::rows::ROWS;
use super::table::Table;
use crate::paths;

const HEAD: &str = "\
# Speed

The work of a program that uses this crate, and of the same program with the official `github-copilot-sdk`. This page
was written by `cargo xtask bench speed --markdown sdk/docs/speed.md`, which needs Linux and valgrind.

Both programs talk to the same fake CLI, which answers at once and writes what a real one writes. So these figures are
what the crate adds; an agent spends its time in the model and in its tools, in milliseconds and seconds. They matter to
a program that serves many sessions, or that has one CPU.

The rows:

";

const NOTES: &str = "
A turn of these rows has at most 503 events, since a subscriber of the official crate that is 512 events behind loses
some. That crate decodes the typed data of an event anew for each caller; it has the JSON without that. This crate
decodes an event when it is first asked for, once for all subscribers.

Instructions are those of the program only, counted by callgrind for two sizes and subtracted, so the start is left out.
They are the same on a busy machine and on a quiet one; CI fails if one of them grows by more than 10 %. Time is the
median of the rounds, in which the two programs take turns; rounds during which other programs used more than a tenth of
a CPU are left out if three remain. Time includes the fake CLI where the program waits for it; the program's CPU time
does not. With the CLI on the same CPU the time does not depend on where Linux wakes a process. This crate gives
the CLI sockets for its stdin and stdout, since other processes could open pipes; with pipes a call would take a sixth
less time.

The heap of an idle session is what it adds to its client. A session in use has a tool, a policy and a subscriber, and
has done a turn; its memory is that of the process. The flood is a turn of 100,000 events, as fast as the CLI can write
them, for two subscribers, one of which does not read for three seconds. By default this crate joins the pieces of a
text that wait for a slow subscriber, and keeps everything else, for which it needs memory. The official crate drops
what is more than 512 events old. It may also lose events before they come to a subscriber, which then gets no sign of
it.
";

pub fn page(tables: &[Table]) -> Result<String> {
    let mut out = HEAD.to_owned();
    // Writing to a string cannot fail.
    for row in &ROWS {
        let _ = writeln!(out, "* {}: {}", row.title, row.about);
    }
    out += NOTES;
    let _ = writeln!(
        out,
        "\nMeasured on {},\nwith {}, tokio {} and `github-copilot-sdk` {OFFICIAL}.",
        machine(),
        rust()?,
        programs::locked("tokio")?
    );
    for table in tables {
        let _ = write!(out, "\n{}", table.markdown());
    }
    Ok(out)
}

/// The number and the kind of CPUs.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let model = model.map_or("an unknown CPU", str::trim);
    let count = thread::available_parallelism().map_or(1, usize::from);
    format!("{count} CPUs ({model}, {})", std::env::consts::ARCH)
}

/// The version of the compiler.
fn rust() -> Result<String> {
    let output = Command::new("rustc").arg("--version").current_dir(paths::repo_root()).output();
    let output = output.context("cannot run rustc")?;
    ensure!(output.status.success(), "`rustc --version` failed");
    let version = String::from_utf8_lossy(&output.stdout);
    let number = version.split_whitespace().nth(1).context("`rustc --version` printed no version")?;
    Ok(format!("Rust {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_has_all_rows_and_the_version() -> Result<()> {
        let page = fs::read_to_string(paths::repo_root().join("sdk/docs/speed.md"))?;
        let rest = page.strip_prefix(HEAD).context("the page begins with `HEAD`")?;
        for row in &ROWS {
            assert!(rest.contains(&format!("\n| {} |", row.title)), "no figures of `{}`", row.title);
        }
        assert!(rest.contains(OFFICIAL));
        Ok(())
    }
}
