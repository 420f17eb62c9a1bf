//! What the hot path needs of a subscription: its numbering and its counts, without a pointer to follow.

mod copied;
mod mapping;
mod past;
mod patch;
pub(crate) mod playout;
mod red;
mod retransmission;

pub(crate) use mapping::{Located, Mapping, Source};
pub(crate) use patch::{LeftOut, Patch};
pub(crate) use red::{RedundantAudio, Rename};
pub(crate) use retransmission::{Repeated, ResendWay, Retransmission, Rtx, SentAs};

use crate::clock::SentReports;
use crate::control::SubscriptionParameters;
use crate::layer::Lossy;
use crate::selection::Gate;
use core::hint::black_box;
use core::time::Duration;
use corelay_wire::media::{Codec, Extension, PayloadFormats};
use corelay_wire::rtp::{HeaderTemplate, PlayoutDelay};
use corelay_wire::units::{Instant, PayloadType, Ssrc};

/// Formats of a track: as many as [`PayloadFormats`] holds, which the constructor checks.
const FORMATS_MAX: usize = 8;

/// What subscribers are told as the publisher said it. Left out on purpose: layers and their retransmissions are the publisher's
/// affair, and transport-wide numbers are written for each transport, with congestion control.
const PASSED: [Extension; 6] = [
    Extension::AudioLevel,
    Extension::VideoOrientation,
    Extension::TransmissionOffset,
    Extension::AbsCaptureTime,
    Extension::PlayoutDelay,
    Extension::DependencyDescriptor,
];

/// One subscriber's side of a track. In this order: what each packet needs, then what few need.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Subscriber {
    pub(crate) mapping: Mapping,
    pub(crate) gate: Gate,
    /// RTP packets sent, as sender reports count them: they wrap.
    pub(crate) packets: u32,
    /// Payload bytes sent; they wrap.
    pub(crate) octets: u32,
    /// The subscriber's payload type for each of the track's formats.
    pub(crate) payload_types: PayloadTypes,
    pub(crate) red: RedundantAudio,
    pub(crate) paused: bool,
    /// Lost packets are sent again as they were: what they were is noted as they leave.
    pub(crate) in_place: bool,
    /// Signaling knows that packets flow.
    pub(crate) announced: bool,
    pub(crate) header: HeaderTemplate,
    /// The VP8 picture that was left out last.
    pub(crate) left_out: Option<u16>,
    pub(crate) ssrc: Ssrc,
    pub(crate) reports: SentReports,
    /// Where the subscriber asks for what it lost.
    pub(crate) retransmission: Option<Box<Retransmission>>,
}

/// A subscriber's payload type for each of the track's formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTypes([u8; FORMATS_MAX]);

impl PayloadTypes {
    /// No payload type: they have seven bits.
    const NONE: u8 = 0xFF;

    /// Those that `of` gives for the track's formats: that of Opus for redundant audio that is unwrapped.
    fn new(formats: &PayloadFormats, of: impl Fn(Codec) -> Option<PayloadType>) -> Self {
        assert!(formats.capacity() == FORMATS_MAX, "there is a payload type for each format");
        let mut payload_types = [Self::NONE; FORMATS_MAX];
        for (mine, format) in payload_types.iter_mut().zip(formats) {
            let payload_type = match format.codec {
                Codec::Red => of(Codec::Red).or_else(|| of(Codec::Opus)),
                codec => of(codec),
            };
            *mine = payload_type.map_or(Self::NONE, |payload_type| payload_type.0 & 0x7F);
        }
        Self(payload_types)
    }

    /// That of the track's format with this number.
    #[inline]
    pub(crate) fn of(&self, format: u8) -> Option<PayloadType> {
        let payload_type = self.0[usize::from(format)];
        (payload_type != Self::NONE).then_some(PayloadType(payload_type))
    }
}

impl Subscriber {
    /// `first_retransmission`: the sequence number that retransmissions begin with, at random.
    pub(crate) fn new(
        parameters: &SubscriptionParameters,
        formats: &PayloadFormats,
        mut mapping: Mapping,
        first_retransmission: u16,
        paused: bool,
    ) -> Self {
        let SubscriptionParameters { ssrc, mid, extensions, .. } = parameters;
        let mut extensions = extensions.clone();
        let in_place = Retransmission::is_in_place(parameters);
        if in_place {
            // A packet that leaves twice has the same header both times: nothing in it tells when or as what it left.
            extensions.insert(Extension::AbsSendTime, 0);
            extensions.insert(Extension::TransportSequence, 0);
        }
        if Retransmission::is_wanted(parameters) {
            mapping.prepare();
        }
        Self {
            mapping,
            gate: Gate::SHUT,
            left_out: None,
            ssrc: *ssrc,
            payload_types: PayloadTypes::new(formats, |codec| {
                parameters.formats.iter().find(|f| f.codec == codec).map(|f| f.payload_type)
            }),
            header: HeaderTemplate::new(*ssrc, mid.as_deref(), &extensions, PASSED.into_iter().collect()),
            red: RedundantAudio::new(parameters, formats),
            paused,
            in_place,
            announced: false,
            packets: 0,
            octets: 0,
            reports: SentReports::default(),
            retransmission: Retransmission::new(parameters, &extensions, formats, first_retransmission),
        }
    }

    /// Looks at what the subscriber loses: its viewer may have to wait longer, or no longer. `upstream` and `reported`: see
    /// [`Playout::look`].
    ///
    /// [`Playout::look`]: playout::Playout::look
    pub(crate) fn look_at_loss(&mut self, now: Instant, round_trip: Option<Duration>, upstream: Lossy, reported: bool) {
        let Self { retransmission, header, packets, .. } = self;
        let Some(Retransmission { playout, way, .. }) = retransmission.as_deref_mut() else { return };
        if playout.look(now, *packets, round_trip, upstream, reported) {
            let told = playout.told().map(PlayoutDelay::at_least);
            header.set_playout_delay(told);
            if let ResendWay::Rtx(rtx) = way {
                rtx.header.set_playout_delay(told);
            }
        }
    }

    /// Reads of each line of the cache that a packet needs, so that it is there when it is needed.
    #[inline]
    pub(crate) fn touch(&self) {
        black_box((self.mapping.highest(), self.octets, self.header.is_numbered()));
    }

    /// The layer that it gets, or waits for.
    pub(crate) fn layer(&self) -> Option<u8> {
        self.mapping.flowing().map(|source| source.layer).or(self.gate.layer())
    }

    /// Whether packets of this layer may be for it: it gets them, or waits for them.
    pub(crate) fn follows(&self, layer: u8) -> bool {
        self.mapping.flowing().is_some_and(|source| source.layer == layer) || self.gate.layer() == Some(layer)
    }

    /// Whether any packet was sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.packets > 0
    }

    /// Counts packets that were sealed, with so many bytes of payload. Padding is no payload (RFC 3550 section 6.4.1: "not
    /// including header or padding").
    pub(crate) fn count_sent(&mut self, packets: u32, payload_bytes: u32) {
        self.packets = self.packets.wrapping_add(packets);
        self.octets = self.octets.wrapping_add(payload_bytes);
    }
}
