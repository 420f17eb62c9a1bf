//! What each protection profile needs and adds.

use crate::control::SrtpProfile;

/// The longest master key of any profile.
pub(crate) const KEY_LEN_MAX: usize = 32;
/// The longest master salt of any profile (RFC 3711 section 8.2).
pub(crate) const SALT_LEN_MAX: usize = 14;
/// The longest export of DTLS-SRTP: two keys and two salts of AEAD_AES_256_GCM.
pub const KEYING_MATERIAL_LEN_MAX: usize = 2 * KEY_LEN_MAX + 2 * 12;
/// The ESRTCP word: the E flag and the 31-bit SRTCP index (RFC 3711 section 3.4).
pub(crate) const SRTCP_WORD_LEN: usize = 4;

impl SrtpProfile {
    /// Length of the master key (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the master salt (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Length of the authentication tag.
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// How many bytes a sealed RTP packet is longer than the plain one.
    pub const fn rtp_overhead(self) -> usize {
        self.tag_len()
    }

    /// How many bytes a sealed RTCP packet is longer than the plain one.
    pub const fn rtcp_overhead(self) -> usize {
        self.tag_len() + SRTCP_WORD_LEN
    }

    /// How many bytes DTLS exports: two keys, then two salts (RFC 5764 section 4.2).
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_fits_the_longest_export() {
        let lengths = [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80]
            .map(SrtpProfile::keying_material_len);
        assert_eq!(lengths, [56, 88, 60]);
        assert_eq!(lengths.into_iter().max(), Some(KEYING_MATERIAL_LEN_MAX));
    }
}
