//! Links of all rates, steady and in steps: the layer that fits, at once, and no queue before the link.

use super::plan::{Condition, LinkPlan, bottleneck, clean};
use crate::camera::{CameraSpec, LayerSpec};
use crate::network::Faults;
use core::time::Duration;
use corelay_wire::media::Codec;

pub(super) fn conditions() -> Vec<Condition> {
    let mut all = steady();
    all.extend(steps());
    all.extend(wandering());
    all.extend(queues());
    all.extend(one_size());
    all
}

/// A link of `kbps` downwards, ample upwards.
fn link(name: &'static str, kbps: u64, ms: u64) -> Condition {
    let up = Faults { rate: 2_000_000, ..clean(ms) };
    Condition::new(name, LinkPlan::new(up), LinkPlan::new(bottleneck(kbps, ms)))
}

/// The layers between which a steady link of a rate has to be, the share of pictures that then come, and where it has settled.
fn steady() -> Vec<Condition> {
    // Thinner in time is allowed where the next layer would not fit: the share of pictures is of all that the camera takes.
    let table: [(&str, u64, (u8, u8), f64); 10] = [
        ("rate-100k", 100, (0, 0), 0.2),
        ("rate-200k", 200, (0, 0), 0.45),
        ("rate-300k", 300, (0, 0), 0.95),
        ("rate-500k", 500, (0, 1), 0.45),
        ("rate-800k", 800, (1, 1), 0.95),
        ("rate-1m", 1_000, (1, 1), 0.95),
        ("rate-1500k", 1_500, (1, 2), 0.45),
        ("rate-2500k", 2_500, (2, 2), 0.98),
        ("rate-4m", 4_000, (2, 2), 0.98),
        ("rate-10m", 10_000, (2, 2), 0.99),
    ];
    let mut all: Vec<Condition> = table
        .into_iter()
        .map(|(name, kbps, (least, most), pictures)| {
            link(name, kbps, 20).with(|c| c.seconds = 20).bounded(|b| {
                b.settles_ms = 8_000;
                b.pictures = pictures;
                b.layer(8_000, 20_000, least, most);
                b.estimate_at_ms = vec![8_000, 14_000, 20_000];
                if kbps < 500 {
                    (b.first_picture_ms, b.freeze_ms) = (1_500, 1_000);
                }
            })
        })
        .collect();
    all.push(fits_500());
    all
}

/// On 500 kbit/s, with layers that fit it: more than 400 kbit/s of them arrive.
fn fits_500() -> Condition {
    let layers =
        vec![LayerSpec::new(Some("q"), 180, 100), LayerSpec::new(Some("h"), 360, 350), LayerSpec::new(Some("f"), 720, 1_200)];
    link("rate-500k-fits", 500, 20).with(|c| (c.camera.layers, c.seconds) = (layers, 20)).bounded(|b| {
        (b.settles_ms, b.pictures) = (8_000, 0.95);
        b.concealed = 0.0;
        b.kbps = Some((8_000, 20_000, 400));
        b.layer(8_000, 20_000, 1, 1);
    })
}

fn steps() -> Vec<Condition> {
    let step = |name, before: u64, low: u64| {
        let (wide, narrow) = (bottleneck(before, 20), bottleneck(low, 20));
        let down = LinkPlan::new(wide).then(10_000, narrow).then(20_000, wide);
        let up = LinkPlan::new(Faults { rate: 2_000_000, ..clean(20) });
        Condition::new(name, up, down).with(|c| c.seconds = 32).bounded(|b| {
            // The bottleneck's queue of 300 ms is full 125 ms after the fall, before any feedback can tell: the picture that comes
            // first is the keyframe behind that queue. A second keyframe leads up to the layer that fits. None of both stands for
            // more than 500 ms.
            (b.settles_ms, b.pictures, b.freezes) = (4_000, 0.6, 2);
            b.concealed = 0.01;
            b.estimate_at_ms = vec![9_000, 16_000, 31_000];
            b.layer(5_000, 10_000, 2, 2);
            b.layer(30_000, 32_000, 2, 2);
        })
    };
    vec![
        // The link of the issue: down within two seconds, up within ten, no freeze of more than half a second, audio untouched.
        step("step-3m-500k-3m", 3_000, 500).bounded(|b| {
            b.layer(12_000, 20_000, 0, 1);
            // The sound of the moment in which the queue fills is late, or lost.
            b.concealed = 0.02;
        }),
        step("step-3m-1m-3m", 3_000, 1_000).bounded(|b| b.layer(12_000, 20_000, 1, 1)),
        step("step-10m-2m-10m", 10_000, 2_500).bounded(|b| b.layer(12_000, 20_000, 2, 2)),
        step("step-3m-200k-3m", 3_000, 200).bounded(|b| {
            b.layer(13_000, 20_000, 0, 0);
            (b.freeze_ms, b.silence_ms) = (1_000, 500);
            // The queue is full 40 ms after the fall (7.5 kB at 1.7 Mbit/s), and up to 340 ms long, as a packet of 42 ms is let in at 300.
            // That it is tells the first late packet, 42 ms later, by a round trip of 40 ms and a feedback of 75: until then nobody can
            // send less, and of six packets of sound most find it full. The sound behind it is 300 ms late where a listener has 40: 13 to
            // 15 packets, and those six, of 1,400. One in a hundred is 14.
            b.concealed = 0.02;
        }),
    ]
}

