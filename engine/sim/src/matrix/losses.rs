//! Loss, jitter, reordering and duplication: everything is repaired in time, and random loss is not taken for congestion.

use super::plan::{Condition, LinkPlan, clean};
use crate::microphone::MicrophoneSpec;
use crate::network::{Bursts, Faults};
use crate::world::Reception;
use core::time::Duration;

/// Round trips from a subscriber are about 80 ms: 40 each way.
const WAY: u64 = 40;

const RED: MicrophoneSpec = MicrophoneSpec { dtx: false, rtx: true, red: true, level: 30 };

pub(super) fn conditions() -> Vec<Condition> {
    let mut all = random();
    all.extend(bursts());
    all.extend(disorder());
    all
}

fn lossy(permille: u32) -> Faults {
    Faults { loss: permille, ..clean(WAY) }
}

/// The subscriber's link loses in both directions, and the top layer is kept.
fn both(name: &'static str, permille: u32) -> Condition {
    Condition::new(name, LinkPlan::new(lossy(permille)), LinkPlan::new(lossy(permille)))
        .with(|c| c.seconds = 20)
        .bounded(|b| b.layer(4_000, 20_000, 2, 2))
}

fn random() -> Vec<Condition> {
    let down = |name, permille| {
        Condition::new(name, LinkPlan::new(clean(WAY)), LinkPlan::new(lossy(permille)))
            .with(|c| c.seconds = 20)
            .bounded(|b| b.layer(4_000, 20_000, 2, 2))
    };
    let twenty = |b: &mut super::Bounds| {
        (b.pictures, b.concealed) = (0.95, 0.03);
        (b.freezes, b.first_picture_ms) = (1, 800);
    };
    let thirty = |b: &mut super::Bounds| {
        (b.pictures, b.concealed, b.freezes) = (0.85, 0.08, 6);
        (b.first_picture_ms, b.freeze_ms, b.silence_ms) = (1_500, 800, 300);
        b.layers.clear();
    };
    vec![
        down("loss-1-down", 10),
        down("loss-5-down", 50),
        down("loss-10-down", 100).bounded(|b| b.first_picture_ms = 600),
        down("loss-20-down", 200).bounded(twenty),
        down("loss-30-down", 300).bounded(thirty),
        both("loss-2-both-ways", 20),
        both("loss-5-both-ways", 50),
        both("loss-10-both-ways", 100).bounded(|b| b.first_picture_ms = 600),
        both("loss-20-both-ways", 200).bounded(twenty),
        both("loss-30-both-ways", 300).bounded(thirty),
        // What the subscriber says is lost, what it gets is not.
        Condition::new("loss-30-up", LinkPlan::new(lossy(300)), LinkPlan::new(clean(WAY)))
            .bounded(|b| b.layer(4_000, 15_000, 2, 2)),
        publisher("loss-5-publisher", 50),
        publisher("loss-10-publisher", 100).bounded(|b| b.first_picture_ms = 600),
        publisher("loss-20-publisher", 200).bounded(twenty),
        both("loss-10-everyone", 100).with(|c| (c.up, c.down) = (LinkPlan::new(lossy(100)), LinkPlan::new(lossy(100)))).bounded(
            |b| {
                (b.pictures, b.concealed, b.freezes) = (0.97, 0.03, 1);
                b.first_picture_ms = 800;
            },
        ),
        both("loss-10-red", 100).with(|c| c.microphone = Some(RED)).bounded(|b| b.first_picture_ms = 600),
        both("loss-20-red", 200).with(|c| c.microphone = Some(RED)).bounded(twenty).bounded(|b| b.concealed = 0.02),
        both("loss-10-red-unwrapped", 100)
            .with(|c| {
                c.microphone = Some(RED);
                c.subscribers[0].reception = Reception { red: false, ..Reception::default() };
            })
            .bounded(|b| b.first_picture_ms = 600),
        both("loss-10-in-place", 100)
            .with(|c| {
                c.subscribers[0].reception = Reception { rtx: false, ..Reception::default() };
                c.camera.rtx = false;
                c.microphone = Some(MicrophoneSpec { rtx: false, ..MicrophoneSpec::default() });
            })
            .bounded(|b| b.first_picture_ms = 600),
        both("loss-10-400ms", 100)
            .with(|c| {
                let far = Faults { loss: 100, ..clean(200) };
                (c.subscribers[0].up, c.subscribers[0].down) = (LinkPlan::new(far), LinkPlan::new(far));
            })
            // A retransmission takes longer than sound waits: without redundancy it is lost.
            .bounded(|b| {
                (b.concealed, b.silence_ms, b.first_picture_ms) = (0.12, 300, 1_500);
                (b.pictures, b.freezes, b.freeze_ms, b.settles_ms) = (0.9, 6, 1_200, 8_000);
                b.layers.clear();
            }),
    ]
}

fn publisher(name: &'static str, permille: u32) -> Condition {
    Condition::new(name, LinkPlan::new(clean(WAY)), LinkPlan::new(clean(WAY)))
        .with(|c| {
            (c.up, c.down, c.seconds) = (LinkPlan::new(lossy(permille)), LinkPlan::new(lossy(permille)), 20);
        })
        .bounded(|b| b.layer(4_000, 20_000, 2, 2))
}

fn bursts() -> Vec<Condition> {
    let bursty = |name, bursts| {
        let down = Faults { bursts: Some(bursts), ..clean(WAY) };
        Condition::new(name, LinkPlan::new(clean(WAY)), LinkPlan::new(down)).with(|c| c.seconds = 20).bounded(|b| {
            (b.pictures, b.concealed) = (0.97, 0.02);
            b.layer(4_000, 20_000, 2, 2);
        })
    };
    vec![
        // A mean of four packets in a row, two per cent in all.
        bursty("burst-4-2", Bursts { begin: 6, end: 250, loss: 900 }),
        bursty("burst-10-5", Bursts { begin: 6, end: 100, loss: 900 }).bounded(|b| b.freezes = 1),
        bursty("burst-30-10", Bursts { begin: 4, end: 33, loss: 900 }).bounded(|b| {
            (b.pictures, b.concealed, b.freezes, b.first_picture_ms) = (0.9, 0.06, 4, 1_000);
            b.silence_ms = 400;
            b.layers.clear();
        }),
    ]
}

fn disorder() -> Vec<Condition> {
    let with = |name, faults: Faults| {
        Condition::new(name, LinkPlan::new(clean(20)), LinkPlan::new(faults)).bounded(|b| b.layer(4_000, 15_000, 2, 2))
    };
    let jitter = |ms| Faults { jitter: Duration::from_millis(ms), ..clean(20) };
    vec![
        with("jitter-20", jitter(20)),
        with("jitter-60", jitter(60)),
        with("jitter-150", jitter(150)).bounded(|b| (b.pictures, b.concealed, b.first_picture_ms) = (0.97, 0.03, 600)),
        with("reorder-5", Faults { reorder: true, ..jitter(5) }),
        with("reorder-30", Faults { reorder: true, ..jitter(30) }),
        with("reorder-loss-5", Faults { reorder: true, loss: 50, ..jitter(20) }),
        with("duplicates-10", Faults { duplication: 100, ..clean(20) }),
        with("duplicates-reorder-loss", Faults { duplication: 50, loss: 30, reorder: true, ..jitter(20) }),
        with("loss-3-jitter-30", Faults { loss: 30, ..jitter(30) }),
    ]
}
