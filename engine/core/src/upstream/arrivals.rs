//! When packets arrived, by their transport-wide sequence number: one store a packet, into a ring.
//!
//! ```text
//!            base: not reported on before             next: after the highest that arrived
//!              v                                        v
//! ... reported | arrived . arrived arrived . . arrived  |
//!        ^ a packet that is late moves `base` back to it: what follows is reported once more, with the same times
//! ```

use corelay_wire::rtcp::TransportCcBuilder;
use corelay_wire::units::{Instant, SequenceNumber, Ssrc};

/// Numbers that are remembered, a power of two: twice what is reported on at a time, so that what is late has its neighbours. More
/// bridges longer losses; each costs 33 bits.
const REMEMBERED: u64 = 1024;
const WORDS: usize = (REMEMBERED / 64) as usize;
/// Numbers that one message reports on. More would save messages on a fast transport; with fewer, the worst case always fits a compound
/// packet beside its report and name.
const MESSAGE_MAX: u16 = 256;
/// Packets that are reported on before the time: half a message.
const HURRY: u16 = MESSAGE_MAX / 2;
/// The resolution of the feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
const NANOS_PER_TICK: u64 = 250_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// In ticks, without what is above 32 bits: 12 days.
    ticks: [u32; REMEMBERED as usize],
    arrived: [u64; WORDS],
    base: u64,
    next: u64,
    /// Since the last report.
    fresh: u16,
    /// Counts the messages.
    count: u8,
    /// The source of the last packet.
    media: Ssrc,
}

/// A message that is ready, and where the next one begins.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) builder: TransportCcBuilder,
    pub(crate) media: Ssrc,
    pub(crate) count: u8,
    next: u64,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { ticks: [0; REMEMBERED as usize], arrived: [0; WORDS], base: 0, next: 0, fresh: 0, count: 0, media: Ssrc(0) }
    }

    /// Takes in a packet. Tells whether a report should not wait for its time.
    pub(super) fn add(&mut self, sequence: SequenceNumber, media: Ssrc, received: Instant) -> bool {
        self.media = media;
        if self.next == 0 {
            // Not at zero, so that what was overtaken at the very beginning has a place.
            self.next = u64::from(sequence.0) + (1 << 16);
            self.base = self.next;
        }
        let distance = sequence.distance(SequenceNumber(self.next as u16));
        let number = self.next.saturating_add_signed(distance.into());
        if distance >= 0 {
            self.advance(number);
        } else if number + REMEMBERED < self.next || self.has(number) {
            return false;
        }
        self.base = self.base.min(number);
        self.ticks[(number % REMEMBERED) as usize] = (received.as_nanos() / NANOS_PER_TICK) as u32;
        let (word, bit) = place(number);
        self.arrived[word] |= bit;
        self.fresh = self.fresh.saturating_add(1);
        self.fresh >= HURRY
    }

    /// `number` is the highest: none of those between has arrived.
    fn advance(&mut self, number: u64) {
        if number - self.next >= REMEMBERED / 2 {
            // The sender began anew, or was away: nobody waits for what is between.
            self.arrived = [0; WORDS];
            self.base = number;
        } else {
            for passed in self.next..=number {
                let (word, bit) = place(passed);
                self.arrived[word] &= !bit;
            }
        }
        self.next = number + 1;
        self.base = self.base.max(self.next.saturating_sub(REMEMBERED));
    }

    /// What arrived since the last report, as far as one message goes; `None` when that is nothing.
    pub(super) fn report(&self, now: Instant) -> Option<Report> {
        let mut builder = TransportCcBuilder::new(wire(self.base));
        let mut next = self.base;
        for number in self.base..self.next {
            if !self.has(number) {
                continue;
            }
            let apart = (number - self.base) as u16;
            if apart >= MESSAGE_MAX || !builder.push(wire(number), self.time(number, now)) {
                break;
            }
            next = number + 1;
        }
        if next == self.base {
            // The first is too far behind for one message: nobody waits for what is between.
            let first = (self.base..self.next).find(|n| self.has(*n))?;
            builder = TransportCcBuilder::new(wire(first));
            builder.push(wire(first), self.time(first, now));
            next = first + 1;
        }
        Some(Report { builder, media: self.media, count: self.count, next })
    }

    /// The report is on its way.
    pub(super) fn reported(&mut self, report: &Report) {
        self.base = report.next;
        self.count = self.count.wrapping_add(1);
        self.fresh = 0;
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.arrived[word] & bit != 0
    }

    fn time(&self, number: u64, now: Instant) -> Instant {
        let now = now.as_nanos() / NANOS_PER_TICK;
        let ago = (now as u32).wrapping_sub(self.ticks[(number % REMEMBERED) as usize]);
        Instant::from_nanos(now.saturating_sub(ago.into()) * NANOS_PER_TICK)
    }
}

/// A number as on the wire.
const fn wire(number: u64) -> SequenceNumber {
    SequenceNumber(number as u16)
}

