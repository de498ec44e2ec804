//! Foreign text, escaped for display to a person.
//!
//! The text of a model, a server or a file may contain characters that move the cursor, change the
//! direction of writing, or are invisible. Displayed unescaped, they can make one command look like
//! another.

use std::borrow::Cow;

/// Escapes characters that could disguise a text, for display on one line: `\r`, `\u{1b}`.
///
/// These are control characters including line breaks and tabs, characters that change the direction of
/// writing, and invisible characters such as a zero-width space. All others, including the backslash, are
/// unchanged. For text of several lines see [`printable_lines`].
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Escapes like [`printable`], but keeps line feeds, carriage returns before them, and tabs, for text that
/// may have several lines, such as a plan or a message.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |rest| rest.starts_with(['\n', '\t']) || rest.starts_with("\r\n"))
}

/// Escapes deceptive characters unless they are layout, as the text from such a character on shows.
fn escaped(text: &str, is_layout: fn(&str) -> bool) -> Cow<'_, str> {
    let is_escaped = |at: usize, letter| is_deceptive(letter) && !is_layout(&text[at..]);
    if !text.char_indices().any(|(at, letter)| is_escaped(at, letter)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, letter) in text.char_indices() {
        match is_escaped(at, letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Mongolian fillers.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            // Zero-width characters and direction marks; line and paragraph separators; embeddings,
            // overrides; word joiner, invisible operators, isolates and their deprecated predecessors.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Shorthand and musical format controls; tags, and variation selectors that carry hidden text.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One character of each kind that must not reach a terminal.
    const DECEPTIVE: &str = "\0\u{7}\u{8}\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\
        \u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fffb}\u{e0041}\u{e0100}";

    #[test]
    fn one_line() {
        for letter in DECEPTIVE.chars() {
            let text = format!("a{letter}b");
            let shown = printable(&text);
            assert_eq!(shown, format!("a{}b", letter.escape_default()));
        }
        assert_eq!(printable("rm -rf /\r\u{1b}[2Kls"), "rm -rf /\\r\\u{1b}[2Kls");
        for plain in ["", "ls -l", "größe", "日本語", "a\\b", "`id`"] {
            assert!(matches!(printable(plain), Cow::Borrowed(shown) if shown == plain), "{plain}");
        }
    }

    #[test]
    fn several_lines() {
        assert_eq!(printable_lines("a\n\tb\r\nc\rd\n\r"), "a\n\tb\r\nc\\rd\n\\r");
        assert!(matches!(printable_lines("a\n\tb"), Cow::Borrowed(_)));
        for letter in DECEPTIVE.chars().filter(|letter| !matches!(letter, '\n' | '\t')) {
            assert_eq!(
                printable_lines(&format!("a{letter}b\nc")),
                format!("a{}b\nc", letter.escape_default())
            );
        }
    }
}
