//! Who joins begins with the latest keyframe that there is, and what came after it: a picture at once, and no new keyframe.

use core::time::Duration;
use corelay_core::control::{Command, Event, Viewport};
use corelay_core::limits::Limits;
use corelay_core::target::Why;
use corelay_sim::camera::CameraSpec;
use corelay_sim::network::{Direction, Faults, Way};
use corelay_sim::viewer::Viewer;
use corelay_sim::world::Reception;
use corelay_sim::{PeerId, World};
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::media::Codec;

const ONE_WAY: Duration = Duration::from_millis(10);
/// From the server to the viewer, and what a viewer waits before it shows a picture.
const AT_ONCE: Duration = Duration::from_millis(40);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn clean() -> Faults {
    Faults { delay: ONE_WAY, ..Faults::default() }
}

/// A camera that one viewer has watched for some time, and a second one who is about to join.
struct Call {
    world: World,
    camera: PeerId,
    track: TrackId,
    joiner: PeerId,
}

impl Call {
    fn new(seed: u64, spec: CameraSpec, limits: Limits) -> Self {
        let mut world = World::with_limits(seed, Limits { transports_max: 64, tracks_max: 128, subscriptions_max: 512, ..limits });
        let (camera, watcher, joiner) = (world.join(), world.join(), world.join());
        for peer in [camera, watcher, joiner] {
            for direction in [Direction::Up, Direction::Down] {
                world.ways.insert((peer.0, direction), Way::new(clean()));
            }
        }
        world.run_until_connected(Duration::from_secs(2));
        let track = world.publish_camera(camera, spec, 1);
        world.view(watcher, track, 1, Reception::default());
        Self { world, camera, track, joiner }
    }

    /// Until so long after the last keyframe that anybody asked for.
    fn run(&mut self, millis: u64) -> &mut Self {
        self.world.run(ms(millis));
        self
    }

    fn requests(&mut self) -> u32 {
        self.world.peer(self.camera).media.cameras[0].keyframe_requests
    }

    fn join(&mut self) -> SubscriptionId {
        self.world.view(self.joiner, self.track, 1, Reception::default())
    }

    fn viewer(&self) -> &Viewer {
        &self.world.peers[self.joiner.0].media.viewers[0]
    }

    /// From joining to the first picture.
    fn first(&self) -> Option<Duration> {
        let viewer = self.viewer();
        viewer.screen.shown.first().map(|shown| shown.at.since(viewer.began))
    }

    fn assert_whole(&self, what: &str) {
        let viewer = self.viewer();
        assert!(viewer.screen.broken.is_empty() && viewer.statistics().broken.is_empty(), "{what}: {:?}", viewer.screen.broken);
        assert!(viewer.screen.shown.iter().all(|shown| shown.good), "{what}");
        assert_eq!((viewer.went_back(), viewer.plis), (0, 0), "{what}");
        assert!(viewer.screen.freezes.is_empty(), "{what}: {:?}", viewer.screen.freezes);
    }

    /// Fast starts, and those that were declined.
    fn counted(&self) -> (u64, u64) {
        let counters = self.world.core.counters();
        (counters.fast_starts, counters.fast_starts_declined)
    }
}

fn specs() -> Vec<(&'static str, CameraSpec)> {
    vec![
        ("VP8", CameraSpec::simulcast(Codec::Vp8)),
        ("H264", CameraSpec::simulcast(Codec::H264)),
        ("AV1", CameraSpec::simulcast(Codec::Av1)),
        ("VP9 by layers", CameraSpec::scalable(Codec::Vp9, true)),
        ("AV1 by layers", CameraSpec::scalable(Codec::Av1, false)),
    ]
}

#[test]
fn a_joiner_has_a_picture_at_once_and_costs_no_keyframe() {
    for (seed, (name, spec)) in (1..).zip(specs()) {
        let mut call = Call::new(seed, spec, Limits { fast_start_bytes: 1 << 20, ..Limits::default() }.with_fast_start(1 << 20));
        call.run(600);
        let (requests, counted) = (call.requests(), call.counted());
        call.join();
        call.run(60);
        assert_eq!(call.requests(), requests, "{name}: nobody was asked");
        assert_eq!(call.counted(), (counted.0 + 1, counted.1), "{name}");
        let first = call.first();
        assert!(first.is_some_and(|first| first <= AT_ONCE), "{name}: {first:?}");
        let (before, began) = (call.viewer().screen.shown.len(), call.viewer().began);
        let newest = call.viewer().screen.shown[before - 1].captured;
        assert!(began.since(newest) < ms(200), "{name}: it is at the moment's picture");
        call.run(3_000);
        call.assert_whole(name);
        assert!(call.viewer().screen.shown.len() - before > 70, "{name}: it goes on");
    }
}

#[test]
fn what_is_lost_of_the_beginning_is_repaired() {
    for seed in 0..10 {
        let mut call = Call::new(seed, CameraSpec::simulcast(Codec::Vp8), Limits::default());
        call.run(700);
        call.world.ways.insert((call.joiner.0, Direction::Down), Way::new(Faults { loss: 150, ..clean() }));
        call.join();
        call.run(300);
        call.world.ways.insert((call.joiner.0, Direction::Down), Way::new(clean()));
        call.run(3_000);
        let viewer = call.viewer();
        assert!(viewer.screen.broken.is_empty() && viewer.statistics().broken.is_empty(), "{seed}: {:?}", viewer.screen.broken);
        assert!(viewer.screen.shown.len() > 60, "seed {seed}: {}", viewer.screen.shown.len());
    }
}

