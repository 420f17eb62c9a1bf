//! DTLS datagrams of handshakes, in line: each may cost a signature and a key agreement (100 us), and media waits behind it.
//!
//! ```text
//! datagram --keep--> [transport 7: a, b, c]   line: 7, 9, 4 --next--> a of 7, then d of 9, then f of 4, then b of 7, ...
//!                    [transport 9: d, e   ]                           a bounded number a turn; the rest waits for the next turn
//!                    [transport 4: f      ]
//! ```
//! The line has each transport once, however much it sent: whoever floods waits behind itself. A transport has places of its own, which
//! no other can take; what is beyond them is dropped, counted, and sent again by its peer (RFC 6347 section 4.2.4). So a burst of joins
//! is worked off in a few turns, and nobody's handshake waits for a retransmission.
//!
//! Whoever is connected stands in no line: the goodbyes of a whole room arrive in one turn and are cheap, and so is the last flight,
//! which a peer sends again when the answer to it was lost. They have a share of each turn.

use crate::drop_reason::DropReason;
use crate::outbox::Path;
use corelay_wire::units::Instant;
use std::collections::VecDeque;

/// Datagrams of one transport that wait, or that are taken in within a turn once it is connected. A flight of five messages, each in a
/// datagram of its own as OpenSSL sends them, is taken whole. Fewer would cost such a client a retransmission; more lets a hostile one
/// have more memory held.
pub(crate) const SHARE: usize = 6;

/// Longer datagrams are not kept: a flight is cut to the path's MTU, of Ethernet at most.
pub(crate) const DATAGRAM_LEN_MAX: usize = 1_500;

/// A datagram in line.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) path: Path,
    pub(crate) bytes: Box<[u8]>,
}

/// One transport's side of it.
#[derive(Debug, Default)]
pub(crate) struct Share {
    waiting: VecDeque<Parked>,
    in_line: bool,
    turn: u64,
    used: usize,
}

/// The line of a shard.
#[derive(Debug)]
pub(crate) struct Handshakes {
    line: VecDeque<u32>,
    /// Since when the line is not empty.
    since: Option<Instant>,
    turn: u64,
    per_turn: u32,
    left: u32,
}

impl Handshakes {
    /// `per_turn`: datagrams of all transports.
    pub(crate) fn new(per_turn: u32) -> Self {
        Self { line: VecDeque::new(), since: None, turn: 1, per_turn, left: per_turn }
    }

    /// Keeps a datagram of the transport in `slot` until its turn.
    pub(crate) fn keep(&mut self, now: Instant, slot: u32, share: &mut Share, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        if share.waiting.len() == SHARE || bytes.len() > DATAGRAM_LEN_MAX {
            return Err(DropReason::DtlsBusy);
        }
        share.waiting.push_back(Parked { path, bytes: bytes.into() });
        self.stand_in_line(now, slot, share);
        Ok(())
    }

    /// The transport in `slot` has something to do that costs as much as a datagram.
    pub(crate) fn stand_in_line(&mut self, now: Instant, slot: u32, share: &mut Share) {
        if !core::mem::replace(&mut share.in_line, true) {
            self.line.push_back(slot);
            self.since.get_or_insert(now);
        }
    }

    /// The next transport whose turn it is. `None` when the line is empty, or enough was done in this turn.
    pub(crate) fn next(&mut self) -> Option<u32> {
        let left = self.left.checked_sub(1)?;
        let slot = self.line.pop_front()?;
        self.left = left;
        Some(slot)
    }

    /// Takes what the transport that is [`Self::next`] has waited with longest, and puts it to the end of the line if it has more.
    /// `None`: it stood there without a datagram.
    pub(crate) fn take(&mut self, slot: u32, share: &mut Share) -> Option<Parked> {
        let parked = share.waiting.pop_front();
        share.in_line = !share.waiting.is_empty();
        if share.in_line {
            self.line.push_back(slot);
        } else {
            // A handshake is over within a second, the transport in hours.
            share.waiting = VecDeque::new();
        }
        if self.line.is_empty() {
            self.since = None;
        }
        parked
    }

    /// The transport ends.
    pub(crate) fn forget(&mut self, slot: u32, share: &mut Share) {
        share.waiting = VecDeque::new();
        if core::mem::take(&mut share.in_line) {
            self.line.retain(|waiting| *waiting != slot);
        }
        if self.line.is_empty() {
            self.since = None;
        }
    }

