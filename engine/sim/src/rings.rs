//! The rings between the shards of one node: in order, without loss, bounded, and a little late.

use core::time::Duration;
use corelay_core::relay::{Parcel, RingFull};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::{BTreeMap, VecDeque};

/// A message reaches the other shard within this time: it looks into its rings once a turn.
const LATE_US: u64 = 200;

/// A ring for each ordered pair of shards that ever told each other something.
#[derive(Debug)]
pub struct Rings {
    /// Bytes that each of them holds.
    pub capacity: usize,
    /// Shards that do not read their rings, as if one turn took very long.
    pub stalled: Vec<ShardId>,
    rings: BTreeMap<(ShardId, ShardId), Ring>,
    random: ChaCha12Rng,
}

#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

/// A message at its destination.
#[derive(Debug)]
pub struct Told {
    /// Who told it.
    pub from: ShardId,
    /// Whom.
    pub to: ShardId,
    /// Head and body.
    pub bytes: Vec<u8>,
}

impl Rings {
    /// Empty ones.
    pub fn new(seed: [u8; 32]) -> Self {
        let random = ChaCha12Rng::from_seed(seed);
        Self { capacity: 1 << 20, stalled: Vec::new(), rings: BTreeMap::new(), random }
    }

    /// Takes a message, unless the ring is full.
    pub fn put(&mut self, now: Instant, from: ShardId, parcel: &Parcel<'_>) -> Result<(), RingFull> {
        let ring = self.rings.entry((from, parcel.to)).or_default();
        let bytes = [parcel.head, parcel.body].concat();
        if ring.bytes + bytes.len() > self.capacity {
            return Err(RingFull);
        }
        ring.bytes += bytes.len();
        let at = now + Duration::from_micros(self.random.next_u64() % LATE_US);
        let behind = ring.messages.back().map_or(at, |(last, _)| at.max(*last));
        ring.messages.push_back((behind, bytes));
        Ok(())
    }

    /// When the next message arrives.
    pub fn next(&self) -> Option<Instant> {
        self.read().filter_map(|(_, ring)| Some(ring.messages.front()?.0)).min()
    }

    /// A message that has arrived.
    pub fn arrive(&mut self, now: Instant) -> Option<Told> {
        let due = |ring: &Ring| ring.messages.front().is_some_and(|(at, _)| *at <= now);
        let ((from, to), _) = self.read().find(|(_, ring)| due(ring))?;
        let ring = self.rings.get_mut(&(from, to))?;
        let (_, bytes) = ring.messages.pop_front()?;
        ring.bytes -= bytes.len();
        Some(Told { from, to, bytes })
    }

    /// What was meant for a life of `shard` that is over.
    pub fn drain(&mut self, shard: ShardId) {
        self.rings.retain(|(_, to), _| *to != shard);
    }

    fn read(&self) -> impl Iterator<Item = ((ShardId, ShardId), &Ring)> {
        self.rings.iter().filter(|((_, to), _)| !self.stalled.contains(to)).map(|(pair, ring)| (*pair, ring))
    }
}
