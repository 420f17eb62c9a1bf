//! A publisher's camera as a browser sends it: encoders for each simulcast stream or one for all layers, packets that leave evenly,
//! key pictures and retransmissions on request, and rates that follow what the link is said to carry.

mod descriptor;
mod encoder;
mod payload;
mod structure;

use crate::chance::Chance;
use crate::media::{Packet, published_type};
use crate::outgoing::{Draft, Outgoing, OutgoingSetup, Outlet, ids};
use crate::transport_feedback::FeedbackKind;
use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_core::control::{LayerParameters, ScalabilityMode, TrackParameters};
use corelay_wire::media::{Codec, Extension, ExtensionMap, Feedback, PayloadFormat, PayloadFormats};
use corelay_wire::rtcp::SenderReport;
use corelay_wire::units::{Bitrate, Instant, Mid, NtpTimestamp, PayloadType, Rid, SequenceNumber, Ssrc};
use encoder::{Encoder, EncoderSetup};
use std::collections::VecDeque;
pub use structure::Structure;

/// What leaves is spread to this multiple of the rate, as libwebrtc's pacer does: less keeps a key picture back, more bursts.
const PACING: f64 = 2.5;
/// Key pictures on request come no closer than this: libwebrtc's encoder does the same.
const KEY_GAP: Duration = Duration::from_millis(300);
const FRAMES_PER_SECOND: u32 = 30;

/// One stream of a camera.
#[derive(Clone, Copy, Debug)]
pub struct LayerSpec {
    /// Its rid, where the camera has several streams.
    pub rid: Option<&'static str>,
    /// Lines.
    pub height: u16,
    /// What it takes when the link carries it.
    pub bitrate: Bitrate,
    /// With less it is not sent.
    pub bitrate_min: Bitrate,
}

impl LayerSpec {
    /// A stream of `kbps` at most.
    pub const fn new(rid: Option<&'static str>, height: u16, kbps: u64) -> Self {
        let least = if height <= 180 { 30 } else { kbps / 2 };
        Self { rid, height, bitrate: Bitrate(kbps * 1_000), bitrate_min: Bitrate(least * 1_000) }
    }
}

/// What a camera is.
#[derive(Clone, Debug)]
pub struct CameraSpec {
    /// The codec.
    pub codec: Codec,
    /// Its streams, lowest first.
    pub layers: Vec<LayerSpec>,
    /// The layers in each stream.
    pub structure: Structure,
    /// VP9 names its references in each frame.
    pub flexible: bool,
    /// Packets carry the dependency descriptor.
    pub described: bool,
    /// Retransmissions have a stream of their own.
    pub rtx: bool,
    /// What it wants to be told of its uplink: browsers of today can take either kind.
    pub feedback: FeedbackKind,
}

impl CameraSpec {
    /// 180, 360 and 720 lines at 150, 500 and 1500 kbit/s; AV1 with its descriptor.
    pub fn simulcast(codec: Codec) -> Self {
        let layers =
            vec![LayerSpec::new(Some("q"), 180, 150), LayerSpec::new(Some("h"), 360, 500), LayerSpec::new(Some("f"), 720, 1_500)];
        let temporal = if matches!(codec, Codec::H264) { 1 } else { 3 };
        Self { layers, ..Self::single(codec, 500, temporal) }
    }

    /// One stream.
    pub fn single(codec: Codec, kbps: u64, temporal: u8) -> Self {
        let described = codec == Codec::Av1;
        let layers = vec![LayerSpec::new(None, 720, kbps)];
        Self {
            codec,
            layers,
            structure: Structure::temporal(temporal),
            flexible: false,
            described,
            rtx: true,
            feedback: FeedbackKind::TransportWide,
        }
    }

    /// One stream of three spatial and three temporal layers, 1.5 Mbit/s in all.
    pub fn scalable(codec: Codec, key: bool) -> Self {
        let structure = Structure { spatial: 3, temporal: 3, key };
        Self { structure, ..Self::single(codec, 1_500, 3) }
    }
}

