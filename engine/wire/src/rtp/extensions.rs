//! The elements of a header extension, in both forms of RFC 8285.

use core::ops::Range;

/// How the elements of a header extension are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionForm {
    /// Ids 1-14, 1-16 bytes each (RFC 8285 section 4.2).
    OneByte,
    /// Ids 1-255, 0-255 bytes each (RFC 8285 section 4.3).
    TwoByte,
}

impl ExtensionForm {
    /// "defined by profile" of the one-byte form.
    pub(super) const ONE_BYTE_PROFILE: u16 = 0xBEDE;
    /// "defined by profile" of the two-byte form; the low four bits are the application's.
    pub(super) const TWO_BYTE_PROFILE: u16 = 0x1000;

    pub(super) const fn profile(self) -> u16 {
        match self {
            Self::OneByte => Self::ONE_BYTE_PROFILE,
            Self::TwoByte => Self::TWO_BYTE_PROFILE,
        }
    }

    /// How long an element is beside its data.
    pub(super) const fn head_len(self) -> usize {
        match self {
            Self::OneByte => 1,
            Self::TwoByte => 2,
        }
    }

    /// Writes what stands before `len` bytes of data to the front of `dst`; gives how long it is. Id and `len` are of this form.
    pub(super) fn write_head(self, dst: &mut [u8], id: u8, len: usize) -> Option<usize> {
        match self {
            Self::OneByte => *dst.first_mut()? = id << 4 | (len - 1) as u8,
            Self::TwoByte => *dst.first_chunk_mut()? = [id, len as u8],
        }
        Some(self.head_len())
    }

    pub(super) const fn from_profile(profile: u16) -> Option<Self> {
        match profile {
            Self::ONE_BYTE_PROFILE => Some(Self::OneByte),
            0x1000..=0x100F => Some(Self::TwoByte),
            _ => None,
        }
    }
}

/// Iterates over (id, data). An element that claims more than there is ends the iteration; the packet stays good.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    form: ExtensionForm,
    packet: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Extensions<'a> {
    pub(super) const EMPTY: Self = Self { form: ExtensionForm::OneByte, packet: &[], at: 0, end: 0 };

    pub(super) fn new(form: ExtensionForm, packet: &'a [u8], elements: Range<usize>) -> Self {
        Self { form, packet, at: elements.start, end: elements.end.min(packet.len()) }
    }

    /// The next element as its id and where its data is in the packet.
    pub(super) fn next_range(&mut self) -> Option<(u8, Range<usize>)> {
        loop {
            let (id, len) = self.element_head()?;
            let data = self.at..self.at + len;
            if data.end > self.end {
                self.at = self.end;
                return None;
            }
            self.at = data.end;
            // Zero is padding or, with a length, a reserved id that no negotiation can have given out.
            if id != 0 {
                return Some((id, data));
            }
        }
    }

    /// Steps over the head of an element, or over one byte of padding, which is given as id and length zero.
    fn element_head(&mut self) -> Option<(u8, usize)> {
        let first = self.next_byte()?;
        match (self.form, first) {
            (_, 0) => Some((0, 0)),
            // RFC 8285 section 4.2: "If the ID value 15 is used, its length field MUST be ignored, processing of the entire
            // extension MUST terminate at that point".
            (ExtensionForm::OneByte, 0xF0..) => {
                self.at = self.end;
                None
            }
            (ExtensionForm::OneByte, _) => Some((first >> 4, usize::from(first & 0x0F) + 1)),
            (ExtensionForm::TwoByte, _) => Some((first, usize::from(self.next_byte()?))),
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.packet[..self.end].get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_range().map(|(id, range)| (id, &self.packet[range]))
    }
}
