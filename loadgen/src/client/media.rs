//! Media objects of the protocol (`docs/protocol.md`) from and to the generator's own values.

use super::error::ClientError;
use crate::association::{Fingerprint, Identity, Remote, Setup};
use crate::codec::{Codec, Kind};
use crate::fleet::{Expected, Numbers};
use crate::stream::{Speech, StreamPlan};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// In `appData` of a producer: the number that its packets carry.
const STREAM: &str = "loadgenStream";
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const LEVEL_ID: u8 = 1;
const NUMBER_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const NUMBER_ID: u8 = 3;
const MID_ID: u8 = 4;
const RID_ID: u8 = 10;

/// What we can receive, with transport-wide feedback about video or without.
pub(super) fn capabilities(feedback: bool) -> Value {
    let all = [(Codec::Opus, 111_u8), (Codec::Vp8, 96), (Codec::H264, 102)];
    let mut codecs = Vec::new();
    for (codec, payload_type) in all {
        let mut value = described(codec);
        value["kind"] = kind_name(codec.kind()).into();
        value["preferredPayloadType"] = payload_type.into();
        if let (true, Some(kinds)) = (feedback && codec.kind() == Kind::Video, value["rtcpFeedback"].as_array_mut()) {
            kinds.push(json!({ "type": "transport-cc" }));
            // Without a form for what is sent once more, nothing that differs from sending to sending is in a packet.
            codecs.push(json!({
                "kind": "video", "mimeType": "video/rtx", "preferredPayloadType": payload_type + 1, "clockRate": 90_000,
                "parameters": { "apt": payload_type }, "rtcpFeedback": [],
            }));
        }
        codecs.push(value);
    }
    let number = json!({ "kind": "video", "uri": NUMBER_URI, "preferredId": NUMBER_ID });
    json!({ "codecs": codecs, "headerExtensions": if feedback { json!([number]) } else { json!([]) } })
}

/// The data of `connectWebRtcTransport`.
pub(super) fn connect(transport: &Value, identity: &Identity) -> Value {
    let fingerprints = json!([{ "algorithm": "sha-256", "value": identity.fingerprint() }]);
    json!({ "transportId": transport, "dtlsParameters": { "role": "client", "fingerprints": fingerprints } })
}

/// The other side, of an answer to `createWebRtcTransport`.
pub(super) fn remote(transport: &Value) -> Result<Remote, ClientError> {
    let missing = |what| ClientError::Answer { method: "createWebRtcTransport", what };
    let text = |value: &Value, what| value.as_str().map(str::to_owned).ok_or(missing(what));
    let candidates = transport["iceCandidates"].as_array().ok_or(missing("iceCandidates"))?;
    let udp = candidates.iter().find(|one| one["protocol"] == "udp").ok_or(missing("a UDP candidate"))?;
    let ip = udp["ip"].as_str().and_then(|ip| ip.parse().ok()).ok_or(missing("the candidate's ip"))?;
    let port = udp["port"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or(missing("the candidate's port"))?;
    let fingerprints = transport["dtlsParameters"]["fingerprints"].as_array().ok_or(missing("fingerprints"))?;
    let fingerprint = |one: &Value| {
        Some(Fingerprint { algorithm: one["algorithm"].as_str()?.to_owned(), value: one["value"].as_str()?.to_owned() })
    };
    Ok(Remote {
        candidate: SocketAddr::new(ip, port),
        ufrag: text(&transport["iceParameters"]["usernameFragment"], "usernameFragment")?,
        password: text(&transport["iceParameters"]["password"], "password")?,
        fingerprints: fingerprints.iter().filter_map(fingerprint).collect(),
        setup: Setup::Passive,
    })
}

/// Numbers for the `n`-th stream of a transport.
pub(super) fn numbers(plan: &StreamPlan, n: usize, cname: &str) -> Numbers {
    let is_layered = !plan.layers.is_empty();
    Numbers {
        ssrcs: (0..plan.layers.len().max(1)).map(|_| rand::random()).collect(),
        payload_type: payload_type(plan.codec),
        cname: cname.to_owned(),
        // A microphone without a level is always forwarded. Who is heard among several is asked only of those that take turns.
        audio_level_id: if has_level(plan) { LEVEL_ID } else { 0 },
        mid_id: if is_layered { MID_ID } else { 0 },
        rid_id: if is_layered { RID_ID } else { 0 },
        mid: n.to_string(),
    }
}

/// Whether a stream tells how loud it is: audio that is not always voice.
fn has_level(plan: &StreamPlan) -> bool {
    plan.codec.kind() == Kind::Audio && plan.speech != Speech::Always
}

/// The data of `produce`.
pub(super) fn produce(transport: &Value, plan: &StreamPlan, numbers: &Numbers, stream: u32, source: &str) -> Value {
    let mut codec = described(plan.codec);
    codec["payloadType"] = numbers.payload_type.into();
    let extension = |uri: &str, id: u8| json!({ "uri": uri, "id": id });
    let extensions: Vec<Value> = [(LEVEL_URI, numbers.audio_level_id), (MID_URI, numbers.mid_id), (RID_URI, numbers.rid_id)]
        .iter()
        .filter(|(_, id)| *id > 0)
        .map(|(uri, id)| extension(uri, *id))
        .collect();
    // As browsers do: layers by their rid alone, and single streams by their SSRC.
    let encodings: Vec<Value> = if plan.layers.is_empty() {
        numbers.ssrcs.iter().map(|ssrc| json!({ "ssrc": ssrc })).collect()
    } else {
        plan.layers.iter().map(|layer| json!({ "rid": layer.rid, "maxBitrate": layer.bitrate })).collect()
    };
    json!({
        "transportId": transport,
        "kind": kind_name(plan.codec.kind()),
        "source": source,
        "rtpParameters": {
            "mid": numbers.mid,
            "codecs": [codec],
            "headerExtensions": extensions,
            "encodings": encodings,
            "rtcp": { "cname": numbers.cname, "reducedSize": true },
        },
        "appData": { STREAM: stream },
    })
}

/// What will come of a consumer.
pub(super) fn expected(consumer: &Value) -> Result<Expected, ClientError> {
    let missing = |what| ClientError::Answer { method: "consume", what };
    let parameters = &consumer["rtpParameters"];
    let ssrc = parameters["encodings"][0]["ssrc"].as_u64().and_then(|ssrc| u32::try_from(ssrc).ok()).ok_or(missing("an SSRC"))?;
    let mime = parameters["codecs"][0]["mimeType"].as_str().ok_or(missing("a codec"))?;
    let codec = match mime.to_ascii_lowercase().as_str() {
        "audio/opus" => Codec::Opus,
        "video/vp8" => Codec::Vp8,
        "video/h264" => Codec::H264,
        _ => return Err(missing("one of the codecs that were offered")),
    };
    let stream = consumer["appData"][STREAM].as_u64().and_then(|stream| u32::try_from(stream).ok());
    let extensions = parameters["headerExtensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = extensions.iter().find(|extension| extension["uri"] == NUMBER_URI).and_then(|extension| extension["id"].as_u64());
    let number_id = number.and_then(|id| u8::try_from(id).ok()).unwrap_or(0);
    let rtx_ssrc = parameters["encodings"][0]["rtx"]["ssrc"].as_u64().and_then(|ssrc| u32::try_from(ssrc).ok());
    Ok(Expected { ssrc, codec, stream, number_id, rtx_ssrc })
}

fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::Vp8 => 96,
        Codec::H264 => 102,
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    }
}

