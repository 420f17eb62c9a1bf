//! What one transport gets of a turn: its packets in its subscribers' numbering, planned into runs, sealed into the outbox.

use super::plan::{PADDING_MAX, RunPlan};
use super::turn::{Turn, TurnPacket, TurnTrack};
use crate::control::Event;
use crate::departures::{Departures, Progress};
use crate::drop_reason::{DropCounters, DropReason};
use crate::history::Stored;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::room::{Rooms, Subscription, Track};
use crate::subscriber::{Source, Subscriber};
use crate::table::Table;
use crate::way::Way;
use arrayvec::ArrayVec;
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::rtp::{PacketFields, Passed};
use corelay_wire::units::{PacketIndex, PayloadType, RtpTimestamp, SequenceNumber};

/// A packet in one subscriber's numbering.
struct Outgoing<'a> {
    stored: Stored<'a>,
    subscription: u32,
    /// Place in the turn's packets.
    place: usize,
    index: PacketIndex,
    timestamp: RtpTimestamp,
    payload_type: PayloadType,
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
            let (&TurnTrack { target, targeted, .. }, places) = turn.track(wish.track);
            for place in places {
                if batch.len() == room {
                    return turn.advance(wish.track, place);
                }
                let numbered = Numbering { track, subscriber, target, way }.number(&turn.packets[place], |outgoing| {
                    batch.push(Outgoing { subscription: wish.subscription, place, ..outgoing });
                });
                numbered.unwrap_or_else(|reason| drops.count(reason));
            }
            if targeted && subscriber.mapping.flowing().is_none_or(|s| s.layer != target) {
                turn.lack(wish.track);
            }
        }
        turn.next_wish();
    }
}

/// What it takes to number a packet for one subscriber.
struct Numbering<'a, 's> {
    track: &'a Track,
    subscriber: &'s mut Subscriber,
    target: u8,
    way: &'s Way,
}

impl<'a> Numbering<'a, '_> {
    /// Gives the packet in the subscriber's numbering, unless it is not for this subscriber. To `take`: it is written where it stays.
    #[inline]
    fn number(self, packet: &TurnPacket, take: impl FnOnce(Outgoing<'a>)) -> Result<(), DropReason> {
        let Self { track, subscriber, target, way } = self;
        let TurnPacket { index, layer, carried, .. } = *packet;
        let stored = track.layers[usize::from(layer)].history.find(index).ok_or(DropReason::TooLate)?;
        let meta = stored.meta;
        let payload_type = subscriber.payload_types[usize::from(meta.format)].ok_or(DropReason::UnknownPayloadType)?;
        let source = Source { layer, generation: meta.generation };
        if subscriber.mapping.flowing() != Some(source) {
            if layer != target || !meta.keyframe {
                return Ok(());
            }
            let clock = track.formats[usize::from(meta.format)].codec.clock_rate();
            subscriber.mapping.begin(source, meta, clock);
        }
        let (index, timestamp) = subscriber.mapping.map(meta).ok_or(DropReason::TooLate)?;
        let header_len = subscriber.header.len(Passed { carried, spans: &meta.extensions, packet: stored.bytes });
        // A packet of nothing but padding leaves with one byte of it.
        let len = header_len + stored.payload().len().max(1) + way.overhead();
        if len > way.packet_bytes_max() {
            return Err(DropReason::Oversize);
        }
        take(Outgoing { stored, subscription: 0, place: 0, index, timestamp, payload_type, len });
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
            let (run, rest) = batch.split_at(packets);
            self.departures.outbox.open_run(self.way.path, segment, packets);
            let (last, others) = run.split_last().expect("a run has a packet");
            others.iter().for_each(|outgoing| self.seal_packet(outgoing, segment));
            self.seal_packet(last, last.len);
            batch = rest;
        }
    }

    /// Seals one packet, made `len` bytes long.
    fn seal_packet(&mut self, outgoing: &Outgoing<'_>, len: usize) {
        let Outgoing { stored, index, timestamp, payload_type, .. } = *outgoing;
        let (way, payload) = (self.way, stored.payload());
        let subscription = &mut self.subscriptions[outgoing.subscription];
        let subscriber = &mut subscription.subscriber;
        let packet = &mut self.packets[outgoing.place];
        let passed = Passed { carried: packet.carried, spans: &stored.meta.extensions, packet: stored.bytes };
        let padding = len - outgoing.len + usize::from(payload.is_empty());
        let (marker, padded, send_time) = (stored.meta.marker, padding > 0, self.send_time);
        let (sequence, transport_sequence) = (index.sequence(), SequenceNumber(0));
        let fields = PacketFields { timestamp, sequence, payload_type, marker, padded, send_time, transport_sequence };
        let sealed = self.departures.outbox.append(len, |dst| {
            let header_len = subscriber.header.write(dst, &fields, passed)?;
            match padding {
                0 => way.sealer.seal_behind(index, header_len, payload, &[], dst),
                count => way.sealer.seal_behind(index, header_len, payload, &padding_of(count)[..count], dst),
            }
        });
        if !sealed {
            return;
        }
        packet.copies += 1;
        self.departures.counters.packets_out += 1;
        subscriber.count_sent(payload.len());
        if subscriber.in_place
            && let Some(retransmission) = &mut subscriber.retransmission
        {
            retransmission.note(index, padding as u8);
        }
        if !subscriber.announced {
            self.announce(outgoing.subscription);
        }
    }

    /// Tells signaling that packets flow; with the next packet when the queue of events is full.
    #[cold]
    fn announce(&mut self, slot: u32) {
        let Departures { events, now, .. } = &mut *self.departures;
        if events.len() < events.capacity() {
            let subscription = &mut self.subscriptions[slot];
            subscription.subscriber.announced = true;
            let after = now.since(subscription.subscribed);
            events.push_back(Event::SubscriptionStarted { subscription: subscription.id, after });
        }
    }
}

/// Padding of `count` octets, the last of which counts them all (RFC 3550 section 5.1), zeros behind.
fn padding_of(count: usize) -> [u8; PADDING_MAX + 1] {
    let mut padding = [0; PADDING_MAX + 1];
    padding[count - 1] = count as u8;
    padding
}
