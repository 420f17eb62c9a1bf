//! What a layer counted for its statistics, and how good it was of late.

use crate::history::Stored;
use crate::meter::{Counts, Meter};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Payload and pictures; packets are counted for the reports anyhow.
    pub(crate) counts: Counts,
    /// Keyframes that arrived, by their first packets.
    pub(crate) keyframes: u64,
    /// Keyframes that the publisher was asked for.
    pub(crate) keyframe_requests: u64,
    /// Packets that the publisher was asked for again.
    pub(crate) nacked: u64,
    /// How many of those a trace told of.
    pub(crate) nacked_told: u64,
    pub(crate) meter: Meter,
    pub(crate) score: Option<u8>,
}

impl Tally {
    /// Counts a packet. The last of a picture has the marker.
    pub(crate) fn count(&mut self, packet: &Stored<'_>) {
        self.counts.octets += packet.payload().len() as u64;
        self.counts.frames += u64::from(packet.meta.marker);
        self.keyframes += u64::from(packet.meta.keyframe);
    }
}
