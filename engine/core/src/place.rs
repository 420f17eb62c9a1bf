//! Where in its stream a packet belongs: its spatial and temporal layer, and which receivers need it.
//!
//! ```text
//! spatial 2 |  8  9 10 11     a receiver is at a point: everything that a picture of that spatial layer needs, at the frame rate
//! spatial 1 |  4  5  6  7     of that temporal layer. A packet names the points whose receivers need it, as bits.
//! spatial 0 |  0  1  2  3
//!              temporal
//! ```
//!
//! VP9's indices and an AV1 decode target are both put onto this lattice when a packet arrives. So forwarding asks one bit,
//! whatever the codec, and whether the upper layers build on the lower ones in each picture, in keyframes only, or never.

use crate::target::{TEMPORAL_MAX, Target};

/// Spatial layers of one stream: what AV1's named scalability modes have at most, and one more. VP9 could name eight; a receiver at
/// the last point gets all of those above.
pub(crate) const SPATIAL_MAX: usize = 4;

const _: () = assert!(SPATIAL_MAX * TEMPORAL_MAX == 16, "points are the bits of 16");

/// Which layers a receiver gets: see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Point(u8);

impl Point {
    pub(crate) const fn new(spatial: u8, temporal: u8) -> Self {
        const LAST: [u8; 2] = [SPATIAL_MAX as u8 - 1, TEMPORAL_MAX as u8 - 1];
        let spatial = if spatial < LAST[0] { spatial } else { LAST[0] };
        let temporal = if temporal < LAST[1] { temporal } else { LAST[1] };
        Self(spatial * TEMPORAL_MAX as u8 + temporal)
    }

    pub(crate) const fn of(target: Target) -> Self {
        Self::new(target.spatial, target.temporal)
    }

    pub(crate) const fn spatial(self) -> u8 {
        self.0 / TEMPORAL_MAX as u8
    }

    pub(crate) const fn temporal(self) -> u8 {
        self.0 % TEMPORAL_MAX as u8
    }

    /// Its place among [`Point::all`].
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }

    /// All of them, the lowest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }
}

/// A set of [`Point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Points(u16);

impl Points {
    pub(crate) const ALL: Self = Self(u16::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn contains(self, point: Point) -> bool {
        self.0 >> point.0 & 1 != 0
    }

    /// Those that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn insert(&mut self, point: Point) {
        self.0 |= 1 << point.0;
    }

    /// For a message to another shard.
    pub(crate) const fn to_bits(self) -> u16 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The points of `spatial` at the frame rates of `temporal` and above.
    pub(crate) const fn at(spatial: u8, temporal: u8) -> Self {
        let lowest = Point::new(spatial, temporal);
        let rates = (0b1111 << lowest.temporal()) & 0b1111;
        Self(rates << (lowest.spatial() * TEMPORAL_MAX as u8))
    }

    /// The same of `spatial` and all above.
    pub(crate) const fn from(spatial: u8, temporal: u8) -> Self {
        let (mut points, mut at) = (Self::NONE, spatial);
        while (at as usize) < SPATIAL_MAX {
            points.0 |= Self::at(at, temporal).0;
            at += 1;
        }
        if points.0 == 0 { Self::at(spatial, temporal) } else { points }
    }
}

impl FromIterator<Point> for Points {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut set = Self::NONE;
        points.into_iter().for_each(|point| set.insert(point));
        set
    }
}

/// What one packet's frame is to receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Receivers at these points need it.
    pub(crate) needed_by: Points,
    /// Its own layers.
    own: Point,
    flags: u8,
}

const STARTS_PICTURE: u8 = 1;
const ENDS_FRAME: u8 = 2;
const SWITCHES_UP: u8 = 4;
const SYNCHRONIZES: u8 = 8;
const NESTED: u8 = 16;
/// Two bits: the highest spatial layer of the stream.
const TOP_SHIFT: u32 = 5;

impl Place {
    /// A packet of a stream without layers, or of one whose layers are not known.
    pub(crate) const WHOLE: Self = Self { needed_by: Points::ALL, own: Point(0), flags: NESTED };

    pub(crate) const fn new(own: Point, needed_by: Points) -> Self {
        Self { needed_by, own, flags: 0 }
    }

    pub(crate) const fn own(self) -> Point {
        self.own
    }

    /// The first packet of a picture: of the first frame of its layers.
    pub(crate) const fn starts_picture(self) -> bool {
        self.flags & STARTS_PICTURE != 0
    }

