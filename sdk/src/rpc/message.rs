//! JSON-RPC messages and their text form.

use std::borrow::Cow;

use crate::rpc::frame::Digits;
use crate::rpc::{Closed, RpcError};
use crate::wire::scan::{Discard, Scanner, first_string};
use crate::wire::shared::Text;
use crate::wire::{DecodeError, Unsendable, peek, quote, redact};

/// The response to a call: the JSON of its result, or the reason why there is none. The result may be unchecked: if it
/// is no JSON, [`unusual_result`] has the response.
pub(crate) type Response = Result<Text, NoResult>;

#[derive(Debug)]
pub(crate) enum NoResult {
    Rpc(RpcError),
    /// The response is not JSON, or too large.
    Unreadable(DecodeError),
    Closed(Closed),
    /// No response came in the time of the call.
    TimedOut,
}

/// A message of the peer.
pub(crate) enum Message<'a> {
    Request {
        /// The id as JSON, to be sent back unchanged.
        id: &'a str,
        method: Cow<'a, str>,
        params: &'a str,
    },
    Notification {
        method: Cow<'a, str>,
        params: &'a str,
    },
    Response {
        id: u64,
        result: Result<&'a str, NoResult>,
    },
    /// JSON that is not a JSON-RPC request. A peer that sent an id waits for a response.
    Invalid {
        id: &'a str,
    },
    Unreadable(&'a str, DecodeError),
}

/// The keys of a message.
pub(super) const KEYS: [&str; 5] = ["id", "method", "params", "result", "error"];

