//! Links of all lengths, links that go away for a while, links that others use too.

use super::plan::{Condition, LinkPlan, Subscriber, bottleneck, clean};
use crate::network::Faults;
use crate::transport_feedback::FeedbackKind;
use crate::world::Reception;
use core::time::Duration;

pub(super) fn conditions() -> Vec<Condition> {
    let mut all = lengths();
    all.extend(moves());
    all.extend(outages());
    all.extend(shared());
    all
}

fn lengths() -> Vec<Condition> {
    let far = |name, way: u64| {
        Condition::new(name, LinkPlan::new(clean(way)), LinkPlan::new(clean(way))).bounded(|b| {
            b.first_picture_ms = 100 + 2 * way + 100;
            b.layer(5_000, 15_000, 2, 2);
        })
    };
    vec![
        far("rtt-5", 2),
        far("rtt-40", 20),
        far("rtt-100", 50),
        far("rtt-200", 100),
        far("rtt-400", 200),
        Condition::new("rtt-200-1m", LinkPlan::new(clean(100)), LinkPlan::new(bottleneck(1_000, 100)))
            .with(|c| c.seconds = 20)
            .bounded(|b| {
                (b.settles_ms, b.pictures, b.first_picture_ms) = (8_000, 0.95, 800);
                b.layer(8_000, 20_000, 1, 1);
                b.estimate_at_ms = vec![14_000, 20_000];
            }),
        Condition::new("loss-2-1m", LinkPlan::new(clean(20)), LinkPlan::new(Faults { loss: 20, ..bottleneck(1_000, 20) }))
            .with(|c| c.seconds = 20)
            .bounded(|b| {
                (b.settles_ms, b.pictures) = (8_000, 0.95);
                b.layer(8_000, 20_000, 1, 1);
                b.estimate_at_ms = vec![14_000, 20_000];
            }),
        Condition::new(
            "loss-10-1500k",
            LinkPlan::new(Faults { loss: 100, ..clean(40) }),
            LinkPlan::new(Faults { loss: 100, ..bottleneck(1_500, 40) }),
        )
        .with(|c| c.seconds = 20)
        .bounded(|b| {
            (b.settles_ms, b.pictures, b.concealed, b.first_picture_ms) = (8_000, 0.45, 0.02, 800);
            b.layer(8_000, 20_000, 1, 2);
        }),
    ]
}

/// The way becomes longer or shorter during the call, and the address stays: a route, a satellite, a tunnel. What it carries is as
/// before, so nothing may change but the time that pictures and sound take.
fn moves() -> Vec<Condition> {
    let moved = |name, down: [Faults; 3]| {
        let [before, after, back] = down;
        let up = |faults: Faults| Faults { rate: 0, ..faults };
        let plan = |way: fn(Faults) -> Faults| LinkPlan::new(way(before)).then(8_000, way(after)).then(16_000, way(back));
        Condition::new(name, plan(up), plan(|faults| faults)).with(|c| c.seconds = 22).bounded(|b| {
            // A viewer makes up for 80 ms by showing a picture so much later, once.
            b.pictures = 0.98;
            b.layer(5_000, 22_000, 2, 2);
            b.estimate_at_ms = vec![7_000, 13_000, 21_000];
        })
    };
    let grows = |way: fn(u64) -> Faults, by: u64| [way(20), way(20 + by), way(20)];
    let wide: fn(u64) -> Faults = |ms| bottleneck(10_000, ms);
    let narrow: fn(u64) -> Faults = |ms| bottleneck(2_500, ms);
    vec![
        moved("longer-40", grows(wide, 40)),
        moved("longer-80", grows(wide, 80)),
        // A picture that comes 200 ms later than the one before it is a freeze, and sound that does is concealed: 200 of 19,000 ms.
        // The first packet of a way so much longer looks like that of a slower link, which costs two key pictures.
        moved("longer-200", grows(wide, 200)).bounded(|b| (b.freezes, b.pictures, b.concealed) = (3, 0.95, 0.015)),
        moved("longer-80-2500k", grows(narrow, 80)),
        moved("shorter-80", [wide(100), wide(20), wide(60)]),
        moved("longer-80-jitter-10", grows(|ms| Faults { jitter: Duration::from_millis(10), ..bottleneck(10_000, ms) }, 80)),
    ]
}

