//! Sender reports: audio and video of a participant stay together whatever jitter the publisher's own reports met.

use core::time::Duration;
use corelay_sim::received::{Received, Report};
use corelay_sim::{Faults, PeerId, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::BTreeMap;

/// The wall time that a report gives to a media timestamp, in microseconds.
fn wall_micros(report: &Report, timestamp: RtpTimestamp, rate: i128) -> i128 {
    let ticks = i128::from(timestamp.distance(report.timestamp));
    ((i128::from(report.ntp.0) * 1_000_000) >> 32) + ticks * 1_000_000 / rate
}

/// How far the wall time that reports give to the packets of each second is from their capture, in microseconds, by that second.
fn offsets(world: &World, stream: &Received, publisher: PeerId, rate: i128) -> BTreeMap<u64, Vec<i128>> {
    let source = world.peers[publisher.0].sources.iter().find(|s| s.tag == stream.tag).expect("published");
    let mut offsets: BTreeMap<u64, Vec<i128>> = BTreeMap::new();
    for arrival in stream.arrivals.iter().filter(|a| a.at > Instant::from_millis(5_000)) {
        let report = stream.reports.iter().rfind(|r| r.at <= arrival.at).expect("a report came by then");
        let captured = source.captured[arrival.number as usize - 1].since_origin();
        let offset = wall_micros(report, arrival.timestamp, rate) - captured.as_micros() as i128;
        offsets.entry(captured.as_secs()).or_default().push(offset);
    }
    offsets
}

#[test]
fn audio_and_video_of_one_moment_map_to_one_wall_time() {
    let mut world = World::new(1);
    let (alice, bob) = (world.join(), world.join());
    stay_together(world, alice, bob);
}

#[test]
fn they_do_on_another_shard() {
    let mut world = World::with_shards(3, 2);
    let (alice, bob) = (world.join_on(0), world.join_on(1));
    stay_together(world, alice, bob);
}

fn stay_together(mut world: World, alice: PeerId, bob: PeerId) {
    world.faults = Faults { jitter: Duration::from_millis(120), ..Faults::default() };
    let audio = world.publish(alice, Source::new(Codec::Opus, 10));
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    world.subscribe(bob, audio, 10);
    world.subscribe(bob, video, 11);
    world.run_until_connected(Duration::from_secs(5));
    world.run(Duration::from_secs(20));
    let (audio, video) = (world.received(bob, 10), world.received(bob, 11));
    assert_eq!(audio.cname.as_deref(), Some("cname-0"));
    assert_eq!(audio.cname, video.cname, "one name ties them together");
    assert!(video.reports.len() >= 12);
    let (audio, video) = (offsets(&world, audio, alice, 48_000), offsets(&world, video, alice, 90_000));
    assert!(audio.len() >= 15);
    for (second, of_audio) in audio {
        let all = of_audio.iter().chain(video.get(&second).into_iter().flatten());
        let apart = all.clone().max().expect("audio came") - all.min().expect("audio came");
        assert!(apart <= 1_000, "in second {second}: {apart} us apart");
    }
}

#[test]
fn reports_count_what_was_sent_and_wait_for_the_publisher_s_own() {
    let mut world = World::new(2);
    let (alice, bob) = (world.join(), world.join());
    let audio = world.publish(alice, Source::new(Codec::Opus, 10));
    world.subscribe(bob, audio, 10);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(6));
    let audio = world.received(bob, 10);
    let last = audio.reports.last().expect("reports came");
    let by_then = audio.arrivals.iter().filter(|a| a.at <= last.at).count();
    assert!(by_then.abs_diff(last.packets as usize) <= 1, "{by_then} arrived, {} sent", last.packets);
    assert!(audio.reports[0].at > Instant::from_millis(1_000), "none before the publisher's first, after a second");
}
