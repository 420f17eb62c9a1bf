//! What each subscription is to get: decided when something changes, and carried out by its gate.

use super::Core;
use super::statistics::selection_of;
use crate::control::Event;
use crate::layer::Placing;
use crate::room::{Rooms, Subscription, Track, TrackOrigin};
use crate::rows::Pulse;
use crate::target::{TEMPORAL_MAX, Target, Why};
use crate::timer::Timer;
use core::time::Duration;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

/// Audio that came within as long goes on. DTX leaves up to 400 ms between two packets.
const AUDIO_GOES_ON: Duration = Duration::from_millis(500);

impl Core {
    /// Has a subscription get `target` from the next place on where it can, and asks for the keyframe that it takes. `None`: it gets
    /// nothing until there is another.
    pub(super) fn retarget(&mut self, now: Instant, slot: u32, target: Option<Target>, why: Why) {
        self.aim(now, slot, target, why);
        self.start(now, slot);
    }

    fn aim(&mut self, now: Instant, slot: u32, target: Option<Target>, why: Why) {
        let Subscription { selection, subscriber, .. } = &mut self.rooms.subscriptions[slot];
        (selection.target, selection.why) = (target, why);
        subscriber.gate.aim(target);
        if target.is_none() {
            subscriber.mapping.suspend();
            selection.fresh &= !subscriber.has_sent();
            self.tell_dark(slot);
        }
        self.recount(now, slot);
    }

    /// Tells that a subscription gets nothing from here on, and why, if it was told that it gets something and there is a reason why it
    /// does not.
    pub(super) fn tell_dark(&mut self, slot: u32) {
        let subscription = &mut self.rooms.subscriptions[slot];
        let track = &self.rooms.tracks[subscription.track];
        let (_, target, why) = selection_of(subscription, track);
        if target.is_none() && core::mem::take(&mut subscription.selection.told) {
            self.events.push_back(Event::SelectionChanged { subscription: subscription.id, layers: None, why });
        }
    }

    /// Decides for one subscription, unless an allocation does.
    pub(super) fn select(&mut self, now: Instant, slot: u32) {
        match self.decide(slot) {
            Some((target, why)) => self.retarget(now, slot, Some(target), why),
            None => self.choose_anew(now, self.rooms.subscriptions[slot].transport),
        }
    }

    /// A row of a track is being sent that was not before. Nobody is asked for a keyframe: the walk finds out who lacks one, after what
    /// has come by then.
    pub(super) fn row_rose(&mut self, now: Instant, slot: u32) {
        for at in 0..self.rooms.tracks[slot].subscriptions.len() {
            let subscription = self.rooms.tracks[slot].subscriptions[at];
            match self.decide(subscription) {
                Some((target, why)) => self.aim(now, subscription, Some(target), why),
                None => self.choose_anew(now, self.rooms.subscriptions[subscription].transport),
            }
        }
    }

    fn decide(&self, slot: u32) -> Option<(Target, Why)> {
        let subscription = &self.rooms.subscriptions[slot];
        let track = &self.rooms.tracks[subscription.track];
        (!subscription.selection.allocated).then(|| best(track, preferred(subscription)))
    }

    /// The first packet of a track in a turn: silence of its rows is looked for from here on.
    pub(super) fn watch_rows(&mut self, now: Instant, slot: u32) {
        let rows = &mut self.rooms.tracks[slot].rows;
        if rows.due_at().is_none() && rows.are_several() {
            rows.arm(now);
            self.look_at_rows(now, slot);
        }
    }

    /// Rows that fell silent while others go on are left.
    pub(super) fn look_at_rows(&mut self, now: Instant, slot: u32) {
        let others = self.audio_goes_on(now, slot);
        let track = &mut self.rooms.tracks[slot];
        let asked = asked_rows(track);
        let fell = track.rows.look(others, asked, now);
        let next = [track.thrift.due(), track.rows.due_at()].into_iter().flatten().min();
        self.timers.set(Timer::Rows(slot), next);
        if track.thrift.due().is_some_and(|due| due <= now) {
            self.want_layers(now, slot);
        }
        if fell {
            for at in 0..self.rooms.tracks[slot].subscriptions.len() {
                self.select(now, self.rooms.tracks[slot].subscriptions[at]);
            }
        }
    }

    /// Whether the publisher of a track sends audio at present.
    fn audio_goes_on(&self, now: Instant, slot: u32) -> bool {
        let Rooms { tracks, transports, .. } = &self.rooms;
        let TrackOrigin::Transport(publisher) = tracks[slot].origin else { return false };
        let audio = transports[publisher].tracks.iter().map(|t| &tracks[*t]).filter(|t| t.kind == Kind::Audio);
        let mut heard = audio.filter_map(|t| t.layers.first()?.last_packet);
        heard.any(|at| now.since(at) < AUDIO_GOES_ON)
    }

