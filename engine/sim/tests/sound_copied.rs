//! On a link that loses, sound leaves more than once before anybody asks; on a clean one it does not.

use core::time::Duration;
use corelay_sim::listener::Sound;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::network::{Direction, Way};
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, World};

const TAG: u32 = 12;

/// One speaks, one listens, without a picture: nothing tells of loss but requests and receiver reports.
struct Call {
    world: World,
    bob: PeerId,
}

impl Call {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(), world.join());
        let microphone = world.publish_microphone(alice, MicrophoneSpec { rtx: false, ..MicrophoneSpec::default() }, TAG);
        world.listen(bob, microphone, TAG, Reception { rtx: false, ..Reception::default() });
        world.publish_microphone(bob, MicrophoneSpec::default(), TAG + 1);
        world.run_until_connected(Duration::from_secs(2));
        let mut call = Self { world, bob };
        call.lose(0, 3);
        call
    }

    /// Goes on for a while with this loss, of 1000, on the listener's link.
    fn lose(&mut self, loss: u32, seconds: u64) {
        let faults = Faults { loss, delay: Duration::from_millis(40), ..Faults::default() };
        for direction in [Direction::Up, Direction::Down] {
            self.world.ways.insert((self.bob.0, direction), Way::new(faults));
        }
        self.world.run(Duration::from_secs(seconds));
    }

    fn resent(&self) -> u64 {
        self.world.counters(0).retransmissions_out
    }

    /// Moments that were played, and those of them that were made up, so far.
    fn heard(&self) -> (usize, usize) {
        let played = &self.world.peers[self.bob.0].media.listeners[0].played;
        (played.len(), played.iter().filter(|played| played.sound == Sound::Concealed).count())
    }
}

#[test]
fn sound_is_whole_where_packets_are_lost_without_a_picture_beside_it() {
    for (loss, most) in [(100, 0.01), (200, 0.03)] {
        let (mut moments, mut concealed) = (0, 0);
        for seed in 1..=10 {
            let mut call = Call::new(seed);
            call.lose(loss, 3);
            let before = call.heard();
            call.lose(loss, 15);
            let after = call.heard();
            (moments, concealed) = (moments + after.0 - before.0, concealed + after.1 - before.1);
        }
        let share = concealed as f64 / moments as f64;
        assert!(moments > 7_000 && share < most, "{:.2} % of {moments} at {loss} of 1000", 100.0 * share);
    }
}

#[test]
fn a_clean_link_has_no_copies_before_loss_nor_long_after_it() {
    let mut call = Call::new(7);
    call.lose(0, 20);
    assert_eq!(call.resent(), 0);
    call.lose(100, 10);
    let lossy = call.resent();
    assert!((350..1_100).contains(&lossy), "one or two of each of 500 packets: {lossy}");
    call.lose(0, 12);
    let after = call.resent();
    assert!(after > lossy + 300, "for a while they go on: {after}");
    call.lose(0, 10);
    assert_eq!(call.resent(), after);
}
