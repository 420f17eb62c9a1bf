//! What one transport gets of a turn: its packets in its subscribers' numbering, planned into runs, sealed into the outbox.

use super::plan::{PADDING_MAX, RunPlan};
use super::turn::{Turn, TurnPacket};
use crate::control::Event;
use crate::departures::{Departures, Progress};
use crate::drop_reason::{DropCounters, DropReason};
use crate::history::Stored;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::room::{Rooms, Subscription, Track};
use crate::selection::{Arriving, Verdict};
use crate::subscriber::{Source, Subscriber};
use crate::table::Table;
use crate::way::Way;
use arrayvec::ArrayVec;
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::rtp::{PacketFields, Passed};
use corelay_wire::units::{Instant, PacketIndex, PayloadType, RtpTimestamp, SequenceNumber};
use std::collections::VecDeque;

/// A packet in one subscriber's numbering.
struct Outgoing<'a> {
    stored: Stored<'a>,
    subscription: u32,
    /// Place in the turn's packets.
    place: usize,
    index: PacketIndex,
    timestamp: RtpTimestamp,
    payload_type: PayloadType,
    header_len: u16,
    /// As it leaves, but for padding that its run asks for.
    len: usize,
}

/// Packets of one transport whose lengths are known before the first of them is sealed: as many as one run can hold.
type Batch<'a> = ArrayVec<Outgoing<'a>, RUN_SEGMENTS_MAX>;

/// Transports that are looked ahead to at once.
///
/// The kernel's copies of a hand-over leave little of the second-level cache, so that what a subscriber needs is found in memory, one
/// line after the other, half a microsecond and more in all. Read for several transports at once, the misses overlap. More may be gone
/// again before it is used (16 were no better); fewer overlap less.
const LOOK_AHEAD: usize = 8;

/// Reads what [`deliver`] will read of the next transports, when the walk has come to the end of what was read so far.
pub(super) fn look_ahead(turn: &mut Turn, rooms: &Rooms) {
    for (transport, subscription) in turn.look_ahead(LOOK_AHEAD) {
        if let Some(way) = rooms.ways.get(transport) {
            way.sealer.touch();
        }
        if let Some(subscription) = rooms.subscriptions.get(subscription) {
            subscription.subscriber.touch();
        }
    }
}

/// Seals what the transport in `transport` wishes, as far as the outbox takes it.
pub(super) fn deliver(
    turn: &mut Turn,
    transport: u32,
    rooms: &mut Rooms,
    send_time: [u8; 3],
    departures: &mut Departures<'_>,
) -> Progress {
    let Rooms { tracks, subscriptions, ways, .. } = rooms;
    // What ended while the walk waited has no wishes that are still good.
    let Some(way) = ways.get(transport) else { return Progress::Done };
    let mut batch = Batch::new();
    while turn.wish().is_some() {
        let room = departures.outbox.room().min(RUN_SEGMENTS_MAX);
        if room == 0 {
            return Progress::Full;
        }
        batch.clear();
        collect(turn, way, tracks, subscriptions, room, &mut batch, &mut departures.counters.drops);
        Sealer { way, subscriptions, packets: &mut turn.packets, send_time, departures }.seal(&batch);
    }
    Progress::Done
}

/// Puts up to `room` of the transport's packets into the batch.
fn collect<'a>(
    turn: &mut Turn,
    way: &Way,
    tracks: &'a Table<TrackId, Track>,
    subscriptions: &mut Table<SubscriptionId, Subscription>,
    room: usize,
    batch: &mut Batch<'a>,
    drops: &mut DropCounters,
) {
    while let Some(wish) = turn.wish() {
        let subscription = subscriptions.get_mut(wish.subscription).filter(|s| s.id == wish.id && !s.subscriber.paused);
        let with_track = subscription.map(|s| (&tracks[s.track], &mut s.subscriber)).filter(|(track, _)| !track.paused);
        if let Some((track, subscriber)) = with_track {
            let (_, places) = turn.track(wish.track);
            for place in places {
                if batch.len() == room {
                    return turn.advance(wish.track, place);
                }
                let numbered = Numbering { track, subscriber, way }.number(&turn.packets[place], |outgoing| {
                    batch.push(Outgoing { subscription: wish.subscription, place, ..outgoing });
                });
                numbered.unwrap_or_else(|reason| drops.count(reason));
            }
            if let Some(layer) = lacked(track, subscriber) {
                turn.lack(wish.track, layer);
            }
        }
        turn.next_wish();
    }
}

