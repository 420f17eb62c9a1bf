//! What the core does when a timer or a change of state asks for it: reports, keyframe requests, and what transports tell.

use super::Core;
use super::selecting::is_nested;
use crate::control::{Event, SrtpProfile, TransportFailure, TransportState};
use crate::drop_reason::DropReason;
use crate::room::{Rooms, Subscription, TrackOrigin};
use crate::timer::{REPORT_COMPANY, Timer, in_company};
use core::time::Duration;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;
use rand::Rng;

/// The mean time between two reports of a transport. Shorter tells loss, round trip and lip-sync earlier; a report costs about
/// 76 bytes a subscription. RFC 3550 section 6.2 would allow 5 s; browsers report every second.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Core {
    /// Tells what changed in a transport, and sets its timer anew.
    pub(super) fn after_transport(&mut self, now: Instant, slot: u32) {
        while let Some(state) = self.rooms.transports[slot].transport.poll_state() {
            let transport = self.rooms.transports[slot].id;
            self.events.push_back(Event::TransportState { transport, state });
            match state {
                TransportState::Connected { profile, .. } => self.transport_connected(now, slot, profile),
                TransportState::Disconnected => self.rooms.transports[slot].stale = true,
                TransportState::Failed(failure) => {
                    if failure == TransportFailure::FingerprintMismatch {
                        self.counters.drops.count(DropReason::FingerprintMismatch);
                    }
                    self.transport_ended(now, slot);
                }
                TransportState::Closed => self.transport_ended(now, slot),
                TransportState::New | TransportState::Checking | TransportState::Connecting => {}
            }
        }
        if self.rooms.update_way(slot)
            && let Some(congestion) = self.rooms.congestions.get_mut(slot)
        {
            congestion.estimator.on_path_change(now);
        }
        self.count_unsent(slot);
        let wake = self.rooms.transports[slot].transport.poll_timeout();
        self.timers.set(Timer::Transport(slot), wake);
    }

    pub(super) fn count_unsent(&mut self, slot: u32) {
        for _ in 0..self.rooms.transports[slot].transport.take_unsent() {
            self.counters.drops.count(DropReason::OutboxFull);
        }
    }

    fn transport_connected(&mut self, now: Instant, slot: u32, profile: SrtpProfile) {
        let entry = &mut self.rooms.transports[slot];
        entry.stale = false;
        if entry.connected.replace(profile).is_some() {
            return;
        }
        self.counters.connected[profile as usize] += 1;
        self.set_report_timer(now, slot);
        for at in 0..self.rooms.transports[slot].subscriptions.len() {
            let subscription = self.rooms.transports[slot].subscriptions[at];
            self.recount(now, subscription);
            self.start(now, subscription);
        }
    }

    /// Media no longer flows over a transport: it failed, said goodbye or was closed.
    pub(super) fn transport_ended(&mut self, now: Instant, slot: u32) {
        let entry = &mut self.rooms.transports[slot];
        if let Some(profile) = entry.connected.take() {
            self.counters.connected[profile as usize] -= 1;
        }
        self.rooms.update_way(slot);
        for at in 0..self.rooms.transports[slot].subscriptions.len() {
            let subscription = self.rooms.transports[slot].subscriptions[at];
            self.recount(now, subscription);
        }
        self.timers.cancel(Timer::Reports(slot));
        self.timers.cancel(Timer::Nack(slot));
        self.timers.cancel(Timer::Feedback(slot));
        self.timers.cancel(Timer::Copies(slot));
        self.rooms.transports[slot].copies = Default::default();
        self.routes.remove(slot, &mut self.rooms);
    }

    pub(super) fn report(&mut self, now: Instant, slot: u32) {
        self.control.report(&mut self.rooms, slot);
        self.sample(now, slot);
        self.set_report_timer(now, slot);
    }

    /// RFC 3550 section 6.2: "the interval between RTCP packets is varied randomly over the range [0.5,1.5] times the calculated
    /// interval to avoid unintended synchronization of all participants".
    fn set_report_timer(&mut self, now: Instant, slot: u32) {
        let nanos = REPORT_INTERVAL.as_nanos() as u64;
        let due = now + Duration::from_nanos(nanos / 2 + self.random.next_u64() % nanos);
        self.timers.schedule(Timer::Reports(slot), in_company(due, REPORT_COMPANY));
    }

    pub(super) fn announce_track(&mut self, now: Instant, slot: u32) {
        let track = &self.rooms.tracks[slot];
        self.events.push_back(Event::TrackStarted { track: track.id, after: now.since(track.published) });
    }

    /// A subscription wants the keyframe that it waits for, if there is one that it could take.
    pub(super) fn want_keyframe_for(&mut self, now: Instant, subscription: u32) {
        let subscription = &self.rooms.subscriptions[subscription];
        let (slot, subscriber) = (subscription.track, &subscription.subscriber);
        let ready = self.rooms.transports[subscription.transport].connected.is_some() && !subscriber.paused;
        let flowing = subscriber.mapping.flowing().map(|source| source.layer);
        let lacks = || subscriber.gate.lacks_keyframe(flowing, || is_nested(&self.rooms.tracks[slot], flowing));
        if let (true, Some(layer)) = (ready && lacks(), subscriber.gate.layer()) {
            self.want_keyframe(now, slot, layer);
        }
    }

    /// The same of one that has nothing: there may be a keyframe already that it can begin with. If there is none, and the transport is
    /// about to connect, one is asked for now: by then it is in the history.
    pub(super) fn start(&mut self, now: Instant, slot: u32) {
        let Subscription { id, track, transport, ref subscriber, ref selection, .. } = self.rooms.subscriptions[slot];
        let begins = !subscriber.paused && selection.fresh && subscriber.mapping.flowing().is_none();
        let layer = subscriber.gate.layer().filter(|_| begins && self.rooms.tracks[track].kind == Kind::Video);
        let entry = &self.rooms.transports[transport];
        match layer {
            Some(layer) if entry.connected.is_none() && entry.transport.may_connect() => {
                if self.forwarder.lacks_start(slot, &self.rooms, now) {
                    self.rooms.tracks[track].layers[usize::from(layer)].keyframes.want_ahead(now);
                    self.request_keyframes(now, track);
                }
            }
            Some(_) if entry.connected.is_some() && self.forwarder.start(slot, id) => {}
            _ => self.want_keyframe_for(now, slot),
        }
    }

    /// A subscription wants a keyframe of what it gets.
    pub(super) fn want_keyframe_of(&mut self, now: Instant, subscription: u32) {
        let Subscription { track, subscriber, .. } = &self.rooms.subscriptions[subscription];
        if let Some(layer) = subscriber.layer() {
            self.want_keyframe(now, *track, layer);
        }
    }

    /// Somebody wants a keyframe of a layer.
    pub(super) fn want_keyframe(&mut self, now: Instant, slot: u32, layer: u8) {
        let track = &mut self.rooms.tracks[slot];
        if track.kind == Kind::Audio || track.paused {
            return;
        }
        if let Some(layer) = track.layers.get_mut(usize::from(layer)) {
            layer.keyframes.want();
            self.request_keyframes(now, slot);
        }
    }

    /// Packets of the transport in `slot` are missing: they are looked at by `at`.
    pub(super) fn look_for_missing(&mut self, slot: u32, at: Instant) {
        let entry = &mut self.rooms.transports[slot];
        if entry.nacks_at.is_none_or(|set| at < set) {
            entry.nacks_at = Some(at);
            self.timers.schedule(Timer::Nack(slot), at);
        }
    }

    /// Tells the publisher what arrived.
    pub(super) fn feed_back(&mut self, now: Instant, slot: u32) {
        if self.rooms.transports[slot].upstream.as_mut().is_some_and(|upstream| upstream.is_due(now)) {
            self.control.feed_back(&mut self.rooms, slot);
        }
    }

    /// Asks the publisher for what is missing of its tracks, as far as that is due; gives up what is not worth it.
    pub(super) fn ask_for_missing(&mut self, now: Instant, slot: u32) {
        let (mut next, mut ask): (Option<Instant>, bool) = (None, false);
        for at in 0..self.rooms.transports[slot].tracks.len() {
            let Rooms { transports, tracks, .. } = &mut self.rooms;
            let entry = &mut transports[slot];
            let track_slot = entry.tracks[at];
            let track = &mut tracks[track_slot];
            let wanted = track.is_watched() && !track.paused;
            let mut damaged = false;
            for layer in &mut track.layers {
                if !wanted {
                    layer.missing.clear();
                }
                let looked = layer.missing.look(now, &mut entry.nacks, entry.round_trip);
                next = [next, looked.next].into_iter().flatten().min();
                ask |= looked.ask;
                self.counters.given_up += u64::from(looked.given_up);
                if looked.damaged && track.kind == Kind::Video {
                    layer.keyframes.want();
                    damaged = true;
                }
            }
            if damaged {
                self.request_keyframes(now, track_slot);
            }
        }
        self.rooms.transports[slot].nacks_at = next;
        self.timers.set(Timer::Nack(slot), next);
        if ask {
            self.control.ask_for_missing(&mut self.rooms, slot);
        }
    }

    /// Asks the publisher for the keyframes that are wanted, as far as the throttle lets it.
    pub(super) fn request_keyframes(&mut self, now: Instant, slot: u32) {
        let Rooms { tracks, transports, .. } = &mut self.rooms;
        let track = &mut tracks[slot];
        let round_trip = match &track.origin {
            TrackOrigin::Transport(publisher) => transports[*publisher].nacks.round_trip(transports[*publisher].round_trip),
            // The shard that has the track asks again by itself.
            TrackOrigin::Relay(_) => REPORT_INTERVAL,
        };
        let silent = track.paused || track.kind == Kind::Audio || !track.is_watched();
        let mut next: Option<Instant> = None;
        let mut due = false;
        for layer in &mut track.layers {
            if silent {
                layer.keyframes.satisfy();
            }
            if let Some(at) = layer.keyframes.poll(now, round_trip) {
                next = Some(next.map_or(at, |n| n.min(at)));
                due |= layer.keyframes.is_due();
            }
        }
        self.timers.set(Timer::Keyframe(slot), next);
        match &mut track.origin {
            _ if !due => {}
            TrackOrigin::Transport(publisher) => {
                let publisher = *publisher;
                self.control.request_keyframes(&mut self.rooms, publisher);
                self.trace_keyframe_requests(now, publisher, slot);
            }
            TrackOrigin::Relay(mirror) => self.relays.ask(slot, mirror),
        }
    }
}
