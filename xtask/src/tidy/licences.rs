//! The licences of what the build brings in.

use super::Finding;
use super::crates::Metadata;

/// Licences that ask for no more than to be named. deny.toml has the same list.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks every package from elsewhere.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let refused = |name: &str, message: String| Some(Finding::new(name, message));
    let check = |(name, licence): (&str, Option<&str>)| match licence {
        None => refused(name, "names no licence: do without it".to_owned()),
        Some(expression) if is_allowed(expression) => None,
        Some(expression) => refused(
            name,
            format!(
                "its licence `{expression}` is not among those of xtask/src/tidy/licences.rs: do without it, or decide there and in deny.toml"
            ),
        ),
    };
    metadata.foreign.iter().map(|package| (package.name.as_str(), package.licence.as_deref())).filter_map(check).collect()
}

/// Whether an SPDX expression can be met with allowed licences alone. `/` is the old way to write OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let is_met = alternatives(&mut words);
    is_met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn alternatives(words: &mut Words<'_>) -> bool {
    let mut is_met = requirements(words);
    while words.next_if_eq(&"OR").is_some() {
        is_met |= requirements(words);
    }
    is_met
}

fn requirements(words: &mut Words<'_>) -> bool {
    let mut is_met = licence(words);
    while words.next_if_eq(&"AND").is_some() {
        is_met &= licence(words);
    }
    is_met
}

fn licence(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => alternatives(words) && words.next() == Some(")"),
        Some(name) => {
            // An exception only permits more.
            if words.next_if_eq(&"WITH").is_some() {
                words.next();
            }
            ALLOWED.contains(&name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::crates::Foreign;
    use super::*;

    #[test]
    fn expressions_that_allowed_licences_meet_pass() {
        for expression in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "ISC AND (Apache-2.0 OR GPL-2.0)",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(is_allowed(expression), "{expression}");
        }
    }

    #[test]
    fn expressions_that_ask_for_more_do_not() {
        for expression in ["GPL-3.0", "MIT AND AGPL-3.0", "MIT AND (GPL-2.0 OR AGPL-3.0)", "", "(MIT", "MIT MIT"] {
            assert!(!is_allowed(expression), "{expression}");
        }
    }

    #[test]
    fn the_crate_is_named() {
        let foreign = |licence: Option<&str>| Foreign { name: "greedy 1.0.0".to_owned(), licence: licence.map(str::to_owned) };
        let found =
            check(&Metadata { own: Vec::new(), foreign: vec![foreign(Some("AGPL-3.0")), foreign(None), foreign(Some("MIT"))] });
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|finding| finding.place == "greedy 1.0.0"));
    }

    #[test]
    fn cargo_deny_has_the_same_list() {
        let file = include_str!("../../../deny.toml");
        let list =
            file.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).expect("deny.toml has a list of licences").0;
        let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, ALLOWED);
    }
}
