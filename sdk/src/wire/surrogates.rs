//! Text that no UTF-8 has: JSON can escape half of a UTF-16 pair, as where JavaScript cut a string.

/// The JSON with every escape of a lone surrogate made one of U+FFFD; none when it has no such escape.
///
/// What stands where stays the same.
pub(crate) fn replaced(json: &str) -> Option<String> {
    let mut mended: Option<String> = None;
    let mut at = 0;
    // A backslash stands in strings only.
    while let Some(found) = json.as_bytes().get(at..)?.iter().position(|byte| *byte == b'\\') {
        at += found;
        at += match escape(json, at) {
            None => 2,
            Some(0xd800..0xdc00) if matches!(escape(json, at + 6), Some(0xdc00..0xe000)) => 12,
            Some(0xd800..0xe000) => {
                let text = mended.get_or_insert_with(|| json.to_owned());
                text.replace_range(at..at + 6, "\\ufffd");
                6
            }
            Some(_) => 6,
        };
    }
    mended
}

/// The code of `\uXXXX` at this place.
fn escape(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn lone_ones_only() {
        let cases = [
            (r#""\ud800""#, Some(r#""\ufffd""#)),
            (r#""\uDFFF\ud800\ud83e\udd80\ud83e""#, Some(r#""\ufffd\ufffd\ud83e\udd80\ufffd""#)),
            (r#"["\ud83e","\udd80"]"#, Some(r#"["\ufffd","\ufffd"]"#)),
            (r#"{"\udc00":"\\\udc00"}"#, Some(r#"{"\ufffd":"\\\ufffd"}"#)),
            (r#""\\ud800 \ud83e\udd80 \u00e9 é""#, None),
            (r#""\ud8"#, None),
            (r#""\"#, None),
            ("\"\\é\u{1f980}\\", None),
            ("", None),
        ];
        for (json, expected) in cases {
            assert_eq!(replaced(json).as_deref(), expected, "{json}");
        }
    }
}
