//! Secrets and names that cannot be guessed.

use std::io;

/// Returns `N` random bytes in hexadecimal.
///
/// # Errors
/// If the system has no randomness.
pub fn hex<const N: usize>() -> io::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
