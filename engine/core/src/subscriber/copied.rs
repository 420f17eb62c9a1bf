//! Which packets of one voice have left again, of those that leave more than once on paths that lose: see [`crate::copies`].

use crate::copies::EVERY;
use core::time::Duration;
use corelay_wire::units::Instant;

/// So many requests for packets of one voice in this time are a sign of loss: three of 75 packets. More, or in less time, is later
/// by 200 ms at 10 % loss; fewer are asked for of links that lose one of a hundred.
const REQUESTS: usize = 3;
const REQUESTS_WITHIN: Duration = Duration::from_millis(1_500);
/// Packets of one voice at a time: packets of 10 ms are two. More repeats what waited somewhere and left in one run.
const PACKETS_MAX: u64 = 4;

/// Which packets of one voice have their copies, and when it was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied {
    /// The highest index of this step, and of those before.
    highest: [u64; 4],
    at: Instant,
    requests: [Instant; REQUESTS],
}

impl Copied {
    /// A packet is asked for. Whether many were of late.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        self.requests.rotate_right(1);
        self.requests[0] = now;
        let oldest = self.requests[REQUESTS - 1];
        oldest > Instant::ZERO && now.since(oldest) <= REQUESTS_WITHIN
    }

    /// The next step; `highest` left last. Gives which packets are to leave again for the first time, and for the second.
    pub(crate) fn step(&mut self, now: Instant, highest: u64) -> [core::ops::RangeInclusive<u64>; 2] {
        if now.since(self.at) > 2 * EVERY {
            // What left before is too old, and had its copies where it was to have any.
            self.highest = [highest; 4];
        }
        self.at = now;
        self.highest.rotate_right(1);
        self.highest[0] = highest;
        let [_, one, two, three] = self.highest;
        let between = |after: u64, last: u64| (after + 1).max((last + 1).saturating_sub(PACKETS_MAX))..=last;
        [between(two, one), between(three, two)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn three_requests_in_a_moment_are_many() {
        let mut copied = Copied::default();
        let often = [1_000, 2_000, 3_000, 3_100, 3_200].map(|millis| copied.ask(at(millis)));
        assert_eq!(often, [false, false, false, true, true]);
    }

    #[test]
    fn a_packet_has_its_copies_one_step_and_two_after_it() {
        let mut copied = Copied::default();
        let mut step = |millis, highest| copied.step(at(millis), highest).map(|range| range.collect::<Vec<u64>>());
        assert_eq!(step(1_000, 100), [vec![], vec![]], "of before");
        assert_eq!(step(1_020, 101), [vec![], vec![]]);
        assert_eq!(step(1_040, 103), [vec![101], vec![]]);
        assert_eq!(step(1_060, 103), [vec![102, 103], vec![101]]);
        assert_eq!(step(1_080, 120), [vec![], vec![102, 103]]);
        assert_eq!(step(1_100, 121), [(117..=120).collect(), vec![]], "a part of a run");
        assert_eq!(step(9_000, 500), [vec![], vec![]], "after a while without");
        assert_eq!(step(9_020, 501), [vec![], vec![]]);
    }
}
