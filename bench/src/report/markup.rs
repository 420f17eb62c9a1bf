//! Text within a page's markup.

/// `text` as it is to be read, whatever characters it has.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
