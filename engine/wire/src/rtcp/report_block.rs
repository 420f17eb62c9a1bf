//! What a receiver says about one source (RFC 3550 section 6.4.1).

use super::framing::COUNT_MAX;
use crate::reader::Reader;
use crate::units::Ssrc;

const LEN: usize = 24;

/// One report block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: Ssrc,
    /// The share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits signed: duplicates can make it negative. Clamped when written.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with its count of cycles above bit 16.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter in ticks of the codec's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP timestamp of the last sender report (LSR); zero without one.
    pub last_sender_report: u32,
    /// The time from that report to this one in 1/65536 s (DLSR); zero without one.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    /// Reads the block.
    pub fn read(bytes: &[u8; LEN]) -> Self {
        let mut reader = Reader::new(bytes);
        let mut word = || reader.u32().unwrap_or_default();
        let (ssrc, lost) = (Ssrc(word()), word());
        Self {
            ssrc,
            fraction_lost: (lost >> 24) as u8,
            cumulative_lost: (lost << 8) as i32 >> 8,
            extended_highest_sequence: word(),
            jitter: word(),
            last_sender_report: word(),
            delay_since_last_sender_report: word(),
        }
    }

    /// The bytes of the block.
    pub fn to_bytes(self) -> [u8; LEN] {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0x00FF_FFFF;
        let words = [
            self.ssrc.0,
            u32::from(self.fraction_lost) << 24 | lost,
            self.extended_highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since_last_sender_report,
        ];
        let mut bytes = [0; LEN];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_be_bytes();
        }
        bytes
    }
}

/// The blocks of one report, at most 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReportBlocks<'a>(&'a [[u8; LEN]]);

impl<'a> ReportBlocks<'a> {
    /// None.
    pub const EMPTY: Self = Self(&[]);
    /// The most that one report holds.
    pub const MAX: usize = COUNT_MAX;

    /// Blocks made by [`ReportBlock::to_bytes`]. A report with more than [`ReportBlocks::MAX`] cannot be written.
    pub const fn new(blocks: &'a [[u8; LEN]]) -> Self {
        Self(blocks)
    }

    /// Blocks from the front of `bytes`. What follows them is a profile's extension, and not looked at.
    pub(super) fn read(bytes: &'a [u8], count: u8) -> Option<Self> {
        bytes.as_chunks().0.get(..usize::from(count)).map(Self)
    }

    /// The blocks one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.0.iter().map(ReportBlock::read)
    }

    /// How many blocks there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_flattened()
    }
}