/// One stream and its encoder.
#[derive(Debug)]
struct Stream {
    spec: LayerSpec,
    encoder: Encoder,
    out: Outgoing,
    /// Whether signaling wants it sent.
    wanted: bool,
    /// What it may take; zero while it is not sent.
    rate: Bitrate,
    last_key: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub struct Camera {
    /// Named in each packet.
    pub tag: u32,
    /// When each picture was taken.
    pub captured: Vec<Instant>,
    /// Requests for key pictures that reached it, by PLI or FIR.
    pub keyframe_requests: u32,
    spec: CameraSpec,
    mid: Mid,
    streams: Vec<Stream>,
    next: Instant,
    waiting: VecDeque<(usize, Draft)>,
    free: Instant,
    running: bool,
}

impl Camera {
    /// A camera that begins when its transport is connected.
    pub fn new(spec: CameraSpec, tag: u32, seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ u64::from(tag) << 32);
        let mid = Mid::from(&format!("m{tag}")).expect("short");
        let heights = |layer: &LayerSpec| (0..spec.structure.spatial).rev().map(|s| layer.height >> s).collect();
        let stream = |(at, layer): (usize, &LayerSpec)| {
            let ssrc = Ssrc(0x2000_0000 + tag * 64 + at as u32 * 2);
            let setup = OutgoingSetup {
                ssrc,
                rtx_ssrc: spec.rtx.then_some(Ssrc(ssrc.0 + 1)),
                payload_type: published_type(spec.codec),
                mid,
                rid: layer.rid.map(|rid| Rid::from(rid).expect("short")),
                clock: spec.codec.clock_rate(),
                chance: chance.number(),
            };
            let encoder = EncoderSetup {
                tag,
                stream: at as u8,
                codec: spec.codec,
                structure: spec.structure,
                flexible: spec.flexible,
                described: spec.described,
                heights: heights(layer),
                frames_per_second: FRAMES_PER_SECOND,
            };
            let encoder = Encoder::new(encoder, Chance::new(chance.number()));
            Stream { spec: *layer, encoder, out: Outgoing::new(setup), wanted: true, rate: layer.bitrate, last_key: None }
        };
        let streams = spec.layers.iter().enumerate().map(stream).collect();
        let (captured, next, free) = (Vec::new(), Instant::ZERO, Instant::ZERO);
        Self { tag, captured, keyframe_requests: 0, mid, streams, next, waiting: VecDeque::new(), free, running: false, spec }
    }

    /// What signaling is told.
    pub fn parameters(&self) -> TrackParameters {
        let transport_cc = self.spec.feedback == FeedbackKind::TransportWide;
        let remb = self.spec.feedback != FeedbackKind::None;
        let feedback = Feedback { nack: true, pli: true, fir: true, transport_cc, remb };
        let payload_type = published_type(self.spec.codec);
        let rtx = self.spec.rtx.then_some(PayloadType(payload_type.0 + 1));
        let mut extensions = ExtensionMap::default();
        for (extension, id) in [
            (Extension::Mid, ids::MID),
            (Extension::Rid, ids::RID),
            (Extension::RepairedRid, ids::REPAIRED_RID),
            (Extension::AbsSendTime, ids::ABS_SEND_TIME),
            (Extension::TransportSequence, ids::TRANSPORT_SEQUENCE),
        ] {
            extensions.insert(extension, id);
        }
        if self.spec.described {
            extensions.insert(Extension::DependencyDescriptor, ids::DEPENDENCY_DESCRIPTOR);
        }
        // With rids a browser signals no SSRC.
        let layer = |stream: &Stream| match stream.spec.rid {
            Some(rid) => LayerParameters { rid: Rid::from(rid).ok(), ..LayerParameters::default() },
            None => LayerParameters { ssrc: Some(stream.out.ssrc), rtx_ssrc: stream.out.rtx_ssrc, rid: None },
        };
        TrackParameters {
            kind: self.spec.codec.kind(),
            mid: Some(self.mid),
            formats: PayloadFormats::from_iter([PayloadFormat { codec: self.spec.codec, payload_type, rtx, feedback }]),
            extensions,
            layers: self.streams.iter().map(layer).collect::<ArrayVec<_, _>>(),
            screen: false,
            scalability: ScalabilityMode {
                spatial: self.spec.structure.spatial,
                temporal: self.spec.structure.temporal,
                key: self.spec.structure.key,
            },
        }
    }

    /// What it is.
    pub fn spec(&self) -> &CameraSpec {
        &self.spec
    }

    /// Shares `rate` among the streams, lowest first: a stream that does not get its least is not sent.
    pub fn set_bitrate(&mut self, rate: Bitrate) {
        let mut left = rate.0;
        for stream in &mut self.streams {
            let given = left.min(stream.spec.bitrate.0);
            // The lowest is sent however little there is.
            let given = if given < stream.spec.bitrate_min.0 && stream.spec.height > 180 && left != rate.0 { 0 } else { given };
            stream.rate = Bitrate(given);
            left -= given;
        }
    }

    /// Stops streams, or begins them again: one bit each, lowest first.
    pub fn set_streams(&mut self, wanted: u8) {
        for (at, stream) in self.streams.iter_mut().enumerate() {
            stream.wanted = wanted >> at & 1 == 1;
        }
    }

