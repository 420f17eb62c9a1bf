//! Goodbye (RFC 3550 section 6.6).

use super::framing::{BYE, Frame, Message, write_message};
use crate::reader::Reader;
use crate::units::Ssrc;

/// Sources that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye<'a> {
    /// The sources, each as on the wire; at most 31.
    pub sources: &'a [[u8; 4]],
    /// Why, for people to read; may be empty, at most 255 bytes.
    pub reason: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn read(frame: Frame<'a>) -> Option<Self> {
        let mut reader = Reader::new(frame.body);
        let sources = reader.take(4 * usize::from(frame.count))?.as_chunks().0;
        let reason = match reader.u8() {
            Some(len) => reader.take(usize::from(len))?,
            None => &[],
        };
        Some(Self { sources, reason })
    }

    /// The sources one by one.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.sources.iter().map(|s| Ssrc(u32::from_be_bytes(*s)))
    }
}

impl Message for Bye<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        write_message(dst, BYE, self.sources.len(), |writer| {
            writer.bytes(self.sources.as_flattened())?;
            if !self.reason.is_empty() {
                writer.u8(u8::try_from(self.reason.len()).ok()?)?;
                writer.bytes(self.reason)?;
            }
            writer.pad_to_word()
        })
    }
}
