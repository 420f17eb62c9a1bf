//! How long one publisher takes to send again what it is asked for, and how late packets come that were only overtaken.

use core::time::Duration;

/// The round trip before any is known. Longer lets the first losses of a call wait; shorter asks twice over a long way.
const ROUND_TRIP_GUESSED: Duration = Duration::from_millis(100);
/// The bounds of the time between two requests for one packet. Less than the least asks twice because of a publisher's pacing; more
/// than the most leaves an audio packet one request.
const INTERVAL: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];
/// What is added to the round trip: publishers send what was lost when their pacer lets them. More repairs double losses later,
/// less asks for what is on its way.
const MARGIN: Duration = Duration::from_millis(10);
/// The longest wait for a packet that was only overtaken. Longer would let jitter hold up every repair; shorter asks in vain for
/// what a bad radio link delays.
const PATIENCE_MAX: Duration = Duration::from_millis(40);
/// Answers in a row of which nobody knows which request they answer, until one hole waits longer for its first. With a good
/// estimate and 30 % loss both ways half of the answers are such: eight in a row happen once in 256 times.
const UNSURE_AFTER: u8 = 8;

/// Of the answers so many, in 1/256, to a request that was not the first make a way one that loses requests: there, each is made
/// twice. 3 % loss each way make 6 % of them. Higher leaves sound that was lost twice without a third chance; lower asks publishers
/// that answer each request for everything twice.
const LOSES: u8 = 14;
/// And so many make it one on which requests follow each other by a quarter of the round trip for as long as nothing comes: 12 %
/// loss each way and more. The first that the publisher may answer again, and that gets there, is then never far behind the loss of
/// the answer before. Higher leaves sound a second round that is late by half of the next; lower makes four requests in a round trip,
/// of 50 bytes, on ways where two are enough.
const LOSES_MUCH: u8 = 32;

/// One transport's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NackTiming {
    /// Smoothed, with its mean deviation (as RFC 6298 section 2 has it).
    round_trip: Option<(Duration, Duration)>,
    /// Ambiguous answers since the last one that was not.
    ambiguous: u8,
    /// The share of answers that took more than one round of requests, of late, in 1/256.
    repeated: u8,
    /// By how much packets were overtaken of late: the most of them, forgotten by and by.
    overtaken: Duration,
}

impl NackTiming {
    /// An answer came so long after the first request. With requests of one round only it tells the round trip, for the first is
    /// most likely the one that was answered; after `several` rounds nobody knows which.
    pub(crate) fn answered(&mut self, after: Duration, several: bool) {
        let share = if several { u8::MAX } else { 0 };
        self.repeated = ((u16::from(self.repeated) * 31 + u16::from(share)) / 32) as u8;
        if several {
            self.ambiguous = self.ambiguous.saturating_add(1);
            return;
        }
        self.ambiguous = 0;
        self.round_trip = Some(match self.round_trip {
            None => (after, after / 4),
            Some((mean, deviation)) => {
                let off = mean.abs_diff(after);
                ((mean * 7 + after) / 8, (deviation * 3 + off) / 4)
            }
        });
        // Packets that came in time for it tell that the way is in order.
        self.overtaken = self.overtaken * 15 / 16;
    }

    /// A packet that was not asked for, or not yet answered, came so long after those that overtook it.
    pub(crate) fn overtaken(&mut self, by: Duration) {
        let longer = by + by / 4;
        self.overtaken =
            if longer > self.overtaken { longer.min(PATIENCE_MAX) } else { self.overtaken - (self.overtaken - longer) / 64 };
    }

    /// How long an answer takes. `reported`: what reports told, until answers tell better.
    pub(crate) fn round_trip(&self, reported: Option<Duration>) -> Duration {
        self.round_trip.map(|(mean, _)| mean).or(reported).unwrap_or(ROUND_TRIP_GUESSED)
    }

    /// Whether a packet that comes so long after the first request cannot be its answer.
    pub(crate) fn is_too_soon(&self, after: Duration) -> bool {
        let (mean, _) = self.round_trip.unwrap_or((ROUND_TRIP_GUESSED / 2, Duration::ZERO));
        after < mean / 2
    }

    /// How long to wait for a packet that may only be overtaken.
    pub(crate) fn patience(&self) -> Duration {
        self.overtaken
    }

