use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn of(codec: Codec, payload: &[u8]) -> PayloadDescription {
    describe(codec, payload).expect("a good payload")
}

#[test]
fn a_description_stays_small() {
    assert_eq!(size_of::<PayloadDescription>(), 18);
}

#[test]
fn opus_packets_stand_for_themselves() {
    // Configuration 31, mono, one frame: 20 ms of CELT.
    let packet = opus::Packet::parse(&[0xF8, 1, 2]).expect("a good packet");
    assert_eq!((packet.configuration, packet.stereo, packet.frames), (31, false, 1));
    assert_eq!(packet.duration().as_millis(), 20);
    assert!(of(Codec::Opus, &[0xF8, 1, 2]).keyframe);
    assert_eq!(opus::Packet::parse(&[0x1F, 0x02]).map(|p| p.duration().as_millis()), Some(120), "two frames of 60 ms");
    assert_eq!(opus::Packet::parse(&[0x1F, 0x03]), None, "three of them are too long");
    assert_eq!(opus::Packet::parse(&[0xFB, 0x00]), None, "no frame");
    assert_eq!(opus::Packet::parse(&[]), None);
}

#[test]
fn vp8_without_extension() {
    let key = of(Codec::Vp8, &[0x10, 0x00, 1, 2]);
    assert!(key.starts_frame && key.keyframe);
    let delta = of(Codec::Vp8, &[0x10, 0x01, 1, 2]);
    assert!(delta.starts_frame && !delta.keyframe);
    let middle = of(Codec::Vp8, &[0x00, 0x00, 1, 2]);
    assert!(!middle.starts_frame && !middle.keyframe);
    let second_partition = of(Codec::Vp8, &[0x11, 0x00, 1, 2]);
    assert!(!second_partition.starts_frame && !second_partition.keyframe);
}

#[test]
fn vp8_with_everything() {
    // X, S; I L T K; 15-bit picture id 0x1234; TL0PICIDX 7; TID 2, Y, KEYIDX 3; keyframe.
    let payload = [0x90, 0xF0, 0x92, 0x34, 7, 0xA3, 0x00];
    let descriptor = vp8::Descriptor::parse(&payload).expect("a good payload");
    assert_eq!(descriptor.picture_id, Some(PictureId::Long(0x1234)));
    assert_eq!((descriptor.tl0_picture_index, descriptor.temporal, descriptor.key_index), (Some(7), Some(2), Some(3)));
    assert!(descriptor.layer_sync && descriptor.keyframe && !descriptor.non_reference);
    assert_eq!(descriptor.len, 6);
    let short = vp8::Descriptor::parse(&[0x80, 0x80, 0x34, 0x00]).expect("a good payload");
    assert_eq!((short.picture_id, short.temporal, short.len), (Some(PictureId::Short(0x34)), None, 3));
    for len in 0..payload.len() {
        assert_eq!(vp8::Descriptor::parse(&payload[..len]), None, "{len} bytes");
    }
}

#[test]
fn vp8_in_one_layer() {
    let flat = |mut payload: [u8; 7]| {
        vp8::flatten(&mut payload);
        payload
    };
    let payload = [0x90, 0xF0, 0x92, 0x34, 7, 0xA3, 0x01];
    assert_eq!(flat(payload), [0x90, 0xF0, 0x92, 0x34, 0x34, 0x03, 0x01], "TID and Y go, KEYIDX stays");
    let [before, after] = [payload, flat(payload)].map(|p| vp8::Descriptor::parse(&p).expect("a good payload"));
    assert!(after.is_flat() && !before.is_flat() && flat(flat(payload)) == flat(payload));
    // No extension; a picture id of 7 bits; no TL0PICIDX; no TID.
    for other in [[0x10, 0xF0, 0x92, 0x34, 7, 0xA3, 1], [0x90, 0xF0, 0x12, 7, 0xA3, 1, 1], [0x90, 0xB0, 0x92, 0x34, 0xA3, 1, 1]] {
        assert_eq!(flat(other), other);
    }
    assert_eq!(flat([0x90, 0xC0, 0x92, 0x34, 7, 0xA3, 1]), [0x90, 0xC0, 0x92, 0x34, 7, 0xA3, 1]);
}

