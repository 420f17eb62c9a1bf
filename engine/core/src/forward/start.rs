//! Fast start: a subscription begins with the latest keyframe that its track's history has, and with what came after that, so that
//! there is a picture at once and nobody is asked for a keyframe.
//!
//! ```text
//! history  ..  K  2  1  2  p  2  1  2  p  2  1 |  fresh: 2 p       K keyframe, p lowest frame rate, 1 and 2 what builds on it
//! sent         K           p           p          from here on as it comes
//! ```
//!
//! What is sent is what the newest picture needs: of the past, the lowest frame rate of what the subscription is to get. It waits in
//! the pacer as names of packets, as all does that has to; what is live stands behind it. How its timestamps are is said in
//! `subscriber/mapping.rs`.
//!
//! A keyframe is asked for where that is not worth it: the history has not all since the keyframe, that is more than a path takes
//! within a moment, or than a decoder does, or the stream has stopped. Until it comes there may be a smaller picture that is.

use super::change;
use crate::congestion::{Congestion, Waiting};
use crate::control::Event;
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::layer::Layer;
use crate::place::{Place, Point};
use crate::room::{Rooms, Subscription, Track};
use crate::rows::Pulse;
use crate::subscriber::{Source, Subscriber};
use core::time::Duration;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::VecDeque;

/// A stream of which nothing came for as long is not begun with: what the history has of it may be long over. Longer shows a picture
/// that is old, shorter asks for keyframes of screens that stand still (browsers repeat those once a second).
const ALIVE: Duration = Duration::from_secs(2);
/// Pictures of the past. Each takes a decoder one to two milliseconds, in which nothing is shown (large ones take longer, and there are
/// fewer in what a path takes): with more, a new keyframe would be there sooner; with fewer, streams without layers of frame rate
/// have no fast start a second after a keyframe.
const PICTURES_MAX: usize = 60;

/// What became of a subscription that waits for a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It has begun: its transport has something to send. With a smaller picture than it is to get: a keyframe of that is to be asked
    /// for.
    Begun { transport: u32, asks: Option<u32> },
    /// A keyframe is to be asked for.
    Asks { track: u32 },
    /// Nothing is to be begun.
    Waits,
}

/// A keyframe and what came after it.
#[derive(Clone, Copy, Debug)]
struct Group {
    first: u64,
    newest: u64,
    /// Bytes of all in the history.
    bytes: u64,
    /// Bytes behind the key picture of what is to be sent.
    behind: u64,
    pictures: usize,
    /// More frames came than are to be sent.
    thinned: bool,
}

/// Begins a subscription with what is there, of no more than `bytes_max` bytes since the keyframe.
pub(super) fn start(
    (slot, id): (u32, SubscriptionId),
    bytes_max: u64,
    rooms: &mut Rooms,
    now: Instant,
    events: &mut VecDeque<Event>,
    counters: &mut Counters,
) -> Start {
    let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
    let known = subscriptions.get_mut(slot).filter(|s| s.id == id && !s.subscriber.paused);
    let Some(subscription) = known.filter(|s| ways.get(s.transport).is_some()) else { return Start::Waits };
    let Subscription { track: track_slot, transport, ref mut subscriber, .. } = *subscription;
    let track = &mut tracks[track_slot];
    let (Some(number), None, false) = (subscriber.gate.layer(), subscriber.mapping.flowing(), track.paused) else {
        return Start::Waits;
    };
    let Some(layer) = track.layers.get(usize::from(number)) else { return Start::Waits };
    if brings_keyframe(layer) {
        // Asked for all the same: who begins with the first keyframe of a track alone misses pictures of the next seconds more often
        // (4 of 80 runs of the simulator's `duplicates-reorder-loss`, none of 80 with a second one).
        track.layers[usize::from(number)].keyframes.want();
        return Start::Asks { track: track_slot };
    }
    let begun = congestions.get_mut(transport).and_then(|congestion| {
        let worth = |number| find(track, number, subscriber, now).filter(|group| is_worth_it(group, bytes_max, congestion, now));
        let (number, group) = (0..=number).rev().find_map(|number| worth(number).map(|group| (number, group)))?;
        let begun = begin(track, number, subscriber, group) && wait(slot, id, number, group, congestion, now, counters);
        begun.then_some(number)
    });
    let asks = (begun != Some(number)).then_some(track_slot);
    if asks.is_some() {
        track.layers[usize::from(number)].keyframes.want();
    }
    match begun {
        Some(_) => {
            counters.fast_starts += 1;
            change::tell(track, subscription, events);
            Start::Begun { transport, asks }
        }
        None => {
            counters.fast_starts_declined += 1;
            Start::Asks { track: track_slot }
        }
    }
}

