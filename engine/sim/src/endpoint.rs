//! The media of one participant: what its cameras and microphones send, what its viewers and listeners get, and the RTCP between.

use crate::camera::Camera;
use crate::chance::Chance;
use crate::incoming::Incoming;
use crate::listener::Listener;
use crate::media::Packet;
use crate::microphone::Microphone;
use crate::outgoing::Outlet;
use crate::rate_control::RateControl;
use crate::transport_feedback::{FeedbackKind, TransportFeedback};
use crate::viewer::Viewer;
use core::time::Duration;
use corelay_wire::media::Extension;
use corelay_wire::rtcp::{
    CompoundWriter, Nack, NackPacker, Packet as Rtcp, Pli, ReceiverReport, ReportBlock, ReportBlocks, SdesCname, TransportCc,
};
use corelay_wire::rtp::{AbsSendTime, RtpHeader, TransportSequence};
use corelay_wire::units::{Bitrate, Instant, NtpTimestamp, Ssrc};

/// The models look at the clock this often: pacers and playout of browsers are no finer.
const STEP: Duration = Duration::from_millis(5);
const REPORTS: Duration = Duration::from_secs(1);
/// What a browser takes for the round trip before a report tells better.
const ROUND_TRIP: Duration = Duration::from_millis(100);
const OWN: Ssrc = Ssrc(1);

/// How the cameras find their rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// All they want, whatever is told.
    Fixed,
    /// What feedback allows.
    Follows,
}

/// What a publisher was told of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was told.
    pub at: Instant,
    /// The message's count.
    pub message: u8,
    /// The packet's transport-wide number, without wraps.
    pub number: u64,
    /// When it left; `None` when nothing of this number did.
    pub sent: Option<Instant>,
    /// When it arrived, in units of 250 us on the server's clock, if it did.
    pub ticks: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub struct Endpoint {
    /// What it publishes as video.
    pub cameras: Vec<Camera>,
    /// What it publishes as audio.
    pub microphones: Vec<Microphone>,
    /// Video that it is subscribed to.
    pub viewers: Vec<Viewer>,
    /// Audio that it is subscribed to.
    pub listeners: Vec<Listener>,
    /// Numbers and times on what it sends.
    pub outlet: Outlet,
    /// What it was told of the packets that it sent, once [`Endpoint::record_feedback`] was called.
    pub told: Option<Vec<Told>>,
    /// Half of the reports' words: how its cameras find their rates.
    pub uplink: Uplink,
    feedback: TransportFeedback,
    rate: RateControl,
    round_trip: Duration,
    next: Instant,
    next_report: Instant,
}

