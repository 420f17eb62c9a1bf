//! What a receiver misses and when it asks for it, at the times of libwebrtc: at once when a later packet shows the hole, and again
//! after each round trip, ten times at most.

use core::time::Duration;
use corelay_wire::units::Instant;
use std::collections::BTreeMap;

/// libwebrtc asks for a packet this often.
const TRIES_MAX: u8 = 10;
/// It forgets everything when it misses more, and waits for a key picture.
const MISSING_MAX: usize = 1_000;
/// It looks for what has to be asked again in these steps.
pub(crate) const STEP: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Lost {
    asked: Option<Instant>,
    tries: u8,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    newest: Option<i64>,
    lost: BTreeMap<i64, Lost>,
    next: Instant,
    /// Too much was missing: only a key picture helps.
    pub(crate) gave_up: bool,
}

impl Missing {
    /// Takes note of a packet that arrived.
    pub(crate) fn arrived(&mut self, sequence: i64) {
        self.lost.remove(&sequence);
        let Some(newest) = self.newest.filter(|newest| sequence > *newest) else {
            self.newest.get_or_insert(sequence);
            return;
        };
        self.newest = Some(sequence);
        if sequence - newest > MISSING_MAX as i64 || self.lost.len() > MISSING_MAX {
            self.lost.clear();
            self.gave_up = true;
            return;
        }
        self.lost.extend((newest + 1..sequence).map(|hole| (hole, Lost::default())));
    }

    /// What is to be asked for by `now`.
    pub(crate) fn due(&mut self, now: Instant, round_trip: Duration) -> Vec<i64> {
        let again = self.next <= now;
        if again {
            self.next = now + STEP;
        }
        let mut due = Vec::new();
        for (sequence, lost) in &mut self.lost {
            let is_due = lost.asked.is_none_or(|asked| again && now.since(asked) >= round_trip);
            if is_due && lost.tries < TRIES_MAX {
                (lost.asked, lost.tries) = (Some(now), lost.tries + 1);
                due.push(*sequence);
            }
        }
        self.lost.retain(|_, lost| lost.tries < TRIES_MAX || lost.asked.is_some_and(|at| now.since(at) < round_trip));
        due
    }

    /// What is older than `sequence` is not needed any more.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        self.lost = self.lost.split_off(&sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_asked_for_at_once_then_every_round_trip_then_never() {
        let (mut missing, trip) = (Missing::default(), Duration::from_millis(100));
        [10, 11, 14].iter().for_each(|s| missing.arrived(*s));
        let mut asked = Vec::new();
        for ms in (0..2_000).step_by(5) {
            asked.extend(missing.due(Instant::from_millis(ms), trip).iter().map(|s| (ms, *s)));
        }
        assert_eq!(asked.len(), 20);
        assert_eq!(asked[..3], [(0, 12), (0, 13), (100, 12)]);
        missing.arrived(16);
        missing.arrived(15);
        assert!(missing.due(Instant::from_millis(3_000), trip).is_empty());
    }
}
