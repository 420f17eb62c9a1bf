//! What peers say over RTCP: publishers' sender reports, subscribers' receiver reports, keyframe requests, lost packets and what
//! the path carries.
//!
//! Left out on purpose: BYE of a publisher (signaling ends tracks; a browser also says BYE when it only changes an SSRC).

use crate::clock::WallClock;
use crate::congestion::Congestion;
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::layer::SourceReport;
use crate::resend::{Noticed, Resends};
use crate::room::{Rooms, Subscription};
use crate::streams::Role;
use crate::transport::OpenedRtcp;
use arrayvec::ArrayVec;
use corelay_wire::media::Kind;
use corelay_wire::rtcp::{Compound, Packet, Remb, ReportBlock, TransportCc};
use corelay_wire::units::{Instant, NtpTimestamp, RtpTimestamp, Ssrc};

/// Tracks that one compound packet may ask keyframes of; more are asked for by the next.
pub(crate) const KEYFRAME_TRACKS_MAX: usize = 32;

/// Takes in what arrived on the transport in `slot`. Gives the tracks of which a keyframe is wanted, with how many asked.
pub(crate) struct Feedback<'a> {
    pub(crate) rooms: &'a mut Rooms,
    pub(crate) resends: &'a mut Resends,
    pub(crate) counters: &'a mut Counters,
    pub(crate) slot: u32,
    pub(crate) wall: WallClock,
    pub(crate) now: Instant,
    pub(crate) wanted: ArrayVec<u32, KEYFRAME_TRACKS_MAX>,
    /// A sender report told the publisher's clock: other shards want to know.
    pub(crate) clock_moved: bool,
    /// The peer told something of its path: the estimate may be another.
    pub(crate) path_told: bool,
}

impl Feedback<'_> {
    pub(crate) fn take_in(&mut self, opened: &OpenedRtcp<'_>) -> Result<(), DropReason> {
        let compound = Compound::parse(opened.compound()).map_err(|_| DropReason::RtcpMalformed)?;
        for packet in compound.iter() {
            match packet.map_err(|_| DropReason::RtcpMalformed)? {
                Packet::SenderReport(report) => {
                    self.sender_report(report.ssrc, report.ntp, report.rtp_timestamp);
                    report.blocks.iter().for_each(|b| self.report_block(&b));
                }
                Packet::ReceiverReport(report) => report.blocks.iter().for_each(|b| self.report_block(&b)),
                Packet::Pli(pli) => self.want_keyframe(pli.media),
                Packet::Fir(fir) => fir.requests().for_each(|r| self.want_keyframe(r.media)),
                Packet::Nack(nack) => {
                    if let Some(slot) = self.subscription(nack.media)
                        && self.resends.ask(self.rooms, slot, (Noticed::Asked, nack.lost()), self.now, self.counters)
                    {
                        self.want_keyframe(nack.media);
                    }
                }
                Packet::TransportCc(arrivals) => self.arrivals(&arrivals),
                Packet::Remb(remb) => self.remb(&remb),
                _ => {}
            }
        }
        Ok(())
    }

    fn sender_report(&mut self, ssrc: Ssrc, ntp: NtpTimestamp, timestamp: RtpTimestamp) {
        let entry = &mut self.rooms.transports[self.slot];
        let Some(stream) = entry.streams.find(ssrc).filter(|s| s.role == Role::Media) else { return };
        // RFC 3550 section 6.4.1: a sender without a wall clock "may set the NTP timestamp to zero".
        if ntp.0 == 0 {
            return;
        }
        entry.clock.observe(ntp, self.wall.ntp(self.now));
        let layer = &mut self.rooms.tracks[stream.track].layers[usize::from(stream.layer)];
        self.clock_moved = true;
        layer.source_report = Some(SourceReport { ntp, timestamp, arrived: self.now, generation: layer.generation });
    }

    fn report_block(&mut self, block: &ReportBlock) {
        let Some(slot) = self.subscription(block.ssrc) else { return };
        self.rooms.subscriptions[slot].record.hear(block);
        let reports = &self.rooms.subscriptions[slot].subscriber.reports;
        if let Some(trip) = reports.round_trip(block.last_sender_report, block.delay_since_last_sender_report, self.now) {
            self.rooms.transports[self.slot].round_trip = Some(trip);
            if let Some(congestion) = self.rooms.congestions.get_mut(self.slot) {
                congestion.estimator.on_round_trip(trip);
            }
        }
        self.hear_loss(slot, block.fraction_lost);
        if let Some(congestion) = self.rooms.congestions.get_mut(self.slot) {
            congestion.hear_loss(self.now, block.fraction_lost);
        }
        let Rooms { transports, tracks, subscriptions, .. } = &mut *self.rooms;
        let Subscription { subscriber, track, .. } = &mut subscriptions[slot];
        subscriber.look_at_loss(self.now, transports[self.slot].round_trip, tracks[*track].lossy(self.now), true);
    }

    /// How much of a stream was lost, of 256. Asked before the rate is cut for it.
    fn hear_loss(&mut self, subscription: u32, fraction: u8) {
        let Rooms { transports, tracks, subscriptions, congestions, .. } = &mut *self.rooms;
        let told_better = |congestion: &Congestion| congestion.estimator.hears_arrivals() || congestion.is_full(self.now);
        if fraction == 0 || congestions.get(self.slot).is_some_and(told_better) {
            return;
        }
        let track = &tracks[subscriptions[subscription].track];
        // What was lost on the way here is missing there as well.
        let permille = ((u32::from(fraction) * 1_000 / 256) as u16).saturating_sub(track.lossy(self.now).loss);
        let copies = &mut transports[self.slot].copies;
        match track.kind {
            Kind::Audio => copies.hear_remaining(self.now, permille),
            Kind::Video => copies.hear_loss(self.now, permille),
        }
    }

    fn arrivals(&mut self, arrivals: &TransportCc<'_>) {
        let Some(path) = self.rooms.transports[self.slot].transport.path() else { return };
        if let Some(congestion) = self.rooms.congestions.get_mut(self.slot) {
            congestion.hear(self.now, arrivals, path.headers_len() as u32);
            if let Some(loss) = congestion.random_loss(self.now) {
                self.rooms.transports[self.slot].copies.hear_recent(self.now, loss);
            }
            let missed = congestion.missed(self.now);
            self.resends.repair(self.rooms, self.slot, &missed, self.now, self.counters);
            self.path_told = true;
        }
    }

    /// A peer that receives nothing estimates nothing.
    fn remb(&mut self, remb: &Remb<'_>) {
        if !self.rooms.transports[self.slot].subscriptions.is_empty() {
            self.rooms.congestions.get_or_begin(self.slot, self.now).hear_remb(self.now, remb.bitrate);
            self.path_told = true;
        }
    }

    fn want_keyframe(&mut self, media: Ssrc) {
        let Some(slot) = self.subscription(media) else { return };
        let subscription = &self.rooms.subscriptions[slot];
        let track = &mut self.rooms.tracks[subscription.track];
        let Some(layer) = subscription.subscriber.layer() else { return };
        if !self.wanted.is_full() && !track.paused && !subscription.subscriber.paused {
            track.layers[usize::from(layer)].keyframes.want();
            self.wanted.push(subscription.track);
        }
    }

    fn subscription(&self, ssrc: Ssrc) -> Option<u32> {
        let entry = &self.rooms.transports[self.slot];
        entry.subscribed.iter().position(|s| *s == ssrc).map(|at| entry.subscriptions[at])
    }
}
