//! A participant: a WebSocket, and one WebRTC transport for each direction.

use crate::leg::{Leg, Seen};
use crate::patience::within;
use crate::server::token;
use crate::signaling::Signaling;
use crate::source::{FORMATS, FRAME_MS, Format, Source};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::{DtlsVersion, Fingerprint};
use str0m::ice::IceCreds;
use str0m::media::Mid;
use str0m::rtp::{Extension, Ssrc};
use str0m::{Candidate, Rtc, RtcConfig};

/// Ids of header extensions in the publisher's own numbering.
const PUBLISHED_MID_ID: u8 = 4;
const PUBLISHED_LEVEL_ID: u8 = 3;
const LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// How a peer connects.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) ip: IpAddr,
    /// Its DTLS role, as it stands in `dtlsParameters`.
    pub(crate) role: &'static str,
    pub(crate) dtls: DtlsVersion,
}

impl Default for Manner {
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), role: "client", dtls: DtlsVersion::Dtls12 }
    }
}

/// A transport with its name.
pub(crate) struct Transport {
    pub(crate) id: String,
    pub(crate) leg: Arc<Leg>,
    pub(crate) server: SocketAddr,
    pub(crate) ice: IceCreds,
}

/// A stream that is received, as `consume` described it.
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: u8,
    pub(crate) cname: String,
}

pub(crate) struct Peer {
    pub(crate) signaling: Signaling,
    pub(crate) send: Transport,
    pub(crate) receive: Transport,
    pub(crate) sources: Vec<Source>,
    next_ssrc: u32,
}

impl Peer {
    /// Joins with both transports connected.
    pub(crate) async fn join(server: SocketAddr, room: &str, identity: &str, manner: Manner) -> Self {
        let mut signaling = enter(server, room, identity).await;
        let send = open(&mut signaling, "send", manner, None).await;
        let receive = open(&mut signaling, "recv", manner, None).await;
        for transport in [&send, &receive] {
            transport.leg.until_connected().await;
            connected(&mut signaling, &transport.id).await;
        }
        let next_ssrc = identity.bytes().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) | 1;
        Self { signaling, send, receive, sources: Vec::new(), next_ssrc }
    }

    /// Publishes a stream; [`Self::tick`] feeds it.
    pub(crate) async fn publish(&mut self, format: &'static Format) -> String {
        let ssrc = Ssrc::from(self.next_ssrc);
        self.next_ssrc = self.next_ssrc.wrapping_add(1);
        let mid = Mid::from(format!("s{}", self.sources.len()).as_str());
        self.send.leg.with(move |rtc| {
            let mut api = rtc.direct_api();
            api.declare_media(mid, format.kind());
            api.declare_stream_tx(ssrc, None, mid, None).set_unpaced(true);
        });
        let source = if format.codec.is_audio() { "microphone" } else { "camera" };
        let mut extensions = vec![json!({ "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": PUBLISHED_MID_ID })];
        if format.codec.is_audio() {
            extensions.push(json!({ "uri": LEVEL_URI, "id": PUBLISHED_LEVEL_ID }));
        }
        let parameters = json!({
            "mid": mid.to_string(),
            "codecs": [format.description("payloadType", format.published_as)],
            "headerExtensions": extensions,
            "encodings": [{ "ssrc": *ssrc }],
            "rtcp": { "cname": "of the publisher's own" },
        });
        let produce = json!({ "transportId": self.send.id, "kind": kind(format), "source": source, "rtpParameters": parameters });
        let producer = id(&self.signaling.ok("produce", produce).await);
        self.sources.push(Source::new(format, producer.clone(), ssrc, mid));
        producer
    }

    /// Receives another's stream. Video starts paused and is resumed when the session knows the stream, as the protocol page advises.
    pub(crate) async fn consume(&mut self, producer: &str) -> Subscription {
        let consume = json!({ "transportId": self.receive.id, "producerId": producer, "paused": true });
        let data = self.signaling.ok("consume", consume).await;
        let parameters = &data["rtpParameters"];
        let encodings = parameters["encodings"].as_array().expect("a list");
        assert_eq!((encodings.len(), parameters["codecs"].as_array().expect("a list").len()), (1, 1), "{data}");
        let ssrc = Ssrc::from(encodings[0]["ssrc"].as_u64().and_then(|n| u32::try_from(n).ok()).expect("an SSRC"));
        let mid = Mid::from(text(&parameters["mid"]));
        let media_kind = if data["kind"] == "audio" { str0m::media::MediaKind::Audio } else { str0m::media::MediaKind::Video };
        self.receive.leg.with(move |rtc| {
            let mut api = rtc.direct_api();
            api.declare_media(mid, media_kind);
            // The router does not answer NACKs.
            api.expect_stream_rx(ssrc, None, mid, None).suppress_nack(true);
        });
        let consumer = id(&data);
        self.signaling.ok("resumeConsumer", json!({ "consumerId": consumer })).await;
        Subscription {
            id: consumer,
            ssrc,
            payload_type: parameters["codecs"][0]["payloadType"].as_u64().and_then(|n| u8::try_from(n).ok()).expect("a number"),
            cname: text(&parameters["rtcp"]["cname"]).to_owned(),
        }
    }

    /// Sends the next frame of each source; a keyframe where one was asked for.
    pub(crate) fn tick(&mut self) {
        for source in &mut self.sources {
            let asked = self.send.leg.look(|seen| seen.keyframe_requests.get(&source.mid).copied().unwrap_or(0));
            let wants_keyframe = asked > source.answered;
            source.answered = asked;
            let packets = source.frame(wants_keyframe);
            self.send.leg.write(source.ssrc, packets);
        }
    }

    pub(crate) fn source(&self, producer: &str) -> &Source {
        self.sources.iter().find(|s| s.producer == producer).expect("is published")
    }

    pub(crate) fn received<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        self.receive.leg.look(read)
    }

    pub(crate) async fn leave(mut self) {
        self.signaling.ok("leave", json!({})).await;
    }
}

