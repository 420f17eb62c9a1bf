//! Frames that wait for what they refer to, and for their time: what can be decoded next, as libwebrtc's frame buffer finds it.

use super::references::Placed;
use corelay_wire::units::RtpTimestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Frames that wait; with more, everything is dropped and a key picture wanted (libwebrtc: 800).
const FRAMES_MAX: usize = 800;
/// Decoded frames that are remembered.
const DECODED_MAX: usize = 8_192;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    waiting: BTreeMap<i64, Placed>,
    /// Those that wait for nothing but their time and each other: whole, with all that they refer to.
    continuous: BTreeSet<i64>,
    decoded: BTreeSet<i64>,
    last_decoded: Option<(i64, RtpTimestamp)>,
    /// Key pictures whose ids were below those of frames that are decoded: the numbers of the stream went back.
    pub(crate) went_back: u32,
    pub(crate) needs_key: bool,
}

/// The frames of one picture that can be decoded.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) ids: Vec<i64>,
    pub(crate) timestamp: RtpTimestamp,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self { needs_key: true, ..Self::default() }
    }

    /// Takes a frame that has its place.
    pub(crate) fn take(&mut self, placed: Placed) {
        if let Some((id, timestamp)) = self.last_decoded.filter(|(id, _)| placed.id <= *id) {
            let is_newer = placed.frame.timestamp.distance(timestamp) > 0;
            if !placed.key || !is_newer || placed.id == id {
                return;
            }
            // As after a restart of the sender: everything begins again at the key picture.
            self.went_back += 1;
            self.clear();
        }
        if self.waiting.len() >= FRAMES_MAX {
            self.clear();
            if !placed.key {
                return;
            }
        }
        self.waiting.insert(placed.id, placed);
        self.spread_continuity();
    }

    /// The last packet of the newest frame that waits for nothing that is missing. Whatever is missing before it is not asked for any
    /// more (libwebrtc: `FrameContinuous`), also where a frame that nobody refers to has a hole.
    pub(crate) fn continuous_until(&self) -> Option<i64> {
        self.waiting.get(self.continuous.last()?).map(|placed| placed.frame.last)
    }

    fn spread_continuity(&mut self) {
        for (id, placed) in &self.waiting {
            let is_there = |r: &i64| self.decoded.contains(r) || self.continuous.contains(r);
            if placed.references.iter().all(is_there) {
                self.continuous.insert(*id);
            }
        }
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.continuous.clear();
        self.decoded.clear();
        self.last_decoded = None;
        self.needs_key = true;
    }

    /// Pictures that can be decoded from here, the oldest first: whole, and with all that they refer to decoded already.
    pub(crate) fn decodable(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        let mut unit: Option<(Unit, bool)> = None;
        for (id, placed) in &self.waiting {
            let timestamp = placed.frame.timestamp;
            let (current, good) = match &mut unit {
                Some(current) if current.0.timestamp == timestamp => current,
                _ => unit.insert((Unit { ids: Vec::new(), timestamp }, !self.needs_key || placed.key)),
            };
            let is_there = |r: &i64| self.decoded.contains(r) || current.ids.contains(r);
            *good &= placed.references.iter().all(is_there);
            current.ids.push(*id);
            if placed.frame.ends_picture && *good {
                units.push(current.clone());
            }
        }
        units
    }

    /// Takes out a picture to decode; what is older is not needed any more.
    pub(crate) fn decode(&mut self, unit: &Unit) -> Vec<Placed> {
        let last = *unit.ids.last().expect("a unit has frames");
        let taken: Vec<_> = unit.ids.iter().filter_map(|id| self.waiting.remove(id)).collect();
        self.decoded.extend(&unit.ids);
        while self.decoded.len() > DECODED_MAX {
            self.decoded.pop_first();
        }
        self.drop_until(last);
        self.last_decoded = Some((last, unit.timestamp));
        self.needs_key = false;
        taken
    }

    /// Leaves a picture out.
    pub(crate) fn drop_until(&mut self, id: i64) {
        self.waiting = self.waiting.split_off(&(id + 1));
        self.continuous = self.continuous.split_off(&(id + 1));
    }
}
