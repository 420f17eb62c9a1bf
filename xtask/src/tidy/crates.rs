//! What cargo knows of the packages: this workspace's, and those that they build on.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// All packages of a build for this machine.
pub(super) struct Metadata {
    /// The workspace's own.
    pub(super) own: Vec<Package>,
    /// Everyone else's, with the licence that each names.
    pub(super) foreign: Vec<Foreign>,
}

/// A package of the workspace.
#[derive(Default)]
pub(super) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Its directory, from the top of the checkout.
    pub(super) dir: String,
    /// Its description, empty if there is none.
    pub(super) description: String,
    /// Packages that its library or binary is built with; not those of tests and build scripts.
    pub(super) dependencies: Vec<String>,
    /// The root files of its library and binaries, from the top of the checkout.
    pub(super) roots: Vec<String>,
}

/// A package from elsewhere.
pub(super) struct Foreign {
    /// Name and version.
    pub(super) name: String,
    /// The SPDX expression, if it names one.
    pub(super) licence: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let host = host()?;
        let output = Command::new("cargo")
            .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &host])
            .current_dir(root)
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Self::read(&serde_json::from_slice(&output.stdout)?)
    }

    fn read(json: &Value) -> Result<Self> {
        let top = json["workspace_root"].as_str().context("cargo metadata without workspace_root")?;
        let packages = json["packages"].as_array().context("cargo metadata without packages")?;
        let (own, foreign): (Vec<&Value>, Vec<&Value>) = packages.iter().partition(|package| package["source"].is_null());
        Ok(Self {
            own: own.into_iter().map(|value| package(value, top)).collect(),
            foreign: foreign.into_iter().map(foreign_package).collect(),
        })
    }
}

/// The triple of this machine: without it cargo would download crates of other systems.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc -vV names no host")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn package(value: &Value, top: &str) -> Package {
    let relative =
        |path: &Value| text(path).strip_prefix(top).map_or_else(|| text(path), |rest| rest.trim_start_matches('/').to_owned());
    let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
    let is_root =
        |target: &&Value| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib" || kind == "bin"));
    let manifest = relative(&value["manifest_path"]);
    Package {
        name: text(&value["name"]),
        dir: manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned(),
        description: text(&value["description"]),
        dependencies: list("dependencies").iter().filter(|dep| dep["kind"].is_null()).map(|dep| text(&dep["name"])).collect(),
        roots: list("targets").iter().filter(is_root).map(|target| relative(&target["src_path"])).collect(),
    }
}

fn foreign_package(value: &Value) -> Foreign {
    Foreign {
        name: format!("{} {}", text(&value["name"]), text(&value["version"])),
        licence: value["license"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn packages_are_told_apart_and_paths_made_relative() {
        let metadata = Metadata::read(&json!({
            "workspace_root": "/top",
            "packages": [
                { "name": "a", "source": null, "manifest_path": "/top/x/a/Cargo.toml", "description": "d",
                  "dependencies": [{ "name": "b", "kind": null }, { "name": "c", "kind": "dev" }],
                  "targets": [{ "kind": ["lib"], "src_path": "/top/x/a/src/lib.rs" }, { "kind": ["test"], "src_path": "/top/x/a/tests/t.rs" }] },
                { "name": "b", "version": "1.0.0", "source": "elsewhere", "license": "MIT" }
            ]
        }))
        .expect("well formed");
        let own = &metadata.own[0];
        assert_eq!((own.dir.as_str(), own.dependencies.as_slice()), ("x/a", &["b".to_owned()][..]));
        assert_eq!(own.roots, ["x/a/src/lib.rs"]);
        assert_eq!((metadata.foreign[0].name.as_str(), metadata.foreign[0].licence.as_deref()), ("b 1.0.0", Some("MIT")));
    }
}
