//! What a shard posted about itself last.

use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;
use hdrhistogram::Histogram;

use crate::mailbox::EventDrops;

/// Absolute values since boot, posted once a second. A lost post is stale, never wrong.
#[derive(Clone, Debug)]
pub struct ShardSnapshot {
    /// The shard.
    pub shard: ShardId,
    /// When it was posted, on the node's clock. [`Instant::ZERO`]: nothing was posted yet.
    pub posted_at: Instant,
    /// Turns of the loop.
    pub turns: u64,
    /// Commands carried out.
    pub commands: u64,
    /// Commands that found the mailbox full.
    pub commands_refused: u64,
    /// Events that signaling did not take in time.
    pub events_dropped: EventDrops,
    /// Times that the shard panicked (or lost its back-end) and started anew.
    pub restarts: u64,
    /// Datagrams that the kernel cut because they were longer than a buffer.
    pub datagrams_truncated: u64,
    /// Packets that the kernel refused to send.
    pub packets_refused: u64,
    /// System calls or submissions that sending took.
    pub send_calls: u64,
    /// Nanoseconds of work per turn, without the sleep.
    pub turn_time_ns: Histogram<u64>,
    /// Packets per run that was sent.
    pub run_length: Histogram<u64>,
}
