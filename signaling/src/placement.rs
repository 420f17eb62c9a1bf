//! Which shard the next participant of a room goes to, and which shard a new room. A pure function of what the shards carry.
//!
//! A room fills its home first: a track and its subscribers on one shard need no relay. It spills onto other shards by load, and fills
//! each of those before it opens the next, because each shard with a room costs its tracks one more copy of every packet. Once the
//! room has its fill everywhere, the least loaded shard gets the next participant, so that a room of one publisher and many
//! subscribers ends up on all shards evenly.
//!
//! ```text
//! free  = reports, did not fail lately, was busy for less than BUSY_PERMILLE_MAX of the last second
//! ours  = the room is there, with less than it may fill
//!
//! rank 0   ours and free        home first, then the least load
//! rank 1   free                 the least load
//! rank 2   ours and overloaded  home first, then the least load: there is nothing better, so at least no relay
//! rank 3   any                  those that work first, then the least load
//! never    full, or so far behind that its commands pile up
//! ```

#[cfg(test)]
mod tests;

use corelay_wire::ids::ShardId;

/// A shard that was busy for more of the last second than this gets nobody while another is free. Higher: a shard is closer to losing
/// packets when a keyframe of a large room comes, and p99 latency is only promised up to 70 %. Lower: rooms spill, at the cost of
/// relays, while their shard could have carried them.
const BUSY_PERMILLE_MAX: u32 = 700;

/// What a participant weighs, in subscriptions. It stands for what follows its join: in a join storm, subscriptions come a moment
/// later than the decision. Higher: shards are evened out by heads, although some receive much and some little. Lower: a storm
/// goes to one shard until its first subscriptions show.
const PARTICIPANT_UNITS: u64 = 4;
/// What a track weighs, in subscriptions: its packets are opened, checked and remembered, or copied from another shard.
const TRACK_UNITS: u64 = 2;
/// Subscriptions, or units, that keep a shard busy for a whole second: 250 packets/s of video at one microsecond. Higher: what is
/// posted counts for more, and a storm between two posts for less. Lower: rooms of quiet participants count like busy ones.
const FULL_UNITS: u64 = 4_000;

/// What a shard carries and may carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardLoad {
    pub(crate) shard: ShardId,
    /// What is known at once.
    pub(crate) placed: Placed,
    /// Work of the last second in thousandths of it, as the shard posted it.
    pub(crate) busy_permille: u32,
    /// Whether it reports and did not start anew lately.
    pub(crate) is_healthy: bool,
    /// Whether its commands pile up.
    pub(crate) is_behind: bool,
}

/// What signaling put onto a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Rooms that are open on it.
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    /// Tracks that are published on it.
    pub(crate) tracks: usize,
    /// Tracks of other shards that it knows.
    pub(crate) mirrors: usize,
    pub(crate) subscriptions: usize,
}

/// What a room has on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) shard: ShardId,
    pub(crate) participants: usize,
    pub(crate) subscriptions: usize,
}

/// Where a room is.
#[derive(Clone, Debug)]
pub(crate) struct RoomPlaces {
    pub(crate) home: ShardId,
    /// The home's among them.
    pub(crate) shares: Vec<Share>,
}

/// What no shard goes beyond, and what a room takes of a shard before it spills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) rooms_max: usize,
    pub(crate) participants_max: usize,
    pub(crate) subscriptions_max: usize,
    pub(crate) spill_participants: usize,
    pub(crate) spill_subscriptions: usize,
}

/// Why there is no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are full.
    Full,
    /// One would have room, and its commands pile up: it may take someone in a moment.
    Behind,
}

/// The shard for the next participant of `room`; of a room that is nowhere yet, its home.
pub(crate) fn place(room: Option<&RoomPlaces>, loads: &[ShardLoad], capacity: &Capacity) -> Result<ShardId, NoPlace> {
    let with_room = || loads.iter().filter(|load| has_room(load, share_on(room, load.shard), capacity));
    let best = with_room().filter(|load| !load.is_behind).min_by_key(|load| preference(load, room, capacity));
    match best {
        Some(load) => Ok(load.shard),
        None if with_room().next().is_some() => Err(NoPlace::Behind),
        None => Err(NoPlace::Full),
    }
}

fn has_room(load: &ShardLoad, share: Option<Share>, capacity: &Capacity) -> bool {
    let Placed { rooms, participants, subscriptions, .. } = load.placed;
    (share.is_some() || rooms < capacity.rooms_max)
        && participants < capacity.participants_max
        && subscriptions < capacity.subscriptions_max
}

fn share_on(room: Option<&RoomPlaces>, shard: ShardId) -> Option<Share> {
    room?.shares.iter().copied().find(|share| share.shard == shard)
}

/// Lowest is best.
fn preference(load: &ShardLoad, room: Option<&RoomPlaces>, capacity: &Capacity) -> (u8, bool, bool, u64, usize, ShardId) {
    let takes_more =
        |share: Share| share.participants < capacity.spill_participants && share.subscriptions < capacity.spill_subscriptions;
    let is_ours = share_on(room, load.shard).is_some_and(takes_more);
    let is_overloaded = load.busy_permille > BUSY_PERMILLE_MAX;
    let rank = match (is_ours, load.is_healthy, is_overloaded) {
        (true, true, false) => 0,
        (false, true, false) => 1,
        (true, true, true) => 2,
        _ => 3,
    };
    let is_home = is_ours && room.is_some_and(|room| room.home == load.shard);
    (rank, !load.is_healthy, !is_home, score(load), load.placed.rooms, load.shard)
}

/// How loaded a shard is, in millionths of what it can do: what is known at once, and what was posted, which is true but comes late.
/// Their sum, because each alone goes wrong: the first takes a quiet participant for a busy one, the second sends a whole second of
/// joins to the shard that had a quiet second.
fn score(load: &ShardLoad) -> u64 {
    let Placed { participants, tracks, mirrors, subscriptions, .. } = load.placed;
    let units = participants as u64 * PARTICIPANT_UNITS + (tracks + mirrors) as u64 * TRACK_UNITS + subscriptions as u64;
    units * 1_000_000 / FULL_UNITS + u64::from(load.busy_permille) * 1_000
}
