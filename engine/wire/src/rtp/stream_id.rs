//! The names of streams in header extensions: mid (RFC 9143 section 15), rid and repaired rid (RFC 8852 section 3).

use arrayvec::ArrayString;

/// Reads a mid, rid or repaired rid; write it with `as_bytes`.
///
/// They are token characters by SDP's grammar; anything else cannot match what signaling announced, so it is refused here.
/// Trailing zeros, with which some senders fill up, are not part of the name.
pub fn read_stream_id(data: &[u8]) -> Option<ArrayString<16>> {
    let end = data.iter().rposition(|b| *b != 0)? + 1;
    let name = core::str::from_utf8(&data[..end]).ok()?;
    if !name.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    ArrayString::from(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_everything_else_is_refused() {
        assert_eq!(read_stream_id(b"video-0").as_deref(), Some("video-0"));
        assert_eq!(read_stream_id(b"hi\0\0").as_deref(), Some("hi"));
        for bad in [&b""[..], b"\0\0", b"a b", b"\xFF", b"a\0b", b"seventeen-letters"] {
            assert_eq!(read_stream_id(bad), None, "{bad:?}");
        }
    }
}
