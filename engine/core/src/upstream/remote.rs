//! For publishers that know no transport-wide feedback: the estimate is made here, from the times that they write into their packets
//! (abs-send-time), and told by REMB (draft-alvestrand-rmcat-remb-03).

use crate::estimate::{Estimator, EstimatorConfig, PacketResult};
use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_wire::rtp::AbsSendTime;
use corelay_wire::units::{Bitrate, Instant, SequenceNumber};

/// Packets between two looks; what is more is not measured.
const PENDING_MAX: usize = 256;
/// Where the sender's time is put: an hour after the origin, so that what left before the first has a place.
const ORIGIN: Instant = Instant::from_millis(3_600_000);
/// Until a queue grows, nothing is known that the publisher should be held to.
const START: Bitrate = Bitrate(10_000_000);
/// How often it is told, and at once when it falls below this of what was told last: what browsers do. More often costs a message each;
/// less often lets a lost one cost the publisher longer.
const INTERVAL: Duration = Duration::from_secs(1);
const FALL: f64 = 0.97;

#[derive(Clone, Copy, Debug)]
struct Arrival {
    sent: AbsSendTime,
    bytes: u16,
    received: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Remote {
    estimator: Estimator,
    pending: ArrayVec<Arrival, PENDING_MAX>,
    /// The sender's time of the packet that left last, on its circle and on a line.
    last: Option<(AbsSendTime, Instant)>,
    sequence: SequenceNumber,
    told: Option<(Instant, Bitrate)>,
}

impl Remote {
    pub(super) fn new(now: Instant) -> Self {
        let config = EstimatorConfig { start: START, ..EstimatorConfig::default() };
        Self {
            estimator: Estimator::new(now, config),
            pending: ArrayVec::new(),
            last: None,
            sequence: SequenceNumber(0),
            told: None,
        }
    }

    /// Takes in a packet. Tells whether it should not wait for its time.
    pub(super) fn add(&mut self, sent: AbsSendTime, bytes: usize, received: Instant) -> bool {
        if !self.pending.is_full() {
            self.pending.push(Arrival { sent, bytes: bytes as u16, received });
        }
        self.pending.len() >= PENDING_MAX / 2
    }

    /// Measures what came. Gives the estimate when it is to be told.
    pub(super) fn look(&mut self, now: Instant) -> Option<Bitrate> {
        let Self { estimator, pending, last, sequence, .. } = self;
        estimator.on_feedback(
            now,
            pending.drain(..).map(|arrival| {
                let sent = unwrap(last, arrival.sent);
                *sequence = sequence.plus(1);
                PacketResult {
                    sequence: *sequence,
                    sent,
                    arrived: Some(arrival.received),
                    bytes: arrival.bytes.into(),
                    probe: None,
                }
            }),
            |_, _| {},
        );
        let target = self.estimator.target();
        let due = self.told.is_none_or(|(at, told)| now.since(at) >= INTERVAL || (target.0 as f64) < told.0 as f64 * FALL);
        due.then(|| {
            self.told = Some((now, target));
            target
        })
    }
}

/// The sender's time on a line: nearest to that of the packet before.
fn unwrap(last: &mut Option<(AbsSendTime, Instant)>, sent: AbsSendTime) -> Instant {
    let (before, line) = *last.get_or_insert((sent, ORIGIN));
    let units = i64::from(sent.distance(before));
    let nanos = units * 1_000_000_000 / i64::from(AbsSendTime::UNITS_PER_SECOND);
    let line = Instant::from_nanos(line.as_nanos().saturating_add_signed(nanos));
    *last = Some((sent, line));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A publisher at `rate` behind a link that carries `carries`: what is told, with the time in milliseconds.
    fn told(rate: u64, carries: u64, seconds: u64) -> Vec<(u64, Bitrate)> {
        let mut remote = Remote::new(Instant::ZERO);
        let (mut free, mut next, mut told) = (0, 0, Vec::new());
        let mut arrivals = std::collections::VecDeque::new();
        for millis in 0..seconds * 1_000 {
            let now = Instant::from_millis(millis);
            while next <= millis * 1_000 {
                // Each packet has 1,200 bytes.
                let queued: u64 = free.max(next);
                if queued - next < 300_000 {
                    free = queued + 1_200 * 8 * 1_000_000 / carries;
                    arrivals.push_back((next, free + 40_000));
                }
                next += 1_200 * 8 * 1_000_000 / rate;
            }
            while let Some((sent, arrived)) = arrivals.pop_front_if(|(_, arrived)| *arrived <= millis * 1_000) {
                // The publisher's clock has another origin.
                let sent = AbsSendTime::from_instant(Instant::from_nanos((sent + 60_000_000) * 1_000));
                remote.add(sent, 1_200, Instant::from_nanos(arrived * 1_000));
            }
            if millis % 50 == 49 {
                told.extend(remote.look(now).map(|bitrate| (millis, bitrate)));
            }
        }
        told
    }

    #[test]
    fn a_path_that_carries_all_is_told_of_once_a_second() {
        let told = told(2_000_000, 20_000_000, 10);
        assert!((9..=11).contains(&told.len()), "{told:?}");
        assert!(told.iter().all(|(_, bitrate)| *bitrate >= START), "{told:?}");
    }

    #[test]
    fn a_full_path_is_told_of_at_once() {
        let told = told(2_000_000, 1_000_000, 10);
        let (at, first) = told.iter().find(|(_, bitrate)| *bitrate < START).expect("the queue grows");
        assert!(*at < 1_000 && first.0 < 1_100_000, "{at} {first:?}");
        assert!(told.windows(2).all(|w| w[1].0 - w[0].0 >= 1_000 || (w[1].1.0 as f64) < w[0].1.0 as f64 * FALL), "{told:?}");
    }

    #[test]
    fn the_senders_time_goes_on_where_it_wraps() {
        let mut last = None;
        let first = unwrap(&mut last, AbsSendTime::from_instant(Instant::from_millis(63_990)));
        let second = unwrap(&mut last, AbsSendTime::from_instant(Instant::from_millis(64_010)));
        assert!((19_990..20_010).contains(&second.since(first).as_micros()), "{second:?} {first:?}");
        let overtaken = unwrap(&mut last, AbsSendTime::from_instant(Instant::from_millis(64_000)));
        assert!(overtaken < second);
    }
}
