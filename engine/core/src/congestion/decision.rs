//! When the layers of a transport are to be chosen again: not while the estimate moves where nothing would change.

use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// The least time between two choices that take nothing away. Shorter follows the estimate closer, and costs an allocation each
/// time; longer leaves a picture that could be better for as long.
const BETWEEN: Duration = Duration::from_millis(100);
/// After this time it is decided again whatever the estimate does: what layers take has changed. Longer allots by what was true
/// once (what a track takes is known half a second after it began); shorter costs an allocation each time.
const RENEWED: Duration = Duration::from_secs(1);
/// How long after a fall a rise needs more than otherwise. Half of the falls are followed by another within seconds; longer keeps
/// viewers of a path that is good again a size too low.
const CAREFUL: Duration = Duration::from_secs(6);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decision {
    at: Option<Instant>,
    falls_below: Option<Bitrate>,
    rises_from: Option<Bitrate>,
    /// What was given where nobody knew yet what that takes, or how little of it can be had.
    guessed: Option<Bitrate>,
    /// Something else than the estimate changed.
    dirty: bool,
    /// Somebody has nothing until it is decided.
    hurry: bool,
    fell: Option<Instant>,
    /// The estimate that it was decided with; `None`: without.
    estimate: Option<Bitrate>,
}

impl Decision {
    /// What subscriptions wish, or what is sent, changed.
    pub fn disturb(&mut self) {
        self.dirty = true;
    }

    /// Somebody came who has nothing yet.
    pub fn hurry(&mut self) {
        self.hurry = true;
    }

    /// Whether it is to be decided again, given this estimate.
    pub fn is_due(&self, now: Instant, estimate: Option<Bitrate>) -> bool {
        let Some(at) = self.at else { return true };
        let falls = estimate.zip(self.falls_below).is_some_and(|(estimate, bound)| estimate < bound);
        let old = now.since(at) >= RENEWED;
        falls || self.hurry || old || self.is_wanted(now, estimate) && now.since(at) >= BETWEEN
    }

    /// Whether there is a reason, if not a hurry.
    fn is_wanted(&self, now: Instant, estimate: Option<Bitrate>) -> bool {
        let rises = estimate.zip(self.rises_from).is_some_and(|(estimate, bound)| estimate >= bound);
        let calmed = self.fell.is_some_and(|fell| now.since(fell) > CAREFUL);
        let short = estimate.zip(self.guessed).is_some_and(|(estimate, given)| estimate < given);
        self.dirty || rises || calmed || short || estimate.is_some() != self.estimate.is_some()
    }

    /// When to ask again without a change of the estimate.
    pub fn again(&self) -> Option<Instant> {
        let dirty = self.at.filter(|_| self.dirty).map(|at| at + BETWEEN);
        let calmed = self.fell.zip(self.at).map(|(fell, at)| (fell + CAREFUL + Duration::from_millis(1)).max(at + BETWEEN));
        [dirty, calmed].into_iter().flatten().min()
    }

    /// Whether a rise needs more than otherwise.
    pub fn is_careful(&self, now: Instant, estimate: Option<Bitrate>) -> bool {
        let falls = estimate.zip(self.falls_below).is_some_and(|(estimate, bound)| estimate < bound);
        falls || self.fell.is_some_and(|fell| now.since(fell) <= CAREFUL)
    }

    /// It was decided with `estimate`, and something else would be below and from the others.
    pub fn decided(&mut self, now: Instant, estimate: Option<Bitrate>, falls_below: Option<Bitrate>, rises_from: Option<Bitrate>) {
        let fell = estimate.zip(self.falls_below).is_some_and(|(estimate, bound)| estimate < bound);
        let still = self.fell.filter(|fell| now.since(*fell) <= CAREFUL);
        let fell = if fell { Some(now) } else { still };
        *self = Self { at: Some(now), falls_below, rises_from, guessed: None, dirty: false, hurry: false, fell, estimate };
    }

    /// That was a guess, by which so much is sent: where it turns out not to fit, it is decided again until it is known.
    pub fn guessed(&mut self, given: Bitrate) {
        self.guessed = Some(given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn decided(now: u64, estimate: u64) -> Decision {
        let mut decision = Decision::default();
        assert!(decision.is_due(at(now), Some(Bitrate(estimate))), "nothing was decided yet");
        decision.decided(at(now), Some(Bitrate(estimate)), Some(Bitrate(400)), Some(Bitrate(900)));
        decision
    }

    #[test]
    fn a_fall_is_at_once_and_a_rise_waits() {
        let decision = decided(1_000, 500);
        assert!(decision.is_due(at(1_001), Some(Bitrate(399))));
        assert!(!decision.is_due(at(1_999), Some(Bitrate(400))) && !decision.is_due(at(1_999), Some(Bitrate(899))));
        assert!(decision.is_due(at(2_000), Some(Bitrate(400))), "what layers take may have changed");
        assert!(!decision.is_due(at(1_050), Some(Bitrate(900))) && decision.is_due(at(1_100), Some(Bitrate(900))));
        assert!(decision.is_due(at(1_100), None), "an estimate that ends changes what fits");
    }

    #[test]
    fn a_change_of_wishes_is_decided_soon() {
        let mut decision = decided(1_000, 500);
        assert_eq!(decision.again(), None);
        decision.disturb();
        assert_eq!(decision.again(), Some(at(1_100)));
        assert!(!decision.is_due(at(1_099), Some(Bitrate(500))) && decision.is_due(at(1_100), Some(Bitrate(500))));
    }

    #[test]
    fn what_was_guessed_and_does_not_fit_is_decided_again() {
        let mut decision = decided(1_000, 500);
        decision.guessed(Bitrate(450));
        assert!(!decision.is_due(at(1_900), Some(Bitrate(450))), "it fits");
        assert!(!decision.is_due(at(1_099), Some(Bitrate(449))) && decision.is_due(at(1_100), Some(Bitrate(449))));
        decision.decided(at(1_100), Some(Bitrate(449)), Some(Bitrate(400)), Some(Bitrate(900)));
        assert!(!decision.is_due(at(1_300), Some(Bitrate(449))), "by now it is known");
    }

    #[test]
    fn a_fall_is_remembered_for_some_seconds() {
        let mut decision = decided(1_000, 500);
        assert!(!decision.is_careful(at(1_500), Some(Bitrate(500))));
        assert!(decision.is_careful(at(2_000), Some(Bitrate(300))));
        decision.decided(at(2_000), Some(Bitrate(300)), Some(Bitrate(200)), Some(Bitrate(500)));
        assert!(decision.is_careful(at(8_000), Some(Bitrate(300))));
        assert_eq!(decision.again(), Some(at(8_001)));
        decision.decided(at(7_950), Some(Bitrate(300)), Some(Bitrate(200)), Some(Bitrate(500)));
        assert_eq!(decision.again(), Some(at(8_050)), "not sooner than it may be decided again");
        decision.decided(at(7_000), Some(Bitrate(300)), Some(Bitrate(200)), Some(Bitrate(500)));
        assert!(decision.is_due(at(8_001), Some(Bitrate(300))) && !decision.is_careful(at(8_001), Some(Bitrate(300))));
        decision.decided(at(8_001), Some(Bitrate(300)), Some(Bitrate(200)), Some(Bitrate(400)));
        assert_eq!(decision.again(), None);
    }
}
