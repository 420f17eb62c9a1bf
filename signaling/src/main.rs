//! The `corelay` command: runs the server, prints its configuration, mints tokens.
#![forbid(unsafe_code)]

mod command;

use clap::Parser as _;
use command::Command;
use std::process::ExitCode;

/// Signaling allocates in many small pieces; mimalloc does that faster and gives memory back sooner than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    let result = match &arguments.command {
        None => command::serve::run(arguments.config.as_deref()),
        Some(Command::Config) => command::config::print(arguments.config.as_deref()),
        Some(Command::Token(token)) => command::token::print(arguments.config.as_deref(), token),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("corelay: {error}");
            ExitCode::FAILURE
        }
    }
}
