//! Totals of tests, and how they are read out of the output of the test runners.

use std::fmt;
use std::ops::AddAssign;

/// How many tests there were, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Did what they should.
    pub(crate) passed: u64,
    /// Did not.
    pub(crate) failed: u64,
    /// Were not run because the machine lacks something.
    pub(crate) skipped: u64,
}

impl Tally {
    /// One check that passed or failed.
    pub(crate) fn of(is_ok: bool) -> Self {
        Self { passed: u64::from(is_ok), failed: u64::from(!is_ok), skipped: 0 }
    }

    /// Checks that were not run.
    pub(crate) fn skipped(skipped: u64) -> Self {
        Self { skipped, ..Self::default() }
    }

    /// Adds up the result lines of Rust's test runner. Filtered-out tests count as skipped only where the machine was the reason.
    pub(crate) fn from_cargo(output: &str, filtered_is_skipped: bool) -> Self {
        let mut sum = Self::default();
        for line in output.lines().filter(|line| line.starts_with("test result: ")) {
            let count = |word: &str| number_before(line, word);
            sum.passed += count(" passed");
            sum.failed += count(" failed");
            sum.skipped += count(" ignored") + if filtered_is_skipped { count(" filtered out") } else { 0 };
        }
        sum
    }

    /// Adds up the closing lines of Node's test runner (`# pass 3` or `ℹ pass 3`) and of Vitest (`Tests  1 failed | 3 passed (4)`).
    pub(crate) fn from_node(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines() {
            let plain = without_colour(line);
            if let Some(totals) = plain.trim_start().strip_prefix("Tests  ") {
                sum.passed += number_before(totals, " passed");
                sum.failed += number_before(totals, " failed");
                sum.skipped += number_before(totals, " skipped") + number_before(totals, " todo");
            }
            let Some((_, count)) = plain.split_once(' ').filter(|(mark, _)| matches!(*mark, "#" | "ℹ")) else {
                continue;
            };
            match count.split_once(' ').map(|(word, number)| (word, number.parse::<u64>())) {
                Some(("pass", Ok(number))) => sum.passed += number,
                Some(("fail" | "cancelled", Ok(number))) => sum.failed += number,
                Some(("skipped" | "todo", Ok(number))) => sum.skipped += number,
                _ => {}
            }
        }
        sum
    }

    /// A command that failed without a failed test (it did not compile, it crashed) is one failure; one that ran nothing is too.
    pub(crate) fn with_exit(mut self, is_success: bool) -> Self {
        if !is_success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The number that stands right before a word, 0 if there is none.
fn number_before(line: &str, word: &str) -> u64 {
    line.split_once(word)
        .and_then(|(before, _)| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// The text without the terminal's colour sequences.
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "test a ... ok\ntest result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s\n\
                         test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";

    #[test]
    fn cargo_results_are_added_up() {
        assert_eq!(Tally::from_cargo(CARGO, false), Tally { passed: 14, failed: 1, skipped: 1 });
        assert_eq!(Tally::from_cargo(CARGO, true), Tally { passed: 14, failed: 1, skipped: 4 });
    }

    #[test]
    fn node_and_vitest_results_are_added_up() {
        let node = "ok 1 - x\n# tests 7\n# pass 4\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n# duration_ms 1\n";
        assert_eq!(Tally::from_node(node), Tally { passed: 4, failed: 2, skipped: 1 });
        assert_eq!(Tally::from_node("ℹ pass 2\nℹ fail 0\n"), Tally { passed: 2, failed: 0, skipped: 0 });
        let vitest = "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[31m1 failed\u{1b}[39m | 3 passed | 2 skipped (6)\n";
        assert_eq!(Tally::from_node(vitest), Tally { passed: 3, failed: 1, skipped: 2 });
    }

    #[test]
    fn an_exit_code_without_a_failed_test_is_a_failure() {
        assert_eq!(Tally::default().with_exit(false).failed, 1);
        assert_eq!(Tally { failed: 2, ..Tally::default() }.with_exit(false).failed, 2);
        assert_eq!(Tally::default().with_exit(true).failed, 0);
    }

    #[test]
    fn the_closing_line_reads_as_promised() {
        assert_eq!(Tally { passed: 3, failed: 1, skipped: 2 }.to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
