//! Identifiers that nobody else has.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A UUID (version 4) from the standard library's source of randomness: it must be unique, not secret,
/// and that is no reason for another three crates.
pub(crate) fn new() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        ((low >> 48) & 0x3fff) | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
