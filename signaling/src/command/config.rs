//! `corelay config`

use super::{CommandResult, load, print as write};
use std::path::Path;

/// Prints the effective configuration, secrets left out.
pub(crate) fn print(file: Option<&Path>) -> CommandResult {
    write(&load(file)?.to_toml())
}
