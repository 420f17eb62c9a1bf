//! Randomness from the system, for the seeds of cores: the core itself has no source of its own.

use rand::TryRng as _;
use rand::rngs::SysRng;

/// 32 bytes that nobody can guess.
///
/// # Errors
/// When the system has no randomness (`getrandom` fails); nothing can be secured without it.
pub(crate) fn seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(|e| std::io::Error::other(format!("the system gives no randomness: {e}")))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_differ() {
        assert_ne!(super::seed().expect("the system has randomness"), super::seed().expect("the system has randomness"));
    }
}
