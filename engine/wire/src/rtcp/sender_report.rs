//! Sender report (RFC 3550 section 6.4.1).

use super::ReportBlocks;
use super::framing::{Frame, Message, SENDER_REPORT, write_message};
use crate::reader::Reader;
use crate::units::{NtpTimestamp, RtpTimestamp, Ssrc};

/// What a sender sent up to here, and what it received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The sender.
    pub ssrc: Ssrc,
    /// When the report was sent.
    pub ntp: NtpTimestamp,
    /// The same time by the media clock: with `ntp` it ties the streams of a participant together for lip-sync.
    pub rtp_timestamp: RtpTimestamp,
    /// Packets sent.
    pub packet_count: u32,
    /// Payload bytes sent, without headers and padding.
    pub octet_count: u32,
    /// What was received from others.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(frame: Frame<'a>) -> Option<Self> {
        let mut reader = Reader::new(frame.body);
        Some(Self {
            ssrc: Ssrc(reader.u32()?),
            ntp: NtpTimestamp(reader.u64()?),
            rtp_timestamp: RtpTimestamp(reader.u32()?),
            packet_count: reader.u32()?,
            octet_count: reader.u32()?,
            blocks: ReportBlocks::read(reader.rest(), frame.count)?,
        })
    }
}

impl Message for SenderReport<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        write_message(dst, SENDER_REPORT, self.blocks.len(), |writer| {
            writer.u32(self.ssrc.0)?;
            writer.u64(self.ntp.0)?;
            writer.u32(self.rtp_timestamp.0)?;
            writer.u32(self.packet_count)?;
            writer.u32(self.octet_count)?;
            writer.bytes(self.blocks.as_bytes())
        })
    }
}
