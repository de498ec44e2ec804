//! Tests that an error says each thing once, in its own text or in that of a source.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Closed, Error, RpcError};
use crate::error::kind::ErrorKind;
use crate::error::turn::{TimeoutKind, TurnCutOff, TurnError, TurnTimeout};
use crate::error::unsupported::Unsupported;
use crate::events::answer::Answer;
use crate::process::{NotFound, SpawnError};
use crate::types::ErrorData;
use crate::version::CliVersion;
use crate::wire::{self, DecodeError};

fn answer() -> Answer {
    Answer { message_id: String::new(), message: None, aborted: false, work: Default::default() }
}

fn wrong_version(found: &str, exact: bool) -> Error {
    Error::WrongCliVersion { found: found.to_owned(), required: "1.2.4".to_owned(), exact }
}

fn cut_off() -> Error {
    let (cause, unfinished) = (Error::SessionEnded, String::new());
    Error::TurnCutOff(Box::new(TurnCutOff { cause, answer: answer(), unfinished }))
}

fn io_error() -> io::Error {
    io::Error::other("what the system says")
}

/// The index of a variant. A new variant does not compile until it is here, and fails until it is in `all`.
fn variant(error: &Error) -> usize {
    match error {
        Error::NotFound(_) => 0,
        Error::Start(_) => 1,
        Error::ProtocolVersion { .. } => 2,
        Error::Connect(_) => 3,
        Error::Closed(_) => 4,
        Error::Rpc { .. } => 5,
        Error::Decode { .. } => 6,
        Error::Turn(_) => 7,
        Error::TurnTimeout(_) => 8,
        Error::Answer { .. } => 9,
        Error::SessionEnded => 10,
        Error::Refused { .. } => 11,
        Error::Unsupported(_) => 12,
        Error::Timeout { .. } => 13,
        Error::Invalid(_) => 14,
        Error::AlreadyOpen { .. } => 15,
        Error::NoRandom(_) => 16,
        Error::WrongCliVersion { .. } => 17,
        Error::TurnCutOff(_) => 18,
    }
}

/// The CLI's message of a call without a login.
const NOT_LOGGED_IN: &str = "Request made.up failed with message: Not authenticated.";

