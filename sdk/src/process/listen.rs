//! The stdout of a CLI that serves on TCP: the port it listens on, then text for people.

use tokio::sync::oneshot;

use super::{Input, Output, stderr};
use crate::tail::Tail;
use crate::wire::redact;

/// Returns the port that the CLI listens on, or an error if its stdout ends first.
///
/// The stdout is read to its end, so that the CLI never blocks on it, and kept in `kept` until the port
/// appears. The stdin stays open, since its end may make some versions exit.
pub(crate) fn listen(stdin: Input, stdout: Output, kept: Tail) -> oneshot::Receiver<u16> {
    let (sender, port) = oneshot::channel();
    let mut sender = Some(sender);
    let line = move |line: &str| {
        tracing::debug!(target: "copilot_session::stdout", "{}", redact::text(line));
        if sender.is_some() {
            kept.push(line.as_bytes());
            kept.push(b"\n");
        }
        if let Some(port) = port_in(line)
            && let Some(sender) = sender.take()
        {
            kept.clear();
            // The receiver may have given up waiting.
            let _ = sender.send(port);
        }
    };
    tokio::spawn(async move {
        stderr::read(stdout, |_| (), line).await;
        drop(stdin);
    });
    port
}

/// Parses a line such as `CLI server listening on port 4711`.
fn port_in(line: &str) -> Option<u16> {
    let line = line.to_ascii_lowercase();
    let (_, rest) = line.split_once("listening on port ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::port_in;

    #[test]
    fn the_port_is_found_in_any_wording() {
        for line in [
            "CLI server listening on port 4711",
            "cli server LISTENING ON PORT 4711 (protocol 3)",
            "2026-01-01 [info] Listening on port 4711.",
            "listening on port 4711, no token \u{2014} anyone can connect",
        ] {
            assert_eq!(port_in(line), Some(4711), "{line}");
        }
    }

    #[test]
    fn other_lines_have_no_port() {
        for line in [
            "",
            "Warning: no connection token is set",
            "listening on port",
            "listening on port none",
            "listening on port 0",
            "listening on port 65536",
            "listening on port 99999999999999999999",
            "listening on socket 4711",
        ] {
            assert_eq!(port_in(line), None, "{line}");
        }
    }
}
