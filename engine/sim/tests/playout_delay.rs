//! A viewer that loses packets is told to wait for what is sent again, and to wait no longer once nothing is lost; others wait for
//! nothing.

use core::time::Duration;
use corelay_sim::camera::CameraSpec;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::network::{Direction, Way};
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, World};
use corelay_wire::media::Codec;

const TAG: u32 = 11;

struct Call {
    world: World,
    alice: PeerId,
    bob: PeerId,
    carol: PeerId,
}

impl Call {
    fn new(seed: u64, reception: Reception) -> Self {
        let mut world = World::new(seed);
        let (alice, bob, carol) = (world.join(), world.join(), world.join());
        let video = world.publish_camera(alice, CameraSpec::single(Codec::Vp8, 1_000, 3), TAG);
        for (peer, tag) in [(bob, 20), (carol, 21)] {
            world.view(peer, video, TAG, reception);
            world.publish_microphone(peer, MicrophoneSpec::default(), tag);
        }
        world.run_until_connected(Duration::from_secs(2));
        Self { world, alice, bob, carol }
    }

    fn spoil(&mut self, peer: PeerId, loss: u32) {
        let faults = Faults { loss, delay: Duration::from_millis(40), ..Faults::default() };
        for direction in [Direction::Up, Direction::Down] {
            self.world.ways.insert((peer.0, direction), Way::new(faults));
        }
    }

    /// The time from taking a picture to showing it, of the last second, in milliseconds.
    fn delay(&self, peer: PeerId) -> u128 {
        let shown = &self.world.peers[peer.0].media.viewers[0].screen.shown;
        let last: Vec<u128> = shown.iter().rev().take(30).map(|s| s.at.since(s.captured).as_millis()).collect();
        last.iter().sum::<u128>() / last.len() as u128
    }
}

#[test]
fn who_loses_packets_waits_for_them_and_nobody_else() {
    for (seed, rtx) in [(1, true), (2, false)] {
        let mut call = Call::new(seed, Reception { rtx, ..Reception::default() });
        call.spoil(call.bob, 0);
        call.spoil(call.carol, 0);
        call.world.run(Duration::from_secs(3));
        assert!(call.delay(call.bob) < 160 && call.delay(call.carol) < 160, "{} {}", call.delay(call.bob), call.delay(call.carol));
        call.spoil(call.bob, 100);
        call.world.run(Duration::from_secs(6));
        let delay = call.delay(call.bob);
        assert!((300..=460).contains(&delay), "three round trips of 80 ms: {delay} ms");
        assert!(call.delay(call.carol) < 160, "{} ms", call.delay(call.carol));
        call.spoil(call.bob, 0);
        call.world.run(Duration::from_secs(40));
        let later = call.delay(call.bob);
        assert!((150..delay - 50).contains(&later), "it goes slowly: {later} ms");
        call.world.run(Duration::from_secs(70));
        assert!(call.delay(call.bob) < 190, "{} ms", call.delay(call.bob));
        let freezes = &call.world.peers[call.bob.0].media.viewers[0].screen.freezes;
        assert!(freezes.len() <= 2, "{freezes:?}");
    }
}

#[test]
fn what_is_lost_on_the_publishers_way_is_waited_for_by_all() {
    let mut call = Call::new(3, Reception::default());
    call.spoil(call.alice, 100);
    call.world.run(Duration::from_secs(8));
    for peer in [call.bob, call.carol] {
        assert!((250..=480).contains(&call.delay(peer)), "{} ms", call.delay(peer));
    }
}
