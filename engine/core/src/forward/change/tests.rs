use super::*;
use corelay_wire::units::{Instant, NtpTimestamp};

#[test]
fn streams_are_aligned_by_the_publishers_clock() {
    let report =
        SourceReport { ntp: NtpTimestamp(7 << 32), timestamp: RtpTimestamp(0xFFFF_FF00), arrived: Instant::ZERO, generation: 0 };
    let later = SourceReport { ntp: NtpTimestamp((8 << 32) + (1 << 31)), timestamp: RtpTimestamp(500), ..report };
    // A second and a half after the first report, by the other's numbers; then 100 ticks more.
    let at = align(&report, &later, RtpTimestamp(600), ClockRate(90_000));
    assert_eq!(at, RtpTimestamp(0xFFFF_FF00).plus(135_000 + 100));
    let before = align(&later, &report, RtpTimestamp(0xFFFF_FF00), ClockRate(90_000));
    assert_eq!(before, RtpTimestamp(500u32.wrapping_sub(135_000)));
}
