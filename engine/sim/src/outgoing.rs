//! One RTP stream as a browser sends it: numbers, header extensions, what it keeps for retransmissions, its sender reports.

use crate::media::Packet;
use core::time::Duration;
use corelay_wire::rtcp::{ReportBlocks, SenderReport};
use corelay_wire::rtp::{AbsSendTime, HeaderFields, Retransmission, TransportSequence, write_header};
use corelay_wire::units::{
    ClockRate, Instant, Mid, NtpTimestamp, PacketIndex, PayloadType, Rid, RtpTimestamp, SequenceNumber, Ssrc,
};
use std::collections::VecDeque;

/// Header extension ids at publishers.
pub(crate) mod ids {
    pub(crate) use crate::media::{PUBLISHED_LEVEL as LEVEL, PUBLISHED_MID as MID};
    pub(crate) const ABS_SEND_TIME: u8 = 2;
    pub(crate) const TRANSPORT_SEQUENCE: u8 = 5;
    pub(crate) const RID: u8 = 10;
    pub(crate) const REPAIRED_RID: u8 = 11;
    pub(crate) const DEPENDENCY_DESCRIPTOR: u8 = 13;
}

/// How long a sent packet can be asked for again: what libwebrtc keeps at least.
const KEPT: Duration = Duration::from_secs(1);
/// A packet is not sent again sooner than a round trip and this after the last time (libwebrtc's packet history).
const AGAIN: Duration = Duration::from_millis(5);
/// Packets of a new SSRC that name their media section and rid; a browser stops when a receiver report shows that they arrived.
const NAMED: u64 = 300;

/// The transport's part in what leaves: its count of packets, and what the feedback on them is compared with.
#[derive(Debug, Default)]
pub struct Outlet {
    /// Whether packets carry a transport-wide number.
    pub numbered: bool,
    /// Whether packets carry the time of sending.
    pub timed: bool,
    /// When each number left, and with how many bytes; the first has `first`.
    pub(crate) sent: VecDeque<(Instant, usize)>,
    pub(crate) first: u64,
    pub(crate) bytes: u64,
}

impl Outlet {
    fn note(&mut self, now: Instant, bytes: usize) -> TransportSequence {
        let number = self.first + self.sent.len() as u64;
        self.sent.push_back((now, bytes));
        if self.sent.len() > 8_192 {
            self.sent.pop_front();
            self.first += 1;
        }
        TransportSequence(SequenceNumber(number as u16))
    }
}

/// A packet that waits for its turn.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
    /// An extension of its own: the audio level or the dependency descriptor.
    pub(crate) extension: Option<(u8, Vec<u8>)>,
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    again: Option<Instant>,
    packet: Packet,
    draft: Draft,
}

/// One stream and its retransmissions.
#[derive(Debug)]
pub struct Outgoing {
    /// The stream's SSRC.
    pub ssrc: Ssrc,
    /// That of its retransmissions; in place without.
    pub rtx_ssrc: Option<Ssrc>,
    /// Packets that were sent again.
    pub resent: u32,
    payload_type: PayloadType,
    mid: Mid,
    rid: Option<Rid>,
    clock: ClockRate,
    timestamp_base: u32,
    index: u64,
    first: u64,
    rtx_index: u64,
    rtx_sent: u64,
    kept: VecDeque<Kept>,
    asked: VecDeque<u64>,
    sent: (u32, u32),
}

/// What an [`Outgoing`] is made of.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingSetup {
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    pub(crate) payload_type: PayloadType,
    pub(crate) mid: Mid,
    pub(crate) rid: Option<Rid>,
    pub(crate) clock: ClockRate,
    /// Where timestamps and sequence numbers begin.
    pub(crate) chance: u64,
}

impl Outgoing {
    pub(crate) fn new(setup: OutgoingSetup) -> Self {
        // RFC 3711 section 3.3.1 leaves the first rollover to chance when numbers begin near the end: browsers begin below 2^15.
        let first = setup.chance >> 40 & 0x7FFF;
        Self {
            ssrc: setup.ssrc,
            rtx_ssrc: setup.rtx_ssrc,
            resent: 0,
            payload_type: setup.payload_type,
            mid: setup.mid,
            rid: setup.rid,
            clock: setup.clock,
            timestamp_base: setup.chance as u32,
            index: first,
            first,
            rtx_index: setup.chance >> 20 & 0x7FFF,
            rtx_sent: 0,
            kept: VecDeque::new(),
            asked: VecDeque::new(),
            sent: (0, 0),
        }
    }

    /// The timestamp of what was captured at `at`.
    pub(crate) fn timestamp(&self, at: Instant) -> RtpTimestamp {
        let ticks = u128::from(at.as_nanos()) * u128::from(self.clock.0) / 1_000_000_000;
        RtpTimestamp(self.timestamp_base.wrapping_add(ticks as u32))
    }

