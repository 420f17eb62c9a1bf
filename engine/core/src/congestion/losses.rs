//! What did not arrive, by what the peer tells of each packet's number: without waiting until it asks.
//!
//! ```text
//! told as missing -> waiting -(a packet arrived that left so much later)-> no other sending of it is there or on its way -> missed
//!                       '----- it came after all: how far packets overtake each other here
//! ```
//!
//! A request is lost as often as what it asks for, and a receiver asks again a round trip later; for a picture of an upper temporal
//! layer it never does. Feedback tells of the same packet on its own, and of its repair as well, which has a number of its own.

use super::sent::{Named, SentLog};
use crate::estimate::{News, PacketResult};
use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_wire::units::{Instant, SequenceNumber};

/// Packets that wait until they are known to be lost. 20 % of 10 Mbit/s that packets overtake each other on by 100 ms are 20; an
/// outage has more, which are asked for, or made good by a keyframe. Each costs 16 bytes.
const WAITING_MAX: usize = 64;
/// Packets overtake each other by this at most. Longer keeps repairs of a bad radio link back for longer than a viewer waits; shorter
/// sends again what is only late.
const OVERTAKEN_MAX: Duration = Duration::from_millis(100);
/// What is known of that goes by this part with each feedback: in five seconds by half. Slower keeps repairs back on a link on which
/// packets have not overtaken each other for long; faster sends again what is late now and then.
const FORGOTTEN_PART: u32 = 96;

/// Packets that are to be sent again.
pub type Missed = ArrayVec<Named, WAITING_MAX>;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: SequenceNumber,
    sent: Instant,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    waiting: ArrayVec<Waiting, WAITING_MAX>,
    /// How much later than a packet those left that overtook it, of late.
    overtaken: Duration,
    /// When that left which arrived, of all that did.
    newest: Instant,
    /// The packet that arrived last of those that the present message told of so far: when it did, and when it left.
    last: Option<(Instant, Instant)>,
}

impl Losses {
    /// A message begins.
    pub fn begin(&mut self) {
        self.last = None;
        self.overtaken -= self.overtaken / FORGOTTEN_PART;
    }

    /// Takes in what became of a packet, and what news that is.
    pub fn take_in(&mut self, result: &PacketResult, news: News) {
        let PacketResult { sequence, sent, .. } = *result;
        match (news, result.arrived) {
            (News::First { .. }, None) => _ = self.waiting.try_push(Waiting { number: sequence, sent }),
            (News::Late, Some(_)) => self.waiting.retain(|waiting| waiting.number != sequence),
            _ => {}
        }
        if let Some(arrived) = result.arrived {
            self.newest = self.newest.max(sent);
            match self.last {
                Some((at, left)) if arrived < at => self.overtake(sent.since(left)),
                _ => self.last = Some((arrived, sent)),
            }
        }
    }

    /// What is lost by all that was told: neither it, nor what was sent of it again, is there or on its way. Each is given once for
    /// each time that it was lost. `may_arrive`: see [`crate::estimate::Estimator::may_arrive`].
    pub fn missed(&mut self, log: &SentLog, may_arrive: impl Fn(SequenceNumber) -> bool) -> Missed {
        let Self { waiting, overtaken, newest, .. } = self;
        let mut missed = Missed::new();
        waiting.retain(|waiting| {
            if newest.since(waiting.sent) < *overtaken {
                return true;
            }
            let packet = log.named(waiting.number);
            let lost = packet.filter(|packet| !missed.contains(packet) && !log.numbers_of(*packet).any(&may_arrive));
            lost.into_iter().for_each(|packet| missed.push(packet));
            false
        });
        missed
    }

