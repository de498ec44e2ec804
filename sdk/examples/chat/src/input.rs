//! A text that the user edits.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

use crate::wrap::{chop, columns, safe};

/// The largest text, in bytes. What would make it longer is ignored.
const MAX_BYTES: usize = 1 << 20;

/// A text and the place of the cursor in it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    text: String,
    /// The place of the cursor, in bytes.
    cursor: usize,
}

impl Input {
    /// A text with the cursor at its end.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if there is no text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes the text.
    pub fn take(&mut self) -> String {
        std::mem::take(self).text
    }

    /// Inserts text at the cursor. Of the control characters it keeps line breaks and tabs.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        if self.text.len() + text.len() <= MAX_BYTES {
            self.text.insert_str(self.cursor, &text);
            self.cursor += text.len();
        }
    }

    /// Handles a key, and returns false if the key edits nothing.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => *self = Self::default(),
            KeyCode::Char('w') if control => self.remove(self.word_start(), self.cursor),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char(letter) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(letter.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.remove(self.left(), self.cursor),
            KeyCode::Delete => self.remove(self.cursor, self.right()),
            KeyCode::Left => self.cursor = self.left(),
            KeyCode::Right => self.cursor = self.right(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Up => return self.go_up(),
            KeyCode::Down => return self.go_down(),
            _ => return false,
        }
        true
    }

    /// Moves the cursor to the line above, and returns false if there is none.
    fn go_up(&mut self) -> bool {
        let start = self.line_start(self.cursor);
        if start > 0 {
            self.go_to_column(self.line_start(start - 1), start);
        }
        start > 0
    }

    /// Moves the cursor to the line below, and returns false if there is none.
    fn go_down(&mut self) -> bool {
        let Some(end) = self.text[self.cursor..].find('\n') else { return false };
        self.go_to_column(self.cursor + end + 1, self.line_start(self.cursor));
        true
    }

    /// Moves the cursor into the line that starts at `to`, as far as it is in the line that starts at `from`.
    fn go_to_column(&mut self, to: usize, from: usize) {
        let column = self.text[from..self.cursor].graphemes(true).count();
        let line = self.text[to..].split('\n').next().unwrap_or_default();
        self.cursor = to + line.graphemes(true).take(column).map(str::len).sum::<usize>();
    }

    /// The start of the line that a place is in.
    fn line_start(&self, place: usize) -> usize {
        self.text[..place].rfind('\n').map_or(0, |at| at + 1)
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn left(&self) -> usize {
        let before = &self.text[..self.cursor];
        before.grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        self.cursor + self.text[self.cursor..].graphemes(true).next().map_or(0, str::len)
    }

    /// The start of the word before the cursor.
    fn word_start(&self) -> usize {
        let words = self.text[..self.cursor].split_word_bound_indices();
        words.rev().find(|(_, word)| !word.trim().is_empty()).map_or(0, |(at, _)| at)
    }

    /// Returns the rows to show at this width, and the row and column of the cursor.
    pub fn rows(&self, width: usize) -> (Vec<String>, (usize, usize)) {
        let (mut rows, mut place, mut start) = (Vec::new(), (0, 0), 0);
        for line in self.text.split('\n') {
            if (start..=start + line.len()).contains(&self.cursor) {
                let before = chop(&safe(&self.text[start..self.cursor]), width);
                let column = before.last().map_or(0, |row| columns(row));
                // After a full row, the next letter goes to the row below.
                let is_full = usize::from(column >= width);
                place = (rows.len() + before.len() - 1 + is_full, column * (1 - is_full));
            }
            rows.extend(chop(&safe(line), width));
            start += line.len() + 1;
        }
        // The cursor may be on a row that has no letter yet.
        rows.resize(rows.len().max(place.0 + 1), String::new());
        (rows, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode) {
        assert!(input.key(KeyEvent::new(code, KeyModifiers::NONE)), "{code:?}");
    }

    #[test]
    fn edits_whole_characters() {
        let mut input = Input::default();
        input.insert("ae\u{301}日\r\nb\u{1b}\u{7}");
        assert_eq!(input.text(), "ae\u{301}日\nb");
        for _ in 0..3 {
            press(&mut input, KeyCode::Left);
        }
        press(&mut input, KeyCode::Backspace);
        assert_eq!(input.text(), "a日\nb");
        press(&mut input, KeyCode::Delete);
        press(&mut input, KeyCode::Char('x'));
        assert_eq!(input.text(), "ax\nb");
        press(&mut input, KeyCode::End);
        input.insert(" two words ");
        input.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(input.text(), "ax\nb two ");
    }

    #[test]
    fn goes_from_line_to_line() {
        let mut input = Input::new("日本語x\n\nab");
        let mut go = |code| (input.key(KeyEvent::new(code, KeyModifiers::NONE)), input.cursor);
        assert_eq!(go(KeyCode::Down), (false, 14));
        assert_eq!(go(KeyCode::Up), (true, 11));
        assert_eq!(go(KeyCode::Up), (true, 0));
        assert_eq!(go(KeyCode::Up), (false, 0));
        assert_eq!([go(KeyCode::Right).1, go(KeyCode::Right).1], [3, 6]);
        assert_eq!(go(KeyCode::Down), (true, 11));
        assert_eq!(go(KeyCode::Down), (true, 12));
    }

    #[test]
    fn shows_the_cursor() {
        let mut input = Input::new("日本\nabcdef");
        assert_eq!(input.rows(6), (vec!["日本".into(), "abcdef".into(), "".into()], (2, 0)));
        press(&mut input, KeyCode::Left);
        assert_eq!(input.rows(6).1, (1, 5));
        press(&mut input, KeyCode::Home);
        press(&mut input, KeyCode::Right);
        assert_eq!(input.rows(6).1, (0, 2));
    }

    #[test]
    fn has_a_limit() {
        let mut input = Input::new("a".repeat(MAX_BYTES - 1));
        input.insert("bb");
        assert_eq!(input.text().len(), MAX_BYTES - 1);
    }
}