fn described(codec: Codec) -> Value {
    let feedback = json!([{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }]);
    let video = |mime: &str, parameters: Value| json!({ "mimeType": mime, "clockRate": 90_000, "parameters": parameters, "rtcpFeedback": feedback });
    match codec {
        Codec::Opus => {
            json!({ "mimeType": "audio/opus", "clockRate": 48_000, "channels": 2, "parameters": {}, "rtcpFeedback": [] })
        }
        Codec::Vp8 => video("video/VP8", json!({})),
        Codec::H264 => {
            video("video/H264", json!({ "packetization-mode": 1, "level-asymmetry-allowed": 1, "profile-level-id": "42e01f" }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_becomes_plain_values() {
        let mut transport = json!({
            "iceParameters": { "usernameFragment": "u", "password": "p", "iceLite": true },
            "iceCandidates": [{ "protocol": "tcp" }, { "protocol": "udp", "ip": "::1", "port": 4000 }],
            "dtlsParameters": { "fingerprints": [{ "algorithm": "sha-256", "value": "AB" }], "role": "auto" },
        });
        let read = remote(&transport).expect("it is a transport");
        assert_eq!((read.candidate.to_string().as_str(), read.ufrag.as_str(), read.password.as_str()), ("[::1]:4000", "u", "p"));
        transport["iceCandidates"] = json!([]);
        assert!(matches!(remote(&transport), Err(ClientError::Answer { what: "a UDP candidate", .. })));
    }

    #[test]
    fn a_consumer_tells_what_will_come() {
        let mut consumer = json!({
            "rtpParameters": {
                "codecs": [{ "mimeType": "video/h264" }], "encodings": [{ "ssrc": 77 }],
                "headerExtensions": [{ "uri": MID_URI, "id": 1 }, { "uri": NUMBER_URI, "id": 5 }],
            },
            "appData": { STREAM: 5 },
        });
        assert_eq!(
            expected(&consumer).expect("it is a consumer"),
            Expected { ssrc: 77, codec: Codec::H264, stream: Some(5), number_id: 5, rtx_ssrc: None }
        );
        consumer["appData"] = json!({});
        assert_eq!(expected(&consumer).expect("a browser's producer has no number").stream, None);
        consumer["rtpParameters"]["codecs"][0]["mimeType"] = "video/AV1".into();
        assert!(expected(&consumer).is_err());
    }
}
