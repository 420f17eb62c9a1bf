use super::*;
use crate::place::Points;

/// What a gate made of the packets: their indices.
struct Stream {
    gate: Gate,
    flowing: Option<u8>,
    index: u64,
}

impl Stream {
    fn wanting(target: Target) -> Self {
        let mut gate = Gate::SHUT;
        gate.aim(Some(target));
        Self { gate, flowing: None, index: 100 }
    }

    fn packet(&mut self, layer: u8, keyframe: bool, place: Place) -> Verdict {
        self.index += 1;
        self.packet_at(self.index, layer, keyframe, place)
    }

    fn packet_at(&mut self, index: u64, layer: u8, keyframe: bool, place: Place) -> Verdict {
        let verdict = self.gate.decide(Arriving { layer, flowing: self.flowing == Some(layer), index, keyframe, place });
        match verdict {
            Verdict::Begin => {
                self.gate.begin(index, place);
                self.flowing = Some(layer);
                verdict
            }
            Verdict::Move => Verdict::Pass,
            _ => verdict,
        }
    }

    fn lacks(&self, nested: bool) -> bool {
        self.gate.lacks_keyframe(self.flowing, || nested)
    }
}

fn target(layer: u8, spatial: u8, temporal: u8) -> Target {
    Target { layer, spatial, temporal }
}

/// The first packet of a frame of a temporal layer, VP8's way.
fn rate(temporal: u8) -> Place {
    Place::new(Point::new(0, temporal), Points::from(0, temporal)).starting(true).nested(true)
}

/// The first packet of a spatial layer's frame, as VP9's keyframe-only prediction has it.
fn own_only(spatial: u8) -> Place {
    Place::new(Point::new(spatial, 0), if spatial == 2 { Points::from(2, 0) } else { Points::at(spatial, 0) })
        .starting(spatial == 0)
        .under(2)
}

fn nested(spatial: u8) -> Place {
    Place::new(Point::new(spatial, 0), Points::from(spatial, 0)).starting(spatial == 0).under(2).nested(true)
}

#[test]
fn a_stream_is_begun_and_changed_at_a_keyframe_only() {
    let mut s = Stream::wanting(target(1, 3, 3));
    assert_eq!(s.packet(0, true, Place::WHOLE), Verdict::Foreign);
    assert_eq!(s.packet(1, false, Place::WHOLE), Verdict::Foreign);
    assert!(s.lacks(true));
    assert_eq!(s.packet(1, true, Place::WHOLE), Verdict::Begin);
    assert!(!s.lacks(true));
    s.gate.aim(Some(target(2, 3, 3)));
    assert_eq!(s.packet(2, false, Place::WHOLE), Verdict::Foreign);
    assert_eq!(s.packet(1, false, Place::WHOLE), Verdict::Pass, "the old one goes on meanwhile");
    assert!(s.lacks(true));
    assert_eq!(s.packet(2, true, Place::WHOLE), Verdict::Begin);
    assert_eq!(s.packet(1, true, Place::WHOLE), Verdict::Foreign, "and no longer");
}

#[test]
fn another_streams_indices_say_nothing() {
    let mut s = Stream::wanting(target(1, 0, 0));
    assert_eq!(s.packet_at(1_000_000, 1, true, rate(0)), Verdict::Begin);
    assert_eq!(s.packet_at(1_000_001, 1, false, rate(1)), Verdict::Skip);
    s.gate.aim(Some(target(0, 0, 1)));
    assert_eq!(s.packet_at(7, 0, true, rate(0)), Verdict::Begin);
    assert_eq!(s.packet_at(8, 0, false, rate(1)), Verdict::Pass);
}

#[test]
fn frame_rates_fall_at_once_and_rise_in_step() {
    let mut s = Stream::wanting(target(0, 0, 2));
    assert_eq!(s.packet(0, true, rate(0)), Verdict::Begin);
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Pass);
    s.gate.aim(Some(target(0, 0, 0)));
    assert_eq!(s.packet(0, false, rate(2).starting(false)), Verdict::Pass, "the frame that was begun ends");
    assert_eq!(s.packet(0, false, rate(1)), Verdict::Skip);
    assert!(!s.lacks(true));
    s.gate.aim(Some(target(0, 0, 2)));
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Skip);
    assert_eq!(s.packet(0, false, rate(2).synchronizing(true)), Verdict::Skip, "two steps at once");
    assert_eq!(s.packet(0, false, rate(1).synchronizing(true)), Verdict::Pass);
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Skip);
    assert_eq!(s.packet(0, false, rate(2).synchronizing(true)), Verdict::Pass);
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Pass);
}

#[test]
fn a_switching_up_point_opens_all_rates_above() {
    let mut s = Stream::wanting(target(0, 0, 0));
    s.packet(0, true, rate(0));
    s.gate.aim(Some(target(0, 0, 2)));
    assert_eq!(s.packet(0, false, rate(1).switching_up(true)), Verdict::Skip, "of frames that were not had");
    assert_eq!(s.packet(0, false, rate(0).switching_up(true)), Verdict::Pass);
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Pass);
}

