//! Which of the known header extensions, as bits: what a packet carries and what a subscriber asked for meet in one instruction.

use crate::media::Extension;

/// A set of [`Extension`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExtensionSet(u16);

/// What a packet carries of the known extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Carried {
    /// All of them.
    pub present: ExtensionSet,
    /// Those whose data only the two-byte form holds: none, or more than 16 bytes.
    pub two_byte: ExtensionSet,
}

const _: () = assert!(Extension::COUNT <= 16, "each extension has a bit");

impl ExtensionSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// Those whose numbers in [`Extension::ALL`] are bits that are set.
    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Puts `extension` in.
    pub const fn insert(&mut self, extension: Extension) {
        self.0 |= 1 << extension as u16;
    }

    /// Takes `extension` out.
    pub const fn remove(&mut self, extension: Extension) {
        self.0 &= !(1 << extension as u16);
    }

    /// Whether `extension` is in it.
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 >> extension as u16 & 1 != 0
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In the order of [`Extension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Extension> + Clone {
        let mut bits = self.0;
        core::iter::from_fn(move || {
            let lowest = Extension::ALL.get(bits.trailing_zeros() as usize).copied()?;
            bits &= bits - 1;
            Some(lowest)
        })
    }
}

impl FromIterator<Extension> for ExtensionSet {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        let mut set = Self::EMPTY;
        extensions.into_iter().for_each(|e| set.insert(e));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let all: ExtensionSet = Extension::ALL.into_iter().collect();
        assert!(all.iter().eq(Extension::ALL));
        let two: ExtensionSet = [Extension::VideoLayersAllocation, Extension::Mid].into_iter().collect();
        assert_eq!(two.iter().collect::<Vec<_>>(), [Extension::Mid, Extension::VideoLayersAllocation]);
        assert!(two.contains(Extension::Mid) && !two.contains(Extension::Rid));
        assert_eq!(two.and(all), two);
        assert_eq!(two.or(all), all);
        assert!(ExtensionSet::EMPTY.iter().next().is_none() && ExtensionSet::EMPTY.is_empty());
    }
}
