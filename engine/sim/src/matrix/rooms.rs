//! What happens in calls: who joins late, layers that stop, wishes, pauses, many at once, two shards.

use super::plan::{Condition, Happening, LinkPlan, Subscriber, bottleneck, clean};
use crate::camera::CameraSpec;
use crate::endpoint::Uplink;
use crate::microphone::MicrophoneSpec;
use corelay_wire::media::Codec;

pub(super) fn conditions() -> Vec<Condition> {
    let mut all = joins();
    all.extend(layers());
    all.extend(wishes());
    all.extend(uplinks());
    all
}

fn plain(name: &'static str) -> Condition {
    Condition::new(name, LinkPlan::new(clean(10)), LinkPlan::new(clean(10)))
}

fn seat(joins_ms: u64) -> Subscriber {
    Subscriber { up: LinkPlan::new(clean(10)), down: LinkPlan::new(clean(10)), joins_ms, ..Subscriber::default() }
}

fn joins() -> Vec<Condition> {
    vec![
        // On a clean link the first picture is there within 100 ms of joining.
        plain("joiner-late").with(|c| c.subscribers = vec![seat(0), seat(6_030)]).bounded(|b| {
            b.first_picture_ms = 100;
            b.layer(9_000, 15_000, 2, 2);
        }),
        plain("joiners-30").with(|c| c.subscribers = (0..30).map(|at| seat(5_000 + 33 * at)).collect()).bounded(|b| {
            // One storm of joins costs the camera a few key pictures of each stream, not one for each.
            b.key_requests = 12;
            b.first_picture_ms = 400;
        }),
        plain("joiner-late-1m")
            .with(|c| {
                c.subscribers = vec![seat(0), Subscriber { down: LinkPlan::new(bottleneck(1_000, 20)), ..seat(6_000) }];
                c.seconds = 20;
            })
            .bounded(|b| (b.settles_ms, b.pictures) = (8_000, 0.95)),
        // One is slow: the other does not notice.
        plain("slow-beside-fast")
            .with(|c| {
                c.subscribers = vec![seat(0), Subscriber { down: LinkPlan::new(bottleneck(300, 20)), ..seat(0) }];
                c.seconds = 20;
            })
            .bounded(|b| {
                (b.settles_ms, b.pictures) = (8_000, 0.9);
            }),
        plain("shards-two")
            .with(|c| (c.shards, c.subscribers) = (2, vec![Subscriber { shard: 1, ..seat(0) }, seat(0)]))
            .bounded(|b| b.layer(4_000, 15_000, 2, 2)),
        plain("shards-two-step")
            .with(|c| {
                let down =
                    LinkPlan::new(bottleneck(3_000, 20)).then(8_000, bottleneck(800, 20)).then(16_000, bottleneck(3_000, 20));
                (c.shards, c.seconds) = (2, 28);
                c.subscribers = vec![Subscriber { shard: 1, down, ..seat(0) }];
            })
            .bounded(|b| {
                (b.settles_ms, b.pictures) = (4_000, 0.8);
                // As `steps` have it: the queue of 300 ms is full 280 ms after the fall, two feedbacks and three pictures later. The
                // picture that comes first is the key picture behind it, and sound is as late: 300 ms and a packet of each, of 24 s.
                (b.freezes, b.concealed) = (1, 0.014);
                b.layer(11_000, 16_000, 1, 1);
                b.layer(26_000, 28_000, 2, 2);
            }),
        plain("shards-two-loss-10")
            .with(|c| {
                let lossy = || LinkPlan::new(crate::network::Faults { loss: 100, ..clean(40) });
                c.shards = 2;
                c.subscribers = vec![Subscriber { shard: 1, up: lossy(), down: lossy(), ..seat(0) }];
            })
            .bounded(|b| b.first_picture_ms = 600),
    ]
}