    /// Sends a packet that waited.
    pub(crate) fn send(&mut self, now: Instant, draft: Draft, outlet: &mut Outlet) -> Packet {
        let index = PacketIndex(self.index);
        self.index += 1;
        let fields = HeaderFields {
            ssrc: self.ssrc,
            timestamp: draft.timestamp,
            sequence: index.sequence(),
            payload_type: self.payload_type,
            marker: draft.marker,
            padded: false,
        };
        let named = index.0 - self.first < NAMED;
        let header = self.header(now, &fields, &draft, named.then_some(ids::RID), outlet);
        self.sent = (self.sent.0 + 1, self.sent.1.wrapping_add(draft.payload.len() as u32));
        let packet = Packet { index, header, payload: draft.payload.clone() };
        self.kept.push_back(Kept { at: now, again: None, packet: packet.clone(), draft });
        while self.kept.front().is_some_and(|k| now.since(k.at) > KEPT) {
            self.kept.pop_front();
        }
        packet
    }

    /// Notes what a receiver misses.
    pub(crate) fn ask(&mut self, now: Instant, lost: SequenceNumber, round_trip: Duration) {
        let Some(at) = self.kept.iter().position(|k| k.packet.index.sequence() == lost) else { return };
        let kept = &mut self.kept[at];
        if kept.again.is_some_and(|again| now.since(again) < round_trip + AGAIN) {
            return;
        }
        kept.again = Some(now);
        self.asked.push_back(kept.packet.index.0);
    }

    /// The next packet that was asked for again.
    pub(crate) fn resend(&mut self, now: Instant, outlet: &mut Outlet) -> Option<Packet> {
        let index = self.asked.pop_front()?;
        let at = self.kept.iter().position(|k| k.packet.index.0 == index)?;
        self.resent += 1;
        match self.rtx_ssrc {
            Some(ssrc) => Some(self.repeat(now, at, ssrc, outlet)),
            // The very same bytes: SSRC and index are the nonce, and under one nonce there is one plaintext (RFC 7714 section 8.1).
            None => Some(self.kept[at].packet.clone()),
        }
    }

    /// The last packet once more, which nobody asked for; `None` without RTX.
    pub(crate) fn pad(&mut self, now: Instant, outlet: &mut Outlet) -> Option<Packet> {
        let ssrc = self.rtx_ssrc?;
        let at = self.kept.iter().rposition(|kept| now.since(kept.at) <= KEPT)?;
        Some(self.repeat(now, at, ssrc, outlet))
    }

    /// What is kept at a place, as a packet of the RTX stream (RFC 4588 section 4).
    fn repeat(&mut self, now: Instant, at: usize, ssrc: Ssrc, outlet: &mut Outlet) -> Packet {
        let Kept { draft, packet, .. } = &self.kept[at];
        let (draft, original) = (draft.clone(), packet.index.sequence());
        let rtx_index = PacketIndex(self.rtx_index);
        self.rtx_index += 1;
        let fields = HeaderFields {
            ssrc,
            timestamp: draft.timestamp,
            sequence: rtx_index.sequence(),
            payload_type: PayloadType(self.payload_type.0 + 1),
            marker: draft.marker,
            padded: false,
        };
        let named = self.rtx_sent < NAMED;
        self.rtx_sent += 1;
        let header = self.header(now, &fields, &draft, named.then_some(ids::REPAIRED_RID), outlet);
        let payload = [&Retransmission::head(original)[..], &draft.payload].concat();
        Packet { index: rtx_index, header, payload }
    }

    /// Whether it ever sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.sent.0 > 0
    }

    /// Its sender report.
    pub(crate) fn report(&self, now: Instant, origin: NtpTimestamp) -> SenderReport<'static> {
        let fraction = (u128::from(now.as_nanos()) << 32) / 1_000_000_000;
        let (packet_count, octet_count) = self.sent;
        let ntp = NtpTimestamp(origin.0.wrapping_add(fraction as u64));
        SenderReport {
            ssrc: self.ssrc,
            ntp,
            rtp_timestamp: self.timestamp(now),
            packet_count,
            octet_count,
            blocks: ReportBlocks::EMPTY,
        }
    }

    fn header(&self, now: Instant, fields: &HeaderFields, draft: &Draft, name: Option<u8>, outlet: &mut Outlet) -> Vec<u8> {
        let bytes = draft.payload.len() + 40;
        outlet.bytes += bytes as u64;
        let mut extensions: Vec<(u8, Vec<u8>)> = Vec::new();
        if let Some(rid_id) = name {
            extensions.push((ids::MID, self.mid.as_bytes().to_vec()));
            extensions.extend(self.rid.map(|rid| (rid_id, rid.as_bytes().to_vec())));
        }
        extensions.extend(draft.extension.clone());
        if outlet.timed {
            extensions.push((ids::ABS_SEND_TIME, AbsSendTime::from_instant(now).to_bytes().to_vec()));
        }
        if outlet.numbered {
            extensions.push((ids::TRANSPORT_SEQUENCE, outlet.note(now, bytes).to_bytes().to_vec()));
        }
        let mut header = vec![0; 320];
        let len = write_header(&mut header, fields, extensions.iter().map(|(id, data)| (*id, &data[..])));
        header.truncate(len.expect("320 bytes hold it"));
        header
    }
}
