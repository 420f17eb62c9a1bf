//! Sender reports: audio and video of a participant stay together whatever jitter the publisher's own reports met.

use core::time::Duration;
use corelay_sim::received::{Received, Report};
use corelay_sim::{Faults, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::units::{Instant, RtpTimestamp};

/// The wall time that a report gives to a media timestamp, in microseconds.
fn wall_micros(report: &Report, timestamp: RtpTimestamp, rate: i128) -> i128 {
    let ticks = i128::from(timestamp.distance(report.timestamp));
    ((i128::from(report.ntp.0) * 1_000_000) >> 32) + ticks * 1_000_000 / rate
}

fn nearest(stream: &Received, at: Instant) -> &Report {
    stream.reports.iter().rfind(|r| r.at <= at).expect("a report came by then")
}

#[test]
fn audio_and_video_of_one_moment_map_to_one_wall_time() {
    let mut world = World::new(1);
    world.faults = Faults { jitter: Duration::from_millis(120), ..Faults::default() };
    let (alice, bob) = (world.join(), world.join());
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
    let mut compared = 0;
    for frame in video.arrivals.iter().filter(|a| a.marker && a.at > Instant::from_millis(8_000)).step_by(25) {
        // Both sources sample at multiples of 20 ms of one clock: the audio packet of the frame's moment is the one whose number
        // says so.
        let audio_first = &audio.arrivals[0];
        let video_wall = wall_micros(nearest(video, frame.at), frame.timestamp, 90_000);
        let report = nearest(audio, frame.at);
        let audio_wall = |a: &corelay_sim::received::Arrival| wall_micros(report, a.timestamp, 48_000);
        let closest = audio.arrivals.iter().map(|a| (audio_wall(a) - video_wall).rem_euclid(20_000)).min();
        let off = closest.map(|o| o.min(20_000 - o)).expect("audio came");
        assert!(off <= 1_000, "{off} us apart (first audio {audio_first:?})");
        compared += 1;
    }
    assert!(compared >= 8);
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
