//! Who may import whom: imports between the workspace's crates point one way.

use super::Finding;
use super::crates::Metadata;

/// Each crate, and the crates of this workspace that it may be built with. Tests may use more.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("corelay-wire", &[]),
    ("corelay-core", &["corelay-wire"]),
    ("corelay-uring", &[]),
    ("corelay-engine", &["corelay-core", "corelay-uring", "corelay-wire"]),
    ("corelay-sim", &["corelay-core", "corelay-wire"]),
    ("corelay", &["corelay-engine", "corelay-wire"]),
    // Neither core nor engine: it would agree with our bugs.
    ("corelay-loadgen", &[]),
    ("corelay-bench", &["corelay-core", "corelay-engine", "corelay-loadgen", "corelay-sim", "corelay-uring", "corelay-wire"]),
    ("xtask", &[]),
];

/// Checks every crate of the workspace.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let is_own = |name: &str| metadata.own.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    for package in &metadata.own {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == package.name) else {
            findings.push(Finding::new(
                &package.name,
                "is not in the table of who may import whom: add it to xtask/src/tidy/direction.rs",
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|name| is_own(name) && !allowed.contains(&name.as_str())) {
            let message =
                format!("must not import {dependency}: imports point one way; move what both need down, or pass it as a value");
            findings.push(Finding::new(&package.name, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::crates::Package;
    use super::*;

    fn workspace(crates: &[(&str, &[&str])]) -> Metadata {
        let package = |&(name, dependencies): &(&str, &[&str])| Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
            ..Package::default()
        };
        Metadata { own: crates.iter().map(package).collect(), foreign: Vec::new() }
    }

    #[test]
    fn imports_that_point_down_pass() {
        assert!(check(&workspace(&[("corelay-wire", &[]), ("corelay-core", &["corelay-wire", "arrayvec"])])).is_empty());
    }

    #[test]
    fn an_import_that_points_up_is_found() {
        let found = check(&workspace(&[("corelay-wire", &["corelay-core"]), ("corelay-core", &["corelay-wire"])]));
        assert_eq!(found.len(), 1);
        assert!(found[0].place == "corelay-wire" && found[0].message.contains("corelay-core"), "{found:?}");
    }

    #[test]
    fn a_crate_that_nobody_placed_is_found() {
        assert_eq!(check(&workspace(&[("corelay-novelty", &[])])).len(), 1);
    }
}
