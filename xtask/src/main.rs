//! What CI and people run: install what the tests need, check, test, build the demo page, take its screenshot.
//!
//! `cargo xtask test` is the whole; `--only` names one of its groups. Every command writes its output into `target/xtask/*.log`;
//! the terminal gets one line a stage, and of a stage that fails the part that says why.
#![forbid(unsafe_code)]

mod bench;
mod browser;
mod check;
mod console;
mod install;
mod processes;
mod project;
mod quality;
mod simulate;
mod stage;
mod tally;
mod test;
mod tidy;
mod unit;
mod web;

use anyhow::Result;
use clap::{Parser, Subcommand};
use project::Project;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, tests and builds of the Corelay workspace")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the tests need, runs them all, and closes with a line of totals.
    Test(test::Options),
    /// Checks what compilers do not: who imports whom, cycles, lengths, licences, words that must not be there.
    Tidy,
    /// Builds the demo page into signaling/web/dist, which is checked in and embedded.
    Web,
    /// Takes docs/images/call.png, the README's picture of a call of three.
    Screenshot,
    /// Measures what forwarding costs, against what cannot be avoided; one line a figure, and a report in target/bench.
    Bench(bench::Options),
    /// Measures calls between real browsers over a bad network, through this server, Janus and mediasoup; a report in
    /// target/quality.
    Quality(quality::Options),
    /// Runs calls under simulated network conditions, many seeds each, and names the runs that broke their bounds.
    Simulate(simulate::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether the task found everything in order.
fn run(task: Task) -> Result<bool> {
    let project = Project::locate()?;
    match task {
        Task::Test(options) => test::run(&project, &options),
        Task::Tidy => tidy::run(&project),
        Task::Web => web::build(&project),
        Task::Screenshot => browser::screenshot(&project),
        Task::Bench(options) => bench::run(&project, &options),
        Task::Quality(options) => quality::run(&project, &options),
        Task::Simulate(options) => simulate::run(&project, &options),
    }
}
