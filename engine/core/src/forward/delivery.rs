//! What one transport gets of a turn: its packets in its subscribers' numbering, as many as fit one run at a time.

use super::batch::Batch;
use super::lane::Lane;
use super::numbering::{Incoming, Numbering};
use super::seal::Sealer;
use super::turn::{Found, Turn, TurnTrack, Wish};
use crate::congestion::{Congestions, Pacer};
use crate::departures::{Departures, Progress};
use crate::drop_reason::{DropCounters, DropReason};
use crate::forward::change::tell;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::room::{Rooms, Subscription, Track};
use crate::subscriber::Subscriber;
use crate::table::Table;
use crate::way::{Way, Ways};
use core::ops::Range;
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

/// Transports that are looked ahead to at once.
///
/// The kernel's copies of a hand-over leave little of the second-level cache, so that what a subscriber needs is found in memory,
/// one line after the other, half a microsecond and more in all. Read for several transports at once, the misses overlap. More may
/// be gone again before it is used (16 were no better); fewer overlap less.
const LOOK_AHEAD: usize = 8;

/// The place of a packet that waited: its copies are not counted among the turn's.
const OF_NO_TURN: usize = u16::MAX as usize;

/// Goes from transport to transport: what is the same for all of them.
pub(super) struct Courier<'a, 't> {
    pub(super) tracks: &'a Table<TrackId, Track>,
    pub(super) subscriptions: &'t mut Table<SubscriptionId, Subscription>,
    pub(super) ways: &'t Ways,
    pub(super) congestions: &'t mut Congestions,
    /// The turn's packets.
    pub(super) found: &'t Found<'a>,
    pub(super) send_time: [u8; 3],
}

impl<'a> Courier<'a, '_> {
    /// Reads what [`Self::deliver`] will read of the next transports, when the walk has come to the end of what was read so far.
    pub(super) fn look_ahead(&self, turn: &mut Turn) {
        for (transport, subscription) in turn.look_ahead(LOOK_AHEAD) {
            if let Some(way) = self.ways.get(transport) {
                way.touch();
            }
            if let Some(subscription) = self.subscriptions.get(subscription) {
                subscription.subscriber.touch();
            }
        }
    }

    /// Seals what the transport in `transport` wishes, as far as the outbox takes it.
    pub(super) fn deliver(
        &mut self,
        turn: &mut Turn,
        transport: u32,
        batch: &mut Batch<'a>,
        departures: &mut Departures<'_>,
    ) -> Progress {
        // What ended while the walk waited has no wishes that are still good.
        let Some(way) = self.ways.get(transport) else { return Progress::Done };
        let mut congestion = self.congestions.get_mut(transport);
        let (tracks, found, send_time) = (self.tracks, self.found, self.send_time);
        while let Some(wish) = turn.wish() {
            let room = departures.outbox.room().min(RUN_SEGMENTS_MAX);
            // A run that is torn between two hand-overs costs another send.
            let wanted = turn.track(wish.track).1.len().min(RUN_SEGMENTS_MAX);
            if room == 0 || room < wanted && !departures.outbox.is_empty() {
                return Progress::Full;
            }
            batch.clear();
            let mut lane = Lane::of(congestion.as_deref_mut(), departures.now);
            let subscriptions = &mut *self.subscriptions;
            Collector { way, tracks, found, subscriptions, room }.collect(turn, &mut lane, batch, departures);
            let congestion = congestion.as_deref_mut();
            let (subscriptions, packets) = (&mut *self.subscriptions, &mut turn.packets[..]);
            Sealer { way, congestion, subscriptions, packets, send_time, departures }.seal(batch);
        }
        Progress::Done
    }
}

/// Where the packets of one transport come from, and how many of them the batch takes.
struct Collector<'a, 't> {
    way: &'t Way,
    tracks: &'a Table<TrackId, Track>,
    found: &'t Found<'a>,
    subscriptions: &'t mut Table<SubscriptionId, Subscription>,
    room: usize,
}

impl<'a> Collector<'a, '_> {
    /// Puts the transport's packets into the batch. Video that its path cannot take yet is left to wait.
    fn collect(self, turn: &mut Turn, lane: &mut Lane<'_>, batch: &mut Batch<'a>, departures: &mut Departures<'_>) {
        let Self { way, tracks, found, subscriptions, room } = self;
        while let Some(wish) = turn.wish() {
            let subscription = subscriptions.get_mut(wish.subscription).filter(|s| s.id == wish.id && !s.subscriber.paused);
            let with_track = subscription.map(|s| (&tracks[s.track], s)).filter(|(track, _)| !track.paused);
            if let Some((track, subscription)) = with_track {
                let subscriber = &mut subscription.subscriber;
                let numbering = Numbering { slot: wish.subscription, track, subscriber, way };
                let (of, places) = turn.track(wish.track);
                let mut filling = Filling { numbering, found, turn, wish, room };
                let held = match filling.fill(of, places, lane, batch, departures) {
                    Filled::Up(place) => return turn.advance(wish.track, place),
                    Filled::All => false,
                    Filled::Held => true,
                };
                // What waits may bring the keyframe.
                if !held && let Some(layer) = lacked(track, &subscription.subscriber) {
                    turn.lack(wish.track, layer);
                }
                if subscription.subscriber.gate.has_news() && track.kind == Kind::Video {
                    tell(track, subscription, departures.events);
                }
            }
            turn.next_wish();
        }
    }
}

/// How far the packets of a wish came.
enum Filled {
    /// All were looked at.
    All,
    /// The rest waits for the path.
    Held,
    /// The batch is full: the packet in this place is the next.
    Up(usize),
}

