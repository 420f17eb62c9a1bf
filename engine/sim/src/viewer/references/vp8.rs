//! VP8 with temporal layers (RFC 7741): picture ids count frames, TL0PICIDX names the base frame that a frame belongs to.

use super::{Decision, Unwrap};
use crate::viewer::pieces::Assembled;
use corelay_wire::codec::PayloadDescription;
use std::collections::{BTreeMap, BTreeSet};

/// Base frames whose layers are remembered, and pictures that may be missing, as libwebrtc has them.
const BASES_MAX: i64 = 50;
const MISSING_MAX: i64 = 100;
const LAYERS: usize = 5;

/// What is known of the layers: for each base frame, the newest frame of each layer above it.
#[derive(Debug, Default)]
pub(crate) struct Vp8 {
    pictures: Unwrap,
    bases: Unwrap,
    newest: Option<i64>,
    missing: BTreeSet<i64>,
    layers: BTreeMap<i64, [Option<i64>; LAYERS]>,
}

impl Vp8 {
    /// Takes note of a frame that is whole. Gives the base frame that it belongs to; `None` without layers.
    pub(crate) fn arrived(&mut self, d: &PayloadDescription) -> Option<i64> {
        let (picture, base, _) = (d.picture_id?, d.tl0_picture_index?, d.temporal?);
        let (id, base) = (self.pictures.extend(picture.value().into(), 15), self.bases.extend(base.into(), 8));
        self.note(id);
        self.layers = self.layers.split_off(&(base - BASES_MAX));
        Some(base)
    }

    pub(crate) fn place(&mut self, frame: &Assembled, base: Option<i64>) -> Decision {
        let d = &frame.described;
        let (Some(picture), Some(base), Some(temporal)) = (d.picture_id, base, d.temporal) else {
            return Decision::Drop;
        };
        let (id, temporal) = (self.pictures.extend(picture.value().into(), 15), usize::from(temporal));
        if d.keyframe {
            self.layers.insert(base, [None; LAYERS]);
            return self.hand_off(id, base, temporal, Vec::new());
        }
        let group = if temporal == 0 { base - 1 } else { base };
        let Some(known) = self.layers.get(&group).copied() else { return Decision::Wait };
        let is_old = |last: Option<i64>| last.is_some_and(|last| last >= id);
        if temporal == 0 {
            let Some(last) = known[0].filter(|_| !is_old(known[0])) else { return Decision::Drop };
            self.layers.insert(base, known);
            return self.hand_off(id, base, 0, vec![last]);
        }
        if d.synchronizing {
            let Some(below) = known[0].filter(|_| !is_old(known[temporal])) else { return Decision::Drop };
            return self.hand_off(id, base, temporal, vec![below]);
        }
        let mut references = Vec::new();
        for last in known.iter().take(temporal + 1) {
            let Some(last) = *last else { return Decision::Wait };
            if last >= id {
                return Decision::Drop;
            }
            // A picture between the two that is not there may be what this one refers to.
            if self.missing.range(last + 1..id).next().is_some() {
                return Decision::Wait;
            }
            references.push(last);
        }
        self.hand_off(id, base, temporal, references)
    }

    /// Notes a picture, and those before it that did not come.
    fn note(&mut self, id: i64) {
        let newest = *self.newest.get_or_insert(id);
        self.missing = self.missing.split_off(&(id - MISSING_MAX));
        if id > newest {
            self.missing.extend((newest + 1).max(id - MISSING_MAX)..=id);
            self.newest = Some(id);
        }
    }

    fn hand_off(&mut self, id: i64, base: i64, temporal: usize, references: Vec<i64>) -> Decision {
        for at in base.. {
            match self.layers.get_mut(&at) {
                Some(layers) if layers[temporal].is_none_or(|last| last < id) => layers[temporal] = Some(id),
                _ => break,
            }
        }
        self.missing.remove(&id);
        Decision::Place(id, references)
    }
}
