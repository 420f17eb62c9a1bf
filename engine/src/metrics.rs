//! What a shard counts, and how it posts it.
//!
//! Counting is plain arithmetic in memory of the shard's own. Once a second the shard copies its numbers into a spare snapshot and
//! swaps that with the one on the shelf. The shelf is a lock that is held for the swap or for one clone of an `Arc`; the shard only
//! *tries* it, and posts a second later when a reader is in just then. So the packet path meets no lock and no shared counter, and a
//! snapshot costs an allocation only while a reader still holds the one before the last.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use corelay_core::Core;
use corelay_core::counters::Counters;
use corelay_core::outbox::{Forwarded, Outbox};
use corelay_uring::{Arrivals, Departures, UdpSocket, cpu};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;

use crate::mailbox::{CommandReceiver, EventOutbox};
use crate::snapshot::{Depths, Queue, ShardSnapshot, WakeCause};

/// How often a shard posts. Higher: what is read is older, and readiness is told later. Lower: an idle shard wakes more often for
/// nothing (21 us each).
pub(crate) const POST_EVERY: Duration = Duration::from_secs(1);

/// Where a shard's last snapshot lies for whoever wants it.
#[derive(Clone, Debug)]
pub(crate) struct Shelf(Arc<Mutex<Arc<ShardSnapshot>>>);

impl Shelf {
    /// The last snapshot.
    pub(crate) fn look(&self) -> Arc<ShardSnapshot> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The numbers of one shard. They outlive its core.
#[derive(Debug)]
pub(crate) struct Metrics {
    current: ShardSnapshot,
    /// Totals of cores that are gone.
    past: Counters,
    spare: Arc<ShardSnapshot>,
    shelf: Shelf,
    post_at: Instant,
    /// Nanoseconds of work since the last post.
    busy_ns: u64,
    /// What the sockets had dropped at the last post.
    dropped: u32,
}

impl Metrics {
    pub(crate) fn new(shard: ShardId) -> Self {
        let current = ShardSnapshot::new(shard);
        Self {
            spare: Arc::new(current.clone()),
            shelf: Shelf(Arc::new(Mutex::new(Arc::new(current.clone())))),
            current,
            past: Counters::default(),
            post_at: Instant::ZERO,
            busy_ns: 0,
            dropped: 0,
        }
    }

    pub(crate) fn shelf(&self) -> Shelf {
        self.shelf.clone()
    }

    /// When the next post is due.
    pub(crate) fn post_at(&self) -> Instant {
        self.post_at
    }

    /// What a turn took in. `cause`: what it woke for, where it might have slept.
    pub(crate) fn arrivals(&mut self, arrivals: Arrivals, cause: Option<WakeCause>) {
        self.current.datagrams_truncated += arrivals.truncated as u64;
        self.current.depths.note(Queue::ReceiveBuffers, arrivals.waiting);
        if arrivals.datagrams > 0 {
            self.current.batch.saturating_record(arrivals.datagrams as u64);
        }
        if let Some(cause) = cause {
            self.current.wake_ups.count(cause);
        }
    }

    /// What waited in `queue` at a moment when it is at its fullest.
    pub(crate) fn depth(&mut self, queue: Queue, depth: usize) {
        self.current.depths.note(queue, depth);
    }

    /// The runs that are about to be sent.
    pub(crate) fn runs(&mut self, outbox: &Outbox) {
        let mut bytes = 0;
        for run in outbox.runs() {
            bytes += run.bytes.len();
            self.current.run_length.saturating_record(run.count as u64);
        }
        self.current.depths.note(Queue::OutboxBytes, bytes);
    }

    /// The copies of `packets` were sent, and the send ended at `done`.
    pub(crate) fn forwarded(&mut self, packets: &[Forwarded], done: Instant) {
        for packet in packets {
            let ns = u64::try_from(done.since(packet.received).as_nanos()).unwrap_or(u64::MAX);
            self.current.forward_ns.saturating_record_n(ns, u64::from(packet.copies));
        }
    }

    pub(crate) fn departures(&mut self, departures: Departures) {
        self.current.packets_refused += departures.refused as u64;
        self.current.send_calls += departures.calls as u64;
    }

    pub(crate) fn command(&mut self) {
        self.current.commands += 1;
    }

    /// A turn that began at `now` and ended at `end`.
    pub(crate) fn turn(&mut self, now: Instant, end: Instant) {
        let ns = u64::try_from(end.since(now).as_nanos()).unwrap_or(u64::MAX);
        self.current.turns += 1;
        self.current.turn_time_ns.saturating_record(ns);
        self.busy_ns = self.busy_ns.saturating_add(ns);
    }

    /// The core is lost. What it counted since the last post is lost with it; what was posted stays, so that totals never go back.
    pub(crate) fn restarted(&mut self) {
        self.current.restarts += 1;
        self.past = sum(&self.current.core, &Counters::default());
        self.post_at = Instant::ZERO;
    }

