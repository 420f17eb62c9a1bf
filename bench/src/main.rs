//! `cargo xtask bench` builds and runs this: one line a figure, and a report.
#![forbid(unsafe_code)]

use corelay_bench::machine::Machine;
use corelay_bench::report::Report;
use corelay_bench::section::{Effort, Findings};
use corelay_bench::{cores, guard, sections, stages};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What is to be done.
#[derive(Debug, Default)]
struct Arguments {
    quick: bool,
    only: Vec<String>,
    report: Option<PathBuf>,
    write_docs: Option<PathBuf>,
    guard: Option<PathBuf>,
    raise: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "corelay-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [stages::FIXED, name] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return stages::fixed_work(name);
    }
    let arguments = parse(words.into_iter())?;
    match &arguments.guard {
        Some(limits) => guard::guard(limits, arguments.raise),
        None => measure(&arguments),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> io::Result<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => arguments.quick = true,
            "--only" => arguments.only.extend(words.next()),
            "--report" => arguments.report = words.next().map(PathBuf::from),
            "--write-docs" => arguments.write_docs = words.next().map(PathBuf::from),
            "--guard" => arguments.guard = words.next().map(PathBuf::from),
            "--raise" => arguments.raise = true,
            other => return Err(io::Error::other(format!("{other} is unknown: {}", usage()))),
        }
    }
    let unknown = |name: &&String| !sections().iter().any(|section| section.name == name.as_str());
    match arguments.only.iter().find(unknown) {
        Some(name) => Err(io::Error::other(format!("there is no section {name}: {}", usage()))),
        None => Ok(arguments),
    }
}

fn usage() -> String {
    let names = sections().iter().map(|section| section.name).collect::<Vec<_>>().join(", ");
    format!("give --quick, --only SECTION ({names}), --report DIR, --write-docs FILE, --guard LIMITS [--raise]")
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let effort = Effort::new(arguments.quick);
    let machine = vec![Machine::this().to_string(), effort.to_string()];
    machine.iter().try_for_each(|line| writeln!(io::stdout(), "{line}"))?;
    let mut report = Report::new(machine);
    for section in sections() {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == section.name) {
            continue;
        }
        writeln!(io::stdout(), "\n{}: {}", section.name, section.about)?;
        cores::pin(effort.cores().server)?;
        let findings = (section.run)(&effort).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", section.name)))?;
        print(&findings)?;
        report.add(section.name, section.about, findings);
    }
    if let Some(dir) = &arguments.report {
        report.write(dir)?;
    }
    arguments.write_docs.iter().try_for_each(|path| report.write_table(path))
}

fn print(findings: &Findings) -> io::Result<()> {
    findings.figures.iter().try_for_each(|figure| writeln!(io::stdout(), "{figure}"))?;
    findings.notes.iter().try_for_each(|note| writeln!(io::stdout(), "note {note}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> io::Result<Arguments> {
        parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn words_are_understood_or_refused_with_what_there_is() {
        let arguments = parsed(&["--quick", "--only", "ceiling", "--report", "x"]).expect("all are known");
        assert!(arguments.quick && arguments.only == ["ceiling"] && arguments.report == Some("x".into()));
        for wrong in [&["--fast"][..], &["--only", "nothing"]] {
            let refused = parsed(wrong).expect_err("unknown").to_string();
            assert!(refused.contains("--quick") && refused.contains("ceiling"), "{refused}");
        }
    }
}
