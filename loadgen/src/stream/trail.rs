//! Real frames carry no stamp: a publisher leaves a trail of when it sent which packet of its clip, and a receiver in the same process
//! finds the packet there by its checksum.

use super::{Codec, vp8};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What a receiver finds out about a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Checked {
    /// It is right and was sent at this CLOCK_MONOTONIC, in ns.
    Sent(u64),
    /// It is right; when it was sent is not known.
    Good,
    /// It is not what was published.
    Bad,
}

/// One publisher's clip.
pub(crate) struct Trail {
    /// From a packet's checksum to its place; `None` for a checksum that more than one packet has.
    places: HashMap<u32, Option<usize>>,
    sent_ns: Vec<AtomicU64>,
}

impl Trail {
    /// Of a clip's packets, without what differs each time that they are sent.
    pub(crate) fn new<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut places = HashMap::new();
        let mut count = 0;
        for packet in packets {
            places.entry(crc32fast::hash(packet)).and_modify(|place| *place = None).or_insert(Some(count));
            count += 1;
        }
        Self { places, sent_ns: (0..count).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The packet at this place is sent at this moment.
    pub(crate) fn leave(&self, place: usize, now_ns: u64) {
        if let Some(cell) = self.sent_ns.get(place) {
            cell.store(now_ns, Ordering::Relaxed);
        }
    }

    fn check(&self, checksum: u32) -> Checked {
        match self.places.get(&checksum) {
            Some(Some(place)) => Checked::Sent(self.sent_ns[*place].load(Ordering::Relaxed)),
            Some(None) => Checked::Good,
            None => Checked::Bad,
        }
    }
}

/// Trails of streams that ended are kept for this many more: their last packets may still be on the way.
const ENDED_MAX: usize = 256;

/// The trails of a fleet's publishers, by stream.
#[derive(Default)]
pub(crate) struct Trails(RwLock<Live>);

#[derive(Default)]
struct Live {
    trails: HashMap<u32, Arc<Trail>>,
    ended: VecDeque<u32>,
}

impl Trails {
    pub(crate) fn insert(&self, stream: u32, trail: Arc<Trail>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).trails.insert(stream, trail);
    }

    /// The stream has ended.
    pub(crate) fn end(&self, stream: u32) {
        let mut live = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !live.trails.contains_key(&stream) {
            return;
        }
        live.ended.push_back(stream);
        if live.ended.len() > ENDED_MAX
            && let Some(oldest) = live.ended.pop_front()
        {
            live.trails.remove(&oldest);
        }
    }

    /// Looks a payload up; in all clips when its stream is not known.
    pub(crate) fn check(&self, stream: Option<u32>, codec: Codec, payload: &[u8]) -> Checked {
        let body = if codec == Codec::Vp8 { vp8::behind_descriptor(payload).map(|(body, _)| body) } else { Some(payload) };
        let Some(body) = body else { return Checked::Bad };
        let checksum = crc32fast::hash(body);
        let trails = &self.0.read().unwrap_or_else(PoisonError::into_inner).trails;
        if let Some(stream) = stream {
            return trails.get(&stream).map_or(Checked::Bad, |trail| trail.check(checksum));
        }
        let is_known = trails.values().any(|trail| trail.check(checksum) != Checked::Bad);
        if is_known { Checked::Good } else { Checked::Bad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_with_its_time_and_another_one_is_not() {
        let packets: [&[u8]; 4] = [b"one", b"two", b"twin", b"twin"];
        let trail = Arc::new(Trail::new(packets.into_iter()));
        trail.leave(1, 42);
        let trails = Trails::default();
        trails.insert(7, trail);
        let check = |stream, payload: &[u8]| trails.check(stream, Codec::H264, payload);
        assert_eq!(check(Some(7), b"two"), Checked::Sent(42));
        assert_eq!(check(Some(7), b"twin"), Checked::Good);
        assert_eq!(check(None, b"two"), Checked::Good);
        assert_eq!(
            (check(Some(7), b"three"), check(Some(8), b"two"), check(None, b"")),
            (Checked::Bad, Checked::Bad, Checked::Bad)
        );
        trails.end(7);
        assert_eq!(check(Some(7), b"two"), Checked::Sent(42), "the last packets may still be on the way");
    }
}
