//! The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2).

use crate::units::SequenceNumber;

/// Counts all packets of a transport, whatever their stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportSequence(pub SequenceNumber);

impl TransportSequence {
    /// Reads the extension. Version 2 may append a feedback request of two bytes, which is ignored.
    pub const fn read(data: &[u8]) -> Option<Self> {
        match *data {
            [a, b] | [a, b, _, _] => Some(Self(SequenceNumber(u16::from_be_bytes([a, b])))),
            _ => None,
        }
    }

    /// The bytes of the extension.
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let sequence = TransportSequence(SequenceNumber(0xABCD));
        assert_eq!(TransportSequence::read(&sequence.to_bytes()), Some(sequence));
        assert_eq!(TransportSequence::read(&[0xAB, 0xCD, 0, 1]), Some(sequence));
        assert_eq!(TransportSequence::read(&[0xAB]), None);
    }
}
