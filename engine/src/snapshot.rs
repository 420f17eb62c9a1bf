//! What a shard posted about itself last.

mod depths;
mod wake_ups;

use std::time::Duration;

use corelay_core::counters::Counters;
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;
use hdrhistogram::Histogram;

use crate::mailbox::EventDrops;
pub use depths::{Depths, Queue};
pub use wake_ups::{WakeCause, WakeUps};

/// The longest turn that is told apart from longer ones.
const TURN_TIME_NS_MAX: u64 = 10_000_000_000;
/// The longest way through the node that is told apart from longer ones.
const FORWARD_NS_MAX: u64 = 10_000_000_000;
/// More datagrams than a turn takes in.
const BATCH_MAX: u64 = 1_024;
/// More packets than a run can have.
const RUN_LENGTH_MAX: u64 = 128;
/// Significant digits of the histograms. Three: ten times the memory (and the copying, once a second) for digits nobody looks at.
/// One: a step of 10 % hides.
const DIGITS: u8 = 2;

/// Absolute values since boot, posted once a second. A lost post is stale, never wrong.
#[derive(Clone, Debug)]
pub struct ShardSnapshot {
    /// The shard.
    pub shard: ShardId,
    /// When it was posted, on the node's clock. [`Instant::ZERO`]: nothing was posted yet.
    pub posted_at: Instant,
    /// What the core counted: traffic, drops by reason, and what there is at present. Totals go on over a restart.
    pub core: Counters,
    /// Turns of the loop.
    pub turns: u64,
    /// What ended the sleeps.
    pub wake_ups: WakeUps,
    /// The most that the queues held between the last two posts.
    pub depths: Depths,
    /// Commands carried out.
    pub commands: u64,
    /// Commands that found the mailbox full.
    pub commands_refused: u64,
    /// Events that signaling did not take in time.
    pub events_dropped: EventDrops,
    /// Times that the shard panicked, or lost its back-end, and started anew.
    pub restarts: u64,
    /// Datagrams that the kernel cut because they were longer than a buffer.
    pub datagrams_truncated: u64,
    /// Datagrams that the kernel dropped before the shard saw them, nearly all because the socket's buffer was full.
    pub datagrams_unread: u64,
    /// Packets that the kernel refused to send.
    pub packets_refused: u64,
    /// System calls or submissions that sending took.
    pub send_calls: u64,
    /// CPU time of the shard's thread, the kernel's work for it included.
    pub cpu: Duration,
    /// How much of the time between the last two posts was work, in thousandths: of the clock's time in turns, or of CPU time where that
    /// is more, as receiving is the kernel's work and done in the sleep. What a post cannot tell yet, because its shard has
    /// just started, is zero.
    pub busy_permille: u32,
    /// Nanoseconds of work per turn, without the sleep.
    pub turn_time_ns: Histogram<u64>,
    /// Packets per run that was sent.
    pub run_length: Histogram<u64>,
    /// Datagrams per turn that took some in.
    pub batch: Histogram<u64>,
    /// Nanoseconds from the kernel's receipt of a packet to the end of the send that carried the copy, for each copy.
    pub forward_ns: Histogram<u64>,
}

impl ShardSnapshot {
    /// What a shard that has not posted yet is taken for. Public for engines that are stood in for in tests.
    pub fn new(shard: ShardId) -> Self {
        let histogram = |max| Histogram::new_with_bounds(1, max, DIGITS).expect("the bounds are constants that fit");
        Self {
            shard,
            posted_at: Instant::ZERO,
            core: Counters::default(),
            turns: 0,
            wake_ups: WakeUps::default(),
            depths: Depths::default(),
            commands: 0,
            commands_refused: 0,
            events_dropped: EventDrops::default(),
            restarts: 0,
            datagrams_truncated: 0,
            datagrams_unread: 0,
            packets_refused: 0,
            send_calls: 0,
            cpu: Duration::ZERO,
            busy_permille: 0,
            turn_time_ns: histogram(TURN_TIME_NS_MAX),
            run_length: histogram(RUN_LENGTH_MAX),
            batch: histogram(BATCH_MAX),
            forward_ns: histogram(FORWARD_NS_MAX),
        }
    }

    /// Becomes `other` in the memory that it has.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        for (mine, theirs) in self.histograms_mut().into_iter().zip(other.histograms()) {
            mine.set_to(theirs).expect("both have the same bounds");
        }
        self.shard = other.shard;
        self.posted_at = other.posted_at;
        self.core.clone_from(&other.core);
        self.turns = other.turns;
        self.wake_ups = other.wake_ups;
        self.depths = other.depths;
        self.commands = other.commands;
        self.commands_refused = other.commands_refused;
        self.events_dropped = other.events_dropped;
        self.restarts = other.restarts;
        self.datagrams_truncated = other.datagrams_truncated;
        self.datagrams_unread = other.datagrams_unread;
        self.packets_refused = other.packets_refused;
        self.send_calls = other.send_calls;
        self.cpu = other.cpu;
        self.busy_permille = other.busy_permille;
    }

    /// Bytes of one snapshot.
    pub(crate) fn bytes(&self) -> u64 {
        let buckets: usize = self.histograms().iter().map(|h| h.distinct_values()).sum();
        (size_of::<Self>() + buckets * size_of::<u64>()) as u64
    }

    fn histograms(&self) -> [&Histogram<u64>; 4] {
        [&self.turn_time_ns, &self.run_length, &self.batch, &self.forward_ns]
    }

    fn histograms_mut(&mut self) -> [&mut Histogram<u64>; 4] {
        [&mut self.turn_time_ns, &mut self.run_length, &mut self.batch, &mut self.forward_ns]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_in_every_field() {
        let mut original = ShardSnapshot::new(ShardId(3));
        original.posted_at = Instant::from_millis(1);
        original.core.datagrams_in = 2;
        original.busy_permille = 3;
        for (n, field) in [
            &mut original.turns,
            &mut original.commands,
            &mut original.commands_refused,
            &mut original.restarts,
            &mut original.datagrams_truncated,
            &mut original.datagrams_unread,
            &mut original.packets_refused,
            &mut original.send_calls,
        ]
        .into_iter()
        .enumerate()
        {
            *field = 10 + n as u64;
        }
        original.wake_ups.count(WakeCause::Relay);
        original.depths.note(Queue::Events, 4);
        original.cpu = Duration::from_secs(5);
        original.turn_time_ns.saturating_record(u64::MAX);
        original.run_length.saturating_record(64);
        original.batch.saturating_record(9);
        original.forward_ns.saturating_record_n(70_000, 100);
        let mut copy = ShardSnapshot::new(ShardId(0));
        copy.turn_time_ns.saturating_record(1);
        copy.copy_from(&original);
        assert_eq!(format!("{copy:?}"), format!("{original:?}"));
        assert!(copy.bytes() > 1_000);
    }
}
