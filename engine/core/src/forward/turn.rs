//! What one walk forwards, frozen when it begins: packets of the dirty tracks, and who is to have them, transport by transport.
//!
//! ```text
//! packets  | track 7: 3 of layer 0, 2 of layer 1 | track 2: 4 | track 9: 1 |     numbers of packets, not their bytes
//! wishes   | 7 for A | 7 for B | 7 for C | 2 for A | 2 for C | 9 for A |         a subscription and its track
//! chains   A: --'--------------------------'------------------'                  in the order in which a transport came first
//!          B:            --'        C: --'------------'
//! ```
//!
//! What a transport gets of a turn leaves end to end, whatever track it is of, so that its path and its key are touched once and
//! its packets share runs. Video comes before audio: the short packet goes last. What arrives while a walk waits for the outbox to
//! be sent belongs to the next one.

use super::plan::RunPlan;
use crate::control::LAYERS_MAX;
use crate::drop_reason::{DropCounters, DropReason};
use crate::history::{History, Stored};
use crate::limits::Limits;
use crate::place::Points;
use crate::room::{Rooms, Subscribing, Track};
use crate::subscriber::Source;
use crate::table::Table;
use arrayvec::ArrayVec;
use core::ops::Range;
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::media::Kind;
use corelay_wire::rtp::Carried;
use corelay_wire::units::Instant;

/// Packets of one walk. A turn brings as many as the receive batch holds; what is beyond is the next walk's.
const PACKETS_MAX: usize = 512;
/// Copies that a walk makes of its packets, about 20 ms of work: the rest of a large room's burst is the next walk's, behind
/// whoever else has packets by then. Higher: a small room waits longer for a large one. Lower: runs get shorter than [`BURST`] in
/// rooms of more than a few thousand.
const COPIES_MAX: usize = 1 << 16;
/// Packets of a track that a walk takes at least, if it takes any: what makes a run that is as good as any (20: 100 ns of sending
/// for each packet; 40: 70; 4: 320). It goes before [`COPIES_MAX`], for one track.
const BURST: usize = 20;
/// Transports of a walk that is worth looking ahead in. Fewer stay in the caches from turn to turn, and a look ahead would be 30
/// instructions each for nothing.
const COLD_MIN: usize = 32;
/// No wish.
const NONE: u32 = u32::MAX;

/// The packets of a walk as the histories have them, in the order of [`Turn::packets`].
pub(super) type Found<'a> = ArrayVec<Option<Stored<'a>>, PACKETS_MAX>;

/// A packet of this walk. Its bytes stay in the history, where newer ones may overwrite them.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnPacket {
    pub(super) index: u64,
    pub(super) received: Instant,
    /// How many were sealed for the present hand-over.
    pub(super) copies: u32,
    pub(super) carried: Carried,
    pub(super) layer: u8,
    payload_len: u16,
}

/// What holds for all packets that a walk has of a track, where they are of one stream and one format, in order and each with a
/// payload: then a subscriber's numbers are found once for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alike {
    pub(super) source: Source,
    pub(super) format: u8,
    /// The highest spatial layer of the stream.
    pub(super) top: u8,
    /// The points whose receivers need all of them.
    pub(super) needed_by: Points,
    /// What any of them carries.
    pub(super) carried: Carried,
    /// The index of the first.
    pub(super) lowest: u64,
    /// The longest payload, and all payloads together.
    pub(super) longest: usize,
    payload_bytes: u64,
    packets: u64,
}

/// A track of this walk.
#[derive(Clone, Debug)]
pub(super) struct TurnTrack {
    pub(super) slot: u32,
    kind: Kind,
    /// The layers that have packets, as bits.
    pub(super) brought: u8,
    /// The layers of which a subscriber waits for a keyframe, as bits.
    pub(super) lacking: u8,
    pub(super) packets: Range<usize>,
    /// As far as is known: see [`Turn::find`].
    pub(super) alike: Option<Alike>,
}

