//! What one transport gets of a turn: its packets in its subscribers' numbering, planned into runs, sealed into the outbox.

use super::change::{begin, leave_out, moved, tell};
use super::lane::Lane;
use super::plan::{PADDING_MAX, RunPlan};
use super::turn::{Turn, TurnPacket};
use crate::congestion::{Congestion, Departed, Pacer};
use crate::control::Event;
use crate::departures::{Departures, Progress};
use crate::drop_reason::{DropCounters, DropReason};
use crate::history::Stored;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::room::{Rooms, Subscription, Track};
use crate::selection::{Arriving, Verdict};
use crate::subscriber::{Patch, Rename, Source, Subscriber};
use crate::table::Table;
use crate::way::Way;
use arrayvec::ArrayVec;
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::media::{Codec, Extension, Kind};
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
    codec: Codec,
    patch: Patch,
    header_len: u16,
    /// What is changed in its payload.
    rename: Option<Rename>,
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
    let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
    // What ended while the walk waited has no wishes that are still good.
    let Some(way) = ways.get(transport) else { return Progress::Done };
    let mut congestion = congestions.get_mut(transport);
    let mut batch = Batch::new();
    while let Some(wish) = turn.wish() {
        let room = departures.outbox.room().min(RUN_SEGMENTS_MAX);
        // A run that is torn between two hand-overs costs another send.
        let wanted = turn.track(wish.track).1.len().min(RUN_SEGMENTS_MAX);
        if room == 0 || room < wanted && !departures.outbox.is_empty() {
            return Progress::Full;
        }
        batch.clear();
        let mut lane = Lane::of(congestion.as_deref_mut(), departures.now);
        Collector { way, tracks, subscriptions, room }.collect(turn, &mut lane, &mut batch, departures);
        let congestion = congestion.as_deref_mut();
        Sealer { way, congestion, subscriptions, packets: &mut turn.packets, send_time, departures }.seal(&batch);
    }
    Progress::Done
}

/// Where the packets of one transport come from, and how many of them the batch takes.
struct Collector<'a, 't> {
    way: &'t Way,
    tracks: &'a Table<TrackId, Track>,
    subscriptions: &'t mut Table<SubscriptionId, Subscription>,
    room: usize,
}

impl<'a> Collector<'a, '_> {
    /// Puts the transport's packets into the batch. Video that its path cannot take yet is left to wait.
    fn collect(self, turn: &mut Turn, lane: &mut Lane<'_>, batch: &mut Batch<'a>, departures: &mut Departures<'_>) {
        let Self { way, tracks, subscriptions, room } = self;
        while let Some(wish) = turn.wish() {
            let subscription = subscriptions.get_mut(wish.subscription).filter(|s| s.id == wish.id && !s.subscriber.paused);
            let with_track = subscription.map(|s| (&tracks[s.track], s)).filter(|(track, _)| !track.paused);
            if let Some((track, subscription)) = with_track {
                let subscriber = &mut subscription.subscriber;
                let (_, places) = turn.track(wish.track);
                let (end, allowance) = (places.end, lane.allowance(track.kind));
                let mut held = false;
                for place in places {
                    if batch.len() == room {
                        return turn.advance(wish.track, place);
                    }
                    if lane.spent >= allowance {
                        lane.hold(&wish, &turn.packets[place..end], |layer| subscriber.follows(layer), departures.counters);
                        held = true;
                        break;
                    }
                    let numbered = Numbering { track, subscriber, way }.number(&turn.packets[place], |outgoing| {
                        lane.spent += outgoing.len as u64;
                        batch.push(Outgoing { subscription: wish.subscription, place, ..outgoing });
                    });
                    numbered.unwrap_or_else(|reason| departures.counters.drops.count(reason));
                }
                // What waits may bring the keyframe.
                if !held && let Some(layer) = lacked(track, subscriber) {
                    turn.lack(wish.track, layer);
                }
                if subscriber.gate.has_news() && track.kind == Kind::Video {
                    tell(track, subscription, departures.events);
                }
            }
            turn.next_wish();
        }
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
        let stored = subscriber.red.cut(stored);
        let meta = stored.meta;
        let payload_type = subscriber.payload_types[usize::from(meta.format)].ok_or(DropReason::UnknownPayloadType)?;
        let source = Source { layer, generation: meta.generation };
        let flowing = subscriber.mapping.flowing() == Some(source);
        let arriving = Arriving { layer, flowing, index: meta.index, keyframe: meta.keyframe, place: meta.place };
        match subscriber.gate.decide(arriving) {
            Verdict::Pass => {}
            Verdict::Foreign => return Ok(()),
            Verdict::Skip => {
                leave_out(track, subscriber, stored);
                return Ok(());
            }
            Verdict::Move => moved(subscriber, meta),
            Verdict::Begin => begin(track, subscriber, source, stored),
        }
        let (index, timestamp) = subscriber.mapping.map(meta).ok_or(DropReason::TooLate)?;
        let (patch, codec) = (subscriber.mapping.patch(meta.index), track.formats[usize::from(meta.format)].codec);
        let header_len = subscriber.header.len(Passed { carried, spans: &meta.extensions, packet: stored.bytes });
        // A packet of nothing but padding leaves with one byte of it.
        let len = header_len + stored.payload().len().max(1) + way.overhead();
        if len > way.packet_bytes_max() {
            return Err(DropReason::Oversize);
        }
        let (header_len, rename) = (header_len as u16, subscriber.red.rename(&stored));
        take(Outgoing { stored, subscription: 0, place: 0, index, timestamp, payload_type, codec, patch, header_len, rename, len });
        Ok(())
    }
}

