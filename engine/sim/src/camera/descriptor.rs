//! The dependency descriptor of a stream (AV1 RTP specification, appendix A), written from its [`Structure`].
//!
//! Templates, by spatial layer: the key picture, then the places of the pattern, lower temporal layers first. One decode target for
//! each pair of layers, one chain for each spatial layer.

use super::structure::Structure;
use crate::bits::BitWriter;

const NOT_PRESENT: u32 = 0;
const DISCARDABLE: u32 = 1;
const SWITCH: u32 = 2;
const REQUIRED: u32 = 3;

/// Where a template is in the pattern; `None` is the key picture.
type Place = Option<u32>;

/// What the first bits of one packet's descriptor say, and which frame it is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) frame_number: u16,
    pub(crate) spatial: u8,
    /// Pictures since the key picture.
    pub(crate) since_key: u32,
    /// Where the ids of templates begin: another one for each structure.
    pub(crate) template_offset: u8,
}

/// The bytes of the extension.
pub(crate) fn write(structure: Structure, described: Described, heights: &[u16]) -> Vec<u8> {
    let Described { first, last, frame_number, spatial, since_key, template_offset } = described;
    let place = (since_key > 0).then(|| since_key % structure.period());
    let per_layer = templates_of(structure);
    let at = per_layer.iter().position(|p| *p == place).expect("every place has a template");
    let template = (usize::from(spatial) * per_layer.len() + at + usize::from(template_offset)) % 64;
    let mut writer = BitWriter::default();
    writer.put(1, first.into());
    writer.put(1, last.into());
    writer.put(6, template as u32);
    writer.put(16, frame_number.into());
    if since_key == 0 && spatial == 0 && first {
        // Structure, no active decode targets, no custom parts.
        writer.put(5, 0b10000);
        write_structure(&mut writer, structure, template_offset, heights);
    }
    writer.finish()
}

fn templates_of(structure: Structure) -> Vec<Place> {
    let mut places: Vec<Place> = (0..structure.period()).map(Some).collect();
    places.sort_by_key(|place| place.map(|p| structure.temporal_of(p)));
    places.insert(0, None);
    places
}

fn write_structure(writer: &mut BitWriter, structure: Structure, offset: u8, heights: &[u16]) {
    let (spatial, temporal) = (structure.spatial, structure.temporal);
    let targets = u32::from(spatial) * u32::from(temporal);
    let places = templates_of(structure);
    let all: Vec<(u8, Place)> = (0..spatial).flat_map(|s| places.iter().map(move |p| (s, *p))).collect();
    let temporal_of = |place: Place| place.map_or(0, |p| structure.temporal_of(p));
    writer.put(6, offset.into());
    writer.put(5, targets - 1);
    for (at, (s, place)) in all.iter().enumerate() {
        let next = match all.get(at + 1) {
            None => 3,
            Some((next, _)) if next > s => 2,
            Some((_, next)) if temporal_of(*next) > temporal_of(*place) => 1,
            Some(_) => 0,
        };
        writer.put(2, next);
    }
    for (s, place) in &all {
        for target in 0..targets as u8 {
            writer.put(2, indication(structure, (*s, *place), (target / temporal, target % temporal)));
        }
    }
    for (s, place) in &all {
        for diff in frame_diffs(structure, *s, *place) {
            writer.put(1, 1);
            writer.put(4, diff - 1);
        }
        writer.put(1, 0);
    }
    writer.put_below(targets + 1, spatial.into());
    (0..targets).for_each(|target| writer.put_below(spatial.into(), target / u32::from(temporal)));
    for (s, place) in &all {
        (0..spatial).for_each(|chain| writer.put(4, chain_diff(structure, *s, *place, chain)));
    }
    writer.put(1, u32::from(!heights.is_empty()));
    for height in heights {
        writer.put(16, u32::from(*height) * 16 / 9 - 1);
        writer.put(16, u32::from(*height) - 1);
    }
}

/// What a frame means for a decode target.
fn indication(structure: Structure, (spatial, place): (u8, Place), (target_s, target_t): (u8, u8)) -> u32 {
    let temporal = place.map_or(0, |p| structure.temporal_of(p));
    let crosses = place.is_none() || !structure.key;
    if spatial > target_s || temporal > target_t || (spatial < target_s && !crosses) {
        return NOT_PRESENT;
    }
    match (place, temporal) {
        (None, _) => SWITCH,
        _ if spatial < target_s => REQUIRED,
        (_, 0) => SWITCH,
        (_, t) if t == target_t => DISCARDABLE,
        _ => SWITCH,
    }
}

/// How many frames back the references are; a picture has as many frames as there are spatial layers.
fn frame_diffs(structure: Structure, spatial: u8, place: Place) -> Vec<u32> {
    let per_picture = u32::from(structure.spatial);
    let earlier = place.map(|p| structure.back(p) * per_picture);
    let below = (spatial > 0 && (place.is_none() || !structure.key)).then_some(1);
    earlier.into_iter().chain(below).collect()
}

/// How many frames back the last frame of a chain is; zero when the chain begins.
fn chain_diff(structure: Structure, spatial: u8, place: Place, chain: u8) -> u32 {
    let (per_picture, s, c) = (u32::from(structure.spatial), u32::from(spatial), u32::from(chain));
    let full = !structure.key;
    match place {
        None if s == 0 => 0,
        None if c < s => s - c,
        None => 1,
        Some(0) if c < s => s - c,
        Some(0) if full && s > 0 => 1,
        Some(0) => structure.period() * per_picture + s - c,
        Some(p) => p * per_picture + s - c,
    }
}
