//! JSON text that may be a part of a larger one.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// A text of its own, or a part of a larger one, which it keeps in memory.
pub(crate) enum Text {
    Own(Box<str>),
    Part(Arc<String>, Place),
}

impl Text {
    /// Lets the parts of this text share it.
    pub fn shareable(self) -> Self {
        match self {
            Self::Own(text) => {
                let whole = Arc::new(String::from(text));
                Self::shared(&whole, &whole)
            }
            Self::Part(..) => self,
        }
    }

    /// Returns a part of this text, which shares the larger one.
    pub fn part(&self, part: &str) -> Self {
        match self {
            Self::Part(whole, _) => Self::shared(whole, part),
            Self::Own(_) => Self::Own(part.into()),
        }
    }

    /// Returns a part of a larger text.
    pub fn shared(whole: &Arc<String>, part: &str) -> Self {
        match Place::of(whole, part) {
            Some(place) => Self::Part(Arc::clone(whole), place),
            None => Self::Own(part.into()),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Own(Box::default())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Own(text.into())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Part(whole, place) => &whole[place.range()],
        }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the text, which may hold secrets.
        f.debug_struct("Text").field("length", &self.len()).finish_non_exhaustive()
    }
}

/// The place of a part in a text below 4 GiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// The place of the slice `part` in `whole`; none beyond 4 GiB, or if it is a slice of another text.
    pub fn of(whole: &str, part: &str) -> Option<Self> {
        // Before the other text the start wraps around, to behind its end.
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let end = start.checked_add(part.len()).filter(|end| *end <= whole.len())?;
        Self::at(start..end)
    }

    pub fn at(range: Range<usize>) -> Option<Self> {
        Some(Self { start: range.start.try_into().ok()?, end: range.end.try_into().ok()? })
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Text};

    #[test]
    fn only_a_part_has_a_place() {
        let whole = "{\"result\":null}".to_owned();
        assert_eq!(Place::of(&whole, &whole[10..14]).map(Place::range), Some(10..14));
        let (before, after) = ("null", whole.clone());
        assert_eq!((Place::of(&whole, before), Place::of(&whole, &after)), (None, None));
        assert_eq!(Place::of(&whole[..4], &whole[2..6]), None);
    }

    #[test]
    fn only_parts_of_a_shareable_text_share_it() {
        let own = Text::from("[1,2]");
        assert_ne!(own.part(&own[1..2]).as_ptr(), own[1..].as_ptr());
        let text = own.shareable();
        assert_eq!(text.part(&text[1..2]).as_ptr(), text[1..].as_ptr());
        assert_eq!((&*text, &*text.part(&text[1..2])), ("[1,2]", "1"));
    }
}
