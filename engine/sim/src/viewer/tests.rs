//! A camera and its viewer with nothing but a wire between them.

use super::*;
use crate::camera::{Camera, CameraSpec};
use crate::outgoing::Outlet;
use corelay_wire::units::Ssrc;

/// What the wire does to a packet: whether it passes.
type Wire<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Six seconds of a camera's only stream. What was lost is sent again after 40 ms, if the viewer asks for it.
fn watch(spec: CameraSpec, repairs: bool, wire: Wire<'_>) -> (Camera, Viewer) {
    let mut camera = Camera::new(spec, 7, 1);
    let published = camera.parameters();
    let layer = published.layers[0].clone();
    let parameters = SubscriptionParameters {
        ssrc: layer.ssrc.unwrap_or(Ssrc(0)),
        rtx_ssrc: layer.rtx_ssrc,
        mid: published.mid,
        formats: published.formats.clone(),
        extensions: published.extensions.clone(),
        preferences: Default::default(),
    };
    let codec = published.formats[0].codec;
    let media = parameters.ssrc;
    let mut viewer = Viewer::new(Instant::ZERO, SubscriptionId(1), parameters, codec, 7);
    let mut outlet = Outlet::default();
    let (mut number, mut asked) = (0, Vec::new());
    for ms in (0..6_000).step_by(5) {
        let now = Instant::from_millis(ms);
        asked.retain(|(at, sequence)| {
            let due = *at <= now;
            if due {
                camera.resend(now, media, *sequence, Duration::from_millis(50));
            }
            !due
        });
        for packet in camera.work(now, &mut outlet) {
            number += 1;
            if wire(number) {
                let bytes = [&packet.header[..], &packet.payload].concat();
                let header = RtpHeader::parse(&bytes).expect("a packet");
                viewer.take(now, &header, &bytes, Duration::from_millis(50));
            }
        }
        let lost = viewer.incoming.nack(now, Duration::from_millis(50));
        if repairs {
            asked.extend(lost.into_iter().map(|sequence| (now + Duration::from_millis(40), sequence)));
        }
        viewer.work(now);
        if viewer.take_wish(now) {
            camera.make_keyframe(media);
        }
    }
    (camera, viewer)
}

fn specs() -> Vec<(&'static str, CameraSpec)> {
    let mut specs = Vec::new();
    for (name, codec) in [("VP8", Codec::Vp8), ("VP9", Codec::Vp9), ("H264", Codec::H264), ("AV1", Codec::Av1)] {
        specs.push((name, CameraSpec::single(codec, 800, 1)));
        if codec != Codec::H264 {
            specs.push((name, CameraSpec::single(codec, 800, 2)));
            specs.push((name, CameraSpec::single(codec, 800, 3)));
        }
    }
    for codec in [Codec::Vp9, Codec::Av1] {
        for key in [false, true] {
            specs.push(("layers", CameraSpec::scalable(codec, key)));
            specs.push((
                "layers, flexible, described",
                CameraSpec { flexible: true, described: true, ..CameraSpec::scalable(codec, key) },
            ));
        }
        specs.push(("flexible", CameraSpec { flexible: true, ..CameraSpec::scalable(codec, true) }));
    }
    specs
}

#[test]
fn over_a_perfect_wire_every_picture_is_shown() {
    for (name, spec) in specs() {
        let structure = spec.structure;
        let (camera, viewer) = watch(spec, false, &mut |_| true);
        let screen = &viewer.screen;
        assert!(screen.broken.is_empty() && viewer.statistics().broken.is_empty(), "{name} {structure:?}: {screen:?}");
        let missed = camera.captured.len() - screen.shown.len();
        assert!(missed <= 3, "{name} {structure:?}: {missed} pictures were not shown");
        assert!(screen.freezes.is_empty() && viewer.plis == 0, "{name}: {:?}", screen.freezes);
        assert!(screen.shown.iter().all(|s| s.good && s.spatial + 1 == structure.spatial), "{name}");
        assert!(screen.timeline_error < Duration::from_millis(1), "{name}: {:?}", screen.timeline_error);
        let bits = viewer.statistics().bytes.iter().map(|b| u64::from(*b) * 8).sum::<u64>() / 6;
        assert!((640_000..2_000_000).contains(&bits), "{name}: {bits}");
    }
}

#[test]
fn losses_are_repaired_when_they_are_asked_for() {
    // Not who gets all layers of several sizes: what is missing of an upper one is asked for once, until the smallest of the next
    // picture is whole.
    for (name, spec) in specs().into_iter().filter(|(_, s)| s.structure.spatial == 1) {
        for rtx in [true, false] {
            let (structure, spec) = (spec.structure, CameraSpec { rtx, ..spec.clone() });
            let (camera, viewer) = watch(spec, true, &mut |n| n % 10 != 3);
            // The delay grows to 0.9 round trips, which is nearly what retransmissions take: some are late by a moment.
            let settled = Instant::from_millis(2_000);
            let shown = viewer.screen.shown.iter().filter(|s| s.captured > settled).count();
            let share = shown as f64 / camera.captured.iter().filter(|at| **at > settled).count() as f64;
            assert!(share > 0.85, "{name} {structure:?}, rtx {rtx}: {share}");
            assert!(viewer.screen.broken.is_empty(), "{name}: {:?}", viewer.screen.broken);
            assert!(viewer.statistics().recovered > 20 && camera.resent() > 20, "{name}: {:?}", viewer.statistics());
        }
    }
}

#[test]
fn without_repair_one_loss_stops_the_picture_until_a_key_picture() {
    for (name, spec) in specs().into_iter().filter(|(_, s)| s.structure.temporal == 1) {
        let (camera, viewer) = watch(spec, false, &mut |n| n != 50);
        assert!(viewer.plis >= 1 && !viewer.screen.freezes.is_empty(), "{name}");
        assert!(camera.keyframe_requests == viewer.plis && viewer.screen.broken.is_empty(), "{name}: {:?}", viewer.screen.broken);
        assert!(
            viewer.screen.shown.last().is_some_and(|s| s.at > Instant::from_millis(5_900)),
            "{name}: it goes on: {:?} {:?}",
            viewer.screen.shown.last(),
            viewer.screen.freezes
        );
    }
}

#[test]
fn a_lost_frame_of_the_top_temporal_layer_costs_itself_only() {
    for (name, spec) in specs().into_iter().filter(|(_, s)| s.structure.temporal == 3 && s.structure.spatial == 1) {
        let mut lost = 0;
        let mut camera = Camera::new(spec.clone(), 7, 1);
        let mut outlet = Outlet::default();
        // Which packet is a whole frame of the top layer: the same camera, once before.
        let mut number = 0u64;
        for ms in (0..3_000).step_by(5) {
            for packet in camera.work(Instant::from_millis(ms), &mut outlet) {
                number += 1;
                let content = crate::content::Content::read(&packet.payload).expect("content");
                if lost == 0 && number > 60 && content.temporal == 2 {
                    lost = number;
                }
            }
        }
        assert!(lost > 0, "{name}");
        let (camera, viewer) = watch(spec, false, &mut |n| n != lost);
        assert!(camera.captured.len() - viewer.screen.shown.len() <= 6, "{name}: {}", viewer.screen.shown.len());
        assert_eq!((viewer.plis, viewer.screen.broken.len()), (0, 0), "{name}: {:?}", viewer.screen.broken);
        assert_eq!(viewer.statistics().nacks, 1, "{name}: the next frame of the base is whole, so that it is not asked for again");
    }
}
