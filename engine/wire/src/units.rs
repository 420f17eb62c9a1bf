//! Wire numbers, rates and times as types, so that an SSRC is never added to a timestamp.

use core::time::Duration;

/// A point in time: nanoseconds since the node's origin. A plain value, so that a shard's state can be written out and replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The node's origin.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since the origin.
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long `self` is after `earlier`; zero when it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// 584 years of nanoseconds fit; a duration beyond that saturates.
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Synchronization source (RFC 3550 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP payload type, 7 bits (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(pub u8);

/// RTP sequence number as on the wire (RFC 3550 section 5.1); wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// Signed distance from `other` to `self` on the 16-bit circle: positive when `self` is newer.
    pub const fn distance(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0) as i16
    }

    /// `self` moved by `n`, wrapping.
    pub const fn plus(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }
}

/// Sequence number with its rollover count above bit 16: the SRTP packet index (RFC 3711 section 3.3.1), 48 bits used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIndex(pub u64);

impl PacketIndex {
    /// The 16 bits that go on the wire.
    pub const fn sequence(self) -> SequenceNumber {
        SequenceNumber(self.0 as u16)
    }

    /// The rollover counter (ROC).
    pub const fn rollover(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// RTP timestamp in units of the codec's clock (RFC 3550 section 5.1); wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// Signed distance from `other` to `self` on the 32-bit circle, in clock ticks.
    pub const fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// `self` moved by `ticks`, wrapping.
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }
}

/// RTP clock rate in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockRate(pub u32);

/// NTP timestamp: seconds since 1900 in the upper 32 bits, fraction in the lower (RFC 3550 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTimestamp(pub u64);

impl NtpTimestamp {
    /// The middle 32 bits, as LSR in report blocks (RFC 3550 section 6.4.1).
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// Bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bitrate(pub u64);

/// Media identification of an m-section (RFC 8843 section 15), at most 16 bytes as in a one-byte header extension.
pub type Mid = arrayvec::ArrayString<16>;

/// RTP stream id of a simulcast layer (RFC 8851), at most 16 bytes as in a one-byte header extension.
pub type Rid = arrayvec::ArrayString<16>;
