//! `unsafe` lives in one crate; every other one forbids it.

use super::Finding;
use super::crates::Metadata;
use super::source::Source;
use super::token::{self, TokenKind};

/// The one that talks to the kernel.
const HOME: &str = "engine/uring";
/// What stands in the root of every other crate.
const FORBID: &str = "#![forbid(unsafe_code)]";

/// Checks roots and code, tests too.
pub(super) fn check(metadata: &Metadata, sources: &[Source]) -> Vec<Finding> {
    let is_home = |path: &str| path == HOME || path.starts_with(&format!("{HOME}/"));
    let roots: Vec<&String> =
        metadata.own.iter().filter(|package| !is_home(&package.dir)).flat_map(|package| &package.roots).collect();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !is_home(&source.path)) {
        if roots.contains(&&source.path) && !source.bare.contains(FORBID) {
            findings.push(Finding::new(&source.path, format!("a crate's root without `{FORBID}`")));
        }
        let tokens = token::tokens(&source.bare);
        let uses = tokens.iter().filter(|token| token.kind == TokenKind::Word && token.text == "unsafe");
        findings.extend(uses.map(|token| Finding::new(source.place(token.at), format!("`unsafe` belongs into {HOME}"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::crates::Package;
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let dir = path.split("/src").next().unwrap_or_default().to_owned();
        let package = Package { dir, roots: vec![path.to_owned()], ..Package::default() };
        check(&Metadata { own: vec![package], foreign: Vec::new() }, &[Source::new(path, text)]).len()
    }

    #[test]
    fn a_root_that_forbids_passes_and_so_does_the_home() {
        assert_eq!(found("engine/core/src/lib.rs", "//! unsafe\n#![forbid(unsafe_code)]\nfn f() { \"unsafe\"; }"), 0);
        assert_eq!(found("engine/uring/src/lib.rs", "fn f() { unsafe { g() } }"), 0);
    }

    #[test]
    fn a_root_that_does_not_forbid_is_found() {
        assert_eq!(found("engine/core/src/lib.rs", "//! #![forbid(unsafe_code)]\n"), 1);
        assert_eq!(found("engine/uring_like/src/lib.rs", "\n"), 1);
    }

    #[test]
    fn unsafe_elsewhere_is_found_in_tests_too() {
        assert_eq!(
            found("engine/core/src/lib.rs", "#![forbid(unsafe_code)]\n#[cfg(test)]\nmod tests { fn f() { unsafe { g() } } }"),
            1
        );
    }
}
