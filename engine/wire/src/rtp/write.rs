//! Writes an RTP header with its extensions.

use super::extensions::ExtensionForm;
use crate::units::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use crate::writer::Writer;

/// The fields of a header to write. There are no contributing sources: the server does not mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFields {
    /// Who sends the stream.
    pub ssrc: Ssrc,
    /// When the payload was sampled.
    pub timestamp: RtpTimestamp,
    /// The packet's place in the stream.
    pub sequence: SequenceNumber,
    /// The format of the payload.
    pub payload_type: PayloadType,
    /// By convention the last packet of a video frame, or the first one of a talk spurt.
    pub marker: bool,
    /// The P bit: whoever writes the payload ends it with padding and its count.
    pub padded: bool,
}

impl Default for HeaderFields {
    fn default() -> Self {
        Self {
            ssrc: Ssrc(0),
            timestamp: RtpTimestamp(0),
            sequence: SequenceNumber(0),
            payload_type: PayloadType(0),
            marker: false,
            padded: false,
        }
    }
}

/// Writes the header with these (id, data) extensions and gives its length; `None` when it does not fit `dst`, or when an
/// extension can be written in no form (id 0, or more than 255 bytes).
///
/// The one-byte form is used unless an element asks for the two-byte form: an id above 14, no data, or more than 16 bytes
/// (RFC 8285 section 4.3). Forms are not mixed in a packet. Without extensions the X bit is not set. The elements are gone
/// through twice.
pub fn write_header<'a, I>(dst: &mut [u8], fields: &HeaderFields, extensions: I) -> Option<usize>
where
    I: IntoIterator<Item = (u8, &'a [u8]), IntoIter: Clone>,
{
    let extensions = extensions.into_iter();
    let form = choose_form(extensions.clone())?;
    let mut writer = Writer::new(dst);
    write_fixed(&mut writer, fields, form.is_some())?;
    match form {
        None => {}
        Some(form) => write_extensions(&mut writer, form, extensions)?,
    }
    Some(writer.len())
}

/// The form that all elements fit; the inner `None` when there are no elements, the outer one when there is no such form.
pub(super) fn choose_form<'a>(extensions: impl Iterator<Item = (u8, &'a [u8])>) -> Option<Option<ExtensionForm>> {
    let mut form = None;
    for (id, data) in extensions {
        form = match (id, data.len(), form) {
            (0, _, _) | (_, 256.., _) => return None,
            (1..=14, 1..=16, None | Some(ExtensionForm::OneByte)) => Some(ExtensionForm::OneByte),
            _ => Some(ExtensionForm::TwoByte),
        };
    }
    Some(form)
}

fn write_fixed(writer: &mut Writer<'_>, fields: &HeaderFields, extended: bool) -> Option<()> {
    writer.u8(0x80 | u8::from(fields.padded) << 5 | u8::from(extended) << 4)?;
    writer.u8(u8::from(fields.marker) << 7 | fields.payload_type.0 & 0x7F)?;
    writer.u16(fields.sequence.0)?;
    writer.u32(fields.timestamp.0)?;
    writer.u32(fields.ssrc.0)
}

fn write_extensions<'a>(
    writer: &mut Writer<'_>,
    form: ExtensionForm,
    extensions: impl Iterator<Item = (u8, &'a [u8])>,
) -> Option<()> {
    writer.u16(form.profile())?;
    let length_at = writer.len();
    writer.u16(0)?;
    for (id, data) in extensions {
        match form {
            ExtensionForm::OneByte => writer.u8(id << 4 | (data.len() - 1) as u8)?,
            ExtensionForm::TwoByte => writer.bytes(&[id, data.len() as u8])?,
        }
        writer.bytes(data)?;
    }
    writer.pad_to_word()?;
    let words = (writer.len() - length_at - 2) / 4;
    writer.set_u16(length_at, u16::try_from(words).ok()?);
    Some(())
}
