//! Mids and SSRCs of a transport's consumers. Neither is ever used twice on it: an SSRC is part of the nonce under the transport's key
//! (RFC 7714 section 8.1), and one that came again after its consumer ended would repeat nonces.

use rand::RngExt as _;

/// The numbers of the next consumer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    mid: u32,
    ssrc: u32,
    /// Odd: the sequence comes to every number before it comes to one again. Random, as is its start, so that SSRCs say nothing of
    /// how many consumers there were.
    step: u32,
}

impl Numbering {
    pub(super) fn new() -> Self {
        let mut rng = rand::rng();
        Self { mid: 0, ssrc: rng.random_range(1..=u32::MAX), step: rng.random::<u32>() | 1 }
    }

    pub(super) fn mid(&self) -> u32 {
        self.mid
    }

    /// Never zero: clients take that for "none".
    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Of its retransmissions. Never zero either.
    pub(super) fn rtx_ssrc(&self) -> u32 {
        self.after(self.ssrc)
    }

    /// These numbers were given out.
    pub(super) fn advance(&mut self) {
        self.mid += 1;
        self.ssrc = self.after(self.rtx_ssrc());
    }

    fn after(&self, ssrc: u32) -> u32 {
        match ssrc.wrapping_add(self.step) {
            0 => self.step,
            next => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_ssrc_comes_again_on_a_transport() {
        let mut numbering = Numbering { ssrc: u32::MAX, step: 1, ..Numbering::new() };
        let mut seen = HashSet::new();
        for mid in 0..200_000 {
            assert_eq!(numbering.mid(), mid);
            for ssrc in [numbering.ssrc(), numbering.rtx_ssrc()] {
                assert!(ssrc != 0 && seen.insert(ssrc));
            }
            numbering.advance();
        }
    }
}
