//! The RTP header as a value: numbers and offsets, no borrowed bytes.
//!
//! ```text
//!  0                   1                   2                   3
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |                             SSRC                              |
//! |                 CSRC, CC times, 0 to 15                       |
//! |      defined by profile       |  length in words (if X)       |
//! |                    header extension                           |
//! ```

use super::extensions::{ExtensionForm, Extensions};
use crate::reader::Reader;
use crate::units::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use core::ops::Range;

/// The fixed part of the header.
const FIXED_LEN: usize = 12;

/// What one RTP header says. Offsets count from the first byte of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Who sends the stream.
    pub ssrc: Ssrc,
    /// When the payload was sampled, in ticks of the codec's clock.
    pub timestamp: RtpTimestamp,
    /// The packet's place in the stream.
    pub sequence: SequenceNumber,
    /// Where the payload starts; the header is everything before.
    pub payload_offset: u16,
    /// The length of the elements of the header extension, without its four-byte preamble.
    extension_len: u16,
    /// The form of the header extension; `None` without one, or with one that RFC 8285 does not know.
    pub extension_form: Option<ExtensionForm>,
    /// The format of the payload.
    pub payload_type: PayloadType,
    /// How many contributing sources are listed.
    pub csrc_count: u8,
    /// Padding after the payload, its count byte included. Zero until [`RtpHeader::read_padding`] has seen the plaintext.
    pub padding: u8,
    /// By convention the last packet of a video frame, or the first one of a talk spurt.
    pub marker: bool,
    /// The P bit: the last byte of the plaintext counts the padding.
    pub padded: bool,
}

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The packet ends inside the header.
    Truncated,
    /// Longer than a UDP datagram.
    TooLong,
    /// The version is not 2.
    Version,
    /// The padding count is zero, or larger than what follows the header.
    Padding,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the packet ends inside its RTP header",
            Self::TooLong => "the packet is longer than a UDP datagram",
            Self::Version => "the RTP version is not 2",
            Self::Padding => "the RTP padding count does not fit the packet",
        })
    }
}

impl core::error::Error for ParseError {}

impl RtpHeader {
    /// Parses a whole plaintext packet.
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        let mut header = Self::parse_sealed(packet)?;
        header.read_padding(packet)?;
        Ok(header)
    }

    /// Parses the header of an SRTP packet: it is in the clear, but the padding count at the packet's end is not
    /// (RFC 3711 section 3.1), so `padding` stays zero until [`RtpHeader::read_padding`].
    pub fn parse_sealed(packet: &[u8]) -> Result<Self, ParseError> {
        if packet.len() > usize::from(u16::MAX) {
            return Err(ParseError::TooLong);
        }
        let fixed: &[u8; FIXED_LEN] = packet.first_chunk().ok_or(ParseError::Truncated)?;
        let [flags, marker_and_type, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if flags >> 6 != 2 {
            return Err(ParseError::Version);
        }
        let csrc_count = flags & 0x0F;
        let csrc_end = FIXED_LEN + 4 * usize::from(csrc_count);
        let (extension_form, extension_len, payload_offset) = match flags & 0x10 != 0 {
            true => read_extension(packet, csrc_end).ok_or(ParseError::Truncated)?,
            false if packet.len() < csrc_end => return Err(ParseError::Truncated),
            false => (None, 0, csrc_end as u16),
        };
        Ok(Self {
            ssrc: Ssrc(u32::from_be_bytes([c0, c1, c2, c3])),
            timestamp: RtpTimestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            sequence: SequenceNumber(u16::from_be_bytes([s0, s1])),
            payload_offset,
            extension_len,
            extension_form,
            payload_type: PayloadType(marker_and_type & 0x7F),
            csrc_count,
            padding: 0,
            marker: marker_and_type & 0x80 != 0,
            padded: flags & 0x20 != 0,
        })
    }

    /// Completes a header from [`RtpHeader::parse_sealed`] once the packet is plaintext; `packet` ends where the plaintext ends.
    ///
    /// RFC 3550 section 5.1: "The last octet of the padding contains a count of how many padding octets should be ignored,
    /// including itself." A packet of nothing but padding is valid: browsers probe bandwidth with them.
    pub fn read_padding(&mut self, packet: &[u8]) -> Result<(), ParseError> {
        let after_header = packet.get(usize::from(self.payload_offset)..).ok_or(ParseError::Truncated)?;
        self.padding = match (self.padded, after_header.last()) {
            (false, _) => 0,
            (true, Some(&count)) if count > 0 && usize::from(count) <= after_header.len() => count,
            (true, _) => return Err(ParseError::Padding),
        };
        Ok(())
    }

    /// Where the payload is in a plaintext packet of `packet_len` bytes, padding left out.
    pub fn payload_range(&self, packet_len: usize) -> Range<usize> {
        let end = packet_len.saturating_sub(usize::from(self.padding));
        usize::from(self.payload_offset).min(end)..end
    }

    /// The payload of the plaintext packet that this header was parsed from, padding left out.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.payload_range(packet.len())).unwrap_or_default()
    }

    /// The contributing sources of the packet that this header was parsed from.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        let list = packet.get(FIXED_LEN..FIXED_LEN + 4 * usize::from(self.csrc_count)).unwrap_or_default();
        list.as_chunks().0.iter().map(|c| Ssrc(u32::from_be_bytes(*c)))
    }

    /// The header extensions of the packet that this header was parsed from.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        match self.extension_form {
            Some(form) => Extensions::new(form, packet, self.extension_range()),
            None => Extensions::EMPTY,
        }
    }

    /// The first header extension with this id.
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        self.extensions(packet).find(|(i, _)| *i == id).map(|(_, data)| data)
    }

    /// Where the data of the first header extension with this id is.
    pub fn find_extension(&self, packet: &[u8], id: u8) -> Option<Range<usize>> {
        let mut elements = self.extensions(packet);
        while let Some((found, range)) = elements.next_range() {
            if found == id {
                return Some(range);
            }
        }
        None
    }

    fn extension_range(&self) -> Range<usize> {
        let end = usize::from(self.payload_offset);
        end - usize::from(self.extension_len)..end
    }
}

/// The form and the length of the header extension at `at`, and where the payload starts after it.
fn read_extension(packet: &[u8], at: usize) -> Option<(Option<ExtensionForm>, u16, u16)> {
    let mut reader = Reader::new(packet.get(at..)?);
    let form = ExtensionForm::from_profile(reader.u16()?);
    let len = 4 * usize::from(reader.u16()?);
    reader.take(len)?;
    let payload_offset = packet.len() - reader.rest().len();
    Some((form, u16::try_from(len).ok()?, u16::try_from(payload_offset).ok()?))
}

#[cfg(test)]
mod tests;
