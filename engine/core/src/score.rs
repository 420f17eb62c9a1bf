//! How good a stream is, from 0 to 10: one number that a product can show.
//!
//! ```text
//! 10   whole
//! - loss          1 for each 10 % where lost packets are sent again, 1 for each 3 % where they are not
//! - round trip    1 above 300 ms, 2 above 700 ms, where packets are lost: what is sent again comes late
//! - size          2 for each picture size below what is wished, 1 for each temporal layer, where the network is the reason
//!  2 at most      while packets come and make no picture
//!  1              while it waits for a keyframe to begin with
//!  0              nothing comes, or nothing fits
//! ```
//!
//! Each of them is told apart in the statistics; the score only ever falls with any of them.

use core::time::Duration;

/// The best.
pub(crate) const BEST: u8 = 10;
/// Packets come and make no picture.
const FROZEN: u8 = 2;
/// It waits for a keyframe.
const WAITING: u8 = 1;

/// What is known of a stream on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    pub(crate) lost_permille: u16,
    /// Lost packets are asked for and sent again.
    pub(crate) repaired: bool,
    pub(crate) round_trip: Option<Duration>,
}

impl Way {
    fn penalty(self) -> u8 {
        let each = if self.repaired { 100 } else { 30 };
        let lost = (self.lost_permille / each).min(u16::from(BEST)) as u8;
        let late = match self.round_trip {
            Some(trip) if self.lost_permille > 0 && trip > Duration::from_millis(700) => 2,
            Some(trip) if self.lost_permille > 0 && trip > Duration::from_millis(300) => 1,
            _ => 0,
        };
        lost + late
    }
}

/// Of a stream as it arrives: `frames` is what it made of pictures a second, where it has any.
pub(crate) fn of_stream(way: Way, frames: Option<u16>) -> u8 {
    let score = BEST.saturating_sub(way.penalty());
    if frames == Some(0) { score.min(FROZEN) } else { score }
}

/// What a subscriber gets of what it wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// Something, that many picture sizes and temporal layers below its wish for want of bandwidth.
    Below { sizes: u8, temporal: u8 },
    /// Nothing yet.
    Waiting,
    /// Nothing: it does not fit, or is not sent.
    Nothing,
}

/// Of a subscription, on the way to the subscriber.
pub(crate) fn of_subscription(way: Way, got: Got) -> u8 {
    match got {
        Got::Below { sizes, temporal } => {
            BEST.saturating_sub(way.penalty().saturating_add(sizes.saturating_mul(2)).saturating_add(temporal))
        }
        Got::Waiting => WAITING,
        Got::Nothing => 0,
    }
}

/// A score that is told when it moved by more than one since it was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told(u8);

impl Default for Told {
    /// Who was not told takes it for the best.
    fn default() -> Self {
        Self(BEST)
    }
}

impl Told {
    /// Whether `score` is far enough from what was told.
    pub(crate) fn moved(self, score: u8) -> bool {
        self.0.abs_diff(score) > 1
    }

    pub(crate) fn tell(&mut self, score: u8) {
        self.0 = score;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn way(lost_permille: u16, repaired: bool, ms: u64) -> Way {
        Way { lost_permille, repaired, round_trip: Some(Duration::from_millis(ms)) }
    }

    #[test]
    fn a_whole_stream_is_the_best_and_each_fault_costs() {
        assert_eq!(of_stream(way(0, true, 900), Some(30)), 10);
        assert_eq!(of_stream(way(100, true, 50), Some(30)), 9);
        assert_eq!(of_stream(way(100, false, 50), None), 7);
        assert_eq!(of_stream(way(100, true, 900), Some(30)), 7);
        assert_eq!(of_stream(way(0, true, 50), Some(0)), 2);
        assert_eq!(of_subscription(way(0, true, 50), Got::Below { sizes: 1, temporal: 1 }), 7);
        assert_eq!(of_subscription(way(0, true, 50), Got::Waiting), 1);
        assert_eq!(of_subscription(way(0, true, 50), Got::Nothing), 0);
    }

    #[test]
    fn small_steps_are_not_told() {
        let mut told = Told::default();
        assert!(!told.moved(9) && told.moved(8));
        told.tell(8);
        assert!(!told.moved(9) && told.moved(10));
    }

    proptest! {
        #[test]
        fn it_never_rises_with_a_fault(
            lost in 0..=1_000u16, more in 0..=1_000u16, repaired in any::<bool>(), ms in 0..2_000u64, later in 0..2_000u64,
            sizes in any::<u8>(), temporal in any::<u8>(), frames in prop::option::of(0..60u16),
        ) {
            let (good, worse) = (way(lost, repaired, ms), way(lost.saturating_add(more), repaired, ms + later));
            prop_assert!(of_stream(worse, frames) <= of_stream(good, frames));
            prop_assert!(of_stream(good, frames.and(Some(0))) <= of_stream(good, frames));
            let [repaired, lost] = [true, false].map(|repaired| of_stream(Way { repaired, ..good }, frames));
            prop_assert!(lost <= repaired);
            let got = |sizes, temporal| of_subscription(good, Got::Below { sizes, temporal });
            prop_assert!(got(sizes.saturating_add(1), temporal) <= got(sizes, temporal));
            prop_assert!(got(sizes, temporal.saturating_add(1)) <= got(sizes, temporal));
            let worst = of_subscription(worse, Got::Below { sizes, temporal });
            prop_assert!(worst <= got(sizes, temporal));
        }
    }
}