/// Seals a batch.
struct Sealer<'a, 'd> {
    way: &'a Way,
    congestion: Option<&'a mut Congestion>,
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
        let Self { way, congestion, subscriptions, packets, send_time, departures } = self;
        let Departures { outbox, events, counters, now } = &mut **departures;
        outbox.open_run(&way.path, segment, run.len());
        let last = run.last().expect("a run has a packet").len;
        let place = outbox.place((run.len() - 1) * segment + last);
        let headers = run.iter().zip(place.chunks_mut(segment));
        let mut stamp = Stamp { send_time: *send_time, number: congestion.as_ref().map_or(SequenceNumber(0), |c| c.next_number()) };
        let headers = headers.map(|(outgoing, dst)| outgoing.write_header(subscriptions, packets, &mut stamp, dst));
        let headed = headers.take_while(|written| *written).count();
        let (mut sealed, mut bytes, mut numbered) = (0, 0, 0);
        let mut last = segment;
        for (outgoing, dst) in run[..headed].iter().zip(place.chunks_mut(segment)) {
            if !outgoing.seal(way, dst) {
                break;
            }
            (sealed, bytes) = (sealed + 1, bytes + dst.len());
            packets[outgoing.place].copies += 1;
            let subscription = &mut subscriptions[outgoing.subscription];
            let Subscriber { in_place, announced, retransmission, header, .. } = &mut subscription.subscriber;
            if header.is_numbered() {
                (numbered, last) = (numbered + 1, dst.len());
            }
            if let (true, Some(retransmission)) = (*in_place, retransmission) {
                retransmission.note(outgoing.index, outgoing.padding(dst) as u8);
            }
            if !*announced {
                announce(subscription, events, *now);
            }
            subscription.subscriber.count_sent(outgoing.stored.payload().len());
        }
        outbox.commit(sealed, bytes);
        if let Some(congestion) = congestion {
            let run_bytes = bytes + sealed * way.path.headers_len();
            let run = Departed { packets: numbered, segment: segment as u16, last: last as u16, probe: None };
            congestion.depart(*now, run_bytes as u64, run);
        }
        counters.packets_out += sealed as u64;
        run.len().min(sealed + 1)
    }
}

/// What the next packet of a transport tells of its leaving.
struct Stamp {
    send_time: [u8; 3],
    /// Its place among those of the transport, if it takes one.
    number: SequenceNumber,
}

