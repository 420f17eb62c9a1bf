//! What the hot path needs of a subscription: its numbering and its counts, without a pointer to follow.

mod mapping;

pub(crate) use mapping::{Mapping, Source};

use crate::clock::SentReports;
use crate::control::SubscriptionParameters;
use corelay_wire::media::{ExtensionMap, PayloadFormats};
use corelay_wire::units::{Mid, PayloadType, Ssrc};

/// Formats of a track: as many as [`PayloadFormats`] holds, which the constructor checks.
const FORMATS_MAX: usize = 8;

/// One subscriber's side of a track.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) mapping: Mapping,
    pub(crate) ssrc: Ssrc,
    /// The subscriber's payload type for each of the track's formats.
    pub(crate) payload_types: [Option<PayloadType>; FORMATS_MAX],
    pub(crate) extensions: ExtensionMap,
    pub(crate) mid: Option<Mid>,
    pub(crate) paused: bool,
    /// RTP packets sent, as sender reports count them: they wrap.
    pub(crate) packets: u32,
    /// Payload bytes sent; they wrap.
    pub(crate) octets: u32,
    pub(crate) reports: SentReports,
}

impl Subscriber {
    pub(crate) fn new(parameters: &SubscriptionParameters, formats: &PayloadFormats, mapping: Mapping, paused: bool) -> Self {
        assert!(formats.capacity() == FORMATS_MAX, "there is a payload type for each format");
        let mut payload_types = [None; FORMATS_MAX];
        for (mine, format) in payload_types.iter_mut().zip(formats) {
            *mine = parameters.formats.iter().find(|f| f.codec == format.codec).map(|f| f.payload_type);
        }
        Self {
            mapping,
            ssrc: parameters.ssrc,
            payload_types,
            extensions: parameters.extensions.clone(),
            mid: parameters.mid,
            paused,
            packets: 0,
            octets: 0,
            reports: SentReports::default(),
        }
    }

    /// Whether any packet was sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.packets > 0
    }

    /// Counts a packet that was sealed; tells whether it was the first.
    pub(crate) fn count_sent(&mut self, payload_len: usize) -> bool {
        let first = self.packets == 0 && self.octets == 0;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_len as u32);
        first
    }
}
