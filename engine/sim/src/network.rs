//! Links with faults: what is sent arrives later, out of order, twice or never, as the seed has it.

use core::cmp::Reverse;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::units::Instant;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::{BinaryHeap, HashMap};

/// What a link does to datagrams. The default is a perfect link of 10 ms.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// The least time on the way.
    pub delay: Duration,
    /// More than that, evenly spread; datagrams overtake each other by it when `reorder` is set.
    pub jitter: Duration,
    /// Whether jitter reorders; otherwise a late datagram holds up those behind it.
    pub reorder: bool,
    /// How many of 1000 are lost.
    pub loss: u32,
    /// How many datagrams are lost in a row.
    pub burst: u32,
    /// How many of 1000 arrive twice.
    pub duplication: u32,
    /// Bits per second; zero is unlimited.
    pub rate: u64,
    /// How long a datagram may wait for the link before it is dropped.
    pub queue: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            reorder: false,
            loss: 0,
            burst: 1,
            duplication: 0,
            rate: 0,
            queue: Duration::from_millis(300),
        }
    }
}

/// A datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flight {
    /// When it arrives.
    pub at: Instant,
    /// Ties are broken by the order of sending.
    number: u64,
    /// From where.
    pub source: SocketAddr,
    /// Where to.
    pub destination: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// One direction of one link.
#[derive(Debug, Default)]
struct Line {
    /// Losses left of a burst.
    losing: u32,
    /// The latest arrival so far.
    latest: Instant,
    /// When the link has sent what it was given.
    free: Instant,
}

/// All datagrams in flight.
#[derive(Debug)]
pub struct Network {
    random: ChaCha12Rng,
    flights: BinaryHeap<Reverse<Flight>>,
    lines: HashMap<(SocketAddr, SocketAddr), Line>,
    number: u64,
}

impl Network {
    /// An empty network.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha12Rng::from_seed(seed), flights: BinaryHeap::new(), lines: HashMap::new(), number: 0 }
    }

    /// Sends a datagram over a link with these faults.
    pub fn send(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, bytes: &[u8], faults: &Faults) {
        let mut chance = |of_1000: u32| self.random.next_u32() % 1000 < of_1000;
        let (lost, twice) = (chance(faults.loss), chance(faults.duplication));
        let line = self.lines.entry((source, destination)).or_default();
        if lost && line.losing == 0 {
            line.losing = faults.burst;
        }
        if line.losing > 0 {
            line.losing -= 1;
            return;
        }
        let Some(sent) = line.transmit(now, bytes.len(), faults) else { return };
        for _ in 0..1 + u32::from(twice) {
            let jitter = faults.jitter.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX));
            let arrival = sent + faults.delay + jitter;
            let at = if faults.reorder { arrival } else { arrival.max(line.latest) };
            line.latest = line.latest.max(at);
            self.number += 1;
            self.flights.push(Reverse(Flight { at, number: self.number, source, destination, bytes: bytes.to_vec() }));
        }
    }

    /// When the next datagram arrives.
    pub fn next(&self) -> Option<Instant> {
        self.flights.peek().map(|f| f.0.at)
    }

    /// A datagram that has arrived by `now`.
    pub fn arrive(&mut self, now: Instant) -> Option<Flight> {
        if self.next()? > now {
            return None;
        }
        self.flights.pop().map(|f| f.0)
    }
}

impl Line {
    /// When the last bit is on the link; `None` when the queue is full.
    fn transmit(&mut self, now: Instant, len: usize, faults: &Faults) -> Option<Instant> {
        if faults.rate == 0 {
            return Some(now);
        }
        let begin = self.free.max(now);
        if begin.since(now) > faults.queue {
            return None;
        }
        self.free = begin + Duration::from_nanos((len as u64 + 28) * 8 * 1_000_000_000 / faults.rate);
        Some(self.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(faults: &Faults) -> Vec<(u64, u8)> {
        let mut n = Network::new([1; 32]);
        let (a, b) = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([10, 0, 0, 2], 2)));
        for i in 0..100u8 {
            n.send(Instant::from_millis(u64::from(i)), a, b, &[i; 97], faults);
        }
        core::iter::from_fn(|| n.arrive(Instant::from_millis(100_000))).map(|f| (f.at.as_nanos() / 1_000_000, f.bytes[0])).collect()
    }

    #[test]
    fn a_perfect_link_only_delays() {
        let expected: Vec<_> = (0..100u8).map(|i| (u64::from(i) + 10, i)).collect();
        assert_eq!(arrivals(&Faults::default()), expected);
    }

    #[test]
    fn every_fault_shows() {
        let lossy = arrivals(&Faults { loss: 300, ..Faults::default() });
        assert!((55..85).contains(&lossy.len()), "{}", lossy.len());
        assert!(arrivals(&Faults { duplication: 200, ..Faults::default() }).len() > 110);
        let jittery = Faults { jitter: Duration::from_millis(20), ..Faults::default() };
        assert!(arrivals(&jittery).is_sorted_by_key(|(_, i)| *i));
        assert!(!arrivals(&Faults { reorder: true, ..jittery }).is_sorted_by_key(|(_, i)| *i));
        let slow = arrivals(&Faults { rate: 100_000, queue: Duration::from_millis(50), ..Faults::default() });
        assert!((10..25).contains(&slow.len()), "100 bytes each 10 ms: {}", slow.len());
    }
}
