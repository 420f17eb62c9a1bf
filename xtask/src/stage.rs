//! One command of a task: run it, keep its whole output in a log, say in a line how it went.

use crate::project::Project;
use crate::tally::Tally;
use crate::{console, processes};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How much of a failed command's output the terminal shows. More buries the reason, less cuts off a long panic; the log has all.
const EXCERPT_LINES_MAX: usize = 80;

/// A command with a name and a limit.
pub(crate) struct Stage {
    name: String,
    command: Command,
    limit: Duration,
}

/// What a command did.
pub(crate) struct Outcome {
    /// Whether it ended by itself and said all is well.
    pub(crate) is_success: bool,
    /// All it printed, both streams.
    pub(crate) output: String,
}

impl Stage {
    /// A command in the project's top directory, without input. The limit is there to end a hang: several times what it takes.
    pub(crate) fn new(project: &Project, name: impl Into<String>, program: &str, arguments: &[&str], limit_minutes: u64) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&project.root).stdin(Stdio::null());
        Self { name: name.into(), command, limit: Duration::from_secs(limit_minutes * 60) }
    }

    /// For directories, environment and more arguments.
    pub(crate) fn configure(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Runs it as one check that passes or fails.
    pub(crate) fn check(self, project: &Project) -> Result<Tally> {
        self.count(project, |_| Tally::default()).map(|tally| if tally.failed == 0 { Tally::of(true) } else { tally })
    }

    /// Runs it as a test runner whose output has the totals.
    pub(crate) fn count(self, project: &Project, totals: impl FnOnce(&str) -> Tally) -> Result<Tally> {
        let name = self.name.clone();
        let started = Instant::now();
        let outcome = self.run(project)?;
        let tally = totals(&outcome.output).with_exit(outcome.is_success);
        let counts = if tally == Tally::default() { "ok".to_owned() } else { tally.to_string() };
        console::line(&format!("{name:<12} {:>6.1} s  {counts}", started.elapsed().as_secs_f64()));
        if tally.failed > 0 {
            console::indented(&excerpt(&outcome.output));
            console::line(&format!("    all of it: {}", log_path(project, &name).display()));
        }
        Ok(tally)
    }

    /// Runs it without a word.
    pub(crate) fn run(mut self, project: &Project) -> Result<Outcome> {
        let path = log_path(project, &self.name);
        fs::create_dir_all(project.scratch()).context("cannot make target/xtask")?;
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let program = self.command.get_program().to_string_lossy().into_owned();
        let child = self
            .command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{program}`: is it installed and on the PATH?"))?;
        let status = processes::wait(child, self.limit)?;
        let mut output = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        if status.is_none() {
            output.push_str(&format!("\nkilled: `{}` was not done after {} minutes\n", self.name, self.limit.as_secs() / 60));
        }
        Ok(Outcome { is_success: status.is_some_and(|status| status.success()), output })
    }
}

fn log_path(project: &Project, name: &str) -> std::path::PathBuf {
    project.scratch().join(format!("{name}.log"))
}

/// The part of an output that says why: what Rust's test runner says between `failures:` and the result, or else the end.
fn excerpt(output: &str) -> String {
    let mut picked: Vec<&str> = Vec::new();
    let mut is_inside = false;
    for line in output.lines() {
        is_inside = (is_inside || line == "failures:") && !line.starts_with("test result:");
        if is_inside || line.starts_with("error") || line.starts_with("killed:") {
            picked.push(line);
        }
    }
    if picked.len() < 3 || !output.contains("test result: FAILED") {
        picked = output.lines().collect();
        picked.drain(..picked.len().saturating_sub(EXCERPT_LINES_MAX));
    }
    picked.truncate(EXCERPT_LINES_MAX);
    picked.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failed_test_run_the_failures_are_shown() {
        let noise = "test x ... ok\n".repeat(200);
        let output = format!(
            "{noise}\nfailures:\n\n---- a stdout ----\nboom\n\nfailures:\n    a\n\ntest result: FAILED. 200 passed; 1 failed;\n{noise}error: test failed\n"
        );
        let shown = excerpt(&output);
        assert!(shown.contains("boom") && shown.contains("error: test failed") && !shown.contains("test x ... ok"), "{shown}");
    }

    #[test]
    fn of_anything_else_the_end_is_shown() {
        let output = (0..500).map(|n| format!("line {n}\n")).collect::<String>();
        let shown = excerpt(&output);
        assert!(shown.ends_with("line 499") && shown.lines().count() == EXCERPT_LINES_MAX);
    }
}
