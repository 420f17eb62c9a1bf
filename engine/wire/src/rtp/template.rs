//! The header of one subscriber's packets, written once as far as it stays the same: a packet fills in what is its own.
//!
//! ```text
//! | V P X CC | M PT | sequence | timestamp | SSRC | preamble | mid, playout delay | send time, transport-wide number | passed on | zeros |
//!     '---------- of the packet ----------'              '- one length                '------ of the packet ------'  '- few have any
//! ```
//!
//! Elements that are written stand first, those that are passed behind them, as [`super::write_header`] has it when it is given
//! both in the order of [`Extension::ALL`], but for a playout delay that is written; the bytes are the same. A packet whose passed
//! elements need the two-byte form, when the written ones do not, is left to that function: that is a keyframe's dependency
//! descriptor with its structure.

use super::extension_set::{Carried, ExtensionSet};
use super::extension_spans::ExtensionSpans;
use super::extensions::{ExtensionForm, Extensions};
use super::playout_delay::PlayoutDelay;
use super::write::{HeaderFields, choose_form, write_header};
use crate::media::{Extension, ExtensionMap};
use crate::units::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

/// The fixed header (RFC 3550 section 5.1).
const FIXED_LEN: usize = 12;
/// Where the first element stands: behind "defined by profile" and the length (RFC 8285 section 4.1.2).
const ELEMENTS_AT: usize = FIXED_LEN + 4;
/// The longest mid of the one-byte form, abs-send-time and the transport-wide number, all in the two-byte form, to the end of a
/// word. In the one-byte form a playout delay fits as well.
const TEMPLATE_BYTES: usize = ELEMENTS_AT + (2 + 16) + (2 + 3) + (2 + 2) + 1;
const _: () = assert!(TEMPLATE_BYTES.is_multiple_of(4));
const SEND_TIME_BYTES: usize = 3;
const TRANSPORT_SEQUENCE_BYTES: usize = 2;

/// What is each packet's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFields {
    /// When the payload was sampled.
    pub timestamp: RtpTimestamp,
    /// The packet's place in the stream.
    pub sequence: SequenceNumber,
    /// The format of the payload.
    pub payload_type: PayloadType,
    /// See [`HeaderFields::marker`].
    pub marker: bool,
    /// The P bit: whoever writes the payload ends it with padding and its count.
    pub padded: bool,
    /// When it leaves, as [`super::AbsSendTime::to_bytes`] gives it.
    pub send_time: [u8; SEND_TIME_BYTES],
    /// Its place among all packets of the transport, where [`HeaderTemplate::is_numbered`].
    pub transport_sequence: SequenceNumber,
}

/// The extensions of the publisher's packet, where they are in its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a> {
    /// Which there are: [`ExtensionSpans::carried`].
    pub carried: Carried,
    /// Where they are.
    pub spans: &'a ExtensionSpans,
    /// The packet.
    pub packet: &'a [u8],
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    /// The header of a packet that nothing is passed with, zeros behind it.
    bytes: [u8; TEMPLATE_BYTES],
    /// How many elements are written.
    written: u8,
    /// Where passed elements begin: behind the written ones.
    written_end: u8,
    /// How long the header is when nothing is passed.
    len: u8,
    /// Where abs-send-time's data is; zero when it is not written.
    send_time_at: u8,
    /// Where the transport-wide number is; zero when it is not written.
    transport_sequence_at: u8,
    form: ExtensionForm,
    /// Those that are passed.
    passed: ExtensionSet,
    /// Those of them whose ids are of the two-byte form.
    two_byte: ExtensionSet,
    ids: ExtensionMap,
}

impl HeaderTemplate {
    /// A template for the stream `ssrc` with these ids. `mid` is written where it is told and has an id, abs-send-time and
    /// the transport-wide number where they have one, and what is in `passed` is passed where it has one.
    pub fn new(ssrc: Ssrc, mid: Option<&str>, ids: &ExtensionMap, passed: ExtensionSet) -> Self {
        Self::written(ssrc, mid.map(str::as_bytes), None, ids, passed)
            .expect("a mid is no longer than 16 bytes, and ids are not zero")
    }

    /// Every packet from here on tells this delay; with `None`, those that the publisher tells are passed. Nothing changes where
    /// the extension has no id, or no room beside a long mid.
    pub fn set_playout_delay(&mut self, delay: Option<PlayoutDelay>) {
        *self = self.with_playout_delay(delay);
    }

