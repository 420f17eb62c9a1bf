//! Where things are, and what of the machine the tests can use.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
pub(crate) struct Project {
    /// The top of the checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// Whether nobody watches: then nothing may be skipped.
    pub(crate) is_ci: bool,
}

impl Project {
    /// Finds the checkout by where this crate stood when it was compiled.
    pub(crate) fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent directory")?.to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        let is_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        Ok(Self { root, target, is_ci })
    }

    /// Where logs and whatever a stage builds for itself go.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The demo page's sources.
    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("signaling/web")
    }

    /// The browser tests.
    pub(crate) fn e2e(&self) -> PathBuf {
        self.root.join("e2e")
    }
}

/// The full path of a program, if it is on the path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // A user's PATH on Debian lacks the sbin directories, where `nft` and `ip` are.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Whether this process may install packages and make network namespaces.
pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0")))
}
