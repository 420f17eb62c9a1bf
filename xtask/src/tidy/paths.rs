//! The paths that a file names: its imports, and what it calls by a path from the crate's root.

use super::token::{self, Token, TokenKind};

/// A path as it is written, `super::ids::RoomId`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathUse {
    /// Its parts.
    pub(super) segments: Vec<String>,
    /// The byte where it starts.
    pub(super) at: usize,
    /// The name by which an import makes it known in its module.
    pub(super) known_as: Option<String>,
}

/// All paths of a text without comments and strings that may lead to a module of the crate.
pub(super) fn paths(code: &str) -> Vec<PathUse> {
    let tokens = token::tokens(code);
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(token) = tokens.get(next) {
        next = match token.text {
            "use" => import(&tokens, next + 1, &mut Vec::new(), &mut found),
            "crate" | "self" | "super" => plain_path(&tokens, next, &mut found),
            _ => next + 1,
        };
    }
    found
}

/// Takes one tree of an import, the part before it being known; the token after it.
fn import(tokens: &[Token<'_>], mut next: usize, before: &mut Vec<String>, found: &mut Vec<PathUse>) -> usize {
    let depth = before.len();
    let at = tokens.get(next).map_or(0, |token| token.at);
    let mut is_group = false;
    while let Some(token) = tokens.get(next) {
        match (token.kind, token.text) {
            (TokenKind::Mark, "{") => {
                next = group(tokens, next + 1, before, found);
                is_group = true;
            }
            (TokenKind::Word, "as") => break,
            (TokenKind::Word, word) => {
                before.push(word.to_owned());
                next += 1;
            }
            (TokenKind::Mark, "::") => next += 1,
            _ => break,
        }
    }
    let is_glob = tokens.get(next).is_some_and(|token| token.text == "*");
    next += usize::from(is_glob);
    let alias = tokens.get(next).filter(|token| token.text == "as").and_then(|_| tokens.get(next + 1));
    next += if alias.is_some() { 2 } else { 0 };
    if !is_group && before.len() > depth {
        let mut segments = before.clone();
        segments.extend(is_glob.then(|| "*".to_owned()));
        let own_name = segments.iter().rfind(|segment| *segment != "self").cloned();
        found.push(PathUse { segments, at, known_as: alias.map(|token| token.text.to_owned()).or(own_name) });
    }
    before.truncate(depth);
    next
}

/// Takes the trees between braces; the token after the closing one.
fn group(tokens: &[Token<'_>], mut next: usize, before: &mut Vec<String>, found: &mut Vec<PathUse>) -> usize {
    while let Some(token) = tokens.get(next) {
        match token.text {
            "}" => return next + 1,
            "," => next += 1,
            _ => {
                let after = import(tokens, next, before, found);
                // A text that is no import must not hold the walk up.
                next = after.max(next + 1);
            }
        }
    }
    next
}

/// Takes a path outside an import; the token after it.
fn plain_path(tokens: &[Token<'_>], start: usize, found: &mut Vec<PathUse>) -> usize {
    let mut segments = vec![tokens[start].text.to_owned()];
    let mut next = start + 1;
    while let (Some(colons), Some(word)) = (tokens.get(next), tokens.get(next + 1)) {
        if colons.text != "::" || word.kind != TokenKind::Word {
            break;
        }
        segments.push(word.text.to_owned());
        next += 2;
    }
    if segments.len() > 1 {
        found.push(PathUse { segments, at: tokens[start].at, known_as: None });
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str) -> Vec<(String, Option<String>)> {
        paths(code).into_iter().map(|path| (path.segments.join("::"), path.known_as)).collect()
    }

    fn known(path: &str, name: &str) -> (String, Option<String>) {
        (path.to_owned(), Some(name.to_owned()))
    }

    #[test]
    fn imports_are_taken_apart() {
        let found = written("pub use crate::a::{self, b::{C, D as E}, f::*}; use super::g;");
        let wanted = [
            known("crate::a::self", "a"),
            known("crate::a::b::C", "C"),
            known("crate::a::b::D", "E"),
            known("crate::a::f::*", "*"),
            known("super::g", "g"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn paths_in_code_are_found_and_methods_of_self_are_not() {
        let found = written("fn f(&self) -> crate::a::B { self.x(super::c::d::<u8>()); std::mem::take(y) }");
        assert_eq!(found, [("crate::a::B".to_owned(), None), ("super::c::d".to_owned(), None)]);
    }

    #[test]
    fn what_is_no_import_does_not_hang() {
        assert!(written("use {{{; use } use").len() < 3);
        assert_eq!(written("fn f() -> impl T + use<'_, u8> { crate::x::y }"), [("crate::x::y".to_owned(), None)]);
    }
}
