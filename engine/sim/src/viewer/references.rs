//! What a frame is predicted from, as a browser works it out of sequence numbers and descriptors: a frame that it cannot place waits,
//! and one that contradicts what went before is dropped.

mod vp8;
mod vp9;

use super::pieces::Assembled;
use corelay_wire::media::Codec;
use std::collections::{BTreeSet, VecDeque};
use vp8::Vp8;
use vp9::Vp9;

/// Frames that wait to be placed; the oldest goes first.
const STASH_MAX: usize = 100;
/// Ids of frames leave room for this many spatial layers of a picture.
pub(crate) const SPATIAL_MAX: i64 = 5;

/// A frame that has its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// Grows in the order of decoding.
    pub(crate) id: i64,
    /// What must be decoded before.
    pub(crate) references: Vec<i64>,
    pub(crate) key: bool,
    pub(crate) frame: Assembled,
}

/// What can be said of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Its id and references.
    Place(i64, Vec<i64>),
    /// Something before it is not there.
    Wait,
    /// It comes too late, or has no place.
    Drop,
}

/// A frame that waits for its place.
#[derive(Debug)]
struct Waiting {
    frame: Assembled,
    /// TL0PICIDX of VP8, made long when the frame came: later it may be half a circle behind.
    base: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct References {
    codec: Codec,
    stash: VecDeque<Waiting>,
    vp8: Vp8,
    vp9: Vp9,
    by_number: Unwrap,
    by_sequence: BySequence,
}

impl References {
    pub(crate) fn new(codec: Codec) -> Self {
        let (vp8, vp9) = (Vp8::default(), Vp9::default());
        Self { codec, stash: VecDeque::new(), vp8, vp9, by_number: Unwrap::default(), by_sequence: BySequence::default() }
    }

    /// Takes a whole frame, and gives all that have their places by it.
    pub(crate) fn take(&mut self, frame: Assembled) -> Vec<Placed> {
        let base = if self.codec == Codec::Vp8 { self.vp8.arrived(&frame.described) } else { None };
        self.stash.push_front(Waiting { frame, base });
        self.place_all()
    }

    fn place_all(&mut self) -> Vec<Placed> {
        let mut placed = Vec::new();
        let mut progress = true;
        while core::mem::take(&mut progress) {
            for waiting in core::mem::take(&mut self.stash) {
                match self.place(&waiting) {
                    Decision::Place(id, references) => {
                        progress = true;
                        placed.push(Placed { id, references, key: is_key(&waiting.frame), frame: waiting.frame });
                    }
                    Decision::Wait => self.stash.push_back(waiting),
                    Decision::Drop => {}
                }
            }
        }
        self.stash.truncate(STASH_MAX);
        placed
    }

    /// Padding holds a place between frames of codecs that have nothing but sequence numbers.
    pub(crate) fn take_padding(&mut self, sequence: i64) -> Vec<Placed> {
        self.by_sequence.padding.insert(sequence);
        self.place_all()
    }

    /// Frames that begin before the packet are not waited for any more.
    pub(crate) fn forget_before(&mut self, sequence: i64) {
        self.stash.retain(|waiting| waiting.frame.first >= sequence);
    }

    fn place(&mut self, Waiting { frame, base }: &Waiting) -> Decision {
        if let Some(dependency) = &frame.dependency {
            let id = self.by_number.extend(dependency.frame_number.into(), 16);
            return Decision::Place(id, dependency.diffs.iter().map(|diff| id - i64::from(*diff)).collect());
        }
        match (self.codec, frame.described.picture_id) {
            (Codec::Vp8, Some(_)) if base.is_some() => self.vp8.place(frame, *base),
            (Codec::Vp8, Some(id)) => {
                let id = self.by_number.extend(id.value().into(), 15);
                Decision::Place(id, if is_key(frame) { Vec::new() } else { vec![id - 1] })
            }
            (Codec::Vp9, Some(_)) if frame.vp9.is_some() => self.vp9.place(frame),
            _ => self.by_sequence.place(frame),
        }
    }
}

/// Whether a decoder can begin with the frame.
pub(crate) fn is_key(frame: &Assembled) -> bool {
    match (&frame.dependency, &frame.vp9) {
        (Some(dependency), _) => dependency.has_structure && dependency.diffs.is_empty(),
        (None, Some(vp9)) => !vp9.inter_predicted && vp9.layer.is_none_or(|l| !l.inter_layer_predicted),
        (None, None) => frame.described.keyframe,
    }
}

/// Makes numbers long that wrap.
#[derive(Debug, Default)]
pub(crate) struct Unwrap(Option<i64>);

impl Unwrap {
    pub(crate) fn extend(&mut self, value: i64, bits: u32) -> i64 {
        let circle = 1i64 << bits;
        let Some(last) = self.0 else {
            // Room below: what was sent before the first may come after it.
            return *self.0.insert(value + circle);
        };
        let forward = (value - last).rem_euclid(circle);
        let step = if forward >= circle / 2 { forward - circle } else { forward };
        self.0 = Some(last + step);
        last + step
    }
}

/// Codecs without a number of their own: a frame refers to the one that ends right before it.
#[derive(Debug, Default)]
struct BySequence {
    /// Ids (the last sequence numbers) of frames that are placed.
    ends: BTreeSet<i64>,
    padding: BTreeSet<i64>,
}

impl BySequence {
    fn place(&mut self, frame: &Assembled) -> Decision {
        let floor = frame.last - 4_000;
        (self.ends, self.padding) = (self.ends.split_off(&floor), self.padding.split_off(&floor));
        if is_key(frame) {
            self.ends.insert(frame.last);
            return Decision::Place(frame.last, Vec::new());
        }
        let mut before = frame.first - 1;
        while self.padding.contains(&before) {
            before -= 1;
        }
        match self.ends.first() {
            _ if self.ends.contains(&before) => {
                self.ends.insert(frame.last);
                Decision::Place(frame.last, vec![before])
            }
            // Before the first key picture.
            Some(first) if before < *first => Decision::Drop,
            _ => Decision::Wait,
        }
    }
}
