//! Layers are changed by request: the picture goes on, whole and in its time, whatever the codec and however the layers are sent.

use core::time::Duration;
use corelay_core::control::{Command, Event};
use corelay_sim::camera::{Camera, CameraSpec};
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::viewer::{Shown, Viewer};
use corelay_sim::world::Reception;
use corelay_sim::{PeerId, World};
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

const TAG: u32 = 7;
const ANY: u8 = u8::MAX;

struct Call {
    world: World,
    alice: PeerId,
    bob: PeerId,
    subscription: SubscriptionId,
}

impl Call {
    fn new(seed: u64, spec: CameraSpec) -> Self {
        Self::on(World::new(seed), spec, 0)
    }

    /// Bob is on `shard`.
    fn on(mut world: World, spec: CameraSpec, shard: usize) -> Self {
        let (alice, bob) = (world.join(), world.join_on(shard));
        let track = world.publish_camera(alice, spec, TAG);
        world.run_until_connected(Duration::from_secs(3));
        world.run(Duration::from_secs(2));
        let reception = Reception { feedback: FeedbackKind::None, ..Reception::default() };
        let subscription = world.view(bob, track, TAG, reception);
        world.run(Duration::from_secs(3));
        Self { world, alice, bob, subscription }
    }

    fn prefer(&mut self, spatial: u8, temporal: u8) -> &mut Self {
        let command = Command::PreferLayers { subscription: self.subscription, spatial, temporal };
        self.world.command_to(self.world.shards.home(self.bob.0), command);
        self
    }

    fn run(&mut self, millis: u64) -> &mut Self {
        self.world.run(Duration::from_millis(millis));
        self
    }

    fn viewer(&self) -> &Viewer {
        &self.world.peers[self.bob.0].media.viewers[0]
    }

    fn camera(&mut self) -> &mut Camera {
        &mut self.world.peers[self.alice.0].media.cameras[0]
    }

    fn shown_since(&self, since: Instant) -> Vec<Shown> {
        self.viewer().screen.shown.iter().filter(|s| s.at > since).copied().collect()
    }

    /// Pictures of the last second.
    fn latest(&self) -> Vec<Shown> {
        self.shown_since(Instant::from_nanos(self.world.now().as_nanos() - 1_000_000_000))
    }

    fn assert_whole(&self, what: &str) {
        let viewer = self.viewer();
        assert!(viewer.screen.broken.is_empty(), "{what}: {:?}", viewer.screen.broken);
        assert!(viewer.statistics().broken.is_empty(), "{what}: {:?}", viewer.statistics().broken);
        assert!(viewer.screen.freezes.is_empty(), "{what}: {:?}", viewer.screen.freezes);
        assert_eq!((viewer.went_back(), viewer.plis), (0, 0), "{what}");
        assert!(viewer.screen.timeline_error < Duration::from_millis(20), "{what}: {:?}", viewer.screen.timeline_error);
        assert_eq!(self.world.core.counters().drops.iter().filter(|(_, n)| *n > 0).count(), 0, "{what}");
    }
}

const CODECS: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

#[test]
fn simulcast_goes_down_and_up_without_a_break() {
    for (seed, codec) in (1..).zip(CODECS) {
        let mut call = Call::new(seed, CameraSpec::simulcast(codec));
        assert!(call.latest().iter().all(|s| s.stream == 2), "{codec:?}: the best is what there is at first");
        for (spatial, stream) in [(0, 0), (1, 1), (ANY, 2), (0, 0), (2, 2)] {
            let asked = call.world.now();
            call.prefer(spatial, ANY).run(2_000);
            let first = call.shown_since(asked).iter().find(|s| s.stream == stream).map(|s| s.at.since(asked));
            assert!(first.is_some_and(|after| after < Duration::from_millis(700)), "{codec:?} to {spatial}: {first:?}");
            assert!(call.latest().iter().all(|s| s.stream == stream), "{codec:?} to {spatial}");
            assert!(call.latest().len() >= 29, "{codec:?}: {} pictures", call.latest().len());
            call.assert_whole(&format!("{codec:?} to {spatial}"));
        }
    }
}

#[test]
fn frame_rates_are_a_half_and_a_quarter() {
    for (seed, codec) in (11..).zip([Codec::Vp8, Codec::Vp9, Codec::Av1]) {
        let mut call = Call::new(seed, CameraSpec::single(codec, 500, 3));
        for (temporal, least, most) in [(0, 7, 8), (1, 14, 16), (ANY, 29, 31), (1, 14, 16), (2, 29, 31)] {
            call.prefer(ANY, temporal).run(3_000);
            let pictures = call.latest();
            assert!((least..=most).contains(&pictures.len()), "{codec:?} at {temporal}: {} pictures", pictures.len());
            call.assert_whole(&format!("{codec:?} at {temporal}"));
        }
        assert!(call.camera().keyframe_requests <= 1, "{codec:?}: no keyframe but the first");
    }
}