/// That a subscription has its track's packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) subscription: u32,
    /// Slots are used again: what ended while the walk waited is not there.
    pub(super) id: SubscriptionId,
    /// Place in the list of tracks.
    pub(super) track: u32,
    next: u32,
}

/// What a transport gets.
#[derive(Clone, Copy, Debug)]
struct Chain {
    transport: u32,
    first: u32,
}

/// Where the walk is.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    chain: usize,
    /// Place in the list of wishes.
    wish: u32,
    /// Packets of the wish's track that were looked at.
    packets: usize,
    /// Chains before this one were looked ahead to.
    seen: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Turn {
    tracks: Vec<TurnTrack>,
    pub(super) packets: Vec<TurnPacket>,
    wishes: Vec<Wish>,
    chains: Vec<Chain>,
    /// Each transport's last wish while the chains are made; otherwise [`NONE`].
    last: Box<[u32]>,
    cursor: Cursor,
}

impl Turn {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            // Each has a packet.
            tracks: Vec::with_capacity(PACKETS_MAX),
            packets: Vec::with_capacity(PACKETS_MAX),
            wishes: Vec::with_capacity(limits.subscriptions_max as usize),
            chains: Vec::with_capacity(limits.transports_max as usize),
            last: vec![NONE; limits.transports_max as usize].into_boxed_slice(),
            cursor: Cursor::default(),
        }
    }

    /// What [`Turn::new`] takes from the heap: for itself, for each subscription, and for each transport.
    pub(super) const BYTES: [u64; 3] = [
        (PACKETS_MAX * (size_of::<TurnTrack>() + size_of::<TurnPacket>())) as u64,
        size_of::<Wish>() as u64,
        (size_of::<Chain>() + size_of::<u32>()) as u64,
    ];

    /// Takes the packets of dirty tracks, and takes those tracks off the list: all of them but what exceeds [`PACKETS_MAX`] or
    /// [`COPIES_MAX`]. A track of which something is left goes behind those that had to wait for it. `false` when there is nothing.
    pub(super) fn begin(&mut self, dirty: &mut Vec<u32>, rooms: &mut Rooms, drops: &mut DropCounters) -> bool {
        self.tracks.clear();
        self.packets.clear();
        self.wishes.clear();
        self.chains.clear();
        if dirty.is_empty() {
            return false;
        }
        let (mut taken, mut copies) = (0, 0);
        while let Some(slot) = dirty.get(taken).copied() {
            let had = self.packets.len();
            let all = self.take(slot, &mut rooms.tracks[slot], &mut copies, drops);
            if !all {
                dirty[taken..].rotate_left(usize::from(self.packets.len() > had));
                break;
            }
            taken += 1;
        }
        dirty.drain(..taken);
        for kind in [Kind::Video, Kind::Audio] {
            self.link(kind, rooms);
        }
        for chain in &self.chains {
            self.last[chain.transport as usize] = NONE;
        }
        self.cursor = Cursor { wish: self.chains.first().map_or(NONE, |c| c.first), ..Cursor::default() };
        true
    }

    /// Where the packets are in the histories: for one hand-over, as newer ones may overwrite them before the next.
    pub(super) fn find<'a>(&mut self, tracks: &'a Table<TrackId, Track>, found: &mut Found<'a>) {
        let Self { tracks: turn_tracks, packets, .. } = self;
        found.clear();
        for turn_track in turn_tracks {
            let packets = &packets[turn_track.packets.clone()];
            // Of a track that ended nobody wants anything.
            let layers = tracks.get(turn_track.slot).map_or(&[][..], |track| &track.layers);
            let find = |packet: &TurnPacket| layers.get(usize::from(packet.layer))?.history.find(packet.index);
            found.extend(packets.iter().map(find));
            turn_track.alike = Alike::of(packets, &found[turn_track.packets.clone()]);
        }
    }

    /// The transport that the walk is at; `None` at its end.
    pub(super) fn transport(&self) -> Option<u32> {
        self.chains.get(self.cursor.chain).map(|c| c.transport)
    }

    /// Goes to the next transport.
    pub(super) fn next_transport(&mut self) {
        self.cursor.chain += 1;
        self.cursor.wish = self.chains.get(self.cursor.chain).map_or(NONE, |c| c.first);
        self.cursor.packets = 0;
    }

    /// When the walk is at the end of what it looked ahead to: the next `count` transports, each with the subscription of its first
    /// wish.
    pub(super) fn look_ahead(&mut self, count: usize) -> impl Iterator<Item = (u32, u32)> {
        let Cursor { chain, seen, .. } = self.cursor;
        let is_warm = self.chains.len() < COLD_MIN;
        let end = if is_warm || chain < seen { chain } else { self.chains.len().min(chain + count) };
        self.cursor.seen = seen.max(end);
        self.chains[chain..end].iter().map(|c| (c.transport, self.wishes[c.first as usize].subscription))
    }

    /// The wish of the transport that the walk is at; `None` when all were seen.
    pub(super) fn wish(&self) -> Option<Wish> {
        self.wishes.get(self.cursor.wish as usize).copied()
    }

    /// Goes to the transport's next wish.
    pub(super) fn next_wish(&mut self) {
        self.cursor.wish = self.wishes.get(self.cursor.wish as usize).map_or(NONE, |w| w.next);
        self.cursor.packets = 0;
    }

    /// The track in place `track`, and the places of its packets that the wish has not had.
    pub(super) fn track(&self, track: u32) -> (&TurnTrack, Range<usize>) {
        let track = &self.tracks[track as usize];
        (track, track.packets.start + self.cursor.packets..track.packets.end)
    }

    /// The wish had all packets before `place`, which is of the track in place `track`.
    pub(super) fn advance(&mut self, track: u32, place: usize) {
        self.cursor.packets = place - self.tracks[track as usize].packets.start;
    }

    /// A subscriber of the track in place `track` waits for a keyframe of `layer`, which this walk did not bring although it
    /// brought packets of that layer.
    pub(super) fn lack(&mut self, track: u32, layer: u8) {
        let track = &mut self.tracks[track as usize];
        track.lacking |= track.brought & 1 << layer;
    }

    /// The tracks of which a subscriber waits for a keyframe.
    pub(super) fn lacking(&self) -> impl Iterator<Item = &TurnTrack> {
        self.tracks.iter().filter(|t| t.lacking != 0)
    }

    /// A track ended: it waits for nothing.
    pub(super) fn forget(&mut self, track: u32) {
        self.tracks.iter_mut().filter(|t| t.slot == track).for_each(|t| (t.brought, t.lacking) = (0, 0));
    }

    /// Takes what fits of a track's packets; tells whether that was all.
    fn take(&mut self, slot: u32, track: &mut Track, copies: &mut usize, drops: &mut DropCounters) -> bool {
        let first = self.packets.len();
        let subscribers = track.subscriptions.len().max(1);
        let least = if first == 0 { BURST } else { 0 };
        let room = PACKETS_MAX.min(first + least.max(COPIES_MAX.saturating_sub(*copies) / subscribers));
        let (mut all, mut brought) = (true, 0);
        for (n, layer) in track.layers.iter_mut().enumerate() {
            let fresh = layer.history.fresh();
            let end = fresh.end.min(fresh.start + (room - self.packets.len()) as u64);
            let first_of_layer = self.packets.len();
            for number in fresh.start..if track.paused { fresh.start } else { end } {
                match layer.history.arrival(number) {
                    Some(packet) => self.packets.push(TurnPacket::new(n, packet)),
                    None => drops.count(DropReason::TooLate),
                }
            }
            pad(&self.packets[first_of_layer..], &mut layer.history);
            all &= end == fresh.end;
            brought |= u8::from(end > fresh.start) << n;
            layer.history.settle(end);
        }
        track.dirty = !all;
        let packets = first..self.packets.len();
        *copies += packets.len() * subscribers;
        if !packets.is_empty() {
            self.tracks.push(TurnTrack { slot, kind: track.kind, brought, lacking: 0, packets, alike: None });
        }
        all
    }

    /// Hangs the wishes for the tracks of `kind` into their transports' chains.
    fn link(&mut self, kind: Kind, rooms: &Rooms) {
        for (place, turn_track) in self.tracks.iter().enumerate().filter(|(_, t)| t.kind == kind) {
            for slot in &rooms.tracks[turn_track.slot].subscriptions {
                let Subscribing { id, transport } = rooms.subscribing[*slot as usize];
                let wish = self.wishes.len() as u32;
                self.wishes.push(Wish { subscription: *slot, id, track: place as u32, next: NONE });
                let last = core::mem::replace(&mut self.last[transport as usize], wish);
                match self.wishes.get_mut(last as usize) {
                    Some(last) => last.next = wish,
                    None => self.chains.push(Chain { transport, first: wish }),
                }
            }
        }
    }
}

