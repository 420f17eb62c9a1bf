//! What a frame is predicted from: the patterns of L1T1 to L3T3 and their KEY modes, as browsers encode them.
//!
//! ```text
//! T2:  0 1 0 1           T3:  0 2 1 2 0           full:  S1 of each picture from S0 of it
//!      |<--' |                |<' |<' |            KEY:  S1 of a key picture only
//!      '<----'                |<--'   |
//!                             '<------'
//! ```

use crate::content::{FrameName, REFERENCES_MAX};
use arrayvec::ArrayVec;

/// How a stream scales (RFC 9628, AV1 RTP specification appendix A): `L{spatial}T{temporal}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Spatial layers in one stream, 1 to 3.
    pub spatial: u8,
    /// Temporal layers, 1 to 3.
    pub temporal: u8,
    /// Spatial layers are predicted from each other in key pictures only.
    pub key: bool,
}

impl Structure {
    /// One spatial layer.
    pub const fn temporal(temporal: u8) -> Self {
        Self { spatial: 1, temporal, key: false }
    }

    /// Pictures after which the pattern begins again.
    pub const fn period(self) -> u32 {
        1 << (self.temporal - 1)
    }

    /// The temporal layer of the picture at this place of the pattern.
    pub const fn temporal_of(self, place: u32) -> u8 {
        match (self.temporal, place) {
            (_, 0) => 0,
            (2, _) | (3, 2) => 1,
            _ => 2,
        }
    }

    /// How many pictures back the picture refers to.
    pub const fn back(self, place: u32) -> u32 {
        match (self.temporal, place) {
            (_, 0) => self.period(),
            (3, 2) => 2,
            _ => 1,
        }
    }

    /// The frames that the frame of `spatial` refers to, in a picture that is `since_key` after the last key picture.
    pub fn references(self, picture: u32, spatial: u8, since_key: u32) -> ArrayVec<FrameName, REFERENCES_MAX> {
        let mut references = ArrayVec::new();
        if since_key > 0 {
            references.push(FrameName { picture: picture - self.back(since_key % self.period()), spatial });
        }
        if spatial > 0 && (since_key == 0 || !self.key) {
            references.push(FrameName { picture, spatial: spatial - 1 });
        }
        references
    }

    /// The share of the bitrate per picture, against an even one: lower temporal layers are finer.
    pub fn weight(self, place: u32) -> f64 {
        match (self.temporal, self.temporal_of(place)) {
            (1, _) => 1.0,
            (2, 0) => 1.2,
            (2, _) => 0.8,
            // 40 % of the bits in a quarter of the pictures, 20 % in another, 40 % in the half on top.
            (_, 0) => 1.6,
            _ => 0.8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_of_no_higher_layer_and_nobody_skips_the_base() {
        for temporal in 1..=3 {
            let structure = Structure { spatial: 3, temporal, key: true };
            for since_key in 1..20u32 {
                let place = since_key % structure.period();
                let back = structure.back(place);
                assert!(back <= since_key);
                let from = structure.temporal_of((since_key - back) % structure.period());
                assert!(from < structure.temporal_of(place) || from == 0);
                assert_eq!(structure.references(100 + since_key, 2, since_key).len(), 1);
            }
            assert_eq!(structure.references(100, 2, 0).len(), 1);
            assert_eq!(structure.references(100, 0, 0).len(), 0);
            let weights: f64 = (0..structure.period()).map(|place| structure.weight(place)).sum();
            assert!((weights / f64::from(structure.period()) - 1.0).abs() < 1e-9);
        }
    }
}
