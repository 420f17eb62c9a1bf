//! What left on a transport and when, one entry a run, until the peer tells what arrived.
//!
//! ```text
//! ring   | first 100, 20 packets of 1200, last 800, at 5 ms | first 120, 3 of 1190 ... | ...        newest overwrites oldest
//!           '-- 100 ... 118: 1200 bytes, 119: 800
//! next   the number of the packet that leaves next
//! ```
//!
//! All packets of a run left at the same time and all but the last are of one length, so that the entry says all of each of them.
//! Where they are of one stream and follow each other in it, it also says which packets they are: what the peer misses is found
//! again without a word of it for each packet. What became of a packet is not noted here: whoever takes the results knows by their
//! numbers what it heard before.

use crate::estimate::{ArrivalClock, PacketResult};
use corelay_wire::rtcp::TransportCc;
use corelay_wire::units::{Instant, SequenceNumber};

/// Runs that are remembered, a power of two. More answers feedback that comes later: a busy subscriber gets 300 runs a second, and
/// feedback is a round trip and 100 ms behind. Each costs 20 bytes a transport.
const RUNS_MAX: usize = 512;
/// Numbers that are remembered: a quarter of the circle, so that older and newer can be told apart. 200 Mbit/s for a second.
const NUMBERS_MAX: u16 = 1 << 14;
/// Numbers older than the ring that feedback may begin with. The peer begins where its last message ended, so that after an outage
/// it may; a message that only names what is long gone costs no more than to see that.
const FORGOTTEN_MAX: u16 = 1 << 12;

/// Packets that left together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SentRun {
    /// In microseconds, of which 32 bits are kept: the ring reaches back by seconds, the circle is 71 minutes.
    at: u32,
    first: u16,
    segment: u16,
    last: u16,
    packets: u8,
    /// The probe's cluster and one; zero for none.
    probe: u8,
    /// Whose the packets are, and the sequence number of the first: see [`Named`].
    subscription: u32,
    sequence: u16,
}

/// No slot of a table.
const NOBODY: u32 = u32::MAX;

/// A packet of a subscription, or the first of some that follow each other, by its slot and the number that its subscriber knows
/// it by: of a retransmission, that of the packet in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Slots are used again: what is found by it may be another's.
    pub subscription: u32,
    /// Of the stream, not of the transport.
    pub sequence: SequenceNumber,
}

/// A run that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Packets with a number.
    pub packets: u8,
    /// The length of each but the last.
    pub segment: u16,
    /// The length of the last.
    pub last: u16,
    /// The cluster of the probe that it is part of.
    pub probe: Option<u8>,
    /// Its first packet, where the others follow it.
    pub named: Option<Named>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct SentLog {
    runs: Box<[SentRun; RUNS_MAX]>,
    /// Runs noted so far.
    noted: usize,
    /// Runs that are in the ring.
    kept: usize,
    /// The number of the next packet.
    next: u16,
    /// The number after the highest that was reported on.
    reported: u16,
    clock: ArrivalClock,
}

impl Default for SentLog {
    fn default() -> Self {
        Self {
            runs: Box::new([SentRun::default(); RUNS_MAX]),
            noted: 0,
            kept: 0,
            next: 0,
            reported: 0,
            clock: ArrivalClock::default(),
        }
    }
}

impl SentLog {
    /// What a log takes from the heap.
    pub const BYTES: u64 = size_of::<[SentRun; RUNS_MAX]>() as u64;

    /// The number of the packet that leaves next.
    #[inline]
    pub const fn next(&self) -> SequenceNumber {
        SequenceNumber(self.next)
    }

    /// A run left: its packets have the numbers from [`Self::next`] on.
    #[inline]
    pub fn note(&mut self, now: Instant, run: Departed) {
        let Departed { packets, segment, last, probe, named } = run;
        if packets == 0 {
            return;
        }
        let probe = probe.map_or(0, |cluster| cluster.wrapping_add(1));
        let Named { subscription, sequence } = named.unwrap_or(Named { subscription: NOBODY, sequence: SequenceNumber(0) });
        let sequence = sequence.0;
        let entry = SentRun { at: micros(now), first: self.next, segment, last, packets, probe, subscription, sequence };
        self.runs[self.noted % RUNS_MAX] = entry;
        self.noted += 1;
        self.kept = (self.kept + 1).min(RUNS_MAX);
        self.next = self.next.wrapping_add(packets.into());
        while self.next.wrapping_sub(self.run(0).first) > NUMBERS_MAX {
            self.kept -= 1;
        }
    }

    /// What the peer tells of the packets that are remembered, in the order of their numbers. `overhead`: what UDP and IP add to a
    /// packet. What was never sent, or is forgotten, is left out.
    pub fn resolve<'a>(&'a mut self, message: &TransportCc<'a>, now: Instant, overhead: u32) -> Results<'a> {
        let back = self.next.wrapping_sub(message.base.0);
        let span = if self.kept == 0 { 0 } else { self.next.wrapping_sub(self.run(0).first) };
        // Not sent yet, or long gone.
        let is_ours = back > 0 && back <= span.saturating_add(FORGOTTEN_MAX);
        let known = usize::from(if is_ours { message.status_count.min(back) } else { 0 });
        let end = message.base.0.wrapping_add(known as u16);
        if (end.wrapping_sub(self.reported) as i16) > 0 {
            self.reported = end;
        }
        Results { at: self.find(message.base.0), log: self, arrivals: message.arrivals().take(known), run: None, now, overhead }
    }

