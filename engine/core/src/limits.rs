//! Everything that is bounded in the core, with the reason; the sum of it is the core's part of the memory budget.

use crate::control::LAYERS_MAX;
use crate::history::History;
use crate::outbox::RUN_BYTES_MAX;
use crate::room::{Participant, Room, Subscription, Track, TransportEntry};
use crate::timer::Wheel;

/// How much of each thing one shard holds. A refusal names the limit that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rooms with their home on this shard.
    pub rooms_max: u32,
    /// Participants of all rooms.
    pub participants_max: u32,
    /// Transports of all participants: a participant has two, one to send and one to receive.
    pub transports_max: u32,
    /// Published tracks of all participants.
    pub tracks_max: u32,
    /// Subscriptions of all participants: tracks times subscribers.
    pub subscriptions_max: u32,
    /// Packets that the history of a video layer remembers, a power of two. More answers later retransmission requests and tells
    /// duplicates from late packets over a longer time; each costs 90 bytes beside the payload.
    pub history_packets: u32,
    /// Payload bytes that the history of a video layer holds. 256 KiB are 0.8 s at 2.5 Mbit/s, several round trips; a turn of
    /// more than this for one layer would lose its oldest packets, counted as `too_late`.
    pub history_bytes: u32,
    /// The send slab. Larger lets a turn leave in fewer hand-overs; smaller stays in the cache: the walk resumes where it stopped.
    pub outbox_bytes: u32,
    /// Runs in one hand-over.
    pub outbox_runs: u32,
    /// Handshake datagrams of one turn: each may cost a signature (about 100 us), and media waits behind it. The peer sends again
    /// what was dropped (RFC 6347 section 4.2.4).
    pub handshakes_per_turn: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms_max: 1_000,
            participants_max: 2_000,
            transports_max: 4_000,
            tracks_max: 6_000,
            subscriptions_max: 60_000,
            history_packets: 512,
            history_bytes: 256 * 1024,
            outbox_bytes: 1024 * 1024,
            outbox_runs: 1024,
            handshakes_per_turn: 16,
        }
    }
}

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
    pub fn budget(&self) -> [BudgetLine; 9] {
        let slot = |bytes: usize| bytes as u64 + ID_MAP_BYTES;
        let line = |what, count: u32, bytes_each| BudgetLine { what, count: u64::from(count), bytes_each };
        [
            line("rooms", self.rooms_max, slot(size_of::<Room>())),
            line("participants", self.participants_max, slot(size_of::<Participant>())),
            line("transports", self.transports_max, slot(size_of::<TransportEntry>()) + HANDSHAKE_BYTES),
            line("tracks", self.tracks_max, slot(size_of::<Track>())),
            line("histories", self.tracks_max * LAYERS_MAX as u32, History::bytes(self.history_packets, self.history_bytes)),
            line("subscriptions", self.subscriptions_max, slot(size_of::<Subscription>())),
            line("timers", 1, Wheel::bytes(self)),
            line("outbox", 1, u64::from(self.outbox_bytes) + u64::from(self.outbox_runs) * 64),
            line("routes", self.transports_max * ROUTES_PER_TRANSPORT_MAX as u32, ROUTE_BYTES),
        ]
    }

    /// Packets and bytes of an audio layer's history: 2 s of packets of 20 ms, and 1.6 s of 80 kbit/s.
    pub(crate) const fn audio_history(&self) -> (u32, u32) {
        (self.history_packets / 4, self.history_bytes / 16)
    }

    /// Stops a start with limits that cannot work; a bug of whoever made them.
    pub(crate) fn check(&self) {
        assert!(self.history_packets.is_power_of_two() && self.history_packets >= 64, "history_packets is a power of two");
        assert!(self.audio_history().1 as usize >= 8 * 2048, "a history holds several datagrams");
        assert!(self.outbox_bytes as usize >= 2 * RUN_BYTES_MAX, "the outbox holds at least two runs");
        assert!(self.transports_max > 0 && self.outbox_runs > 1 && self.handshakes_per_turn > 0, "limits are not zero");
        assert!(self.transports_max < u32::MAX / 4 && self.tracks_max < u32::MAX / 8, "timer keys fit 32 bits");
    }
}

/// Id, slot and the slack of a hash map at its fullest.
const ID_MAP_BYTES: u64 = 32;
/// What a DTLS engine holds beside the transport's own slot, measured as the growth of a process by 1000 handshakes.
const HANDSHAKE_BYTES: u64 = 64 * 1024;
const ROUTE_BYTES: u64 = 80;
/// Addresses that lead to one transport: a client with two interfaces and both address families checks from four,
/// and as many again from behind symmetric NATs.
pub(crate) const ROUTES_PER_TRANSPORT_MAX: usize = 8;
/// SSRCs that one transport may publish, retransmissions and layers included: a camera, a microphone, a screen, each with room.
pub(crate) const STREAMS_PER_TRANSPORT_MAX: usize = 64;