/// Splits a notification in the form that the CLI gives it into its method and its params, which are not checked.
/// If they are one JSON value, the text is this message. Most messages are events, and are scanned only once so.
pub(crate) fn usual_notification(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = first_string(text, r#"{"jsonrpc":"2.0","method":""#)?;
    Some((method, rest.strip_prefix(r#","params":"#)?.strip_suffix('}')?))
}

/// Returns true if a text is one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    Scanner::new(text).only(&mut Discard).is_ok()
}

/// Splits a response in the form that the CLI gives it into its id and its result, which is not checked: the caller
/// decodes it, and needs no scan before. If it is one JSON value, the text is this response.
pub(crate) fn usual_response(text: &str) -> Option<(u64, &str)> {
    let rest = text.strip_prefix(r#"{"jsonrpc":"2.0","id":"#)?;
    let (id, rest) = rest.split_at(rest.bytes().position(|byte| byte == b',')?);
    let (number, result) = (id.parse().ok()?, rest.strip_prefix(r#","result":"#)?.strip_suffix('}')?);
    // Rust reads more forms of a number than JSON has.
    (Digits::of(number).text() == id).then_some((number, result))
}

/// Returns the response whose unchecked result is no JSON, because other keys follow it, or because nothing of it can
/// be read.
pub(crate) fn unusual_result(result: &str) -> Response {
    let text = [r#"{"result":"#, result, "}"].concat();
    let [result, error] = peek::pick(&text, ["result", "error"]).map_err(NoResult::Unreadable)?;
    outcome(result, error).map(Text::from)
}

/// Calls `receive` for each message of a text, which is one message or an array of them.
pub(crate) fn each<'a>(text: &'a str, mut receive: impl FnMut(Message<'a>)) {
    let mut single = |text| {
        if let Some(message) = single(text) {
            receive(message);
        }
    };
    if !text.trim_start().starts_with('[') {
        return single(text);
    }
    // No CLI sends arrays of messages, so the responses are sent one by one.
    if let Err(error) = peek::each(text, single) {
        tracing::warn!(%error, "cannot read the rest of an array of messages");
    }
}

fn single(text: &str) -> Option<Message<'_>> {
    let [id, method, params, result, error] = match peek::pick(text, KEYS) {
        Ok(parts) => parts,
        Err(error) => return Some(Message::Unreadable(text, error)),
    };
    let params = params.unwrap_or("{}");
    match (method, id) {
        (Some(method), id) => match (peek::string(method), id) {
            (Some(method), None) => Some(Message::Notification { method, params }),
            (Some(method), Some(id)) if is_id(id) => Some(Message::Request { id, method, params }),
            (_, Some(id)) => {
                tracing::warn!("received a request with an invalid method or id");
                Some(Message::Invalid { id: if is_id(id) { id } else { "null" } })
            }
            (None, None) => {
                tracing::warn!("received a notification with an invalid method");
                None
            }
        },
        (None, Some(id)) => response(id, result, error),
        (None, None) => {
            tracing::warn!("received a message that is not a request, notification or response");
            None
        }
    }
}

/// Returns true if this JSON can be the id of a request: a string, a number or null.
pub(super) fn is_id(json: &str) -> bool {
    json.starts_with(['"', '-', 'n']) || json.starts_with(|digit: char| digit.is_ascii_digit())
}

/// Parses the id of one of our requests; the peer may return it as a string.
pub(crate) fn number(id: &str) -> Result<u64, std::num::ParseIntError> {
    id.trim_matches('"').parse()
}

fn response<'a>(id: &str, result: Option<&'a str>, error: Option<&str>) -> Option<Message<'a>> {
    let Ok(id) = number(id) else {
        // The CLI responds like this to a message of ours that it could not read and so cannot identify.
        let code = error.map(|error| rpc_error(error).code);
        tracing::warn!(id, code, "received a response with an unknown id");
        return None;
    };
    Some(Message::Response { id, result: outcome(result, error) })
}

fn outcome<'a>(result: Option<&'a str>, error: Option<&str>) -> Result<&'a str, NoResult> {
    match error {
        Some(error) if error != "null" => Err(NoResult::Rpc(rpc_error(error))),
        _ => Ok(result.unwrap_or("null")),
    }
}

fn rpc_error(raw: &str) -> RpcError {
    let [code, message, data] = peek::pick(raw, ["code", "message", "data"]).unwrap_or_default();
    RpcError {
        code: code.and_then(|code| code.parse().ok()).unwrap_or(RpcError::INTERNAL_ERROR),
        message: message.and_then(peek::string).map_or_else(|| redact::json(raw), |text| text.into_owned()),
        data: data.map(str::to_owned),
    }
}

/// The params of a call: an object, and a member that is put before its own.
#[derive(Clone, Copy)]
pub(crate) struct Params<'a> {
    /// Such as `"key":"value"`; empty if there is none.
    pub first: &'a str,
    /// The JSON of the object.
    pub object: &'a str,
}

impl<'a> Params<'a> {
    /// The pieces of the JSON.
    fn pieces(self) -> [&'a str; 4] {
        match self.object.strip_prefix('{') {
            Some(rest) if self.first.is_empty() => ["{", "", "", rest],
            Some(rest) if rest.trim_ascii_start() == "}" => ["{", self.first, "", "}"],
            Some(rest) => ["{", self.first, ",", rest],
            None => ["", "", "", self.object],
        }
    }

    /// Returns the JSON.
    pub fn text(self) -> String {
        self.pieces().concat()
    }
}

/// Calls `send` with the pieces of a request. The method is a name of the protocol, which has no escapes.
pub(crate) fn request<T>(id: u64, method: &str, params: Params<'_>, send: impl FnOnce(&[&str]) -> T) -> T {
    let (id, [a, b, c, d]) = (Digits::of(id), params.pieces());
    send(&[
        r#"{"jsonrpc":"2.0","id":"#,
        id.text(),
        r#","method":""#,
        method,
        r#"","params":"#,
        a,
        b,
        c,
        d,
        "}",
    ])
}

/// Calls `send` with the pieces of the response to a request. `id` is the request's id as JSON.
pub(crate) fn reply<T>(id: &str, result: &Result<String, RpcError>, send: impl FnOnce(&[&str]) -> T) -> T {
    const START: &str = r#"{"jsonrpc":"2.0","id":"#;
    match result {
        Ok(result) => send(&[START, id, r#","result":"#, result, "}"]),
        Err(error) => {
            let data = match &error.data {
                Some(json) if check(json).is_ok() => format!(r#","data":{json}"#),
                // Anything but JSON is sent as a string.
                Some(text) => format!(r#","data":{}"#, quote(text)),
                None => String::new(),
            };
            let (code, message) = (error.code, quote(&error.message));
            send(&[START, id, &format!(r#","error":{{"code":{code},"message":{message}{data}}}}}"#)])
        }
    }
}

/// Maximum nesting of sent JSON. The CLI does not respond to JSON of 128 levels.
const MAX_DEPTH: usize = 120;

/// Rejects JSON of this crate that is nested too deeply for the CLI to read.
pub(crate) fn check_depth(json: &str) -> Result<(), Unsendable> {
    // Most texts are too short to be deep, or have too few brackets.
    if json.len() <= 2 * MAX_DEPTH || opening_brackets(json) <= MAX_DEPTH { Ok(()) } else { check(json) }
}

fn opening_brackets(json: &str) -> usize {
    // A count below 256 fits a byte, so that many bytes are looked at together.
    let in_piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    json.as_bytes().chunks(128).map(|piece| usize::from(in_piece(piece))).sum()
}

/// Rejects text that is no JSON or nested too deeply.
fn check(text: &str) -> Result<(), Unsendable> {
    let levels = Scanner::new(text).only(&mut Discard);
    match levels {
        Ok(levels) if levels <= MAX_DEPTH => Ok(()),
        _ => Err(Unsendable(format!("JSON nested deeper than {MAX_DEPTH} levels cannot be sent"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_response_is_read_as_any_other() {
        let owned = |result: Result<&str, NoResult>| match result {
            Ok(result) => Ok(result.to_owned()),
            Err(NoResult::Rpc(error)) => Err(error.code.to_string()),
            Err(_) => Err("unreadable".to_owned()),
        };
        let long_way = |text: &str| {
            let mut found = None;
            each(text, |message| match message {
                Message::Response { id, result } => found = Some((id, owned(result))),
                Message::Unreadable(..) => found = Some((7, Err("unreadable".to_owned()))),
                _ => {}
            });
            found
        };
        let start = r#"{"jsonrpc":"2.0","id":"#;
        for (rest, is_usual) in [
            (r#"7,"result":{"a":[1]}}"#, true),
            (r#"7,"result":null}"#, true),
            (r#"7,"result": "}" }"#, true),
            (r#"7,"result":{},"error":null}"#, true),
            (r#"7,"result":{},"error":{"code":5,"message":""}}"#, true),
            (r#"7,"result":1,"result":2}"#, true),
            (r#"7,"result":}"#, true),
            (r#"7,"result":{}"#, true),
            (r#""7","result":{}}"#, false),
            (r#"+7,"result":{}}"#, false),
            (r#"07,"result":{}}"#, false),
            (r#"7,"error":{"code":1,"message":""}}"#, false),
        ] {
            let text = format!("{start}{rest}");
            let usual = usual_response(&text);
            assert_eq!(usual.is_some(), is_usual, "{text}");
            let Some((id, result)) = usual else { continue };
            let result = match is_json(result) {
                true => Ok(result.trim().to_owned()),
                false => owned(unusual_result(result).as_deref().map_err(|error| match error {
                    NoResult::Rpc(error) => NoResult::Rpc(error.clone()),
                    _ => NoResult::TimedOut,
                })),
            };
            assert_eq!(long_way(&text), Some((id, result)), "{text}");
        }
    }

    #[test]
    fn only_deep_json_is_refused() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let wide = format!("[{}]", vec!["{}"; 2 * MAX_DEPTH].join(","));
        for (json, is_accepted) in [(nested(MAX_DEPTH), true), (nested(MAX_DEPTH + 1), false), (wide, true)] {
            assert_eq!(check_depth(&json).is_ok(), is_accepted, "{json}");
        }
        assert!(check("{").is_err() && check("{}").is_ok());
    }
}
