//! Text of others, made safe for the terminal and wrapped at its width.

use copilot_session::printable;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The most characters that one column or two may hold: a letter with a few marks, an emoji. A longer pile of marks is
/// cut.
const MOST_MARKS: usize = 12;

/// Returns one line of text with every character that could disguise it escaped. A tab becomes spaces.
pub fn safe(text: &str) -> String {
    printable(&text.replace('\t', "    ")).into_owned()
}

/// The number of columns of a text.
pub fn columns(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// Returns the beginning of one line of text, with an ellipsis if it is longer than this number of columns.
pub fn shorten(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let (mut short, mut used) = (String::new(), 1);
    for letter in text.graphemes(true) {
        used += letter.width();
        if used > most {
            break;
        }
        short.push_str(letter);
    }
    short + if most == 0 { "" } else { "…" }
}

/// A grapheme cluster: one character to a reader.
struct Letter<'a> {
    text: &'a str,
    width: usize,
    style: Style,
}

/// Wraps one line, between words where that is possible. The first row begins with one prefix, and the others with
/// another.
pub fn wrap(spans: &[Span<'_>], width: usize, first: &[Span<'_>], rest: &[Span<'_>]) -> Vec<Line<'static>> {
    let letters: Vec<_> = spans
        .iter()
        .flat_map(|span| span.content.graphemes(true).map(|text| (text, span.style)))
        .map(|(text, style)| Letter { text, width: text.width(), style })
        .collect();
    let (mut rows, mut start) = (Vec::new(), 0);
    while start < letters.len() || rows.is_empty() {
        let prefix = if rows.is_empty() { first } else { rest };
        let taken: usize = prefix.iter().map(|span| columns(&span.content)).sum();
        // The widest character has two columns, and each row must take one.
        let (end, next) = row_end(&letters[start..], width.saturating_sub(taken).max(2));
        rows.push(line(prefix, &letters[start..start + end]));
        start += next;
    }
    rows
}

/// Wraps text of several lines in one style.
pub fn wrap_text(text: &str, style: Style, width: usize, first: &str, rest: &str) -> Vec<Line<'static>> {
    let lines = text.lines().enumerate().flat_map(|(index, line)| {
        let first = if index == 0 { first } else { rest };
        let [first, rest] = [first, rest].map(|prefix| Span::styled(prefix.to_owned(), style));
        wrap(&[Span::styled(safe(line), style)], width, &[first], &[rest])
    });
    lines.collect()
}

/// Cuts one line into rows, without a look at words.
pub fn chop(text: &str, width: usize) -> Vec<String> {
    let (mut rows, mut used) = (vec![String::new()], 0);
    for letter in text.graphemes(true) {
        used += letter.width();
        if used > width && rows.last().is_some_and(|row| !row.is_empty()) {
            rows.push(String::new());
            used = letter.width();
        }
        if let Some(row) = rows.last_mut() {
            row.extend(letter.chars().take(MOST_MARKS));
        }
    }
    rows
}

/// Returns the number of letters of the next row, and the number of those that it uses up, with the spaces at its end.
fn row_end(letters: &[Letter<'_>], room: usize) -> (usize, usize) {
    let (mut used, mut word, mut last_space) = (0, false, None);
    for (at, letter) in letters.iter().enumerate() {
        let is_space = letter.text == " ";
        if used + letter.width > room {
            let Some(end) = last_space.filter(|_| !is_space).or(is_space.then_some(at)) else {
                return (at.max(1), at.max(1));
            };
            let spaces = letters[end..].iter().take_while(|letter| letter.text == " ").count();
            return (end, end + spaces.max(1));
        }
        used += letter.width;
        // An indentation is no place to break.
        word |= !is_space;
        if is_space && word {
            last_space = Some(at);
        }
    }
    (letters.len(), letters.len())
}

fn line(prefix: &[Span<'_>], letters: &[Letter<'_>]) -> Line<'static> {
    let mut spans: Vec<Span<'static>> =
        prefix.iter().map(|span| Span::styled(span.content.clone().into_owned(), span.style)).collect();
    for run in letters.chunk_by(|one, other| one.style == other.style) {
        let text: String = run.iter().flat_map(|letter| letter.text.chars().take(MOST_MARKS)).collect();
        spans.push(Span::styled(text, run[0].style));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, width: usize) -> Vec<String> {
        wrap(&[Span::raw(text)], width, &[Span::raw("> ")], &[Span::raw("  ")])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn wraps_between_words() {
        assert_eq!(rows("one two three", 9), ["> one two", "  three"]);
        assert_eq!(rows("one two  three", 9), ["> one two", "  three"]);
        assert_eq!(rows("", 9), ["> "]);
        assert_eq!(rows("abcdefghij k", 6), ["> abcd", "  efgh", "  ij k"]);
        assert_eq!(rows("    abcdefg", 8), [">     ab", "  cdefg"]);
    }

    #[test]
    fn counts_columns() {
        assert_eq!(rows("日本語", 6), ["> 日本", "  語"]);
        assert_eq!(rows("日本語", 1), ["> 日", "  本", "  語"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 4), ["> e\u{301}e\u{301}", "  e\u{301}"]);
        let pile = format!("a{}b", "\u{301}".repeat(5000));
        assert_eq!(rows(&pile, 20)[0].chars().count(), 2 + MOST_MARKS + 1);
    }

    #[test]
    fn shortens() {
        assert_eq!(shorten("日本語", 6), "日本語");
        assert_eq!(shorten("日本語", 5), "日本…");
        assert_eq!(shorten("日本語", 4), "日…");
        assert_eq!([shorten("ab", 1), shorten("ab", 0)], ["…", ""]);
    }

    #[test]
    fn escapes() {
        assert_eq!(safe("a\tb\u{1b}[2J\u{202e}c"), "a    b\\u{1b}[2J\\u{202e}c");
    }
}
