//! VP9 (RFC 9628): references are named frame by frame in flexible mode, and by the place in a group of pictures without it.

use super::{Decision, SPATIAL_MAX, Unwrap, is_key};
use crate::viewer::pieces::Assembled;
use corelay_wire::codec::vp9::Descriptor;
use std::collections::BTreeMap;

/// Pictures behind the newest that matter.
const KEPT: i64 = 500;

/// One place of the group.
#[derive(Clone, Debug)]
struct Place {
    temporal: u8,
    back: Vec<i64>,
}

/// A group of pictures and the picture that it counts from.
#[derive(Clone, Debug)]
struct Group {
    start: i64,
    places: Vec<Place>,
}

/// What is known of pictures.
#[derive(Debug, Default)]
pub(crate) struct Vp9 {
    pictures: Unwrap,
    bases: Unwrap,
    /// By TL0PICIDX: the group that a base picture belongs to, and the base picture.
    groups: BTreeMap<i64, (Group, i64)>,
    /// Pictures that came, with their temporal layers.
    seen: BTreeMap<i64, u8>,
}

impl Vp9 {
    pub(crate) fn place(&mut self, frame: &Assembled) -> Decision {
        let (Some(picture), Some(d)) = (frame.described.picture_id, &frame.vp9) else { return Decision::Drop };
        let picture = self.pictures.extend(picture.value().into(), 15);
        let pictures = match d.flexible {
            true => Some(d.references.iter().map(|back| picture - i64::from(*back)).collect()),
            false => self.by_group(frame, d, picture),
        };
        let Some(pictures) = pictures else { return Decision::Wait };
        let (spatial, below) = d.layer.map_or((0, false), |l| (i64::from(l.spatial), l.inter_layer_predicted));
        let id = picture * SPATIAL_MAX + spatial;
        let earlier = pictures.iter().map(|p: &i64| p * SPATIAL_MAX + spatial);
        Decision::Place(id, earlier.chain(below.then_some(id - 1)).collect())
    }

    /// The pictures that the frame refers to; `None` while something below is missing.
    fn by_group(&mut self, frame: &Assembled, d: &Descriptor, picture: i64) -> Option<Vec<i64>> {
        let (layer, base) = (d.layer?, d.tl0_picture_index?);
        let base = self.bases.extend(base.into(), 8);
        if !d.inter_predicted {
            if is_key(frame) {
                let group = Group { start: picture, places: places(frame) };
                self.groups.insert(base, (group, picture));
                self.came(picture, layer.temporal);
            }
            return Some(Vec::new());
        }
        let (group, _) = self.groups.get(&if layer.temporal == 0 { base - 1 } else { base })?.clone();
        if group.places.is_empty() {
            return None;
        }
        let at = |picture: i64| &group.places[(picture - group.start).rem_euclid(group.places.len() as i64) as usize];
        let references: Vec<i64> = at(picture).back.iter().map(|back| picture - back).collect();
        // Lower layers' pictures between the references and this one have to be there.
        let oldest = references.iter().min().copied().unwrap_or(picture);
        let missing = (oldest + 1..picture).any(|p| at(p).temporal < layer.temporal && !self.seen.contains_key(&p));
        if missing && layer.temporal > 0 {
            return None;
        }
        if layer.temporal == 0 {
            self.groups.insert(base, (group, picture));
            self.groups = self.groups.split_off(&(base - KEPT));
        }
        self.came(picture, layer.temporal);
        Some(references)
    }

    fn came(&mut self, picture: i64, temporal: u8) {
        self.seen.insert(picture, temporal);
        self.seen = self.seen.split_off(&(picture - KEPT));
    }
}

/// The group in the scalability structure, which a camera of ours sends as the pattern of its temporal layers.
fn places(frame: &Assembled) -> Vec<Place> {
    let len = frame.vp9.as_ref().and_then(|d| d.structure.as_ref()).map_or(0, |s| s.picture_group_len);
    let place = |temporal, back| Place { temporal, back: vec![back] };
    match len {
        1 => vec![place(0, 1)],
        2 => vec![place(0, 2), place(1, 1)],
        4 => vec![place(0, 4), place(2, 1), place(1, 2), place(2, 1)],
        _ => Vec::new(),
    }
}
