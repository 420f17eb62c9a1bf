//! abs-capture-time (`http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`): when the payload was captured.

use crate::units::NtpTimestamp;

/// The capture time by the clock of the capture system, and how far that clock is from the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// When the first sample or the picture was captured.
    pub captured: NtpTimestamp,
    /// What to add to get the sender's clock, as signed 32.32 fixed-point seconds.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    /// Reads the extension: 8 bytes, or 16 with the clock offset.
    pub fn read(data: &[u8]) -> Option<Self> {
        let (captured, offset) = data.split_first_chunk()?;
        let clock_offset = match offset.len() {
            0 => None,
            _ => Some(i64::from_be_bytes(offset.try_into().ok()?)),
        };
        Some(Self { captured: NtpTimestamp(u64::from_be_bytes(*captured)), clock_offset })
    }

    /// Writes the extension to the front of `dst` and gives the written part.
    pub fn write(self, dst: &mut [u8; 16]) -> &[u8] {
        dst[..8].copy_from_slice(&self.captured.0.to_be_bytes());
        dst[8..].copy_from_slice(&self.clock_offset.unwrap_or_default().to_be_bytes());
        &dst[..if self.clock_offset.is_some() { 16 } else { 8 }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_round_trip() {
        for clock_offset in [None, Some(-5)] {
            let time = AbsCaptureTime { captured: NtpTimestamp(0x0102_0304_0506_0708), clock_offset };
            assert_eq!(AbsCaptureTime::read(time.write(&mut [0; 16])), Some(time));
        }
        assert_eq!(AbsCaptureTime::read(&[0; 12]), None);
        assert_eq!(AbsCaptureTime::read(&[0; 7]), None);
    }
}
