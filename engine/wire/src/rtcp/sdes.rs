//! Source description (RFC 3550 section 6.5). Of its items only CNAME is of use here; the others are stepped over.

use super::framing::{Frame, Message, SDES, write_message};
use crate::reader::Reader;
use crate::units::Ssrc;

const ITEM_END: u8 = 0;
const ITEM_CNAME: u8 = 1;

/// A source description that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sdes<'a> {
    chunks: &'a [u8],
    count: u8,
}

/// A source description with the CNAME of one source, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesCname<'a> {
    /// The source.
    pub ssrc: Ssrc,
    /// The name that its participant's streams share, at most 255 bytes.
    pub cname: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn read(frame: Frame<'a>) -> Option<Self> {
        let mut reader = Reader::new(frame.body);
        for _ in 0..frame.count {
            read_chunk(&mut reader)?;
        }
        Some(Self { chunks: frame.body, count: frame.count })
    }

    /// The CNAMEs, of each source that gave one.
    pub fn cnames(&self) -> impl Iterator<Item = (Ssrc, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.chunks);
        (0..self.count).map_while(move |_| read_chunk(&mut reader)).filter_map(|(ssrc, cname)| Some((ssrc, cname?)))
    }
}

impl Message for SdesCname<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        write_message(dst, SDES, 1, |writer| {
            writer.u32(self.ssrc.0)?;
            writer.bytes(&[ITEM_CNAME, u8::try_from(self.cname.len()).ok()?])?;
            writer.bytes(self.cname)?;
            writer.u8(ITEM_END)?;
            writer.pad_to_word()
        })
    }
}

/// A source and its CNAME. The list of items ends with at least one zero, and is filled up with zeros to whole words.
fn read_chunk<'a>(reader: &mut Reader<'a>) -> Option<(Ssrc, Option<&'a [u8]>)> {
    let ssrc = Ssrc(reader.u32()?);
    let start = reader.rest().len();
    let mut cname = None;
    loop {
        let kind = reader.u8()?;
        if kind == ITEM_END {
            break;
        }
        let len = usize::from(reader.u8()?);
        let text = reader.take(len)?;
        if kind == ITEM_CNAME {
            cname.get_or_insert(text);
        }
    }
    reader.take((start - reader.rest().len()).wrapping_neg() % 4)?;
    Some((ssrc, cname))
}
