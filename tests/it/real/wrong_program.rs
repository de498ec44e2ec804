//! A program in place of the CLI that is none: the error has the text that it prints.

use std::time::Duration;

use copilot_session::{Client, Closed, Error};

use super::lifeline;
use super::rig::{PATIENCE, soon};

/// The time limit for programs that do not end.
const SHORT: Duration = Duration::from_secs(1);

/// The error of starting this shell script, on stdio or on TCP.
async fn failure(script: &str, limit: Duration, on_tcp: bool) -> Error {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("copilot");
    lifeline::script(&program, script);
    let client = Client::builder().program(&program).handshake_timeout(limit);
    let start = async { if on_tcp { client.start_tcp(0).await } else { client.start().await } };
    soon("the start to fail", start).await.expect_err("no CLI")
}

/// The stdout in an error. Checks that the error's text contains it too.
fn stdout(error: &Error) -> &str {
    let stdout = match error {
        Error::Closed(Closed { stdout, .. }) | Error::Timeout { stdout, .. } => stdout,
        other => panic!("neither closed nor late: {other:?}"),
    };
    let shown = copilot_session::printable_lines(stdout.trim());
    assert!(error.to_string().contains(&*shown), "{error}: {stdout:?}");
    stdout
}

/// A program that prints something and does not end fails with a time limit and the text.
#[tokio::test]
async fn a_program_that_does_not_end() {
    for (script, text) in [
        ("echo 'Please log in first.'; exec sleep 1000", "Please log in first.\n"),
        ("printf 'login: '; exec sleep 1000", "login: "),
        (
            r#"while read -r l; do echo '{"jsonrpc":"2.0","id":1}'; done; exec sleep 1000"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1}\n",
        ),
        (r"printf 'Content-Length: 2\n\n{}'; exec sleep 1000", "Content-Length: 2\n\n{}"),
        (
            r"printf 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno'; exec sleep 1000",
            "400 Bad Request",
        ),
        (r"printf '\033]0;title\007\200\377'; exec sleep 1000", "\u{1b}]0;title\u{7}\u{fffd}\u{fffd}"),
    ] {
        let error = failure(script, SHORT, false).await;
        assert!(error.is_timeout(), "{error:?}");
        assert!(stdout(&error).contains(text), "{script}: {error:?}");
    }
}

/// A program that prints something and ends fails with the text.
#[tokio::test]
async fn a_program_that_ends() {
    let script = "echo 'error: unknown option --server'; echo 'see --help' >&2; exit 2";
    for on_tcp in [false, true] {
        let error = failure(script, 2 * PATIENCE, on_tcp).await;
        assert!(stdout(&error).contains("unknown option --server"), "{error:?}");
        let Error::Closed(closed) = error else { panic!("not closed: {error:?}") };
        assert_eq!((closed.exit_code, closed.stderr.trim()), (Some(2), "see --help"));
    }
}

/// A server on TCP that reports no port fails with the text.
#[tokio::test]
async fn a_server_that_reports_no_port() {
    let error = failure("echo 'Please log in first.'; exec sleep 1000", SHORT, true).await;
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(stdout(&error), "Please log in first.\n");
}

/// Of a long text the end is kept.
#[tokio::test]
async fn a_program_that_prints_much() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i + 1)); done; exit 3";
    let error = failure(script, 2 * PATIENCE, false).await;
    let text = stdout(&error);
    assert!(text.ends_with("line 19998\nline 19999\n") && text.len() <= 2048, "{} bytes: {text}", text.len());
}

/// Characters that move the cursor of a terminal are escaped.
#[tokio::test]
async fn a_program_that_moves_the_cursor() {
    let error = failure(r"printf 'safe\r\033[2Knot safe'; exit 1", 2 * PATIENCE, false).await;
    assert_eq!(stdout(&error), "safe\r\u{1b}[2Knot safe");
    let shown = error.to_string();
    assert!(shown.contains("safe\\r\\u{1b}[2Knot safe") && !shown.contains('\u{1b}'), "{shown:?}");
}

/// A program that closes its stdout and does not end fails at once.
#[tokio::test]
async fn a_program_that_closes_its_stdout() {
    let error = failure("printf hello; exec sleep 1000 >&-", 2 * PATIENCE, false).await;
    assert!(error.is_closed(), "{error:?}");
    assert_eq!(stdout(&error), "hello");
}
