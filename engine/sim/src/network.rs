//! Links with faults: what is sent arrives later, out of order, twice or never, as the seed has it.

mod line;
mod way;

use core::cmp::Reverse;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::units::Instant;
use line::Line;
pub use line::{CrossTraffic, Wait};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::{BinaryHeap, HashMap};
pub use way::{Direction, Way};

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
    /// Losses that come together, besides the even ones.
    pub bursts: Option<Bursts>,
    /// How many of 1000 arrive twice.
    pub duplication: u32,
    /// Bits per second; zero is unlimited.
    pub rate: u64,
    /// How long a datagram may wait for the link before it is dropped.
    pub queue: Duration,
}

/// Two states, as of a radio link (Gilbert and Elliott): in the good one nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// How many of 1000 packets in the good state are followed by the bad one.
    pub begin: u32,
    /// How many of 1000 packets in the bad state are followed by the good one.
    pub end: u32,
    /// How many of 1000 are lost in the bad state.
    pub loss: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            reorder: false,
            loss: 0,
            burst: 1,
            bursts: None,
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

/// Which queue a datagram goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Through {
    Own(SocketAddr, SocketAddr),
    Shared(u32),
}

/// All datagrams in flight.
#[derive(Debug)]
pub struct Network {
    random: ChaCha12Rng,
    flights: BinaryHeap<Reverse<Flight>>,
    lines: HashMap<Through, Line>,
    number: u64,
}

impl Network {
    /// An empty network.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha12Rng::from_seed(seed), flights: BinaryHeap::new(), lines: HashMap::new(), number: 0 }
    }

    /// Sends a datagram over a link with these faults.
    pub fn send(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, bytes: &[u8], faults: &Faults) {
        self.send_through(now, (source, destination), bytes, faults, Through::Own(source, destination));
    }

    /// Sends a datagram the way that is given.
    pub fn send_by(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, bytes: &[u8], way: &Way) {
        let through = way.shared.map_or(Through::Own(source, destination), Through::Shared);
        self.send_through(now, (source, destination), bytes, way.at(now), through);
    }

    /// Others send over a bottleneck that is shared.
    pub fn add_cross_traffic(&mut self, shared: u32, cross: CrossTraffic) {
        self.lines.entry(Through::Shared(shared)).or_default().cross.push(cross);
    }

    /// How long each packet found the queue before the bottleneck.
    pub fn waits(&self, source: SocketAddr, destination: SocketAddr, way: &Way) -> &[Wait] {
        let through = way.shared.map_or(Through::Own(source, destination), Through::Shared);
        self.lines.get(&through).map_or(&[], |line| &line.waits)
    }

    fn send_through(
        &mut self,
        now: Instant,
        (source, destination): (SocketAddr, SocketAddr),
        bytes: &[u8],
        faults: &Faults,
        through: Through,
    ) {
        let mut chance = |of_1000: u32| self.random.next_u32() % 1000 < of_1000;
        let (lost, twice) = (chance(faults.loss), chance(faults.duplication));
        let line = self.lines.entry(through).or_default();
        if let Some(bursts) = faults.bursts {
            let turns = chance(if line.bad { bursts.end } else { bursts.begin });
            line.bad ^= turns;
            if line.bad && chance(bursts.loss) {
                return;
            }
        }
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
        let bursts = Some(Bursts { begin: 100, end: 200, loss: 950 });
        let gone = arrivals(&Faults { bursts, ..Faults::default() });
        let numbers: Vec<i32> = gone.iter().map(|(_, i)| i32::from(*i)).collect();
        assert!(gone.len() < 98 && numbers.windows(2).any(|w| w[1] - w[0] > 3), "losses come together: {numbers:?}");
    }

    fn through(way: &Way, cross: Option<CrossTraffic>) -> (usize, Vec<Wait>) {
        let mut n = Network::new([2; 32]);
        let (a, b) = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([10, 0, 0, 2], 2)));
        cross.into_iter().for_each(|cross| n.add_cross_traffic(7, cross));
        for ms in (0..10_000).step_by(10) {
            n.send_by(Instant::from_millis(ms), a, b, &[0; 1_222], way);
        }
        let came = core::iter::from_fn(|| n.arrive(Instant::from_millis(100_000))).count();
        (came, n.waits(a, b, way).to_vec())
    }

    #[test]
    fn a_way_changes_with_time_and_shares_its_queue() {
        let (at, second) = (Instant::from_millis, Duration::from_secs(1));
        let faults = Faults { rate: 2_000_000, ..Faults::default() };
        let (came, waits) = through(&Way::new(faults), None);
        assert!(came == 1_000 && waits.iter().all(|w| w.wait.is_zero()));
        let (came, _) = through(&Way::new(faults).outage(at(2_000), second), None);
        assert_eq!(came, 900);
        let slow = Way::new(faults).then(at(5_000), Faults { rate: 500_000, ..faults });
        let (came, waits) = through(&slow, None);
        assert!((760..800).contains(&came), "{came}");
        assert!(waits.last().is_some_and(|w| w.wait >= Duration::from_millis(290)), "the queue is full");
        let shared = Way::new(faults).through(7);
        let cross = CrossTraffic { rate: 1_500_000, from: at(0), until: at(10_000) };
        let (came, _) = through(&shared, Some(cross));
        assert!((500..900).contains(&came), "two of 2.5 Mbit/s fit: {came}");
    }
}
