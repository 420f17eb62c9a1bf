//! When video may leave on a transport, and what waits until then.
//!
//! ```text
//!            what was sent, at the pace                   burst
//!   |-------------------------------------------|.....................|
//!  now                                        free_at               a run may begin while free_at is before here
//!
//! queue   | subscription 7: layer 1, packets 80..92 | 9: layer 0, 400..402 | ...      names of packets in the history, no bytes
//! ```
//!
//! A leaky bucket kept as a point in time: what leaves moves `free_at` on by the time it takes at the pace. So a frame of natural
//! video finds the bucket empty and leaves at once, as one run; a keyframe, which is many times as long, leaves in several. Audio,
//! RTCP and answers to NACK do not ask and are only counted: it is video that makes room.
//!
//! The pace holds where the path was seen to be full. Where it was not, the estimate is the least that the path carries, and says
//! nothing of the most: what waited for a moment leaves whatever the pace, and shows what more there is.

use core::time::Duration;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::units::{Bitrate, Instant};
use std::collections::VecDeque;

/// How much faster than the estimate a burst leaves, in percent: while nobody knows whether the path carries more, and where it was
/// seen to be full. Higher shortens the way of a keyframe and fills the queue of the bottleneck with it, in which audio waits: at
/// 200, half of the keyframe's own time on the link, which is also taken for congestion. Lower delays the picture in our own queue
/// where the path would carry more than is thought.
const PACE_PERCENT: u64 = 200;
const PACE_PROVEN_PERCENT: u64 = 125;
/// And while a queue is emptied: more would keep it.
const PACE_DRAINING_PERCENT: u64 = 100;
/// What may leave at once, as time of the estimate. Longer keeps more frames in one run (each run more costs 1 us); audio waits for
/// as long at the bottleneck, every frame. A frame of 30 a second at the rate of the estimate is 33 ms long.
const BURST: Duration = Duration::from_millis(25);
/// What may leave at once at least: a run of a few packets, or a slow path would cost a run for each.
const BURST_BYTES_MIN: u64 = 3 * 1_250;
/// What may leave at once before anything is known of the path: the first picture. It is also the first measurement, as it arrives
/// as fast as the path carries it. A keyframe of 360 lines is about 25 kB; more fills the queue of a thin path for longer (30 kB:
/// 0.5 s at 500 kbit/s), less makes who joins wait for the rest of the picture.
const BEGIN_BYTES: u64 = 30_000;
/// How long what did not ask may keep video back. Longer starves it behind a storm of answers to NACK; shorter sends both at once.
const AHEAD_MAX: Duration = Duration::from_millis(200);
/// When a path turned out to be full, video waits until its queue is this short, if that is soon. Higher loses the keyframe with
/// which a smaller picture begins at the end of the queue; lower leaves the path idle where the queue is shorter than was thought.
const HOLD_BELOW: Duration = Duration::from_millis(100);
const HOLD_MAX: Duration = Duration::from_millis(150);
/// What is sent again goes before what waits: that is built on it. For so long at a time at most, on a path that was full; longer
/// keeps what is new back, shorter has what is new wait for what it is built on.
const REPAIRS_AHEAD: Duration = Duration::from_millis(100);
/// Waiting pieces of a transport: a piece is what came of one layer within [`PIECE`]. Fewer drop what a gallery brings while one
/// keyframe leaves; each costs 40 bytes.
const WAITING_MAX: usize = 128;
/// How old the queue may be. Longer and a viewer sees the call late, for as long as the path is too thin for the layer; shorter
/// drops large keyframes on thin paths (60 kB take 480 ms at the pace of 500 kbit/s).
const WAIT_MAX: Duration = Duration::from_millis(500);
/// The same while a queue is emptied. Longer is as late for longer; shorter begins anew with another keyframe when the one that it fell to
/// has just left, and what followed it waited as long.
const WAIT_DRAINING_MAX: Duration = Duration::from_millis(1_000);

