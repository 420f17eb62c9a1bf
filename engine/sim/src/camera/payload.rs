//! What stands before a packet's content: the codec's own head, so that a relay sees a frame, its layer and its place.

use super::structure::Structure;
use crate::content::FrameName;
use corelay_wire::media::Codec;

/// What the head of a packet says.
#[derive(Clone, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) codec: Codec,
    pub(crate) structure: Structure,
    /// VP9 names its references in each frame.
    pub(crate) flexible: bool,
    /// The packet's place in its frame.
    pub(crate) place: u16,
    /// How many packets the frame has; a key picture of H264 has two or more, the first of them for its parameters.
    pub(crate) of: u16,
    pub(crate) frame: FrameName,
    pub(crate) references: &'a [FrameName],
    pub(crate) since_key: u32,
    pub(crate) picture_id: u16,
    pub(crate) tl0: u8,
    pub(crate) heights: &'a [u16],
}

impl Head<'_> {
    fn key(&self) -> bool {
        self.since_key == 0
    }

    fn temporal(&self) -> u8 {
        self.structure.temporal_of(self.since_key % self.structure.period())
    }

    fn first(&self) -> bool {
        self.place == 0
    }

    fn last(&self) -> bool {
        self.place + 1 == self.of
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        match self.codec {
            Codec::Vp8 => self.vp8(),
            Codec::Vp9 => self.vp9(),
            Codec::H264 => self.h264(),
            Codec::Av1 => self.av1(),
            _ => unreachable!("a camera has a video codec"),
        }
    }

    /// RFC 7741 section 4.2. Without temporal layers a browser sends the picture id alone.
    fn vp8(&self) -> Vec<u8> {
        let layered = self.structure.temporal > 1;
        let place = self.since_key % self.structure.period();
        let unused = layered && self.structure.temporal == self.temporal() + 1;
        let extended = if layered { 0xE0 } else { 0x80 };
        let [high, low] = (self.picture_id & 0x7FFF | 0x8000).to_be_bytes();
        let mut head = vec![0x80 | u8::from(unused) << 5 | u8::from(self.first()) << 4, extended, high, low];
        if layered {
            // Y: predicted from the base layer only, which in these patterns is all but the last of three layers' pictures.
            let sync = self.temporal() > 0 && place != 3;
            head.extend([self.tl0, self.temporal() << 6 | u8::from(sync) << 5]);
        }
        match (self.first(), self.key()) {
            (true, true) => head.extend([0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00]),
            (true, false) => head.extend([0x51, 0x00, 0x00]),
            _ => head.push(0x33),
        }
        head
    }

    /// RFC 9628 section 4.2.
    fn vp9(&self) -> Vec<u8> {
        let FrameName { picture, spatial } = self.frame;
        let inter = !self.key();
        let structured = self.key() && spatial == 0 && self.first();
        let inter_layer = spatial > 0 && (self.key() || !self.structure.key);
        let top = spatial + 1 == self.structure.spatial;
        let not_reference = top || (self.structure.key && !self.key());
        let flags = [(0x40, inter), (0x10, self.flexible), (0x08, self.first()), (0x04, self.last()), (0x02, structured)];
        let flags = flags.iter().filter(|(_, on)| *on).fold(0xA0 | u8::from(not_reference), |flags, (bit, _)| flags | bit);
        let [high, low] = (self.picture_id & 0x7FFF | 0x8000).to_be_bytes();
        // U is set throughout: in these patterns nothing refers past a picture of a lower layer.
        let mut head = vec![flags, high, low, self.temporal() << 5 | 0x10 | spatial << 1 | u8::from(inter_layer)];
        if !self.flexible {
            head.push(self.tl0);
        } else if inter {
            let diffs: Vec<u8> =
                self.references.iter().filter(|r| r.picture < picture).map(|r| (picture - r.picture) as u8).collect();
            let last = diffs.len() - 1;
            head.extend(diffs.iter().enumerate().map(|(at, diff)| diff << 1 | u8::from(at < last)));
        }
        if structured {
            head.extend(self.vp9_structure());
        }
        head.push(0x82);
        head
    }

    fn vp9_structure(&self) -> Vec<u8> {
        let grouped = !self.flexible;
        let mut bytes = vec![(self.structure.spatial - 1) << 5 | 0x10 | u8::from(grouped) << 3];
        for height in &self.heights[..usize::from(self.structure.spatial)] {
            bytes.extend((height * 16 / 9).to_be_bytes());
            bytes.extend(height.to_be_bytes());
        }
        if grouped {
            bytes.push(self.structure.period() as u8);
            for place in 0..self.structure.period() {
                bytes.extend([self.structure.temporal_of(place) << 5 | 0x10 | 1 << 2, self.structure.back(place) as u8]);
            }
        }
        bytes
    }

    /// RFC 6184 in packetization mode 1: parameters in a packet of their own, the picture whole or in fragments.
    fn h264(&self) -> Vec<u8> {
        let (unit, begins) = if self.key() { (5, 1) } else { (1, 0) };
        match (self.key(), self.place, self.of) {
            (true, 0, _) => vec![0x67, 0x42, 0xE0, 0x1F],
            (false, 0, 1) => vec![0x60 | unit, 0x9A],
            // The start of a fragmented unit; the picture's first macroblock is the single bit 1.
            (_, place, _) => vec![0x7C, u8::from(place == begins) << 7 | u8::from(self.last()) << 6 | unit, 0x9A],
        }
    }

    /// Section 4 of the AV1 RTP specification: one OBU element, which goes on from packet to packet.
    fn av1(&self) -> Vec<u8> {
        let (continues, continued) = (!self.first(), !self.last());
        let begins = self.first() && self.key() && self.frame.spatial == 0;
        let mut head = vec![u8::from(continues) << 7 | u8::from(continued) << 6 | 0x10 | u8::from(begins) << 3];
        if continues {
            head.push(0x22);
        } else {
            let layered = self.structure.spatial > 1 || self.structure.temporal > 1;
            let kind = if begins { 1 } else { 6 };
            head.push(kind << 3 | u8::from(layered) << 2);
            if layered {
                head.push(self.temporal() << 5 | self.frame.spatial << 3);
            }
        }
        head
    }
}