const fn place(number: u64) -> (usize, u64) {
    ((number % REMEMBERED / 64) as usize, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelay_wire::rtcp::{CompoundWriter, ReceiverReport, ReportBlocks, SdesCname};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// All messages: number and arrival in ticks.
    fn take(arrivals: &mut Arrivals, now: Instant) -> Vec<Vec<(u16, Option<i64>)>> {
        let mut all = Vec::new();
        while let Some(mut report) = arrivals.report(now) {
            let message = report.builder.message(Ssrc(1), report.media, report.count).expect("a report has an arrival");
            assert_eq!(message.feedback_count, all.len() as u8);
            all.push(message.arrivals().map(|(sequence, ticks)| (sequence.0, ticks)).collect());
            arrivals.reported(&report);
        }
        all
    }

    #[test]
    fn losses_and_wraps_are_reported_in_order() {
        let mut arrivals = Arrivals::new();
        for (sequence, millis) in [(65_534, 1_000), (1, 1_003), (0, 1_004), (2, 1_005)] {
            arrivals.add(SequenceNumber(sequence), Ssrc(7), at(millis));
        }
        let ticks = |millis: i64| Some(millis * 4);
        assert_eq!(
            take(&mut arrivals, at(1_050)),
            [[(65_534, ticks(1_000)), (65_535, None), (0, ticks(1_004)), (1, ticks(1_003)), (2, ticks(1_005))]]
        );
        assert!(arrivals.report(at(1_100)).is_none());
    }

    #[test]
    fn what_is_lost_between_two_reports_is_reported_and_what_is_late_again() {
        let mut arrivals = Arrivals::new();
        arrivals.add(SequenceNumber(10), Ssrc(7), at(100));
        take(&mut arrivals, at(110));
        arrivals.add(SequenceNumber(12), Ssrc(7), at(120));
        let mut report = arrivals.report(at(130)).expect("one arrived");
        let message = report.builder.message(Ssrc(1), report.media, report.count).expect("one arrived");
        assert_eq!((message.feedback_count, message.base), (1, SequenceNumber(11)));
        assert_eq!(message.arrivals().map(|(_, at)| at.is_some()).collect::<Vec<_>>(), [false, true]);
        arrivals.reported(&report);
        arrivals.add(SequenceNumber(11), Ssrc(7), at(140));
        let report = arrivals.report(at(150)).expect("one was late");
        let mut builder = report.builder;
        let message = builder.message(Ssrc(1), report.media, report.count).expect("one was late");
        assert_eq!(message.arrivals().collect::<Vec<_>>(), [(SequenceNumber(11), Some(560)), (SequenceNumber(12), Some(480))]);
    }

    #[test]
    fn many_take_several_messages_that_fit_their_packets() {
        let mut arrivals = Arrivals::new();
        let mut hurry = false;
        for n in 0..700u16 {
            // Every other takes two bytes.
            hurry |= arrivals.add(SequenceNumber(n.wrapping_mul(1)), Ssrc(7), at(1_000 + u64::from(n % 2) * 100));
        }
        assert!(hurry);
        let mut messages = 0;
        while let Some(mut report) = arrivals.report(at(2_000)) {
            let mut buffer = [0; 1_200];
            let mut writer = CompoundWriter::new(&mut buffer);
            writer.push(&ReceiverReport { ssrc: Ssrc(1), blocks: ReportBlocks::EMPTY }).expect("there is room");
            writer.push(&SdesCname { ssrc: Ssrc(1), cname: b"corelay" }).expect("there is room");
            let message = report.builder.message(Ssrc(1), report.media, report.count).expect("a report has an arrival");
            writer.push(&message).expect("every message fits");
            arrivals.reported(&report);
            messages += 1;
        }
        assert_eq!(messages, 3);
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        let mut arrivals = Arrivals::new();
        arrivals.add(SequenceNumber(100), Ssrc(7), at(100));
        arrivals.add(SequenceNumber(20_000), Ssrc(7), at(200));
        let messages = take(&mut arrivals, at(300));
        assert_eq!(messages.concat(), [(20_000, Some(800))]);
    }

    proptest! {
        #[test]
        fn what_arrived_is_reported_as_it_was(
            steps in prop::collection::vec((-40i64..60, 0u64..20, prop::bool::weighted(0.1)), 1..400),
        ) {
            let mut arrivals = Arrivals::new();
            let (mut number, mut now, mut truth, mut told) = (70_000i64, 1_000, BTreeMap::new(), BTreeMap::new());
            for (step, wait, report) in steps {
                number = (number + step).max(66_000);
                now += wait;
                if arrivals.next == 0 || i64::try_from(arrivals.next).expect("small") - number < REMEMBERED as i64 {
                    truth.entry(number as u16).or_insert(now as i64 * 4);
                }
                arrivals.add(SequenceNumber(number as u16), Ssrc(7), at(now));
                if report {
                    told.extend(reported(&mut arrivals, at(now)));
                }
            }
            told.extend(reported(&mut arrivals, at(now)));
            for (number, ticks) in told {
                prop_assert_eq!(truth.get(&number), Some(&ticks));
            }
        }
    }

    fn reported(arrivals: &mut Arrivals, now: Instant) -> Vec<(u16, i64)> {
        let mut all = Vec::new();
        while let Some(mut report) = arrivals.report(now) {
            let message = report.builder.message(Ssrc(1), report.media, report.count).expect("a report has an arrival");
            all.extend(message.arrivals().filter_map(|(sequence, ticks)| Some((sequence.0, ticks?))));
            arrivals.reported(&report);
        }
        all
    }
}
