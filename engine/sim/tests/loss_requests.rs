//! What a publisher is asked for, and what not: holes of the stream, not reordering; not for ever; and a keyframe for what is given up.

use core::time::Duration;
use corelay_core::drop_reason::DropReason;
use corelay_sim::camera::CameraSpec;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::rtcp::{CompoundWriter, Nack, ReceiverReport, ReportBlocks, SdesCname};
use corelay_wire::units::{SequenceNumber, Ssrc};

#[test]
fn reordering_and_duplicates_are_not_taken_for_loss() {
    let mut world = World::new(1);
    let (alice, bob) = (world.join(), world.join());
    let video = world.publish_camera(alice, CameraSpec::single(Codec::Vp8, 1_000, 1), 11);
    world.view(bob, video, 11, Reception { feedback: FeedbackKind::None, ..Reception::default() });
    world.run_until_connected(Duration::from_secs(2));
    world.faults = Faults { jitter: Duration::from_millis(10), reorder: true, duplication: 50, ..Faults::default() };
    world.run(Duration::from_secs(3));
    let before = world.core.counters().clone();
    world.run(Duration::from_secs(20));
    let after = world.core.counters();
    let asked = after.nacks_out - before.nacks_out;
    assert!(asked <= 40, "{asked} of 2,500 packets, most of which are overtaken");
}

#[test]
fn nothing_is_asked_for_when_nothing_is_missing_and_pauses_are_no_loss() {
    let mut world = World::new(2);
    let (alice, bob) = (world.join(), world.join());
    let video = world.publish_camera(alice, CameraSpec::simulcast(Codec::Vp8), 11);
    let audio = world.publish_microphone(alice, MicrophoneSpec { dtx: true, ..MicrophoneSpec::default() }, 12);
    let reception = Reception { feedback: FeedbackKind::None, ..Reception::default() };
    world.view(bob, video, 11, reception);
    world.listen(bob, audio, 12, reception);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(10));
    let counters = world.core.counters().clone();
    assert_eq!((counters.nacks_out, counters.nacks_in, counters.retransmissions_out, counters.given_up), (0, 0, 0, 0));
}

#[test]
fn what_the_publisher_has_not_is_given_up_for_a_keyframe() {
    let mut world = World::new(3);
    let (alice, bob) = (world.join(), world.join());
    let track = world.publish(alice, Source::new(Codec::Vp8, 11));
    world.subscribe(bob, track, 11);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    let asked = world.peer(alice).source(11).keyframe_requests;
    world.peer(alice).source(11).lose_one();
    world.run(Duration::from_secs(3));
    let counters = world.core.counters().clone();
    assert_eq!((counters.given_up, world.peer(alice).source(11).keyframe_requests - asked), (1, 1));
    assert!((5..=20).contains(&counters.nacks_out), "{}", counters.nacks_out);
    let report = world.peer(alice).told.last().copied().expect("reported");
    assert_eq!(report.cumulative_lost, 1, "what was lost stays lost in reports");
}

#[test]
fn nobody_is_asked_for_what_nobody_watches() {
    let mut world = World::new(4);
    let alice = world.join();
    world.publish_camera(alice, CameraSpec::single(Codec::Vp8, 1_000, 1), 11);
    world.run_until_connected(Duration::from_secs(2));
    world.faults.loss = 100;
    world.run(Duration::from_secs(5));
    assert_eq!((world.core.counters().nacks_out, world.core.counters().given_up), (0, 0));
}

/// A receiver report, and a request for the 510 packets up to `newest`.
fn greedy(media: Ssrc, newest: SequenceNumber) -> Vec<u8> {
    let entry = |n: u16| (u32::from(newest.0.wrapping_sub(509).wrapping_add(17 * n)) << 16 | 0xFFFF).to_be_bytes();
    let entries: Vec<[u8; 4]> = (0..30).map(entry).collect();
    let mut bytes = vec![0; 1_200];
    let mut writer = CompoundWriter::new(&mut bytes);
    writer.push(&ReceiverReport { ssrc: Ssrc(1), blocks: ReportBlocks::new(&[]) }).expect("it fits");
    writer.push(&SdesCname { ssrc: Ssrc(1), cname: b"greedy" }).expect("it fits");
    writer.push(&Nack { sender: Ssrc(1), media, entries: &entries }).expect("it fits");
    let len = writer.len();
    bytes.truncate(len);
    bytes
}

#[test]
fn who_asks_for_everything_gets_a_share_and_takes_nothing_from_others() {
    let mut world = World::new(5);
    let (alice, bob, mallory) = (world.join(), world.join(), world.join());
    let video = world.publish_camera(alice, CameraSpec::single(Codec::Vp8, 1_000, 1), 11);
    let reception = Reception { feedback: FeedbackKind::None, ..Reception::default() };
    world.view(bob, video, 11, reception);
    world.view(mallory, video, 11, reception);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    let media = world.peers[mallory.0].media.viewers[0].parameters().ssrc;
    let before = world.core.counters().clone();
    for _ in 0..500 {
        let peer = &mut world.peers[mallory.0];
        let (address, newest) = (peer.address, peer.media.viewers[0].newest().expect("packets came"));
        let sealed = peer.seal_rtcp(&greedy(media, newest)).expect("connected");
        world.inject(address, &sealed);
        world.run(Duration::from_millis(20));
    }
    let (after, bob) = (world.core.counters(), &world.peers[bob.0].media.viewers[0]);
    let resent = after.retransmissions_out - before.retransmissions_out;
    // 10 s of 1 Mbit/s: as much again, the floor, and a burst; packets of about 950 bytes.
    assert!((200..1_750).contains(&resent), "{resent}");
    assert!(after.drops.total(DropReason::NackOverBudget) > 1_000, "{:?}", after.drops);
    assert!(bob.screen.freezes.is_empty() && bob.screen.shown.len() > 300 && bob.statistics().recovered == 0);
}
