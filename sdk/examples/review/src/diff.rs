//! The diff to review, from standard input or from git.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::{Failure, Options};

/// The most that is read of git's errors, in bytes.
const MAX_ERROR: u64 = 4096;

/// Returns the top folder of the repository that this folder is in.
pub async fn repository(folder: &Path) -> Result<PathBuf, Failure> {
    let mut git = git(folder);
    git.kill_on_drop(true);
    let output = git.args(["rev-parse", "--show-toplevel"]).output().await;
    let output = output.map_err(|error| format!("git does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} is in no git repository", folder.display()).into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim_end_matches(['\r', '\n'])))
}

/// Reads the diff, and refuses one that is too large.
pub async fn read(options: &Options, repo: &Path) -> Result<String, Failure> {
    let Some(base) = &options.base else {
        if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Err("give a diff on standard input, or a branch by --base".into());
        }
        return bounded(tokio::io::stdin(), options.max_diff).await;
    };
    let mut git = git(repo);
    // No program that the configuration names for diffs, conversions or monitoring takes part. A filter that it names
    // (`filter.*.clean`) does, as whenever git reads files that are not committed.
    git.args(["-c", "core.fsmonitor=false", "diff", "--no-ext-diff", "--no-textconv", "--no-color"]);
    git.args(["--merge-base", "--end-of-options", base, "--"]);
    let mut child = git.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (stdout, mut stderr) = child.stdout.take().zip(child.stderr.take()).ok_or("git has no output")?;
    let errors = async {
        let mut errors = Vec::new();
        (&mut stderr).take(MAX_ERROR).read_to_end(&mut errors).await?;
        // All is read, since git ends with an error if it cannot write its warnings.
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map(|_| errors)
    };
    // Both at once, since git waits while one of them is full.
    let (diff, errors) = tokio::try_join!(bounded(stdout, options.max_diff), async { Ok(errors.await?) })?;
    match child.wait().await?.success() {
        true => Ok(diff),
        false => Err(format!("git diff failed: {}", String::from_utf8_lossy(&errors).trim()).into()),
    }
}

async fn bounded(source: impl AsyncRead + Unpin, most: usize) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(most)?.saturating_add(1);
    source.take(one_more).read_to_end(&mut bytes).await?;
    if bytes.len() > most {
        return Err(
            format!("the diff has more than {most} bytes; review it in parts, or raise --max-diff").into()
        );
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).stdin(Stdio::null());
    git
}
