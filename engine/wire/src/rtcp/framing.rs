//! What all RTCP messages share: the first word, and how one is written.
//!
//! ```text
//!  0                   1                   2                   3
//! |V=2|P|  count  |  packet type  |     length in words, less 1   |
//! ```

use crate::reader::Reader;
use crate::writer::Writer;

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SDES: u8 = 202;
pub(super) const BYE: u8 = 203;
/// Transport-layer feedback (RFC 4585 section 6.2).
pub(super) const RTPFB: u8 = 205;
/// Payload-specific feedback (RFC 4585 section 6.3).
pub(super) const PSFB: u8 = 206;

/// The five-bit count holds no more.
pub(super) const COUNT_MAX: usize = 31;

/// Why bytes are no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The lengths of the messages do not add up to the datagram.
    Length,
    /// The version is not 2.
    Version,
    /// The count of a padding is zero, or more than there is.
    Padding,
    /// A message of a known type is shorter than its own counts say, or contradicts itself.
    Malformed,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the lengths of the RTCP messages do not add up to the datagram",
            Self::Version => "the RTCP version is not 2",
            Self::Padding => "the count of an RTCP padding does not fit its message",
            Self::Malformed => "an RTCP message contradicts its own counts",
        })
    }
}

impl core::error::Error for ParseError {}

/// A message that can be written.
pub trait Message {
    /// Writes the whole message to the front of `dst` and gives its length, a multiple of four. `None` when it does not fit, or
    /// when it has more entries than the wire can count.
    fn write(&self, dst: &mut [u8]) -> Option<usize>;
}

/// One message, cut out of its datagram, without its first word and padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) packet_type: u8,
    pub(super) count: u8,
    pub(super) body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Cuts the next message off.
    pub(super) fn cut(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let [flags, packet_type] = reader.array().ok_or(ParseError::Length)?;
        let words = reader.u16().ok_or(ParseError::Length)?;
        if flags >> 6 != 2 {
            return Err(ParseError::Version);
        }
        let mut body = reader.take(4 * usize::from(words)).ok_or(ParseError::Length)?;
        if flags & 0x20 != 0 {
            body = without_padding(body).ok_or(ParseError::Padding)?;
        }
        Ok(Self { packet_type, count: flags & 0x1F, body })
    }
}

/// The last byte counts the padding, itself included. RFC 3550 section 6.4.1 has it in whole words and in the last message only;
/// browsers fill transport-wide feedback up to a word with it: one to three bytes, in each of several messages.
fn without_padding(body: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*body.last()?);
    (count > 0).then(|| body.len().checked_sub(count)).flatten().map(|len| &body[..len])
}

/// Writes the first word, then what `body` writes, then fills in the length.
pub(super) fn write_message(
    dst: &mut [u8],
    packet_type: u8,
    count: usize,
    body: impl FnOnce(&mut Writer<'_>) -> Option<()>,
) -> Option<usize> {
    let count = u8::try_from(count).ok().filter(|c| usize::from(*c) <= COUNT_MAX)?;
    let mut writer = Writer::new(dst);
    writer.bytes(&[0x80 | count, packet_type])?;
    writer.u16(0)?;
    body(&mut writer)?;
    debug_assert!(writer.len().is_multiple_of(4), "bodies are whole words");
    writer.set_u16(2, u16::try_from(writer.len() / 4 - 1).ok()?);
    Some(writer.len())
}