    /// The time from request number `requests` for a packet to the next, of which a round has `of_a_round`. `round_trip`: what
    /// reports told, until answers tell better.
    ///
    /// Once a round trip brought nothing, the request or its answer was lost, and half the time goes by from one to the next:
    /// publishers do not answer twice in a round trip, so that it costs requests only, and a lost one is made good sooner. On a way
    /// that loses many, two are made from the beginning, the second a quarter of the round trip behind the first; on one that loses
    /// very many, one each quarter.
    pub(crate) fn interval(&self, round_trip: Option<Duration>, patient: bool, requests: u8, of_a_round: u8) -> Duration {
        let [least, most] = INTERVAL;
        if patient {
            return most;
        }
        let deviation = self.round_trip.map_or(Duration::ZERO, |(_, deviation)| deviation);
        let mean = self.round_trip(round_trip);
        // With one each quarter of it, the next is not far behind one that came a moment too soon.
        let whole = mean + if of_a_round > 2 { MARGIN / 2 } else { MARGIN.max(deviation * 2) };
        let interval = match (of_a_round, requests) {
            (1, 1) => whole,
            (1, _) => whole / 2,
            (2, even) if even % 2 == 0 => whole - whole / 4,
            _ => whole / 4,
        };
        interval.clamp(least, most)
    }

    /// How many requests for a packet are made before a round trip went by. What is asked for keeps to it, whatever is learnt
    /// meanwhile: or an answer would tell a round trip that is off by what lies between two requests.
    pub(crate) fn requests_of_a_round(&self) -> u8 {
        match self.repeated {
            repeated if repeated > LOSES_MUCH => 4,
            repeated if repeated > LOSES => 2,
            _ => 1,
        }
    }

    /// Whether the estimate may be so short that every answer comes after the second request: then one hole waits longer.
    pub(crate) fn is_unsure(&mut self) -> bool {
        let unsure = self.ambiguous >= UNSURE_AFTER;
        if unsure {
            self.ambiguous = 0;
        }
        unsure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn requests_follow_each_other_by_the_round_trip() {
        let mut t = NackTiming::default();
        assert_eq!((t.interval(None, false, 1, 1), t.interval(Some(ms(60)), false, 1, 1)), (ms(110), ms(70)));
        for _ in 0..50 {
            t.answered(ms(80), false);
        }
        let interval = t.interval(Some(ms(300)), false, 1, 1);
        assert!((ms(89)..=ms(91)).contains(&interval), "{interval:?}");
        t.answered(ms(150), true);
        assert_eq!(t.interval(None, false, 2, 1), interval / 2);
        assert_eq!(t.interval(None, false, 1, 1), interval, "nobody knows what was answered");
    }

    #[test]
    fn an_estimate_that_is_far_too_short_is_found_out() {
        let mut t = NackTiming::default();
        t.answered(ms(20), false);
        for _ in 0..UNSURE_AFTER {
            assert!(!t.is_unsure());
            t.answered(ms(300), true);
        }
        assert!(t.is_unsure() && !t.is_unsure(), "one hole is enough");
        assert_eq!(t.interval(None, true, 1, 1), ms(500));
        t.answered(ms(300), false);
        assert!(t.interval(None, false, 1, 1) + t.interval(None, false, 2, 1) > ms(100));
    }

    #[test]
    fn on_a_way_that_loses_requests_each_is_made_twice() {
        let mut t = NackTiming::default();
        for _ in 0..50 {
            t.answered(ms(80), false);
        }
        let whole = t.interval(None, false, 1, 1);
        for n in 0..60 {
            t.answered(ms(80), n % 6 == 0);
        }
        assert_eq!(t.requests_of_a_round(), 2);
        let [first, second, third, fourth] = [1, 2, 3, 4].map(|n| t.interval(None, false, n, 2));
        assert!(
            (first, second) == (third, fourth) && first < whole / 3 && (ms(85)..ms(110)).contains(&(first + second)),
            "{first:?} {second:?}"
        );
        for n in 0..60 {
            t.answered(ms(80), n % 3 == 0);
        }
        assert_eq!(t.requests_of_a_round(), 4);
        assert!([1, 2, 3, 4, 5].iter().all(|n| (ms(20)..ms(22)).contains(&t.interval(None, false, *n, 4))), "each quarter");
        for _ in 0..100 {
            t.answered(ms(80), false);
        }
        assert_eq!(t.requests_of_a_round(), 1, "all were answered in their first round");
    }

    #[test]
    fn patience_follows_what_was_overtaken_and_goes_again() {
        let mut t = NackTiming::default();
        assert_eq!(t.patience(), ms(0));
        t.overtaken(ms(8));
        assert_eq!(t.patience(), ms(10));
        t.overtaken(ms(500));
        assert_eq!(t.patience(), PATIENCE_MAX);
        for _ in 0..100 {
            t.answered(ms(50), false);
        }
        assert!(t.patience() < ms(1));
    }
}
