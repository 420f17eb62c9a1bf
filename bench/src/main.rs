//! `cargo xtask bench` runs this: one line a figure. `--instructions` counts under callgrind instead.
#![forbid(unsafe_code)]

use corelay_bench::figure::Figure;
use corelay_bench::instructions;
use corelay_bench::machine::Machine;
use corelay_bench::section::Effort;
use corelay_bench::sections;
use std::io::{self, Write};
use std::process::ExitCode;

/// What is to be done.
#[derive(Debug, Default)]
struct Arguments {
    quick: bool,
    only: Vec<String>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some(instructions::FIXED) => {
            instructions::fixed_work();
            Ok(())
        }
        Some("--instructions") => count(),
        first => parse(first.map(str::to_owned).into_iter().chain(arguments)).and_then(|arguments| measure(&arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "corelay-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> io::Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => arguments.quick = true,
            "--only" => arguments.only.extend(words.next()),
            other => {
                let known = sections().iter().map(|section| section.name).collect::<Vec<_>>().join(", ");
                let message = format!("{other} is unknown: give --quick, --only SECTION ({known}), --instructions");
                return Err(io::Error::other(message));
            }
        }
    }
    Ok(arguments)
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let effort = Effort::new(arguments.quick);
    writeln!(io::stdout(), "{}\n{}", Machine::this(), effort.probe)?;
    for section in sections() {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == section.name) {
            continue;
        }
        writeln!(io::stdout(), "\n{}: {}", section.name, section.about)?;
        let findings = (section.run)(&effort).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", section.name)))?;
        print(&findings.figures)?;
        findings.notes.iter().try_for_each(|note| writeln!(io::stdout(), "note {note}"))?;
    }
    Ok(())
}

fn count() -> io::Result<()> {
    writeln!(io::stdout(), "{}", Machine::this())?;
    print(&instructions::count(&std::env::current_exe()?)?)
}

fn print(figures: &[Figure]) -> io::Result<()> {
    figures.iter().try_for_each(|figure| writeln!(io::stdout(), "{figure}"))
}
