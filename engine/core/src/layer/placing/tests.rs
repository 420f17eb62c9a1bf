use super::*;
use crate::place::Points;
use corelay_wire::codec::describe;
use corelay_wire::media::Codec;

/// A picture of VP9: flags, picture id, layers, TL0PICIDX, then payload.
fn vp9(placing: &mut Placing, spatial: u8, key: bool, not_reference: bool) -> Place {
    let flags = 0xA8 | u8::from(!key) << 6 | u8::from(not_reference) | u8::from(key && spatial == 0) << 1;
    let mut payload = vec![flags, 0x05, spatial << 1 | u8::from(key && spatial > 0), 9];
    if key && spatial == 0 {
        // A structure of three spatial layers.
        payload.push(0x40);
    }
    payload.push(0xFF);
    let described = describe(Codec::Vp9, &payload).expect("a payload");
    placing.by_payload(&described, Some(RtpTimestamp(if key { 1 } else { 2 })))
}

fn points(place: Place) -> Vec<u8> {
    (0..4).filter(|s| place.needed_by.contains(Point::new(*s, 0))).collect()
}

#[test]
fn vp9_that_builds_on_lower_layers_in_each_picture() {
    let mut p = Placing::default();
    assert!((0..3).all(|s| vp9(&mut p, s, true, s == 2).top() == 2));
    let delta = [0, 1, 2].map(|s| points(vp9(&mut p, s, false, s == 2)));
    assert_eq!(delta, [vec![0, 1, 2, 3], vec![1, 2, 3], vec![2, 3]]);
    assert!(p.is_nested());
}

#[test]
fn vp9_that_builds_on_lower_layers_in_keyframes_only() {
    let mut p = Placing::default();
    let key = [0, 1, 2].map(|s| points(vp9(&mut p, s, true, s == 2)));
    assert_eq!(key, [vec![0, 1, 2, 3], vec![1, 2, 3], vec![2, 3]]);
    let delta = [0, 1, 2].map(|s| points(vp9(&mut p, s, false, true)));
    assert_eq!(delta, [vec![0], vec![1], vec![2, 3]]);
    assert!(!p.is_nested());
}

#[test]
fn one_frame_starts_a_picture() {
    let mut p = Placing::default();
    let starts = [0, 1, 2].map(|s| vp9(&mut p, s, true, s == 2).starts_picture());
    assert_eq!(starts, [true, false, false]);
}

#[test]
fn vp8_names_temporal_layers_only() {
    // X; T, K; TID 1, Y.
    let payload = [0x90, 0x20, 0x60, 0x01];
    let described = describe(Codec::Vp8, &payload).expect("a payload");
    let place = Placing::default().by_payload(&described, Some(RtpTimestamp(1)));
    assert_eq!((place.own(), place.needed_by), (Point::new(0, 1), Points::from(0, 1)));
    assert!(place.starts_picture() && place.synchronizes() && !place.switches_up());
}

/// A structure by layers and indications of each template, one letter a decode target: `-DSR`; chains and sizes left out.
fn structure(templates: &[(u8, u8, &str)]) -> Vec<u8> {
    let mut bits = String::from("1000000000000000000000001000000000000");
    bits.push_str(&format!("{:05b}", templates[0].2.len() - 1));
    // Three bytes, five flags, six bits of offset, five of count.
    bits.replace_range(24..40, &format!("10000000000{:05b}", templates[0].2.len() - 1));
    bits.truncate(40);
    for pair in templates.windows(2) {
        bits.push_str(if pair[1].0 > pair[0].0 {
            "10"
        } else if pair[1].1 > pair[0].1 {
            "01"
        } else {
            "00"
        });
    }
    bits.push_str("11");
    let letters = templates.iter().flat_map(|t| t.2.chars());
    bits.extend(letters.map(|c| match c {
        '-' => "00",
        'D' => "01",
        'S' => "10",
        _ => "11",
    }));
    templates.iter().for_each(|_| bits.push('0'));
    // No chains: a value below the count of targets and one, which is zero.
    let width = u32::BITS - (templates[0].2.len() as u32 + 1).leading_zeros();
    bits.push_str(&"0".repeat(width as usize - 1));
    bits.push('0');
    let whole = bits.len().next_multiple_of(8);
    let padded = format!("{bits:0<whole$}");
    padded.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |b, c| b << 1 | (c - b'0'))).collect()
}

#[test]
fn temporal_layers_of_a_dependency_structure() {
    let mut p = Placing::default();
    let key = structure(&[(0, 0, "SSS"), (0, 1, "-DS"), (0, 2, "--D")]);
    assert!(p.by_descriptor(&[0x80, 0, 1], Some(RtpTimestamp(1))).is_none(), "not before the structure");
    let base = p.by_descriptor(&key, Some(RtpTimestamp(1))).expect("a keyframe");
    assert_eq!(base.needed_by, Points::ALL);
    assert!(base.starts_picture() && base.switches_up() && base.is_nested());
    let middle = p.by_descriptor(&[0x81, 0, 2], Some(RtpTimestamp(2))).expect("of template 1");
    assert_eq!((middle.own(), middle.needed_by), (Point::new(0, 1), Points::from(0, 1)));
    assert!(middle.switches_up());
    let upper = p.by_descriptor(&[0x42, 0, 3], Some(RtpTimestamp(3))).expect("of template 2");
    assert_eq!((upper.needed_by, upper.starts_picture(), upper.ends_frame()), (Points::from(0, 2), false, true));
}

#[test]
fn spatial_layers_of_a_dependency_structure() {
    // Keyframes build on lower layers; other frames only where `full`.
    for full in [true, false] {
        let mut p = Placing::default();
        let below = if full { "SR" } else { "S-" };
        let key = structure(&[(0, 0, "SS"), (0, 0, below), (1, 0, "-S")]);
        let points_of = |place: Option<Place>| points(place.expect("a place"));
        assert_eq!(points_of(p.by_descriptor(&key, Some(RtpTimestamp(1)))), [0, 1, 2, 3]);
        let delta = p.by_descriptor(&[0x81, 0, 2], Some(RtpTimestamp(2)));
        assert_eq!(points_of(delta), if full { vec![0, 1, 2, 3] } else { vec![0] });
        assert_eq!(points_of(p.by_descriptor(&[0x82, 0, 3], Some(RtpTimestamp(2)))), [1, 2, 3]);
        assert_eq!((p.is_nested(), delta.map(Place::top)), (full, Some(1)));
    }
}
