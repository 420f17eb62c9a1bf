//! Tracks that several shards share: who has a mirror of what, and what is to be told to whom.
//!
//! ```text
//! the track's shard                                              a shard with subscribers
//! receive -> history -----------> Packet, Report ------------->  history of the mirror -> forward
//!            keyframe throttle <- Attach, Detach, Keyframe <---  keyframe throttle of the mirror
//! ```
//!
//! A packet crosses once for each shard, whatever number of subscribers it has there, and enters the walk behind `accept`. What
//! subscribers ask for is merged on their shard, and with what others ask for on the track's.
//!
//! **A full ring** drops packets, which are counted, and a picture that misses one is asked for anew. It never drops anything else:
//! what is to be told is kept as state (who is attached, which keyframes are due, whose clock moved), so that waiting takes no
//! memory, and what is told in the end is what is true by then.
//!
//! **A life** of a shard begins with `Hello`: its peers forget what they relayed to it, and attach anew what they still want from it.

mod arrive;
mod message;

pub(crate) use arrive::accept;
pub use message::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
pub(crate) use message::{ClockReport, Message, Name};

use crate::clock::SenderClock;
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::layer::{Layer, SourceReport};
use crate::limits::Limits;
use crate::mirror::{ALL_LAYERS, Mirror, Relay};
use crate::room::{Rooms, Track, TrackOrigin};
use corelay_wire::ids::{ShardId, TrackId};
use corelay_wire::media::Kind;

/// A message on its way out: head and body, end to end, are what [`crate::Core::handle_relay`] takes on the other shard.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// Where to.
    pub to: ShardId,
    /// At most [`HEAD_BYTES_MAX`] bytes.
    pub head: &'a [u8],
    /// At most [`BODY_BYTES_MAX`] bytes, straight from the history.
    pub body: &'a [u8],
}

/// The ring to that shard has no room for the parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFull;

/// What is to be told to other shards.
#[derive(Debug)]
pub(crate) struct Relays {
    /// Tracks of this shard with something for those that mirror them.
    outgoing: Vec<u32>,
    /// Mirrors with something to ask of their track's shard.
    asking: Vec<u32>,
    /// Mirrors that ended while attached. No more than there were mirrors: a new one is attached after these were told.
    ended: Vec<(ShardId, TrackId)>,
    /// Shards that do not know of this life yet.
    greetings: Vec<ShardId>,
    /// Tracks of which a shard misses packets.
    damaged: Vec<u32>,
    /// Shards whose ring was full in this poll: what is told later must not overtake what waits.
    blocked: Vec<ShardId>,
}

impl Relays {
    pub(crate) fn new(shard: ShardId, limits: &Limits) -> Self {
        let tracks = limits.tracks_max as usize;
        Self {
            outgoing: Vec::with_capacity(tracks),
            asking: Vec::with_capacity(tracks),
            ended: Vec::with_capacity(tracks),
            greetings: (0..limits.shards).map(ShardId).filter(|s| *s != shard).collect(),
            damaged: Vec::with_capacity(tracks),
            blocked: Vec::with_capacity(limits.shards.into()),
        }
    }

    /// What [`Relays::new`] takes from the heap for each track.
    pub(crate) const BYTES_PER_TRACK: usize = 3 * size_of::<u32>() + size_of::<(ShardId, TrackId)>();

    /// Whether something waits to be told.
    pub(crate) fn is_due(&self) -> bool {
        !(self.outgoing.is_empty() && self.asking.is_empty() && self.ended.is_empty() && self.greetings.is_empty())
    }

    /// The track in `slot` has packets of this turn, or its publisher's clock moved.
    pub(crate) fn pass_on(&mut self, slot: u32, track: &mut Track) {
        if !track.relays.is_empty() && !core::mem::replace(&mut track.relaying, true) {
            self.outgoing.push(slot);
        }
    }

    /// The mirror in `slot` may have something to ask.
    pub(crate) fn ask(&mut self, slot: u32, mirror: &mut Mirror) {
        if !core::mem::replace(&mut mirror.listed, true) {
            self.asking.push(slot);
        }
    }

    /// A track ended.
    pub(crate) fn forget(&mut self, slot: u32, track: &Track) {
        if let TrackOrigin::Relay(mirror) = &track.origin
            && mirror.attached
        {
            self.ended.push((mirror.source, track.id));
        }
        for list in [&mut self.outgoing, &mut self.asking, &mut self.damaged] {
            list.retain(|s| *s != slot);
        }
    }

    /// `shard` began a life: what was relayed to it and attached from it is gone.
    pub(crate) fn hello(&mut self, shard: ShardId, slot: u32, track: &mut Track) {
        track.relays.retain(|relay| relay.to != shard);
        if let TrackOrigin::Relay(mirror) = &mut track.origin
            && mirror.source == shard
        {
            mirror.attached = false;
            if mirror.wanted {
                self.ask(slot, mirror);
            }
        }
        self.ended.retain(|(to, _)| *to != shard);
    }

    /// A track of which a shard misses packets since the last poll; each once.
    pub(crate) fn take_damaged(&mut self) -> Option<u32> {
        self.damaged.pop()
    }

