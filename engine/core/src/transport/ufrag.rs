//! The server's user fragment: it names the transport, so that whoever named the transport can make the fragment, and the peer can be told
//! of it before the shard has made the transport.
//!
//! ```text
//! bits   | shard 16 | transport 64 | random 40 |  = 120 bits = 20 ice-chars of 6 bits
//! ```
//! No id comes again: a check for a transport that ended finds nothing. The random bits are for RFC 8445 section 5.3, which asks for 24 at
//! least. What the fragment names is no secret.

use crate::control::IceCredentials;
use arrayvec::ArrayString;
use corelay_wire::ids::{ShardId, TransportId};
use rand::CryptoRng;

/// `ice-char` of RFC 8839 section 5.4: ALPHA / DIGIT / "+" / "/".
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a user fragment.
const UFRAG_LEN: usize = 20;
const RANDOM_BITS: u32 = 40;
/// Characters of a password: 144 bits. RFC 8445 section 5.3 asks for 128 at least.
const PASSWORD_LEN: usize = 24;

const _: () = assert!(UFRAG_LEN * 6 == 16 + 64 + RANDOM_BITS as usize);
const _: () = assert!(PASSWORD_LEN * 6 >= 128 && PASSWORD_LEN <= 32);

/// A fragment of `transport` on `shard`.
pub fn encode(shard: ShardId, transport: TransportId, rng: &mut impl CryptoRng) -> ArrayString<32> {
    let random = u128::from(rng.next_u64() >> (u64::BITS - RANDOM_BITS));
    let name = u128::from(shard.0) << 64 | u128::from(transport.0);
    let bits = name << RANDOM_BITS | random;
    (0..UFRAG_LEN).rev().map(|i| char::from(ICE_CHARS[(bits >> (6 * i) & 63) as usize])).collect::<ArrayStringOf>().0
}

/// What a fragment names. `None` for anything that [`encode`] does not make.
pub fn decode(ufrag: &str) -> Option<(ShardId, TransportId)> {
    if ufrag.len() != UFRAG_LEN {
        return None;
    }
    let bits = ufrag.bytes().try_fold(0u128, |bits, c| Some(bits << 6 | u128::from(value(c)?)))?;
    let name = bits >> RANDOM_BITS;
    Some((ShardId((name >> 64) as u16), TransportId(name as u64)))
}

/// New credentials for `transport` on `shard`.
pub fn credentials(shard: ShardId, transport: TransportId, rng: &mut impl CryptoRng) -> IceCredentials {
    let mut random = [0; PASSWORD_LEN];
    rng.fill_bytes(&mut random);
    let password = random.iter().map(|byte| char::from(ICE_CHARS[usize::from(byte & 63)])).collect::<ArrayStringOf>().0;
    IceCredentials { ufrag: encode(shard, transport, rng), password }
}

/// The six bits of an ice-char.
fn value(c: u8) -> Option<u8> {
    match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Collects ice-chars.
struct ArrayStringOf(ArrayString<32>);

impl FromIterator<char> for ArrayStringOf {
    fn from_iter<T: IntoIterator<Item = char>>(chars: T) -> Self {
        let mut string = ArrayString::new();
        chars.into_iter().for_each(|c| string.push(c));
        Self(string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(shard: u16, transport: u64, seed: u64) {
            let ufrag = encode(ShardId(shard), TransportId(transport), &mut ChaCha12Rng::seed_from_u64(seed));
            prop_assert_eq!(decode(&ufrag), Some((ShardId(shard), TransportId(transport))));
        }

        #[test]
        fn decoding_is_total(text in "\\PC{0,40}") {
            let _ = decode(&text);
        }

        #[test]
        fn only_ice_chars_of_the_right_length_decode(text in "[A-Za-z0-9+/]{0,40}") {
            prop_assert_eq!(decode(&text).is_some(), text.len() == UFRAG_LEN);
        }
    }

    #[test]
    fn alphabet_and_values_agree() {
        for (i, c) in ICE_CHARS.iter().enumerate() {
            assert_eq!(value(*c), Some(i as u8));
        }
        assert!([b'=', b'-', b'_', b':', b' ', 0, 255].into_iter().all(|c| value(c).is_none()));
    }

    #[test]
    fn credentials_made_twice_differ_in_password_and_random_bits() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let (a, b) = (credentials(ShardId(1), TransportId(2), &mut rng), credentials(ShardId(1), TransportId(2), &mut rng));
        assert!(a.ufrag != b.ufrag && a.password != b.password);
        assert_eq!(a.password.len(), PASSWORD_LEN);
    }
}
