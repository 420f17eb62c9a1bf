//! Negotiation, with what browsers really send.

use super::*;
use crate::protocol::*;
use corelay_engine::control::DtlsRole;
use corelay_wire::media::{Codec, Extension};
use serde_json::{Value, json};

fn parameters(value: Value) -> RtpParameters {
    serde_json::from_value(value).expect("the test writes valid parameters")
}

fn vp8() -> Value {
    json!({ "mid": "1",
        "codecs": [{ "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {},
            "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }] }],
        "headerExtensions": [
            { "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 4, "encrypt": false, "parameters": {} },
            { "uri": "urn:3gpp:video-orientation", "id": 13 }, { "uri": "urn:of:nobody", "id": 12 }],
        "encodings": [{ "ssrc": 4_000_000_000_u32, "dtx": false, "active": true }],
        "rtcp": { "cname": "theirs", "reducedSize": true }, "msid": "a b" })
}

fn change(mut value: Value, pointer: &str, to: Value) -> RtpParameters {
    *value.pointer_mut(pointer).expect("points into the value") = to;
    parameters(value)
}

fn refused(source: Source, parameters: &RtpParameters) -> ProtocolError {
    match producer(source, parameters) {
        Err(error) => error,
        Ok(_) => panic!("must be refused"),
    }
}

fn receiver(capabilities: &RtpCapabilities) -> Receiver<'_> {
    Receiver { capabilities, ssrc: 77, rtx_ssrc: 78, mid: "0".to_owned(), cname: "cname-of-ada".to_owned() }
}

#[test]
fn router_numbers_do_not_collide() {
    let router = router_capabilities();
    let mut types: Vec<u8> = router.codecs.iter().map(|c| c.preferred_payload_type).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), router.codecs.len());
    assert!(types.iter().all(|t| (96..=127).contains(t)), "the dynamic range");
    for a in &router.header_extensions {
        assert!((1..=14).contains(&a.preferred_id));
        assert!(router.header_extensions.iter().all(|b| (a.preferred_id == b.preferred_id) == (a.uri == b.uri)));
    }
    let media = router.codecs.iter().filter(|c| c.kind == MediaKind::Video && !c.mime_type.ends_with("/rtx"));
    assert!(media.count() <= 8, "they fit PayloadFormats");
}

#[test]
fn a_browsers_video_is_taken() {
    let Published { track, formats, .. } = producer(Source::Camera, &parameters(vp8())).expect("taken");
    assert_eq!(track.mid.as_deref(), Some("1"));
    assert_eq!((track.formats[0].codec, track.formats[0].payload_type.0), (Codec::Vp8, 96));
    assert!(track.formats[0].feedback.pli && track.formats[0].feedback.fir && !track.formats[0].feedback.nack);
    assert_eq!(track.extensions.id(Extension::Mid), Some(4));
    assert_eq!(track.extensions.id(Extension::VideoOrientation), Some(13));
    assert_eq!(track.layers.len(), 1);
    assert_eq!(track.layers[0].ssrc.map(|s| s.0), Some(4_000_000_000));
    assert_eq!(formats.len(), 1);
}

