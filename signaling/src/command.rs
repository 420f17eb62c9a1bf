//! The command line.

pub(crate) mod config;
mod descriptors;
pub(crate) mod serve;
pub(crate) mod token;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::{Path, PathBuf};

/// A WebRTC SFU. Without a command it runs the server; without a configuration, for development on loopback.
#[derive(Debug, Parser)]
#[command(name = "corelay", version)]
pub(crate) struct Arguments {
    /// Configuration file (TOML). The environment wins over it.
    #[arg(long, global = true, value_name = "FILE", env = "CORELAY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints the effective configuration.
    Config,
    /// Mints a token with JWT_SECRET, for developers.
    Token(token::TokenArguments),
}

pub(crate) type CommandResult = Result<(), Box<dyn Error>>;

fn load(file: Option<&Path>) -> Result<corelay_engine::config::Config, Box<dyn Error>> {
    Ok(corelay_engine::config::Config::load(file, std::env::vars())?)
}

/// Writes to standard output; a reader that went away is no error of ours.
fn print(text: &str) -> CommandResult {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
