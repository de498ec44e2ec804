//! `Debug` of the generated types.

use serde_json::ser::PrettyFormatter;

use crate::printable::{printable, printable_lines};
use crate::wire::{Wire, Writer, redact, serialize_json};

/// `Debug` of a generated type: its JSON with secrets hidden, including those under unknown keys.
pub(crate) fn debug(value: &dyn Wire, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut out = Writer::redacting();
    out.value_or(value, "null");
    let json = redact::json(&out.into_json());
    match f.alternate().then(|| over_lines(&json)).flatten() {
        Some(lines) => write!(f, "{name} {}", printable_lines(&lines)),
        None => write!(f, "{name} {}", printable(&json)),
    }
}

/// JSON with each key and each item on a line of its own.
fn over_lines(json: &str) -> Option<String> {
    let mut out = Vec::new();
    let lines = PrettyFormatter::with_indent(b"    ");
    serialize_json(json, &mut serde_json::Serializer::with_formatter(&mut out, lines)).ok()?;
    String::from_utf8(out).ok()
}
