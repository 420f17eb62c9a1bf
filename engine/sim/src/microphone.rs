//! A publisher's microphone as a browser sends it: Opus every 20 ms with its level, pauses that DTX leaves out, retransmissions.

use crate::chance::Chance;
use crate::content::{Content, FrameName};
use crate::media::{Packet, published_type};
use crate::outgoing::{Draft, Outgoing, OutgoingSetup, Outlet, ids};
use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_core::control::{LayerParameters, TrackParameters};
use corelay_wire::media::{Codec, Extension, ExtensionMap, Feedback, Kind, PayloadFormat, PayloadFormats};
use corelay_wire::rtcp::SenderReport;
use corelay_wire::rtp::AudioLevel;
use corelay_wire::units::{Instant, Mid, NtpTimestamp, PayloadType, SequenceNumber, Ssrc};

/// The sound in one packet.
pub const PACKET_TIME: Duration = Duration::from_millis(20);
/// The same on the RTP clock.
const PACKET_TICKS: u32 = 960;
/// In a pause, one packet of comfort noise in this many (RFC 7587 section 3.1.3: each 400 ms).
const NOISE_EVERY: u32 = 20;
/// Bytes of payload: 32 kbit/s.
const PAYLOAD_LEN: usize = 80;

/// What a microphone is.
#[derive(Clone, Copy, Debug)]
pub struct MicrophoneSpec {
    /// Pauses are left out.
    pub dtx: bool,
    /// Retransmissions have a stream of their own; else they come in place.
    pub rtx: bool,
    /// Each packet carries the sound of the one before it too (RFC 2198).
    pub red: bool,
    /// How loud speech is, in dB below the loudest.
    pub level: u8,
}

