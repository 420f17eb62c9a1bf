//! Everything that is bounded in the core, with the reason; [`Limits::budget`] is the sum of it.

use crate::outbox::RUN_BYTES_MAX;

/// How much of each thing one shard holds. A refusal names the limit that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rooms with participants on this shard.
    pub rooms_max: u32,
    /// Participants of all rooms.
    pub participants_max: u32,
    /// Transports of all participants: a participant has two, one to send and one to receive.
    pub transports_max: u32,
    /// Published tracks of all participants, and mirrors of those that are published on other shards.
    pub tracks_max: u32,
    /// Subscriptions of all participants: tracks times subscribers.
    pub subscriptions_max: u32,
    /// Shards of the node, this one included: who may mirror tracks here, and whose may be mirrored.
    pub shards: u16,
    /// Packets that the history of a video layer remembers, a power of two. More answers later retransmission requests and tells
    /// duplicates from late packets over a longer time; each costs 90 bytes beside the payload.
    pub history_packets: u32,
    /// Payload bytes that the history of a video layer holds. 256 KiB are 0.8 s at 2.5 Mbit/s, several round trips; a turn of
    /// more than this for one layer would lose its oldest packets, counted as `too_late`.
    pub history_bytes: u32,
    /// What a video layer's history may have since the last keyframe for a new subscription to begin with that, without asking
    /// for another; zero: none does. It is no more memory than the history. Higher: joiners find a keyframe for longer after it
    /// was sent. Lower: fewer of them, and fewer pictures to be decoded before the first that is live.
    pub fast_start_bytes: u32,
    /// The send slab. Larger lets a turn leave in fewer hand-overs, each a few system calls; smaller stays in the second-level cache
    /// between being sealed and being sent. The walk resumes where it stopped.
    pub outbox_bytes: u32,
    /// Runs in one hand-over.
    pub outbox_runs: u32,
    /// Microphones of a room that are forwarded at a time, unless the room says otherwise; zero: all. More: a listener of a large room
    /// gets as many streams whether they say something or not. Fewer: in a lively room somebody is not heard.
    pub microphones_forwarded: u8,
    /// Handshake datagrams of one turn: each may cost a signature and a key agreement (100 us), and media waits behind it; the others
    /// wait in line (see `handshakes`). More lets a burst of joins hold media up for longer. Fewer slows the burst: a client whose
    /// flights are one datagram takes three, one that sends each message alone seven.
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
            shards: 1,
            history_packets: 512,
            history_bytes: 256 * 1024,
            fast_start_bytes: 256 * 1024,
            outbox_bytes: 256 * 1024,
            outbox_runs: 1024,
            microphones_forwarded: 5,
            handshakes_per_turn: 8,
        }
    }
}

impl Limits {
    /// The same for subscriptions that begin with up to so many bytes: the history of a video layer holds as many.
    pub fn with_fast_start(self, bytes: u32) -> Self {
        let history_bytes = self.history_bytes.max(bytes);
        let packets = u64::from(self.history_packets) * u64::from(history_bytes) / u64::from(self.history_bytes);
        let history_packets = (packets as u32).next_power_of_two().min(HISTORY_PACKETS_MAX);
        Self { history_bytes, history_packets, fast_start_bytes: bytes, ..self }
    }

    /// Packets and bytes of an audio layer's history: 2 s of packets of 20 ms, and 1.5 s of 80 kbit/s.
    pub(crate) const fn audio_history(&self) -> (u32, u32) {
        (self.history_packets / 4, self.history_bytes / 16)
    }

    /// Stops a start with limits that cannot work; a bug of whoever made them.
    pub(crate) fn check(&self) {
        assert!(self.history_packets.is_power_of_two() && self.history_packets >= 64, "history_packets is a power of two");
        assert!(self.audio_history().1 as usize >= 8 * 2048, "a history holds several datagrams");
        assert!(self.outbox_bytes as usize >= 2 * RUN_BYTES_MAX, "the outbox holds at least two runs");
        assert!(self.shards > 0, "this shard is one of them");
        assert!(self.transports_max > 0 && self.outbox_runs > 1 && self.handshakes_per_turn > 0, "limits are not zero");
        assert!(
            self.transports_max < u32::MAX / 16 && self.tracks_max.max(self.rooms_max) < u32::MAX / 8,
            "timer keys fit 32 bits"
        );
    }
}

/// Packets that one history remembers at most: half of what sequence numbers tell apart.
const HISTORY_PACKETS_MAX: u32 = 1 << 15;

/// Addresses that lead to one transport: a client with two interfaces and both address families checks from four,
/// and as many again from behind symmetric NATs.
pub(crate) const ROUTES_PER_TRANSPORT_MAX: usize = 8;
/// SSRCs that one transport may publish, retransmissions and layers included: a camera, a microphone, a screen, each with room.
pub(crate) const STREAMS_PER_TRANSPORT_MAX: usize = 64;