/// Links whose rate wanders.
fn wandering() -> Vec<Condition> {
    vec![
        Condition::new(
            "rate-grows",
            LinkPlan::new(clean(20)),
            [600, 1_000, 1_600, 2_500, 4_000]
                .into_iter()
                .enumerate()
                .fold(LinkPlan::new(bottleneck(300, 20)), |plan, (at, kbps)| {
                    plan.then(4_000 * (at as u64 + 1), bottleneck(kbps, 20))
                }),
        )
        .with(|c| c.seconds = 32)
        .bounded(|b| {
            (b.settles_ms, b.pictures) = (5_000, 0.8);
            b.layer(30_000, 32_000, 2, 2);
        }),
        Condition::new(
            "rate-swings",
            LinkPlan::new(clean(20)),
            (1..14).fold(LinkPlan::new(bottleneck(2_500, 20)), |plan, at| {
                plan.then(2_000 * at, bottleneck(if at % 2 == 1 { 1_500 } else { 2_500 }, 20))
            }),
        )
        .with(|c| c.seconds = 28)
        .bounded(|b| {
            // A rise is proven by probes seconds apart, and a picture that comes and goes each two seconds is worse than one that stays: what
            // is kept is what fits the lower rate, as `rate-1500k` has it, and it never stands still.
            (b.settles_ms, b.pictures) = (4_000, 0.45);
            b.layer(5_000, 28_000, 1, 2);
        }),
        Condition::new("cellular", LinkPlan::new(clean(35)), cellular()).with(|c| c.seconds = 30).bounded(|b| {
            // Half of the time it carries what `rate-1500k` does, or less: 15 pictures a second.
            (b.settles_ms, b.pictures) = (5_000, 0.5);
            (b.freezes, b.concealed) = (2, 0.03);
            b.freeze_ms = 800;
        }),
    ]
}

/// A radio link: its rate wanders every 500 ms, its delay too.
fn cellular() -> LinkPlan {
    let rates = [2_400, 1_900, 1_200, 1_600, 2_600, 3_200, 2_100, 1_400, 900, 1_300, 1_900, 2_800];
    let faults = |kbps| Faults { jitter: Duration::from_millis(15), ..bottleneck(kbps, 35) };
    (1..60).fold(LinkPlan::new(faults(2_400)), |plan, at| plan.then(500 * at as u64, faults(rates[at % rates.len()])))
}

/// A camera of one size, which does not adapt to a subscriber: what the path carries has to be let through, whatever was thought of
/// it.
fn one_size() -> Vec<Condition> {
    let single = |name, kbps, temporal, down| {
        Condition::new(name, LinkPlan::new(clean(10)), LinkPlan::new(down))
            .with(|c| c.camera = CameraSpec::single(Codec::Vp8, kbps, temporal))
            .bounded(|b| b.delay = Some((1_000, 200)))
    };
    vec![
        single("one-size-2m", 2_000, 1, clean(10)),
        single("one-size-2m-layered", 2_000, 3, clean(10)),
        single("one-size-4m", 4_000, 1, clean(10)),
        // Its first key picture fills the link for 150 ms, and a viewer makes up for that by 100 ms a second.
        single("one-size-2m-on-3m", 2_000, 1, bottleneck(3_000, 10)).bounded(|b| b.delay = Some((5_000, 200))),
    ]
}

fn queues() -> Vec<Condition> {
    let queued = |name, kbps, ms| {
        let down = Faults { queue: Duration::from_millis(ms), ..bottleneck(kbps, 20) };
        Condition::new(name, LinkPlan::new(clean(20)), LinkPlan::new(down)).with(|c| c.seconds = 20).bounded(|b| {
            (b.settles_ms, b.pictures) = (8_000, 0.95);
            b.layer(8_000, 20_000, 1, 1);
            b.estimate_at_ms = vec![14_000, 20_000];
        })
    };
    vec![
        queued("queue-50ms", 1_000, 50),
        queued("queue-100ms", 1_000, 100),
        queued("queue-1s", 1_000, 1_000),
        queued("queue-3s", 1_000, 3_000),
        link("rate-700k-vp9", 700, 20).with(|c| (c.camera, c.seconds) = (CameraSpec::simulcast(Codec::Vp9), 20)).bounded(|b| {
            (b.settles_ms, b.pictures) = (8_000, 0.45);
            b.layer(8_000, 20_000, 1, 1);
        }),
    ]
}
