//! Every codec in every shape, on a clean link, on one that loses and on one that is narrow.

use super::plan::{Condition, LinkPlan, bottleneck, clean};
use crate::camera::CameraSpec;
use crate::network::Faults;
use corelay_wire::media::Codec;

pub(super) fn conditions() -> Vec<Condition> {
    let mut all = Vec::new();
    let simulcast = [
        (["vp8-simulcast", "vp8-simulcast-loss", "vp8-simulcast-narrow"], Codec::Vp8),
        (["h264-simulcast", "h264-simulcast-loss", "h264-simulcast-narrow"], Codec::H264),
        (["vp9-simulcast", "vp9-simulcast-loss", "vp9-simulcast-narrow"], Codec::Vp9),
        (["av1-simulcast", "av1-simulcast-loss", "av1-simulcast-narrow"], Codec::Av1),
    ];
    for (names, codec) in simulcast {
        all.extend(three(names, &CameraSpec::simulcast(codec)));
    }
    let flexible = CameraSpec { flexible: true, ..CameraSpec::scalable(Codec::Vp9, true) };
    let described = CameraSpec { described: true, ..flexible.clone() };
    all.extend(three(["vp9-l3t3", "vp9-l3t3-loss", "vp9-l3t3-narrow"], &CameraSpec::scalable(Codec::Vp9, false)));
    all.extend(three(["vp9-l3t3-key", "vp9-l3t3-key-loss", "vp9-l3t3-key-narrow"], &CameraSpec::scalable(Codec::Vp9, true)));
    all.extend(three(["vp9-l3t3-key-flexible", "vp9-l3t3-key-flexible-loss", "vp9-l3t3-key-flexible-narrow"], &flexible));
    all.extend(three(["vp9-l3t3-key-described", "vp9-l3t3-key-described-loss", "vp9-l3t3-key-described-narrow"], &described));
    all.extend(three(["av1-l3t3", "av1-l3t3-loss", "av1-l3t3-narrow"], &CameraSpec::scalable(Codec::Av1, false)));
    all.extend(three(["av1-l3t3-key", "av1-l3t3-key-loss", "av1-l3t3-key-narrow"], &CameraSpec::scalable(Codec::Av1, true)));
    for (name, codec, temporal) in [("vp8-single", Codec::Vp8, 1), ("h264-single", Codec::H264, 1), ("av1-l1t3", Codec::Av1, 3)] {
        all.push(on(name, CameraSpec::single(codec, 800, temporal), clean(20)));
    }
    all
}

fn on(name: &'static str, camera: CameraSpec, down: Faults) -> Condition {
    Condition::new(name, LinkPlan::new(clean(20)), LinkPlan::new(down)).with(|c| c.camera = camera)
}

fn three(names: [&'static str; 3], camera: &CameraSpec) -> Vec<Condition> {
    let [plain, loss, narrow] = names;
    vec![
        on(plain, camera.clone(), clean(20)).bounded(|b| b.layer(3_000, 15_000, 2, 2)),
        on(loss, camera.clone(), Faults { loss: 50, ..clean(20) }).bounded(|b| {
            b.pictures = 0.98;
            b.layer(3_000, 15_000, 2, 2);
        }),
        on(narrow, camera.clone(), bottleneck(800, 20)).with(|c| c.seconds = 20).bounded(|b| {
            (b.settles_ms, b.pictures) = (8_000, 0.45);
            // Two of three layers take 640 kbit/s of a scalable stream, and the middle stream 500. Where layers build on each other
            // at key pictures only, the upper one alone takes 860, and 510 at half of its frame rate: it fits,
            // but for the time of its key pictures.
            b.layer(8_000, 20_000, 1, if camera.structure.key { 2 } else { 1 });
        }),
    ]
}