/// How long video is kept back for an estimate that nothing has proven. Longer keeps a picture late that a good path would carry,
/// as nothing smaller is there to be sent; shorter floods a thin path with the first keyframe (50 kB: 0.8 s of 500 kbit/s).
const UNPROVEN_WAIT_MAX: Duration = Duration::from_millis(100);
/// Packets that came this close are one piece, as old as the first of them. Longer takes new packets for old ones, shorter fills
/// the queue with single packets: publishers pace theirs.
const PIECE: Duration = Duration::from_millis(20);

/// Packets of one layer that wait for one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub subscription: u32,
    /// Slots are used again: what ended is not there.
    pub id: SubscriptionId,
    /// The simulcast stream.
    pub layer: u8,
    /// The first packet's index in the layer's history.
    pub first: u64,
    /// How many, one index after the other.
    pub count: u16,
    /// When they came.
    pub since: Instant,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// When the path has taken what it was given.
    free_at: Instant,
    /// What 1024 bytes take; zero: no pacing.
    nanos: u64,
    burst_bytes: u64,
    /// The estimate is what the path carries at most.
    proven: bool,
    /// A queue is being emptied.
    draining: bool,
    /// What may leave beside, once.
    credit: u64,
    /// Somebody will come when it opens.
    scheduled: bool,
    queue: VecDeque<Waiting>,
}

impl Default for Pacer {
    /// With room for all that may wait: nothing is allocated while packets flow.
    fn default() -> Self {
        Self {
            free_at: Instant::ZERO,
            nanos: 0,
            burst_bytes: 0,
            proven: true,
            draining: false,
            credit: 0,
            scheduled: false,
            queue: VecDeque::with_capacity(WAITING_MAX),
        }
    }
}

impl Pacer {
    /// What a pacer takes from the heap at most.
    pub const BYTES: u64 = (WAITING_MAX * size_of::<Waiting>()) as u64;

    /// Nothing has left yet.
    pub fn begin(&mut self) {
        self.credit = BEGIN_BYTES;
    }

    /// The path carries `estimate`; `None`: nobody knows, and nothing waits. `at_least`: the pace of a probe that is under way.
    pub fn set_rate(&mut self, now: Instant, estimate: Option<Bitrate>, at_least: Bitrate) {
        let percent = match () {
            () if self.draining => PACE_DRAINING_PERCENT,
            () if self.proven => PACE_PROVEN_PERCENT,
            () => PACE_PERCENT,
        };
        let Some(estimate) = estimate else {
            (self.nanos, self.burst_bytes) = (0, u64::MAX);
            return;
        };
        let pace = (estimate.0 * percent / 100).max(at_least.0).max(1);
        let nanos = 1_024 * 8 * 1_000_000_000 / pace;
        // What left takes as long as the path takes for it, not as was thought when it left.
        let ahead = self.free_at.since(now).as_nanos() * u128::from(nanos) / u128::from(self.nanos.max(1));
        let before = core::mem::replace(&mut self.nanos, nanos);
        self.burst_bytes = (estimate.0 / 8 * BURST.as_millis() as u64 / 1_000).max(BURST_BYTES_MIN);
        if before > 0 {
            self.free_at = now + Duration::from_nanos(ahead.min(self.ahead_max().as_nanos()) as u64);
        }
    }

    /// Whether the estimate is what the path carries at most, or at least.
    pub fn set_proven(&mut self, proven: bool) {
        self.proven = proven;
    }

    /// Whether the path's queue is being emptied.
    pub fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// How many bytes may leave at `now`.
    #[inline]
    pub fn allowance(&self, now: Instant) -> u64 {
        if self.nanos == 0 {
            return u64::MAX;
        }
        let ahead = self.free_at.since(now).as_nanos() as u64;
        self.credit + self.burst_bytes.saturating_sub(ahead * 1_024 / self.nanos)
    }

    /// How many bytes may leave at `now` that go before what waits.
    pub fn repairs(&self, now: Instant) -> u64 {
        let left = REPAIRS_AHEAD.saturating_sub(self.free_at.since(now)).as_nanos() as u64;
        (left * 1_024).checked_div(self.nanos).unwrap_or(u64::MAX)
    }

