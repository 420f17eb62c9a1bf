//! What the tests need beyond Rust, installed from Debian where it is missing and where this user may.

use crate::console;
use crate::project::{Project, is_root, program};
use crate::stage::Stage;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// The oldest Node that the demo page's build runs on. Debian 12 has 18, so a newer one may have to come from npm's registry.
const NODE_MAJOR_MIN: u32 = 20;

/// A program and the Debian package that has it.
struct Needed {
    program: &'static str,
    package: &'static str,
    is_for_browsers: bool,
}

const NEEDED: &[Needed] = &[
    Needed { program: "ip", package: "iproute2", is_for_browsers: false },
    Needed { program: "nft", package: "nftables", is_for_browsers: false },
    Needed { program: "valgrind", package: "valgrind", is_for_browsers: false },
    Needed { program: "node", package: "nodejs", is_for_browsers: true },
    Needed { program: "npm", package: "npm", is_for_browsers: true },
    Needed { program: "ffmpeg", package: "ffmpeg", is_for_browsers: true },
    Needed { program: "chromium", package: "chromium", is_for_browsers: true },
    Needed { program: "firefox-esr", package: "firefox-esr", is_for_browsers: true },
];

/// What of it is there.
pub(crate) struct Tools {
    /// A PATH whose `node` is new enough; `None` without one.
    pub(crate) node_path: Option<OsString>,
    /// Chromium, Firefox and ffmpeg.
    pub(crate) has_browsers: bool,
    /// Root, `ip` and `nft`: network namespaces can be made.
    pub(crate) has_namespaces: bool,
}

impl Tools {
    /// Installs what is missing, and says what remains so.
    pub(crate) fn install(project: &Project, with_browsers: bool) -> Result<Self> {
        let missing = missing(with_browsers);
        if !missing.is_empty() {
            install_packages(project, &missing)?;
        }
        let node_path = if with_browsers { node_path(project)? } else { None };
        let still = |name: &str| program(name).is_none();
        let tools = Self {
            node_path,
            has_browsers: !["chromium", "firefox-esr", "ffmpeg"].into_iter().any(still),
            has_namespaces: is_root() && !["ip", "nft"].into_iter().any(still),
        };
        if !tools.has_namespaces {
            console::line("install: tests in network namespaces need root, `ip` and `nft`: they are skipped");
        }
        Ok(tools)
    }

    /// Installs the packages of a Node project by its lock file, unless that was done with the same one. Whether they are there.
    pub(crate) fn npm_ci(&self, project: &Project, name: &'static str, dir: &Path) -> Result<bool> {
        let Some(path) = &self.node_path else { return Ok(false) };
        let lock = fs::read(dir.join("package-lock.json")).with_context(|| format!("no package-lock.json in {}", dir.display()))?;
        let installed = dir.join("node_modules/.installed-package-lock.json");
        if fs::read(&installed).is_ok_and(|before| before == lock) {
            return Ok(true);
        }
        let stage = Stage::new(project, name, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"], 10);
        let tally = stage.configure(|command| _ = command.current_dir(dir).env("PATH", path)).check(project)?;
        if tally.failed == 0 {
            fs::write(installed, lock)?;
        }
        Ok(tally.failed == 0)
    }
}

fn missing(with_browsers: bool) -> Vec<&'static str> {
    let is_wanted = |needed: &&Needed| with_browsers || !needed.is_for_browsers;
    NEEDED.iter().filter(is_wanted).filter(|needed| program(needed.program).is_none()).map(|needed| needed.package).collect()
}

fn install_packages(project: &Project, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !is_root() || program("apt-get").is_none() {
        console::line(&format!(
            "install: missing {list}; `sudo apt-get install {list}` would add them. What needs them is skipped"
        ));
        return Ok(());
    }
    let quiet = |command: &mut std::process::Command| _ = command.env("DEBIAN_FRONTEND", "noninteractive");
    Stage::new(project, "apt-update", "apt-get", &["update", "-q"], 10).configure(quiet).check(project)?;
    let arguments = [&["install", "-q", "-y", "--no-install-recommends"], packages].concat();
    Stage::new(project, "apt-install", "apt-get", &arguments, 20).configure(quiet).check(project)?;
    Ok(())
}

/// The PATH with a Node that is new enough: the machine's, or one that npm installs below the target directory.
fn node_path(project: &Project) -> Result<Option<OsString>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if node_major(project, &path)?.is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(Some(path));
    }
    if program("npm").is_none() {
        console::line("install: no npm: the tests of the demo page and in browsers are skipped");
        return Ok(None);
    }
    let home = project.scratch().join("node");
    let mut dirs = vec![home.join("node_modules/node/bin")];
    dirs.extend(std::env::split_paths(&path));
    let newer = std::env::join_paths(dirs)?;
    if node_major(project, &newer)?.is_none_or(|major| major < NODE_MAJOR_MIN) {
        let prefix = home.to_string_lossy().into_owned();
        let wanted = format!("node@{NODE_MAJOR_MIN}");
        let arguments = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", &prefix, &wanted];
        Stage::new(project, "npm-node", "npm", &arguments, 10).check(project)?;
    }
    let is_new = node_major(project, &newer)?.is_some_and(|major| major >= NODE_MAJOR_MIN);
    if !is_new {
        console::line(&format!(
            "install: no Node {NODE_MAJOR_MIN} or newer: the tests of the demo page and in browsers are skipped"
        ));
    }
    Ok(is_new.then_some(newer))
}

/// The major version of the `node` on a path.
fn node_major(project: &Project, path: &OsString) -> Result<Option<u32>> {
    if !std::env::split_paths(path).any(|dir| dir.join("node").is_file()) {
        return Ok(None);
    }
    // `sh` looks `node` up in the path that it is given; `Command` would use ours.
    let stage = Stage::new(project, "node", "sh", &["-c", "node --version"], 1);
    let outcome = stage.configure(|command| _ = command.env("PATH", path)).run(project)?;
    Ok(major_in(&outcome.output))
}

fn major_in(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major_in("v20.20.2\n"), Some(20));
        assert_eq!(major_in("sh: node: not found"), None);
    }
}
