//! The peer's clock, as transport-wide feedback tells it: 24 bits of 64 ms, which wrap after 12 days.

use corelay_wire::rtcp::TransportCc;
use corelay_wire::units::Instant;

/// The circle of the reference time in ticks of 250 us: 24 bits of 64 ms.
const CIRCLE: i64 = 1 << 32;
/// Where the first arrival is put: an hour after the origin, so that what arrived before it has a place.
const BEGIN: i64 = 3_600 * TransportCc::TICKS_PER_SECOND;
const NANOS_PER_TICK: u64 = 1_000_000_000 / TransportCc::TICKS_PER_SECOND as u64;

/// Puts arrivals on one line of time that does not wrap.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArrivalClock {
    /// The arrival that was read last, on the circle and on the line.
    last: Option<(i64, i64)>,
}

impl ArrivalClock {
    /// The point in the peer's time of `ticks`, as [`TransportCc::arrivals`] gives them. What the peer says is nearest to what it said
    /// before, within six days.
    pub fn instant(&mut self, ticks: i64) -> Instant {
        let line = match self.last {
            None => BEGIN,
            Some((circle, line)) => {
                let apart = (ticks - circle).rem_euclid(CIRCLE);
                line + if apart < CIRCLE / 2 { apart } else { apart - CIRCLE }
            }
        };
        let line = line.max(0);
        self.last = Some((ticks, line));
        Instant::from_nanos(line.unsigned_abs().saturating_mul(NANOS_PER_TICK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn time_goes_on_where_the_reference_wraps() {
        let mut clock = ArrivalClock::default();
        let before = clock.instant((1 << 31) - 4);
        let after = clock.instant(-(1 << 31) + 4);
        assert_eq!(after.since(before), Duration::from_millis(2));
        let again = clock.instant((1 << 31) - 8);
        assert_eq!(before.since(again), Duration::from_millis(1));
    }

    #[test]
    fn any_ticks_make_a_time() {
        let mut clock = ArrivalClock::default();
        for ticks in [0, i64::from(i32::MIN) * 256, i64::from(i32::MAX) * 256, 0, -1, 1 << 31, 1] {
            clock.instant(ticks);
        }
    }
}