/// Nothing passes in either direction between 8 s and some later time.
fn outages() -> Vec<Condition> {
    let outage = |name, faults: Faults, lasts: u64| {
        let gone = Faults { loss: 1_000, ..faults };
        let plan = || LinkPlan::new(faults).then(8_000, gone).then(8_000 + lasts, faults);
        Condition::new(name, plan(), plan()).with(|c| c.seconds = 24).bounded(|b| {
            b.back = Some((8_000 + lasts, 1_000));
            b.dark = Some((8_000, 8_000 + lasts));
            (b.pictures, b.freezes) = (0.97 - lasts as f64 / 20_000.0, 1);
            b.silence_ms = lasts + 500;
            b.layer(4_000, 8_000, 2, 2);
            b.layer(8_000 + lasts + 8_000, 24_000, 2, 2);
        })
    };
    vec![
        outage("outage-200ms", clean(20), 200),
        outage("outage-500ms", clean(20), 500),
        outage("outage-1s", clean(20), 1_000),
        outage("outage-3s", clean(20), 3_000),
        outage("outage-6s", clean(20), 6_000),
        outage("outage-1s-3m", bottleneck(3_000, 20), 1_000),
        Condition::new("outage-publisher-1s", LinkPlan::new(clean(20)), LinkPlan::new(clean(20)))
            .with(|c| {
                let gone = Faults { loss: 1_000, ..clean(20) };
                let plan = || LinkPlan::new(clean(20)).then(8_000, gone).then(9_000, clean(20));
                (c.up, c.down, c.seconds) = (plan(), plan(), 20);
            })
            .bounded(|b| {
                (b.back, b.dark) = (Some((9_000, 1_000)), Some((8_000, 9_000)));
                (b.pictures, b.freezes, b.silence_ms) = (0.9, 1, 1_500);
                b.layer(14_000, 20_000, 2, 2);
            }),
    ]
}

fn shared() -> Vec<Condition> {
    let two = |name, kbps: u64| {
        let down = LinkPlan { shared: Some(1), ..LinkPlan::new(bottleneck(kbps, 20)) };
        let subscriber =
            |joins_ms| Subscriber { up: LinkPlan::new(clean(20)), down: down.clone(), joins_ms, ..Subscriber::default() };
        Condition::new(name, LinkPlan::default(), LinkPlan::default())
            .with(|c| (c.subscribers, c.seconds) = (vec![subscriber(0), subscriber(0)], 24))
            .bounded(|b| {
                (b.settles_ms, b.fairness, b.pictures) = (10_000, 0.6, 0.45);
            })
    };
    let crossed = |name, kbps, cross| {
        let down = LinkPlan { shared: Some(1), cross: Some(cross), ..LinkPlan::new(bottleneck(kbps, 20)) };
        Condition::new(name, LinkPlan::new(clean(20)), down).with(|c| c.seconds = 28).bounded(|b| {
            (b.settles_ms, b.pictures) = (5_000, 0.6);
            b.layer(4_000, 8_000, 2, 2);
            b.layer(26_000, 28_000, 2, 2);
        })
    };
    vec![
        two("shared-2m", 2_000),
        two("shared-4m", 4_000),
        two("shared-1m", 1_000),
        two("shared-3m-one-later", 3_000).with(|c| c.subscribers[1].joins_ms = 6_000),
        // What is left are 1.5 Mbit/s, and what fits is what fits `rate-1500k`: 720 lines at 15 pictures a second, or 360 at 30.
        crossed("cross-traffic-half", 3_000, (1_500_000, 8_000, 18_000)).bounded(|b| b.layer(11_000, 18_000, 1, 2)),
        crossed("cross-traffic-most", 3_000, (2_200_000, 8_000, 18_000)).bounded(|b| {
            b.layer(11_000, 18_000, 0, 1);
            b.freeze_ms = 800;
        }),
        // Old clients.
        remb("remb-10m", 10_000, 2),
        remb("remb-1m", 1_000, 1),
        remb("remb-500k", 500, 0),
    ]
}

fn remb(name: &'static str, kbps: u64, layer: u8) -> Condition {
    Condition::new(name, LinkPlan::new(clean(20)), LinkPlan::new(bottleneck(kbps, 20)))
        .with(|c| {
            c.subscribers[0].reception = Reception { feedback: FeedbackKind::Remb, ..Reception::default() };
            c.seconds = 24;
        })
        .bounded(|b| {
            (b.settles_ms, b.pictures) = (10_000, 0.45);
            b.layer(12_000, 24_000, layer, layer.max(1));
            b.queue_ms = 300;
        })
}
