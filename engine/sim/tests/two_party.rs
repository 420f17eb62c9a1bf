//! Two participants, audio and video both ways, every video codec.

use core::time::Duration;
use corelay_core::control::{SrtpProfile, TransportState};
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

fn call(seed: u64, codec: Codec) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    for (from, to, tag) in [(alice, bob, 10), (bob, alice, 20)] {
        let audio = world.publish(from, Source::new(Codec::Opus, tag));
        let video = world.publish(from, Source::new(codec, tag + 1));
        world.subscribe(to, audio, tag);
        world.subscribe(to, video, tag + 1);
    }
    world.run_until_connected(Duration::from_secs(2));
    (world, alice, bob)
}

#[test]
fn audio_and_video_arrive_whole_and_in_time_with_every_codec() {
    for (seed, codec) in [(1, Codec::Vp8), (2, Codec::Vp9), (3, Codec::H264), (4, Codec::Av1)] {
        let (mut world, alice, bob) = call(seed, codec);
        world.run(Duration::from_secs(5));
        for (peer, tag) in [(bob, 10), (alice, 20)] {
            let (audio, video) = (world.received(peer, tag), world.received(peer, tag + 1));
            assert!(audio.arrivals.len() >= 240 && video.arrivals.len() >= 350, "{codec:?}");
            assert!(video.arrivals[0].keyframe, "a picture begins with a keyframe");
            for stream in [audio, video] {
                assert_eq!(stream.gaps(), 0);
                stream.assert_no_repeats();
                stream.assert_timeline(2);
            }
        }
    }
}

#[test]
fn the_transport_tells_its_life_and_the_round_trip() {
    let (mut world, alice, _) = call(5, Codec::Vp8);
    world.run(Duration::from_secs(5));
    let states = world.states(alice);
    assert_eq!(states[..2], [TransportState::Checking, TransportState::Connecting]);
    assert!(matches!(
        states[2],
        TransportState::Connected { profile: SrtpProfile::AeadAes256Gcm | SrtpProfile::AeadAes128Gcm, .. }
    ));
    assert_eq!(states.len(), 3);
    let transport = world.peer(alice).transport_id;
    let trip = world.core.round_trip(transport).expect("receiver reports came");
    assert!((19..=22).contains(&trip.as_millis()), "10 ms each way: {trip:?}");
    let counters = world.core.counters();
    assert_eq!(
        (counters.transports, counters.tracks, counters.subscriptions, counters.connected.iter().sum::<u64>()),
        (2, 4, 4, 2)
    );
    assert!(counters.drops.iter().all(|(_, n)| n == 0), "{:?}", counters.drops);
}

#[test]
fn publishers_get_receiver_reports_with_what_they_need() {
    let (mut world, alice, _) = call(6, Codec::Vp8);
    world.run(Duration::from_secs(6));
    let told = &world.peer(alice).told;
    assert!((8..=20).contains(&told.len()), "two streams, one report a second: {}", told.len());
    let last = told[told.len() - 1];
    assert_eq!((last.fraction_lost, last.cumulative_lost), (0, 0));
    assert!(last.last_sender_report != 0 && last.delay_since_last_sender_report < 3 << 16);
}
