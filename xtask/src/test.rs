//! `cargo xtask test`: the groups in order, and the line of totals that closes them.

use crate::install::Tools;
use crate::project::Project;
use crate::tally::Tally;
use crate::{bench, browser, check, console, simulate, unit, web};
use anyhow::Result;
use clap::ValueEnum;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this group.
    #[arg(long, value_enum)]
    only: Option<Group>,
    /// Only tests with this in their name (unit), or in their file's name (browser). Leaves out `check`.
    #[arg(long)]
    filter: Option<String>,
}

/// The groups, in the order in which they run: what is quick to say no comes first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Format, lints, documentation, tidy.
    Check,
    /// Rust's unit, property, simulator and documentation tests.
    Unit,
    /// The matrix of network conditions, twenty seeds each.
    Simulate,
    /// Instructions of the packet path, against bench/instructions.toml.
    Bench,
    /// The demo page: types, unit tests, and that the bundle is the one its source gives.
    Web,
    /// Real browsers against the server.
    Browser,
}

/// Runs the tests. Whether all passed, and none was skipped where nobody watches.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let is_wanted = |group| options.only.is_none_or(|only| only == group);
    let filter = options.filter.as_deref();
    let mut sum = Tally::default();
    let tools = Tools::install(project, is_wanted(Group::Web) || is_wanted(Group::Browser))?;
    if is_wanted(Group::Check) && filter.is_none() {
        sum += check::run(project)?;
    }
    if is_wanted(Group::Unit) {
        sum += unit::run(project, &tools, filter)?;
    }
    if is_wanted(Group::Simulate) && filter.is_none() {
        sum += simulate::test(project)?;
    }
    if is_wanted(Group::Bench) && filter.is_none() {
        sum += bench::guard(project, false)?;
    }
    if is_wanted(Group::Web) && filter.is_none() {
        sum += web::test(project, &tools)?;
    }
    if is_wanted(Group::Browser) {
        sum += browser::test(project, &tools, filter)?;
    }
    let has_forbidden_skips = project.is_ci && sum.skipped > 0;
    if has_forbidden_skips {
        console::line("CI is set: what was skipped counts as failed");
    }
    console::line(&sum.to_string());
    Ok(sum.failed == 0 && !has_forbidden_skips)
}