    /// A packet arrived before one that had left so much earlier.
    fn overtake(&mut self, by: Duration) {
        let longer = by + by / 4;
        self.overtaken = self.overtaken.max(longer.min(OVERTAKEN_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::Departed;
    use crate::estimate::Ledger;

    /// A path of 40 ms on which a packet leaves every 10 ms, with the numbers of the stream 1000 ahead of those of the path.
    #[derive(Default)]
    struct Path {
        log: SentLog,
        losses: Losses,
        ledger: Ledger,
        left: Vec<Instant>,
    }

    impl Path {
        fn leave(&mut self, sequence: u16) {
            let now = Instant::from_millis(10 * (1 + self.left.len() as u64));
            self.left.push(now);
            let named = Some(Named { subscription: 3, sequence: SequenceNumber(sequence) });
            self.log.note(now, Departed { packets: 1, segment: 1_000, last: 1_000, probe: None, named });
        }

        fn leave_in_order(&mut self, packets: u16) {
            (0..packets).for_each(|n| self.leave(1_000 + n));
        }

        /// A message tells that these took so long, and the others between them did not arrive. Gives what is missed by that.
        fn told(&mut self, arrived: &[(u16, u64)]) -> Vec<u16> {
            self.losses.begin();
            let ends = arrived.iter().map(|(number, _)| *number);
            for number in ends.clone().min().unwrap_or(0)..=ends.max().unwrap_or(0) {
                let sent = self.left[usize::from(number)];
                let took = arrived.iter().find(|(n, _)| *n == number).map(|(_, took)| *took);
                let arrived = took.map(|took| sent + Duration::from_millis(took));
                let result = PacketResult { sequence: SequenceNumber(number), sent, arrived, bytes: 1_028, probe: None };
                let news = self.ledger.note(result.sequence, result.arrived.is_some());
                self.losses.take_in(&result, news);
            }
            self.losses.missed(&self.log, |number| self.ledger.may_arrive(number)).iter().map(|named| named.sequence.0).collect()
        }
    }

    #[test]
    fn what_is_told_as_missing_is_missed_once() {
        let mut path = Path::default();
        path.leave_in_order(10);
        assert_eq!(path.told(&[(0, 40), (1, 40), (4, 40)]), [1_002, 1_003]);
        assert_eq!(path.told(&[(4, 40), (5, 40), (7, 40)]), [1_006]);
        assert!(path.told(&[(1, 40), (4, 40), (7, 40), (8, 40)]).is_empty(), "nothing of that is new");
    }

    #[test]
    fn what_left_again_is_missed_when_that_is_lost_too() {
        let mut path = Path::default();
        path.leave_in_order(4);
        path.leave(1_001);
        path.leave(1_001);
        assert!(path.told(&[(0, 40), (2, 40)]).is_empty(), "it was asked for, and is on its way");
        path.leave_in_order(3);
        assert!(path.told(&[(3, 40), (5, 40)]).is_empty(), "the second is there");
        path.leave(1_003);
        path.leave(1_003);
        path.leave(1_009);
        assert!(path.told(&[(6, 40), (8, 40)]).is_empty());
        assert_eq!(path.told(&[(8, 40), (11, 40)]), Vec::<u16>::new(), "it arrived the first time");
    }

    #[test]
    fn two_that_left_at_once_are_missed_once() {
        let mut path = Path::default();
        path.leave_in_order(3);
        (0..2).for_each(|_| path.leave(1_001));
        path.leave(1_003);
        assert!(path.told(&[(0, 40), (2, 40)]).is_empty());
        assert_eq!(path.told(&[(2, 40), (5, 40)]), [1_001]);
    }

    #[test]
    fn where_packets_are_overtaken_what_is_missing_has_time() {
        let mut path = Path::default();
        path.leave_in_order(40);
        assert_eq!(path.told(&[(0, 40), (2, 40)]), [1_001], "nobody knows better yet");
        // It came 20 ms behind one that left 10 ms later.
        assert!(path.told(&[(1, 70), (2, 40), (3, 40)]).is_empty());
        assert!(path.told(&[(3, 40), (5, 40)]).is_empty(), "it may have been overtaken");
        assert_eq!(path.told(&[(6, 40), (7, 40)]), [1_004], "by so much no packet was");
        assert!(path.told(&[(8, 40), (10, 40)]).is_empty());
        assert!(path.told(&[(9, 55), (10, 40), (11, 40), (12, 40)]).is_empty(), "it came");
        (0..400).for_each(|_| path.losses.begin());
        assert_eq!(path.told(&[(13, 40), (15, 40)]), [1_014], "that is long ago");
    }
}
