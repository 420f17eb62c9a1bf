//! Opus (RFC 7587): an RTP payload is one Opus packet (RFC 6716 section 3).

use super::PayloadDescription;
use core::time::Duration;

/// What the first bytes of an Opus packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Mode, bandwidth and frame size: 0-31 (RFC 6716 section 3.1).
    pub configuration: u8,
    /// Whether it is coded in stereo.
    pub stereo: bool,
    /// How many frames it holds.
    pub frames: u8,
}

impl Packet {
    /// Reads the table-of-contents byte and, where it asks for it, the frame count.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&toc, rest) = payload.split_first()?;
        let frames = match toc & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => rest.first()? & 0x3F,
        };
        let packet = Self { configuration: toc >> 3, stereo: toc & 4 != 0, frames };
        // RFC 6716 section 3.2.5: code 3 packets have at least one frame, and no packet lasts longer than 120 ms.
        (frames > 0 && packet.duration() <= Duration::from_millis(120)).then_some(packet)
    }

    /// How much sound it holds.
    pub const fn duration(&self) -> Duration {
        let frame_us = match self.configuration {
            // SILK-only in 10, 20, 40 and 60 ms.
            0..12 => [10_000, 20_000, 40_000, 60_000][(self.configuration % 4) as usize],
            // Hybrid in 10 and 20 ms.
            12..16 => [10_000, 20_000][(self.configuration % 2) as usize],
            // CELT-only in 2.5, 5, 10 and 20 ms.
            _ => [2_500, 5_000, 10_000, 20_000][(self.configuration % 4) as usize],
        };
        Duration::from_micros(frame_us * self.frames as u64)
    }

    /// Every packet stands for itself.
    pub fn describe(&self) -> PayloadDescription {
        PayloadDescription { starts_frame: true, ends_frame: Some(true), keyframe: true, ..PayloadDescription::default() }
    }
}