fn layers() -> Vec<Condition> {
    let stopped = |name, streams| {
        plain(name)
            .with(|c| {
                c.happenings = vec![(6_000, Happening::Streams(streams)), (12_000, Happening::Streams(0b111))];
                c.seconds = 20;
            })
            .bounded(|b| {
                (b.pictures, b.freezes, b.freeze_ms) = (0.93, 2, 700);
                b.layer(3_000, 6_000, 2, 2);
                b.layer(16_000, 20_000, 2, 2);
            })
    };
    vec![
        stopped("layer-top-stops", 0b011).bounded(|b| b.layer(7_000, 12_000, 1, 1)),
        stopped("layers-top-two-stop", 0b001).bounded(|b| b.layer(7_000, 12_000, 0, 0)),
        stopped("layer-middle-stops", 0b101).bounded(|b| b.layer(6_500, 12_000, 2, 2)),
        plain("svc-top-stops")
            .with(|c| {
                c.camera = CameraSpec::scalable(Codec::Av1, true);
                c.happenings = vec![(6_000, Happening::Spatial(2)), (12_000, Happening::Spatial(3))];
                c.seconds = 18;
            })
            .bounded(|b| {
                (b.pictures, b.freezes, b.freeze_ms) = (0.95, 1, 700);
                b.layer(7_000, 12_000, 1, 1);
                b.layer(15_000, 18_000, 2, 2);
            }),
    ]
}

fn wishes() -> Vec<Condition> {
    vec![
        plain("prefer-lowest-then-best")
            .with(|c| c.happenings = vec![(5_000, Happening::Prefer(0, 0, 2)), (10_000, Happening::Prefer(0, 2, 2))])
            .bounded(|b| {
                b.layer(3_000, 5_000, 2, 2);
                b.layer(6_000, 10_000, 0, 0);
                b.layer(11_500, 15_000, 2, 2);
            }),
        plain("prefer-fewer-pictures")
            .with(|c| c.happenings = vec![(5_000, Happening::Prefer(0, 2, 0))])
            .bounded(|b| (b.pictures, b.settles_ms) = (0.23, 6_000)),
        plain("viewport-small")
            .with(|c| c.happenings = vec![(5_000, Happening::Viewport(0, 320, 180)), (10_000, Happening::Viewport(0, 1_280, 720))])
            .bounded(|b| {
                b.layer(6_000, 10_000, 0, 0);
                b.layer(12_000, 15_000, 2, 2);
            }),
        plain("pause-and-resume")
            .with(|c| c.happenings = vec![(5_000, Happening::Pause(0, true)), (8_000, Happening::Pause(0, false))])
            .bounded(|b| {
                (b.dark, b.back) = (Some((5_100, 7_900)), Some((8_000, 400)));
                (b.pictures, b.freezes) = (0.7, 1);
            }),
        plain("prefer-svc-lowest")
            .with(|c| {
                c.camera = CameraSpec::scalable(Codec::Vp9, true);
                c.happenings = vec![(5_000, Happening::Prefer(0, 0, 2)), (10_000, Happening::Prefer(0, 2, 2))];
            })
            .bounded(|b| {
                b.layer(6_000, 10_000, 0, 0);
                b.layer(11_500, 15_000, 2, 2);
            }),
    ]
}

/// The camera follows what the server tells it of its uplink.
fn uplinks() -> Vec<Condition> {
    let follows = |name, kbps, layer| {
        plain(name)
            .with(|c| {
                (c.uplink, c.up, c.seconds) = (Uplink::Follows, LinkPlan::new(bottleneck(kbps, 20)), 24);
            })
            .bounded(|b| {
                (b.settles_ms, b.pictures, b.freezes) = (10_000, 0.95, 1);
                b.layer(14_000, 24_000, layer, 2);
            })
    };
    vec![
        follows("uplink-1m", 1_000, 1),
        follows("uplink-3m", 3_000, 2),
        follows("uplink-10m", 10_000, 2),
        // Random loss is no reason for a publisher to send less: all three streams are 2.15 Mbit/s.
        follows("uplink-10m-loss-10", 10_000, 2)
            .with(|c| {
                let lossy = |kbps| LinkPlan::new(crate::network::Faults { loss: 100, ..bottleneck(kbps, 40) });
                (c.up, c.down) = (lossy(10_000), lossy(10_000));
            })
            .bounded(|b| b.uplink_kbps = 2_150),
        plain("red").with(|c| c.microphone = Some(MicrophoneSpec { red: true, ..MicrophoneSpec::default() })),
        plain("dtx").with(|c| c.microphone = Some(MicrophoneSpec { dtx: true, ..MicrophoneSpec::default() })),
        plain("dtx-loss-5").with(|c| {
            c.microphone = Some(MicrophoneSpec { dtx: true, ..MicrophoneSpec::default() });
            c.subscribers[0].down = LinkPlan::new(crate::network::Faults { loss: 50, ..clean(20) });
        }),
    ]
}