#[test]
fn vp9_of_a_browser() {
    // I, L, B, E; 15-bit id 5; TID 0, SID 0; TL0PICIDX 9; not flexible.
    let payload = [0xAC, 0x80, 0x05, 0x00, 9, 1];
    let description = of(Codec::Vp9, &payload);
    assert!(description.starts_frame && description.keyframe && description.ends_frame == Some(true));
    assert_eq!((description.temporal, description.spatial), (Some(0), Some(0)));
    assert_eq!((description.tl0_picture_index, description.picture_id), (Some(9), Some(PictureId::Long(5))));
    // The same, predicted from earlier pictures: P.
    assert!(!of(Codec::Vp9, &[0xEC, 0x80, 0x05, 0x10, 9, 1]).keyframe);
    assert!(of(Codec::Vp9, &[0xEC, 0x80, 0x05, 0x10, 9, 1]).switching_up);
    // A higher spatial layer of a key picture: SID 1, D.
    let upper = of(Codec::Vp9, &[0xAC, 0x80, 0x05, 0x03, 9, 1]);
    assert!(upper.starts_frame && !upper.keyframe && upper.spatial == Some(1));
    for len in 0..payload.len() {
        assert_eq!(vp9::Descriptor::parse(&payload[..len]), None, "{len} bytes");
    }
}

#[test]
fn vp9_references_in_flexible_mode() {
    let descriptor = vp9::Descriptor::parse(&[0x50, 0x03, 0x05, 0x08, 1]).expect("a good payload");
    assert_eq!(descriptor.references.as_slice(), [1, 2, 4]);
    assert!(descriptor.flexible && descriptor.inter_predicted && descriptor.len == 4);
    assert_eq!(vp9::Descriptor::parse(&[0x50, 0x03, 0x05, 0x07, 0x08, 1]), None, "a fourth reference");
}

#[test]
fn vp9_scalability_structure() {
    // V, B; two spatial layers with sizes; a group of two pictures, the second with one reference.
    let payload = [0x0A, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 2, 0x00, 0x14, 1, 0xFF];
    let descriptor = vp9::Descriptor::parse(&payload).expect("a good payload");
    let structure = descriptor.structure.expect("V is set");
    assert_eq!((structure.spatial_layers, structure.picture_group_len), (2, 2));
    assert_eq!(structure.resolutions.as_slice(), [(320, 180), (640, 360)]);
    assert_eq!(usize::from(descriptor.len), payload.len() - 1);
    for len in 0..payload.len() {
        assert_eq!(vp9::Descriptor::parse(&payload[..len]), None, "{len} bytes");
    }
}

#[test]
fn h264_single_units() {
    let starts_and_key = |payload: &[u8]| {
        let d = of(Codec::H264, payload);
        (d.starts_frame, d.keyframe)
    };
    assert_eq!(starts_and_key(&[0x67, 0x42, 0xE0]), (true, true), "SPS");
    assert_eq!(starts_and_key(&[0x68, 0xCE]), (true, false), "PPS");
    assert_eq!(starts_and_key(&[0x65, 0x88]), (true, true), "first slice of an IDR picture");
    assert_eq!(starts_and_key(&[0x65, 0x08]), (false, false), "another slice of it");
    assert_eq!(starts_and_key(&[0x41, 0x9A]), (true, false), "first slice of another picture");
    assert_eq!(starts_and_key(&[0x41, 0x1A]), (false, false), "another slice of it");
    assert_eq!(starts_and_key(&[0x09, 0x10]), (true, false), "delimiter");
}

