//! One compound packet: reports first, then the name, then the rest (RFC 3550 section 6.1).

use crate::clock::WallClock;
use crate::counters::Counters;
use crate::layer::{Layer, SourceReport};
use crate::room::{Rooms, Track};
use arrayvec::ArrayVec;
use corelay_wire::rtcp::{
    Bye, CompoundWriter, Fir, FirRequest, Nack, NackPacker, Pli, ReceiverReport, Remb, ReportBlock, ReportBlocks, SdesCname,
    SenderReport,
};
use corelay_wire::units::{Instant, Ssrc};

/// A compound packet without its SRTCP trailer: fits the smallest path that IPv6 allows.
pub(super) const COMPOUND_BYTES_MAX: usize = 1_200;
/// Subscriptions in one packet: each takes a sender report of 28 bytes and a name of up to 48.
const SUBSCRIPTIONS_MAX: usize = 14;
/// Layers in one packet, 24 bytes each.
const BLOCKS_MAX: usize = 24;
/// Keyframe requests in one packet, up to 20 bytes each. What does not fit is asked for by the throttle's repetition.
const REQUESTS_MAX: usize = 8;
/// Streams in one packet of which something is missing, 12 bytes each, and numbers, 4 bytes for one and the 16 after it. What does not fit
/// goes into the next.
const MISSING_MAX: usize = 8;
const NUMBERS_MAX: usize = 48;

/// Writes the next compound packet of one transport.
pub(super) struct Composer<'a> {
    pub(super) rooms: &'a mut Rooms,
    pub(super) slot: u32,
    pub(super) wall: WallClock,
    pub(super) now: Instant,
    pub(super) counters: &'a mut Counters,
}

impl Composer<'_> {
    /// Gives the length, zero when there was nothing to say after all.
    pub(super) fn compose(&mut self, dst: &mut [u8]) -> usize {
        let mut writer = CompoundWriter::new(dst);
        // Each list above is bounded so that all of it fits; a packet cut short would still be a valid one.
        let _fits = match self.rooms.transports[self.slot].control.subscription {
            Some(from) => self.sender_reports(&mut writer, from),
            None => self.receiver_report(&mut writer),
        };
        writer.len()
    }

    /// Sender reports of some subscriptions, then their names.
    fn sender_reports(&mut self, writer: &mut CompoundWriter<'_>, from: usize) -> Option<()> {
        let mut reported: ArrayVec<u32, SUBSCRIPTIONS_MAX> = ArrayVec::new();
        let slots = &self.rooms.transports[self.slot].subscriptions;
        let mut next = from;
        let mut reports: ArrayVec<SenderReport<'static>, SUBSCRIPTIONS_MAX> = ArrayVec::new();
        while let (Some(slot), false) = (slots.get(next), reports.is_full()) {
            next += 1;
            if let Some(report) = sender_report(self.rooms, *slot, self.wall, self.now) {
                reports.push(report);
                reported.push(*slot);
            }
        }
        let more = next < slots.len();
        self.rooms.transports[self.slot].control.subscription = more.then_some(next);
        for report in &reports {
            writer.push(report)?;
        }
        for slot in reported {
            let subscription = &mut self.rooms.subscriptions[slot];
            subscription.subscriber.reports.sent(self.wall.ntp(self.now), self.now);
            let (ssrc, track) = (subscription.subscriber.ssrc, subscription.track);
            let (cname, _) = self.rooms.publisher_of(&self.rooms.tracks[track]);
            writer.push(&SdesCname { ssrc, cname: cname.as_bytes() })?;
        }
        Some(())
    }

    /// A receiver report (with no blocks when none are due), the server's name, keyframe requests, goodbyes.
    fn receiver_report(&mut self, writer: &mut CompoundWriter<'_>) -> Option<()> {
        let reporting = self.rooms.transports[self.slot].control.track.is_some();
        let blocks = self.take_blocks();
        let requests = self.take_requests();
        let missing = self.take_missing();
        let entry = &mut self.rooms.transports[self.slot];
        let goodbyes: ArrayVec<[u8; 4], 31> = entry.control.goodbyes.drain(..).map(|s| s.0.to_be_bytes()).collect();
        let feedback = core::mem::take(&mut entry.control.feedback);
        let empty = blocks.is_empty() && requests.is_empty() && missing.is_empty() && goodbyes.is_empty() && !feedback;
        if reporting && empty {
            return None;
        }
        let reporter = entry.reporter;
        writer.push(&ReceiverReport { ssrc: reporter, blocks: ReportBlocks::new(&blocks) })?;
        writer.push(&SdesCname { ssrc: reporter, cname: b"corelay" })?;
        for request in requests {
            self.counters.keyframe_requests_out += 1;
            match request {
                Request::Pli(media) => writer.push(&Pli { sender: reporter, media })?,
                Request::Fir(request) => writer.push(&Fir { sender: reporter, entries: &[request.to_bytes()] })?,
            }
        }
        for (media, numbers) in &missing {
            writer.push(&Nack { sender: reporter, media: *media, entries: numbers.entries() })?;
        }
        if feedback {
            self.feed_back(writer);
        }
        if !goodbyes.is_empty() {
            writer.push(&Bye { sources: &goodbyes, reason: &[] })?;
        }
        Some(())
    }

    /// As many messages on what arrived as there is room for; the rest goes into the next packet. An empty one has room for the largest.
    fn feed_back(&mut self, writer: &mut CompoundWriter<'_>) {
        let Rooms { transports, tracks, .. } = &mut *self.rooms;
        let entry = &mut transports[self.slot];
        let (Some(upstream), sender) = (&mut entry.upstream, entry.reporter) else { return };
        while let Some(mut report) = upstream.report(self.now) {
            let message = report.builder.message(sender, report.media, report.count).expect("a report has an arrival");
            if writer.push(&message).is_none() {
                entry.control.feedback = true;
                return;
            }
            upstream.reported(&report);
            self.counters.feedback_out += 1;
        }
        if let Some(bitrate) = upstream.take_estimate() {
            let ssrcs = entry.tracks.iter().flat_map(|t| &tracks[*t].layers).filter_map(|l| l.ssrc);
            let sources: ArrayVec<[u8; 4], BLOCKS_MAX> = ssrcs.take(BLOCKS_MAX).map(|ssrc| ssrc.0.to_be_bytes()).collect();
            // What does not fit is told again with the next estimate.
            self.counters.feedback_out += u64::from(writer.push(&Remb { sender, bitrate, sources: &sources }).is_some());
        }
    }

    fn take_blocks(&mut self) -> ArrayVec<[u8; 24], BLOCKS_MAX> {
        let mut blocks = ArrayVec::new();
        let Rooms { transports, tracks, .. } = &mut *self.rooms;
        let entry = &mut transports[self.slot];
        let Some(from) = entry.control.track else { return blocks };
        let mut next = from;
        while let Some(slot) = entry.tracks.get(next) {
            let layers = &mut tracks[*slot].layers;
            if layers.len() > blocks.remaining_capacity() {
                break;
            }
            blocks.extend(layers.iter_mut().filter_map(|l| report_block(l, self.now)));
            next += 1;
        }
        entry.control.track = (next < entry.tracks.len()).then_some(next);
        blocks
    }

    fn take_requests(&mut self) -> ArrayVec<Request, REQUESTS_MAX> {
        let mut requests = ArrayVec::new();
        let Rooms { transports, tracks, .. } = &mut *self.rooms;
        let entry = &mut transports[self.slot];
        if !core::mem::take(&mut entry.control.keyframes) {
            return requests;
        }
        for slot in &entry.tracks {
            let track = &mut tracks[*slot];
            let feedback = track.formats.first().map(|f| f.feedback).unwrap_or_default();
            for layer in &mut track.layers {
                let (Some(ssrc), false) = (layer.ssrc, requests.is_full()) else { continue };
                let due = layer.keyframes.take_due();
                layer.tally.keyframe_requests += u64::from(due.is_some());
                match (due, feedback.pli, feedback.fir) {
                    (Some(_), true, _) => requests.push(Request::Pli(ssrc)),
                    (Some(sequence), false, true) => requests.push(Request::Fir(FirRequest { media: ssrc, sequence })),
                    _ => {}
                }
            }
        }
        requests
    }

    fn take_missing(&mut self) -> ArrayVec<(Ssrc, NackPacker<NUMBERS_MAX>), MISSING_MAX> {
        let mut missing = ArrayVec::new();
        let Rooms { transports, tracks, .. } = &mut *self.rooms;
        let entry = &mut transports[self.slot];
        if !core::mem::take(&mut entry.control.missing) {
            return missing;
        }
        let mut room = NUMBERS_MAX;
        for slot in &entry.tracks {
            for layer in &mut tracks[*slot].layers {
                let Some(ssrc) = layer.ssrc else { continue };
                let mut numbers = NackPacker::<NUMBERS_MAX>::default();
                let all = layer.missing.ask(|number| {
                    let packed = !missing.is_full() && numbers.entries().len() < room && numbers.push(number);
                    self.counters.nacks_out += u64::from(packed);
                    layer.tally.nacked += u64::from(packed);
                    packed
                });
                entry.control.missing |= !all;
                room -= numbers.entries().len();
                if !numbers.entries().is_empty() {
                    missing.push((ssrc, numbers));
                }
            }
        }
        missing
    }
}

