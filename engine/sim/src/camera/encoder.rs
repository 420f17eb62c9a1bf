//! One encoder: pictures of about the size that its rate allows, as packets with all that a codec says about them.

use super::descriptor::{self, Described};
use super::payload::Head;
use super::structure::Structure;
use crate::chance::Chance;
use crate::content::{Content, FrameName};
use crate::outgoing::ids;
use corelay_wire::media::Codec;
use corelay_wire::units::{Bitrate, Instant};

/// Bytes of payload in a packet. Browsers fill 1200-byte datagrams less tags and headers.
const PACKET_MAX: usize = 1_100;
/// The share of what a key picture cost that each picture after it gives back.
const REPAY: f64 = 0.25;

/// What an encoder is asked to make.
#[derive(Clone, Debug)]
pub(crate) struct EncoderSetup {
    pub(crate) tag: u32,
    pub(crate) stream: u8,
    pub(crate) codec: Codec,
    pub(crate) structure: Structure,
    pub(crate) flexible: bool,
    pub(crate) described: bool,
    /// Lines of each spatial layer.
    pub(crate) heights: Vec<u16>,
    pub(crate) frames_per_second: u32,
}

/// A packet of a frame before it is numbered.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) payload: Vec<u8>,
    pub(crate) extension: Option<(u8, Vec<u8>)>,
    pub(crate) marker: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Encoder {
    setup: EncoderSetup,
    chance: Chance,
    /// Spatial layers that are encoded.
    pub(crate) spatial: u8,
    pub(crate) wants_key: bool,
    picture: u32,
    since_key: u32,
    picture_id: u16,
    tl0: u8,
    frame_number: u16,
    template_offset: u8,
    /// Bytes that were spent beyond the rate.
    debt: f64,
    payload: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(setup: EncoderSetup, mut chance: Chance) -> Self {
        let number = chance.number();
        Self {
            spatial: setup.structure.spatial,
            wants_key: true,
            picture: 0,
            since_key: 0,
            picture_id: number as u16,
            tl0: (number >> 16) as u8,
            frame_number: (number >> 24) as u16,
            template_offset: (number >> 40) as u8 % 64,
            debt: 0.0,
            payload: (0..=255).cycle().take(PACKET_MAX).collect(),
            setup,
            chance,
        }
    }

    /// How many pictures it made.
    pub(crate) fn pictures(&self) -> u32 {
        self.picture
    }

    /// The layers that are encoded.
    fn structure(&self) -> Structure {
        Structure { spatial: self.spatial, ..self.setup.structure }
    }

    /// Encodes what was captured at `captured`.
    pub(crate) fn encode(&mut self, captured: Instant, rate: Bitrate) -> Vec<Piece> {
        if core::mem::take(&mut self.wants_key) {
            self.since_key = 0;
            self.template_offset = (self.template_offset + 15) % 64;
        }
        if self.since_key.is_multiple_of(self.structure().period()) {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let mut pieces = Vec::new();
        let (size, spatial) = (self.size(rate), self.spatial);
        // Each spatial layer has about three times the pixels of the one below, and the bits for about twice.
        let shares: f64 = (0..spatial).map(|s| f64::from(1u32 << s)).sum();
        for s in 0..spatial {
            let bytes = size * f64::from(1u32 << s) / shares;
            self.frame(s, bytes as usize, captured, &mut pieces);
            self.frame_number = self.frame_number.wrapping_add(1);
        }
        self.picture += 1;
        self.picture_id = self.picture_id.wrapping_add(1);
        self.since_key += 1;
        pieces
    }

    /// The bytes of this picture: a key picture has five to eight times the usual, which the pictures after it save.
    fn size(&mut self, rate: Bitrate) -> f64 {
        let even = rate.0 as f64 / 8.0 / f64::from(self.setup.frames_per_second);
        if self.since_key == 0 {
            let size = even * self.chance.between(5.0, 8.0);
            self.debt += size - even;
            return size;
        }
        let place = self.since_key % self.structure().period();
        let wanted = even * self.structure().weight(place) * self.chance.between(0.7, 1.3);
        let repaid = (self.debt * REPAY).min(wanted * REPAY);
        self.debt -= repaid;
        wanted - repaid
    }

    fn frame(&mut self, spatial: u8, bytes: usize, captured: Instant, pieces: &mut Vec<Piece>) {
        let structure = self.structure();
        let name = FrameName { picture: self.picture, spatial };
        let references = structure.references(self.picture, spatial, self.since_key);
        let least = if self.setup.codec == Codec::H264 && self.since_key == 0 { 2 } else { 1 };
        let of = bytes.div_ceil(PACKET_MAX - 60).max(least) as u16;
        for place in 0..of {
            let (first, last) = (place == 0, place + 1 == of);
            let head = Head {
                codec: self.setup.codec,
                structure,
                flexible: self.setup.flexible,
                place,
                of,
                frame: name,
                references: &references,
                since_key: self.since_key,
                picture_id: self.picture_id,
                tl0: self.tl0,
                heights: &self.setup.heights,
            };
            let content = Content {
                tag: self.setup.tag,
                stream: self.setup.stream,
                frame: name,
                temporal: structure.temporal_of(self.since_key % structure.period()),
                key: self.since_key == 0,
                place,
                of,
                captured,
                references: references.clone(),
            };
            let mut payload = head.write();
            let filler = (bytes / usize::from(of)).saturating_sub(payload.len() + content.len()).max(10);
            payload.extend(&self.payload[..filler]);
            content.append(&mut payload);
            let described = Described {
                first,
                last,
                frame_number: self.frame_number,
                spatial,
                since_key: self.since_key,
                template_offset: self.template_offset,
            };
            let heights = &self.setup.heights[..usize::from(structure.spatial)];
            let extension =
                (self.setup.described).then(|| (ids::DEPENDENCY_DESCRIPTOR, descriptor::write(structure, described, heights)));
            pieces.push(Piece { payload, extension, marker: last && spatial + 1 == structure.spatial });
        }
    }
}
