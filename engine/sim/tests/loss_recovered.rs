//! Random loss, requests and answers alike: what is lost is sent again in time, with RTX and without, on every link and on a mirror's.

use core::time::Duration;
use corelay_sim::camera::CameraSpec;
use corelay_sim::listener::Sound;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::network::{Direction, Way};
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, World};
use corelay_wire::media::Codec;

const VIDEO: u32 = 11;
const AUDIO: u32 = 12;

/// How a call came through.
#[derive(Debug)]
struct Outcome {
    /// Of the frames that were captured, in percent.
    shown: f64,
    /// Gaps that a person notices, after the first five seconds.
    freezes: usize,
    /// Of the moments of playout, in percent.
    concealed: f64,
    resent: u64,
}

/// A call from Alice to Bob, who is on `shard`.
struct Call {
    world: World,
    alice: PeerId,
    bob: PeerId,
    shard: usize,
}

impl Call {
    fn new(seed: u64, codec: Codec, rtx: bool, shard: usize) -> Self {
        let mut world = World::with_shards(seed, 1 + shard as u16);
        let (alice, bob) = (world.join(), world.join_on(shard));
        let video = world.publish_camera(alice, CameraSpec { rtx, ..CameraSpec::single(codec, 1_000, 1) }, VIDEO);
        // Browsers have no RTX for audio.
        let audio = world.publish_microphone(alice, MicrophoneSpec { rtx: false, ..MicrophoneSpec::default() }, AUDIO);
        world.run_until_connected(Duration::from_secs(2));
        let reception = Reception { rtx, feedback: FeedbackKind::None, ..Reception::default() };
        world.view(bob, video, VIDEO, reception);
        world.listen(bob, audio, AUDIO, Reception { rtx: false, ..reception });
        world.run(Duration::from_secs(1));
        Self { world, alice, bob, shard }
    }

    /// Both directions of a peer's link have these faults from here on.
    fn spoil(&mut self, peer: PeerId, faults: Faults) {
        for direction in [Direction::Up, Direction::Down] {
            self.world.ways.insert((peer.0, direction), Way::new(faults));
        }
    }

    /// Goes on for `seconds`; then what is under way arrives without faults.
    fn outcome(mut self, seconds: u64) -> Outcome {
        let begin = self.world.now();
        self.world.run(Duration::from_secs(seconds));
        let (during, settled) = (begin..self.world.now(), begin + Duration::from_secs(5));
        self.world.ways.clear();
        self.world.run(Duration::from_secs(1));
        let media = &self.world.peers[self.bob.0].media;
        let (viewer, listener) = (&media.viewers[0], &media.listeners[0]);
        let broken = [&viewer.statistics().broken, &viewer.screen.broken, &listener.statistics().broken];
        assert!(broken.iter().all(|b| b.is_empty()), "{broken:?}");
        let shown = viewer.screen.shown.iter().filter(|s| s.good && during.contains(&s.captured)).count();
        let played: Vec<_> = listener.played.iter().filter(|p| during.contains(&p.at)).collect();
        let concealed = played.iter().filter(|p| p.sound == Sound::Concealed).count();
        let captured = &self.world.peers[self.alice.0].media.cameras[0].captured;
        let captured = captured.iter().filter(|at| during.contains(at)).count();
        Outcome {
            shown: 100.0 * shown as f64 / captured as f64,
            freezes: viewer.screen.freezes.iter().filter(|(at, _)| (settled..during.end).contains(at)).count(),
            concealed: 100.0 * concealed as f64 / played.len() as f64,
            resent: self.world.counters(self.shard).retransmissions_out,
        }
    }
}

/// Loss both ways, and a round trip of 80 ms.
fn random(of_1000: u32) -> Faults {
    Faults { loss: of_1000, delay: Duration::from_millis(40), ..Faults::default() }
}

/// Loss of 1000, and bounds: frames that are shown at least, freezes in 15 s and concealed audio at most. A freeze is what three answers in
/// a row that are lost make, for viewers wait for one.
const BOUNDS: [(u32, f64, usize, f64); 3] = [(100, 99.0, 8, 2.5), (200, 97.0, 34, 7.0), (300, 70.0, 40, 14.0)];

const KINDS: [(Codec, bool); 4] = [(Codec::Vp8, true), (Codec::Vp8, false), (Codec::H264, true), (Codec::Vp9, true)];

#[test]
fn loss_on_the_subscribers_link_is_repaired() {
    for (loss, shown, freezes, concealed) in BOUNDS {
        for (seed, (codec, rtx)) in KINDS.into_iter().enumerate() {
            let mut call = Call::new(seed as u64, codec, rtx, 0);
            call.spoil(call.bob, random(loss));
            let outcome = call.outcome(20);
            assert!(outcome.shown >= shown && outcome.freezes <= freezes, "{loss} {codec:?} {outcome:?}");
            assert!(outcome.concealed <= concealed && outcome.resent > 100, "{loss} {codec:?} {outcome:?}");
        }
    }
}

#[test]
fn loss_on_the_publishers_link_is_repaired() {
    for (loss, shown, freezes, concealed) in BOUNDS {
        for (seed, (codec, rtx)) in KINDS.into_iter().enumerate() {
            let mut call = Call::new(seed as u64, codec, rtx, 0);
            call.spoil(call.alice, random(loss));
            let outcome = call.outcome(20);
            assert!(outcome.shown >= shown && outcome.freezes <= freezes, "{loss} {codec:?} {outcome:?}");
            assert!(outcome.concealed <= concealed, "{loss} {codec:?} {outcome:?}");
        }
    }
}

#[test]
fn bursts_are_repaired() {
    for seed in 1..=4 {
        let mut call = Call::new(seed, Codec::Vp8, true, 0);
        let faults = Faults { loss: 5, burst: 10, delay: Duration::from_millis(40), ..Faults::default() };
        call.spoil(call.bob, faults);
        let outcome = call.outcome(20);
        assert!(outcome.shown >= 99.0 && outcome.freezes <= 2, "{outcome:?}");
    }
}

#[test]
fn what_is_lost_behind_a_mirror_comes_from_the_mirror() {
    let mut call = Call::new(7, Codec::Vp8, true, 1);
    call.spoil(call.bob, random(100));
    let outcome = call.outcome(10);
    assert!(outcome.shown >= 99.0 && outcome.resent > 50, "{outcome:?}");
}
