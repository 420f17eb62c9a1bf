//! The packets of RFC 7714 section 16 and 17, sealed and opened by the ciphers themselves: their keys are session keys.

use super::cipher::{Cipher, SrtcpHead};
use super::keys::{AUTH_KEY_LEN, SessionKeys};
use super::profile::SALT_LEN_MAX;
use crate::control::SrtpProfile;
use corelay_wire::units::{PacketIndex, Ssrc};

const RTP: &str =
    "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";
const RTCP: &str =
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
const RTP_HEADER_LEN: usize = 12;
const RTP_INDEX: PacketIndex = PacketIndex(0xf17b);
const RTCP_INDEX: u32 = 0x5d4;

/// Section 16.1.1.
const SRTP_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
                        8833899d 7f27beb1 6a9152cf 765ee439 0cce";
/// Section 16.2.1.
const SRTP_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
                        b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
/// Section 17.1.
const SRTCP_128: &str =
    "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
                         0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
/// Section 17.2.
const SRTCP_256: &str =
    "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
                         6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

/// Bytes from hexadecimal; white space is ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")).collect()
}

/// The key counts up from zero; the salt is "Quid pro quo".
fn cipher(profile: SrtpProfile) -> Cipher {
    let mut salt = [0; SALT_LEN_MAX];
    salt[..12].copy_from_slice(b"Quid pro quo");
    let key = (0..profile.key_len() as u8).collect();
    Cipher::new(profile, &SessionKeys { key, auth: [0; AUTH_KEY_LEN], salt })
}

fn check_rtp(profile: SrtpProfile, sealed: &str) {
    let (plain, sealed, cipher) = (hex(RTP), hex(sealed), cipher(profile));
    let (header, payload) = plain.split_at(RTP_HEADER_LEN);
    let mut dst = [0; 128];
    let len = cipher.seal_rtp(Ssrc(0x5501_a0b2), RTP_INDEX, header, payload, &mut dst).expect("seals");
    assert_eq!(&dst[..len], sealed);
    let len = cipher.open_rtp(Ssrc(0x5501_a0b2), RTP_INDEX, RTP_HEADER_LEN, &mut dst[..len]).expect("opens");
    assert_eq!(&dst[..len], plain);
}

fn check_rtcp(profile: SrtpProfile, sealed: &str) {
    let (plain, sealed, cipher) = (hex(RTCP), hex(sealed), cipher(profile));
    let mut dst = [0; 128];
    let len = cipher.seal_rtcp(RTCP_INDEX, &plain, &mut dst).expect("seals");
    assert_eq!(&dst[..len], sealed);
    let head = cipher.srtcp_head(&dst[..len]).expect("long enough");
    assert_eq!(head, SrtcpHead { sender: Ssrc(0x4d61_7273), index: RTCP_INDEX, encrypted: true });
    let len = cipher.open_rtcp(head, &mut dst[..len]).expect("opens");
    assert_eq!(&dst[..len], plain);
}

#[test]
fn rfc7714_srtp() {
    check_rtp(SrtpProfile::AeadAes128Gcm, SRTP_128);
    check_rtp(SrtpProfile::AeadAes256Gcm, SRTP_256);
}

#[test]
fn rfc7714_srtcp() {
    check_rtcp(SrtpProfile::AeadAes128Gcm, SRTCP_128);
    check_rtcp(SrtpProfile::AeadAes256Gcm, SRTCP_256);
}

/// Section 17.3: authentic, but not encrypted. None of our profiles sends it, so it is told apart.
#[test]
fn rfc7714_srtcp_without_encryption_is_recognised() {
    let tag_only = format!("{RTCP} 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4");
    let head = cipher(SrtpProfile::AeadAes128Gcm).srtcp_head(&hex(&tag_only)).expect("long enough");
    assert_eq!(head, SrtcpHead { sender: Ssrc(0x4d61_7273), index: RTCP_INDEX, encrypted: false });
}
