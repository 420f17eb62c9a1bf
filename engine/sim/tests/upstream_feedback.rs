//! Publishers are told what arrived of what they sent: all of it, as it was, in time, and no more often than they need.

use core::time::Duration;
use corelay_sim::camera::CameraSpec;
use corelay_sim::endpoint::{Told, Uplink};
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, World};
use corelay_wire::media::Codec;
use std::collections::BTreeMap;

const CAMERA: u32 = 1;
/// Shortly before the numbers wrap.
const FIRST: u16 = 65_000;

/// A camera with somebody who watches it.
fn call(seed: u64, spec: CameraSpec) -> (World, PeerId) {
    let mut world = World::new(seed);
    let (publisher, viewer) = (world.join(), world.join());
    let track = world.publish_camera(publisher, spec, CAMERA);
    world.view(viewer, track, CAMERA, Reception::default());
    (world, publisher)
}

/// The same, connected; what the publisher is told is kept from the beginning.
fn recorded_call(seed: u64) -> (World, PeerId) {
    let (mut world, publisher) = call(seed, CameraSpec::simulcast(Codec::Vp8));
    world.peer(publisher).media.record_feedback(FIRST);
    world.run_until_connected(Duration::from_secs(10));
    (world, publisher)
}

fn told(world: &World, publisher: PeerId) -> &[Told] {
    world.peers[publisher.0].media.told.as_deref().expect("it is recorded")
}

/// The last word on each number.
fn fates(told: &[Told]) -> BTreeMap<u64, Told> {
    let mut fates = BTreeMap::new();
    for word in told {
        let before: Option<Told> = fates.insert(word.number, *word);
        let before = before.and_then(|before| before.ticks);
        assert!(before.is_none() || before == word.ticks, "what arrived has arrived once: {before:?} {word:?}");
    }
    fates
}

/// How long a packet was on its way, in milliseconds.
fn trip(word: &Told) -> Option<f64> {
    Some(word.ticks? as f64 / 4.0 - word.sent?.as_nanos() as f64 / 1e6)
}

#[test]
fn all_that_arrived_is_told_as_it_was_over_reordering_and_wraps() {
    for seed in 0..3 {
        let (mut world, publisher) = recorded_call(seed);
        world.faults = Faults { jitter: Duration::from_millis(30), reorder: true, ..Faults::default() };
        world.run(Duration::from_secs(10));
        let told = told(&world, publisher);
        let fates = fates(told);
        let (first, last) = (*fates.keys().next().expect("some"), *fates.keys().next_back().expect("some"));
        assert_eq!(first, u64::from(FIRST), "seed {seed}");
        assert!(last > 66_500, "seed {seed}: the numbers wrapped: {last}");
        assert_eq!(fates.len() as u64, last - first + 1, "seed {seed}: none is left out");
        for word in fates.values().rev().skip(50) {
            let trip = trip(word).unwrap_or_else(|| panic!("seed {seed}: nothing was lost: {word:?}"));
            assert!((9.0..46.0).contains(&trip), "seed {seed}: {trip} ms: {word:?}");
        }
    }
}

#[test]
fn what_was_lost_is_told_as_lost() {
    for seed in 0..3 {
        let (mut world, publisher) = recorded_call(seed);
        world.faults = Faults { loss: 100, duplication: 20, ..Faults::default() };
        world.run(Duration::from_secs(20));
        let fates = fates(told(&world, publisher));
        let lost = fates.values().filter(|word| word.ticks.is_none()).count() as f64 / fates.len() as f64;
        assert!((0.07..0.13).contains(&lost), "seed {seed}: {lost} of the packets are told to be lost");
        assert!(fates.values().filter_map(trip).all(|trip| (9.0..16.0).contains(&trip)), "seed {seed}");
        let sent = fates.keys().next_back().expect("some") - u64::from(FIRST);
        assert!(fates.len() as f64 > 0.85 * sent as f64, "seed {seed}: a tenth of the feedback is lost, the rest tells");
    }
}

#[test]
fn it_is_told_ten_to_twenty_times_a_second_while_something_arrives() {
    let (mut world, publisher) = recorded_call(1);
    world.run(Duration::from_secs(2));
    let from = world.now();
    world.run(Duration::from_secs(5));
    let after = |world: &World, from| {
        let mut messages: Vec<_> = told(world, publisher).iter().filter(|t| t.at > from).map(|t| (t.at, t.message)).collect();
        messages.dedup();
        messages
    };
    let messages = after(&world, from);
    assert!((50..=105).contains(&messages.len()), "{} messages in five seconds", messages.len());
    assert!(messages.windows(2).all(|w| w[1].1 == w[0].1.wrapping_add(1)), "each has the next count");
    let counted = world.core.counters().feedback_out;
    assert!(counted >= messages.len() as u64, "{counted}");

    world.peer(publisher).media.cameras[0].set_streams(0);
    world.run(Duration::from_secs(2));
    let from = world.now();
    world.run(Duration::from_secs(5));
    assert!(after(&world, from).is_empty(), "nothing arrives, nothing is told");
}

#[test]
fn a_camera_follows_what_it_is_told() {
    let (mut world, publisher) = call(2, CameraSpec::simulcast(Codec::Vp8));
    world.peer(publisher).media.uplink = Uplink::Follows;
    world.run_until_connected(Duration::from_secs(10));
    world.run(Duration::from_secs(5));
    let free = world.peer(publisher).media.uplink_rate().0;
    world.faults = Faults { rate: 400_000, ..Faults::default() };
    world.run(Duration::from_secs(10));
    let mut held = 0;
    for _ in 0..10 {
        world.run(Duration::from_secs(1));
        held += world.peer(publisher).media.uplink_rate().0 / 10;
    }
    assert!((200_000..480_000).contains(&held) && held < free, "{held} bit/s over a link of 400,000, after {free}");
}

#[test]
fn a_camera_that_knows_only_remb_is_told_what_its_link_carries() {
    let spec = CameraSpec { feedback: FeedbackKind::Remb, ..CameraSpec::simulcast(Codec::Vp8) };
    let (mut world, publisher) = call(3, spec);
    world.run_until_connected(Duration::from_secs(10));
    world.run(Duration::from_secs(5));
    let free = world.peer(publisher).media.remb().expect("it is told");
    assert!(free.0 >= 3_000_000, "{free:?} over a link without a limit");
    world.faults = Faults { rate: 1_500_000, ..Faults::default() };
    world.run(Duration::from_secs(2));
    for second in 0..8 {
        world.run(Duration::from_secs(1));
        let told = world.peer(publisher).media.remb().expect("it is told");
        assert!((700_000..1_700_000).contains(&told.0), "{told:?} over a link of 1,500,000, {second} s");
    }
}
