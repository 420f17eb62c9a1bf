//! H.264 profiles by `profile-level-id` (RFC 6184 section 8.1, table 5). Levels do not count: `level-asymmetry-allowed` is 1 and
//! the server does not decode.

/// The profiles that browsers name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
}

/// The profile that `profile_level_id` (six hexadecimal digits) names, if it is one of those above.
pub(super) fn profile(profile_level_id: &str) -> Option<Profile> {
    if profile_level_id.len() != 6 {
        return None;
    }
    let value = u32::from_str_radix(profile_level_id, 16).ok()?;
    let [_, idc, iop, _] = value.to_be_bytes();
    let bits = |mask: u8, pattern: u8| iop & mask == pattern;
    match idc {
        0x42 if bits(0b0100_1111, 0b0100_0000) => Some(Profile::ConstrainedBaseline),
        0x4D if bits(0b1000_1111, 0b1000_0000) => Some(Profile::ConstrainedBaseline),
        0x58 if bits(0b1100_1111, 0b1100_0000) => Some(Profile::ConstrainedBaseline),
        0x42 if bits(0b0100_1111, 0) => Some(Profile::Baseline),
        0x58 if bits(0b1100_1111, 0b1000_0000) => Some(Profile::Baseline),
        0x4D if bits(0b1010_1111, 0) => Some(Profile::Main),
        0x64 if iop == 0b0000_1100 => Some(Profile::ConstrainedHigh),
        0x64 if iop == 0 => Some(Profile::High),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send() {
        assert_eq!(profile("42e01f"), Some(Profile::ConstrainedBaseline));
        assert_eq!(profile("42E034"), Some(Profile::ConstrainedBaseline));
        assert_eq!(profile("42001f"), Some(Profile::Baseline));
        assert_eq!(profile("4d001f"), Some(Profile::Main));
        assert_eq!(profile("4d0032"), Some(Profile::Main));
        assert_eq!(profile("640c1f"), Some(Profile::ConstrainedHigh));
        assert_eq!(profile("64001f"), Some(Profile::High));
    }

    #[test]
    fn what_is_none() {
        for id in ["", "42e0", "42e01f00", "zzzzzz", "f4001f", "+2e01f", "ü2e01"] {
            assert_eq!(profile(id), None, "{id}");
        }
    }
}
