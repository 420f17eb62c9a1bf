//! A Rust file with the parts blanked out in which a rule must not look: comments, strings, tests.
//!
//! Blanking keeps every line where it is, so that a place found in the blanked text is the place in the file.

use super::token::{self, Token, TokenKind};

/// A file, and what of it is code.
pub(super) struct Source {
    /// Its path from the top of the checkout.
    pub(super) path: String,
    /// As it is.
    pub(super) text: String,
    /// Without comments and the contents of strings.
    pub(super) bare: String,
    /// `bare` without tests; empty for a file that is a test as a whole.
    pub(super) code: String,
}

impl Source {
    /// Takes a file apart.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let bare = token::without_comments_and_strings(text);
        let code = if is_test_file(path) { String::new() } else { without_tests(&bare) };
        Self { path: path.to_owned(), text: text.to_owned(), bare, code }
    }

    /// The place of a byte of the text, as `file:line`.
    pub(super) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.text, at))
    }
}

/// The number, from one, of the line that a byte stands in.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Whether a whole file is only built for tests or benches.
fn is_test_file(path: &str) -> bool {
    let has_dir = |dir: &str| path.starts_with(&format!("{dir}/")) || path.contains(&format!("/{dir}/"));
    path.ends_with("/tests.rs") || path.ends_with("/build.rs") || ["tests", "benches", "fuzz", "examples"].into_iter().any(has_dir)
}

/// Blanks every item under `#[cfg(test)]`, the attribute too.
fn without_tests(bare: &str) -> String {
    let mut code = bare.as_bytes().to_vec();
    let tokens = token::tokens(bare);
    let mut next = 0;
    while next < tokens.len() {
        let Some(end) = test_item(&tokens, next) else {
            next += 1;
            continue;
        };
        let (from, to) = (tokens[next].at, tokens.get(end).map_or(bare.len(), |token| token.at));
        for byte in &mut code[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        next = end;
    }
    String::from_utf8(code).expect("whole tokens were replaced by spaces")
}

/// If a `#[cfg(test)]` item starts at a token: the token after it.
fn test_item(tokens: &[Token<'_>], start: usize) -> Option<usize> {
    let is_attribute =
        ["#", "[", "cfg", "("].iter().enumerate().all(|(n, text)| tokens.get(start + n).is_some_and(|token| token.text == *text));
    if !is_attribute {
        return None;
    }
    let inside_end = token::after_group(tokens, start + 3);
    let inside: Vec<&str> = tokens[start + 4..inside_end - 1].iter().map(|token| token.text).collect();
    let is_test = inside == ["test"] || (inside.first() == Some(&"all") && inside.contains(&"test"));
    is_test.then(|| after_item(tokens, token::after_group(tokens, start + 1)))
}

/// The token after the item that starts here: after its first `;`, or after its first braces.
fn after_item(tokens: &[Token<'_>], mut next: usize) -> usize {
    while let Some(token) = tokens.get(next) {
        match (token.kind, token.text) {
            (TokenKind::Mark, ";") => return next + 1,
            (TokenKind::Mark, "{") => return token::after_group(tokens, next),
            (TokenKind::Mark, "(" | "[") => next = token::after_group(tokens, next),
            _ => next += 1,
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_not_code() {
        let source = Source::new(
            "a/src/x.rs",
            "fn a() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n    fn b() { \"}\"; }\n}\nfn c() {}\n",
        );
        assert!(source.code.contains("fn a()") && source.code.contains("fn c()") && !source.code.contains("fn b()"));
        assert_eq!(source.code.lines().count(), 7);
    }

    #[test]
    fn a_test_module_in_its_own_file_and_a_test_import_are_not_code() {
        let source = Source::new(
            "a/src/x.rs",
            "#[cfg(test)]\nuse std::{a, b};\n#[cfg(all(test, unix))]\nmod tests;\n#[cfg(feature = \"x\")]\nfn c() {}\n",
        );
        assert!(!source.code.contains("std") && !source.code.contains("mod tests") && source.code.contains("fn c()"));
    }

    #[test]
    fn whole_files_are_tests_by_their_place() {
        for path in
            ["engine/core/tests/call.rs", "engine/core/src/receive/tests.rs", "bench/benches/stage.rs", "engine/fuzz/rtp.rs"]
        {
            assert!(Source::new(path, "fn a() {}").code.is_empty(), "{path}");
        }
        assert!(!Source::new("xtask/src/test.rs", "fn a() {}").code.is_empty());
    }
}
