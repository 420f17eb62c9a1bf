//! Slots for things that signaling names by id: the hot path goes by slot, only commands go by id.

use crate::control::Refusal;
use core::hash::Hash;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Ids that there is room for at boot. New ids hash to new places: a map with room for all that may be would be resident as a whole
/// after some thousand joins, 9 MB for the subscriptions of 4,000 participants. Smaller grows more often; larger is memory that an
/// empty shard holds. Only commands go by id, so that growing, a millisecond or two for the largest, holds up one turn and happens
/// once.
const IDS_AT_FIRST: usize = 1_024;

/// At most `max` values, each with an id and a slot that stays its own while it lives.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    what: &'static str,
    slots: Vec<Option<V>>,
    free: Vec<u32>,
    by_id: HashMap<K, u32, FixedState>,
    max: usize,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    /// Room for `max` values; `what` names them in refusals. Memory of the slots is reserved here and touched when used.
    pub(crate) fn new(what: &'static str, max: u32, seed: u64) -> Self {
        let max = max as usize;
        Self {
            what,
            slots: Vec::with_capacity(max),
            free: Vec::with_capacity(max),
            by_id: HashMap::with_capacity_and_hasher(max.min(IDS_AT_FIRST), FixedState::with_seed(seed)),
            max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The slot that the next [`Table::insert`] of `id` will use, or why there is none.
    fn vacant(&self, id: K) -> Result<u32, Refusal> {
        if self.by_id.contains_key(&id) {
            return Err(Refusal::Exists(self.what));
        }
        match self.free.last() {
            Some(slot) => Ok(*slot),
            None if self.slots.len() < self.max => Ok(self.slots.len() as u32),
            None => Err(Refusal::Full(self.what)),
        }
    }

    pub(crate) fn insert(&mut self, id: K, value: V) -> Result<u32, Refusal> {
        let slot = self.vacant(id)?;
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some(value);
        self.by_id.insert(id, slot);
        Ok(slot)
    }

    pub(crate) fn slot_of(&self, id: K) -> Result<u32, Refusal> {
        self.by_id.get(&id).copied().ok_or(Refusal::Unknown(self.what))
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&V> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut V> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, id: K) -> Option<(u32, V)> {
        let slot = self.by_id.remove(&id)?;
        self.free.push(slot);
        let value = self.slots[slot as usize].take().expect("a slot in the id map is filled");
        Some((slot, value))
    }
}

/// A slot that is known to be filled: relations between tables are undone before a slot is freed.
impl<K: Copy + Eq + Hash, V> core::ops::Index<u32> for Table<K, V> {
    type Output = V;

    fn index(&self, slot: u32) -> &V {
        self.get(slot).expect("relations name filled slots")
    }
}

impl<K: Copy + Eq + Hash, V> core::ops::IndexMut<u32> for Table<K, V> {
    fn index_mut(&mut self, slot: u32) -> &mut V {
        self.get_mut(slot).expect("relations name filled slots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused() {
        let mut table = Table::new("things", 2, 1);
        assert_eq!(table.insert(10u64, 'a'), Ok(0));
        assert_eq!(table.insert(11, 'b'), Ok(1));
        assert_eq!(table.insert(10, 'c'), Err(Refusal::Exists("things")));
        assert_eq!(table.insert(12, 'c'), Err(Refusal::Full("things")));
        assert_eq!(table.remove(10), Some((0, 'a')));
        assert_eq!(table.insert(12, 'c'), Ok(0));
        assert_eq!((table.slot_of(12), table.get(0)), (Ok(0), Some(&'c')));
        assert_eq!(table.slot_of(10), Err(Refusal::Unknown("things")));
        assert_eq!(table.len(), 2);
    }
}
