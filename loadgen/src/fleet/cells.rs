//! What a thread tells of itself while it runs.

use super::counts::CountCells;
use super::happened::Happened;
use super::totals::{Totals, delays, record, share};
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Written by one thread, read by any. The histograms' lock is taken once a turn, and by nobody else but once in a while.
pub(super) struct ThreadCells {
    pub(super) received: CountCells,
    pub(super) streams: Streams,
    pub(super) sent_packets: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) sent_refused: AtomicU64,
    pub(super) unexpected: AtomicU64,
    pub(super) keyframes_asked: AtomicU64,
    pub(super) peers_lost: AtomicU64,
    pub(super) queue_drops: AtomicU64,
    pub(super) cpu_ns: AtomicU64,
    pub(super) dead: AtomicBool,
    pub(super) gso: AtomicBool,
    delays: Mutex<Delays>,
}

/// Streams that come in, at the last look.
#[derive(Default)]
pub(super) struct Streams {
    pub(super) expected: AtomicU64,
    pub(super) started: AtomicU64,
    pub(super) silent: AtomicU64,
}

struct Delays {
    latency_ns: Histogram<u64>,
    read_ns: Histogram<u64>,
    send_ns: Histogram<u64>,
}

/// Delays of one turn.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) read_ns: Vec<u64>,
    pub(super) send_ns: Vec<u64>,
}

impl ThreadCells {
    pub(super) fn new(gso: bool) -> Self {
        Self {
            received: CountCells::default(),
            streams: Streams::default(),
            sent_packets: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            sent_refused: AtomicU64::new(0),
            unexpected: AtomicU64::new(0),
            keyframes_asked: AtomicU64::new(0),
            peers_lost: AtomicU64::new(0),
            queue_drops: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            gso: AtomicBool::new(gso),
            delays: Mutex::new(Delays { latency_ns: delays(), read_ns: delays(), send_ns: delays() }),
        }
    }

    /// Takes a turn's counts in. Only the thread itself calls it.
    pub(super) fn post(&self, happened: &mut Happened, turn: &mut Turn) {
        let add = |cell: &AtomicU64, n: &mut u64| cell.store(cell.load(Ordering::Relaxed) + std::mem::take(n), Ordering::Relaxed);
        self.received.store(&happened.received);
        add(&self.sent_packets, &mut happened.sent_packets);
        add(&self.sent_bytes, &mut happened.sent_bytes);
        add(&self.sent_refused, &mut happened.sent_refused);
        add(&self.unexpected, &mut happened.unexpected);
        let after_all = std::mem::take(&mut happened.expected_after_all);
        self.unexpected.store(self.unexpected.load(Ordering::Relaxed).saturating_sub(after_all), Ordering::Relaxed);
        add(&self.keyframes_asked, &mut happened.keyframes_asked);
        if happened.latencies_ns.is_empty() && turn.read_ns.is_empty() && turn.send_ns.is_empty() {
            return;
        }
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        happened.latencies_ns.drain(..).for_each(|ns| record(&mut delays.latency_ns, ns));
        turn.read_ns.drain(..).for_each(|ns| record(&mut delays.read_ns, ns));
        turn.send_ns.drain(..).for_each(|ns| record(&mut delays.send_ns, ns));
    }

    /// Adds to a fleet's totals.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        totals.received.add(&self.received.load());
        totals.streams_expected += load(&self.streams.expected);
        totals.streams_started += load(&self.streams.started);
        totals.streams_silent += load(&self.streams.silent);
        totals.sent_packets += load(&self.sent_packets);
        totals.sent_bytes += load(&self.sent_bytes);
        totals.sent_refused += load(&self.sent_refused);
        totals.unexpected += load(&self.unexpected);
        totals.keyframes_asked += load(&self.keyframes_asked);
        totals.peers_lost += load(&self.peers_lost);
        totals.queue_drops += load(&self.queue_drops);
        totals.threads_dead += usize::from(self.dead.load(Ordering::Relaxed));
        totals.gso &= self.gso.load(Ordering::Relaxed);
        let cpu = Duration::from_nanos(load(&self.cpu_ns));
        totals.busy.push(share(cpu, totals.elapsed));
        totals.cpu.push(cpu);
        let delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = [
            (&mut totals.latency_ns, &delays.latency_ns),
            (&mut totals.read_delay_ns, &delays.read_ns),
            (&mut totals.send_delay_ns, &delays.send_ns),
        ];
        for (sum, one) in sums {
            sum.add(one).expect("both have the same bounds");
        }
    }
}
