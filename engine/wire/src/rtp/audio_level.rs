//! Client-to-mixer audio level (RFC 6464).

/// How loud the sound in a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Loudness below the loudest, in dB: 0 is the loudest, 127 is silence.
    pub below_full_dbov: u8,
    /// Whether the sender believes that it is speech.
    pub voice: bool,
}

impl AudioLevel {
    /// Reads the extension. The two-byte form may pad it with a byte that is ignored (RFC 6464 section 3).
    pub const fn read(data: &[u8]) -> Option<Self> {
        match *data {
            [byte] | [byte, _] => Some(Self { below_full_dbov: byte & 0x7F, voice: byte & 0x80 != 0 }),
            _ => None,
        }
    }

    /// The bytes of the extension.
    pub const fn to_bytes(self) -> [u8; 1] {
        [(self.voice as u8) << 7 | self.below_full_dbov & 0x7F]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_round_trips() {
        for byte in 0..=255 {
            assert_eq!(AudioLevel::read(&[byte]).expect("one byte").to_bytes(), [byte]);
        }
        assert_eq!(AudioLevel::read(&[]), None);
    }
}
