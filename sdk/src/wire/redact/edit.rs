//! A text in which parts are replaced.

use std::ops::Range;

/// The new text as far as it is known.
pub(super) struct Edit<'t> {
    pub text: &'t str,
    /// The bytes of `text` before this index are done.
    done: usize,
    out: String,
}

impl<'t> Edit<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, done: 0, out: String::new() }
    }

    /// Replaces a part, which comes after those replaced before and is not empty.
    pub fn replace(&mut self, part: Range<usize>, with: &str) {
        self.out.push_str(&self.text[self.done..part.start]);
        self.out.push_str(with);
        self.done = part.end;
    }

    /// Returns the new text; none if nothing was replaced.
    pub fn finish(self) -> Option<String> {
        (self.done > 0).then(|| self.out + &self.text[self.done..])
    }
}