/// Each variant, with the parts that its chain of texts must contain in this order, and its category.
fn all() -> Vec<(Error, &'static [&'static str], ErrorKind)> {
    let method = "made.up".to_owned();
    let version = CliVersion::new("1.2.3".to_owned());
    let closed =
        Closed { stderr: "its last words".to_owned(), exit_code: Some(7), ..Closed::new("it ended") };
    let turn = TurnError {
        data: wire::from_json::<ErrorData>(r#"{"errorType":"rate_limit","message":"the agent's words"}"#)
            .expect("the data of an error"),
        retry_after: None,
        quota_reset: None,
        provider_code: None,
        answer: answer(),
    };
    let timeout = TurnTimeout {
        kind: TimeoutKind::Idle,
        after: Duration::from_secs(5),
        last_event: Some(("assistant.intent".to_owned(), Duration::from_secs(6))),
        waiting_for: vec!["bash".to_owned()],
        answer: answer(),
        unfinished: String::new(),
        stderr: "its last words".to_owned(),
    };
    let unknown = RpcError::new(RpcError::METHOD_NOT_FOUND, "what the CLI says");
    let unsupported = Unsupported::method(&method, &version, unknown);
    let wrong = DecodeError::new("a number", "a string");
    vec![
        (Error::NotFound(NotFound { tried: vec!["/here".to_owned()] }), &["/here"], ErrorKind::CliNotFound),
        (
            SpawnError::Start { program: PathBuf::from("/cli"), source: io_error() }.into(),
            &["/cli", "what the system says"],
            ErrorKind::Unreachable,
        ),
        (
            Error::NoRandom(Arc::new(io_error())),
            &["no random numbers", "what the system says"],
            ErrorKind::Other,
        ),
        (Error::AlreadyOpen { session_id: "one".to_owned() }, &["session one"], ErrorKind::AlreadyOpen),
        (SpawnError::NoRuntime.into(), &["Tokio"], ErrorKind::Unreachable),
        (SpawnError::Directory { path: PathBuf::from("/gone") }.into(), &["/gone"], ErrorKind::Unreachable),
        (
            Error::ProtocolVersion { found: 2, supported: "3", version: "1.2.3".to_owned() },
            &["1.2.3", "protocol 2", "supports 3"],
            ErrorKind::VersionSkew,
        ),
        (
            wrong_version("1.2.3", false),
            &["1.2.3", "older than 1.2.4", "start that one", "@github/copilot@1.2.4"],
            ErrorKind::VersionSkew,
        ),
        (
            wrong_version("1.2.3", true),
            &["1.2.3", "not 1.2.4", "@github/copilot@1.2.4"],
            ErrorKind::VersionSkew,
        ),
        (wrong_version("", true), &["unknown version is not 1.2.4"], ErrorKind::VersionSkew),
        (Error::Connect(Arc::new(io_error())), &["connect", "what the system says"], ErrorKind::Unreachable),
        (Error::Closed(closed), &["it ended", "7", "its last words"], ErrorKind::Closed),
        (
            Error::Rpc { method: method.clone(), error: RpcError::new(-32603, "what the CLI says") },
            &["made.up", "what the CLI says", "-32603"],
            ErrorKind::Other,
        ),
        (
            Error::decode(&method, wrong.clone(), Some(&version)),
            &["1.2.3", "made.up", "at $"],
            ErrorKind::Decode,
        ),
        (
            Error::decode(&method, wrong, None),
            &["made.up", "at $", "a number", "a string"],
            ErrorKind::Decode,
        ),
        (Error::Turn(Box::new(turn)), &["the agent's words"], ErrorKind::RateLimit),
        (
            Error::TurnTimeout(Box::new(timeout)),
            &["5s", "assistant.intent", "bash", "its last words"],
            ErrorKind::Timeout,
        ),
        (
            Error::Answer { answer: Box::new(answer()), reason: "expected value".to_owned() },
            &["expected value"],
            ErrorKind::Answer,
        ),
        (Error::SessionEnded, &["session"], ErrorKind::SessionGone),
        (cut_off(), &["session has ended"], ErrorKind::SessionGone),
        (
            Error::Refused { method: method.clone(), reason: "what the CLI says".to_owned() },
            &["made.up", "what the CLI says"],
            ErrorKind::Other,
        ),
        (
            Error::Rpc { method: method.clone(), error: RpcError::new(-32603, NOT_LOGGED_IN) },
            &["made.up failed: Not authenticated.", "-32603", "run `copilot`", "github_token", "no_login"],
            ErrorKind::Authentication,
        ),
        (
            Error::Refused { method: method.clone(), reason: NOT_LOGGED_IN.to_owned() },
            &["made.up failed: Not authenticated.", "run `copilot`"],
            ErrorKind::Authentication,
        ),
        (
            Error::Refused { method: method.clone(), reason: "Session not found: 1".to_owned() },
            &["made.up", "Session not found: 1"],
            ErrorKind::SessionGone,
        ),
        (unsupported.into(), &["1.2.3", "made.up", "what the CLI says", "-32601"], ErrorKind::VersionSkew),
        (Unsupported::new("nobody can").into(), &["nobody can"], ErrorKind::VersionSkew),
        (
            Error::Timeout {
                what: method,
                after: Duration::from_secs(5),
                stdout: "printed".to_owned(),
                stderr: "its last words".to_owned(),
            },
            &["made.up", "5s", "printed", "its last words"],
            ErrorKind::Timeout,
        ),
        (Error::Invalid("an empty name".to_owned()), &["an empty name"], ErrorKind::Invalid),
    ]
}

/// The texts of an error and of its sources.
fn chain(error: &Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts
}

#[test]
fn each_thing_is_said_once() {
    let mut seen = [0; 19];
    for (error, said, kind) in all() {
        seen[variant(&error)] += 1;
        let texts = chain(&error);
        let whole = format!("{error:#}");
        assert_eq!(whole, texts.join(": "), "{error:?}");
        let mut rest = whole.as_str();
        for part in said {
            assert_eq!(whole.matches(part).count(), 1, "{part} in {whole}");
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} out of order in {whole}")).1;
        }
        for (index, text) in texts.iter().enumerate() {
            assert!(!text.is_empty(), "{error:?}");
            let repeated = texts[..index].iter().any(|other| other.contains(text) || text.contains(other));
            assert!(!repeated, "{whole}");
        }
        assert_eq!(error.kind(), kind, "{whole}");
    }
    assert!(!seen.contains(&0), "a variant is not among all: {seen:?}");
}

/// The name of a kind is that of its variant in snake case, and it is what `Display` writes.
#[test]
fn kinds_have_names() {
    let others =
        [ErrorKind::Authorization, ErrorKind::Quota, ErrorKind::ContextLimit, ErrorKind::ModelUnavailable];
    for kind in all().into_iter().map(|(_, _, kind)| kind).chain(others) {
        let variant = format!("{kind:?}");
        let name: String = variant.char_indices().fold(String::new(), |name, (at, letter)| {
            let separator = if at > 0 && letter.is_uppercase() { "_" } else { "" };
            format!("{name}{separator}{}", letter.to_ascii_lowercase())
        });
        assert_eq!((kind.as_str(), kind.to_string()), (&*name, name.clone()));
    }
}

/// Errors that a program may inspect are in the chain with their types.
#[test]
fn sources_keep_their_types() {
    let is_io = |error: &Error| error.source().is_some_and(|source| source.is::<io::Error>());
    assert!(is_io(&Error::Connect(Arc::new(io_error()))));
    assert!(is_io(&SpawnError::Start { program: PathBuf::new(), source: io_error() }.into()));
    assert!(is_io(&Error::NoRandom(Arc::new(io_error()))));
    let decode = Error::decode("made.up", DecodeError::new("a", "b"), None);
    assert!(decode.source().is_some_and(|source| source.is::<DecodeError>()));
    let unknown = RpcError::new(RpcError::METHOD_NOT_FOUND, "no");
    let unsupported = Error::from(Unsupported::method("made.up", &CliVersion::new(""), unknown));
    assert!(unsupported.source().is_some_and(|source| source.is::<RpcError>()));
}

/// The parts of an error are errors themselves.
#[test]
fn parts_are_errors() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<Error>();
    is_error::<Closed>();
    is_error::<TurnError>();
    is_error::<TurnTimeout>();
    is_error::<Unsupported>();
    is_error::<RpcError>();
    is_error::<DecodeError>();
    is_error::<NotFound>();
    is_error::<SpawnError>();
}
