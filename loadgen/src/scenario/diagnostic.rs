//! What is wrong with a scenario, where, and what to write: like a compiler's message.

use std::fmt;
use std::ops::Range;

/// A text that was read: a file, a shipped scenario, or one `--set`.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file's path, or what else to call it.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One complaint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Diagnostic {
    message: String,
    help: String,
    source: String,
    /// From 1, in characters.
    line: usize,
    column: usize,
    /// The line itself, and how many of its characters are meant.
    text: String,
    width: usize,
}

impl Diagnostic {
    /// `span` are the bytes of `source` that are meant.
    pub(crate) fn new(source: &Source, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let text = &source.text;
        let start = floor_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_boundary(text, span.end).clamp(start, line_end);
        Self {
            message: message.into(),
            help: help.into(),
            source: source.name.clone(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width: text[start..end].chars().count().max(1),
        }
    }

    /// Where it is, to show complaints in order.
    pub(crate) fn place(&self) -> (&str, usize, usize) {
        (&self.source, self.line, self.column)
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let margin = " ".repeat(self.line.to_string().len());
        let (before, carets) = (" ".repeat(self.column - 1), "^".repeat(self.width));
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{margin}--> {}:{}:{}", self.source, self.line, self.column)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{} | {}", self.line, self.text)?;
        write!(f, "{margin} | {before}{carets} {}", self.help)
    }
}

/// Everything that is wrong with a scenario.
#[derive(Debug)]
pub(crate) struct Diagnostics(pub(crate) Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join("\n\n"))
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown_with_a_caret() {
        let source = Source { name: "a.toml".to_owned(), text: "x = 1\nyä = 600\n".to_owned() };
        let at = source.text.find("600").expect("it is there");
        let shown = Diagnostic::new(&source, at..at + 3, "y needs a unit", "write \"600 kbit/s\"").to_string();
        assert_eq!(shown, "error: y needs a unit\n --> a.toml:2:6\n  |\n2 | yä = 600\n  |      ^^^ write \"600 kbit/s\"");
    }

    #[test]
    fn spans_beyond_the_text_do_no_harm() {
        let source = Source { name: "a.toml".to_owned(), text: "ä".to_owned() };
        for span in [0..0, 1..1, 5..9, 1..9] {
            assert!(Diagnostic::new(&source, span, "m", "h").to_string().contains("a.toml:1:"));
        }
    }
}
