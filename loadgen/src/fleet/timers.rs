//! What a thread does at which time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Why a timer rings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// An ICE check that keeps consent (RFC 7675).
    Consent,
    /// Receiver and sender reports.
    Report,
    /// When packets came.
    Path,
    /// The next packets of a published stream's layer.
    Burst {
        /// Of the fleet.
        stream: u32,
        /// Its layer.
        layer: usize,
    },
    /// Counts that are looked at from time to time.
    Look,
}

/// A timer of a member. Members that went take no notice of theirs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Due {
    pub(super) at_ns: u64,
    pub(super) member: u32,
    pub(super) timer: Timer,
}

/// All timers of a thread.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Due>>,
}

impl Timers {
    pub(super) fn set(&mut self, at_ns: u64, member: u32, timer: Timer) {
        self.heap.push(Reverse(Due { at_ns, member, timer }));
    }

    /// The next one that is due by `now_ns`.
    pub(super) fn ring(&mut self, now_ns: u64) -> Option<Due> {
        let Reverse(due) = self.heap.peek()?;
        if due.at_ns > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due)
    }

    /// When the next one is due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(due)| due.at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_ring_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        for at in [30, 10, 20] {
            timers.set(at, at as u32, Timer::Report);
        }
        assert_eq!(timers.ring(9), None);
        assert_eq!(timers.ring(25).map(|due| due.member), Some(10));
        assert_eq!(timers.ring(25).map(|due| due.member), Some(20));
        assert_eq!((timers.ring(25), timers.next_ns()), (None, Some(30)));
    }
}
