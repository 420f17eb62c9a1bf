//! `cargo xtask simulate`: the matrix of network conditions, many seeds each; and the same as a stage of the tests.

use crate::console;
use crate::project::Project;
use crate::stage::Stage;
use crate::tally::Tally;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Seeds of each condition in the tests. More find rarer faults; the whole has to stay under four minutes on two cores.
const TEST_SEEDS: &str = "20";

/// What is to be run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seeds of each condition, from 1 on.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Only this condition; with a `*` at its end, all that begin so.
    #[arg(long)]
    condition: Option<String>,
    /// Only this seed: the run of a failure, with its figures.
    #[arg(long)]
    seed: Option<u64>,
    /// With it, what the server told of the run: probes, estimates, keyframes, layers, requests.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Names the conditions, and runs nothing.
    #[arg(long)]
    list: bool,
}

/// Runs what is asked for in sight of the user. Whether all that has to hold did.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    if build(project)?.failed > 0 {
        return Ok(false);
    }
    let mut simulate = Command::new(program(project));
    simulate.args(["--seeds", &options.seeds.to_string()]);
    options.condition.iter().for_each(|name| _ = simulate.args(["--condition", name]));
    options.seed.iter().for_each(|seed| _ = simulate.args(["--seed", &seed.to_string()]));
    if options.trace {
        simulate.arg("--trace");
    }
    if options.list {
        simulate.arg("--list");
    }
    let status = simulate.status().context("cannot start the simulator that was just built")?;
    Ok(status.success())
}

/// Runs all conditions from a few seeds. What is known not to hold yet is said and counted apart.
pub(crate) fn test(project: &Project) -> Result<Tally> {
    let built = build(project)?;
    if built.failed > 0 {
        return Ok(built);
    }
    let program = program(project).to_string_lossy().into_owned();
    let stage = Stage::new(project, "simulate", &program, &["--seeds", TEST_SEEDS], 20);
    stage.count(project, |output| {
        output.lines().filter(|line| line.ends_with("do not hold yet")).for_each(console::line);
        closing(output)
    })
}

/// The totals in the closing line.
fn closing(output: &str) -> Tally {
    let numbers = output.lines().rev().find_map(|line| {
        let (passed, rest) = line.split_once(" passed, ")?;
        Some((passed.parse().ok()?, rest.strip_suffix(" failed")?.parse().ok()?))
    });
    // Without a closing line it did not get to its end.
    let (passed, failed) = numbers.unwrap_or((0, 1));
    Tally { passed, failed, skipped: 0 }
}

fn build(project: &Project) -> Result<Tally> {
    let arguments = ["build", "--locked", "-p", "corelay-sim", "--bin", "corelay-simulate"];
    Stage::new(project, "sim-build", "cargo", &arguments, 60).check(project)
}

fn program(project: &Project) -> PathBuf {
    project.target.join("debug/corelay-simulate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_the_closing_line() {
        let output = "FAILED a seed 3: x\n    1 passed, really\n40 runs of 2 conditions do not hold yet\n1200 passed, 3 failed\n";
        assert_eq!(closing(output), Tally { passed: 1_200, failed: 3, skipped: 0 });
        assert_eq!(closing("killed"), Tally { passed: 0, failed: 1, skipped: 0 });
    }
}
