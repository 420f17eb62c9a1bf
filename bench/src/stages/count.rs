//! Instructions of each stage, each by a run under callgrind.

use super::{FIXED, named, names};
use crate::figure::Figure;
use std::io;
use std::path::Path;
use std::process::Command;

/// The one function in which instructions are counted.
const COUNTED: &str = "corelay_bench::stages::counted*";

/// Instructions of one operation of each stage, in the order of the stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts(Vec<(&'static str, f64)>);

impl Counts {
    /// Of the stage with this name.
    pub fn of(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(stage, _)| *stage == name).map(|(_, count)| *count)
    }

    /// One figure each.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        self.0.iter().map(|(name, count)| Figure::of(format!("stage.{name}.instructions"), "instructions", *count))
    }
}

/// Counts each stage in a process of its own. `program` is the bench itself.
pub fn count(program: &Path) -> io::Result<Counts> {
    let counts = names().map(|name| {
        let total = count_one(program, name)?;
        Ok((name, total as f64 / named(name)?.operations() as f64))
    });
    counts.collect::<io::Result<Vec<_>>>().map(Counts)
}

fn count_one(program: &Path, name: &str) -> io::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect={COUNTED}")).arg(program).args([FIXED, name]);
    let output = valgrind.output();
    let output = output.map_err(|e| io::Error::new(e.kind(), format!("valgrind: {e}; install it to count instructions")))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let total = collected(&report).filter(|total| *total > 0 && output.status.success());
    total.ok_or_else(|| io::Error::other(format!("callgrind counted nothing in `{COUNTED}` for {name}; it said:\n{report}")))
}

/// The count in callgrind's line `==1== Collected : 123`.
fn collected(report: &str) -> Option<u64> {
    let (_, rest) = report.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_names_of_their_stages() {
        let counts = Counts(vec![("seal", 12.5)]);
        assert_eq!((counts.of("seal"), counts.of("open")), (Some(12.5), None));
        assert_eq!(counts.figures().next().map(|figure| figure.name().to_owned()).as_deref(), Some("stage.seal.instructions"));
    }

    #[test]
    fn the_count_is_found_in_the_report() {
        let report = "==9== Events    : Ir\n==9== Collected : 1234567\n==9== \n==9== I   refs:      1,234,567\n";
        assert_eq!(collected(report), Some(1_234_567));
        assert_eq!(collected("==9== nothing"), None);
    }

    #[test]
    fn a_missing_program_is_told() {
        let error = count(Path::new("/nonexistent/bench")).expect_err("nothing runs");
        assert!(!error.to_string().is_empty());
    }
}
