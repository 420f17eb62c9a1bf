//! Coordination of video orientation (3GPP TS 26.114 section 7.4.5). Passed through unread; named so that it can be shown.

/// How to turn the picture before it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoOrientation {
    /// Clockwise rotation in quarter turns, 0-3.
    pub quarter_turns: u8,
    /// Whether it is flipped left to right.
    pub flipped: bool,
    /// Whether the camera faces away from the user.
    pub back_camera: bool,
}

impl VideoOrientation {
    /// Reads the extension.
    pub const fn read(data: &[u8]) -> Option<Self> {
        match *data {
            [byte] => Some(Self { quarter_turns: byte & 3, flipped: byte & 4 != 0, back_camera: byte & 8 != 0 }),
            _ => None,
        }
    }

    /// The bytes of the extension.
    pub const fn to_bytes(self) -> [u8; 1] {
        [self.quarter_turns & 3 | (self.flipped as u8) << 2 | (self.back_camera as u8) << 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        for byte in 0..16 {
            assert_eq!(VideoOrientation::read(&[byte]).map(VideoOrientation::to_bytes), Some([byte]));
        }
        assert_eq!(VideoOrientation::read(&[]), None);
    }
}
