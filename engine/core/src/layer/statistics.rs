//! What a receiver report tells of one stream: RFC 3550 section 6.4.1, with the arithmetic of its appendices A.3 and A.8.

use core::time::Duration;
use corelay_wire::units::{ClockRate, Instant, RtpTimestamp};

/// Loss and jitter of one stream, from its first packet on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    /// Extended sequence number of the first packet.
    base: u64,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Transit time of the latest packet in ticks of the media clock.
    transit: u32,
    /// Sixteen times the jitter, so that integer arithmetic does not lose it (appendix A.8).
    jitter_scaled: u32,
}

/// The numbers of one report block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reception {
    /// Fraction lost since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Packets lost since the beginning; negative when more duplicates came than packets were lost.
    pub(crate) cumulative_lost: i32,
    pub(crate) highest: u32,
    /// In ticks of the media clock.
    pub(crate) jitter: u32,
}

impl Statistics {
    /// Counts a packet, duplicates included ("the number of packets received ... includes any which are late or duplicates").
    pub(crate) fn count(&mut self, index: u64, timestamp: RtpTimestamp, now: Instant, clock: ClockRate) {
        let transit = ticks(now, clock).wrapping_sub(timestamp.0);
        if self.received == 0 {
            self.base = index;
        } else {
            let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
            let decay = self.jitter_scaled.saturating_add(8) >> 4;
            self.jitter_scaled = (self.jitter_scaled - decay).saturating_add(difference);
        }
        self.transit = transit;
        self.received += 1;
        self.highest = self.highest.max(index);
    }

    /// Packets that came, duplicates included.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Packets that there would be without loss.
    pub(crate) fn expected(&self) -> u64 {
        if self.received == 0 { 0 } else { self.highest - self.base.min(self.highest) + 1 }
    }

    /// The interarrival jitter; `None` before it can be told.
    pub(crate) fn jitter(&self, clock: ClockRate) -> Option<Duration> {
        let nanos = u64::from(self.jitter_scaled >> 4) * 1_000_000_000 / u64::from(clock.0);
        (self.received > 1).then(|| Duration::from_nanos(nanos))
    }

    /// The numbers for a report; `None` before the first packet. Begins the next interval.
    pub(crate) fn report(&mut self) -> Option<Reception> {
        if self.received == 0 {
            return None;
        }
        let expected = self.expected();
        let expected_interval = expected - self.expected_before;
        let lost_interval = expected_interval as i64 - (self.received - self.received_before) as i64;
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction_lost = match lost_interval {
            1.. if expected_interval > 0 => ((lost_interval << 8) / expected_interval as i64).min(255) as u8,
            _ => 0,
        };
        let lost = (expected as i64 - self.received as i64).clamp(-0x80_0000, 0x7F_FFFF);
        Some(Reception {
            fraction_lost,
            cumulative_lost: lost as i32,
            highest: self.highest as u32,
            jitter: self.jitter_scaled >> 4,
        })
    }
}

/// The media clock at `now`, if it had begun with the node. By whole seconds and the rest: a product of 128 bits would be divided by a
/// function call.
fn ticks(now: Instant, clock: ClockRate) -> u32 {
    const NANOS: u64 = 1_000_000_000;
    let (seconds, nanos) = (now.as_nanos() / NANOS, now.as_nanos() % NANOS);
    (seconds * u64::from(clock.0) + nanos * u64::from(clock.0) / NANOS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_product_rounded_down() {
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 123_456_789_012_345, u64::MAX] {
            for clock in [8_000, 48_000, 90_000] {
                let exact = u128::from(nanos) * u128::from(clock) / 1_000_000_000;
                assert_eq!(ticks(Instant::from_nanos(nanos), ClockRate(clock)), exact as u32);
            }
        }
    }

    const CLOCK: ClockRate = ClockRate(48_000);

    #[test]
    fn nothing_is_reported_before_the_first_packet() {
        assert_eq!(Statistics::default().report(), None);
    }

    #[test]
    fn loss_is_told_by_interval_and_in_total() {
        let mut s = Statistics::default();
        for i in [0u64, 1, 3, 2, 7].map(|i| 0x1_FFFE + i) {
            s.count(i, RtpTimestamp(0), Instant::ZERO, CLOCK);
        }
        let first = s.report().expect("packets came");
        assert_eq!((first.fraction_lost, first.cumulative_lost, first.highest), (96, 3, 0x2_0005));
        s.count(0x2_0006, RtpTimestamp(0), Instant::ZERO, CLOCK);
        let second = s.report().expect("packets came");
        assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 3));
    }

    #[test]
    fn timestamps_at_random_make_no_jitter_overflow() {
        let mut s = Statistics::default();
        for i in 0..100u64 {
            s.count(i, RtpTimestamp((i as u32 % 2) << 31), Instant::ZERO, CLOCK);
        }
        let jitter = s.report().expect("packets came").jitter;
        assert!(jitter >= 0x0F00_0000, "as far apart as timestamps can be: {jitter}");
        for i in 100..1_000u64 {
            s.count(i, RtpTimestamp(i as u32 * 960), Instant::from_millis(i * 20), CLOCK);
        }
        assert_eq!(s.report().expect("packets came").jitter, 0, "it settles again");
    }

    #[test]
    fn jitter_follows_the_transit_time() {
        let mut s = Statistics::default();
        for i in 0..400u64 {
            let late = if i % 2 == 0 { 0 } else { 5 };
            s.count(i, RtpTimestamp(i as u32 * 960), Instant::from_millis(i * 20 + late), CLOCK);
        }
        let jitter = s.report().expect("packets came").jitter;
        assert!((230..=241).contains(&jitter), "5 ms are 240 ticks: {jitter}");
    }
}
