//! A value that is used and never shown.

use std::fmt;

/// Key material from the configuration. `Debug` and `Display` say that there is one, not what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The bytes, for the one who signs or verifies with them.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set, not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("correct horse battery staple");
        assert!(!format!("{secret} {secret:?} {:?}", Some(&secret)).contains("horse"));
        assert_eq!(secret.expose(), b"correct horse battery staple");
        assert_eq!(secret.len(), 28);
        assert!(!secret.is_empty());
    }
}
