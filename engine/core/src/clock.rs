//! The times that sender reports carry, and what comes back of them.
//!
//! A publisher's reports pair its wall clock with each stream's RTP timestamps. ONE offset a transport moves that wall clock into
//! the server's, so that audio and video of a participant stay as far apart as the publisher said, whatever jitter their reports met.

use crate::layer::SourceReport;
use core::time::Duration;
use corelay_wire::units::{ClockRate, Instant, NtpTimestamp, RtpTimestamp};

/// The wall clock of the node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    origin: NtpTimestamp,
}

impl WallClock {
    /// `origin`: the wall time of [`Instant::ZERO`].
    pub(crate) fn new(origin: NtpTimestamp) -> Self {
        Self { origin }
    }

    /// The wall time of `now`.
    pub(crate) fn ntp(self, now: Instant) -> NtpTimestamp {
        let since = now.since_origin();
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTimestamp(self.origin.0.wrapping_add(since.as_secs() << 32).wrapping_add(fraction))
    }
}

/// A publisher's wall clock that is off by more than this from where the offset puts it was set by its user. Smaller would take a
/// delayed report for that; larger leaves a new track of the participant out of step after a small correction until it is exceeded.
const STEP: Duration = Duration::from_secs(2);

/// What part of the difference that a report shows the offset follows. Clocks drift apart by up to 50 us a second: with a report a
/// second the offset stays 51 ms behind, for audio and video alike, which nobody sees. Larger follows the jitter of the reports, and
/// what is told of one stream a second after the other is off by that; smaller lags so far behind that the drift ends in a step.
const SLEW: i64 = 1_024;

/// From a publisher's wall clock to the server's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SenderClock {
    /// Server's time minus publisher's, in 2^-32 s.
    offset: Option<i64>,
}

impl SenderClock {
    /// The clock that another shard follows and told the offset of.
    pub(crate) fn told(offset: i64) -> Self {
        Self { offset: Some(offset) }
    }

    /// What to tell another shard; `None` before the publisher's first report.
    pub(crate) fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Takes in a sender report that arrived at `arrived`, in the server's wall clock.
    pub(crate) fn observe(&mut self, ntp: NtpTimestamp, arrived: NtpTimestamp) {
        let offset = arrived.0.wrapping_sub(ntp.0) as i64;
        let follow = |known: i64| match offset.wrapping_sub(known) {
            difference if difference.unsigned_abs() > STEP.as_secs() << 32 => offset,
            difference => known.wrapping_add(difference / SLEW),
        };
        self.offset = Some(self.offset.map_or(offset, follow));
    }

    /// The publisher's RTP timestamp at `at`, a time of the server's wall clock, by the stream's latest report.
    pub(crate) fn timestamp(&self, report: &SourceReport, at: NtpTimestamp, clock: ClockRate) -> Option<RtpTimestamp> {
        let publisher = at.0.wrapping_sub(self.offset? as u64);
        let since = publisher.wrapping_sub(report.ntp.0) as i64;
        let ticks = (i128::from(since) * i128::from(clock.0) + (1 << 31)) >> 32;
        Some(report.timestamp.plus(ticks as u32))
    }
}

/// The latest sender reports of one subscription, to tell the round trip by the receiver reports that answer them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentReports {
    /// Middle of the NTP timestamp and when it was sent; the newest first. Two: an answer may cross with the next report.
    sent: [Option<(u32, Instant)>; 2],
}

impl SentReports {
    pub(crate) fn sent(&mut self, ntp: NtpTimestamp, now: Instant) {
        self.sent = [Some((ntp.middle(), now)), self.sent[0]];
    }

    /// The round trip that a report block with these fields tells (RFC 3550 section 6.4.1). `None` when it answers no report that
    /// is remembered, or claims a delay longer than the time that passed.
    pub(crate) fn round_trip(&self, last_sr: u32, delay_since_last_sr: u32, now: Instant) -> Option<Duration> {
        let (_, sent) = self.sent.iter().flatten().find(|(middle, _)| *middle == last_sr)?;
        let delay = Duration::from_nanos((u64::from(delay_since_last_sr) * 1_000_000_000) >> 16);
        now.since(*sent).checked_sub(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;

    fn report(ntp: u64, timestamp: u32) -> SourceReport {
        SourceReport { ntp: NtpTimestamp(ntp), timestamp: RtpTimestamp(timestamp), arrived: Instant::ZERO, generation: 0 }
    }

    #[test]
    fn one_offset_keeps_two_streams_together() {
        let mut clock = SenderClock::default();
        clock.observe(NtpTimestamp(100 * SECOND), NtpTimestamp(5_000 * SECOND));
        // Half a second late: the offset moves by a little of that, for both.
        clock.observe(NtpTimestamp(101 * SECOND), NtpTimestamp(5_001 * SECOND + SECOND / 2));
        let at = NtpTimestamp(5_003 * SECOND);
        let audio = clock.timestamp(&report(100 * SECOND, 1_000), at, ClockRate(48_000));
        let video = clock.timestamp(&report(101 * SECOND, 7), at, ClockRate(90_000));
        assert_eq!((audio, video), (Some(RtpTimestamp(145_000 - 23)), Some(RtpTimestamp(180_007 - 44))));
    }

    #[test]
    fn a_clock_that_drifts_is_followed_without_a_step() {
        let mut clock = SenderClock::default();
        // 50 us a second slow, for a day: 4.3 s in all.
        let drift = SECOND / 20_000;
        let (mut last, mut greatest) = (0, 0);
        for second in 0..86_400u64 {
            clock.observe(NtpTimestamp(second * (SECOND - drift)), NtpTimestamp(second * SECOND));
            let offset = clock.offset.expect("observed");
            greatest = greatest.max(offset - last);
            last = offset;
        }
        let behind = 86_399 * drift as i64 - last;
        assert!(behind < SECOND as i64 / 16, "{behind}");
        assert!(greatest <= drift as i64, "{greatest}");
    }

    #[test]
    fn a_clock_that_was_set_is_followed() {
        let mut clock = SenderClock::default();
        clock.observe(NtpTimestamp(100 * SECOND), NtpTimestamp(5_000 * SECOND));
        clock.observe(NtpTimestamp(900 * SECOND), NtpTimestamp(5_001 * SECOND));
        let at = clock.timestamp(&report(900 * SECOND, 0), NtpTimestamp(5_002 * SECOND), ClockRate(90_000));
        assert_eq!(at, Some(RtpTimestamp(90_000)));
    }

    #[test]
    fn the_round_trip_is_what_the_receiver_did_not_keep() {
        let mut reports = SentReports::default();
        let (ntp, sent) = (NtpTimestamp(77 * SECOND), Instant::from_millis(1_000));
        reports.sent(ntp, sent);
        reports.sent(NtpTimestamp(78 * SECOND), Instant::from_millis(2_000));
        let half_second = 1 << 15;
        let trip = reports.round_trip(ntp.middle(), half_second, Instant::from_millis(1_540));
        assert_eq!(trip, Some(Duration::from_millis(40)));
        assert_eq!(reports.round_trip(ntp.middle(), half_second, Instant::from_millis(1_200)), None);
        assert_eq!(reports.round_trip(1, 0, Instant::from_millis(1_540)), None);
    }
}
