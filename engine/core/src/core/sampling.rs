//! About once a second, with the reports of a transport: what its tracks and subscriptions counted since, how good that is, and what is
//! told of it. Nothing of it is done for a packet.

use super::Core;
use crate::control::{Event, LAYERS_MAX, Why};
use crate::meter::Counts;
use crate::room::{Rooms, Subscription, Track, TrackOrigin};
use crate::score::{BEST, Got, Way, of_stream, of_subscription};
use core::time::Duration;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

/// A layer that was silent for longer does not send.
pub(super) const SILENT: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn sample(&mut self, now: Instant, slot: u32) {
        for at in 0..self.rooms.transports[slot].tracks.len() {
            self.sample_track(now, self.rooms.transports[slot].tracks[at]);
        }
        for at in 0..self.rooms.transports[slot].subscriptions.len() {
            self.sample_subscription(now, self.rooms.transports[slot].subscriptions[at]);
        }
        self.sample_estimate(now, slot);
        self.trace_nacks(now, slot);
    }

    fn sample_track(&mut self, now: Instant, slot: u32) {
        let Rooms { tracks, transports, .. } = &mut self.rooms;
        let track = &mut tracks[slot];
        let round_trip = match track.origin {
            TrackOrigin::Transport(publisher) => transports[publisher].round_trip,
            TrackOrigin::Relay(_) => None,
        };
        let repaired = track.formats.iter().any(|format| format.feedback.nack);
        let pictures = track.kind == Kind::Video && !track.screen;
        for layer in &mut track.layers {
            let Counts { octets, frames, .. } = layer.tally.counts;
            let (packets, expected) = (layer.statistics.received(), layer.statistics.expected());
            layer.tally.meter.look(now, Counts { packets, octets, frames, expected });
            let live = layer.last_packet.is_some_and(|at| now.since(at) <= SILENT);
            layer.tally.score = layer.tally.meter.rates().filter(|_| live).map(|rates| {
                let way = Way { lost_permille: rates.lost_permille, repaired, round_trip };
                of_stream(way, pictures.then_some(rates.frames_per_second))
            });
        }
        track.score = score_of(track);
        let Some(score) = track.score.filter(|score| track.told.moved(*score)) else { return };
        track.told.tell(score);
        let mut layers = [None; LAYERS_MAX];
        layers.iter_mut().zip(&track.layers).for_each(|(told, layer)| *told = layer.tally.score);
        self.events.push_back(Event::TrackScore { track: track.id, score, layers });
    }

    fn sample_subscription(&mut self, now: Instant, slot: u32) {
        let Rooms { tracks, transports, subscriptions, .. } = &mut self.rooms;
        let subscription = &mut subscriptions[slot];
        let track = &tracks[subscription.track];
        let round_trip = transports[subscription.transport].round_trip;
        let (packets, octets) = (subscription.subscriber.packets, subscription.subscriber.octets);
        subscription.record.look(now, packets, octets);
        let got = got(subscription, track, now);
        let repaired = subscription.subscriber.retransmission.is_some();
        let way = Way { lost_permille: subscription.record.lost_permille().unwrap_or(0), repaired, round_trip };
        let record = &mut *subscription.record;
        record.score = got.map(|got| of_subscription(way, got));
        let Some(score) = record.score else { return };
        // A mirror's stream is looked at where it arrives.
        let track_score = track.score.unwrap_or(BEST);
        let [own, of_track] = &mut record.told;
        if own.moved(score) || of_track.moved(track_score) {
            own.tell(score);
            of_track.tell(track_score);
            let event = Event::SubscriptionScore { subscription: subscription.id, score, track_score };
            self.events.push_back(event);
        }
    }

    /// What the transport is thought to carry is part of the shard's sum.
    fn sample_estimate(&mut self, now: Instant, slot: u32) {
        let estimate = self.rooms.congestions.get(slot).and_then(|congestion| congestion.estimate(now));
        self.note_estimate(slot, estimate.map(|estimate| estimate.0));
    }

    /// The sum and the number of estimates go by what each transport added last.
    pub(super) fn note_estimate(&mut self, slot: u32, estimate: Option<u64>) {
        let before = core::mem::replace(&mut self.rooms.transports[slot].estimate_counted, estimate);
        self.counters.estimated = self.counters.estimated + u64::from(estimate.is_some()) - u64::from(before.is_some());
        self.counters.estimates_bits = self.counters.estimates_bits + estimate.unwrap_or(0) - before.unwrap_or(0);
    }
}

/// Of the best layer that sends; zero when none does that anybody wants. `None`: nothing is to be expected.
fn score_of(track: &Track) -> Option<u8> {
    let best = track.layers.iter().filter_map(|layer| layer.tally.score).max();
    // What was just begun has no rates, and what nobody watches may be paused at the publisher.
    let expected = track.started && !track.paused && track.is_watched();
    let silent =
        || track.layers.iter().all(|layer| layer.tally.meter.rates().is_some_and(|rates| rates.flow.packets_per_second == 0));
    best.filter(|_| !track.paused).or_else(|| (expected && silent()).then_some(0))
}

/// What a subscriber gets of what it wishes; `None` where there is nothing to be good or bad.
fn got(subscription: &Subscription, track: &Track, now: Instant) -> Option<Got> {
    let live = track.layers.iter().any(|layer| layer.last_packet.is_some_and(|at| now.since(at) <= SILENT));
    let held = subscription.left_out || track.hearing.is_held();
    if subscription.paused || held || track.paused || !live {
        return None;
    }
    let flows = subscription.subscriber.mapping.flowing().is_some();
    let (target, why) = (subscription.selection.target, subscription.selection.why);
    match (track.kind, target) {
        (Kind::Video, None) if matches!(why, Why::Bandwidth { .. }) => Some(Got::Nothing),
        (Kind::Video, Some(target)) if flows && matches!(why, Why::Bandwidth { .. }) => {
            let top = track.rows.available().checked_ilog2().unwrap_or(0) as u8;
            let wished = top.min(subscription.preferences.spatial);
            let temporal = track.rows.get(target.size().min(LAYERS_MAX as u8 - 1)).rates.temporal_max().unwrap_or(0);
            Some(Got::Below {
                sizes: wished.saturating_sub(target.size()),
                temporal: temporal.min(subscription.preferences.temporal).saturating_sub(target.temporal),
            })
        }
        _ if flows => Some(Got::Below { sizes: 0, temporal: 0 }),
        _ => Some(Got::Waiting),
    }
}
