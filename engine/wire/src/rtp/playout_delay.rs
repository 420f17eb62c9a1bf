//! How late a receiver is to show pictures (<http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>): the least and the most
//! time between the taking of a picture and its showing, as far as that is the receiver's affair. It holds until another is told.

use core::time::Duration;

/// The unit of both bounds.
const UNIT_MILLIS: u16 = 10;
/// Of 12 bits.
const MAX: u16 = 0xFFF;
/// The most that browsers wait unless they are told otherwise: 10 s.
const MOST: u16 = 1_000;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    least: u16,
    most: u16,
}

impl PlayoutDelay {
    /// No sooner than `units` of 10 ms; the most is what receivers have anyway.
    pub const fn at_least(units: u8) -> Self {
        Self { least: units as u16, most: MOST }
    }

    /// The least delay.
    pub const fn min(self) -> Duration {
        Duration::from_millis((self.least * UNIT_MILLIS) as u64)
    }

    /// The most.
    pub const fn max(self) -> Duration {
        Duration::from_millis((self.most * UNIT_MILLIS) as u64)
    }

    /// Reads the extension: "MIN delay" and "MAX delay", 12 bits each.
    pub const fn read(data: &[u8]) -> Option<Self> {
        match *data {
            [a, b, c] => {
                let (least, most) = ((a as u16) << 4 | b as u16 >> 4, (b as u16 & 0xF) << 8 | c as u16);
                if least > most { None } else { Some(Self { least, most }) }
            }
            _ => None,
        }
    }

    /// The bytes of the extension.
    pub const fn to_bytes(self) -> [u8; 3] {
        let Self { least, most } = self;
        const { assert!(MOST <= MAX && u8::MAX as u16 <= MOST) };
        [(least >> 4) as u8, (least as u8) << 4 | (most >> 8) as u8, most as u8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let delay = PlayoutDelay::at_least(37);
        assert_eq!((delay.min(), delay.max()), (Duration::from_millis(370), Duration::from_secs(10)));
        assert_eq!(delay.to_bytes(), [0x02, 0x53, 0xE8]);
        for units in 0..=255 {
            let delay = PlayoutDelay::at_least(units);
            assert_eq!(PlayoutDelay::read(&delay.to_bytes()), Some(delay));
        }
        assert_eq!(PlayoutDelay::read(&[0xFF; 3]).map(|d| d.max()), Some(Duration::from_millis(40_950)));
    }

    #[test]
    fn what_contradicts_itself_is_not_read() {
        assert_eq!(PlayoutDelay::read(&[0x01, 0x00, 0x0F]), None);
        assert_eq!(PlayoutDelay::read(&[0, 0]), None);
    }
}
