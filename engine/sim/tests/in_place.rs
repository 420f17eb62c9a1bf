//! Without RTX a packet leaves again under its own number, which is the nonce of AEAD: whatever happened between, every byte is the
//! same (RFC 7714 section 8.1: a nonce is used for one plaintext and one header only).

use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::control::Command;
use corelay_sim::camera::CameraSpec;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, World};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Codec;
use std::collections::HashMap;

const VIDEO: u32 = 11;
const AUDIO: u32 = 12;

/// Where a packet goes, its SSRC and its sequence number.
type Name = (SocketAddr, [u8; 4], [u8; 2]);

/// A call whose subscriber has no RTX, with a tap where the server sends.
struct Call {
    world: World,
    video: SubscriptionId,
}

impl Call {
    fn new(seed: u64, camera: CameraSpec, microphone: MicrophoneSpec, reception: Reception) -> Self {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(), world.join());
        let camera = world.publish_camera(alice, camera, VIDEO);
        let microphone = world.publish_microphone(alice, microphone, AUDIO);
        let video = world.view(bob, camera, VIDEO, reception);
        world.listen(bob, microphone, AUDIO, reception);
        // It speaks too, and so learns of its round trip.
        world.publish_microphone(bob, MicrophoneSpec::default(), AUDIO + 1);
        world.run_until_connected(Duration::from_secs(2));
        world.run(Duration::from_secs(1));
        world.sent = Some(Vec::new());
        Self { world, video }
    }

    /// Goes on for a while, with this loss of 1000 on every link.
    fn run(&mut self, loss: u32, seconds: u64) {
        self.world.faults = Faults { loss, delay: Duration::from_millis(25), ..Faults::default() };
        self.world.run(Duration::from_secs(seconds));
    }

    fn prefer(&mut self, spatial: u8, temporal: u8) {
        self.world.command(Command::PreferLayers { subscription: self.video, spatial, temporal });
    }

    /// How many packets left more than once; all of them as they were.
    fn repeats(&self) -> usize {
        let mut first: HashMap<Name, &[u8]> = HashMap::new();
        let mut repeats = 0;
        for (to, bytes) in self.world.sent.iter().flatten().filter(|(_, bytes)| classify(bytes) == Some(Protocol::Rtp)) {
            let name: Name = (*to, bytes[8..12].try_into().expect("four"), bytes[2..4].try_into().expect("two"));
            match first.insert(name, bytes) {
                Some(before) if before == bytes => repeats += 1,
                Some(before) => panic!("{name:?} left as two packets:\n{before:02x?}\n{bytes:02x?}"),
                None => {}
            }
        }
        repeats
    }
}

fn in_place(feedback: FeedbackKind) -> Reception {
    Reception { rtx: false, feedback, ..Reception::default() }
}

/// Loss comes and goes, the layers change, pauses are left out of the sound.
fn bytes_stay(seed: u64, camera: CameraSpec, microphone: MicrophoneSpec, reception: Reception) {
    let mut call = Call::new(seed, camera, microphone, reception);
    for (spatial, temporal) in [(2, 2), (0, 2), (1, 0), (2, 1), (0, 0), (2, 2)] {
        call.prefer(spatial, temporal);
        call.run(100, 2);
    }
    // What follows the loss goes again.
    call.run(0, 6);
    call.run(100, 3);
    let repeats = call.repeats();
    assert!(repeats >= 100, "{repeats} repeats of {} datagrams", call.world.sent.as_ref().map_or(0, Vec::len));
}

#[test]
fn a_packet_that_leaves_twice_is_the_same() {
    let microphone = MicrophoneSpec { dtx: true, rtx: false, ..MicrophoneSpec::default() };
    for (seed, codec) in [(1, Codec::Vp8), (2, Codec::H264), (3, Codec::Vp9), (4, Codec::Av1)] {
        bytes_stay(seed, CameraSpec::simulcast(codec), microphone, in_place(FeedbackKind::None));
    }
}

#[test]
fn so_it_is_with_scalable_streams_and_descriptors() {
    let scalable = [
        CameraSpec::scalable(Codec::Vp9, false),
        CameraSpec::scalable(Codec::Av1, true),
        CameraSpec { described: true, ..CameraSpec::scalable(Codec::Vp9, true) },
    ];
    for (seed, camera) in scalable.into_iter().enumerate() {
        bytes_stay(10 + seed as u64, camera, MicrophoneSpec::default(), in_place(FeedbackKind::None));
    }
}

#[test]
fn so_it_is_with_redundant_audio_and_every_kind_of_feedback() {
    let red = MicrophoneSpec { red: true, dtx: true, ..MicrophoneSpec::default() };
    for (seed, feedback) in [FeedbackKind::None, FeedbackKind::TransportWide, FeedbackKind::Remb].into_iter().enumerate() {
        for (more, red_known) in [(0, true), (1, false)] {
            let reception = Reception { red: red_known, ..in_place(feedback) };
            bytes_stay(20 + 2 * seed as u64 + more, CameraSpec::simulcast(Codec::Vp8), red, reception);
        }
    }
}

#[test]
fn with_rtx_no_number_is_used_twice() {
    let mut call = Call::new(30, CameraSpec::simulcast(Codec::Vp8), MicrophoneSpec::default(), Reception::default());
    call.run(100, 5);
    assert_eq!(call.repeats(), 0);
}
