//! What of its track one subscription lets through, packet by packet.
//!
//! ```text
//! stream    another than the flowing one, wanted  | flowing                                   | flowing, but another is wanted
//! packet    begins a keyframe -> begin            | needed at the point -> pass, else skip    | the same until the other's keyframe
//!           else -> foreign                       | picture starts: the point may move        | comes; on the way down at the least rate
//! ```
//!
//! Streams are changed at a keyframe of the one that is wanted, and until it comes the old one goes on. Within a stream, frame
//! rates go down at any frame and up where the stream says that one can; spatial layers change at keyframes, or go down at any
//! picture whose upper layers build on the lower ones.

use crate::place::{Place, Point, Points};
use crate::target::Target;

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes out.
    Pass,
    /// It goes out, the first one of other layers than before.
    Move,
    /// It is left out, and the numbers behind it close up.
    Skip,
    /// It goes out as the first one of its stream.
    Begin,
    /// It is of a stream that this subscriber has not, or not yet.
    Foreign,
}

/// The stream and the place of a packet, as the gate asks for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    pub(crate) layer: u8,
    /// Its stream is the one that goes on.
    pub(crate) flowing: bool,
    pub(crate) index: u64,
    pub(crate) keyframe: bool,
    pub(crate) place: Place,
}

/// No stream.
const NONE: u8 = u8::MAX;
const BASE: Point = Point::new(0, 0);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// The stream to be on; [`NONE`] for none.
    layer: u8,
    /// What is wanted of it, whether there is as much or not.
    wanted: Point,
    /// The same, as far as the stream goes.
    aim: Point,
    /// The highest spatial layer of the flowing stream.
    top: u8,
    /// What passes of the flowing stream.
    point: Point,
    /// What passed before `since`: packets that come late are of that time.
    former: Point,
    /// The index at which `point` began to hold.
    since: u64,
    /// It moved, and nobody was told.
    news: bool,
}

impl Gate {
    /// Nothing passes.
    pub(crate) const SHUT: Self =
        Self { layer: NONE, wanted: BASE, aim: BASE, top: 0, point: BASE, former: BASE, since: 0, news: false };

    /// `target` is wanted from here on. What flows goes on until there is a place to change.
    pub(crate) fn aim(&mut self, target: Option<Target>) {
        match target {
            Some(target) => (self.layer, self.wanted) = (target.layer, Point::of(target)),
            None => self.layer = NONE,
        }
        self.reach(self.top);
    }

    /// What passes of the flowing stream.
    pub(crate) fn point(&self) -> Point {
        self.point
    }

    /// The highest spatial layer that passes, where the stream has more.
    pub(crate) fn cut(&self) -> Option<u8> {
        Some(self.point.spatial()).filter(|spatial| *spatial < self.top)
    }

