//! How much of what a transport gets may be retransmissions.
//!
//! A subscriber that asks for everything again and again gets this much and no more, and takes from nobody else. A token bucket in
//! bytes, filled by time and by what the asking subscription was sent: it costs packets that are not lost nothing.

use core::time::Duration;
use corelay_wire::units::Instant;

/// What part of the sent bytes may be sent again: one in this many. A link that loses 30 % of packets takes 43 % of them again when
/// each is answered once, and 80 % when each is answered twice, which is what brings them in time. A larger part lets a broken or
/// hostile receiver draw more of the node's sending (and of its own link, which congestion made lossy in the first place); with a
/// smaller one the bucket of such a link is empty after some seconds, and what is lost then stays lost: the picture stood still for
/// ten seconds.
const SHARE: u32 = 1;
/// A second answer to the same request leaves so much of the bucket to others' first. More answers once where twice would fit; less
/// lets second answers eat what the next request needs.
const SPARED: u32 = BURST / 2;
/// Bytes a second that may be sent again whatever was sent. More is what a receiver of nothing draws; less lets one that just began, or
/// gets little, wait for its first frame: a keyframe of 100 packets that lost ten is 12 KB.
const FLOOR: u64 = 16_000;
/// What the bucket holds. More lets a receiver draw a longer burst at once (110 packets of 1200 bytes); less cannot repair a burst of
/// losses, such as 100 ms of 5 Mbit/s.
const BURST: u32 = 128 * 1_024;
/// What a small packet counts as, for a packet costs a send whatever its length.
const PACKET_BYTES_MIN: usize = 256;

/// One transport's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResendBudget {
    tokens: u32,
    filled: Instant,
    /// When something was queued last, and how many bytes were in that turn. The pace knows of them when they have left, at its
    /// end.
    queued: (Instant, u64),
}

impl ResendBudget {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: BURST, filled: now, queued: (now, 0) }
    }

    /// Time went by, and `sent` bytes were sent.
    pub(crate) fn refill(&mut self, now: Instant, sent: u32) {
        let time = now.since(core::mem::replace(&mut self.filled, now)).min(Duration::from_secs(60));
        let earned = time.as_micros() as u64 * FLOOR / 1_000_000 + u64::from(sent / SHARE);
        self.tokens = (u64::from(self.tokens) + earned).min(u64::from(BURST)) as u32;
    }

    /// Takes what a packet of `bytes` bytes costs; `false` when it is not there. `again`: it is a second answer.
    pub(crate) fn take(&mut self, bytes: usize, again: bool) -> bool {
        let spared = if again { SPARED } else { 0 };
        let left = self.tokens.checked_sub(bytes.max(PACKET_BYTES_MIN) as u32).filter(|left| *left >= spared);
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }

    /// So many bytes are to leave at the end of this turn.
    pub(crate) fn queue(&mut self, now: Instant, bytes: usize) {
        self.queued = (now, self.queued(now) + bytes as u64);
    }

    /// Bytes that are to leave at the end of this turn, by all that was asked for in it.
    pub(crate) fn queued(&self, now: Instant) -> u64 {
        let (at, bytes) = self.queued;
        if at == now { bytes } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_as_much_as_was_sent_and_a_floor() {
        let mut budget = ResendBudget::new(Instant::ZERO);
        let spend = |budget: &mut ResendBudget| core::iter::repeat_with(|| budget.take(1_024, false)).take_while(|ok| *ok).count();
        assert_eq!(spend(&mut budget), 128);
        budget.refill(Instant::from_millis(500), 0);
        assert_eq!(spend(&mut budget), 7, "8000 bytes");
        budget.refill(Instant::from_millis(500), 10 * 1_024);
        assert_eq!(spend(&mut budget), 10 + usize::from(8_000 % 1_024 + 10 * 1_024 >= 11 * 1_024));
        budget.refill(Instant::from_millis(1_000_000), u32::MAX);
        assert_eq!(spend(&mut budget), 128, "no more than it holds");
        budget.refill(Instant::from_millis(1_000_000), 256);
        assert!(budget.take(1, false) && !budget.take(1, false), "a small packet costs a send as well");
    }

    #[test]
    fn second_answers_leave_half_to_first_ones() {
        let mut budget = ResendBudget::new(Instant::ZERO);
        assert_eq!(core::iter::repeat_with(|| budget.take(1_024, true)).take_while(|ok| *ok).count(), 64);
        assert!(budget.take(1_024, false));
    }

    #[test]
    fn what_one_turn_queued_is_known_until_it_left() {
        let mut budget = ResendBudget::new(Instant::ZERO);
        let [now, next] = [5, 6].map(Instant::from_millis);
        budget.queue(now, 700);
        budget.queue(now, 500);
        assert_eq!([now, next].map(|at| budget.queued(at)), [1_200, 0]);
    }
}