/// The layer of which a subscriber waits for a keyframe.
#[inline]
fn lacked(track: &Track, subscriber: &Subscriber) -> Option<u8> {
    let flowing = subscriber.mapping.flowing().map(|source| source.layer);
    let nested = || flowing.is_some_and(|layer| track.layers[usize::from(layer)].placing.is_nested());
    subscriber.gate.layer().filter(|_| subscriber.gate.lacks_keyframe(flowing, nested))
}

/// What it takes to number a packet for one subscriber.
struct Numbering<'a, 's> {
    track: &'a Track,
    subscriber: &'s mut Subscriber,
    way: &'s Way,
}

impl<'a> Numbering<'a, '_> {
    /// Gives the packet in the subscriber's numbering, unless it is not for this subscriber. To `take`: it is written where it stays.
    #[inline]
    fn number(self, packet: &TurnPacket, take: impl FnOnce(Outgoing<'a>)) -> Result<(), DropReason> {
        let Self { track, subscriber, way } = self;
        let TurnPacket { index, layer, carried, .. } = *packet;
        let stored = track.layers[usize::from(layer)].history.find(index).ok_or(DropReason::TooLate)?;
        let meta = stored.meta;
        let payload_type = subscriber.payload_types[usize::from(meta.format)].ok_or(DropReason::UnknownPayloadType)?;
        let source = Source { layer, generation: meta.generation };
        let flowing = subscriber.mapping.flowing() == Some(source);
        let arriving = Arriving { layer, flowing, index: meta.index, keyframe: meta.keyframe, place: meta.place };
        match subscriber.gate.decide(arriving) {
            Verdict::Pass => {}
            Verdict::Foreign => return Ok(()),
            Verdict::Skip => {
                subscriber.mapping.skip(meta);
                return Ok(());
            }
            Verdict::Begin => {
                let clock = track.formats[usize::from(meta.format)].codec.clock_rate();
                subscriber.mapping.begin(source, meta, clock);
            }
        }
        let (index, timestamp) = subscriber.mapping.map(meta).ok_or(DropReason::TooLate)?;
        let header_len = subscriber.header.len(Passed { carried, spans: &meta.extensions, packet: stored.bytes });
        // A packet of nothing but padding leaves with one byte of it.
        let len = header_len + stored.payload().len().max(1) + way.overhead();
        if len > way.packet_bytes_max() {
            return Err(DropReason::Oversize);
        }
        let header_len = header_len as u16;
        take(Outgoing { stored, subscription: 0, place: 0, index, timestamp, payload_type, header_len, len });
        Ok(())
    }
}

/// Seals a batch.
struct Sealer<'a, 'd> {
    way: &'a Way,
    subscriptions: &'a mut Table<SubscriptionId, Subscription>,
    packets: &'a mut [TurnPacket],
    send_time: [u8; 3],
    departures: &'a mut Departures<'d>,
}

