//! Detection of repeated events.
//!
//! In turns of more than 10,000 events CLI 1.0.102 sometimes repeats events that it sent 10,000 events
//! earlier, with the same ids. Joined deltas would then contain the start of a text again at its end.

use std::collections::HashSet;
use std::hash::BuildHasher;

use crate::runtime::hash::QuickHash;

/// The number of ids in one generation. Two generations hold more than 10,000 ids in less than 400 KB.
const GENERATION: usize = 12 << 10;

/// The number of ids for which there is room from the beginning of a further turn.
const KEPT: usize = 28;

/// The ids of the recent events of a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenEvents {
    newer: HashSet<u64, QuickHash>,
    older: HashSet<u64, QuickHash>,
}

impl SeenEvents {
    /// Records an event, by its id and the id of its request, if it is one. Returns true if it was seen before.
    pub fn has_seen(&mut self, id: &str, request: Option<&str>) -> bool {
        if id.is_empty() {
            return false;
        }
        let id = hash(id, request);
        if self.older.contains(&id) || !self.newer.insert(id) {
            return true;
        }
        if self.newer.len() == GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        false
    }

    /// Returns true if an event was seen, without recording it.
    #[cfg(feature = "transcript")]
    pub fn contains(&self, id: &str) -> bool {
        let id = hash(id, None);
        self.newer.contains(&id) || self.older.contains(&id)
    }

    /// Forgets all ids, at the end of a turn.
    pub fn clear(&mut self) {
        self.older = HashSet::default();
        self.newer.clear();
        // A usual turn needs no more, and the next one finds the room.
        self.newer.shrink_to(KEPT);
    }
}

/// Two different ids practically never have the same hash.
fn hash(id: &str, request: Option<&str>) -> u64 {
    QuickHash::default().hash_one((id, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_events_are_recognised() {
        let mut seen = SeenEvents::default();
        // Miri is too slow to fill a generation.
        let (count, distance) = if cfg!(miri) { (1_000, 100) } else { (100_000_i64, 10_030) };
        for number in 0..count {
            assert!(!seen.has_seen(&number.to_string(), None), "{number} is new");
            let earlier = (number - distance).max(0);
            assert!(seen.has_seen(&earlier.to_string(), None), "{earlier} came before {number}");
            assert!(seen.newer.len() <= GENERATION && seen.older.len() <= GENERATION);
        }
        seen.clear();
        assert!(!seen.has_seen(&(count - 1).to_string(), None));
    }

    #[test]
    fn events_without_an_id_are_always_new() {
        let mut seen = SeenEvents::default();
        assert!(!seen.has_seen("", None) && !seen.has_seen("", None));
    }
}
