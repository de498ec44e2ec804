//! Unique identifiers and secrets.
//!
//! All of them come from the system's random generator without any state between calls, so two processes
//! after a fork generate different ones.

use std::io;

/// A UUID (version 4).
pub(crate) fn uuid() -> io::Result<String> {
    /// The bits of the version and the variant.
    const FIXED: u128 = (0xf << 76) | (0b11 << 62);
    let bits = (random()? & !FIXED) | (4 << 76) | (0b10 << 62);
    let mut text = hexadecimal(bits);
    for hyphen in [8, 13, 18, 23] {
        text.insert(hyphen, '-');
    }
    Ok(text)
}

/// A secret of 128 random bits, in hexadecimal.
pub(crate) fn secret() -> io::Result<String> {
    random().map(hexadecimal)
}

/// All 32 digits, which `format!` writes more slowly.
fn hexadecimal(bits: u128) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    // Room for the hyphens of a UUID.
    let mut text = String::with_capacity(36);
    text.extend(bits.to_be_bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
    text
}

/// 128 bits from the system's generator.
fn random() -> io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::{secret, uuid};

    #[test]
    fn a_secret_is_long_and_never_the_same() {
        let (one, other) = (secret().expect("a secret"), secret().expect("a secret"));
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4_and_never_the_same() {
        let ids: Vec<String> = (0..64).map(|_| uuid().expect("an id")).collect();
        for id in &ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{id}");
            assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
        let different: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        // Every bit but the fixed ones is random.
        let bits = ids.iter().map(|id| u128::from_str_radix(&id.replace('-', ""), 16).expect("hexadecimal"));
        let (all, none) = bits.fold((u128::MAX, 0), |(all, none), id| (all & id, none | id));
        assert_eq!((all, !none), (4 << 76 | 0b10 << 62, 0xb << 76 | 0b01 << 62));
    }
}
