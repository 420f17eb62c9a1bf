//! What feedback messages share (RFC 4585 section 6.1): who says it, and about whom.

use super::framing::write_message;
use crate::reader::Reader;
use crate::units::Ssrc;
use crate::writer::Writer;

/// The fixed part, and the feedback control information after it.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) sender: Ssrc,
    pub(super) media: Ssrc,
    pub(super) control: &'a [u8],
}

impl<'a> Head<'a> {
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self { sender: Ssrc(reader.u32()?), media: Ssrc(reader.u32()?), control: reader.rest() })
    }
}

pub(super) fn write(
    dst: &mut [u8],
    packet_type: u8,
    format: u8,
    (sender, media): (Ssrc, Ssrc),
    control: impl FnOnce(&mut Writer<'_>) -> Option<()>,
) -> Option<usize> {
    write_message(dst, packet_type, usize::from(format), |writer| {
        writer.u32(sender.0)?;
        writer.u32(media.0)?;
        control(writer)
    })
}