impl Default for MicrophoneSpec {
    fn default() -> Self {
        Self { dtx: false, rtx: true, red: false, level: 30 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Microphone {
    /// Named in each packet.
    pub tag: u32,
    /// Packets made so far.
    pub packets: u32,
    /// Whether somebody speaks; without, the level says silence.
    pub speaking: bool,
    spec: MicrophoneSpec,
    mid: Mid,
    out: Outgoing,
    next: Instant,
    ticks: u32,
    was_pause: bool,
    /// The last packet's place and payload.
    before: Option<(u32, Vec<u8>)>,
    running: bool,
    chance: Chance,
}

impl Microphone {
    /// A microphone that begins when its transport is connected.
    pub fn new(spec: MicrophoneSpec, tag: u32, seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ u64::from(tag) << 32);
        let mid = Mid::from(&format!("m{tag}")).expect("short");
        let ssrc = Ssrc(0x2000_0000 + tag * 64);
        let setup = OutgoingSetup {
            ssrc,
            rtx_ssrc: spec.rtx.then_some(Ssrc(ssrc.0 + 1)),
            payload_type: published_type(if spec.red { Codec::Red } else { Codec::Opus }),
            mid,
            rid: None,
            clock: Codec::Opus.clock_rate(),
            chance: chance.number(),
        };
        let (out, next) = (Outgoing::new(setup), Instant::ZERO);
        Self {
            tag,
            packets: 0,
            speaking: true,
            spec,
            mid,
            out,
            next,
            ticks: 0,
            was_pause: true,
            before: None,
            running: false,
            chance,
        }
    }

    /// What signaling is told.
    pub fn parameters(&self) -> TrackParameters {
        let feedback = Feedback { nack: true, transport_cc: true, ..Feedback::default() };
        let format = |codec| {
            let payload_type = published_type(codec);
            let rtx = self.spec.rtx.then_some(PayloadType(payload_type.0 + 1));
            PayloadFormat { codec, payload_type, rtx, feedback }
        };
        let codecs = [Codec::Opus].into_iter().chain(self.spec.red.then_some(Codec::Red));
        let mut extensions = ExtensionMap::default();
        for (extension, id) in [
            (Extension::Mid, ids::MID),
            (Extension::AudioLevel, ids::LEVEL),
            (Extension::AbsSendTime, ids::ABS_SEND_TIME),
            (Extension::TransportSequence, ids::TRANSPORT_SEQUENCE),
        ] {
            extensions.insert(extension, id);
        }
        let layer = LayerParameters { ssrc: Some(self.out.ssrc), rtx_ssrc: self.out.rtx_ssrc, rid: None };
        TrackParameters {
            kind: Kind::Audio,
            mid: Some(self.mid),
            formats: codecs.map(format).collect::<PayloadFormats>(),
            extensions,
            layers: ArrayVec::from_iter([layer]),
            screen: false,
            scalability: Default::default(),
        }
    }

    /// A receiver misses a packet.
    pub fn resend(&mut self, now: Instant, ssrc: Ssrc, lost: SequenceNumber, round_trip: Duration) {
        if self.out.ssrc == ssrc {
            self.out.ask(now, lost, round_trip);
        }
    }

    /// Its sender report, once it has sent.
    pub fn report(&self, now: Instant, origin: NtpTimestamp) -> Option<SenderReport<'static>> {
        self.out.has_sent().then(|| self.out.report(now, origin))
    }

    /// What leaves by `now`.
    pub fn work(&mut self, now: Instant, outlet: &mut Outlet) -> Vec<Packet> {
        if !self.running {
            (self.running, self.next) = (true, now);
        }
        let mut out: Vec<_> = core::iter::from_fn(|| self.out.resend(now, outlet)).collect();
        while self.next <= now {
            let taken = self.next;
            self.next = self.next + PACKET_TIME;
            out.extend(self.packet(now, taken, outlet));
        }
        out
    }

    fn packet(&mut self, now: Instant, taken: Instant, outlet: &mut Outlet) -> Option<Packet> {
        self.ticks += 1;
        // Two seconds of speech, one of pause.
        let pause = self.spec.dtx && self.ticks % 150 >= 100;
        if pause && !(self.ticks % 150 - 100).is_multiple_of(NOISE_EVERY) {
            self.was_pause = true;
            return None;
        }
        let loud = self.speaking && !pause;
        let below = if loud { self.spec.level + (self.chance.unit() * 10.0) as u8 } else { 127 };
        let level = AudioLevel { below_full_dbov: below, voice: loud };
        let content = Content {
            tag: self.tag,
            stream: 0,
            frame: FrameName { picture: self.packets, spatial: 0 },
            temporal: u8::from(pause),
            key: true,
            place: 0,
            of: 1,
            captured: taken,
            references: ArrayVec::new(),
        };
        self.packets += 1;
        let len = if pause { 8 } else { PAYLOAD_LEN };
        // The table of contents of one 20 ms frame in hybrid mode, full band (RFC 6716 section 3.1).
        let mut payload = vec![0x78; len];
        content.append(&mut payload);
        let marker = core::mem::replace(&mut self.was_pause, pause) && !pause;
        let extension = Some((ids::LEVEL, level.to_bytes().to_vec()));
        let payload = if self.spec.red { self.redundant(payload) } else { payload };
        let draft = Draft { timestamp: self.out.timestamp(taken), marker, payload, extension };
        Some(self.out.send(now, draft, outlet))
    }

    /// The payload behind that of the packet before, if that one is 20 ms older (RFC 2198 section 3).
    fn redundant(&mut self, payload: Vec<u8>) -> Vec<u8> {
        let own = published_type(Codec::Opus).0;
        let before = self.before.replace((self.ticks, payload.clone())).filter(|(ticks, _)| ticks + 1 == self.ticks);
        let Some((_, before)) = before else { return [&[own][..], &payload].concat() };
        let (offset, len) = (PACKET_TICKS, before.len() as u32);
        let [_, high, middle, low] = (offset << 10 | len).to_be_bytes();
        [&[0x80 | own, high, middle, low, own][..], &before, &payload].concat()
    }
}
