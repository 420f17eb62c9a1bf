//! abs-send-time (`http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`): when a packet left its sender.

use crate::units::{Instant, NtpTimestamp};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const MASK: u32 = 0x00FF_FFFF;

/// Seconds as 6.18 fixed point in 24 bits: wraps every 64 s, one unit is 3.8 us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// Units in a second.
    pub const UNITS_PER_SECOND: u32 = 1 << 18;

    /// The upper bits are dropped.
    pub const fn from_units(units: u32) -> Self {
        Self(units & MASK)
    }

    /// In units of 2^-18 s.
    pub const fn units(self) -> u32 {
        self.0
    }

    /// The middle of an NTP timestamp: 6 bits of its seconds, 18 bits of its fraction.
    pub const fn from_ntp(ntp: NtpTimestamp) -> Self {
        Self::from_units((ntp.0 >> 14) as u32)
    }

    /// From the node's own clock. Receivers only use differences, so any steady origin serves.
    pub const fn from_instant(instant: Instant) -> Self {
        let seconds = instant.as_nanos() / NANOS_PER_SECOND;
        let fraction = ((instant.as_nanos() % NANOS_PER_SECOND) << 18) / NANOS_PER_SECOND;
        Self::from_units(((seconds & 0x3F) as u32) << 18 | fraction as u32)
    }

    /// Signed distance from `other` to `self` on the 64 s circle, in units.
    pub const fn distance(self, other: Self) -> i32 {
        ((self.0.wrapping_sub(other.0) << 8) as i32) >> 8
    }

    /// Reads the extension.
    pub const fn read(data: &[u8]) -> Option<Self> {
        match *data {
            [a, b, c] => Some(Self(u32::from_be_bytes([0, a, b, c]))),
            _ => None,
        }
    }

    /// The bytes of the extension.
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_give_the_same_fraction() {
        let half = AbsSendTime::from_instant(Instant::from_millis(63_500));
        assert_eq!(half.units(), 63 << 18 | 1 << 17);
        assert_eq!(AbsSendTime::from_ntp(NtpTimestamp(63 << 32 | 1 << 31)), half);
        assert_eq!(AbsSendTime::from_instant(Instant::from_millis(64_000 + 63_500)), half, "it wraps at 64 s");
        assert_eq!(AbsSendTime::from_instant(Instant::from_nanos(u64::MAX)).units() >> 24, 0);
    }

    #[test]
    fn distance_is_taken_on_the_circle() {
        let late = AbsSendTime::from_instant(Instant::from_millis(63_900));
        let wrapped = AbsSendTime::from_instant(Instant::from_millis(64_100));
        let fifth = AbsSendTime::UNITS_PER_SECOND as i32 / 5;
        assert!((wrapped.distance(late) - fifth).abs() <= 1);
        assert!((late.distance(wrapped) + fifth).abs() <= 1);
    }

    #[test]
    fn bytes_round_trip() {
        assert_eq!(AbsSendTime::read(&[1, 2, 3]).map(AbsSendTime::to_bytes), Some([1, 2, 3]));
        assert_eq!(AbsSendTime::read(&[1, 2]), None);
    }
}