enum Request {
    Pli(Ssrc),
    Fir(FirRequest),
}

fn report_block(layer: &mut Layer, now: Instant) -> Option<[u8; 24]> {
    let ssrc = layer.ssrc?;
    let reception = layer.statistics.report()?;
    let (last_sender_report, delay) = match &layer.source_report {
        Some(SourceReport { ntp, arrived, .. }) => (ntp.middle(), (now.since(*arrived).as_nanos() << 16) / 1_000_000_000),
        None => (0, 0),
    };
    let block = ReportBlock {
        ssrc,
        fraction_lost: reception.fraction_lost,
        cumulative_lost: reception.cumulative_lost,
        extended_highest_sequence: reception.highest,
        jitter: reception.jitter,
        last_sender_report,
        delay_since_last_sender_report: u32::try_from(delay).unwrap_or(u32::MAX),
    };
    Some(block.to_bytes())
}

/// The report of one subscription: `None` while nothing flows, or before the publisher's own first report.
fn sender_report(rooms: &Rooms, slot: u32, wall: WallClock, now: Instant) -> Option<SenderReport<'static>> {
    let subscription = &rooms.subscriptions[slot];
    let subscriber = &subscription.subscriber;
    let track: &Track = &rooms.tracks[subscription.track];
    let source = subscriber.mapping.flowing()?;
    let report = track.layers[usize::from(source.layer)].source_report.as_ref()?;
    if report.generation != source.generation || subscriber.packets == 0 {
        return None;
    }
    let ntp = wall.ntp(now);
    let clock = track.formats.first()?.codec.clock_rate();
    let published = rooms.publisher_of(track).1.timestamp(report, ntp, clock)?;
    Some(SenderReport {
        ssrc: subscriber.ssrc,
        ntp,
        rtp_timestamp: subscriber.mapping.timestamp(source, published)?,
        packet_count: subscriber.packets,
        octet_count: subscriber.octets,
        blocks: ReportBlocks::EMPTY,
    })
}
