//! Appends big-endian values to a slice; `None` where the slice is full.

pub(crate) struct Writer<'a> {
    dst: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(dst: &'a mut [u8]) -> Self {
        Self { dst, len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.dst.get_mut(self.len..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Option<()> {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> Option<()> {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> Option<()> {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> Option<()> {
        self.bytes(&value.to_be_bytes())
    }

    /// Zeros up to a multiple of four.
    pub(crate) fn pad_to_word(&mut self) -> Option<()> {
        const ZEROS: [u8; 3] = [0; 3];
        self.bytes(&ZEROS[..self.len.wrapping_neg() % 4])
    }

    /// Overwrites two bytes that were written before.
    pub(crate) fn set_u16(&mut self, at: usize, value: u16) {
        debug_assert!(at + 2 <= self.len, "only what was written is overwritten");
        if let Some(place) = self.dst.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(crate) fn written(&self) -> &[u8] {
        &self.dst[..self.len]
    }
}
