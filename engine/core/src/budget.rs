//! The core's part of the memory budget: what its limits allow, line by line.

use crate::congestion::{Congestion, Congestions};
use crate::control::{Cname, Event, LAYERS_MAX, SpeakerOptions};
use crate::forward::Forwarder;
use crate::handshakes::SHARE_BYTES;
use crate::history::History;
use crate::layer::Missing;
use crate::limits::{Limits, ROUTES_PER_TRANSPORT_MAX};
use crate::mirror::Relay;
use crate::record::Record;
use crate::relay::Relays;
use crate::resend::Resends;
use crate::room::{Participant, Room, Subscribing, Subscription, Track, TransportEntry};
use crate::subscriber::{Mapping, Retransmission};
use crate::timer::Wheel;
use crate::upstream::Upstream;
use crate::way::Ways;

/// One line of the memory budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLine {
    /// What the bytes are for.
    pub what: &'static str,
    /// How many there may be.
    pub count: u64,
    /// Bytes of each when it is used to the full.
    pub bytes_each: u64,
}

impl BudgetLine {
    /// Bytes of all of them.
    pub const fn total(&self) -> u64 {
        self.count * self.bytes_each
    }
}

impl Limits {
    /// What the core may use at most, line by line. Slots and histories are touched only when used: this is the ceiling,
    /// not the resident size of an idle shard.
    pub fn budget(&self) -> [BudgetLine; 20] {
        // Each thing is in the lists of as many others.
        let slot = |bytes: usize, lists: u64| (bytes + size_of::<u32>()) as u64 + ID_MAP_BYTES + lists * LIST_ENTRY_BYTES;
        let peers = u64::from(self.shards.saturating_sub(1));
        let relays = Relays::BYTES_PER_TRACK as u64 + peers * size_of::<Relay>() as u64;
        let [walk, walk_subscription, walk_transport] = Forwarder::BYTES;
        let line = |what, count: u32, bytes_each| BudgetLine { what, count: u64::from(count), bytes_each };
        [
            line("rooms", self.rooms_max, slot(size_of::<Room>(), 0) + RECENT_BYTES),
            // Of its room.
            line("participants", self.participants_max, slot(size_of::<Participant>(), 1)),
            // Of its participant, and of those with RTCP to send.
            line(
                "transports",
                self.transports_max,
                slot(size_of::<TransportEntry>(), 2) + Ways::BYTES + HANDSHAKE_BYTES + SHARE_BYTES,
            ),
            // Where subscribers tell of their paths.
            line("congestion", self.transports_max, Congestion::BYTES + Congestions::BYTES),
            line("feedback to publishers", self.transports_max, size_of::<Upstream>() as u64),
            // Of its transport or room, of those with packets, of those that lack a keyframe, of those that speak, and of those
            // that are admitted.
            line("tracks", self.tracks_max, slot(size_of::<Track>(), 5)),
            line("histories", self.tracks_max * LAYERS_MAX as u32, History::bytes(self.history_packets, self.history_bytes)),
            // Of its track, and twice of its transport: by slot and by SSRC.
            line(
                "subscriptions",
                self.subscriptions_max,
                slot(size_of::<Subscription>() + size_of::<Subscribing>(), 3) + size_of::<Record>() as u64,
            ),
            line("numbers of subscriptions", self.subscriptions_max, Mapping::HEAP_BYTES as u64),
            line("retransmission, subscriptions", self.subscriptions_max, Retransmission::HEAP_BYTES as u64),
            line("missing packets", self.tracks_max * LAYERS_MAX as u32, Missing::HEAP_BYTES as u64),
            line("resends", 1, Resends::BYTES),
            line("walk", 1, walk),
            line("walk, subscriptions", self.subscriptions_max, walk_subscription),
            line("walk, transports", self.transports_max, walk_transport),
            line("relays", self.tracks_max, relays),
            // In one turn, each subscription begins once and each transport changes its state twice at most.
            line("events", self.subscriptions_max + 2 * self.transports_max, 2 * size_of::<Event>() as u64),
            line("timers", 1, Wheel::bytes(self)),
            line("outbox", 1, u64::from(self.outbox_bytes) + u64::from(self.outbox_runs) * 64),
            line("routes", self.transports_max * ROUTES_PER_TRANSPORT_MAX as u32, ROUTE_BYTES),
        ]
    }
}

/// Id, slot and the slack of a hash map at its fullest.
const ID_MAP_BYTES: u64 = 32;
/// A slot in a list: lists begin with room for four, and one that grew has up to as much room again.
const LIST_ENTRY_BYTES: u64 = 4 * size_of::<u32>() as u64;
/// What DTLS and SRTP hold beside the transport's own slot. 12 KB after a handshake without loss (half the growth of a process by
/// 1,000 of them, both ends: `corelay-sim`'s example `handshakes`); a peer that sends pieces out of order makes the engine keep the
/// 30 datagrams of its receive queue, 45 KB more.
const HANDSHAKE_BYTES: u64 = 64 * 1024;
/// The last speakers of a room whose cameras are chosen by that.
const RECENT_BYTES: u64 = SpeakerOptions::VIDEOS_MAX as u64 * size_of::<Cname>() as u64;
const ROUTE_BYTES: u64 = 80;