/// Has all peers send at the pace of media until `is_done`.
pub(crate) async fn flow_until(what: &str, peers: &mut [Peer], mut is_done: impl FnMut(&[Peer]) -> bool) {
    let mut pace = pace();
    within(what, async {
        while !is_done(peers) {
            pace.tick().await;
            peers.iter_mut().for_each(Peer::tick);
        }
    })
    .await;
}

/// The pace of media.
pub(crate) fn pace() -> tokio::time::Interval {
    let mut pace = tokio::time::interval(Duration::from_millis(FRAME_MS.into()));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    pace
}

/// Connects to signaling and joins, with everything in the capabilities that the router has.
pub(crate) async fn enter(server: SocketAddr, room: &str, identity: &str) -> Signaling {
    let mut signaling = Signaling::connect(server, &token(room, identity)).await;
    let codecs: Vec<Value> = FORMATS
        .iter()
        .map(|format| {
            let mut codec = format.description("preferredPayloadType", format.forwarded_as);
            codec["kind"] = json!(kind(format));
            codec
        })
        .collect();
    let level = json!({ "kind": "audio", "uri": LEVEL_URI, "preferredId": 6, "preferredEncrypt": false, "direction": "sendrecv" });
    signaling.ok("join", json!({ "rtpCapabilities": { "codecs": codecs, "headerExtensions": [level] } })).await;
    signaling
}

/// Opens a transport and begins to connect. `fingerprint` is shown in place of the true one.
pub(crate) async fn open(signaling: &mut Signaling, direction: &str, manner: Manner, fingerprint: Option<String>) -> Transport {
    let data = signaling.ok("createWebRtcTransport", json!({ "direction": direction })).await;
    let candidates = data["iceCandidates"].as_array().expect("a list");
    let family = |c: &&Value| text(&c["ip"]).parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() == manner.ip.is_ipv4());
    let candidate = candidates.iter().find(family).unwrap_or_else(|| panic!("no candidate like {}: {data}", manner.ip));
    let port = candidate["port"].as_u64().and_then(|n| u16::try_from(n).ok()).expect("a port");
    let server = SocketAddr::new(text(&candidate["ip"]).parse().expect("an address"), port);
    let ice = ice_credentials(&data["iceParameters"]);
    let mut rtc = session(direction, manner.dtls);
    rtc.add_remote_candidate(Candidate::host(server, "udp").expect("a host"));
    let mut api = rtc.direct_api();
    api.set_ice_controlling(true);
    api.set_remote_ice_credentials(ice.clone());
    api.set_remote_fingerprint(remote_fingerprint(&data["dtlsParameters"]));
    let own = fingerprint.unwrap_or_else(|| hexadecimal(&api.local_dtls_fingerprint().bytes));
    api.start_dtls(manner.role == "client").expect("starts");
    let leg = Arc::new(Leg::start(rtc, server).await);
    let transport = id(&data);
    let dtls = json!({ "role": manner.role, "fingerprints": [{ "algorithm": "sha-256", "value": own }] });
    signaling.ok("connectWebRtcTransport", json!({ "transportId": transport, "dtlsParameters": dtls })).await;
    Transport { id: transport, leg, server, ice }
}

/// Waits for the server's word that a transport is connected.
pub(crate) async fn connected(signaling: &mut Signaling, transport: &str) {
    signaling.notified("transportState", |d| d["transportId"] == transport && d["state"] == "connected").await;
}

pub(crate) fn ice_credentials(parameters: &Value) -> IceCreds {
    assert_eq!(parameters["iceLite"], true);
    IceCreds { ufrag: text(&parameters["usernameFragment"]).to_owned(), pass: text(&parameters["password"]).to_owned() }
}

/// A session in RTP mode, with the payload types and extension ids of its direction.
fn session(direction: &str, dtls: DtlsVersion) -> Rtc {
    let is_sender = direction == "send";
    let mut config =
        RtcConfig::new().set_rtp_mode(true).enable_raw_packets(true).set_dtls_version(dtls).clear_codecs().clear_extension_map();
    for format in FORMATS {
        let payload_type = if is_sender { format.published_as } else { format.forwarded_as };
        config.codec_config().add_config(
            payload_type.into(),
            None,
            format.codec,
            format.frequency(),
            format.channels(),
            format.format_params(),
        );
    }
    let config = if is_sender {
        config.set_extension(PUBLISHED_MID_ID, Extension::RtpMid).set_extension(PUBLISHED_LEVEL_ID, Extension::AudioLevel)
    } else {
        // The router's id.
        config.set_extension(6, Extension::AudioLevel)
    };
    config.build(Instant::now())
}

fn remote_fingerprint(parameters: &Value) -> Fingerprint {
    let fingerprint = &parameters["fingerprints"][0];
    let digest = text(&fingerprint["value"]).split(':').map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"));
    Fingerprint { hash_func: text(&fingerprint["algorithm"]).to_owned(), bytes: digest.collect() }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn kind(format: &Format) -> &'static str {
    if format.codec.is_audio() { "audio" } else { "video" }
}

fn id(data: &Value) -> String {
    text(&data["id"]).to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