#[test]
fn a_late_packet_is_judged_by_its_time() {
    let mut s = Stream::wanting(target(0, 0, 1));
    assert_eq!(s.packet_at(10, 0, true, rate(0)), Verdict::Begin);
    s.gate.aim(Some(target(0, 0, 0)));
    assert_eq!(s.packet_at(20, 0, false, rate(0)), Verdict::Pass);
    assert_eq!(s.packet_at(19, 0, false, rate(1).starting(false)), Verdict::Pass);
    assert_eq!(s.packet_at(21, 0, false, rate(1)), Verdict::Skip);
    assert_eq!(s.packet_at(18, 0, false, rate(1)), Verdict::Pass, "a late beginning moves nothing");
}

#[test]
fn on_the_way_down_the_old_stream_takes_as_little_as_it_can() {
    let mut s = Stream::wanting(target(2, 0, 2));
    s.packet(2, true, rate(0));
    s.gate.aim(Some(target(0, 0, 2)));
    assert_eq!(s.packet(2, false, rate(1)), Verdict::Skip);
    assert_eq!(s.packet(2, false, rate(0)), Verdict::Pass);
    assert!(s.lacks(true));
    assert_eq!(s.packet(0, true, rate(0)), Verdict::Begin);
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Pass);
    s.gate.aim(Some(target(2, 0, 2)));
    assert_eq!(s.packet(0, false, rate(2)), Verdict::Pass, "on the way up it does not");
}

#[test]
fn layers_that_build_on_each_other_are_left_at_any_picture() {
    let mut s = Stream::wanting(target(0, 3, 0));
    assert_eq!(s.packet(0, true, nested(0)), Verdict::Begin);
    assert_eq!(s.packet(0, false, nested(2)), Verdict::Pass);
    assert!(!s.lacks(true), "as far up as the stream goes");
    s.gate.aim(Some(target(0, 1, 0)));
    assert!(!s.lacks(true));
    assert_eq!(s.packet(0, false, nested(2)), Verdict::Pass, "the picture is finished");
    let picture = [0, 1, 2].map(|spatial| s.packet(0, false, nested(spatial)));
    assert_eq!(picture, [Verdict::Pass, Verdict::Pass, Verdict::Skip]);
    s.gate.aim(Some(target(0, 2, 0)));
    assert!(s.lacks(true));
    assert_eq!([0, 2].map(|spatial| s.packet(0, false, nested(spatial))), [Verdict::Pass, Verdict::Skip]);
    assert_eq!([0, 2].map(|spatial| s.packet(0, spatial == 0, nested(spatial))), [Verdict::Pass, Verdict::Pass]);
    assert!(!s.lacks(true));
}

#[test]
fn layers_that_build_on_themselves_are_changed_at_keyframes() {
    let mut s = Stream::wanting(target(0, 2, 0));
    let key = [0, 1, 2].map(|spatial| s.packet(0, spatial == 0, nested(spatial)));
    assert_eq!(key, [Verdict::Begin, Verdict::Pass, Verdict::Pass]);
    let delta = [0, 1, 2].map(|spatial| s.packet(0, false, own_only(spatial)));
    assert_eq!(delta, [Verdict::Skip, Verdict::Skip, Verdict::Pass]);
    s.gate.aim(Some(target(0, 0, 0)));
    assert!(s.lacks(false));
    let delta = [0, 1, 2].map(|spatial| s.packet(0, false, own_only(spatial)));
    assert_eq!(delta, [Verdict::Skip, Verdict::Skip, Verdict::Pass], "until a keyframe");
    let key = [0, 1, 2].map(|spatial| s.packet(0, spatial == 0, nested(spatial)));
    assert_eq!(key, [Verdict::Pass, Verdict::Skip, Verdict::Skip]);
    let delta = [0, 1, 2].map(|spatial| s.packet(0, false, own_only(spatial)));
    assert_eq!(delta, [Verdict::Pass, Verdict::Skip, Verdict::Skip]);
}

#[test]
fn nothing_is_begun_while_nothing_is_wanted() {
    let mut s = Stream::wanting(target(0, 3, 3));
    s.gate.aim(None);
    assert_eq!(s.packet(0, true, Place::WHOLE), Verdict::Foreign);
    assert!(!s.lacks(true));
    assert_eq!(s.gate.layer(), None);
}

#[test]
fn of_what_came_before_the_lowest_frame_rate_passes_and_then_it_rises() {
    let mut s = Stream::wanting(target(0, 0, 2));
    s.gate.begin_earlier(104, rate(0), true);
    s.flowing = Some(0);
    let early = [rate(0), rate(1).synchronizing(true), rate(0)].map(|place| s.packet(0, false, place));
    assert_eq!(early, [Verdict::Pass, Verdict::Skip, Verdict::Pass]);
    let live = [rate(2), rate(1).synchronizing(true), rate(2).synchronizing(true)].map(|place| s.packet(0, false, place));
    assert_eq!(live, [Verdict::Skip, Verdict::Pass, Verdict::Pass]);
}
