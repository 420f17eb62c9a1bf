//! What can be said without running anything: format, lints, documentation, tidy.

use crate::project::Project;
use crate::stage::Stage;
use crate::tally::Tally;
use crate::{console, tidy};
use anyhow::Result;
use std::time::Instant;

/// Runs the checks; each counts as one test. None sets `RUSTFLAGS`, which would build every dependency a second time.
pub(crate) fn run(project: &Project) -> Result<Tally> {
    let mut sum = Stage::new(project, "fmt", "cargo", &["fmt", "--all", "--check"], 5).check(project)?;
    let started = Instant::now();
    let is_tidy = tidy::run(project)?;
    console::line(&format!("{:<12} {:>6.1} s  {}", "tidy", started.elapsed().as_secs_f64(), if is_tidy { "ok" } else { "failed" }));
    sum += Tally::of(is_tidy);
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    sum += Stage::new(project, "clippy", "cargo", &clippy, 40).check(project)?;
    let doc = Stage::new(project, "doc", "cargo", &["doc", "--locked", "--workspace", "--no-deps"], 40);
    sum += doc.configure(|command| _ = command.env("RUSTDOCFLAGS", "-D warnings")).check(project)?;
    Ok(sum)
}
