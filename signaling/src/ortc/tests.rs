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

fn refused(kind: MediaKind, parameters: &RtpParameters) -> ProtocolError {
    match producer(kind, parameters) {
        Err(error) => error,
        Ok(_) => panic!("must be refused"),
    }
}

fn receiver(capabilities: &RtpCapabilities) -> Receiver<'_> {
    Receiver { capabilities, ssrc: 77, mid: "0".to_owned(), cname: "cname-of-ada".to_owned() }
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
    assert!(router.codecs.iter().filter(|c| c.kind == MediaKind::Video).count() <= 8, "they fit PayloadFormats");
}

#[test]
fn a_browsers_video_is_taken() {
    let (track, formats) = producer(MediaKind::Video, &parameters(vp8())).expect("taken");
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
    assert_eq!(refused(MediaKind::Video, &parameters(value.clone())).name, ErrorName::Malformed, "rid needs its extension");
    value["headerExtensions"]
        .as_array_mut()
        .expect("a list")
        .push(json!({ "uri": "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "id": 10 }));
    let (track, _) = producer(MediaKind::Video, &parameters(value)).expect("taken");
    let rids: Vec<_> = track.layers.iter().filter_map(|l| l.rid).collect();
    assert_eq!(rids.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["r0", "r1", "r2"]);
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
        assert_eq!(refused(MediaKind::Video, &change(vp8(), pointer, to)).name, ErrorName::Unsupported, "{pointer}");
    }
    assert_eq!(refused(MediaKind::Audio, &parameters(vp8())).name, ErrorName::Unsupported);
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
        let error = refused(MediaKind::Video, &change(vp8(), pointer, to));
        assert_eq!(error.name, ErrorName::Malformed, "{pointer}");
        assert!(error.reason.contains(field), "{pointer}: {}", error.reason);
    }
}

#[test]
fn payload_types_do_not_collide_within_a_producer() {
    let mut value = vp8();
    let twin = value["codecs"][0].clone();
    value["codecs"].as_array_mut().expect("a list").push(twin);
    assert!(refused(MediaKind::Video, &parameters(value)).reason.contains("codecs[1].payloadType"));
}

#[test]
fn a_consumer_has_the_routers_numbers_on_both_sides() {
    let (_, formats) = producer(MediaKind::Video, &parameters(vp8())).expect("taken");
    let capabilities = router_capabilities();
    let (wire, engine) = consumer(MediaKind::Video, &formats, receiver(&capabilities)).expect("can be received");
    let vp8 = capabilities.codecs.iter().find(|c| c.mime_type == "video/VP8").expect("has VP8");
    assert_eq!(wire.codecs.len(), 1);
    assert_eq!(wire.codecs[0].payload_type, vp8.preferred_payload_type);
    assert_eq!(engine.formats[0].payload_type.0, vp8.preferred_payload_type);
    assert_eq!((wire.encodings[0].ssrc, engine.ssrc.0), (Some(77), 77));
    assert_eq!(wire.rtcp.cname.as_deref(), Some("cname-of-ada"));
    assert!(wire.header_extensions.iter().all(|e| !e.uri.ends_with("sdes:mid")), "the server does not write it");
    for extension in
        [Extension::VideoOrientation, Extension::PlayoutDelay, Extension::DependencyDescriptor, Extension::AbsCaptureTime]
    {
        let id = engine.extensions.id(extension).expect("negotiated");
        assert!(wire.header_extensions.iter().any(|e| e.id == id));
    }
    assert_eq!(engine.extensions.id(Extension::AudioLevel), None);
}

#[test]
fn a_receiver_without_the_codec_cannot_consume() {
    let (_, formats) = producer(MediaKind::Video, &parameters(vp8())).expect("taken");
    let mut capabilities = router_capabilities();
    capabilities.codecs.retain(|c| c.mime_type != "video/VP8");
    let error = consumer(MediaKind::Video, &formats, receiver(&capabilities)).map(|_| ()).expect_err("must be refused");
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
    let (_, high) = producer(MediaKind::Video, &h264("640034", json!(1))).expect("taken");
    let (_, baseline) = producer(MediaKind::Video, &h264("42e034", json!("1"))).expect("taken, a number as text too");
    assert!(producer(MediaKind::Video, &h264("42e01f", json!(0))).is_err(), "mode 0 is not the router's");
    let mut capabilities = router_capabilities();
    capabilities.codecs.retain(|c| c.parameters.get("profile-level-id").is_some_and(|p| p == "42e01f"));
    assert!(consumer(MediaKind::Video, &high, receiver(&capabilities)).is_err());
    let (wire, _) = consumer(MediaKind::Video, &baseline, receiver(&capabilities)).expect("can be received");
    assert_eq!(wire.codecs[0].parameters["profile-level-id"], "42e034", "the publisher's, who knows the stream");
}

#[test]
fn vp9_profile_2_is_not_profile_0() {
    let mut value = vp8();
    value["codecs"][0]["mimeType"] = json!("video/VP9");
    value["codecs"][0]["parameters"] = json!({ "profile-id": 2 });
    assert_eq!(refused(MediaKind::Video, &parameters(value.clone())).name, ErrorName::Unsupported);
    value["codecs"][0]["parameters"] = json!({});
    assert!(producer(MediaKind::Video, &parameters(value)).is_ok());
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