    /// The same as another template.
    pub fn with_playout_delay(&self, delay: Option<PlayoutDelay>) -> Self {
        let [.., s0, s1, s2, s3] = *self.bytes.first_chunk::<FIXED_LEN>().expect("a template holds a header");
        let elements = Extensions::new(self.form, &self.bytes, ELEMENTS_AT..usize::from(self.written_end));
        let mid = self.id(Extension::Mid).and_then(|id| elements.clone().find(|(own, _)| *own == id)).map(|(_, data)| data);
        let mut passed = self.passed;
        passed.insert(Extension::PlayoutDelay);
        let changed = Self::written(Ssrc(u32::from_be_bytes([s0, s1, s2, s3])), mid, delay, &self.ids, passed);
        changed.unwrap_or_else(|| self.clone())
    }

    /// `None` when it does not fit.
    fn written(
        ssrc: Ssrc,
        mid: Option<&[u8]>,
        delay: Option<PlayoutDelay>,
        ids: &ExtensionMap,
        mut passed: ExtensionSet,
    ) -> Option<Self> {
        let id_of = |extension| ids.id(extension);
        let mid = mid.and_then(|mid| Some((id_of(Extension::Mid)?, mid)));
        let delay = delay.map(PlayoutDelay::to_bytes);
        let delay = delay.as_ref().and_then(|bytes| Some((id_of(Extension::PlayoutDelay)?, &bytes[..])));
        let send_time = id_of(Extension::AbsSendTime).map(|id| (id, &[0; SEND_TIME_BYTES][..]));
        let transport_sequence = id_of(Extension::TransportSequence).map(|id| (id, &[0; TRANSPORT_SEQUENCE_BYTES][..]));
        let written = || [mid, delay, send_time, transport_sequence].into_iter().flatten();
        let fields = HeaderFields { ssrc, ..HeaderFields::default() };
        let mut bytes = [0; TEMPLATE_BYTES];
        let len = write_header(&mut bytes, &fields, written())?;
        let form = choose_form(written()).flatten().unwrap_or(ExtensionForm::OneByte);
        bytes[FIXED_LEN..ELEMENTS_AT - 2].copy_from_slice(&form.profile().to_be_bytes());
        let written_end = ELEMENTS_AT + written().map(|(_, data)| form.head_len() + data.len()).sum::<usize>();
        let behind_send_time = transport_sequence.map_or(0, |(_, data)| form.head_len() + data.len());
        if delay.is_some() {
            passed.remove(Extension::PlayoutDelay);
        }
        let passed: ExtensionSet = passed.iter().filter(|e| id_of(*e).is_some()).collect();
        Some(Self {
            bytes,
            written: written().count() as u8,
            written_end: written_end as u8,
            len: len as u8,
            send_time_at: send_time.map_or(0, |_| written_end - behind_send_time - SEND_TIME_BYTES) as u8,
            transport_sequence_at: transport_sequence.map_or(0, |_| written_end - TRANSPORT_SEQUENCE_BYTES) as u8,
            form,
            passed,
            two_byte: passed.iter().filter(|e| id_of(*e).is_some_and(|id| id > 14)).collect(),
            ids: ids.clone(),
        })
    }

    /// Whether packets tell their place among all packets of the transport.
    #[inline]
    pub const fn is_numbered(&self) -> bool {
        self.transport_sequence_at > 0
    }

