//! `cargo xtask bench`: builds the bench and the server, runs the sections, leaves a report; or guards the instruction counts.

use crate::console;
use crate::project::{Project, program};
use crate::stage::Stage;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// What is to be measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The main figures only, in under five minutes, of a build without link-time optimisation.
    #[arg(long)]
    quick: bool,
    /// Only this section; may be given several times. A wrong name lists them.
    #[arg(long)]
    only: Vec<String>,
    /// Fill the table of docs/performance.md with what is measured.
    #[arg(long)]
    write_docs: bool,
    /// Compare instruction counts with bench/instructions.toml, and measure nothing.
    #[arg(long)]
    guard: bool,
    /// With --guard: write the counts as the new limits.
    #[arg(long, requires = "guard")]
    raise: bool,
}

/// The release build, or for speed of building the one that the browser tests use: it differs by link-time optimisation, which moves the
/// ratios by one or two percent.
#[derive(Clone, Copy)]
enum Build {
    Release,
    Quick,
}

impl Build {
    fn profile(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Quick => "e2e",
        }
    }

    fn program(self, project: &Project, name: &str) -> PathBuf {
        project.target.join(self.profile()).join(name)
    }

    /// Builds these packages.
    fn make(self, project: &Project, packages: &[&str]) -> Result<bool> {
        let mut arguments = vec!["build", "--locked", "--profile", self.profile()];
        packages.iter().for_each(|package| arguments.extend(["-p", package]));
        Ok(Stage::new(project, "bench-build", "cargo", &arguments, 60).check(project)?.failed == 0)
    }
}

/// Runs the bench. Whether nothing was lost, and no count is above its limit.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    if options.guard {
        return Ok(guard(project, options.raise)?.failed == 0);
    }
    let build = if options.quick { Build::Quick } else { Build::Release };
    if !build.make(project, &["corelay-bench", "corelay"])? {
        return Ok(false);
    }
    let report = project.target.join("bench");
    let mut bench = Command::new(build.program(project, "corelay-bench"));
    if options.only.is_empty() || options.only.iter().any(|name| name == "io") {
        bench.env("CORELAY_BENCH_RUNTIMES", runtimes(project)?);
    }
    // Sections that measure whole servers start this one.
    bench.current_dir(&project.root).env("CORELAY_BIN", build.program(project, "corelay")).arg("--report").arg(&report);
    if options.quick {
        bench.arg("--quick");
    }
    options.only.iter().for_each(|name| _ = bench.args(["--only", name]));
    if options.write_docs {
        bench.arg("--write-docs").arg(project.root.join("docs/performance.md"));
    }
    let status = bench.status().context("cannot start the bench that was just built")?;
    if status.success() {
        console::line(&format!("report: {}", report.join("report.html").display()));
    }
    Ok(status.success())
}

/// Builds glommio and tokio, which only their comparison needs: a workspace of their own. Gives the program.
fn runtimes(project: &Project) -> Result<PathBuf> {
    let target = project.target.join("bench-runtimes");
    let directory = target.to_string_lossy().into_owned();
    let manifest = "bench/runtimes/Cargo.toml";
    let arguments = ["build", "--locked", "--release", "--manifest-path", manifest, "--target-dir", &directory];
    if Stage::new(project, "bench-runtimes", "cargo", &arguments, 30).check(project)?.failed > 0 {
        bail!("glommio and tokio do not build; `--only` with other sections leaves them out");
    }
    Ok(target.join("release/corelay-bench-runtimes"))
}

/// Compares instruction counts with their limits; skipped without valgrind.
pub(crate) fn guard(project: &Project, raise: bool) -> Result<Tally> {
    if program("valgrind").is_none() {
        if raise {
            bail!("instructions are counted by valgrind, which is not installed");
        }
        console::line("bench: no valgrind: the instruction counts are not guarded");
        return Ok(Tally::skipped(1));
    }
    if !Build::Quick.make(project, &["corelay-bench"])? {
        return Ok(Tally::of(false));
    }
    let bench = Build::Quick.program(project, "corelay-bench").to_string_lossy().into_owned();
    let limits = project.root.join("bench/instructions.toml").to_string_lossy().into_owned();
    let mut arguments = vec!["--guard", &limits];
    arguments.extend(raise.then_some("--raise"));
    Stage::new(project, "bench-guard", &bench, &arguments, 15).check(project)
}
