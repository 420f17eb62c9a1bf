//! Names for new things.

use corelay_wire::ids::{ParticipantId, RoomId, SubscriptionId, TrackId, TransportId};
use rand::RngExt as _;

/// Engine ids, each used once while the node runs.
#[derive(Debug, Default)]
pub(super) struct Ids {
    last: u64,
}

impl Ids {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn room(&mut self) -> RoomId {
        RoomId(self.next())
    }

    pub(super) fn participant(&mut self) -> ParticipantId {
        ParticipantId(self.next())
    }

    pub(super) fn transport(&mut self) -> TransportId {
        TransportId(self.next())
    }

    pub(super) fn track(&mut self) -> TrackId {
        TrackId(self.next())
    }

    pub(super) fn subscription(&mut self) -> SubscriptionId {
        SubscriptionId(self.next())
    }
}

/// A random id for the wire, in the form of a UUID of version 4 (RFC 9562 section 5.4). 122 random bits: it cannot be guessed.
pub(crate) fn public_id() -> String {
    let random: u128 = rand::rng().random();
    let id = (random & !(0xF << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let mut text = String::with_capacity(36);
    for (n, byte) in id.to_be_bytes().into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 0xF].map(|digit| char::from(DIGITS[usize::from(digit)])));
    }
    text
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::public_id;

    #[test]
    fn public_ids_have_the_form_of_a_uuid() {
        let id = public_id();
        assert_eq!(id.len(), 36);
        assert!([8, 13, 18, 23].iter().all(|at| id.as_bytes()[*at] == b'-'), "{id}");
        assert_eq!(id.chars().filter(|digit| matches!(digit, '0'..='9' | 'a'..='f')).count(), 32);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
        assert_ne!(id, public_id());
    }
}
