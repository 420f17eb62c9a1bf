//! An outbox that holds next to nothing: the walk stops, goes on where it was, and loses nothing. (Answers to checks and handshakes
//! may find it full; peers repeat those.)

use core::time::Duration;
use corelay_core::limits::Limits;
use corelay_sim::{Source, World};
use corelay_wire::media::Codec;

#[test]
fn nothing_is_lost_or_sent_twice_when_the_outbox_is_full() {
    let mut world = World::with_limits(1, Limits { outbox_runs: 2, outbox_bytes: 130_000, ..Limits::default() });
    let alice = world.join();
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    let audio = world.publish(alice, Source::new(Codec::Opus, 10));
    let viewers: Vec<_> = (0..10).map(|_| world.join()).collect();
    world.run_until_connected(Duration::from_secs(5));
    for viewer in &viewers {
        world.subscribe(*viewer, video, 11);
        world.subscribe(*viewer, audio, 10);
    }
    world.run(Duration::from_secs(5));
    for viewer in viewers {
        for (tag, least) in [(10, 240), (11, 350)] {
            let stream = world.received(viewer, tag);
            assert!(stream.arrivals.len() > least);
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            assert!(stream.reports.len() >= 2);
        }
    }
}