/// Whether a subscription could begin with a keyframe of the history if it had one, and it has none that is worth it.
#[cold]
pub(super) fn is_lacking(slot: u32, bytes_max: u64, rooms: &Rooms, now: Instant) -> bool {
    let Rooms { tracks, subscriptions, congestions, .. } = rooms;
    let Subscription { track, transport, subscriber, .. } = &subscriptions[slot];
    let (track, number) = (&tracks[*track], subscriber.gate.layer());
    let (Some(congestion), Some(number), false) = (congestions.get(*transport), number, track.paused) else { return false };
    let worth = |number| find(track, number, subscriber, now).is_some_and(|group| is_worth_it(&group, bytes_max, congestion, now));
    usize::from(number) < track.layers.len() && !(0..=number).any(worth)
}

/// Whether the walk that is to begin has a keyframe.
fn brings_keyframe(layer: &Layer) -> bool {
    layer.history.fresh().any(|n| layer.history.arrival(n).is_some_and(|packet| packet.meta.keyframe))
}

/// The latest keyframe of a stream and all that came after it; `None` when not all of that is there, or the stream has stopped.
fn find(track: &Track, number: u8, subscriber: &Subscriber, now: Instant) -> Option<Group> {
    let layer = &track.layers[usize::from(number)];
    let newest = layer.history.newest_taken()?;
    let last = layer.history.find(newest)?.meta;
    let pulse = track.rows.get(number).pulse;
    let stopped = !track.rows.is_spatial() && matches!(pulse, Pulse::Silent | Pulse::Resting);
    if stopped || now.since(last.arrived) > ALIVE {
        return None;
    }
    let mut index = newest;
    let of_stream = |index: u64| {
        let packet = layer.history.find(index).filter(|packet| packet.meta.generation == layer.generation);
        packet.filter(|_| index >= layer.whole_from)
    };
    let mut key = of_stream(index)?.meta;
    while !key.keyframe {
        index = index.checked_sub(1)?;
        key = of_stream(index)?.meta;
    }
    // A key picture may have several packets that say so.
    let begins_before = |packet: &crate::history::PacketMeta| packet.keyframe && packet.timestamp == key.timestamp;
    while let Some(before) = index.checked_sub(1).and_then(of_stream).filter(|before| begins_before(before.meta)) {
        index = before.meta.index;
    }
    let aim = subscriber.gate.aim_under(key.place.top());
    Some(Group::of(layer, index..=newest, aim, key.timestamp))
}

impl Group {
    fn of(layer: &Layer, indices: core::ops::RangeInclusive<u64>, aim: Point, key: RtpTimestamp) -> Self {
        let lowest = Point::new(aim.spatial(), 0);
        let (first, newest) = (*indices.start(), *indices.end());
        let mut group = Self { first, newest, bytes: 0, behind: 0, pictures: 0, thinned: false };
        let mut last = None;
        for packet in indices.filter_map(|index| layer.history.find(index)) {
            let Place { needed_by, .. } = packet.meta.place;
            group.bytes += packet.bytes().len() as u64;
            if !needed_by.contains(lowest) {
                group.thinned |= needed_by.contains(aim);
                continue;
            }
            group.pictures += usize::from(last.replace(packet.meta.timestamp) != Some(packet.meta.timestamp));
            if packet.meta.timestamp != key {
                group.behind += packet.bytes().len() as u64;
            }
        }
        group
    }
}

/// A new key picture would have to be sent as well, so this one is not counted.
fn is_worth_it(group: &Group, bytes_max: u64, congestion: &Congestion, now: Instant) -> bool {
    let packets = group.newest - group.first < u64::from(u16::MAX);
    packets && group.bytes <= bytes_max && group.pictures <= PICTURES_MAX && group.behind <= congestion.head_start(now)
}

fn begin(track: &Track, number: u8, subscriber: &mut Subscriber, group: Group) -> bool {
    let layer = &track.layers[usize::from(number)];
    let source = Source { layer: number, generation: layer.generation };
    let (first, newest) = (layer.history.find(group.first), layer.history.find(group.newest));
    first.zip(newest).is_some_and(|packets| change::begin_earlier(track, subscriber, source, packets, group.thinned))
}

/// Puts the names of the packets in front of what comes.
fn wait(
    subscription: u32,
    id: SubscriptionId,
    layer: u8,
    group: Group,
    congestion: &mut Congestion,
    now: Instant,
    counters: &mut Counters,
) -> bool {
    // What waits for a keyframe since before is among them.
    counters.drops.count_many(DropReason::WaitedTooLong, congestion.pacer.forget(id));
    let count = (group.newest + 1 - group.first) as u16;
    congestion.pacer.wait(Waiting { subscription, id, layer, first: group.first, count, since: now })
}
