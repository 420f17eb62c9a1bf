//! Generic NACK (RFC 4585 section 6.2.1): packets that were lost.

use super::feedback::{self, Head};
use super::framing::{Message, RTPFB};
use crate::units::{SequenceNumber, Ssrc};
use arrayvec::ArrayVec;

pub(super) const FORMAT: u8 = 1;

/// Sequence numbers that one receiver misses of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender: Ssrc,
    /// Whose packets they are.
    pub media: Ssrc,
    /// A sequence number (PID), and a mask of the 16 after it (BLP), each as on the wire. At least one; [`NackPacker`] makes them.
    pub entries: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn read(head: Head<'a>) -> Option<Self> {
        let (entries, rest) = head.control.as_chunks();
        let whole = !entries.is_empty() && rest.is_empty();
        whole.then_some(Self { sender: head.sender, media: head.media, entries })
    }

    /// The lost packets in the order of the entries.
    pub fn lost(&self) -> impl Iterator<Item = SequenceNumber> + use<'a> {
        self.entries.iter().flat_map(|entry| {
            let (first, mask) = split(*entry);
            (0..=16).filter(move |i| mask >> i & 1 != 0).map(move |i| first.plus(i))
        })
    }
}

impl Message for Nack<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        feedback::write(dst, RTPFB, FORMAT, (self.sender, self.media), |writer| writer.bytes(self.entries.as_flattened()))
    }
}

/// Packs lost sequence numbers, oldest first, into at most `N` entries.
#[derive(Clone, Debug, Default)]
pub struct NackPacker<const N: usize> {
    entries: ArrayVec<[u8; 4], N>,
}

impl<const N: usize> NackPacker<N> {
    /// Takes in one more lost packet. `false` when the entries are full: it goes into the next message.
    pub fn push(&mut self, lost: SequenceNumber) -> bool {
        if let Some(last) = self.entries.last_mut() {
            let (first, mask) = split(*last);
            match lost.0.wrapping_sub(first.0) {
                0 => return true,
                distance @ 1..=16 => {
                    *last = join(first, mask | 1 << distance);
                    return true;
                }
                _ => {}
            }
        }
        self.entries.try_push(join(lost, 1)).is_ok()
    }

    /// The entries for [`Nack::entries`].
    pub fn entries(&self) -> &[[u8; 4]] {
        &self.entries
    }
}

/// The mask is widened by a bit 0 that stands for the first packet itself.
fn split([p0, p1, b0, b1]: [u8; 4]) -> (SequenceNumber, u32) {
    let following = u32::from(u16::from_be_bytes([b0, b1]));
    (SequenceNumber(u16::from_be_bytes([p0, p1])), following << 1 | 1)
}

fn join(first: SequenceNumber, mask: u32) -> [u8; 4] {
    (u32::from(first.0) << 16 | mask >> 1 & 0xFFFF).to_be_bytes()
}