impl Endpoint {
    /// Without media.
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut phase = |of: Duration| now + of.mul_f64(chance.unit());
        Self {
            cameras: Vec::new(),
            microphones: Vec::new(),
            viewers: Vec::new(),
            listeners: Vec::new(),
            outlet: Outlet::default(),
            told: None,
            uplink: Uplink::Fixed,
            feedback: TransportFeedback::default(),
            rate: RateControl::new(now),
            round_trip: ROUND_TRIP,
            next: phase(STEP),
            next_report: phase(REPORTS),
        }
    }

    /// Keeps what it is told of its uplink from here on. The next packet that leaves has the transport-wide number `first`.
    pub fn record_feedback(&mut self, first: u16) {
        self.told = Some(Vec::new());
        self.outlet.first = first.into();
        self.outlet.sent.clear();
    }

    /// Publishes a camera. One that follows its uplink begins with the little that a browser begins with.
    pub fn add_camera(&mut self, camera: Camera) {
        self.cameras.push(camera);
        self.rate.set_most(Bitrate(self.cameras.iter().map(Camera::most).sum()));
        self.follow();
    }

    /// Chooses what it tells of its downlink.
    pub fn set_feedback(&mut self, kind: FeedbackKind) {
        self.feedback.kind = kind;
    }

    /// What the cameras may send, by what they were told.
    pub fn uplink_rate(&self) -> Bitrate {
        self.rate.rate()
    }

    /// The last REMB that it was told, if any.
    pub fn remb(&self) -> Option<Bitrate> {
        self.rate.remb()
    }

    /// When it has something to do next.
    pub fn next(&self) -> Option<Instant> {
        let idle = self.cameras.is_empty() && self.microphones.is_empty() && self.viewers.is_empty() && self.listeners.is_empty();
        (!idle).then_some(self.next)
    }

    /// Takes an RTP packet; `false` when nothing here wants it.
    pub fn take_rtp(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> bool {
        let Some(incoming) = self.incoming().find(|incoming| incoming.has(header.ssrc)) else { return false };
        let extensions = &incoming.parameters.extensions;
        let read = |extension| extensions.id(extension).and_then(|id| header.extension(packet, id));
        let number = read(Extension::TransportSequence).and_then(TransportSequence::read).map(|n| n.0);
        let sent = read(Extension::AbsSendTime).and_then(AbsSendTime::read);
        self.feedback.arrived(now, number, sent, packet.len());
        for viewer in self.viewers.iter_mut().filter(|v| v.incoming.has(header.ssrc)) {
            viewer.take(now, header, packet, self.round_trip);
        }
        for listener in self.listeners.iter_mut().filter(|l| l.incoming.has(header.ssrc)) {
            listener.take(now, header, packet);
        }
        // What shows a hole is answered at once.
        self.next = self.next.min(now);
        true
    }

    fn incoming(&mut self) -> impl Iterator<Item = &mut Incoming> {
        self.viewers.iter_mut().map(|v| &mut v.incoming).chain(self.listeners.iter_mut().map(|l| &mut l.incoming))
    }

    /// Takes an RTCP message.
    pub fn take_rtcp(&mut self, now: Instant, message: &Rtcp<'_>, origin: NtpTimestamp) {
        match message {
            Rtcp::SenderReport(report) => {
                self.incoming().filter(|i| i.has(report.ssrc)).for_each(|i| i.take_report(now, report));
                self.take_blocks(now, report.blocks, origin);
            }
            Rtcp::ReceiverReport(report) => self.take_blocks(now, report.blocks, origin),
            Rtcp::Pli(pli) => self.cameras.iter_mut().for_each(|c| c.make_keyframe(pli.media)),
            Rtcp::Fir(fir) => {
                for request in fir.requests() {
                    self.cameras.iter_mut().for_each(|c| c.make_keyframe(request.media));
                }
            }
            Rtcp::Nack(nack) => {
                for lost in nack.lost() {
                    self.cameras.iter_mut().for_each(|c| c.resend(now, nack.media, lost, self.round_trip));
                    self.microphones.iter_mut().for_each(|m| m.resend(now, nack.media, lost, self.round_trip));
                }
                self.next = self.next.min(now);
            }
            Rtcp::TransportCc(message) => self.take_arrivals(now, message),
            Rtcp::Remb(remb) => {
                self.rate.take_remb(remb.bitrate);
                self.follow();
            }
            _ => {}
        }
    }

    fn take_arrivals(&mut self, now: Instant, message: &TransportCc<'_>) {
        if let Some(told) = &mut self.told {
            let end = self.outlet.first + self.outlet.sent.len() as u64;
            let number = |short: u16| end.wrapping_add_signed(i64::from(short.wrapping_sub(end as u16) as i16));
            told.extend(message.arrivals().map(|(short, ticks)| {
                let number = number(short.0);
                let sent = number.checked_sub(self.outlet.first).and_then(|at| self.outlet.sent.get(at as usize));
                Told { at: now, message: message.feedback_count, number, sent: sent.map(|(at, _)| *at), ticks }
            }));
        }
        self.rate.take(now, message, &self.outlet);
        self.follow();
    }

    fn follow(&mut self) {
        if self.uplink == Uplink::Follows {
            let share = Bitrate(self.rate.rate().0 / self.cameras.len().max(1) as u64);
            self.cameras.iter_mut().for_each(|camera| camera.set_bitrate(share));
        }
    }

    /// The round trip by a report on what it sends (RFC 3550 section 6.4.1).
    fn take_blocks(&mut self, now: Instant, blocks: ReportBlocks<'_>, origin: NtpTimestamp) {
        let fraction = (u128::from(now.as_nanos()) << 32) / 1_000_000_000;
        let present = NtpTimestamp(origin.0.wrapping_add(fraction as u64)).middle();
        for block in blocks.iter().filter(|b| b.last_sender_report != 0) {
            let units = present.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay_since_last_sender_report);
            if units < 1 << 20 {
                self.round_trip = Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536).max(Duration::from_millis(10));
            }
        }
    }

    /// Plays, shows and sends what is due.
    pub fn work(&mut self, now: Instant, connected: bool) -> Vec<Packet> {
        if self.next().is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.next = now + STEP;
        self.viewers.iter_mut().for_each(|v| v.work(now));
        self.listeners.iter_mut().for_each(|l| l.work(now));
        let mut packets = Vec::new();
        if connected {
            for microphone in &mut self.microphones {
                packets.extend(microphone.work(now, &mut self.outlet));
            }
            for camera in &mut self.cameras {
                packets.extend(camera.work(now, &mut self.outlet));
            }
            packets.extend(self.probe(now));
        }
        packets
    }

    /// What leaves for a probe of the uplink, beside media: what left of late, once more.
    fn probe(&mut self, now: Instant) -> Vec<Packet> {
        let tells = self.cameras.iter().any(|c| c.spec().feedback == FeedbackKind::TransportWide);
        let mut packets = Vec::new();
        while self.uplink == Uplink::Follows && tells && self.rate.wants_padding(now, &self.outlet) {
            let Some(packet) = self.cameras.iter_mut().find_map(|camera| camera.pad(now, &mut self.outlet)) else {
                self.rate.give_up_probe();
                break;
            };
            packets.push(packet);
        }
        packets
    }

    /// The compounds that are due, in plaintext.
    pub fn rtcp(&mut self, now: Instant, origin: NtpTimestamp) -> Vec<Vec<u8>> {
        if self.next().is_none() {
            return Vec::new();
        }
        let mut compounds = self.feedback.messages(now);
        compounds.extend(self.wishes(now));
        if self.next_report <= now {
            self.next_report = now + REPORTS;
            compounds.extend(self.reports(now, origin));
        }
        compounds
    }

    /// What is missing and which key pictures are wanted.
    fn wishes(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut compounds = Vec::new();
        let trip = self.round_trip;
        for incoming in self.incoming() {
            let (media, mut lost) = (incoming.parameters.ssrc, incoming.nack(now, trip).into_iter().peekable());
            while lost.peek().is_some() {
                let mut packer = NackPacker::<64>::default();
                while lost.next_if(|number| packer.push(*number)).is_some() {}
                compounds.extend(compound(|writer| writer.push(&Nack { sender: OWN, media, entries: packer.entries() })));
            }
        }
        for viewer in &mut self.viewers {
            if viewer.take_wish(now) {
                let media = viewer.incoming.parameters.ssrc;
                compounds.extend(compound(|writer| writer.push(&Pli { sender: OWN, media })));
            }
        }
        compounds
    }

    fn reports(&mut self, now: Instant, origin: NtpTimestamp) -> Option<Vec<u8>> {
        let cameras: Vec<_> = self.cameras.iter().flat_map(|c| c.reports(now, origin)).collect();
        let microphones: Vec<_> = self.microphones.iter().filter_map(|m| m.report(now, origin)).collect();
        let blocks: Vec<_> = self.incoming().filter_map(|i| i.report(now)).map(ReportBlock::to_bytes).take(20).collect();
        compound(|writer| {
            for report in cameras.iter().chain(&microphones) {
                writer.push(report)?;
            }
            writer.push(&ReceiverReport { ssrc: OWN, blocks: ReportBlocks::new(&blocks) })?;
            writer.push(&SdesCname { ssrc: OWN, cname: b"peer" })
        })
    }
}

fn compound(write: impl FnOnce(&mut CompoundWriter<'_>) -> Option<()>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 1_200];
    let mut writer = CompoundWriter::new(&mut bytes);
    write(&mut writer)?;
    let len = writer.len();
    bytes.truncate(len);
    Some(bytes)
}