    /// The last packet of its layer's frame; unset where only the marker tells.
    pub(crate) const fn ends_frame(self) -> bool {
        self.flags & ENDS_FRAME != 0
    }

    /// Who gets this frame can get all higher frame rates from here on (VP9's U, a switch indication of every higher decode
    /// target).
    pub(crate) const fn switches_up(self) -> bool {
        self.flags & SWITCHES_UP != 0
    }

    /// Who got the next lower frame rate can get this frame and those of its rate from here on (VP8's Y).
    pub(crate) const fn synchronizes(self) -> bool {
        self.flags & SYNCHRONIZES != 0
    }

    /// Who gets a higher spatial layer gets all frames of the lower ones too: it can go down at any picture.
    pub(crate) const fn is_nested(self) -> bool {
        self.flags & NESTED != 0
    }

    /// The highest spatial layer of the stream: receivers at points above need what those at this one need.
    pub(crate) const fn top(self) -> u8 {
        self.flags >> TOP_SHIFT & 3
    }

    /// Below the highest spatial layer `top`.
    pub(crate) const fn under(mut self, top: u8) -> Self {
        let top = if (top as usize) < SPATIAL_MAX { top } else { SPATIAL_MAX as u8 - 1 };
        self.flags = self.flags & !(3 << TOP_SHIFT) | top << TOP_SHIFT;
        self
    }

    pub(crate) const fn starting(self, starts: bool) -> Self {
        self.with(STARTS_PICTURE, starts)
    }

    pub(crate) const fn ending(self, ends: bool) -> Self {
        self.with(ENDS_FRAME, ends)
    }

    pub(crate) const fn switching_up(self, switches: bool) -> Self {
        self.with(SWITCHES_UP, switches)
    }

    pub(crate) const fn synchronizing(self, synchronizes: bool) -> Self {
        self.with(SYNCHRONIZES, synchronizes)
    }

    pub(crate) const fn nested(self, nested: bool) -> Self {
        self.with(NESTED, nested)
    }

    const fn with(mut self, flag: u8, set: bool) -> Self {
        self.flags = if set { self.flags | flag } else { self.flags & !flag };
        self
    }

    /// As [`Place::from_bytes`] reads it: for a packet that goes to another shard.
    pub(crate) const fn to_bytes(self) -> [u8; 4] {
        let [low, high] = self.needed_by.to_bits().to_le_bytes();
        [low, high, self.own.0, self.flags]
    }

    /// What [`Place::to_bytes`] gave. Any bytes make a place.
    pub(crate) const fn from_bytes([low, high, own, flags]: [u8; 4]) -> Self {
        Self { needed_by: Points::from_bits(u16::from_le_bytes([low, high])), own: Point(own & 15), flags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_bounded_and_names_its_layers() {
        let point = Point::new(2, 1);
        assert_eq!((point.spatial(), point.temporal()), (2, 1));
        assert_eq!(Point::new(7, 7), Point::new(3, 3));
        assert!(Point::all().map(|p| Point::new(p.spatial(), p.temporal())).eq(Point::all()));
        assert_eq!(Point::of(Target { layer: 1, spatial: 0, temporal: 2 }), Point::new(0, 2));
    }

    #[test]
    fn sets_are_of_a_layer_or_of_all_above() {
        let at: Points = Point::all().filter(|p| p.spatial() == 1 && p.temporal() >= 2).collect();
        assert_eq!(Points::at(1, 2), at);
        let from: Points = Point::all().filter(|p| p.spatial() >= 1 && p.temporal() >= 2).collect();
        assert_eq!(Points::from(1, 2), from);
        assert_eq!(Points::from(0, 0), Points::ALL);
        assert_eq!(Points::from(7, 0), Points::at(3, 0), "those above the last point are at it");
    }

    #[test]
    fn it_crosses_a_ring() {
        let place = Place::new(Point::new(1, 2), Points::at(1, 2)).starting(true).switching_up(true).nested(true).under(2);
        assert_eq!(Place::from_bytes(place.to_bytes()), place);
        assert!(place.starts_picture() && place.switches_up() && place.is_nested() && !place.ends_frame() && !place.synchronizes());
        assert_eq!((place.top(), place.under(0).top(), place.under(9).top()), (2, 0, 3));
        assert_eq!(size_of::<Place>(), 4);
    }
}
