//! The terminal: lines to standard output, from one place.

use std::io::Write;

/// Prints a line. A reader that went away (`| head`) is no reason to fail a test run.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a text indented, so that a stage's output stands apart from the stages.
pub(crate) fn indented(text: &str) {
    for part in text.lines() {
        line(&format!("    {part}"));
    }
}
