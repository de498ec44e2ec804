//! `Debug` of the generated types.

use crate::printable::printable;
use crate::wire::{Wire, Writer, redact};

/// `Debug` of a generated type: its JSON with secrets hidden, including those under unknown keys.
pub(crate) fn debug(value: &dyn Wire, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut out = Writer::redacting();
    out.value_or(value, "null");
    let json = printable(&redact::json(&out.into_json())).into_owned();
    write!(f, "{name} {}", if f.alternate() { over_lines(&json) } else { json })
}

/// JSON with each key and each item on a line of its own.
fn over_lines(json: &str) -> String {
    let (mut out, mut depth, mut in_string) = (String::new(), 0_usize, false);
    let mut chars = json.chars().peekable();
    while let Some(char) = chars.next() {
        let closes_next = chars.peek().is_some_and(|next| matches!(next, '}' | ']'));
        match char {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                out.push(char);
                out.extend(chars.next());
                continue;
            }
            '}' | ']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(char);
        match char {
            _ if in_string => {}
            ':' => out.push(' '),
            '{' | '[' => depth += 1,
            _ => {}
        }
        // A line ends after an opening bracket, a comma, and before a closing bracket.
        let ends = match char {
            '{' | '[' if !in_string => !closes_next,
            ',' if !in_string => true,
            _ => !in_string && closes_next,
        };
        if ends {
            let level = depth.saturating_sub(usize::from(closes_next));
            out.push('\n');
            out.extend(std::iter::repeat_n("    ", level));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn json_over_lines() {
        let lines = super::over_lines(r#"{"a":[1,{}],"b":"x,{\"}","c":{"d":[]}}"#);
        let expected = r#"{
    "a": [
        1,
        {}
    ],
    "b": "x,{\"}",
    "c": {
        "d": []
    }
}"#;
        assert_eq!(lines, expected);
    }
}