    /// Since when somebody is in line.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether one more datagram of a connected transport is taken in.
    pub(crate) fn admit(&self, share: &mut Share) -> Result<(), DropReason> {
        if share.turn != self.turn {
            (share.turn, share.used) = (self.turn, 0);
        }
        if share.used == SHARE {
            return Err(DropReason::DtlsBusy);
        }
        share.used += 1;
        Ok(())
    }

    /// The next turn begins.
    pub(crate) fn end_turn(&mut self) {
        self.turn += 1;
        self.left = self.per_turn;
    }
}

/// Bytes that a transport's share takes at most.
pub(crate) const SHARE_BYTES: u64 = (SHARE * (DATAGRAM_LEN_MAX + size_of::<Parked>())) as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr, SocketAddr};

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PATH: Path = Path { remote: SocketAddr::new(HOST, 1), local: HOST };

    fn kept(handshakes: &mut Handshakes, slot: u32, share: &mut Share, datagrams: usize) -> usize {
        (0..datagrams).filter(|n| handshakes.keep(Instant::ZERO, slot, share, PATH, &[*n as u8]).is_ok()).count()
    }

    /// Whose datagrams a turn takes, and which.
    fn turn(handshakes: &mut Handshakes, shares: &mut [Share]) -> Vec<(u32, u8)> {
        let mut taken = Vec::new();
        while let Some(slot) = handshakes.next() {
            let parked = handshakes.take(slot, &mut shares[slot as usize]).expect("it stands there with a datagram");
            taken.push((slot, parked.bytes[0]));
        }
        handshakes.end_turn();
        taken
    }

    #[test]
    fn each_in_line_has_one_before_anybody_has_two() {
        let mut handshakes = Handshakes::new(4);
        let mut shares: [Share; 3] = Default::default();
        assert_eq!(kept(&mut handshakes, 0, &mut shares[0], 100), SHARE, "a flood has its share");
        assert_eq!(kept(&mut handshakes, 1, &mut shares[1], 2), 2);
        assert_eq!(kept(&mut handshakes, 2, &mut shares[2], 1), 1);
        assert_eq!(turn(&mut handshakes, &mut shares), [(0, 0), (1, 0), (2, 0), (0, 1)]);
        assert_eq!(handshakes.since(), Some(Instant::ZERO));
        assert_eq!(turn(&mut handshakes, &mut shares), [(1, 1), (0, 2), (0, 3), (0, 4)]);
        assert_eq!(turn(&mut handshakes, &mut shares), [(0, 5)]);
        assert_eq!((handshakes.since(), handshakes.next()), (None, None));
    }

    #[test]
    fn whoever_ends_leaves_the_line() {
        let mut handshakes = Handshakes::new(4);
        let mut shares: [Share; 2] = Default::default();
        kept(&mut handshakes, 0, &mut shares[0], 3);
        kept(&mut handshakes, 1, &mut shares[1], 1);
        handshakes.forget(0, &mut shares[0]);
        assert_eq!(turn(&mut handshakes, &mut shares), [(1, 0)]);
        kept(&mut handshakes, 0, &mut shares[0], 1);
        handshakes.forget(0, &mut shares[0]);
        assert_eq!(handshakes.since(), None);
    }

    #[test]
    fn one_can_stand_there_without_a_datagram() {
        let (mut handshakes, mut share) = (Handshakes::new(4), Share::default());
        handshakes.stand_in_line(Instant::ZERO, 7, &mut share);
        handshakes.stand_in_line(Instant::ZERO, 7, &mut share);
        assert_eq!(handshakes.next(), Some(7));
        assert!(handshakes.take(7, &mut share).is_none());
        assert_eq!((handshakes.next(), handshakes.since()), (None, None));
    }

    #[test]
    fn whoever_is_connected_has_its_share_of_each_turn() {
        let (mut handshakes, mut share) = (Handshakes::new(1), Share::default());
        for _ in 0..2 {
            assert_eq!((0..100).filter(|_| handshakes.admit(&mut share).is_ok()).count(), SHARE);
            handshakes.end_turn();
        }
    }

    #[test]
    fn what_is_longer_than_any_path_is_not_kept() {
        let (mut handshakes, mut share) = (Handshakes::new(1), Share::default());
        let long = handshakes.keep(Instant::ZERO, 0, &mut share, PATH, &[22; DATAGRAM_LEN_MAX + 1]);
        assert_eq!((long, handshakes.since()), (Err(DropReason::DtlsBusy), None));
    }
}