    /// Tells all there is to tell, as far as the rings have room.
    pub(crate) fn fill(
        &mut self,
        rooms: &mut Rooms,
        counters: &mut Counters,
        mut put: impl FnMut(Parcel<'_>) -> Result<(), RingFull>,
    ) {
        self.blocked.clear();
        let mut post = Post { blocked: &mut self.blocked, put: &mut put };
        self.greetings.retain(|to| !post.tell(*to, &Message::Hello));
        self.ended.retain(|(to, track)| !post.tell(*to, &Message::Detach { track: *track }));
        self.asking.retain(|slot| {
            let waits = !post.ask(*slot, &mut rooms.tracks[*slot]);
            if let TrackOrigin::Relay(mirror) = &mut rooms.tracks[*slot].origin {
                mirror.listed = waits;
            }
            waits
        });
        let Rooms { tracks, transports, .. } = rooms;
        self.outgoing.retain(|slot| {
            let track = &mut tracks[*slot];
            let suspended = post.pass_suspensions(track);
            if suspended && !track.hearing.is_held() && post.pass_packets(track, counters) {
                self.damaged.push(*slot);
            }
            let clock = match &track.origin {
                TrackOrigin::Transport(publisher) => transports[*publisher].clock,
                TrackOrigin::Relay(mirror) => mirror.clock,
            };
            track.relaying = !(post.pass_reports(track, clock) && suspended);
            track.relaying
        });
    }
}

/// The way to the rings, and what one poll learned of them.
struct Post<'a, P> {
    blocked: &'a mut Vec<ShardId>,
    put: P,
}

impl<P: FnMut(Parcel<'_>) -> Result<(), RingFull>> Post<'_, P> {
    /// Puts a packet into the ring, or loses it.
    fn send(&mut self, to: ShardId, message: &Message<'_>) -> Result<(), RingFull> {
        let (head, body) = message.encode();
        (self.put)(Parcel { to, head: &head, body })
    }

    /// Tells something that must not be lost: `false` when it has to wait.
    fn tell(&mut self, to: ShardId, message: &Message<'_>) -> bool {
        if self.blocked.contains(&to) {
            return false;
        }
        let told = self.send(to, message).is_ok();
        if !told {
            self.blocked.push(to);
        }
        told
    }

    /// Asks what the mirror in `slot` has to ask; `false` when some of it has to wait.
    fn ask(&mut self, slot: u32, track: &mut Track) -> bool {
        let TrackOrigin::Relay(mirror) = &mut track.origin else { return true };
        let (to, track_id) = (mirror.source, track.id);
        if mirror.wanted != mirror.attached {
            let message = match mirror.wanted {
                true => Message::Attach { name: Name { track: track_id, mirror: slot } },
                false => Message::Detach { track: track_id },
            };
            if !self.tell(to, &message) {
                return false;
            }
            mirror.attached = mirror.wanted;
            mirror.told = ALL_LAYERS;
        }
        if mirror.attached && mirror.layers != mirror.told {
            if !self.tell(to, &Message::Want { track: track_id, layers: mirror.layers }) {
                return false;
            }
            mirror.told = mirror.layers;
        }
        for (n, layer) in track.layers.iter_mut().enumerate().filter(|(_, l)| l.keyframes.is_due()) {
            if mirror.wanted && !self.tell(to, &Message::Keyframe { track: track_id, layer: n as u8 }) {
                return false;
            }
            layer.keyframes.take_due();
        }
        true
    }

    /// Tells shards that the track was held; `false` when one of them does not know yet. Before the packets.
    fn pass_suspensions(&mut self, track: &mut Track) -> bool {
        for relay in &mut track.relays {
            let name = Name { track: track.id, mirror: relay.mirror };
            relay.suspend = relay.suspend && !self.tell(relay.to, &Message::Suspend { name });
        }
        !track.relays.iter().any(|relay| relay.suspend)
    }

    /// Sends what arrived since the last poll to each shard; tells whether one of them misses something that others build on.
    fn pass_packets(&mut self, track: &mut Track, counters: &mut Counters) -> bool {
        let mut damaged = false;
        let Track { id, kind, layers, relays, .. } = track;
        for relay in relays {
            let name = Name { track: *id, mirror: relay.mirror };
            for (n, layer) in layers.iter_mut().enumerate() {
                let lost = self.pass_layer(relay, name, n, layer, counters);
                if lost && *kind == Kind::Video {
                    layer.keyframes.want();
                    damaged = true;
                }
            }
        }
        damaged
    }

    fn pass_layer(&mut self, relay: &mut Relay, name: Name, n: usize, layer: &Layer, counters: &mut Counters) -> bool {
        let arrived = layer.history.fresh().end;
        let mut lost = false;
        for number in core::mem::replace(&mut relay.next[n], arrived)..arrived {
            let sent = layer.history.arrival(number).ok_or(DropReason::TooLate).and_then(|packet| {
                let message = Message::Packet { name, layer: n as u8, meta: *packet.meta, bytes: packet.bytes() };
                self.send(relay.to, &message).map_err(|RingFull| DropReason::RelayFull)
            });
            match sent {
                Ok(()) => counters.relayed_out += 1,
                Err(reason) => {
                    counters.drops.count(reason);
                    lost = true;
                }
            }
        }
        lost
    }

    /// Tells the publisher's clock where that is due; `false` when some of it has to wait. After the packets: they tell the mirror
    /// which of the layer's streams is the present one.
    fn pass_reports(&mut self, track: &mut Track, clock: SenderClock) -> bool {
        let Track { id, layers, relays, .. } = track;
        let Some(offset) = clock.offset() else { return true };
        for relay in relays.iter_mut().filter(|relay| relay.report) {
            let name = Name { track: *id, mirror: relay.mirror };
            for (n, layer) in layers.iter().enumerate() {
                let Some(SourceReport { ntp, timestamp, arrived, generation }) = layer.source_report else { continue };
                let report = ClockReport { ntp, timestamp, arrived, generation, offset };
                if !self.tell(relay.to, &Message::Report { name, layer: n as u8, report }) {
                    break;
                }
            }
            relay.report = self.blocked.contains(&relay.to);
        }
        !relays.iter().any(|relay| relay.report)
    }
}
