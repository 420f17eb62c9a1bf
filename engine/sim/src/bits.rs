//! Bits in network order, for the dependency descriptor.

/// Writes bits, the highest first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
}

impl BitWriter {
    pub(crate) fn put(&mut self, bits: usize, value: u32) {
        for at in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> at & 1) as u8;
            *self.bytes.last_mut().expect("a byte was pushed") |= bit << (7 - self.used % 8);
            self.used += 1;
        }
    }

    /// A value below `n` (AV1 RTP specification, appendix A.2: ns(n)).
    pub(crate) fn put_below(&mut self, n: u32, value: u32) {
        let width = (u32::BITS - n.leading_zeros()) as usize;
        let short = (1 << width) - n;
        match value < short {
            true => self.put(width - 1, value),
            false => self.put(width, value + short),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads them.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn take(&mut self, bits: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..bits {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    pub(crate) fn take_below(&mut self, n: u32) -> Option<u32> {
        let width = (u32::BITS - n.leading_zeros()) as usize;
        let short = (1 << width) - n;
        let value = self.take(width - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1 | self.take(1)?) - short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = BitWriter::default();
        writer.put(3, 5);
        (0..5).for_each(|value| writer.put_below(5, value));
        writer.put(16, 0xABCD);
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes);
        assert_eq!(reader.take(3), Some(5));
        assert!((0..5).all(|value| reader.take_below(5) == Some(value)));
        assert_eq!(reader.take(16), Some(0xABCD));
        assert_eq!(reader.take(16), None);
    }
}