    /// Puts the numbers of this moment on the shelf.
    pub(crate) fn post(
        &mut self,
        now: Instant,
        core: &Core,
        commands: &CommandReceiver,
        events: &EventOutbox,
        sockets: &[UdpSocket],
    ) {
        self.post_at = now + POST_EVERY;
        self.work(now);
        self.sockets(sockets);
        self.current.posted_at = now;
        self.current.core = sum(&self.past, core.counters());
        self.current.commands_refused = commands.refused();
        self.current.events_dropped = events.dropped();
        match Arc::get_mut(&mut self.spare) {
            Some(spare) => spare.copy_from(&self.current),
            None => self.spare = Arc::new(self.current.clone()),
        }
        if let Ok(mut on_shelf) = self.shelf.0.try_lock() {
            std::mem::swap(&mut *on_shelf, &mut self.spare);
        }
        self.current.depths = Depths::default();
    }

    fn work(&mut self, now: Instant) {
        let (time, cpu) = (now.since(self.current.posted_at), cpu::thread_time());
        let cpu_ns = u64::try_from(cpu.saturating_sub(self.current.cpu).as_nanos()).unwrap_or(u64::MAX);
        let busy_ns = std::mem::take(&mut self.busy_ns).max(cpu_ns);
        // The first post of a life comes at once: it would tell of the start, as if the shard were overloaded.
        let is_first = self.current.posted_at == Instant::ZERO || time < POST_EVERY / 2;
        self.current.busy_permille = if is_first { 0 } else { permille(busy_ns, time) };
        self.current.cpu = cpu;
    }

    fn sockets(&mut self, sockets: &[UdpSocket]) {
        let queues = || sockets.iter().map(UdpSocket::receive_queue);
        self.current.depths.note(Queue::SocketBytes, queues().map(|q| q.bytes as usize).sum());
        let dropped = queues().fold(0u32, |sum, q| sum.wrapping_add(q.dropped));
        self.current.datagrams_unread += u64::from(dropped.wrapping_sub(self.dropped));
        self.dropped = dropped;
    }
}

/// `busy_ns` of `time`. A turn that began before the time did may make it more than all of it.
fn permille(busy_ns: u64, time: Duration) -> u32 {
    let permille = u128::from(busy_ns) * 1_000 / time.as_nanos().max(1);
    u32::try_from(permille.min(1_000)).expect("a thousand fits")
}

/// The totals of both; what there is at present, of the second alone.
fn sum(past: &Counters, present: &Counters) -> Counters {
    let mut drops = past.drops.clone();
    drops.add(&present.drops);
    Counters {
        datagrams_in: past.datagrams_in + present.datagrams_in,
        bytes_in: past.bytes_in + present.bytes_in,
        packets_in: past.packets_in + present.packets_in,
        datagrams_out: past.datagrams_out + present.datagrams_out,
        bytes_out: past.bytes_out + present.bytes_out,
        packets_out: past.packets_out + present.packets_out,
        runs_out: past.runs_out + present.runs_out,
        keyframe_requests_out: past.keyframe_requests_out + present.keyframe_requests_out,
        keyframe_requests_in: past.keyframe_requests_in + present.keyframe_requests_in,
        fast_starts: past.fast_starts + present.fast_starts,
        fast_starts_declined: past.fast_starts_declined + present.fast_starts_declined,
        nacks_in: past.nacks_in + present.nacks_in,
        nacks_out: past.nacks_out + present.nacks_out,
        feedback_out: past.feedback_out + present.feedback_out,
        retransmissions_in: past.retransmissions_in + present.retransmissions_in,
        retransmissions_out: past.retransmissions_out + present.retransmissions_out,
        given_up: past.given_up + present.given_up,
        relayed_out: past.relayed_out + present.relayed_out,
        relayed_in: past.relayed_in + present.relayed_in,
        microphones_admitted: past.microphones_admitted + present.microphones_admitted,
        speakers: past.speakers + present.speakers,
        probes: past.probes + present.probes,
        selections: std::array::from_fn(|n| std::array::from_fn(|why| past.selections[n][why] + present.selections[n][why])),
        drops,
        ..present.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelay_core::drop_reason::DropReason;

    #[test]
    fn totals_add_up_and_what_there_is_does_not() {
        let mut past = Counters { datagrams_in: 5, rooms: 7, ..Counters::default() };
        past.drops.count(DropReason::NotOurs);
        past.selections[1][3] = 4;
        let mut present = Counters { datagrams_in: 2, rooms: 1, nacks_in: 3, estimated: 6, ..Counters::default() };
        present.selections[1][3] = 2;
        present.drops.count(DropReason::NotOurs);
        let sum = sum(&past, &present);
        assert_eq!((sum.datagrams_in, sum.rooms, sum.drops.total(DropReason::NotOurs)), (7, 1, 2));
        assert_eq!((sum.selections[1][3], sum.nacks_in, sum.estimated), (6, 3, 6));
    }

    #[test]
    fn work_is_told_as_a_share_of_the_time() {
        assert_eq!(permille(250_000_000, Duration::from_secs(1)), 250);
        assert_eq!((permille(2_000_000_000, Duration::from_secs(1)), permille(5, Duration::ZERO)), (1_000, 1_000));
        assert_eq!(permille(0, Duration::ZERO), 0);
    }

    #[test]
    fn a_restart_keeps_the_totals_that_were_posted() {
        let mut metrics = Metrics::new(ShardId(0));
        metrics.current.core.packets_out = 9;
        metrics.current.core.tracks = 3;
        metrics.restarted();
        assert_eq!((metrics.past.packets_out, metrics.past.tracks, metrics.current.restarts), (9, 0, 1));
    }
}
