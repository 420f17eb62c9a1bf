//! Full intra request (RFC 5104 section 4.3.1).

use super::feedback::{self, Head};
use super::framing::{Message, PSFB};
use crate::units::Ssrc;

pub(super) const FORMAT: u8 = 4;

/// Keyframes are wanted of some sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who wants them.
    pub sender: Ssrc,
    /// Who shall send them, each as on the wire; made by [`FirRequest::to_bytes`]. At least one.
    pub entries: &'a [[u8; 8]],
}

/// A keyframe is wanted of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirRequest {
    /// The source.
    pub media: Ssrc,
    /// Counts requests to this source: the same number again is the same request again (RFC 5104 section 4.3.1.1).
    pub sequence: u8,
}

impl FirRequest {
    /// The bytes of the entry.
    pub const fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.media.0.to_be_bytes();
        [a, b, c, d, self.sequence, 0, 0, 0]
    }
}

impl<'a> Fir<'a> {
    /// The media source of the fixed part "is not used and SHALL be set to 0" (RFC 5104 section 4.3.1.2).
    pub(super) fn read(head: Head<'a>) -> Option<Self> {
        let (entries, rest) = head.control.as_chunks();
        let whole = !entries.is_empty() && rest.is_empty();
        whole.then_some(Self { sender: head.sender, entries })
    }

    /// The requests one by one.
    pub fn requests(&self) -> impl ExactSizeIterator<Item = FirRequest> + use<'a> {
        self.entries
            .iter()
            .map(|[a, b, c, d, sequence, ..]| FirRequest { media: Ssrc(u32::from_be_bytes([*a, *b, *c, *d])), sequence: *sequence })
    }
}

impl Message for Fir<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        feedback::write(dst, PSFB, FORMAT, (self.sender, Ssrc(0)), |writer| writer.bytes(self.entries.as_flattened()))
    }
}
