//! The payload of a retransmission (RFC 4588 section 4): the original sequence number, then the original payload.

use crate::units::SequenceNumber;

/// What a retransmission carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmission<'a> {
    /// The sequence number that the packet had when it was first sent (OSN).
    pub original_sequence: SequenceNumber,
    /// The payload that it had.
    pub payload: &'a [u8],
}

impl<'a> Retransmission<'a> {
    /// How long [`Retransmission::head`] is.
    pub const HEAD_LEN: usize = 2;

    /// Reads the payload of a retransmission. `None` when it is too short, as in the padding that browsers send on a
    /// retransmission stream to probe for bandwidth.
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let (original, payload) = payload.split_first_chunk()?;
        Some(Self { original_sequence: SequenceNumber(u16::from_be_bytes(*original)), payload })
    }

    /// The bytes before the original payload.
    pub const fn head(original: SequenceNumber) -> [u8; 2] {
        original.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_payload_come_apart_again() {
        let mut bytes = Retransmission::head(SequenceNumber(0xFEDC)).to_vec();
        bytes.extend([1, 2, 3]);
        let read = Retransmission::read(&bytes).expect("long enough");
        assert_eq!((read.original_sequence, read.payload), (SequenceNumber(0xFEDC), &[1, 2, 3][..]));
        assert_eq!(Retransmission::read(&[1]), None);
    }
}