impl Alike {
    /// Of these packets, which may be lost by now; `None` when they differ.
    fn of(packets: &[TurnPacket], found: &[Option<Stored<'_>>]) -> Option<Self> {
        let first = found.first()?.as_ref()?.meta;
        let layer = packets.first()?.layer;
        let mut alike = Self {
            source: Source { layer, generation: first.generation },
            format: first.format,
            top: first.place.top(),
            needed_by: Points::ALL,
            carried: Carried::default(),
            lowest: first.index,
            longest: 0,
            payload_bytes: 0,
            packets: packets.len() as u64,
        };
        let mut next = first.index;
        for (packet, stored) in packets.iter().zip(found) {
            let (meta, len) = stored.as_ref().map(|stored| (stored.meta, stored.payload_len()))?;
            let same = packet.layer == layer && (meta.generation, meta.format) == (first.generation, first.format);
            if !same || meta.index < next || len == 0 || meta.place.top() != alike.top {
                return None;
            }
            next = meta.index + 1;
            alike.needed_by = alike.needed_by.and(meta.place.needed_by);
            alike.carried.present = alike.carried.present.or(packet.carried.present);
            alike.longest = alike.longest.max(len);
            alike.payload_bytes += len as u64;
        }
        Some(alike)
    }

    /// All bytes, when each packet has so many more than its payload.
    pub(super) const fn bytes_with(&self, more: usize) -> u64 {
        self.payload_bytes + self.packets * more as u64
    }
}

/// What a subscriber's packet is longer than its payload by, about: a header with mid and send time, and a tag.
const ABOUT_MORE: usize = 44;

/// Gives packets of one layer the padding that they leave with as a run of their own, as for most subscribers they do. Who wants
/// them padded otherwise does so while sealing, which costs 8 ns more for each packet and subscriber.
fn pad(packets: &[TurnPacket], history: &mut History) {
    let mut rest = packets;
    while !rest.is_empty() {
        let len = |packet: &TurnPacket| usize::from(packet.payload_len) + ABOUT_MORE;
        let RunPlan { packets, segment } = RunPlan::first(rest.iter().map(len));
        let (run, others) = rest.split_at(packets);
        run[..packets - 1].iter().filter(|p| len(p) < segment).for_each(|p| history.pad(p.index, segment - len(p)));
        rest = others;
    }
}

impl TurnPacket {
    pub(super) fn new(layer: usize, packet: Stored<'_>) -> Self {
        const { assert!(LAYERS_MAX <= 8, "layers are bits of 8") };
        let meta = packet.meta;
        let (carried, payload_len) = (meta.extensions.carried(), packet.payload_len() as u16);
        Self { index: meta.index, received: meta.received, copies: 0, carried, layer: layer as u8, payload_len }
    }
}