    /// Whether it moved since [`Gate::told`].
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.news
    }

    /// Somebody was told where it is.
    pub(crate) fn told(&mut self) {
        self.news = false;
    }

    /// The stream to be on.
    pub(crate) fn layer(&self) -> Option<u8> {
        (self.layer != NONE).then_some(self.layer)
    }

    /// Whether it waits for a keyframe of the stream that it wants, while packets of `flowing` go on: for another stream, or for
    /// other spatial layers. Those of a `nested` stream can be left at any picture.
    #[inline]
    pub(crate) fn lacks_keyframe(&self, flowing: Option<u8>, nested: impl FnOnce() -> bool) -> bool {
        let (wanted, point) = (self.aim.spatial(), self.point.spatial());
        self.layer != NONE && (flowing != Some(self.layer) || wanted > point || (wanted < point && !nested()))
    }

    /// Decides about a packet. When it gives [`Verdict::Begin`], the packet's stream may be the flowing one from here on: see
    /// [`Gate::begin`].
    #[inline]
    pub(crate) fn decide(&mut self, packet: Arriving) -> Verdict {
        if packet.flowing {
            let Place { needed_by, .. } = packet.place;
            let moves = self.aim != self.point || packet.layer != self.layer || packet.place.top() != self.top;
            if moves && (packet.place.starts_picture() || packet.place.switches_up()) && self.consider(packet) {
                let passes = needed_by.contains(self.point);
                return if passes { Verdict::Move } else { Verdict::Skip };
            }
            return match needed_by == Points::ALL || needed_by.contains(self.point_at(packet.index)) {
                true => Verdict::Pass,
                false => Verdict::Skip,
            };
        }
        if packet.layer != self.layer || !packet.keyframe {
            return Verdict::Foreign;
        }
        Verdict::Begin
    }

    /// Whether all packets of the flowing stream pass, and move nothing: packets of `layer` from the index `lowest` on, of a stream
    /// whose highest spatial layer is `top`, each needed by receivers at all of `needed_by`.
    #[inline]
    pub(crate) fn passes_all(&self, layer: u8, top: u8, needed_by: Points, lowest: u64) -> bool {
        let settled = self.aim == self.point && layer == self.layer && top == self.top;
        settled && (needed_by == Points::ALL || (lowest >= self.since && needed_by.contains(self.point)))
    }

    /// The stream of the packet `index` is the flowing one from here on.
    pub(crate) fn begin(&mut self, index: u64, place: Place) {
        self.reach(place.top());
        (self.point, self.former, self.since, self.news) = (self.aim, self.aim, index, true);
    }

    /// The same from a packet on that came earlier, one of a group that ends before the index `live`. `thinned`: of the group only the
    /// lowest frame rate passes, and frames go up behind it as they do elsewhere.
    pub(crate) fn begin_earlier(&mut self, live: u64, place: Place, thinned: bool) {
        self.begin(live, place);
        if thinned {
            self.point = Point::new(self.aim.spatial(), 0);
            self.former = self.point;
        }
    }

    /// The index at which it moved last.
    #[inline]
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// What is wanted of the stream, as far as it goes, once its highest spatial layer is `top`.
    pub(crate) fn aim_under(&self, top: u8) -> Point {
        Point::new(self.wanted.spatial().min(top), self.wanted.temporal())
    }

    /// The stream's highest spatial layer is `top`.
    fn reach(&mut self, top: u8) {
        self.top = top;
        self.aim = self.aim_under(top);
    }

    fn point_at(&self, index: u64) -> Point {
        if index < self.since { self.former } else { self.point }
    }

    /// Moves the point at the first packet of a picture, where the stream allows it; tells whether it did.
    #[cold]
    fn consider(&mut self, packet: Arriving) -> bool {
        if packet.index < self.since {
            return false;
        }
        self.reach(packet.place.top());
        let Self { point, aim, .. } = *self;
        let here = packet.layer == self.layer;
        let next = match here {
            true if packet.keyframe => aim,
            true => next_point(point, aim, packet.place),
            // Another stream is waited for: on the way down this one takes as little as it can.
            false if packet.layer > self.layer && packet.place.starts_picture() => Point::new(point.spatial(), 0),
            false => point,
        };
        if next != point {
            (self.former, self.point, self.since, self.news) = (point, next, packet.index, true);
        }
        next != point
    }
}

/// Where a receiver at `from` that wants to be at `to` is from this frame on.
fn next_point(from: Point, to: Point, place: Place) -> Point {
    let (own, rate, wanted) = (place.own(), from.temporal(), to.temporal());
    if to.spatial() > from.spatial() {
        return from;
    }
    let leaves = to.spatial() < from.spatial();
    if wanted > rate && !leaves {
        // The frame is of those that the receiver gets anyhow: what comes after it builds on what it has.
        let opens = place.switches_up() && own.spatial() == from.spatial() && own.temporal() <= rate;
        let synchronizes = place.synchronizes() && place.starts_picture() && own.temporal() == rate + 1;
        let reached = [(opens, wanted), (synchronizes, own.temporal())].into_iter().find(|(at, _)| *at);
        return Point::new(to.spatial(), reached.map_or(rate, |(_, rate)| rate));
    }
    match place.starts_picture() {
        true if leaves && !place.is_nested() => Point::new(from.spatial(), 0),
        true => Point::new(to.spatial(), wanted.min(rate)),
        false => from,
    }
}

#[cfg(test)]
mod tests;