    /// Which packet left with this number, where that was noted and is not forgotten.
    pub fn named(&self, number: SequenceNumber) -> Option<Named> {
        let run = Some(self.find(number.0)).filter(|at| *at < self.kept).map(|at| self.run(at))?;
        let place = number.0.wrapping_sub(run.first);
        let known = place < u16::from(run.packets) && run.subscription != NOBODY;
        known.then(|| Named { subscription: run.subscription, sequence: SequenceNumber(run.sequence).plus(place) })
    }

    /// The numbers that a packet left with, as far as they are remembered: it may have left again.
    pub fn numbers_of(&self, packet: Named) -> impl Iterator<Item = SequenceNumber> {
        (0..self.kept).filter_map(move |n| {
            let run = self.run(n);
            let place = packet.sequence.0.wrapping_sub(run.sequence);
            let is_of = run.subscription == packet.subscription && place < u16::from(run.packets);
            is_of.then(|| SequenceNumber(run.first).plus(place))
        })
    }

    /// Bytes that left after all that this message and those before it tell of. `overhead`: what UDP and IP add to a packet.
    pub fn bytes_after(&self, message: &TransportCc<'_>, overhead: u32) -> u64 {
        let end = message.base.0.wrapping_add(message.status_count);
        let reported = if (end.wrapping_sub(self.reported) as i16) > 0 { end } else { self.reported };
        let bytes = |run: &SentRun| {
            let ahead = run.first.wrapping_add(run.packets.into()).wrapping_sub(reported) as i16;
            let packets = u64::from(ahead.clamp(0, run.packets.into()).cast_unsigned());
            packets * u64::from(run.segment + overhead as u16)
                - u64::from(run.segment.saturating_sub(run.last) * u16::from(packets > 0))
        };
        (0..self.kept).rev().map(|n| bytes(self.run(n))).take_while(|bytes| *bytes > 0).sum()
    }

    /// Whether there are packets that the peer has said nothing of.
    #[inline]
    pub const fn is_outstanding(&self) -> bool {
        self.reported != self.next
    }

    /// When the oldest packet left that the peer has said nothing of, if there is one.
    pub fn outstanding_since(&self, now: Instant) -> Option<Instant> {
        if !self.is_outstanding() || self.kept == 0 {
            return None;
        }
        let run = self.run(self.find(self.reported).min(self.kept - 1));
        Some(instant(run.at, now))
    }

    /// The `n`th run of the ring, the oldest first.
    fn run(&self, n: usize) -> &SentRun {
        &self.runs[(self.noted - self.kept + n) % RUNS_MAX]
    }

    /// Which run of the ring has the number, or comes first after it.
    fn find(&self, number: u16) -> usize {
        let back = self.next.wrapping_sub(number);
        let (mut low, mut high) = (0, self.kept);
        while low < high {
            let middle = low.midpoint(high);
            let run = self.run(middle);
            // The run ended before the number.
            match self.next.wrapping_sub(run.first).wrapping_sub(run.packets.into()) >= back {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

fn micros(at: Instant) -> u32 {
    (at.as_nanos() / 1_000) as u32
}

/// The latest time not after `now` with these microseconds.
fn instant(at: u32, now: Instant) -> Instant {
    let ago = u64::from(micros(now).wrapping_sub(at));
    Instant::from_nanos((now.as_nanos() / 1_000).saturating_sub(ago) * 1_000)
}

/// Iterates over what became of packets.
pub struct Results<'a> {
    log: &'a mut SentLog,
    arrivals: core::iter::Take<corelay_wire::rtcp::Arrivals<'a>>,
    /// The run that the last number was of, in the ring; and it, with the time when it left.
    at: usize,
    run: Option<(SentRun, Instant)>,
    now: Instant,
    overhead: u32,
}

impl Iterator for Results<'_> {
    type Item = PacketResult;

    fn next(&mut self) -> Option<PacketResult> {
        loop {
            let (sequence, arrived) = self.arrivals.next()?;
            // Also for what is forgotten: the clock goes by what was said last.
            let arrived = arrived.map(|ticks| self.log.clock.instant(ticks));
            let (run, sent) = match self.run {
                Some(known) if !is_behind(&known.0, sequence) => known,
                _ => self.turn_to(sequence)?,
            };
            let place = sequence.0.wrapping_sub(run.first);
            if place >= u16::from(run.packets) {
                // Before the ring.
                continue;
            }
            let len = if place + 1 == u16::from(run.packets) { run.last } else { run.segment };
            return Some(PacketResult {
                sequence,
                sent,
                arrived,
                bytes: u32::from(len) + self.overhead,
                probe: run.probe.checked_sub(1),
            });
        }
    }
}

impl Results<'_> {
    /// The run that a number is of, or the first after it.
    fn turn_to(&mut self, sequence: SequenceNumber) -> Option<(SentRun, Instant)> {
        while self.at < self.log.kept && is_behind(self.log.run(self.at), sequence) {
            self.at += 1;
        }
        self.run = (self.at < self.log.kept).then(|| *self.log.run(self.at)).map(|run| (run, instant(run.at, self.now)));
        self.run
    }
}

/// Whether the number is after all of the run.
fn is_behind(run: &SentRun, sequence: SequenceNumber) -> bool {
    sequence.distance(SequenceNumber(run.first)) >= i16::from(run.packets)
}

#[cfg(test)]
mod tests;