    /// Counts a subscription as a watcher of what it is to get, and of what it would get if it were sent.
    pub(super) fn recount(&mut self, now: Instant, slot: u32) {
        let preferred = preferred(&self.rooms.subscriptions[slot]);
        let Subscription { selection, subscriber, transport, track, .. } = &mut self.rooms.subscriptions[slot];
        let track = &mut self.rooms.tracks[*track];
        let gets = self.rooms.transports[*transport].connected.is_some() && !subscriber.paused && track.kind == Kind::Video;
        let target = selection.target.map_or(0, |target| 1 << row_of(track, target));
        let wished = if selection.allocated { 0 } else { 1 << desired(track, preferred) };
        let after = if gets { target | wished } else { 0 };
        let before = core::mem::replace(&mut selection.counted, after);
        if before != after {
            track.rows.recount(before, after, now);
            let slot = self.rooms.subscriptions[slot].track;
            self.want_layers(now, slot);
        }
    }

    /// Who wants what of a track changed, or did so some time ago: its publisher is told, or the shard that has it.
    pub(super) fn want_layers(&mut self, now: Instant, slot: u32) {
        let track = &mut self.rooms.tracks[slot];
        let watched = track.rows.watched();
        let streams = if track.rows.is_spatial() { u8::from(watched != 0) } else { watched };
        match &mut track.origin {
            TrackOrigin::Relay(mirror) if track.kind == Kind::Video => {
                mirror.layers = streams;
                self.relays.ask(slot, mirror);
            }
            TrackOrigin::Transport(_) if track.kind == Kind::Video => {
                let elsewhere = track.relays.iter().fold(0, |bits, relay| bits | relay.wanted);
                let told = track.thrift.want(streams | elsewhere, now);
                let (next, track) = ([track.thrift.due(), track.rows.due_at()].into_iter().flatten().min(), track.id);
                self.timers.set(Timer::Rows(slot), next);
                self.events.extend(told.map(|layers| Event::LayersWanted { track, layers }));
            }
            TrackOrigin::Relay(_) | TrackOrigin::Transport(_) => {}
        }
    }
}

/// The rows that the publisher of a track is asked to send, or the shard that has it, as bits. Spatial layers come together.
fn asked_rows(track: &Track) -> u8 {
    let streams = match &track.origin {
        TrackOrigin::Transport(_) => track.thrift.told(),
        TrackOrigin::Relay(mirror) => mirror.told,
    };
    match track.rows.is_spatial() {
        true if streams != 0 => u8::MAX,
        _ => streams,
    }
}

const LAST_ROW: u8 = crate::control::LAYERS_MAX as u8 - 1;

/// The highest picture size and temporal layer that a subscriber asked for.
pub(super) fn preferred(subscription: &Subscription) -> (u8, u8) {
    (subscription.preferences.spatial, subscription.preferences.temporal)
}

/// The row that a target is of.
fn row_of(track: &Track, target: Target) -> u8 {
    if track.rows.is_spatial() { target.spatial.min(LAST_ROW) } else { target.layer }
}

/// The row that a subscription with these limits would have if all were sent.
fn desired(track: &Track, (size, _): (u8, u8)) -> u8 {
    let top = if track.rows.is_spatial() { LAST_ROW } else { track.layers.len() as u8 - 1 };
    size.min(top)
}

/// The best that is sent, within what is preferred. Where no row is as small as that, the smallest.
fn best(track: &Track, preferred: (u8, u8)) -> (Target, Why) {
    let desired = desired(track, preferred);
    let rows = &track.rows;
    let silent = (0..=desired).any(|row| rows.get(row).pulse == Pulse::Silent);
    let available = rows.available();
    let row = match available & ((2 << desired) - 1) {
        // A stream whose layers are not known yet is taken as it comes; see `Place::top`.
        _ if rows.is_spatial() && !silent => desired,
        0 if available == 0 => 0,
        0 => available.trailing_zeros() as u8,
        within => within.ilog2() as u8,
    };
    let temporal = preferred.1.min(TEMPORAL_MAX as u8 - 1);
    let target = match rows.is_spatial() {
        true => Target { layer: 0, spatial: row, temporal },
        false => Target { layer: row, spatial: LAST_ROW, temporal },
    };
    let why = match row {
        _ if row < desired && rows.get(desired).pulse == Pulse::Silent => Why::LayerSilent,
        _ if preferred.0 < LAST_ROW || preferred.1 < TEMPORAL_MAX as u8 - 1 => Why::Preferred,
        _ => Why::Best,
    };
    (target, why)
}

/// Whether a receiver of `track` at `layer` can leave upper spatial layers at any picture.
pub(super) fn is_nested(track: &Track, layer: Option<u8>) -> bool {
    layer.and_then(|layer| track.layers.get(usize::from(layer))).is_some_and(|layer| Placing::is_nested(&layer.placing))
}
