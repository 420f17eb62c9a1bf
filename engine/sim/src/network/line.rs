//! The queue before one bottleneck: who waits how long, and what is dropped when it is full.

use super::Faults;
use core::time::Duration;
use corelay_wire::units::Instant;

/// IP and UDP headers travel too.
const OVERHEAD: u64 = 28;
/// What others send over the line comes in packets of this size.
const CROSS_LEN: u64 = 1_200;

/// Traffic of others over a line, at an even rate.
#[derive(Clone, Copy, Debug)]
pub struct CrossTraffic {
    /// Bits per second.
    pub rate: u64,
    /// When it begins.
    pub from: Instant,
    /// When it ends.
    pub until: Instant,
}

/// What waited how long: the state of a queue at one packet.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// When the packet came to the queue.
    pub at: Instant,
    /// How long those before it took.
    pub wait: Duration,
}

/// One direction of one link, or a bottleneck that several share.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Losses left of a burst.
    pub(super) losing: u32,
    /// In the bad state of [`super::Bursts`].
    pub(super) bad: bool,
    /// The latest arrival so far.
    pub(super) latest: Instant,
    /// What others send.
    pub(super) cross: Vec<CrossTraffic>,
    /// Waits of all packets of ours, dropped ones included.
    pub(super) waits: Vec<Wait>,
    /// When the link has sent what it was given.
    free: Instant,
    cross_sent: Instant,
}

impl Line {
    /// When the last bit is on the link; `None` when the queue is full.
    pub(super) fn transmit(&mut self, now: Instant, len: usize, faults: &Faults) -> Option<Instant> {
        if faults.rate == 0 {
            return Some(now);
        }
        self.let_others(now, faults);
        self.waits.push(Wait { at: now, wait: self.free.since(now) });
        self.put(now, len as u64 + OVERHEAD, faults)
    }

    fn put(&mut self, now: Instant, bytes: u64, faults: &Faults) -> Option<Instant> {
        let begin = self.free.max(now);
        if begin.since(now) > faults.queue {
            return None;
        }
        self.free = begin + Duration::from_nanos(bytes * 8 * 1_000_000_000 / faults.rate);
        Some(self.free)
    }

    /// Puts into the queue what others have sent since the last packet of ours.
    fn let_others(&mut self, now: Instant, faults: &Faults) {
        let since = core::mem::replace(&mut self.cross_sent, now);
        for at in 0..self.cross.len() {
            let cross = self.cross[at];
            let gap = Duration::from_nanos(CROSS_LEN * 8 * 1_000_000_000 / cross.rate);
            let end = now.min(cross.until);
            // Counted from its beginning, so that it is the same however often it is asked.
            let sent = since.since(cross.from).as_nanos() / gap.as_nanos();
            let mut next = cross.from + gap * (sent as u32 + u32::from(since > cross.from));
            while next <= end && next >= cross.from {
                self.put(next, CROSS_LEN, faults);
                next = next + gap;
            }
        }
    }
}
