//! Bits, the highest of a byte first.

/// Takes bits off the front; `None` where the data ends too soon.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// From bit `position` on.
    pub(super) const fn new(data: &'a [u8], position: usize) -> Self {
        Self { data, position }
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.position.checked_add(count)?;
        (end <= 8 * self.data.len()).then(|| self.position = end)
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit != 0)
    }

    /// At most 64.
    pub(super) fn bits(&mut self, count: usize) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u64::from(self.bit()?);
        }
        Some(value)
    }

    /// `ns(n)`: a value below `n`, in as few bits as that takes (AV1 specification section 4.10.7).
    pub(super) fn below(&mut self, n: u32) -> Option<u32> {
        let width = u32::BITS - n.leading_zeros();
        let short = (1u64 << width) - u64::from(n);
        let value = self.bits((width as usize).checked_sub(1)?)?;
        if value < short {
            return Some(value as u32);
        }
        Some(((value << 1) - short + u64::from(self.bit()?)) as u32)
    }
}

/// Appends bits; `None` where the slice is full.
pub(super) struct BitWriter<'a> {
    dst: &'a mut [u8],
    position: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) const fn new(dst: &'a mut [u8]) -> Self {
        Self { dst, position: 0 }
    }

    /// In bytes; the last one is filled with zeros.
    pub(super) const fn len(&self) -> usize {
        self.position.div_ceil(8)
    }

    pub(super) fn bit(&mut self, set: bool) -> Option<()> {
        let byte = self.dst.get_mut(self.position / 8)?;
        if self.position.is_multiple_of(8) {
            *byte = 0;
        }
        *byte |= u8::from(set) << (7 - self.position % 8);
        self.position += 1;
        Some(())
    }

    /// The low `count` bits of `value`.
    pub(super) fn bits(&mut self, value: u64, count: usize) -> Option<()> {
        (0..count).rev().try_for_each(|at| self.bit(value >> at & 1 != 0))
    }

    /// The bits of `data` from `start` to `end`; none when they are not in this order.
    pub(super) fn copy(&mut self, data: &[u8], start: usize, end: usize) -> Option<()> {
        let mut reader = BitReader::new(data, start);
        (start..end).try_for_each(|_| self.bit(reader.bit()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_below_n_takes_as_few_bits_as_it_can() {
        // n = 5: 00, 01, 10, 110, 111.
        let data = [0b0001_1011, 0b0111_0000];
        let mut reader = BitReader::new(&data, 0);
        let values: Vec<_> = (0..5).map(|_| reader.below(5)).collect();
        assert_eq!(values, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(BitReader::new(&[], 0).below(1), Some(0), "one value takes none");
        assert_eq!(BitReader::new(&[0xFF], 0).below(0), None);
    }

    #[test]
    fn bits_are_copied_wherever_they_begin() {
        let mut dst = [0xFF; 2];
        let mut writer = BitWriter::new(&mut dst);
        assert!(writer.bits(0b101, 3).is_some() && writer.copy(&[0x0F, 0xF0], 4, 12).is_some());
        assert_eq!((writer.len(), dst), (2, [0b1011_1111, 0b1110_0000]));
    }
}
