//! Words that must not be in the code.

use super::Finding;
use super::source::Source;

/// A word, where it is looked for, and why it must not be there.
struct Forbidden {
    words: &'static str,
    is_forbidden_in_tests: bool,
    because: &'static str,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden { words: "todo!(", is_forbidden_in_tests: true, because: "finish it, or leave it out and say so in the docs" },
    Forbidden { words: "unimplemented!(", is_forbidden_in_tests: true, because: "finish it, or make the case an error" },
    Forbidden { words: "dbg!(", is_forbidden_in_tests: true, because: "left over from looking for a fault" },
    Forbidden {
        words: "#[ignore",
        is_forbidden_in_tests: true,
        because: "a test that does not run proves nothing: mend it or remove it",
    },
    Forbidden {
        words: ".unwrap()",
        is_forbidden_in_tests: false,
        because: "`expect(\"...\")` states the invariant; the world gets a `Result`",
    },
    Forbidden {
        words: "#![allow(",
        is_forbidden_in_tests: false,
        because: "no blanket allow: `#[expect(..., reason)]` on the item",
    },
    Forbidden { words: "thread::sleep(", is_forbidden_in_tests: false, because: "wait for the event, with a limit" },
];

/// Looks through all sources.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for Forbidden { words, is_forbidden_in_tests, because } in FORBIDDEN {
            let text = if *is_forbidden_in_tests { &source.bare } else { &source.code };
            findings
                .extend(text.match_indices(words).map(|(at, _)| Finding::new(source.place(at), format!("`{words}`: {because}"))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text)]).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn good_code_passes() {
        let good = "// .unwrap() is a word\nfn f() { g().expect(\"x\"); h(\"todo!()\"); }\n#[cfg(test)]\nmod tests { fn t() { f().unwrap(); } }\n";
        assert_eq!(found("a/src/x.rs", good), Vec::<String>::new());
    }

    #[test]
    fn each_word_is_found_with_its_line() {
        for Forbidden { words, .. } in FORBIDDEN {
            assert_eq!(found("a/src/x.rs", &format!("fn f() {{}}\nx{words})]")), ["a/src/x.rs:2"], "{words}");
        }
    }

    #[test]
    fn some_are_found_in_tests_too() {
        assert_eq!(found("a/tests/x.rs", "#[ignore]\nfn f() { g().unwrap(); todo!() }"), ["a/tests/x.rs:2", "a/tests/x.rs:1"]);
    }
}
