//! Synthetic payloads that can be checked at the other end: each says which stream and packet it is and when it left; a checksum covers it
//! and the bytes that fill it up.
//!
//! ```text
//! | codec's own bytes | magic 4 | stream 4 | layer 4 | counter 4 | sent_ns 8 | crc32 4 | filler ... |
//! ```

const MAGIC: [u8; 4] = *b"CRLY";
/// Up to the filler.
pub(crate) const STAMP_LEN: usize = 28;
const CRC_AT: usize = 24;

/// What a payload says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// Unique among the publishers of a machine, as far as chance allows.
    pub(crate) stream: u32,
    /// Simulcast layer, 0 for the lowest or only one.
    pub(crate) layer: u32,
    /// Packets of this layer before this one.
    pub(crate) counter: u32,
    /// CLOCK_MONOTONIC of the machine.
    pub(crate) sent_ns: u64,
}

impl Stamp {
    /// Writes the stamp and fills the rest. `body` must have room for the stamp.
    pub(crate) fn write(&self, body: &mut [u8]) {
        body[..4].copy_from_slice(&MAGIC);
        body[4..8].copy_from_slice(&self.stream.to_be_bytes());
        body[8..12].copy_from_slice(&self.layer.to_be_bytes());
        body[12..16].copy_from_slice(&self.counter.to_be_bytes());
        body[16..24].copy_from_slice(&self.sent_ns.to_be_bytes());
        for (i, byte) in body[STAMP_LEN..].iter_mut().enumerate() {
            *byte = (self.counter as usize).wrapping_mul(31).wrapping_add(i) as u8;
        }
        let crc = checksum(body);
        body[CRC_AT..STAMP_LEN].copy_from_slice(&crc.to_be_bytes());
    }

    /// Reads and checks a payload behind the codec's own bytes; `None` when a byte of it is not what was sent.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let head: &[u8; STAMP_LEN] = body.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if head[..4] != MAGIC || word(CRC_AT) != checksum(body) {
            return None;
        }
        let sent_ns = u64::from(word(16)) << 32 | u64::from(word(20));
        Some(Self { stream: word(4), layer: word(8), counter: word(12), sent_ns })
    }
}

fn checksum(body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&body[..CRC_AT]);
    hasher.update(&body[STAMP_LEN..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let stamp = Stamp { stream: 7, layer: 2, counter: 70_000, sent_ns: u64::MAX - 1 };
        for len in [STAMP_LEN, STAMP_LEN + 1, 1200] {
            let mut body = vec![0; len];
            stamp.write(&mut body);
            assert_eq!(Stamp::read(&body), Some(stamp));
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let mut body = vec![0; 160];
        Stamp { stream: 7, layer: 0, counter: 1, sent_ns: 2 }.write(&mut body);
        for at in 0..body.len() {
            body[at] ^= 1;
            assert_eq!(Stamp::read(&body), None, "byte {at}");
            body[at] ^= 1;
        }
        assert_eq!(Stamp::read(&body[..STAMP_LEN - 1]), None);
        assert_eq!(Stamp::read(&body[..body.len() - 1]), None);
    }
}
