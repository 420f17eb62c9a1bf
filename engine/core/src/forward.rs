//! From a track's packets of this turn to each subscriber's: track by track, subscriber by subscriber, packet by packet, so that one
//! subscriber's numbers and key are touched once for a whole run.
//!
//! A full outbox stops the walk between two packets and the cursor remembers where: nothing is lost, and the walk goes on when the
//! outbox was sent.

mod rewrite;
mod select;

pub(crate) use select::select;

use crate::control::Event;
use crate::departures::{Departures, Progress};
use crate::drop_reason::DropReason;
use crate::history::Stored;
use crate::outbox::PACKET_BYTES_MAX;
use crate::room::{Rooms, Subscription, Track, TransportEntry};
use crate::subscriber::Source;
use corelay_wire::rtp::AbsSendTime;
use rewrite::Outgoing;

/// Where the walk stopped.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    /// Place in the list of dirty tracks.
    track: usize,
    /// A subscriber of the track waits for a keyframe.
    lacking: bool,
    /// Place in the track's subscriptions.
    subscription: usize,
    layer: usize,
    /// Packets of the layer's turn that this subscriber has had.
    packets: u64,
}

/// The tracks with packets of this turn, and how far they were forwarded.
#[derive(Debug)]
pub(crate) struct Forwarder {
    dirty: Vec<u32>,
    /// Tracks of which a subscriber waits for a keyframe that this turn did not bring.
    lacking: Vec<u32>,
    cursor: Cursor,
}

impl Forwarder {
    pub(crate) fn new(tracks_max: u32) -> Self {
        Self {
            dirty: Vec::with_capacity(tracks_max as usize),
            lacking: Vec::with_capacity(tracks_max as usize),
            cursor: Cursor::default(),
        }
    }

    /// A track got its first packet of this turn.
    pub(crate) fn add(&mut self, track: u32) {
        self.dirty.push(track);
    }

    /// A track ended. The cursor stays with the track that it was at, or goes to the one after.
    pub(crate) fn forget(&mut self, track: u32) {
        if let Some(at) = self.dirty.iter().position(|t| *t == track) {
            self.dirty.remove(at);
            if at < self.cursor.track {
                self.cursor.track -= 1;
            } else if at == self.cursor.track {
                self.cursor = Cursor { track: at, ..Cursor::default() };
            }
        }
        self.lacking.retain(|t| *t != track);
    }

    /// A track of which a subscriber waits for a keyframe; each once.
    pub(crate) fn take_lacking(&mut self) -> Option<u32> {
        self.lacking.pop()
    }

    /// Seals what the outbox takes.
    pub(crate) fn fill(&mut self, rooms: &mut Rooms, departures: &mut Departures<'_>) -> Progress {
        while let Some(slot) = self.dirty.get(self.cursor.track).copied() {
            if self.forward_track(rooms, slot, departures) == Progress::Full {
                return Progress::Full;
            }
            let track = &mut rooms.tracks[slot];
            track.dirty = false;
            for layer in &mut track.layers {
                layer.history.settle();
            }
            self.cursor = Cursor { track: self.cursor.track + 1, ..Cursor::default() };
        }
        self.dirty.clear();
        self.cursor = Cursor::default();
        Progress::Done
    }

    fn forward_track(&mut self, rooms: &mut Rooms, slot: u32, departures: &mut Departures<'_>) -> Progress {
        let Rooms { tracks, subscriptions, transports, .. } = rooms;
        let track = &mut tracks[slot];
        if track.paused {
            return Progress::Done;
        }
        let target = select(track.layers.iter().map(|l| l.last_packet), departures.now);
        while let Some(subscription) = track.subscriptions.get(self.cursor.subscription) {
            let subscription = &mut subscriptions[*subscription];
            let transport = &transports[subscription.transport];
            if transport.connected.is_some() && !subscription.subscriber.paused {
                let mut run = Run { track, subscription, transport, target, lacking: false };
                if run.send(&mut self.cursor, departures) == Progress::Full {
                    return Progress::Full;
                }
                self.cursor.lacking |= run.lacking;
            }
            let Cursor { track, lacking, subscription, .. } = self.cursor;
            self.cursor = Cursor { track, lacking, subscription: subscription + 1, ..Cursor::default() };
        }
        if self.cursor.lacking {
            track.layers[usize::from(target)].keyframes.want();
            self.lacking.push(slot);
        }
        Progress::Done
    }
}

