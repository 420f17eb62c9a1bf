//! `cargo xtask tidy`: rules that a compiler does not hold. Each is a file here with a good and a bad sample as its test.

mod addresses;
mod crates;
mod cycles;
mod described;
mod direction;
mod forbidden;
mod lengths;
mod licences;
mod module_tree;
mod paths;
mod source;
mod token;
mod unsafe_code;

use crate::console;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use crates::Metadata;
use source::Source;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Something that a rule objects to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A file and line, or a crate.
    place: String,
    /// What is wrong, and what to do.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

/// Checks all rules and prints what they object to. Whether there was nothing.
pub(crate) fn run(project: &Project) -> Result<bool> {
    let metadata = Metadata::load(&project.root)?;
    let tracked = tracked_files(&project.root)?;
    let sources: Vec<Source> =
        tracked.iter().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| Source::new(path, text)).collect();
    let findings: Vec<Finding> = [
        direction::check(&metadata),
        cycles::check(&metadata, &sources),
        lengths::check(&sources),
        forbidden::check(&sources),
        unsafe_code::check(&metadata, &sources),
        licences::check(&metadata),
        addresses::check(&tracked),
        described::check(&metadata, &sources),
    ]
    .into_iter()
    .flatten()
    .collect();
    for Finding { place, message } in &findings {
        console::line(&format!("tidy: {place}: {message}"));
    }
    console::line(&format!("tidy: {} source files, {}", sources.len(), lengths::summary(&sources)));
    Ok(findings.is_empty())
}

/// The text files that git knows, and those it would add: a file is held to the rules before it is committed.
fn tracked_files(root: &Path) -> Result<BTreeMap<String, String>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot start git, which lists the files to check")?;
    if !listing.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr));
    }
    let names = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
    let read = |name: &str| Some((name.to_owned(), std::fs::read_to_string(root.join(name)).ok()?));
    Ok(names.split('\0').filter(|name| !name.is_empty()).filter_map(read).collect())
}
