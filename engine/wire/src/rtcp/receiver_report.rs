//! Receiver report (RFC 3550 section 6.4.2).

use super::ReportBlocks;
use super::framing::{Frame, Message, RECEIVER_REPORT, write_message};
use crate::reader::Reader;
use crate::units::Ssrc;

/// What a receiver received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// The receiver.
    pub ssrc: Ssrc,
    /// What was received, a block a source.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(frame: Frame<'a>) -> Option<Self> {
        let mut reader = Reader::new(frame.body);
        Some(Self { ssrc: Ssrc(reader.u32()?), blocks: ReportBlocks::read(reader.rest(), frame.count)? })
    }
}

impl Message for ReceiverReport<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        write_message(dst, RECEIVER_REPORT, self.blocks.len(), |writer| {
            writer.u32(self.ssrc.0)?;
            writer.bytes(self.blocks.as_bytes())
        })
    }
}
