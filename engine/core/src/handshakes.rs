//! How many DTLS datagrams a turn takes in: each may cost a signature (about 100 us), and media waits behind it.
//!
//! Two bounds. A transport's own share keeps one peer from spending everybody's turn; the shard's keeps many peers from stopping the
//! media. Whoever is connected has its share alone: the goodbyes of a whole room arrive in one turn and are cheap, and so is the
//! last flight, which a peer sends again when the answer to it was lost.

use crate::drop_reason::DropReason;

/// Datagrams of one transport in one turn. A flight of five messages, each in a datagram of its own as OpenSSL sends them, is taken
/// whole. Fewer would cost such a client a retransmission; more lets fewer hostile clients spend the shard's turn.
const SHARE: u32 = 6;

/// What one transport used of its share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    turn: u64,
    datagrams: u32,
}

/// What is left of this turn.
#[derive(Debug)]
pub(crate) struct Handshakes {
    turn: u64,
    per_turn: u32,
    left: u32,
}

impl Handshakes {
    /// `per_turn`: datagrams of all transports that make a handshake.
    pub(crate) fn new(per_turn: u32) -> Self {
        Self { turn: 1, per_turn, left: per_turn }
    }

    /// Whether one more datagram of a transport is taken in.
    pub(crate) fn admit(&mut self, used: &mut Used, connected: bool) -> Result<(), DropReason> {
        if used.turn != self.turn {
            *used = Used { turn: self.turn, datagrams: 0 };
        }
        if used.datagrams == SHARE {
            return Err(DropReason::DtlsBusy);
        }
        if !connected {
            self.left = self.left.checked_sub(1).ok_or(DropReason::DtlsBusy)?;
        }
        used.datagrams += 1;
        Ok(())
    }

    /// The next turn begins.
    pub(crate) fn end_turn(&mut self) {
        self.turn += 1;
        self.left = self.per_turn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(handshakes: &mut Handshakes, used: &mut Used, connected: bool) -> usize {
        (0..100).filter(|_| handshakes.admit(used, connected).is_ok()).count()
    }

    #[test]
    fn one_transport_leaves_room_for_others_and_the_shard_for_media() {
        let mut handshakes = Handshakes::new(16);
        let mut used = [Used::default(); 4];
        for _ in 0..3 {
            let taken = used.each_mut().map(|used| admitted(&mut handshakes, used, false));
            assert_eq!(taken, [6, 6, 4, 0]);
            handshakes.end_turn();
        }
    }

    #[test]
    fn whoever_is_connected_has_its_share_alone() {
        let mut handshakes = Handshakes::new(1);
        let mut used = [Used::default(); 2];
        assert_eq!(admitted(&mut handshakes, &mut used[0], false), 1);
        assert_eq!(admitted(&mut handshakes, &mut used[1], true), 6);
    }
}