#[test]
fn h264_aggregates() {
    let sps_pps_idr = [0x78, 0, 3, 0x67, 0x42, 0xE0, 0, 2, 0x68, 0xCE, 0, 2, 0x65, 0x88];
    let payload = h264::Payload::parse(&sps_pps_idr).expect("a good payload");
    assert_eq!(payload, h264::Payload { sps: true, pps: true, idr: true, starts_access_unit: true });
    assert_eq!(h264::Payload::parse(&sps_pps_idr[..13]), None, "cut short");
    assert_eq!(h264::Payload::parse(&[0x78]), None, "no unit");
    assert_eq!(h264::Payload::parse(&[0x78, 0, 0]), None, "an empty unit");
    let later_slice_first = [0x78, 0, 2, 0x41, 0x1A, 0, 2, 0x06, 0x01];
    assert!(!h264::Payload::parse(&later_slice_first).expect("a good payload").starts_access_unit);
}

#[test]
fn h264_fragments() {
    assert!(of(Codec::H264, &[0x7C, 0x85, 0x88, 0]).keyframe, "the start of an IDR slice");
    assert!(!of(Codec::H264, &[0x7C, 0x05, 0x88, 0]).keyframe, "its middle");
    assert!(!of(Codec::H264, &[0x7C, 0x45, 0x88, 0]).starts_frame, "its end");
    assert!(of(Codec::H264, &[0x5C, 0x81, 0x9A, 0]).starts_frame, "the start of another slice");
    assert_eq!(describe(Codec::H264, &[0x7C, 0x85]), None, "nothing in it");
    for unused in [0, 25, 26, 27, 29, 30, 31] {
        assert_eq!(describe(Codec::H264, &[unused, 0x85, 1, 2]), None, "type {unused}");
    }
}

#[test]
fn av1_keyframes() {
    // W 2, N; a sequence header of two bytes, then a frame.
    let first = of(Codec::Av1, &[0x28, 2, 0x08, 0, 0x30, 1, 2]);
    assert!(first.keyframe && first.starts_frame);
    // W 1; a frame OBU.
    let delta = of(Codec::Av1, &[0x10, 0x30, 1, 2]);
    assert!(!delta.keyframe && delta.starts_frame);
    // Z, W 1: the rest of something that may look like a sequence header.
    let rest = of(Codec::Av1, &[0x90, 0x08, 0]);
    assert!(!rest.keyframe && !rest.starts_frame);
    // A tile group begins a packet, not a frame.
    assert!(!of(Codec::Av1, &[0x10, 0x20, 1]).starts_frame);
    // Without N, the sequence header tells. W 0: every element has a length.
    assert!(of(Codec::Av1, &[0x00, 2, 0x08, 0, 3, 0x30, 1, 2]).keyframe);
}

#[test]
fn av1_layers_come_from_the_obu_extension() {
    let description = of(Codec::Av1, &[0x10, 0x34, 0x48, 1]);
    assert_eq!((description.temporal, description.spatial), (Some(2), Some(1)));
}

#[test]
fn av1_elements_may_be_cut_anywhere() {
    assert!(of(Codec::Av1, &[0x20, 0, 0x30, 1]).temporal.is_none(), "an empty element, then a frame");
    assert!(of(Codec::Av1, &[0x50, 0x34]).starts_frame, "a frame whose extension comes in the next packet");
}

#[test]
fn av1_elements_may_be_more_than_a_byte_counts() {
    assert!(describe(Codec::Av1, &[0; 1_200]).is_some_and(|d| !d.starts_frame), "empty elements, each with its length");
}

#[test]
fn av1_contradictions_are_refused() {
    let bad: [&[u8]; 7] = [
        &[],
        &[0x10],
        &[0x98, 0x30],
        &[0x20, 9, 0x30],
        &[0x20, 1, 0x30],
        &[0x10, 0xB0],
        &[0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
    ];
    for payload in bad {
        assert_eq!(describe(Codec::Av1, payload), None, "{payload:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(payload in vec(any::<u8>(), 0..1_200)) {
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            let _ = describe(codec, &payload);
        }
        let _ = dependency_descriptor::DependencyDescriptor::read(&payload);
    }
}
