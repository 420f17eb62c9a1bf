//! The node's clock: one origin for all shards, and what time it was then.

use std::time::{SystemTime, UNIX_EPOCH};

use corelay_wire::units::{Instant, NtpTimestamp};

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970): RFC 5905 section 6.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Reads the monotonic clock as time since the node's origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: std::time::Instant,
    wall_origin: NtpTimestamp,
}

impl Clock {
    /// A clock whose origin is this moment. The wall clock is read here and never again: a step of it must not bend the media's
    /// timeline.
    pub(crate) fn start() -> Self {
        Self { origin: std::time::Instant::now(), wall_origin: ntp(SystemTime::now()) }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// What [`Instant::ZERO`] stands for.
    pub(crate) fn origin(&self) -> std::time::Instant {
        self.origin
    }

    /// What time it was at the origin.
    pub(crate) fn wall_origin(&self) -> NtpTimestamp {
        self.wall_origin
    }
}

/// `time` in NTP's format; the era's end in 2036 wraps, as the wire format does.
fn ntp(time: SystemTime) -> NtpTimestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX_S) & u64::from(u32::MAX);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    NtpTimestamp(seconds << 32 | fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wall_time_becomes_ntp() {
        assert_eq!(ntp(UNIX_EPOCH), NtpTimestamp(2_208_988_800 << 32));
        assert_eq!(ntp(UNIX_EPOCH + Duration::from_millis(1_500)), NtpTimestamp(2_208_988_801 << 32 | 1 << 31));
        // Era 1 begins at 2036-02-07 06:28:16 UTC (RFC 5905 section 6).
        assert_eq!(ntp(UNIX_EPOCH + Duration::from_secs(2_085_978_496)), NtpTimestamp(0));
    }

    #[test]
    fn the_clock_goes_on() {
        let clock = Clock::start();
        assert!(clock.now() <= clock.now());
        assert!(clock.origin() <= std::time::Instant::now() && clock.wall_origin().0 > 0);
    }
}
