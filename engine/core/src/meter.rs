//! Rates from counters: what had been counted at the last look, and what flowed between that and the one before.

use crate::control::Flow;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// Two looks that are closer than this are one: rates of less are noise.
const INTERVAL_MIN: Duration = Duration::from_millis(400);

/// What a stream has counted since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    /// Of payload.
    pub(crate) octets: u64,
    pub(crate) frames: u64,
    /// Packets that there would be without loss.
    pub(crate) expected: u64,
}

/// What flowed over an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    pub(crate) flow: Flow,
    pub(crate) frames_per_second: u16,
    pub(crate) lost_permille: u16,
}

/// See the module. Whoever has one looks about once a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    last: Option<(Instant, Counts)>,
    rates: Option<Rates>,
}

impl Meter {
    /// Looks at the counters. Counters that went back belong to another stream: its rates begin with the next look.
    pub(crate) fn look(&mut self, now: Instant, counts: Counts) {
        let Some((at, last)) = self.last else {
            self.last = Some((now, counts));
            return;
        };
        let passed = now.since(at);
        if passed < INTERVAL_MIN {
            return;
        }
        self.last = Some((now, counts));
        self.rates = rates(last, counts, passed);
    }

    /// What flowed between the last two looks.
    pub(crate) fn rates(&self) -> Option<Rates> {
        self.rates
    }
}

fn rates(last: Counts, counts: Counts, passed: Duration) -> Option<Rates> {
    let (packets, octets) = (counts.packets.checked_sub(last.packets)?, counts.octets.checked_sub(last.octets)?);
    let (frames, expected) = (counts.frames.checked_sub(last.frames)?, counts.expected.checked_sub(last.expected)?);
    let millis = passed.as_millis().max(1) as u64;
    // Rounded, so that 30 pictures in 1001 ms are 30 a second.
    let per_second = |count: u64| count.saturating_mul(1_000).saturating_add(millis / 2) / millis;
    let lost = expected.saturating_sub(packets).saturating_mul(1_000).checked_div(expected).unwrap_or(0);
    Some(Rates {
        flow: Flow {
            bitrate: Bitrate(per_second(octets.saturating_mul(8))),
            packets_per_second: u32::try_from(per_second(packets)).unwrap_or(u32::MAX),
        },
        frames_per_second: u16::try_from(per_second(frames)).unwrap_or(u16::MAX),
        lost_permille: u16::try_from(lost).expect("no more than all are lost"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_make_a_rate() {
        let mut meter = Meter::default();
        let counts = |n: u64| Counts { packets: 45 * n, octets: 10_000 * n, frames: 30 * n, expected: 50 * n };
        meter.look(Instant::from_millis(5_000), counts(1));
        assert_eq!(meter.rates(), None);
        meter.look(Instant::from_millis(5_100), counts(2));
        assert_eq!(meter.rates(), None, "too close");
        meter.look(Instant::from_millis(7_000), counts(3));
        let flow = Flow { bitrate: Bitrate(80_000), packets_per_second: 45 };
        assert_eq!(meter.rates(), Some(Rates { flow, frames_per_second: 30, lost_permille: 100 }));
        meter.look(Instant::from_millis(8_000), counts(1));
        assert_eq!(meter.rates(), None, "another stream");
        meter.look(Instant::from_millis(9_000), counts(2));
        assert_eq!(meter.rates().map(|rates| rates.flow), Some(flow));
        meter.look(Instant::from_millis(10_000), counts(2));
        assert_eq!(meter.rates(), Some(Rates::default()), "silence");
    }

    #[test]
    fn any_counts_make_no_overflow() {
        let most = Counts { packets: u64::MAX, octets: u64::MAX, frames: u64::MAX, expected: u64::MAX };
        let mut meter = Meter::default();
        meter.look(Instant::ZERO, Counts::default());
        meter.look(Instant::from_millis(u64::MAX / 2_000_000), most);
        assert!(meter.rates().is_some_and(|rates| rates.lost_permille == 0));
    }
}
