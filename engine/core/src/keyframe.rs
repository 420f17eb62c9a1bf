//! Keyframe requests to a publisher: whoever asks, at most one in an interval goes out, and it is repeated until a keyframe comes.

use core::time::Duration;
use corelay_wire::units::Instant;

/// The least time between two requests for one layer. Shorter lets every joiner cost the publisher a keyframe, ten times the size
/// of another frame; longer keeps a viewer whose request was lost waiting for a picture.
const INTERVAL: Duration = Duration::from_millis(500);
/// A request that brought no keyframe is made again after two round trips and this, within the bounds. Higher keeps a viewer
/// waiting whose request was lost, or the head of the keyframe; lower asks for a second keyframe while the first is on its way.
const ANSWER: Duration = Duration::from_millis(100);
const INTERVAL_LOST_MIN: Duration = Duration::from_millis(250);
/// How often that, before it is taken for a publisher that does not answer at once: of three requests and answers, at 20 % loss
/// both ways, 5 % get none.
const HASTY: u8 = 3;
/// The time between two repetitions once several went unanswered: the publisher is muted, or gone.
const INTERVAL_UNANSWERED: Duration = Duration::from_secs(1);
/// Requests before the interval grows: at 30 % loss both ways, five requests and answers miss with 4 % probability.
const PATIENT_AFTER: u8 = 5;

/// One layer's requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyframeThrottle {
    /// Somebody waits for a keyframe.
    wanted: bool,
    /// A request is to be sent with the next RTCP.
    due: bool,
    /// Requests since the last keyframe.
    unanswered: u8,
    /// Command sequence number of FIR (RFC 5104 section 4.3.1.1): counts requests, not repetitions.
    sequence: u8,
    last: Option<Instant>,
    /// How long an answer to the last may take.
    answer: Duration,
    /// The last was made ahead: see [`KeyframeThrottle::want_ahead`].
    ahead: bool,
}

impl KeyframeThrottle {
    /// Somebody wants a keyframe. [`KeyframeThrottle::poll`] tells when to ask.
    pub(crate) fn want(&mut self) {
        if !self.wanted {
            self.sequence = self.sequence.wrapping_add(1);
            if core::mem::take(&mut self.ahead) {
                self.last = None;
            }
        }
        self.wanted = true;
    }

    /// Somebody will want a keyframe in a moment. If it takes longer until then, what comes for this is too old: who asks next does not
    /// wait for the interval behind it.
    pub(crate) fn want_ahead(&mut self, now: Instant) {
        if !self.wanted && self.opens().is_none_or(|at| at <= now) {
            self.want();
            self.ahead = true;
        }
    }

    /// A keyframe began, or nobody is left who would want one.
    pub(crate) fn satisfy(&mut self) {
        *self = Self { sequence: self.sequence, last: self.last, ahead: self.ahead, ..Self::default() };
    }

    /// Makes a request due if the throttle is open; gives when to look again, `None` when nobody waits. `round_trip`: to the
    /// publisher.
    pub(crate) fn poll(&mut self, now: Instant, round_trip: Duration) -> Option<Instant> {
        if !self.wanted {
            return None;
        }
        if self.opens().is_none_or(|at| at <= now) {
            self.due = true;
            self.last = Some(now);
            self.unanswered = self.unanswered.saturating_add(1);
            self.answer = (2 * round_trip + ANSWER).clamp(INTERVAL_LOST_MIN, INTERVAL);
        }
        self.opens()
    }

    /// Whether a request is to be sent with the next RTCP.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// Takes the due request: the FIR command sequence number for it.
    pub(crate) fn take_due(&mut self) -> Option<u8> {
        core::mem::take(&mut self.due).then_some(self.sequence)
    }

    fn opens(&self) -> Option<Instant> {
        let interval = match self.unanswered {
            1..=HASTY => self.answer,
            0 | ..=PATIENT_AFTER => INTERVAL,
            _ => INTERVAL_UNANSWERED,
        };
        self.last.map(|last| last + interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Duration = Duration::from_millis(60);

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn what_was_asked_for_ahead_keeps_nobody_waiting() {
        let mut t = KeyframeThrottle::default();
        t.want_ahead(at(0));
        assert_eq!((t.poll(at(0), TRIP), t.take_due()), (Some(at(250)), Some(1)));
        t.want_ahead(at(10));
        t.want();
        assert_eq!((t.poll(at(10), TRIP), t.take_due()), (Some(at(250)), None), "it is on its way");
        t.satisfy();
        t.want_ahead(at(300));
        assert_eq!(t.poll(at(300), TRIP), None, "one in an interval");
        t.want();
        assert_eq!((t.poll(at(300), TRIP), t.take_due()), (Some(at(550)), Some(2)), "somebody is there");
        t.satisfy();
        t.want();
        assert_eq!((t.poll(at(400), TRIP), t.take_due()), (Some(at(800)), None), "and asked, so that the next one waits");
    }

    #[test]
    fn many_wishes_make_one_request() {
        let mut t = KeyframeThrottle::default();
        assert_eq!(t.poll(at(0), TRIP), None);
        for _ in 0..20 {
            t.want();
            assert_eq!(t.poll(at(10), TRIP), Some(at(260)));
        }
        assert_eq!(t.take_due(), Some(1));
        assert_eq!(t.take_due(), None);
        t.satisfy();
        assert_eq!(t.poll(at(260), TRIP), None);
    }

    #[test]
    fn a_wish_during_the_interval_is_remembered() {
        let mut t = KeyframeThrottle::default();
        t.want();
        t.poll(at(0), TRIP);
        assert!(t.take_due().is_some());
        t.satisfy();
        t.want();
        assert_eq!(t.poll(at(100), TRIP), Some(at(500)));
        assert_eq!(t.take_due(), None);
        assert_eq!(t.poll(at(500), TRIP), Some(at(750)));
        assert_eq!(t.take_due(), Some(2), "another wish has another number");
    }

    #[test]
    fn an_unanswered_request_is_repeated_with_the_same_number_and_more_patience() {
        let mut t = KeyframeThrottle::default();
        t.want();
        let (mut now, mut sent) = (at(0), vec![]);
        while let Some(next) = t.poll(now, Duration::from_millis(100)).filter(|n| *n <= at(6_000)) {
            if let Some(sequence) = t.take_due() {
                sent.push((now.as_nanos() / 1_000_000, sequence));
            }
            now = next;
        }
        assert_eq!(sent, [(0, 1), (300, 1), (600, 1), (900, 1), (1_400, 1), (1_900, 1), (2_900, 1), (3_900, 1), (4_900, 1)]);
    }
}