#[test]
fn simulcast_gives_layers_in_order() {
    let mut value = vp8();
    value["encodings"] = json!([{ "rid": "r0" }, { "rid": "r1", "scalabilityMode": "L1T3" }, { "rid": "r2" }]);
    assert_eq!(refused(Source::Camera, &parameters(value.clone())).name, ErrorName::Malformed, "rid needs its extension");
    value["headerExtensions"]
        .as_array_mut()
        .expect("a list")
        .push(json!({ "uri": "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "id": 10 }));
    let Published { track, layering, .. } = producer(Source::Camera, &parameters(value)).expect("taken");
    let rids: Vec<_> = track.layers.iter().filter_map(|l| l.rid).collect();
    assert_eq!(rids.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["r0", "r1", "r2"]);
    assert_eq!((layering.consumer_type(), layering.mode().as_deref()), (ConsumerType::Simulcast, Some("S3T3")));
}

#[test]
fn what_the_router_does_not_have_is_unsupported() {
    for (pointer, to) in [
        ("/codecs/0/mimeType", json!("video/H265")),
        ("/codecs/0/mimeType", json!("audio/opus")),
        ("/codecs/0/clockRate", json!(48000)),
        ("/encodings", json!([])),
        ("/encodings", json!([{"ssrc":1},{"ssrc":2},{"ssrc":3},{"ssrc":4},{"ssrc":5}])),
        ("/headerExtensions/0/encrypt", json!(true)),
    ] {
        assert_eq!(refused(Source::Camera, &change(vp8(), pointer, to)).name, ErrorName::Unsupported, "{pointer}");
    }
    assert_eq!(refused(Source::Microphone, &parameters(vp8())).name, ErrorName::Unsupported);
}

#[test]
fn what_is_malformed_names_its_field() {
    for (pointer, to, field) in [
        ("/codecs", json!([]), "codecs"),
        ("/codecs/0/payloadType", json!(200), "codecs[0].payloadType"),
        ("/codecs/0/parameters", json!({ "x": "1\r\na=evil" }), "codecs[0].parameters"),
        ("/codecs/0/parameters", json!({ "x": { "y": 1 } }), "codecs[0].parameters"),
        ("/headerExtensions/0/id", json!(0), "headerExtensions[0].id"),
        ("/headerExtensions/1/id", json!(4), "headerExtensions[1].id"),
        ("/encodings", json!([{}]), "encodings[0]"),
        ("/encodings", json!([{ "rid": "a b" }]), "encodings[0].rid"),
        ("/encodings", json!([{ "ssrc": 1 }, { "ssrc": 1 }]), "encodings"),
        ("/mid", json!("a mid that is far too long"), "mid"),
    ] {
        let error = refused(Source::Camera, &change(vp8(), pointer, to));
        assert_eq!(error.name, ErrorName::Malformed, "{pointer}");
        assert!(error.reason.contains(field), "{pointer}: {}", error.reason);
    }
}

#[test]
fn payload_types_do_not_collide_within_a_producer() {
    let mut value = vp8();
    let twin = value["codecs"][0].clone();
    value["codecs"].as_array_mut().expect("a list").push(twin);
    assert!(refused(Source::Camera, &parameters(value)).reason.contains("codecs[1].payloadType"));
}

#[test]
fn a_consumer_has_the_routers_numbers_on_both_sides() {
    let Published { formats, layering, .. } = producer(Source::Camera, &parameters(vp8())).expect("taken");
    let capabilities = router_capabilities();
    let (wire, engine) = consumer(MediaKind::Video, &formats, &layering, receiver(&capabilities)).expect("can be received");
    let vp8 = capabilities.codecs.iter().find(|c| c.mime_type == "video/VP8").expect("has VP8");
    assert_eq!(wire.codecs.len(), 2, "with retransmissions");
    assert_eq!(wire.codecs[0].payload_type, vp8.preferred_payload_type);
    assert_eq!(engine.formats[0].payload_type.0, vp8.preferred_payload_type);
    assert_eq!((wire.encodings[0].ssrc, engine.ssrc.0), (Some(77), 77));
    assert_eq!(wire.rtcp.cname.as_deref(), Some("cname-of-ada"));
    assert!(wire.header_extensions.iter().all(|e| !e.uri.ends_with("sdes:mid")), "the server does not write it");
    for extension in [Extension::VideoOrientation, Extension::PlayoutDelay, Extension::AbsCaptureTime] {
        let id = engine.extensions.id(extension).expect("negotiated");
        assert!(wire.header_extensions.iter().any(|e| e.id == id));
    }
    assert_eq!(engine.extensions.id(Extension::AudioLevel), None);
}

#[test]
fn a_receiver_without_the_codec_cannot_consume() {
    let Published { formats, layering, .. } = producer(Source::Camera, &parameters(vp8())).expect("taken");
    let mut capabilities = router_capabilities();
    capabilities.codecs.retain(|c| c.mime_type != "video/VP8");
    let error = consumer(MediaKind::Video, &formats, &layering, receiver(&capabilities)).map(|_| ()).expect_err("must be refused");
    assert_eq!(error.name, ErrorName::CannotConsume);
}

#[test]
fn h264_matches_by_profile_and_mode() {
    let h264 = |profile: &str, mode: Value| {
        let mut value = vp8();
        value["codecs"][0]["mimeType"] = json!("video/h264");
        value["codecs"][0]["parameters"] =
            json!({ "profile-level-id": profile, "packetization-mode": mode, "level-asymmetry-allowed": 1 });
        parameters(value)
    };
    let high = producer(Source::Camera, &h264("640034", json!(1))).expect("taken");
    let baseline = producer(Source::Camera, &h264("42e034", json!("1"))).expect("taken, a number as text too");
    assert!(producer(Source::Camera, &h264("42e01f", json!(0))).is_err(), "mode 0 is not the router's");
    let mut capabilities = router_capabilities();
    capabilities.codecs.retain(|c| c.parameters.get("profile-level-id").is_some_and(|p| p == "42e01f"));
    assert!(consumer(MediaKind::Video, &high.formats, &high.layering, receiver(&capabilities)).is_err());
    let (wire, _) =
        consumer(MediaKind::Video, &baseline.formats, &baseline.layering, receiver(&capabilities)).expect("can be received");
    assert_eq!(wire.codecs[0].parameters["profile-level-id"], "42e034", "the publisher's, who knows the stream");
}

#[test]
fn vp9_profile_2_is_not_profile_0() {
    let mut value = vp8();
    value["codecs"][0]["mimeType"] = json!("video/VP9");
    value["codecs"][0]["parameters"] = json!({ "profile-id": 2 });
    assert_eq!(refused(Source::Camera, &parameters(value.clone())).name, ErrorName::Unsupported);
    value["codecs"][0]["parameters"] = json!({});
    assert!(producer(Source::Camera, &parameters(value)).is_ok());
}

#[test]
fn candidates_have_the_priorities_of_the_rfc() {
    let addresses = ["192.0.2.1:10000".parse().expect("an address"), "[2001:db8::1]:10000".parse().expect("an address")];
    let list = candidates(&addresses);
    assert_eq!(list[0].priority, 2_130_706_431, "(2^24)*126 + (2^8)*65535 + 255");
    assert!(list[0].priority > list[1].priority);
    assert_ne!(list[0].foundation, list[1].foundation);
    assert_eq!((list[1].address.as_str(), list[1].ip.as_str(), list[1].port), ("2001:db8::1", "2001:db8::1", 10000));
}

#[test]
fn fingerprints_are_parsed_strictly() {
    let dtls = |role: &str, algorithm: &str, value: &str| {
        let value = json!({ "role": role, "fingerprints": [{ "algorithm": algorithm, "value": value }] });
        remote_dtls(&serde_json::from_value(value).expect("well formed"))
    };
    let good = vec!["aB"; 32].join(":");
    let parsed = dtls("auto", "SHA-256", &good).expect("parses");
    assert_eq!((parsed.role, parsed.fingerprints[0].digest[0]), (DtlsRole::Client, 0xAB));
    assert_eq!(dtls("server", "sha-256", &good).expect("parses").role, DtlsRole::Server);
    for (algorithm, value) in [
        ("sha-1", "AB"),
        ("sha-256", "AB"),
        ("sha-384", &good),
        ("sha-256", &good.replace(':', "")),
        ("sha-256", &good.replace("aB", "+1")),
    ] {
        assert_eq!(dtls("client", algorithm, value).expect_err("must be refused").name, ErrorName::Malformed);
    }
    let own = dtls_parameters(&parsed.fingerprints[0]);
    assert_eq!(own.fingerprints[0].value, good.to_uppercase());
}

/// A browser's video as [`vp8`], with all that it can do about loss and congestion.
fn vp8_with_rtx() -> Value {
    let mut value = vp8();
    value["codecs"][0]["rtcpFeedback"] = json!([{ "type": "goog-remb" }, { "type": "transport-cc" }, { "type": "ccm", "parameter": "fir" },
        { "type": "nack" }, { "type": "nack", "parameter": "pli" }]);
    let rtx =
        json!({ "mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": { "apt": 96 }, "rtcpFeedback": [] });
    value["codecs"].as_array_mut().expect("a list").push(rtx);
    for (id, uri) in [
        (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
        (3, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
    ] {
        value["headerExtensions"].as_array_mut().expect("a list").push(json!({ "uri": uri, "id": id }));
    }
    value["encodings"][0]["rtx"] = json!({ "ssrc": 4_000_000_001_u32 });
    value
}

#[test]
fn retransmissions_are_agreed_on_with_the_publisher() {
    let Published { track, .. } = producer(Source::Camera, &parameters(vp8_with_rtx())).expect("taken");
    assert_eq!(track.formats[0].rtx.map(|p| p.0), Some(97));
    assert_eq!(track.layers[0].rtx_ssrc.map(|s| s.0), Some(4_000_000_001));
    let feedback = track.formats[0].feedback;
    assert!(feedback.nack && feedback.transport_cc && !feedback.remb, "transport-wide where there are numbers: {feedback:?}");
    let error = refused(Source::Camera, &change(vp8_with_rtx(), "/codecs/1/parameters/apt", json!(98)));
    assert!(error.reason.contains("codecs[1].parameters.apt"), "{}", error.reason);
    let error = refused(Source::Camera, &change(vp8_with_rtx(), "/encodings/0/rtx/ssrc", json!(4_000_000_000_u32)));
    assert!(error.reason.contains("stands twice"), "{}", error.reason);
}

#[test]
fn without_transport_wide_numbers_a_publisher_is_told_a_bitrate() {
    let unknown = json!({ "uri": "urn:of:nobody", "id": 3 });
    let Published { track, .. } = producer(Source::Camera, &change(vp8_with_rtx(), "/headerExtensions/4", unknown)).expect("taken");
    assert!(track.formats[0].feedback.remb && !track.formats[0].feedback.transport_cc);
}

#[test]
fn redundancy_is_passed_over() {
    let mut value = vp8_with_rtx();
    for (payload_type, name) in [(100, "video/red"), (101, "video/ulpfec"), (102, "video/flexfec-03")] {
        let codec = json!({ "mimeType": name, "payloadType": payload_type, "clockRate": 90000 });
        value["codecs"].as_array_mut().expect("a list").push(codec);
    }
    let Published { track, .. } = producer(Source::Camera, &parameters(value)).expect("taken");
    assert_eq!(track.formats.len(), 1);
}

#[test]
fn retransmissions_are_agreed_on_with_the_receiver() {
    let Published { formats, layering, .. } = producer(Source::Camera, &parameters(vp8())).expect("taken");
    let mut capabilities = router_capabilities();
    let (wire, engine) = consumer(MediaKind::Video, &formats, &layering, receiver(&capabilities)).expect("can be received");
    assert_eq!(wire.codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [102, 103]);
    assert_eq!(wire.codecs[1].parameters["apt"], 102);
    assert_eq!((engine.rtx_ssrc.map(|s| s.0), engine.formats[0].rtx.map(|p| p.0)), (Some(78), Some(103)));
    assert_eq!(wire.encodings[0].rtx.map(|rtx| rtx.ssrc), Some(78));
    assert!(engine.extensions.id(Extension::TransportSequence).is_some());
    assert!(engine.formats[0].feedback.transport_cc && !engine.formats[0].feedback.remb);

    capabilities.codecs.retain(|c| c.mime_type != "video/rtx");
    let (wire, engine) = consumer(MediaKind::Video, &formats, &layering, receiver(&capabilities)).expect("can be received");
    assert_eq!((wire.codecs.len(), engine.rtx_ssrc, wire.encodings[0].rtx), (1, None, None));
    for extension in [Extension::TransportSequence, Extension::AbsSendTime] {
        assert_eq!(engine.extensions.id(extension), None, "the very same bytes are sent again");
    }
    let feedback = engine.formats[0].feedback;
    assert!(feedback.nack && !feedback.transport_cc && !feedback.remb);
}

#[test]
fn opus_is_repaired_in_place() {
    let opus = parameters(json!({ "mid": "0",
        "codecs": [{ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2,
            "parameters": { "minptime": 10, "useinbandfec": 1 }, "rtcpFeedback": [{ "type": "transport-cc" }, { "type": "nack" }] }],
        "headerExtensions": [
            { "uri": "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", "id": 3 },
            { "uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": 1 }],
        "encodings": [{ "ssrc": 9, "dtx": true, "scalabilityMode": "of no meaning" }] }));
    let Published { track, formats, layering } = producer(Source::Microphone, &opus).expect("taken");
    assert!(track.formats[0].feedback.nack && track.formats[0].feedback.transport_cc);
    assert_eq!(track.extensions.id(Extension::TransportSequence), Some(3), "the publisher's uplink is measured");
    let capabilities = router_capabilities();
    let (wire, engine) = consumer(MediaKind::Audio, &formats, &layering, receiver(&capabilities)).expect("can be received");
    assert_eq!((engine.extensions.id(Extension::TransportSequence), engine.rtx_ssrc), (None, None));
    assert!(engine.formats[0].feedback.nack && !engine.formats[0].feedback.transport_cc);
    assert_eq!((layering.consumer_type(), wire.encodings[0].scalability_mode.as_deref()), (ConsumerType::Simple, None));
}

#[test]
fn layers_in_a_stream_are_told_to_receivers() {
    let layering = |mime_type: &str, mode: &str| {
        let mut value = change(vp8(), "/encodings/0", json!({ "ssrc": 1, "scalabilityMode": mode }));
        value.codecs[0].mime_type = mime_type.to_owned();
        producer(Source::Camera, &value).map(|published| (published.layering.consumer_type(), published.layering.mode()))
    };
    for (mime_type, mode, consumer_type, told) in [
        ("video/VP9", "L3T3_KEY", ConsumerType::Svc, Some("L3T3_KEY")),
        ("video/AV1", "L2T1h", ConsumerType::Svc, Some("L2T1")),
        ("video/VP9", "L1T1", ConsumerType::Simple, None),
        ("video/AV1", "L1T3", ConsumerType::Svc, Some("L1T3")),
        ("video/VP8", "L1T2", ConsumerType::Simulcast, Some("S1T2")),
        ("video/VP8", "L3T3_KEY", ConsumerType::Simulcast, Some("S1T3")),
    ] {
        let (is, mode_told) = layering(mime_type, mode).expect("taken");
        assert_eq!((is, mode_told.as_deref()), (consumer_type, told), "{mime_type} {mode}");
    }
    for mode in ["S2T1", "L4T1", "L1T4", "L3", "LxT1", "L1T3_NEW", "", "L1T\u{e9}"] {
        let error = layering("video/VP9", mode).expect_err("must be refused");
        assert_eq!(error.name, ErrorName::Unsupported, "{mode}");
        assert!(error.reason.contains("encodings[0].scalabilityMode"), "{mode}: {}", error.reason);
    }
}

#[test]
fn the_dependency_descriptor_is_for_spatial_layers() {
    let described = |mime_type: &str, mode: Value| {
        let mut value = change(vp8(), "/encodings/0", json!({ "ssrc": 1, "scalabilityMode": mode }));
        value.codecs[0].mime_type = mime_type.to_owned();
        let Published { formats, layering, .. } = producer(Source::Camera, &value).expect("taken");
        let capabilities = router_capabilities();
        let (_, engine) = consumer(MediaKind::Video, &formats, &layering, receiver(&capabilities)).expect("can be received");
        engine.extensions.id(Extension::DependencyDescriptor).is_some()
    };
    for (mime_type, mode, expected) in [
        ("video/AV1", json!("L3T3_KEY"), true),
        ("video/AV1", json!("L1T3"), false),
        ("video/AV1", Value::Null, true),
        ("video/VP8", Value::Null, false),
        ("video/VP8", json!("L1T3"), false),
    ] {
        assert_eq!(described(mime_type, mode.clone()), expected, "{mime_type} {mode}");
    }
}

#[test]
fn payload_types_mean_one_thing_on_a_transport() {
    let format = |payload_type: u8, rtx: u8, mime_type: &str| {
        let mut value = vp8_with_rtx();
        value["codecs"][0]["mimeType"] = json!(mime_type);
        value["codecs"][0]["payloadType"] = json!(payload_type);
        value["codecs"][1]["payloadType"] = json!(rtx);
        value["codecs"][1]["parameters"]["apt"] = json!(payload_type);
        producer(Source::Camera, &parameters(value)).expect("taken").formats.remove(0)
    };
    let camera = format(96, 97, "video/VP8");
    for (payload_type, rtx, mime_type, clash) in [
        (96, 97, "video/VP8", None),
        (98, 99, "video/VP9", None),
        (96, 99, "video/VP9", Some(96)),
        (97, 99, "video/VP9", Some(97)),
        (98, 97, "video/VP9", Some(97)),
        (98, 96, "video/VP9", Some(96)),
    ] {
        assert_eq!(format(payload_type, rtx, mime_type).clash(&camera), clash, "{payload_type} {rtx}");
    }
}

#[test]
fn nothing_travels_under_the_reserved_id() {
    let Published { track, .. } = producer(Source::Camera, &change(vp8(), "/headerExtensions/1/id", json!(15))).expect("taken");
    assert_eq!((track.extensions.id(Extension::VideoOrientation), track.extensions.id(Extension::Mid)), (None, Some(4)));
}
