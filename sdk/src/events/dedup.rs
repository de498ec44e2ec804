//! Events that the CLI sends twice.
//!
//! In turns of more than 10,000 events CLI 1.0.102 now and then sends some again, under the same ids, that it
//! sent 10,000 events before; joined deltas would have a text's beginning at its end.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many ids one generation holds; together two are more than 10,000 and less than 400 KB.
const GENERATION: usize = 12 << 10;

/// The events of a turn, by which one that comes again is known.
#[derive(Default)]
pub(crate) struct Repeats {
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl Repeats {
    /// Takes note of an event; true when it has come before.
    pub fn has_seen(&mut self, id: &str) -> bool {
        if id.is_empty() {
            return false;
        }
        // Equal numbers of unequal ids are as good as impossible.
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let id = hasher.finish();
        if self.newer.contains(&id) || self.older.contains(&id) {
            return true;
        }
        if self.newer.len() == GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id);
        false
    }

    /// Forgets all: the turn is over.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_lately_is_known() {
        let mut repeats = Repeats::default();
        for number in 0..100_000 {
            assert!(!repeats.has_seen(&number.to_string()), "{number} is new");
            let earlier = (number - 10_030_i64).max(0);
            assert!(repeats.has_seen(&earlier.to_string()), "{earlier} came before {number}");
            assert!(repeats.newer.len() <= GENERATION && repeats.older.len() <= GENERATION);
        }
        repeats.forget();
        assert!(!repeats.has_seen("99999"));
    }

    #[test]
    fn what_has_no_id_is_always_new() {
        let mut repeats = Repeats::default();
        assert!(!repeats.has_seen("") && !repeats.has_seen(""));
    }
}
