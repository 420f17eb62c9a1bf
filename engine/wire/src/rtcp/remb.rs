//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 section 2.2).

use super::feedback::{self, Head};
use super::framing::{Message, PSFB};
use crate::reader::Reader;
use crate::units::{Bitrate, Ssrc};

/// Application-layer feedback, which REMB is one kind of.
pub(super) const FORMAT: u8 = 15;
const IDENTIFIER: [u8; 4] = *b"REMB";
const MANTISSA_BITS: u32 = 18;

/// What the receiver estimates that the path to it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb<'a> {
    /// The receiver.
    pub sender: Ssrc,
    /// The estimate for all the sources together. 18 bits of it are written, rounded down.
    pub bitrate: Bitrate,
    /// The sources, each as on the wire; at most 255.
    pub sources: &'a [[u8; 4]],
}

/// Whether application-layer feedback is REMB.
pub(super) fn is_remb(control: &[u8]) -> bool {
    control.starts_with(&IDENTIFIER)
}

impl<'a> Remb<'a> {
    pub(super) fn read(head: Head<'a>) -> Option<Self> {
        let mut reader = Reader::new(head.control.strip_prefix(&IDENTIFIER)?);
        let word = reader.u32()?;
        let (count, exponent, mantissa) = (word >> 24, word >> MANTISSA_BITS & 0x3F, u64::from(word & 0x3_FFFF));
        let sources = reader.rest().as_chunks().0.get(..count as usize)?;
        // An exponent that shifts bits out is more than any path carries.
        let bitrate = Bitrate(if exponent > mantissa.leading_zeros() { u64::MAX } else { mantissa.checked_shl(exponent)? });
        Some(Self { sender: head.sender, bitrate, sources })
    }

    /// The sources one by one.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.sources.iter().map(|s| Ssrc(u32::from_be_bytes(*s)))
    }
}

impl Message for Remb<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        let count = u8::try_from(self.sources.len()).ok()?;
        let exponent = (u64::BITS - self.bitrate.0.leading_zeros()).saturating_sub(MANTISSA_BITS);
        let mantissa = (self.bitrate.0 >> exponent) as u32;
        feedback::write(dst, PSFB, FORMAT, (self.sender, Ssrc(0)), |writer| {
            writer.bytes(&IDENTIFIER)?;
            writer.u32(u32::from(count) << 24 | exponent << MANTISSA_BITS | mantissa)?;
            writer.bytes(self.sources.as_flattened())
        })
    }
}
