//! Sound that leaves once more before anybody misses it: while the path to a subscriber loses packets at random.
//!
//! ```text
//! microphone   1    2    3    4    5         a packet of 20 ms each
//! leaves       1   2    3 1  4 2  5 3        every EVERY: what is one step old, and with two copies what is two
//! asked for         '----- round trip -----> late, unless the listener waits for so long
//! ```
//!
//! A listener's buffer is 40 to 80 ms long until it has seen that packets come later than that, and the answer to a request comes a
//! round trip after the packet was due. So a path that loses conceals sound in its first seconds, and whenever the answer is lost
//! as well. Sound is small: a copy costs what Opus does, 30 to 40 kbit/s for each voice. It does not help where the path is full:
//! none leave then.
//!
//! What tells of loss, the fastest first: transport-wide feedback of the video beside it, within 200 ms; requests for lost sound;
//! receiver reports, each second for video, each five for sound. Those of sound tell what is lost in spite of copies, the others
//! what is lost.

use core::time::Duration;
use corelay_wire::units::Instant;

/// From so much loss on, of 1000, sound leaves twice, and while as much is lost it goes on. Higher conceals one of a thousand
/// moments of a call at 3 % loss; lower adds a copy for two packets that were lost of fifty by chance, on links that lose one of a
/// hundred.
const ONCE: u16 = 35;
const ONCE_KEPT: u16 = 20;
/// And three times. With one copy, a path that loses one of five packets loses one of 25 moments, which requests have to repair
/// late; with two one of 125. Lower sends them where the first copy leaves one of 50.
const TWICE: u16 = 160;
const TWICE_KEPT: u16 = 110;
/// What is lost of sound although it leaves twice, of 1000, from which it leaves three times. Lower takes two packets of a second
/// for more than one of five; higher finds out by the second report.
const TWICE_REMAINING: u16 = 45;
/// Feedback, ten and more a second, tells of the last 50 packets: so many of them make a mean. More begins copies later, at 10 %
/// loss after 0.4 s; fewer begin them by chance on a link that loses one of fifty.
const SMOOTHING: u16 = 8;
/// For so long after the last sign of loss. Longer sends copies for nothing after it ended; shorter stops between two packets that
/// are lost of sound that has copies, of which few tell.
const HOLD: Duration = Duration::from_secs(10);
/// How often copies are made: a copy leaves between one and two of these after its packet. Longer comes too late for a buffer of 40
/// ms; shorter is lost in the same burst as its packet, and wakes the thread more often for each path that loses.
pub(crate) const EVERY: Duration = Duration::from_millis(20);

/// How often sound leaves on the path of one transport.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copies {
    /// Until when packets have one copy, and two.
    once_until: Instant,
    twice_until: Instant,
    /// What feedback told of late, of 1000.
    mean: u16,
    /// Somebody makes them.
    pub(crate) running: bool,
}

impl Copies {
    /// Copies of each packet.
    pub(crate) fn count(&self, now: Instant) -> usize {
        match () {
            () if self.twice_until > now => 2,
            () if self.once_until > now => 1,
            () => 0,
        }
    }

    /// So much of what left was lost, of 1000, whether or not it left again.
    pub(crate) fn hear_loss(&mut self, now: Instant, permille: u16) {
        let count = self.count(now);
        let bound = |kept: bool, kept_from: u16, from: u16| if kept { kept_from } else { from };
        if permille >= bound(count > 0, ONCE_KEPT, ONCE) {
            self.once_until = now + HOLD;
        }
        if permille >= bound(count > 1, TWICE_KEPT, TWICE) {
            self.twice_until = now + HOLD;
        }
    }

    /// Transport-wide feedback told this of the last packets.
    pub(crate) fn hear_recent(&mut self, now: Instant, permille: u16) {
        self.mean = (self.mean * (SMOOTHING - 1) + permille) / SMOOTHING;
        self.hear_loss(now, self.mean);
    }

    /// So much of the sound was lost with all of its copies, of 1000.
    pub(crate) fn hear_remaining(&mut self, now: Instant, permille: u16) {
        match (self.count(now), permille) {
            (_, 0) => {}
            (0, _) => self.hear_loss(now, permille),
            (1, ..TWICE_REMAINING) => self.once_until = now + HOLD,
            (_, _) => (self.once_until, self.twice_until) = (now + HOLD, now + HOLD),
        }
    }

    /// Sound is asked for.
    pub(crate) fn hear_request(&mut self, now: Instant, often: bool) {
        if often || self.count(now) > 0 {
            self.once_until = now + HOLD;
        }
    }

    /// Whether somebody has to begin to make them; from here on, somebody does.
    pub(crate) fn take_beginning(&mut self, now: Instant) -> bool {
        let begins = !self.running && self.count(now) > 0;
        self.running |= begins;
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn copies_begin_with_loss_and_end_ten_seconds_after_it() {
        let mut copies = Copies::default();
        copies.hear_loss(at(1_000), ONCE - 1);
        assert_eq!((copies.count(at(1_000)), copies.take_beginning(at(1_000))), (0, false));
        copies.hear_loss(at(2_000), ONCE);
        assert_eq!((copies.count(at(2_000)), copies.take_beginning(at(2_000))), (1, true));
        assert!(!copies.take_beginning(at(2_000)), "once");
        copies.hear_loss(at(9_000), ONCE_KEPT);
        assert_eq!([18_999, 19_000].map(|millis| copies.count(at(millis))), [1, 0]);
        copies.hear_loss(at(20_000), TWICE);
        copies.hear_loss(at(29_000), TWICE_KEPT);
        copies.hear_loss(at(38_000), ONCE_KEPT);
        assert_eq!([38_999, 39_000, 48_000].map(|millis| copies.count(at(millis))), [2, 1, 0]);
    }

    #[test]
    fn what_is_lost_in_spite_of_copies_tells_of_much_more() {
        let mut copies = Copies::default();
        copies.hear_remaining(at(0), ONCE - 1);
        assert_eq!(copies.count(at(0)), 0);
        copies.hear_remaining(at(0), ONCE);
        copies.hear_remaining(at(9_000), 1);
        assert_eq!(copies.count(at(18_000)), 1);
        copies.hear_remaining(at(18_000), TWICE_REMAINING);
        copies.hear_remaining(at(27_000), 1);
        assert_eq!(copies.count(at(36_000)), 2);
    }

    #[test]
    fn requests_are_a_sign_when_there_are_some() {
        let mut copies = Copies::default();
        copies.hear_request(at(1_000), false);
        assert_eq!(copies.count(at(1_000)), 0);
        copies.hear_request(at(3_100), true);
        copies.hear_request(at(9_000), false);
        assert_eq!(copies.count(at(18_000)), 1);
    }
}
