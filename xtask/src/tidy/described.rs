//! Every crate says what it is for: in Cargo.toml, and at the top of its root file.

use super::Finding;
use super::crates::Metadata;
use super::source::Source;

/// Fewer words say nothing.
const WORDS_MIN: usize = 5;

/// Checks the workspace's crates.
pub(super) fn check(metadata: &Metadata, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &metadata.own {
        if words(&package.description) < WORDS_MIN {
            findings.push(Finding::new(&package.name, "Cargo.toml needs a `description` that says what the crate is for"));
        }
        for root in sources.iter().filter(|source| package.roots.contains(&source.path)) {
            let doc: String = root.text.lines().take_while(|line| line.starts_with("//!")).collect();
            if words(&doc) < WORDS_MIN {
                findings.push(Finding::new(&root.path, "starts without a module doc (`//!`) that says what the crate is for"));
            }
        }
    }
    findings
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count()
}

#[cfg(test)]
mod tests {
    use super::super::crates::Package;
    use super::*;

    fn found(description: &str, root: &str) -> usize {
        let path = "a/src/lib.rs";
        let package = Package { description: description.to_owned(), roots: vec![path.to_owned()], ..Package::default() };
        check(&Metadata { own: vec![package], foreign: Vec::new() }, &[Source::new(path, root)]).len()
    }

    #[test]
    fn a_crate_with_its_reason_passes() {
        assert_eq!(found("Bytes to values and back.", "//! Bytes to values and back.\n\nfn f() {}\n"), 0);
    }

    #[test]
    fn a_crate_without_is_found() {
        assert_eq!(found("", "//! .\nfn main() {}\n"), 2);
        assert_eq!(found("Bytes to values and back.", "fn main() {}\n"), 1);
    }
}