    /// So many bytes leave.
    #[inline]
    pub fn charge(&mut self, now: Instant, bytes: u64) {
        let charged = bytes.saturating_sub(self.credit);
        self.credit -= bytes - charged;
        let free_at = self.free_at.max(now) + Duration::from_nanos(charged * self.nanos / 1_024);
        self.free_at = free_at.min(now + self.ahead_max());
    }

    /// What may have left ahead of the path: a burst, and what did not ask.
    fn ahead_max(&self) -> Duration {
        AHEAD_MAX + Duration::from_nanos(self.burst_bytes.min(1 << 32) * self.nanos / 1_024)
    }

    /// The path's queue takes `queue` for what left already: what leaves next finds it shorter.
    pub fn hold(&mut self, now: Instant, queue: Duration) {
        let hold = queue.saturating_sub(HOLD_BELOW).min(HOLD_MAX);
        let burst = Duration::from_nanos(self.burst_bytes.min(1 << 32) * self.nanos / 1_024);
        if !hold.is_zero() {
            self.free_at = self.free_at.max(now + hold + burst);
        }
    }

    /// When a run of the smallest burst may leave, or what waits for longest has waited long enough.
    pub fn opens(&self) -> Instant {
        // Half of the burst: waking for each packet would make runs of one.
        let ahead = Duration::from_nanos(self.burst_bytes.min(1 << 32) / 2 * self.nanos / 1_024);
        let open = Instant::from_nanos(self.free_at.as_nanos().saturating_sub(ahead.as_nanos() as u64));
        self.overdue_at().map_or(open, |overdue| overdue.min(open))
    }

