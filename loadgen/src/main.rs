//! `corelay-loadgen`: load for a Corelay server, as a person runs it: scenarios, live progress, results and ramps. What carries the media
//! is the library beside it.
#![forbid(unsafe_code)]

mod arguments;
mod figures;
mod ramp;
mod report;
mod run;
mod scenario;

use arguments::{Arguments, Command, Outputs};
use clap::Parser;
use report::Report;
use run::Target;
use scenario::Scenario;
use std::io::Write;
use std::process::ExitCode;

/// A wrong argument or scenario, as `clap` exits.
const EXIT_USAGE: u8 = 2;
/// The run could not be set up: no server, a refused token, no descriptors.
const EXIT_SETUP: u8 = 5;
/// 128 and the signal's number, as a shell would say.
const EXIT_INTERRUPTED: u8 = 130;

/// A join allocates in many small pieces, on the side of the clients as on the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // `dtls` asks for the process's default, which rustls cannot guess when two providers are compiled in. An error means that one is
    // chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let ended = tokio::select! {
        ended = execute(&arguments) => ended,
        // Dropping the run closes every connection; the server sees them go.
        _ = tokio::signal::ctrl_c() => {
            complain("interrupted: there is no result");
            return ExitCode::from(EXIT_INTERRUPTED);
        }
    };
    ended.unwrap_or_else(|Failure { code, error }| {
        complain(&format!("{error:#}"));
        ExitCode::from(code)
    })
}

/// Why there is no report.
struct Failure {
    code: u8,
    error: anyhow::Error,
}

async fn execute(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let usage = |error| Failure { code: EXIT_USAGE, error };
    match arguments.command() {
        Command::List => print(&arguments::list()).map_err(usage),
        Command::Keys => print(&arguments::keys()).map_err(usage),
        Command::Show { scenario } => print(arguments::shown(&scenario).map_err(usage)?).map_err(usage),
        Command::Run { scenario, target, outputs } => run(&scenario.map_err(usage)?, &target, &outputs, false).await,
        Command::Ramp { scenario, target, outputs } => {
            let scenario = scenario.map_err(usage)?;
            ramp::loads(&scenario).map_err(usage)?;
            run(&scenario, &target, &outputs, true).await
        }
    }
}

async fn run(scenario: &Scenario, target: &Target, outputs: &Outputs, is_ramp: bool) -> Result<ExitCode, Failure> {
    let setup = |error: anyhow::Error| Failure { code: EXIT_SETUP, error: error.context("the run could not be set up") };
    let (report, code) = if is_ramp {
        let (measured, closing, climb) = ramp::climb(scenario, target, outputs.quiet).await.map_err(setup)?;
        let code = climb.exit_code();
        (Report::new(scenario, measured, closing, Some(climb)), code)
    } else {
        let finished = run::run(scenario, target, outputs.quiet).await.map_err(setup)?;
        let report = Report::new(scenario, finished.measured, finished.closing, None);
        let code = report.verdict().outcome.exit_code();
        (report, code)
    };
    deliver(&report, scenario, outputs).map_err(|error| Failure { code: EXIT_SETUP, error })?;
    Ok(ExitCode::from(code))
}

/// The table goes to standard output, or to standard error when JSON is there.
fn deliver(report: &Report, scenario: &Scenario, outputs: &Outputs) -> anyhow::Result<()> {
    if let Some(file) = &outputs.html {
        arguments::write_file(file, &report.html(scenario))?;
    }
    match outputs.json.as_deref() {
        Some("-") => {
            print(&report.json()?)?;
            if !report.verdict().is_ok() {
                complain(report.conclusion().trim_end());
            }
        }
        json => {
            if let Some(file) = json {
                arguments::write_file(file, &report.json()?)?;
            }
            print(&report.table())?;
        }
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever closed standard error does not want to hear it; the exit code says it as well.
fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
