//! From what DTLS exports to session keys: the AES-CM key derivation of RFC 3711 section 4.3, which RFC 7714 section 11 keeps for AEAD.

use super::profile::{KEY_LEN_MAX, KEYING_MATERIAL_LEN_MAX, SALT_LEN_MAX};
use crate::control::{DtlsRole, SrtpProfile};
use arrayvec::ArrayVec;
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// Length of the HMAC-SHA1 session key: n_a of RFC 3711 section 8.2 is 160 bits.
pub(crate) const AUTH_KEY_LEN: usize = 20;

/// What DTLS exported: both directions' master keys and salts, in the order of RFC 5764 section 4.2.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyingMaterial {
    profile: SrtpProfile,
    bytes: ArrayVec<u8, KEYING_MATERIAL_LEN_MAX>,
}

impl core::fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyingMaterial({:?})", self.profile)
    }
}

impl KeyingMaterial {
    /// The export for `profile`; `None` when its length is not the profile's.
    pub fn new(profile: SrtpProfile, export: &[u8]) -> Option<Self> {
        if export.len() != profile.keying_material_len() {
            return None;
        }
        Some(Self { profile, bytes: ArrayVec::try_from(export).ok()? })
    }

    /// The profile that it is for.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The master key and salt that `writer` seals with: client's key, server's key, client's salt, server's salt.
    pub(crate) fn master(&self, writer: DtlsRole) -> MasterKey<'_> {
        let (key_len, salt_len) = (self.profile.key_len(), self.profile.salt_len());
        let (keys, salts) = self.bytes.split_at(2 * key_len);
        let (client_key, server_key) = keys.split_at(key_len);
        let (client_salt, server_salt) = salts.split_at(salt_len);
        match writer {
            DtlsRole::Client => MasterKey { key: client_key, salt: client_salt },
            DtlsRole::Server => MasterKey { key: server_key, salt: server_salt },
        }
    }
}

/// One direction's master key and salt.
pub(crate) struct MasterKey<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) salt: &'a [u8],
}

/// The labels of RFC 3711 section 4.3.1 and 4.3.2. Encryption, authentication and salt of a protocol are consecutive.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Protocol {
    Rtp = 0x00,
    Rtcp = 0x03,
}

/// What one direction of one protocol seals or opens with.
pub(crate) struct SessionKeys {
    pub(crate) key: ArrayVec<u8, KEY_LEN_MAX>,
    /// Only the HMAC profile uses it.
    pub(crate) auth: [u8; AUTH_KEY_LEN],
    /// An AEAD salt fills the first 12 bytes.
    pub(crate) salt: [u8; SALT_LEN_MAX],
}

impl SessionKeys {
    /// Derives the three keys. The key derivation rate is zero, as RFC 5764 section 4.1.2 has it: keys never change in a session.
    pub(crate) fn derive(master: &MasterKey<'_>, protocol: Protocol) -> Self {
        let prf = Prf::new(master);
        let label = protocol as u8;
        let mut keys = Self { key: ArrayVec::new(), auth: [0; AUTH_KEY_LEN], salt: [0; SALT_LEN_MAX] };
        keys.key.extend(core::iter::repeat_n(0, master.key.len()));
        prf.fill(label, &mut keys.key);
        prf.fill(label + 1, &mut keys.auth);
        prf.fill(label + 2, &mut keys.salt[..master.salt.len()]);
        keys
    }
}

/// AES in counter mode as a pseudorandom function (RFC 3711 section 4.3.3; RFC 6188 section 3 for 256-bit keys).
struct Prf {
    key: EncryptingKey,
    /// The master salt times 2^16. A 96-bit salt is padded on the right first (RFC 7714 section 11).
    salt: [u8; 16],
}

impl Prf {
    fn new(master: &MasterKey<'_>) -> Self {
        let mut salt = [0; 16];
        salt[..master.salt.len()].copy_from_slice(master.salt);
        Self { key: counter_key(master.key), salt }
    }

    /// The keystream for `label`. `key_id = label || r` with r = 0 puts the label at byte 7 of the block.
    fn fill(&self, label: u8, out: &mut [u8]) {
        let mut counter = self.salt;
        counter[7] ^= label;
        out.fill(0);
        apply_keystream(&self.key, counter, out);
    }
}

/// An AES key for counter mode.
pub(crate) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("a profile's keys are 16 or 32 bytes");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// Adds the keystream that begins at `counter` to `bytes`: seals and opens. The key schedule is reused; nothing is allocated.
pub(crate) fn apply_keystream(key: &EncryptingKey, counter: [u8; 16], bytes: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(counter));
    key.less_safe_encrypt(bytes, context).expect("counter mode takes a 128-bit counter and any length");
}

#[cfg(test)]
mod tests {
    use super::super::test_vectors::hex;
    use super::*;

    fn rfc3711_master() -> (Vec<u8>, Vec<u8>) {
        (hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"))
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn rfc3711_key_derivation() {
        let (key, salt) = rfc3711_master();
        let keys = SessionKeys::derive(&MasterKey { key: &key, salt: &salt }, Protocol::Rtp);
        assert_eq!(keys.key.as_slice(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt.as_slice(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(keys.auth.as_slice(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    /// RFC 3711 appendix B.3 gives 94 bytes of the authentication stream; more than a block checks the counter.
    #[test]
    fn rfc3711_long_output() {
        let (key, salt) = rfc3711_master();
        let mut stream = [0; 94];
        Prf::new(&MasterKey { key: &key, salt: &salt }).fill(1, &mut stream);
        let expected = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
                        6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2";
        assert_eq!(stream.as_slice(), hex(expected));
    }

    /// RFC 6188 section 7.2: the same function under a 256-bit key.
    #[test]
    fn rfc6188_key_derivation() {
        let key = hex("F0F04914B513F2763A1B1FA130F10E2998F6F6E43E4309D1E622A0E332B9F1B6");
        let salt = hex("3B04803DE51EE7C96423AB5B78D2");
        let keys = SessionKeys::derive(&MasterKey { key: &key, salt: &salt }, Protocol::Rtp);
        assert_eq!(keys.key.as_slice(), hex("5BA1064E30EC51613CAD926C5A28EF731EC7FB397F70A960653CAF06554CD8C4"));
        assert_eq!(keys.salt.as_slice(), hex("FA31791685CA444A9E07C6C64E93"));
    }

    /// RFC 3711 appendix B.2: the keystream of counter mode, with a counter that carries over its low byte.
    #[test]
    fn rfc3711_keystream() {
        let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        let counter: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().expect("16 bytes");
        let mut stream = vec![0; 0xFF02 * 16];
        apply_keystream(&key, counter, &mut stream);
        assert_eq!(
            &stream[..48],
            hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0")
        );
        assert_eq!(
            &stream[0xFEFF * 16..],
            hex("EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44")
        );
    }

    #[test]
    fn the_export_is_cut_as_rfc5764_says() {
        let export: Vec<u8> = (0..60).collect();
        let material = KeyingMaterial::new(SrtpProfile::Aes128CmSha1_80, &export).expect("60 bytes");
        let (client, server) = (material.master(DtlsRole::Client), material.master(DtlsRole::Server));
        assert_eq!((client.key, server.key), (&export[0..16], &export[16..32]));
        assert_eq!((client.salt, server.salt), (&export[32..46], &export[46..60]));
        assert_eq!(KeyingMaterial::new(SrtpProfile::Aes128CmSha1_80, &export[1..]), None);
    }
}
