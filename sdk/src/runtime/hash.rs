//! A fast hash, which does not withstand keys that are chosen to collide.
//!
//! Most keys are numbers and names of this crate or the program, or ids that the CLI makes, which is trusted. Others
//! choose two kinds of ids, and gain little with them. The server of the model chooses ids of tool calls: a timeout of
//! a turn remembers at most 256, and names one of two that collide. A program may take the ids of its sessions from its
//! users: looking one up then takes time in proportion to the sessions that are open, each of which the CLI holds, too.

use std::hash::{BuildHasherDefault, Hasher};

/// Hashes several times faster than the standard library's hasher, which withstands chosen keys.
pub(crate) type QuickHash = BuildHasherDefault<QuickHasher>;

/// See [`QuickHash`].
#[derive(Debug, Clone, Default)]
pub(crate) struct QuickHasher(u64);

impl QuickHasher {
    fn mix(&mut self, word: u64) {
        // Digits of pi, and both halves of the product, so that each bit depends on all of the word.
        let product = u128::from(self.0 ^ word ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        // The last word may overlap the one before it.
        let last = match bytes.last_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        self.mix(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(byte.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::QuickHash;

    #[test]
    fn texts_that_differ_a_little_have_other_hashes() {
        let id = "0f6a83b2-55f1-4c0e-9d1c-2b7e5a90c3d4";
        let changed = (0..id.len())
            .flat_map(|at| ('0'..='z').map(move |letter| format!("{}{letter}{}", &id[..at], &id[at + 1..])));
        let cut = (0..id.len()).map(|end| id[..end].to_owned());
        let zeros = (0..20).map(|count| "\0".repeat(count));
        let all: HashSet<String> = changed.chain(cut).chain(zeros).collect();
        let hashes: HashSet<u64> = all.iter().map(|id| QuickHash::default().hash_one(id)).collect();
        assert_eq!(hashes.len(), all.len());
        // Each half alone differs nearly always, too.
        for shift in [0, 32] {
            let halves: HashSet<u32> = hashes.iter().map(|hash| (*hash >> shift) as u32).collect();
            assert!(halves.len() + 5 > all.len(), "{} of {}", halves.len(), all.len());
        }
    }
}
