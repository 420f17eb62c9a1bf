//! Why a configuration is refused. Each message names the key, the problem and what is allowed.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Environment,
    /// The configuration file.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The start stops with this, and the operator reads it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or may not be read.
    #[error("cannot read the configuration file {}: {source}. Check the path and its permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not valid TOML: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What the parser said, with the line.
        message: String,
    },
    /// A name that means nothing here: a typing mistake must not pass for a setting.
    #[error("`{key}` in {place} is not a key of Corelay. Correct or remove it; the keys are: {known}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Where it was written.
        place: Place,
        /// All the names that are allowed there.
        known: String,
    },
    /// A value that its key does not take.
    #[error("{key} in {place}: {problem}. Allowed: {allowed}")]
    BadValue {
        /// The key, by its environment name.
        key: &'static str,
        /// Where the value was written.
        place: Place,
        /// The value (hidden for a secret) and what is wrong with it.
        problem: String,
        /// What the key takes.
        allowed: String,
    },
    /// Values that are fine alone and wrong together.
    #[error("{keys}: {problem}. {advice}")]
    Clash {
        /// The keys, by their environment names.
        keys: &'static str,
        /// What does not fit.
        problem: String,
        /// What to do about it.
        advice: String,
    },
}