#[test]
fn spatial_layers_of_one_stream_go_down_and_up() {
    for (seed, (codec, key)) in (21..).zip([(Codec::Vp9, false), (Codec::Vp9, true), (Codec::Av1, false), (Codec::Av1, true)]) {
        let mut call = Call::new(seed, CameraSpec::scalable(codec, key));
        for (spatial, shown) in [(0, 0), (1, 1), (ANY, 2), (1, 1), (2, 2)] {
            let asked = call.world.now();
            call.prefer(spatial, ANY).run(2_000);
            let what = format!("{codec:?}, key {key}, to {spatial}");
            let first = call.shown_since(asked).iter().find(|s| s.spatial == shown).map(|s| s.at.since(asked));
            assert!(first.is_some_and(|after| after < Duration::from_millis(700)), "{what}: {first:?}");
            assert!(call.latest().iter().all(|s| s.spatial == shown), "{what}");
            assert!(call.latest().len() >= 29, "{what}: {} pictures", call.latest().len());
            call.assert_whole(&what);
        }
    }
}

#[test]
fn it_is_the_same_on_another_shard() {
    let specs =
        [CameraSpec::simulcast(Codec::Vp8), CameraSpec::scalable(Codec::Av1, true), CameraSpec::scalable(Codec::Vp9, false)];
    for (seed, spec) in (31..).zip(specs) {
        let several = spec.layers.len() > 1;
        let mut call = Call::on(World::with_shards(seed, 2), spec, 1);
        for (spatial, size) in [(0, 0), (2, 2), (1, 1)] {
            call.prefer(spatial, ANY).run(2_000);
            assert!(call.latest().iter().all(|s| size == if several { s.stream } else { s.spatial }), "to {spatial}");
            call.assert_whole("on another shard");
        }
    }
}

#[test]
fn a_stream_that_ends_is_left_within_half_a_second() {
    for (seed, codec) in (41..).zip(CODECS) {
        let mut call = Call::new(seed, CameraSpec::simulcast(codec));
        let stopped = call.world.now();
        call.camera().set_streams(0b011);
        call.run(2_000);
        let shown = call.shown_since(stopped);
        let next = shown.iter().find(|s| s.stream == 1).expect("the next lower one").at.since(stopped);
        assert!(next < Duration::from_millis(650), "{codec:?}: half a second, and a keyframe of the other: {next:?}");
        assert!(call.latest().iter().all(|s| s.stream == 1 && s.good));
        call.camera().set_streams(0b111);
        call.run(2_000);
        assert!(call.latest().iter().all(|s| s.stream == 2 && s.good), "{codec:?}: it came back");
        assert!(call.viewer().screen.broken.is_empty(), "{:?}", call.viewer().screen.broken);
    }
}

#[test]
fn signaling_is_told_what_is_got() {
    let mut call = Call::new(51, CameraSpec::simulcast(Codec::Vp8));
    call.prefer(1, 0).run(2_000);
    let mut told = call.world.events.iter().filter_map(|(_, event)| match event {
        Event::SelectionChanged { layers, .. } => layers.map(|l| (l.layer, l.temporal)),
        _ => None,
    });
    assert_eq!(told.next_back(), Some((1, 0)));
}

#[test]
fn lost_packets_of_changed_streams_are_repaired() {
    for (seed, spec) in
        (61..).zip([CameraSpec::simulcast(Codec::Vp8), CameraSpec::simulcast(Codec::Av1), CameraSpec::scalable(Codec::Vp9, true)])
    {
        let mut call = Call::new(seed, spec);
        call.world.faults.loss = 50;
        for spatial in [0, 1, 2, 1] {
            call.prefer(spatial, if spatial == 1 { 1 } else { ANY }).run(3_000);
        }
        let viewer = call.viewer();
        assert!(viewer.screen.broken.is_empty() && viewer.statistics().broken.is_empty(), "{:?}", viewer.screen.broken);
        assert!(viewer.statistics().recovered > 20, "{}", viewer.statistics().recovered);
        assert!(call.latest().len() >= 12, "{seed}: {}", call.latest().len());
    }
}

/// A picture that would be left out is told from the others only when it comes: the count of pictures has a place for it by then.
#[test]
fn a_picture_lost_whole_that_would_be_left_out_stops_nothing() {
    for seed in 70..80 {
        let mut call = Call::new(seed, CameraSpec::simulcast(Codec::Vp8));
        call.prefer(1, 1).run(2_000);
        call.world.faults.loss = 50;
        call.run(10_000);
        let (now, screen) = (call.world.now(), &call.viewer().screen);
        let longest = screen.freezes.iter().copied().chain(screen.freezing(now)).map(|(_, length)| length).max();
        assert!(longest < Some(Duration::from_secs(1)), "{seed}: {longest:?}");
        assert!(screen.broken.is_empty() && call.viewer().statistics().broken.is_empty(), "{seed}: {:?}", screen.broken);
    }
}