#[test]
fn a_keyframe_is_asked_for_where_too_much_came_since_the_last() {
    for (bytes, declined) in [(4_000, 1), (0, 0)] {
        let mut call = Call::new(7, CameraSpec::simulcast(Codec::Vp8), Limits { fast_start_bytes: bytes, ..Limits::default() });
        call.run(1_500);
        let (requests, counted) = (call.requests(), call.counted());
        call.join();
        call.run(40);
        assert_eq!(call.requests(), requests + 1, "{bytes}");
        assert_eq!(call.counted(), (counted.0, counted.1 + declined), "{bytes}");
        call.run(1_000);
        call.assert_whole("after a keyframe");
    }
}

#[test]
fn a_keyframe_is_asked_for_while_the_joiner_connects() {
    let mut call = Call::new(10, CameraSpec::simulcast(Codec::Vp8), Limits::default());
    call.run(6_000);
    let (requests, counted) = (call.requests(), call.counted());
    call.joiner = call.world.join();
    for direction in [Direction::Up, Direction::Down] {
        call.world.ways.insert((call.joiner.0, direction), Way::new(clean()));
    }
    call.join();
    call.run(20);
    assert!(!call.world.peers[call.joiner.0].connected);
    assert_eq!(call.requests(), requests + 1, "at once");
    call.world.run_until_connected(ms(200));
    call.run(30);
    assert_eq!((call.requests(), call.counted()), (requests + 1, (counted.0 + 1, counted.1)), "it begins with that one");
    assert!(call.first().is_some());
    call.run(2_000);
    call.assert_whole("a joiner");
}

#[test]
fn a_keyframe_is_asked_for_where_the_history_has_not_all() {
    // A pause of the track: what came meanwhile is not there, and what comes is built on it.
    let mut call = Call::new(8, CameraSpec::simulcast(Codec::Vp8), Limits::default());
    call.run(1_000);
    let track = call.track;
    call.world.command(Command::PauseTrack { track, paused: true });
    call.run(100);
    call.world.command(Command::PauseTrack { track, paused: false });
    let counted = call.counted();
    call.join();
    call.run(1_000);
    assert_eq!(call.counted().0, counted.0);
    call.assert_whole("after a pause");
    // A camera that stopped: nobody wants to see what it had.
    let mut call = Call::new(9, CameraSpec::simulcast(Codec::Vp8), Limits::default());
    call.run(1_000);
    call.world.peer(call.camera).media.cameras[0].set_streams(0);
    call.run(3_000);
    let counted = call.counted();
    call.join();
    call.run(500);
    assert_eq!((call.counted().0, call.first()), (counted.0, None));
}

#[test]
fn what_is_hidden_costs_nothing_and_is_back_at_once() {
    // All layers of the last are more than a path takes within a moment.
    for (seed, (name, spec)) in (20..).zip(&specs()[..4]) {
        let mut call = Call::new(seed, spec.clone(), Limits::default().with_fast_start(1 << 20));
        let subscription = call.join();
        call.run(1_000);
        call.world.events.clear();
        call.world.command(Command::SetViewport { subscription, viewport: Viewport::HIDDEN });
        assert_eq!(told(&call, subscription), [(None, Why::Viewport)], "{name}");
        call.run(100);
        let (shown, requests) = (call.viewer().screen.shown.len(), call.requests());
        call.run(400);
        assert_eq!(call.viewer().screen.shown.len(), shown, "{name}: nothing comes");
        call.world.command(Command::SetViewport { subscription, viewport: Viewport::ANY });
        let now = call.world.now();
        call.world.peer(call.joiner).media.viewers[0].screen.look_again(now);
        call.run(100);
        // For a large picture that was asked for long ago; a smaller one is there.
        assert!(call.requests() <= requests + 1, "{name}");
        let back = call.viewer().screen.shown.get(shown).map(|shown| shown.at.since(now));
        // A key picture of all layers takes the path some time.
        assert!(back.is_some_and(|back| back <= AT_ONCE + ms(40)), "{name}: {back:?}");
        call.run(2_000);
        let viewer = call.viewer();
        assert!(viewer.screen.broken.is_empty() && viewer.went_back() == 0, "{name}: {:?}", viewer.screen.broken);
        let last = *told(&call, subscription).last().expect("it gets something");
        assert!(last.0.is_some(), "{name}: {last:?}");
    }
}

/// What signaling was told that a subscription gets, and why.
fn told(call: &Call, of: SubscriptionId) -> Vec<(Option<u8>, Why)> {
    let told = call.world.events.iter().filter_map(|(_, event)| match event {
        Event::SelectionChanged { subscription, layers, why } if *subscription == of => Some((layers.map(|l| l.size()), *why)),
        _ => None,
    });
    told.collect()
}

#[test]
fn it_is_told_when_nothing_is_sent_any_more() {
    let mut call = Call::new(30, CameraSpec::simulcast(Codec::Vp8), Limits::default());
    let (subscription, track) = (call.join(), call.track);
    call.run(1_000);
    let pauses = [
        (Command::PauseSubscription { subscription, paused: true }, Command::PauseSubscription { subscription, paused: false }),
        (Command::PauseTrack { track, paused: true }, Command::PauseTrack { track, paused: false }),
    ];
    for ((pause, resume), why) in pauses.into_iter().zip([Why::Paused, Why::PublisherPaused]) {
        call.world.events.clear();
        call.world.command(pause.clone());
        call.world.command(pause);
        assert_eq!(told(&call, subscription), [(None, why)]);
        call.world.command(resume);
        call.run(1_000);
        assert!(told(&call, subscription)[1..].iter().all(|(layers, _)| layers.is_some()));
        assert!(told(&call, subscription).len() > 1, "{why:?}: it is told what comes again");
    }
}
