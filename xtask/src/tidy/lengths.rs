//! How long files and functions are. Tests do not count.

use super::Finding;
use super::source::{Source, line_of};
use super::token::{self, TokenKind};

/// Lines of a file at which to ask whether it holds two nouns.
const FILE_LINES_MAX: usize = 600;
/// Above this a file is counted, not refused.
const FILE_LINES_USUAL: usize = 400;
/// A function that does not fit one screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Nearly all functions are shorter.
const FUNCTION_LINES_USUAL: usize = 35;

/// A function and its lines, from `fn` to its closing brace.
struct Function<'a> {
    name: &'a str,
    at: usize,
    lines: usize,
}

/// Refuses what is too long.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let lines = file_lines(source);
        if lines > FILE_LINES_MAX {
            let message = format!("{lines} lines without tests, more than {FILE_LINES_MAX}: which two nouns does it hold?");
            findings.push(Finding::new(&source.path, message));
        }
        for function in functions(&source.code).iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
            let message =
                format!("`{}` has {} lines, more than {FUNCTION_LINES_MAX}: name its parts", function.name, function.lines);
            findings.push(Finding::new(source.place(function.at), message));
        }
    }
    findings
}

/// What is longer than usual, in numbers.
pub(super) fn summary(sources: &[Source]) -> String {
    let files = sources.iter().filter(|source| file_lines(source) > FILE_LINES_USUAL).count();
    let all: Vec<usize> = sources.iter().flat_map(|source| functions(&source.code)).map(|function| function.lines).collect();
    let long = all.iter().filter(|lines| **lines > FUNCTION_LINES_USUAL).count();
    format!("{files} over {FILE_LINES_USUAL} lines; {} functions, {long} over {FUNCTION_LINES_USUAL} lines", all.len())
}

/// The lines of a file that do not belong to tests: comments count, they have to be read too.
fn file_lines(source: &Source) -> usize {
    if source.code.is_empty() {
        return 0;
    }
    let is_test = |(bare, code): &(&str, &str)| !bare.trim().is_empty() && code.trim().is_empty();
    source.text.lines().count() - source.bare.lines().zip(source.code.lines()).filter(is_test).count()
}

fn functions(code: &str) -> Vec<Function<'_>> {
    let tokens = token::tokens(code);
    let mut found = Vec::new();
    for (n, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "fn") {
        // `fn` as a type, `fn(u8)`, has no name.
        let Some(name) = tokens.get(n + 1).filter(|next| next.kind == TokenKind::Word) else {
            continue;
        };
        let Some(open) = body(&tokens, n) else { continue };
        let close = token::after_group(&tokens, open) - 1;
        let lines = line_of(code, tokens[close].at) - line_of(code, token.at) + 1;
        found.push(Function { name: name.text, at: token.at, lines });
    }
    found
}

/// The opening brace of the function whose `fn` is at a token; `None` for one without a body.
fn body(tokens: &[token::Token<'_>], mut next: usize) -> Option<usize> {
    loop {
        match tokens.get(next)?.text {
            "{" => return Some(next),
            ";" => return None,
            "(" | "[" => next = token::after_group(tokens, next),
            _ => next += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "trait T {{ fn none(&self) -> [u8; 4]; }}\nfn long(f: fn(u8) -> u8) -> [u8; 2] {{\n{}}}\n",
            "    f(1);\n".repeat(lines - 2)
        )
    }

    #[test]
    fn what_is_just_short_enough_passes() {
        let file = function(70) + &"// why\n".repeat(529);
        assert_eq!(file.lines().count(), 600);
        assert_eq!(check(&[Source::new("a/src/x.rs", &file)]), []);
    }

    #[test]
    fn a_long_function_is_found_with_its_place() {
        let found = check(&[Source::new("a/src/x.rs", &function(71))]);
        assert_eq!(found.len(), 1);
        assert!(found[0].place == "a/src/x.rs:2" && found[0].message.contains("`long` has 71 lines"), "{found:?}");
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let code = "const A: u8 = 1;\n".repeat(601);
        assert_eq!(check(&[Source::new("a/src/x.rs", &code)]).len(), 1);
        let tested = format!("const A: u8 = 1;\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert_eq!(check(&[Source::new("a/src/x.rs", &tested)]), []);
    }
}