/// Fills a batch with the packets of one wish.
struct Filling<'a, 's> {
    numbering: Numbering<'a, 's>,
    found: &'s Found<'a>,
    turn: &'s Turn,
    wish: Wish,
    room: usize,
}

impl<'a> Filling<'a, '_> {
    #[inline]
    fn fill(
        &mut self,
        track: &TurnTrack,
        places: Range<usize>,
        lane: &mut Lane<'_>,
        batch: &mut Batch<'a>,
        departures: &mut Departures<'_>,
    ) -> Filled {
        let end = places.end.min(places.start + self.room - batch.len());
        let allowance = lane.allowance(self.numbering.track.kind).saturating_sub(lane.spent);
        let packets = &self.found[places.start..end];
        let alike = track.alike.as_ref();
        let all = alike.and_then(|alike| self.numbering.number_all(alike, places.start, packets, allowance, batch));
        match all {
            Some(bytes) => {
                lane.spent += bytes;
                if end == places.end { Filled::All } else { Filled::Up(end) }
            }
            None => self.fill_singly(places, lane, batch, departures),
        }
    }

    fn fill_singly(
        &mut self,
        places: Range<usize>,
        lane: &mut Lane<'_>,
        batch: &mut Batch<'a>,
        departures: &mut Departures<'_>,
    ) -> Filled {
        let allowance = lane.allowance(self.numbering.track.kind);
        let end = places.end;
        for place in places {
            if batch.len() == self.room {
                return Filled::Up(place);
            }
            if lane.spent >= allowance {
                let Numbering { track, subscriber, .. } = &self.numbering;
                lane.hold(&self.wish, &self.turn.packets[place..end], track, subscriber, departures.counters);
                return Filled::Held;
            }
            let packet = &self.turn.packets[place];
            let incoming = |stored| Incoming { stored, carried: packet.carried, layer: packet.layer, place };
            let numbered = match self.found[place] {
                Some(stored) => self.numbering.number(incoming(stored), batch),
                None => Err(DropReason::TooLate),
            };
            match numbered {
                Ok(bytes) => lane.spent += bytes,
                Err(reason) => departures.counters.drops.count(reason),
            }
        }
        Filled::All
    }
}

/// The layer of which a subscriber waits for a keyframe.
#[inline]
fn lacked(track: &Track, subscriber: &Subscriber) -> Option<u8> {
    let flowing = subscriber.mapping.flowing().map(|source| source.layer);
    let nested = || flowing.is_some_and(|layer| track.layers[usize::from(layer)].placing.is_nested());
    subscriber.gate.layer().filter(|_| subscriber.gate.lacks_keyframe(flowing, nested))
}

/// Seals what waits for the path of the transport in `transport`, as far as that and the outbox take it.
pub(super) fn resume(transport: u32, rooms: &mut Rooms, send_time: [u8; 3], departures: &mut Departures<'_>) -> Progress {
    let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
    let (Some(way), Some(congestion)) = (ways.get(transport), congestions.get_mut(transport)) else { return Progress::Done };
    congestion.pacer.unschedule();
    let mut batch = Batch::new();
    while congestion.pacer.is_waiting() {
        let room = departures.outbox.room().min(RUN_SEGMENTS_MAX);
        if room == 0 {
            return Progress::Full;
        }
        batch.clear();
        let released = Release { way, pacer: &mut congestion.pacer, tracks, now: departures.now, room }.collect(
            subscriptions,
            &mut batch,
            &mut departures.counters.drops,
        );
        let congestion = Some(&mut *congestion);
        Sealer { way, congestion, subscriptions, packets: &mut [], send_time, departures }.seal(&mut batch);
        if released == Progress::Done {
            break;
        }
    }
    Progress::Done
}

/// What it takes to let go of packets that wait.
struct Release<'a, 's> {
    way: &'s Way,
    pacer: &'s mut Pacer,
    tracks: &'a Table<TrackId, Track>,
    now: Instant,
    room: usize,
}

impl<'a> Release<'a, '_> {
    /// Puts into the batch what the path takes; full when the batch is.
    fn collect(
        self,
        subscriptions: &mut Table<SubscriptionId, Subscription>,
        batch: &mut Batch<'a>,
        drops: &mut DropCounters,
    ) -> Progress {
        let Self { way, pacer, tracks, now, room } = self;
        let (allowance, mut spent) = (pacer.allowance(now), 0);
        while let Some(waiting) = pacer.first().filter(|_| spent < allowance || pacer.is_overdue(now)) {
            if batch.len() == room {
                return Progress::Full;
            }
            let subscription = subscriptions.get_mut(waiting.subscription).filter(|s| s.id == waiting.id && !s.subscriber.paused);
            let with_track = subscription.map(|s| (&tracks[s.track], &mut s.subscriber)).filter(|(track, _)| !track.paused);
            let Some((track, subscriber)) = with_track else {
                pacer.advance(waiting.count);
                continue;
            };
            pacer.advance(1);
            let Some(stored) = track.layers[usize::from(waiting.layer)].history.find(waiting.first) else {
                drops.count(DropReason::WaitedTooLong);
                continue;
            };
            let packet = Incoming { stored, carried: stored.meta.extensions.carried(), layer: waiting.layer, place: OF_NO_TURN };
            match (Numbering { slot: waiting.subscription, track, subscriber, way }).number(packet, batch) {
                Ok(bytes) => spent += bytes,
                Err(reason) => drops.count(reason),
            }
        }
        Progress::Done
    }
}
