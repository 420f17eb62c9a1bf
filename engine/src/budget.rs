//! The memory that the limits allow, line by line. A ceiling: most of it is touched only when it is used.

use std::fmt;

use corelay_core::control::{Command, Event};
use corelay_core::limits::Limits;
use corelay_uring::{BufferSizes, Options, RTCP_BUFFER, RTCP_PLACES_BYTES};

use crate::config::{Config, limits};
use crate::snapshot::ShardSnapshot;

/// What a receive buffer of the back-end takes.
const RECEIVE_BUFFER_BYTES: u64 = 2_048;
/// Stack of a shard's thread, as the standard library makes it.
const STACK_BYTES: u64 = 2 << 20;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is for.
    pub what: &'static str,
    /// How many of it there may be.
    pub count: u64,
    /// Bytes of each.
    pub bytes_each: u64,
}

impl Line {
    /// Bytes of all of them.
    pub const fn total(&self) -> u64 {
        self.count * self.bytes_each
    }
}

/// All lines of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Each for all shards together.
    pub lines: Vec<Line>,
}

impl Budget {
    /// What `shards` shards of `config` may use.
    pub fn of(config: &Config, shards: usize) -> Self {
        let shards = shards as u64;
        let per_shard = |what, count: u64, bytes_each| Line { what, count: shards * count, bytes_each };
        let core = core_limits(config, shards as usize).budget();
        let mut lines: Vec<Line> = core.iter().map(|l| per_shard(l.what, l.count, l.bytes_each)).collect();
        let sockets = config.rtc_listen_ips.len() as u64;
        let kernel = BufferSizes::default();
        let snapshot = ShardSnapshot::new(corelay_wire::ids::ShardId(0)).bytes();
        lines.extend([
            per_shard("receive buffers", u64::from(Options::default().buffers), RECEIVE_BUFFER_BYTES),
            per_shard("places for RTCP", 1, RTCP_PLACES_BYTES),
            per_shard("socket buffers, in the kernel", sockets, 2 * (kernel.receive + kernel.send + RTCP_BUFFER) as u64),
            per_shard("commands", limits::COMMANDS_QUEUED_MAX as u64, size_of::<Command>() as u64),
            per_shard("events", (limits::EVENTS_QUEUED_MAX + limits::EVENTS_SPILLED_MAX) as u64, size_of::<Event>() as u64),
            // Two for each pair of shards.
            per_shard("relay rings", shards - 1, limits::relay_ring_bytes(shards as usize) as u64),
            per_shard("snapshots", 3, snapshot),
            per_shard("stacks", 1, STACK_BYTES),
        ]);
        Self { lines }
    }

    /// Bytes of all lines.
    pub fn total(&self) -> u64 {
        self.lines.iter().map(Line::total).sum()
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{:>14} bytes: {} x {} of {}", line.total(), line.count, line.bytes_each, line.what)?;
        }
        write!(f, "{:>14} bytes in all", self.total())
    }
}

/// What one of `shards` shards may hold: its share with some slack. A room that is larger spills.
pub fn core_limits(config: &Config, shards: usize) -> Limits {
    let share = |of_node: usize| (of_node * limits::SHARE_SLACK).div_ceil(shards).min(of_node);
    let participants = share(config.participants_max);
    let tracks = participants * limits::TRACKS_PER_PARTICIPANT;
    // As many of other shards as of its own: what its participants watch is mostly the same few.
    let mirrors = if shards > 1 { tracks } else { 0 };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Limits {
        rooms_max: count(share(config.rooms_max)),
        participants_max: count(participants),
        transports_max: count(participants * limits::TRANSPORTS_PER_PARTICIPANT),
        tracks_max: count(tracks + mirrors),
        subscriptions_max: count(participants * limits::SUBSCRIPTIONS_PER_PARTICIPANT),
        shards: u16::try_from(shards).unwrap_or(u16::MAX),
        microphones_forwarded: config.microphones_forwarded,
        ..Limits::default()
    }
    .with_fast_start(config.fast_start_kib.saturating_mul(1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_add_up_and_grow_with_the_shards() {
        let config = Config::default();
        let one = Budget::of(&config, 1);
        assert_eq!(one.total(), one.lines.iter().map(|l| l.count * l.bytes_each).sum::<u64>());
        assert!(one.total() > 100 << 20, "{one}");
        let many = Budget::of(&config, 16);
        assert!(many.total() > one.total(), "slack and fixed buffers cost: {many}");
        assert!(many.to_string().contains("bytes in all"));
    }

    #[test]
    fn a_shard_holds_its_share_with_slack() {
        let config = Config { participants_max: 1_000, room_participants_max: 300, rooms_max: 100, ..Config::default() };
        assert_eq!(core_limits(&config, 1).participants_max, 1_000);
        assert_eq!(core_limits(&config, 4).participants_max, 500);
        assert_eq!(core_limits(&config, 100).participants_max, 20, "a room is larger than a shard: it spills");
        assert_eq!((core_limits(&config, 4).rooms_max, core_limits(&config, 4).transports_max), (50, 2_000));
    }

    #[test]
    fn what_joiners_begin_with_is_in_the_budget() {
        let histories = |fast_start_kib| {
            let config = Config { fast_start_kib, ..Config::default() };
            let budget = Budget::of(&config, 1);
            budget.lines.iter().find(|line| line.what == "histories").map(|line| line.bytes_each).expect("a line of its own")
        };
        assert_eq!(histories(0), histories(256), "that much is kept anyhow");
        assert!(histories(4_096) > histories(256) + (3 << 20));
        let limits = core_limits(&Config { fast_start_kib: 3_000, ..Config::default() }, 1);
        assert_eq!((limits.history_bytes, limits.history_packets), (3_000 << 10, 8_192));
        assert_eq!(limits.fast_start_bytes, limits.history_bytes);
    }

    #[test]
    fn a_shard_among_others_has_room_for_their_tracks() {
        let config = Config { participants_max: 1_000, ..Config::default() };
        assert_eq!(core_limits(&config, 1).tracks_max, 3_000);
        assert_eq!(core_limits(&config, 4).tracks_max, 3_000, "half of them published here");
    }
}
