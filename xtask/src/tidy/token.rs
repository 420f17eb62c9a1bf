//! As much of Rust's lexical structure as the rules need: where comments and strings are, words, paths and brackets.

/// A word or a mark, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: TokenKind,
    /// As it stands there.
    pub(super) text: &'a str,
    /// Its first byte.
    pub(super) at: usize,
}

/// The two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An identifier, a keyword or a number.
    Word,
    /// `::`, or a single character of punctuation.
    Mark,
}

/// Blanks comments and the contents of string and character literals; line breaks stay.
pub(super) fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(text, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = if end > at { end } else { after_word_or_byte(bytes, at) };
    }
    String::from_utf8(out).expect("whole characters were replaced by spaces")
}

/// The end of the comment or literal that starts here; the same place if none does.
fn skipped(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    if rest.starts_with("//") {
        at + rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        at + block_comment(rest.as_bytes())
    } else if let Some(len) = raw_string(rest) {
        at + len
    } else if let Some(quoted) = ["b", "c", ""].iter().find_map(|prefix| rest.strip_prefix(prefix)?.strip_prefix('"')) {
        at + (rest.len() - quoted.len()) + string(quoted.as_bytes())
    } else {
        at + character(rest)
    }
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r"..."`, `br##"..."##` and the like, if one starts here.
fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix).filter(|body| body.starts_with(['"', '#'])))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
    Some(rest.len() - inside.len() + end)
}

/// The length of a string after its opening quote, the closing one included.
fn string(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of a character literal; 0 for a lifetime, which is no literal.
fn character(rest: &str) -> usize {
    let quoted = rest.strip_prefix('b').unwrap_or(rest);
    let prefix = rest.len() - quoted.len();
    let mut characters = quoted.char_indices();
    if characters.next().map(|(_, c)| c) != Some('\'') {
        return 0;
    }
    match characters.next() {
        // The character after the backslash may be a quote; the literal's end is the next one.
        Some((_, '\\')) => quoted.get(3..).and_then(|tail| tail.find('\'')).map_or(0, |end| prefix + 3 + end + 1),
        Some(_) => characters.next().filter(|(_, c)| *c == '\'').map_or(0, |(end, _)| prefix + end + 1),
        None => 0,
    }
}

/// Steps over a whole word, so that the `r` at the end of `for"` is not taken for a raw string's.
fn after_word_or_byte(bytes: &[u8], at: usize) -> usize {
    let len = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
    at + len.max(1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Words and marks of a text without comments and strings.
pub(super) fn tokens(bare: &str) -> Vec<Token<'_>> {
    let bytes = bare.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (kind, end) = match &bytes[at..] {
            [b':', b':', ..] => (TokenKind::Mark, at + 2),
            [byte, ..] if is_word(*byte) => (TokenKind::Word, after_word_or_byte(bytes, at)),
            _ => (TokenKind::Mark, at + 1),
        };
        tokens.push(Token { kind, text: &bare[at..end], at });
        at = end;
    }
    tokens
}

/// The token after the one that closes the bracket at `open`.
pub(super) fn after_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (n, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> String {
        let bare = without_comments_and_strings(text);
        assert_eq!(bare.len(), text.len());
        bare.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_strings_are_blanked() {
        assert_eq!(bare("a // x\nb /* y /* z */ */ c"), "a b c");
        assert_eq!(bare(r#"f("a\"b", "c")"#), "f( , )");
        assert_eq!(bare(r###"f(r#"a"b"#, br"x", b"y", c"z")"###), "f( , , , )");
        assert_eq!(bare("for\"x\""), "for");
    }

    #[test]
    fn characters_are_literals_and_lifetimes_are_not() {
        assert_eq!(bare(r#"f('a', '\'', '\\', b'\n', '\u{1f}', '"', 'ü') x"#), "f( , , , , , , ) x");
        assert_eq!(bare("fn f<'a>(x: &'a str, y: &'static str)"), "fn f<'a>(x: &'a str, y: &'static str)");
    }

    #[test]
    fn tokens_are_words_and_marks() {
        let texts: Vec<&str> = tokens("use crate::a_b::{C};").iter().map(|token| token.text).collect();
        assert_eq!(texts, ["use", "crate", "::", "a_b", "::", "{", "C", "}", ";"]);
    }

    #[test]
    fn groups_nest() {
        let tokens = tokens("( [ { } ] ) x");
        assert_eq!(tokens[after_group(&tokens, 0)].text, "x");
    }
}
