//! DTLS datagrams that came before signaling told the fingerprint.
//!
//! Browsers start DTLS as soon as ICE answers, which may be before the `connect` of signaling has arrived. Dropping these costs the
//! join a retransmission, 50 ms to 1 s. So a few are kept: only from an ICE-validated address, and only until `connect`.

use arrayvec::ArrayVec;

/// A ClientHello with a post-quantum key share takes two datagrams; four leave room for its first retransmission, which may fill a
/// gap. More would let a peer park more memory; fewer would lose the second half of a hello.
pub(crate) const EARLY_DATAGRAMS_MAX: usize = 4;
/// Longer datagrams are not kept: a flight is cut to the path's MTU, of Ethernet at most.
pub(crate) const EARLY_DATAGRAM_LEN_MAX: usize = 1_500;

/// The first few datagrams, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct EarlyDatagrams {
    kept: ArrayVec<Box<[u8]>, EARLY_DATAGRAMS_MAX>,
}

impl EarlyDatagrams {
    /// Keeps a copy, if there is room.
    #[must_use]
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> bool {
        bytes.len() <= EARLY_DATAGRAM_LEN_MAX && self.kept.try_push(bytes.into()).is_ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What was kept, oldest first.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Box<[u8]>> {
        self.kept.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_not_too_long() {
        let mut early = EarlyDatagrams::default();
        assert!(!early.keep(&[0; EARLY_DATAGRAM_LEN_MAX + 1]));
        for i in 0..EARLY_DATAGRAMS_MAX {
            assert!(early.keep(&[i as u8; EARLY_DATAGRAM_LEN_MAX]));
        }
        assert!(!early.keep(&[9]));
        assert_eq!(early.into_iter().map(|d| d[0]).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
