//! Secrets of our own making.

use std::io;

use crate::process::SpawnError;

/// 128 bits from the system's generator, in hexadecimal. The random state of the standard library's hash
/// maps is not made for secrets.
pub(crate) fn random() -> Result<String, SpawnError> {
    let mut bytes = [0; 16];
    fill(&mut bytes).map_err(SpawnError::NoRandom)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Every Unix has the file, so that no crate is needed.
#[cfg(unix)]
fn fill(bytes: &mut [u8]) -> io::Result<()> {
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, bytes)
}

/// The system's generator is behind a call that safe code cannot make.
#[cfg(windows)]
fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::random;

    #[test]
    fn a_token_is_long_and_never_the_same() {
        let (one, other) = (random().expect("a token"), random().expect("a token"));
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, other);
    }
}