    /// Encodes only so many spatial layers.
    pub fn set_spatial(&mut self, layers: u8) {
        for stream in &mut self.streams {
            stream.encoder.wants_key |= stream.encoder.spatial != layers;
            stream.encoder.spatial = layers;
        }
    }

    /// A receiver needs a key picture of the stream.
    pub fn make_keyframe(&mut self, ssrc: Ssrc) {
        for stream in self.streams.iter_mut().filter(|s| s.out.ssrc == ssrc) {
            stream.encoder.wants_key = true;
            self.keyframe_requests += 1;
        }
    }

    /// A receiver misses a packet.
    pub fn resend(&mut self, now: Instant, ssrc: Ssrc, lost: SequenceNumber, round_trip: Duration) {
        if let Some(stream) = self.streams.iter_mut().find(|s| s.out.ssrc == ssrc) {
            stream.out.ask(now, lost, round_trip);
        }
    }

    /// The last packet of the best stream that sends, once more on its RTX: what a browser fills probes up with. `None` without RTX, or
    /// when nothing left of late.
    pub(crate) fn pad(&mut self, now: Instant, outlet: &mut Outlet) -> Option<Packet> {
        self.streams.iter_mut().rev().find_map(|stream| stream.out.pad(now, outlet))
    }

    /// What all its streams take together at most, in bit/s.
    pub(crate) fn most(&self) -> u64 {
        self.streams.iter().map(|s| s.spec.bitrate.0).sum()
    }

    /// Packets that were sent again.
    pub fn resent(&self) -> u32 {
        self.streams.iter().map(|s| s.out.resent).sum()
    }

    /// Pictures that each stream has, lowest first.
    pub fn pictures(&self) -> Vec<u32> {
        self.streams.iter().map(|s| s.encoder.pictures()).collect()
    }

    /// Sender reports of the streams that send.
    pub fn reports(&self, now: Instant, origin: NtpTimestamp) -> impl Iterator<Item = SenderReport<'static>> {
        self.streams.iter().filter(|s| s.out.has_sent()).map(move |s| s.out.report(now, origin))
    }

    /// Takes a picture if one is due, and gives what leaves by `now`.
    pub fn work(&mut self, now: Instant, outlet: &mut Outlet) -> Vec<Packet> {
        if !self.running {
            (self.running, self.next) = (true, now);
        }
        if self.next <= now {
            self.next = self.next + Duration::from_nanos(1_000_000_000 / u64::from(FRAMES_PER_SECOND));
            self.capture(now);
        }
        let mut out = Vec::new();
        for stream in &mut self.streams {
            out.extend(core::iter::from_fn(|| stream.out.resend(now, outlet)));
        }
        let rate = PACING * self.rate().max(300_000.0);
        while self.free <= now {
            let Some((at, draft)) = self.waiting.pop_front() else { break };
            let packet = self.streams[at].out.send(now, draft, outlet);
            let bits = (packet.payload.len() + packet.header.len()) as f64 * 8.0;
            // An idle pacer owes nothing, but for one burst of its granularity.
            let begin = Instant::from_nanos(self.free.as_nanos().max(now.as_nanos().saturating_sub(5_000_000)));
            self.free = begin + Duration::from_secs_f64(bits / rate);
            out.push(packet);
        }
        out
    }

    /// What all streams take together, in bit/s.
    fn rate(&self) -> f64 {
        self.streams.iter().filter(|s| s.wanted).map(|s| s.rate.0 as f64).sum()
    }

    fn capture(&mut self, now: Instant) {
        self.captured.push(now);
        for (at, stream) in self.streams.iter_mut().enumerate() {
            if !stream.wanted || stream.rate.0 == 0 {
                // What begins again begins with a key picture.
                stream.encoder.wants_key = true;
                continue;
            }
            let wants_key = stream.encoder.wants_key;
            if wants_key && stream.last_key.is_some_and(|last| now.since(last) < KEY_GAP) {
                stream.encoder.wants_key = false;
            }
            if stream.encoder.wants_key {
                stream.last_key = Some(now);
            }
            let timestamp = stream.out.timestamp(now);
            let pieces = stream.encoder.encode(now, stream.rate);
            stream.encoder.wants_key = wants_key && stream.last_key != Some(now);
            let drafts =
                pieces.into_iter().map(|p| Draft { timestamp, marker: p.marker, payload: p.payload, extension: p.extension });
            self.waiting.extend(drafts.map(|draft| (at, draft)));
        }
    }
}