    /// Whether what waits for longest leaves whatever the pace.
    #[inline]
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.overdue_at().is_some_and(|at| at <= now)
    }

    fn overdue_at(&self) -> Option<Instant> {
        self.queue.front().filter(|_| !self.proven).map(|first| first.since + UNPROVEN_WAIT_MAX)
    }

    /// Puts packets behind all that wait; `false` when too much does.
    pub fn wait(&mut self, waiting: Waiting) -> bool {
        if let Some(last) = self.queue.back_mut()
            && (last.subscription, last.id, last.layer) == (waiting.subscription, waiting.id, waiting.layer)
            && last.first + u64::from(last.count) == waiting.first
            && waiting.since.since(last.since) < PIECE
            && let Some(count) = last.count.checked_add(waiting.count)
        {
            last.count = count;
            return true;
        }
        let room = self.queue.len() < WAITING_MAX;
        if room {
            self.queue.push_back(waiting);
        }
        room
    }

    /// Whether anything waits.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether something waits that nobody will come for yet: from here on, somebody will.
    #[inline]
    pub fn take_unscheduled(&mut self) -> bool {
        !self.queue.is_empty() && !core::mem::replace(&mut self.scheduled, true)
    }

    /// Somebody came.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
    }

    /// What waits for longest.
    pub fn first(&self) -> Option<Waiting> {
        self.queue.front().copied()
    }

    /// The first `count` packets of what waits for longest left, or never will.
    pub fn advance(&mut self, count: u16) {
        let Some(first) = self.queue.front_mut() else { return };
        first.count = first.count.saturating_sub(count);
        first.first += u64::from(count);
        if first.count == 0 {
            self.queue.pop_front();
        }
    }

    /// What waits for longest, when that is too old to be worth it.
    pub fn stale(&self, now: Instant) -> Option<Waiting> {
        let most = if self.draining { WAIT_DRAINING_MAX } else { WAIT_MAX };
        self.first().filter(|first| now.since(first.since) > most)
    }

    /// Takes out what waits for a subscription of other streams than `layer`; gives how many packets that were.
    pub fn forget_others(&mut self, id: SubscriptionId, layer: u8) -> u64 {
        let is_other = |w: &Waiting| w.id == id && w.layer != layer;
        let packets = self.queue.iter().filter(|w| is_other(w)).map(|w| u64::from(w.count)).sum();
        self.queue.retain(|w| !is_other(w));
        packets
    }

    /// Takes out all that waits for a subscription; gives how many packets that were.
    pub fn forget(&mut self, id: SubscriptionId) -> u64 {
        let packets = self.queue.iter().filter(|w| w.id == id).map(|w| u64::from(w.count)).sum();
        self.queue.retain(|w| w.id != id);
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn pacer(kbit: u64) -> Pacer {
        let mut pacer = Pacer::default();
        pacer.set_proven(false);
        pacer.set_rate(at(0), Some(Bitrate(kbit * 1_000)), Bitrate(0));
        pacer
    }

    fn waiting(id: u64, first: u64, count: u16, since: u64) -> Waiting {
        Waiting { subscription: id as u32, id: SubscriptionId(id), layer: 0, first, count, since: at(since) }
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut pacer = Pacer::default();
        pacer.charge(at(5), 1 << 40);
        assert_eq!(pacer.allowance(at(5)), u64::MAX);
        pacer.set_rate(at(5), Some(Bitrate(1_000_000)), Bitrate(0));
        pacer.charge(at(5), 1 << 20);
        pacer.set_rate(at(5), None, Bitrate(0));
        assert_eq!(pacer.allowance(at(5)), u64::MAX);
    }

    #[test]
    fn a_burst_is_a_time_of_the_estimate_and_no_less_than_a_run() {
        assert_eq!(pacer(4_000).allowance(at(9)), 12_500);
        assert_eq!(pacer(100).allowance(at(9)), BURST_BYTES_MIN);
    }

    #[test]
    fn what_left_is_made_good_at_the_pace() {
        let mut pacer = pacer(4_000);
        pacer.charge(at(100), 12_500);
        assert!(pacer.allowance(at(100)) < 5);
        // 8 Mbit/s are 1000 bytes a millisecond.
        assert!((6_240..=6_260).contains(&pacer.allowance(pacer.opens())), "{}", pacer.allowance(pacer.opens()));
        assert!(pacer.opens() >= at(106) && pacer.opens() <= at(107));
        assert_eq!(pacer.allowance(at(113)), 12_500);
    }

    #[test]
    fn the_first_picture_leaves_at_once() {
        let mut pacer = pacer(500);
        pacer.begin();
        assert_eq!(pacer.allowance(at(9)), BEGIN_BYTES + BURST_BYTES_MIN);
        pacer.charge(at(9), 10_000);
        assert_eq!(pacer.allowance(at(9)), BEGIN_BYTES + BURST_BYTES_MIN - 10_000);
        pacer.charge(at(9), BEGIN_BYTES);
        assert_eq!(pacer.allowance(at(9)), 0);
    }

    #[test]
    fn what_waits_in_a_row_is_one_piece() {
        let mut pacer = pacer(500);
        assert!(!pacer.is_waiting());
        assert!(pacer.wait(waiting(1, 100, 3, 5)) && pacer.wait(waiting(1, 103, 2, 6)));
        assert!(pacer.wait(waiting(1, 106, 1, 7)) && pacer.wait(waiting(2, 107, 1, 8)));
        assert_eq!(pacer.first(), Some(waiting(1, 100, 5, 5)));
        pacer.advance(4);
        assert_eq!(pacer.first(), Some(waiting(1, 104, 1, 5)));
        pacer.advance(1);
        assert_eq!(pacer.first(), Some(waiting(1, 106, 1, 7)));
        assert!(pacer.wait(Waiting { layer: 1, ..waiting(1, 300, 2, 8) }));
        assert_eq!(pacer.forget_others(SubscriptionId(1), 0), 2);
        assert_eq!(pacer.forget(SubscriptionId(1)), 1);
        assert_eq!(pacer.first(), Some(waiting(2, 107, 1, 8)));
    }

    #[test]
    fn what_comes_later_is_another_piece_and_has_its_own_time() {
        let mut pacer = pacer(500);
        assert!(pacer.wait(waiting(1, 100, 3, 5)) && pacer.wait(waiting(1, 103, 2, 5 + PIECE.as_millis() as u64)));
        assert!(pacer.stale(at(6) + WAIT_MAX).is_some());
        pacer.advance(3);
        assert!(pacer.stale(at(6) + WAIT_MAX).is_none(), "the queue is old, and what is in it is not");
    }

    #[test]
    fn an_estimate_that_nothing_proves_keeps_nothing_back_for_long() {
        let mut pacer = pacer(500);
        pacer.charge(at(100), 1 << 20);
        assert!(pacer.wait(waiting(1, 100, 3, 100)) && pacer.wait(waiting(1, 103, 2, 150)));
        pacer.set_proven(true);
        assert!(!pacer.is_overdue(at(100) + WAIT_MAX), "the path was seen to be full");
        pacer.set_proven(false);
        assert_eq!(pacer.opens(), at(100) + UNPROVEN_WAIT_MAX);
        assert!(!pacer.is_overdue(at(99) + UNPROVEN_WAIT_MAX) && pacer.is_overdue(at(100) + UNPROVEN_WAIT_MAX));
        pacer.advance(3);
        assert!(!pacer.is_overdue(at(149) + UNPROVEN_WAIT_MAX) && pacer.is_overdue(at(150) + UNPROVEN_WAIT_MAX));
    }

    #[test]
    fn repairs_go_before_what_waits_for_a_moment() {
        let mut pacer = pacer(4_000);
        // 8 Mbit/s are 1000 bytes a millisecond.
        pacer.charge(at(100), 60_000);
        assert_eq!(pacer.allowance(at(100)), 0);
        assert!((39_900..40_100).contains(&pacer.repairs(at(100))), "{}", pacer.repairs(at(100)));
        pacer.charge(at(100), 60_000);
        assert_eq!(pacer.repairs(at(100)), 0);
    }

    #[test]
    fn video_waits_until_a_full_queue_is_shorter() {
        let mut pacer = pacer(500);
        pacer.hold(at(100), HOLD_BELOW);
        assert!(pacer.allowance(at(100)) > 0, "it is short enough");
        pacer.hold(at(100), HOLD_BELOW + Duration::from_millis(60));
        assert_eq!(pacer.allowance(at(159)), 0);
        assert!(pacer.allowance(at(161)) > 0);
        pacer.hold(at(200), Duration::from_secs(9));
        assert!(pacer.allowance(at(201) + HOLD_MAX) > 0, "a queue that long would have lost what is beyond");
    }

    #[test]
    fn what_left_takes_less_time_on_a_path_that_carries_more() {
        let mut pacer = pacer(1_000);
        pacer.charge(at(100), 3_750 + 12_500);
        assert_eq!(pacer.allowance(at(100)), 0);
        // 2 Mbit/s take 65 ms for it, 20 Mbit/s 6.5.
        pacer.set_rate(at(100), Some(Bitrate(10_000_000)), Bitrate(0));
        assert!(pacer.opens() <= at(101) && pacer.allowance(at(107)) == 31_250, "{}", pacer.allowance(at(107)));
    }

    #[test]
    fn the_queue_is_bounded_and_grows_stale() {
        let mut pacer = pacer(500);
        for n in 0..WAITING_MAX as u64 {
            assert!(pacer.wait(waiting(1, 2 * n, 1, 100)));
        }
        assert!(!pacer.wait(waiting(1, 1_000, 1, 100)));
        assert!(pacer.stale(at(100) + WAIT_MAX).is_none() && pacer.stale(at(101) + WAIT_MAX).is_some());
        const { assert!(Pacer::BYTES <= 6 * 1_024) };
    }

    proptest! {
        /// Over any time, no more leaves than the pace and one burst, when each run keeps to its allowance but for its last packet.
        #[test]
        fn the_pace_is_kept(kbit in 50u64..20_000, steps in prop::collection::vec((0u64..30, 1u64..100_000), 1..100)) {
            let mut pacer = pacer(kbit);
            let (mut now, mut sent) = (1_000, 0);
            for (later, wanted) in steps {
                now += later;
                let bytes = wanted.min(pacer.allowance(at(now)));
                pacer.charge(at(now), bytes);
                sent += bytes;
                let most = pacer.burst_bytes + PACE_PERCENT * kbit * (now - 1_000) / 800;
                prop_assert!(sent <= most + most / 100 + 10, "{sent} of {most}");
            }
        }
    }
}