    /// The id that an extension is written under.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.ids.id(extension)
    }

    /// How long the header of a packet is that nothing is passed with.
    #[inline]
    pub const fn plain_len(&self) -> usize {
        self.len as usize
    }

    /// How long the header of a packet is that brings these extensions.
    #[inline]
    pub fn len(&self, passed: Passed<'_>) -> usize {
        match passed.carried.present.and(self.passed) {
            ExtensionSet::EMPTY => usize::from(self.len),
            some => self.extended_len(some, passed),
        }
    }

    /// Writes the header to the front of `dst` and gives its length, which is [`Self::len`]; `None` when it does not fit. Behind
    /// the header, `dst` may be overwritten.
    #[inline]
    pub fn write(&self, dst: &mut [u8], fields: &PacketFields, passed: Passed<'_>) -> Option<usize> {
        let some = passed.carried.present.and(self.passed);
        if some.is_empty() {
            return self.write_plain(dst, fields).then_some(self.plain_len());
        }
        self.write_extended(dst, fields, some, passed)
    }

    /// Whether nothing is passed of a packet with these extensions: its header has [`Self::plain_len`] bytes.
    #[inline]
    pub const fn leaves_out(&self, present: ExtensionSet) -> bool {
        present.and(self.passed).is_empty()
    }

    /// The same for a packet that nothing is passed with: its header has [`Self::plain_len`] bytes. Tells whether it fits.
    #[inline]
    pub fn write_plain(&self, dst: &mut [u8], fields: &PacketFields) -> bool {
        self.begin(dst, self.plain_len(), fields).is_some()
    }

    /// The template and the packet's fields; `len` bytes count.
    #[inline]
    fn begin(&self, dst: &mut [u8], len: usize, fields: &PacketFields) -> Option<()> {
        // A copy of fixed length is a few moves.
        if let Some(chunk) = dst.first_chunk_mut() {
            *chunk = self.bytes;
            return self.fill(chunk, fields);
        }
        self.begin_short(dst.get_mut(..len)?, fields)
    }

    #[cold]
    fn begin_short(&self, dst: &mut [u8], fields: &PacketFields) -> Option<()> {
        let mut chunk = self.bytes;
        self.fill(&mut chunk, fields)?;
        dst.copy_from_slice(&chunk[..dst.len()]);
        Some(())
    }

    #[inline]
    fn fill(&self, chunk: &mut [u8; TEMPLATE_BYTES], fields: &PacketFields) -> Option<()> {
        let PacketFields { timestamp, sequence, payload_type, marker, padded, send_time, transport_sequence } = fields;
        let flags = u64::from(self.bytes[0] | u8::from(*padded) << 5) << 56;
        let format = u64::from(u8::from(*marker) << 7 | payload_type.0 & 0x7F) << 48;
        let fixed = flags | format | u64::from(sequence.0) << 32 | u64::from(timestamp.0);
        *chunk.first_chunk_mut()? = fixed.to_be_bytes();
        if self.send_time_at > 0 {
            *chunk.get_mut(usize::from(self.send_time_at)..)?.first_chunk_mut()? = *send_time;
        }
        if self.is_numbered() {
            *chunk.get_mut(usize::from(self.transport_sequence_at)..)?.first_chunk_mut()? = transport_sequence.0.to_be_bytes();
        }
        Some(())
    }

    fn extended_len(&self, some: ExtensionSet, passed: Passed<'_>) -> usize {
        let form = self.form_of(some, passed.carried);
        let written = usize::from(self.written_end) + usize::from(self.written) * (form.head_len() - self.form.head_len());
        let data = |e| passed.spans.find(passed.packet, e).map_or(0, |data| form.head_len() + data.len());
        match (written + some.iter().map(data).sum::<usize>()).next_multiple_of(4) {
            // The spans name what is not in the packet.
            ELEMENTS_AT => FIXED_LEN,
            len => len,
        }
    }

    /// `some`: not empty.
    fn write_extended(&self, dst: &mut [u8], fields: &PacketFields, some: ExtensionSet, passed: Passed<'_>) -> Option<usize> {
        if self.form_of(some, passed.carried) != self.form {
            return self.write_other_form(dst, fields, some, passed);
        }
        let mut at = usize::from(self.written_end);
        self.begin(dst, at, fields)?;
        for (id, data) in self.elements(some, passed) {
            at += self.form.write_head(dst.get_mut(at..)?, id, data.len())?;
            dst.get_mut(at..at + data.len())?.copy_from_slice(data);
            at += data.len();
        }
        let end = at.next_multiple_of(4);
        dst.get_mut(at..end)?.fill(0);
        if end == ELEMENTS_AT {
            return Some(FIXED_LEN);
        }
        dst[0] |= EXTENDED;
        dst[ELEMENTS_AT - 2..ELEMENTS_AT].copy_from_slice(&(((end - ELEMENTS_AT) / 4) as u16).to_be_bytes());
        Some(end)
    }

    /// The written elements in the form that the passed ones need.
    #[cold]
    fn write_other_form(&self, dst: &mut [u8], fields: &PacketFields, some: ExtensionSet, passed: Passed<'_>) -> Option<usize> {
        let mut template = [0; TEMPLATE_BYTES];
        self.begin(&mut template, TEMPLATE_BYTES, fields)?;
        let written = Extensions::new(self.form, &template, ELEMENTS_AT..usize::from(self.written_end));
        let [.., s0, s1, s2, s3] = *self.bytes.first_chunk::<FIXED_LEN>()?;
        let PacketFields { timestamp, sequence, payload_type, marker, padded, .. } = *fields;
        let ssrc = Ssrc(u32::from_be_bytes([s0, s1, s2, s3]));
        let fields = HeaderFields { ssrc, timestamp, sequence, payload_type, marker, padded };
        write_header(dst, &fields, written.chain(self.elements(some, passed)))
    }

    fn elements<'a>(&self, some: ExtensionSet, passed: Passed<'a>) -> impl Iterator<Item = (u8, &'a [u8])> + Clone {
        some.iter().filter_map(move |e| Some((self.ids.id(e)?, passed.spans.find(passed.packet, e)?)))
    }

    fn form_of(&self, some: ExtensionSet, carried: Carried) -> ExtensionForm {
        match some.and(carried.two_byte.or(self.two_byte)) {
            ExtensionSet::EMPTY => self.form,
            _ => ExtensionForm::TwoByte,
        }
    }
}

/// The X bit.
const EXTENDED: u8 = 0x10;

#[cfg(test)]
mod tests;
