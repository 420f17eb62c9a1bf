//! H.264 (RFC 6184): which NAL units a payload holds or begins.
//!
//! Of the packet types, single NAL units, STAP-A and FU-A are read: WebRTC uses packetization modes 0 and 1, which have no others
//! (RFC 6184 sections 6.2 and 6.3).

use super::PayloadDescription;
use crate::reader::Reader;

const SLICE: u8 = 1;
const SLICE_IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// What matters of the NAL units in one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Payload {
    /// A sequence parameter set is in it.
    pub sps: bool,
    /// A picture parameter set is in it.
    pub pps: bool,
    /// The first slice of an IDR picture begins in it.
    pub idr: bool,
    /// Its first NAL unit can be the first of an access unit: a delimiter, a parameter set, SEI, or a picture's first slice
    /// (ITU-T H.264 section 7.4.1.2.3).
    pub starts_access_unit: bool,
}

impl Payload {
    /// Reads the types of the NAL units. `None` for packet types that are not used, and for units that are cut short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&header, body) = payload.split_first()?;
        let mut found = Self::default();
        match header & 0x1F {
            1..=23 => found.take_unit(payload)?,
            STAP_A => found.take_aggregate(body)?,
            FU_A => found.take_fragment(body)?,
            _ => return None,
        }
        Some(found)
    }

    /// Whether a receiver can begin here. An encoder that repeats its parameter sets sends them just before the IDR picture, under the
    /// same timestamp; one that does not sends the IDR picture alone.
    pub const fn starts_keyframe(&self) -> bool {
        self.sps || self.idr
    }

    /// The same in words that all codecs share.
    pub fn describe(&self) -> PayloadDescription {
        PayloadDescription {
            starts_frame: self.starts_access_unit,
            keyframe: self.starts_keyframe(),
            ..PayloadDescription::default()
        }
    }

    fn take_unit(&mut self, unit: &[u8]) -> Option<()> {
        let (&header, body) = unit.split_first()?;
        self.take(header & 0x1F, body);
        Some(())
    }

    /// Units, each after its 16-bit size (RFC 6184 section 5.7.1). At least one.
    fn take_aggregate(&mut self, body: &[u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        let mut first = None;
        while !reader.rest().is_empty() {
            let len = usize::from(reader.u16()?);
            self.take_unit(reader.take(len)?)?;
            first.get_or_insert(self.starts_access_unit);
        }
        self.starts_access_unit = first?;
        Some(())
    }

    /// S, E, a reserved bit, the type of the unit, then a part of it (RFC 6184 section 5.8).
    fn take_fragment(&mut self, body: &[u8]) -> Option<()> {
        let (&header, part) = body.split_first()?;
        if part.is_empty() {
            return None;
        }
        if header & 0x80 != 0 {
            self.take(header & 0x1F, part);
        }
        Some(())
    }

    /// `body` follows the unit's header. A slice header begins with `first_mb_in_slice` as ue(v), whose zero is the single bit 1
    /// (ITU-T H.264 sections 7.3.3 and 9.1): so a set top bit is the first slice of a picture.
    fn take(&mut self, kind: u8, body: &[u8]) {
        let first_slice = body.first().is_some_and(|b| b & 0x80 != 0);
        match kind {
            SLICE => self.starts_access_unit |= first_slice,
            SLICE_IDR => {
                self.starts_access_unit |= first_slice;
                self.idr |= first_slice;
            }
            SPS => {
                self.starts_access_unit = true;
                self.sps = true;
            }
            PPS => {
                self.starts_access_unit = true;
                self.pps = true;
            }
            SEI | DELIMITER => self.starts_access_unit = true,
            _ => {}
        }
    }
}
