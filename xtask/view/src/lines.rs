//! The lines of a wire log.

use std::io::BufRead;

use copilot_session::printable;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;

/// A line of a wire log.
#[derive(Deserialize)]
pub(crate) struct Line<'a> {
    /// The time since the log was created, in milliseconds.
    pub t_ms: u64,
    #[serde(rename = "dir")]
    pub side: Side,
    /// The connection, in a log of several clients.
    #[serde(borrow, rename = "conn")]
    pub connection: Option<&'a RawValue>,
    #[serde(borrow, rename = "msg")]
    pub message: Option<&'a RawValue>,
    #[serde(rename = "leftOut")]
    pub left_out: Option<u64>,
    #[serde(borrow)]
    pub end: Option<&'a RawValue>,
}

/// The sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Client,
    Server,
}

/// The result of reading a log to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Read {
    pub lines: u64,
    /// True if the last line is only the start of one.
    pub is_cut_off: bool,
    /// The number of starts of lines that another client continued with a line of its own.
    pub torn: u64,
}

/// Reads a log line by line. `each` gets the number of a line, empty ones not counted, its text and its content.
pub(crate) fn read(
    mut log: impl BufRead,
    mut each: impl FnMut(u64, &str, Line<'_>) -> Result<(), Error>,
) -> Result<Read, Error> {
    let (mut bytes, mut read, mut in_file) = (Vec::new(), Read::default(), 0);
    loop {
        bytes.clear();
        if log.read_until(b'\n', &mut bytes).map_err(Error::Read)? == 0 {
            break;
        }
        let is_whole = bytes.last() == Some(&b'\n');
        let line = bytes.trim_ascii();
        in_file += 1;
        // A client that was killed left the start of a line, to which the next one has appended.
        let parsed = parse(line).or_else(|problem| appended(line).inspect(|_| read.torn += 1).ok_or(problem));
        match parsed {
            Ok((text, line)) => each(read.lines + 1, text, line)?,
            // Empty lines occur at the end of files that people have edited.
            Err(_) if line.is_empty() => continue,
            Err(_) if !is_whole && read.lines > 0 => {
                read.is_cut_off = true;
                break;
            }
            Err(problem) => return Err(Error::NotALog { line: in_file, problem }),
        }
        read.lines += 1;
    }
    if read.lines == 0 { Err(Error::Empty) } else { Ok(read) }
}

/// The whole line after the start of another one. In a line that is whole, this start occurs only with escaped quotes.
fn appended(line: &[u8]) -> Option<(&str, Line<'_>)> {
    const START: &[u8] = b"{\"t_ms\":";
    let at = line.windows(START.len()).rposition(|bytes| bytes == START).filter(|at| *at > 0)?;
    parse(&line[at..]).ok()
}

fn parse(line: &[u8]) -> Result<(&str, Line<'_>), String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        // The line in the message of the error is that within the line.
        printable(problem.split(" at line ").next().unwrap_or(&problem)).into_owned()
    })?;
    if line.message.is_none() && line.left_out.is_none() && line.end.is_none() {
        return Err("it has neither \"msg\" nor \"leftOut\" nor \"end\"".to_owned());
    }
    Ok((text, line))
}