impl Outgoing<'_> {
    /// Writes the header to the front of `dst`, where the packet is to be.
    #[inline]
    fn write_header(
        &self,
        subscriptions: &Table<SubscriptionId, Subscription>,
        packets: &[TurnPacket],
        stamp: &mut Stamp,
        dst: &mut [u8],
    ) -> bool {
        let Self { stored, index, timestamp, payload_type, .. } = *self;
        let passed = Passed { carried: packets[self.place].carried, spans: &stored.meta.extensions, packet: stored.bytes };
        let (sequence, marker) = (index.sequence(), self.patch.marker(stored.meta));
        let Stamp { send_time, number: transport_sequence } = *stamp;
        let padded = self.padding(dst) > 0;
        let fields = PacketFields { timestamp, sequence, payload_type, marker, padded, send_time, transport_sequence };
        let header = &subscriptions[self.subscription].subscriber.header;
        if header.is_numbered() {
            stamp.number = stamp.number.plus(1);
        }
        let written = header.write(dst, &fields, passed) == Some(usize::from(self.header_len));
        self.patch.change_header(header.id(Extension::DependencyDescriptor), dst);
        written
    }

    /// Seals the packet behind its header, which is in `dst`.
    #[inline]
    fn seal(&self, way: &Way, dst: &mut [u8]) -> bool {
        let (header_len, payload) = (usize::from(self.header_len), self.stored.payload());
        let sealed = match self.padding(dst) {
            _ if self.rename.is_some() || !self.patch.keeps_payload() => self.seal_changed(way, dst),
            0 => way.sealer.seal_behind(self.index, header_len, payload, &[], dst),
            count => way.sealer.seal_behind(self.index, header_len, payload, &padding_of(count)[..count], dst),
        };
        sealed == Some(dst.len())
    }

    /// The same with another payload than the history's.
    #[cold]
    fn seal_changed(&self, way: &Way, dst: &mut [u8]) -> Option<usize> {
        let (header_len, payload, padding) = (usize::from(self.header_len), self.stored.payload(), self.padding(dst));
        let (end, plain_len) = (header_len + payload.len(), header_len + payload.len() + padding);
        let place = dst.get_mut(header_len..end)?;
        place.copy_from_slice(payload);
        if let Some(rename) = self.rename {
            rename.apply(place);
        }
        self.patch.change_payload(self.codec, place);
        if padding > 0 {
            dst.get_mut(end..plain_len)?.copy_from_slice(&padding_of(padding)[..padding]);
        }
        way.sealer.seal_in_place(self.index, header_len, plain_len, dst)
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

/// Seals what waits for the path of the transport in `transport`, as far as that and the outbox take it.
pub(super) fn resume(transport: u32, rooms: &mut Rooms, send_time: [u8; 3], departures: &mut Departures<'_>) -> Progress {
    let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
    let (Some(way), Some(congestion)) = (ways.get(transport), congestions.get_mut(transport)) else { return Progress::Done };
    congestion.pacer.unschedule();
    let (mut batch, mut packets) = (Batch::new(), ArrayVec::new());
    while congestion.pacer.is_waiting() {
        let room = departures.outbox.room().min(RUN_SEGMENTS_MAX);
        if room == 0 {
            return Progress::Full;
        }
        batch.clear();
        packets.clear();
        let released = Release { way, pacer: &mut congestion.pacer, tracks, now: departures.now, room }.collect(
            subscriptions,
            &mut batch,
            &mut packets,
            &mut departures.counters.drops,
        );
        let congestion = Some(&mut *congestion);
        Sealer { way, congestion, subscriptions, packets: &mut packets, send_time, departures }.seal(&batch);
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
        packets: &mut ArrayVec<TurnPacket, RUN_SEGMENTS_MAX>,
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
            let packet = TurnPacket::new(waiting.layer.into(), stored);
            let place = packets.len();
            let numbered = Numbering { track, subscriber, way }.number(&packet, |outgoing| {
                spent += outgoing.len as u64;
                packets.push(packet);
                batch.push(Outgoing { subscription: waiting.subscription, place, ..outgoing });
            });
            numbered.unwrap_or_else(|reason| drops.count(reason));
        }
        Progress::Done
    }
}

/// Padding of `count` octets, the last of which counts them all (RFC 3550 section 5.1), zeros behind.
fn padding_of(count: usize) -> [u8; PADDING_MAX + 1] {
    let mut padding = [0; PADDING_MAX + 1];
    padding[count - 1] = count as u8;
    padding
}