/// One turn's packets of one track for one subscriber.
struct Run<'a> {
    track: &'a Track,
    subscription: &'a mut Subscription,
    transport: &'a TransportEntry,
    target: u8,
    /// The subscriber could not begin: no keyframe came.
    lacking: bool,
}

impl Run<'_> {
    fn send(&mut self, cursor: &mut Cursor, departures: &mut Departures<'_>) -> Progress {
        let track = self.track;
        while let Some(layer) = track.layers.get(cursor.layer) {
            let fresh = layer.history.fresh();
            for n in fresh.start + cursor.packets..fresh.end {
                if !departures.outbox.has_room(PACKET_BYTES_MAX) {
                    return Progress::Full;
                }
                match layer.history.arrival(n) {
                    Some(packet) => self.send_packet(cursor.layer as u8, packet, departures),
                    None => departures.counters.drops.count(DropReason::TooLate),
                }
                cursor.packets += 1;
            }
            cursor.layer += 1;
            cursor.packets = 0;
        }
        let subscriber = &self.subscription.subscriber;
        self.lacking = subscriber.mapping.flowing().is_none_or(|s| s.layer != self.target)
            && !track.layers[usize::from(self.target)].history.fresh().is_empty();
        Progress::Done
    }

    fn send_packet(&mut self, layer: u8, packet: Stored<'_>, departures: &mut Departures<'_>) {
        let subscriber = &mut self.subscription.subscriber;
        let source = Source { layer, generation: packet.meta.generation };
        let Some(payload_type) = subscriber.payload_types[usize::from(packet.meta.format)] else {
            departures.counters.drops.count(DropReason::UnknownPayloadType);
            return;
        };
        if subscriber.mapping.flowing() != Some(source) {
            if layer != self.target || !packet.meta.keyframe {
                return;
            }
            let clock = self.track.formats[usize::from(packet.meta.format)].codec.clock_rate();
            subscriber.mapping.begin(source, packet.meta, clock);
        }
        let Some((index, timestamp)) = subscriber.mapping.map(packet.meta) else {
            departures.counters.drops.count(DropReason::TooLate);
            return;
        };
        let send_time = AbsSendTime::from_instant(departures.now).to_bytes();
        match Outgoing::rewrite(subscriber, payload_type, packet, index, timestamp, &send_time) {
            Some(outgoing) => {
                self.seal(&outgoing, departures);
                departures.outbox.note_forwarded(packet.meta.received, 1);
            }
            None => departures.counters.drops.count(DropReason::Oversize),
        }
    }

    fn seal(&mut self, outgoing: &Outgoing<'_>, departures: &mut Departures<'_>) {
        let transport = &self.transport.transport;
        let Some(path) = transport.path() else { return };
        let len = outgoing.header().len() + outgoing.payload().len() + transport.overhead();
        if len > path.packet_bytes_max() {
            departures.counters.drops.count(DropReason::Oversize);
            return;
        }
        let seal = |dst: &mut [u8]| transport.seal_rtp(outgoing.index(), outgoing.header(), outgoing.payload(), dst);
        if departures.outbox.push(path, len, seal).is_none() {
            return;
        }
        departures.counters.packets_out += 1;
        let subscription = &mut *self.subscription;
        if subscription.subscriber.count_sent(outgoing.payload_len()) {
            let after = departures.now.since(subscription.subscribed);
            departures.events.push_back(Event::SubscriptionStarted { subscription: subscription.id, after });
        }
    }
}
