//! Rust's tests: unit, property, simulator, loopback and documentation.

use crate::install::Tools;
use crate::project::Project;
use crate::stage::Stage;
use crate::tally::Tally;
use anyhow::Result;

/// What the name of a test holds that makes network namespaces, so that it can be left out where that is not possible.
const NAMESPACE_MARK: &str = "netns";

/// Runs them all; those with `filter` in their name if there is one.
pub(crate) fn run(project: &Project, tools: &Tools, filter: Option<&str>) -> Result<Tally> {
    let mut arguments = vec!["test", "--locked", "--workspace", "--no-fail-fast", "--"];
    arguments.extend(filter);
    let is_without_namespaces = !tools.has_namespaces;
    if is_without_namespaces {
        arguments.extend(["--skip", NAMESPACE_MARK]);
    }
    let filtered_is_skipped = is_without_namespaces && filter.is_none();
    let stage = Stage::new(project, "unit", "cargo", &arguments, 60);
    stage.count(project, |output| Tally::from_cargo(output, filtered_is_skipped))
}