impl Sealer<'_, '_> {
    fn seal(&mut self, mut batch: &[Outgoing<'_>]) {
        while !batch.is_empty() {
            let RunPlan { packets, segment } = RunPlan::first(batch.iter().map(|o| o.len));
            let done = self.seal_run(&batch[..packets], segment);
            batch = &batch[done..];
        }
    }

    /// Seals packets that leave together, each but the last made `segment` bytes long. Gives how many are done with: all of them, or
    /// those up to one that cannot be sealed.
    ///
    /// All headers are written before the first packet is sealed. Sealing reads a header in wider pieces than it was written in; right
    /// after the writing it would wait until the processor's store buffer has let go of it, for each packet.
    fn seal_run(&mut self, run: &[Outgoing<'_>], segment: usize) -> usize {
        let Self { way, subscriptions, packets, send_time, departures } = self;
        let Departures { outbox, events, counters, now } = &mut **departures;
        outbox.open_run(way.path, segment, run.len());
        let last = run.last().expect("a run has a packet").len;
        let place = outbox.place((run.len() - 1) * segment + last);
        let headers = run.iter().zip(place.chunks_mut(segment));
        let headers = headers.map(|(outgoing, dst)| outgoing.write_header(subscriptions, packets, *send_time, dst));
        let headed = headers.take_while(|written| *written).count();
        let (mut sealed, mut bytes) = (0, 0);
        for (outgoing, dst) in run[..headed].iter().zip(place.chunks_mut(segment)) {
            if !outgoing.seal(way, dst) {
                break;
            }
            (sealed, bytes) = (sealed + 1, bytes + dst.len());
            packets[outgoing.place].copies += 1;
            let subscription = &mut subscriptions[outgoing.subscription];
            let Subscriber { in_place, announced, retransmission, .. } = &mut subscription.subscriber;
            if let (true, Some(retransmission)) = (*in_place, retransmission) {
                retransmission.note(outgoing.index, outgoing.padding(dst) as u8);
            }
            if !*announced {
                announce(subscription, events, *now);
            }
            subscription.subscriber.count_sent(outgoing.stored.payload().len());
        }
        outbox.commit(sealed, bytes);
        counters.packets_out += sealed as u64;
        run.len().min(sealed + 1)
    }
}

impl Outgoing<'_> {
    /// Writes the header to the front of `dst`, where the packet is to be.
    #[inline]
    fn write_header(
        &self,
        subscriptions: &Table<SubscriptionId, Subscription>,
        packets: &[TurnPacket],
        send_time: [u8; 3],
        dst: &mut [u8],
    ) -> bool {
        let Self { stored, index, timestamp, payload_type, .. } = *self;
        let passed = Passed { carried: packets[self.place].carried, spans: &stored.meta.extensions, packet: stored.bytes };
        let (sequence, transport_sequence, marker) = (index.sequence(), SequenceNumber(0), stored.meta.marker);
        let padded = self.padding(dst) > 0;
        let fields = PacketFields { timestamp, sequence, payload_type, marker, padded, send_time, transport_sequence };
        let header = &subscriptions[self.subscription].subscriber.header;
        header.write(dst, &fields, passed) == Some(usize::from(self.header_len))
    }

    /// Seals the packet behind its header, which is in `dst`.
    #[inline]
    fn seal(&self, way: &Way, dst: &mut [u8]) -> bool {
        let (header_len, payload) = (usize::from(self.header_len), self.stored.payload());
        let sealed = match self.padding(dst) {
            0 => way.sealer.seal_behind(self.index, header_len, payload, &[], dst),
            count => way.sealer.seal_behind(self.index, header_len, payload, &padding_of(count)[..count], dst),
        };
        sealed == Some(dst.len())
    }

    /// How many bytes of padding fill `dst`. A packet without a payload has one at least.
    fn padding(&self, dst: &[u8]) -> usize {
        dst.len() - self.len + usize::from(self.stored.payload().is_empty())
    }
}

/// Tells signaling that packets flow; with the next packet when the queue of events is full.
#[cold]
fn announce(subscription: &mut Subscription, events: &mut VecDeque<Event>, now: Instant) {
    if events.len() < events.capacity() {
        subscription.subscriber.announced = true;
        let after = now.since(subscription.subscribed);
        events.push_back(Event::SubscriptionStarted { subscription: subscription.id, after });
    }
}

/// Padding of `count` octets, the last of which counts them all (RFC 3550 section 5.1), zeros behind.
fn padding_of(count: usize) -> [u8; PADDING_MAX + 1] {
    let mut padding = [0; PADDING_MAX + 1];
    padding[count - 1] = count as u8;
    padding
}
