//! A whole session, every message checked against the schema.

use crate::client::{Client, audio, dtls, produce, server, token, video, within};
use corelay_engine::control::{Command, Event, SrtpProfile, TransportFailure, TransportState};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, client_async};

#[tokio::test]
async fn two_participants_from_hello_to_leave() {
    let test = server().await;
    let mut ada = test.connect(&token("lab", "ada")).await;
    let router = ada.ok("getRouterRtpCapabilities", json!({})).await;
    let joined = ada.ok("join", json!({ "displayName": "Ada", "rtpCapabilities": router, "device": { "name": "test" } })).await;
    assert_eq!(joined["participants"], json!([]));
    assert_eq!(joined["protocolVersion"], 1);

    let (mut bob, bob_joined) = test.join("lab", "bob").await;
    assert_eq!(bob_joined["participants"][0]["displayName"], "Ada");
    assert_eq!(ada.notified("participantJoined").await["identity"], "bob");

    let send = ada.transport("send").await;
    ada.ok("connectWebRtcTransport", json!({ "transportId": send, "dtlsParameters": dtls() })).await;
    let camera = ada.produce_video(&send).await;
    let microphone = ada.ok("produce", produce(&send, "microphone", &audio())).await["id"].clone();
    let info = bob.notified("newProducer").await;
    assert_eq!((&info["producerId"], &info["source"], &info["appData"]), (&json!(camera), &json!("camera"), &json!({ "tile": 1 })));
    assert_eq!(bob.notified("newProducer").await["producerId"], microphone);

    let recv = bob.transport("recv").await;
    let first = bob.ok("consume", json!({ "transportId": recv, "producerId": camera, "paused": true })).await;
    let second = bob.ok("consume", json!({ "transportId": recv, "producerId": microphone })).await;
    assert_eq!(first["rtpParameters"]["codecs"][0]["payloadType"], 102, "the router's number");
    assert_eq!(first["rtpParameters"]["rtcp"]["cname"], second["rtpParameters"]["rtcp"]["cname"], "one participant, one cname");
    assert_ne!(first["rtpParameters"]["encodings"][0]["ssrc"], second["rtpParameters"]["encodings"][0]["ssrc"]);
    assert_eq!((&first["rtpParameters"]["mid"], &second["rtpParameters"]["mid"]), (&json!("0"), &json!("1")));
    bob.ok("resumeConsumer", json!({ "consumerId": first["id"] })).await;
    bob.ok("requestConsumerKeyFrame", json!({ "consumerId": first["id"] })).await;
    bob.ok("pauseConsumer", json!({ "consumerId": first["id"] })).await;
    bob.ok("closeConsumer", json!({ "consumerId": second["id"] })).await;
    let third = bob.ok("consume", json!({ "transportId": recv, "producerId": microphone })).await;
    assert_eq!(third["rtpParameters"]["mid"], "2", "a mid is never used twice");

    ada.ok("pauseProducer", json!({ "producerId": camera })).await;
    assert_eq!(bob.notified("producerPaused").await["producerId"], json!(camera));
    ada.ok("resumeProducer", json!({ "producerId": camera })).await;
    bob.notified("producerResumed").await;
    ada.ok("restartIce", json!({ "transportId": send })).await;
    ada.ok("closeProducer", json!({ "producerId": camera })).await;
    assert_eq!(bob.notified("consumerClosed").await["consumerId"], first["id"]);
    bob.notified("producerClosed").await;

    ada.ok("closeTransport", json!({ "transportId": send })).await;
    assert_eq!(bob.notified("consumerClosed").await["consumerId"], third["id"]);
    assert_eq!(bob.notified("producerClosed").await["producerId"], microphone);
    ada.ok("leave", json!({})).await;
    assert_eq!(ada.closed().await, (1000, None));
    assert_eq!(bob.notified("participantLeft").await["reason"], "left");
    bob.ok("leave", json!({})).await;
    assert_eq!(bob.closed().await.0, 1000);
    everything_is_gone(&test).await;
}

async fn everything_is_gone(test: &crate::client::TestServer) {
    for name in ["routers", "transports", "producers", "consumers"] {
        assert_eq!(test.metric(&format!("mediasoup_{name}_total")).await, 0.0, "{name}");
    }
    assert_eq!(test.metric("corelay_participants").await, 0.0);
    let commands = test.stage.take_commands();
    let count = |is: fn(&Command) -> bool| commands.iter().filter(|c| is(c)).count();
    assert_eq!(count(|c| matches!(c, Command::OpenRoom { .. })), count(|c| matches!(c, Command::CloseRoom { .. })));
    assert_eq!(count(|c| matches!(c, Command::Join { .. })), count(|c| matches!(c, Command::Leave { .. })));
    assert!(count(|c| matches!(c, Command::CloseTransport { .. })) == 1 && count(|c| matches!(c, Command::CloseTrack { .. })) == 1);
}

#[tokio::test]
async fn transport_states_reach_their_owner_only() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    ada.notified("participantJoined").await;
    let public_id = ada.transport("send").await;
    let transport = test.stage.transports()[0];
    let connected = TransportState::Connected {
        after: Duration::from_millis(80),
        profile: SrtpProfile::AeadAes128Gcm,
        remote: "127.0.0.1:9".parse().expect("an address"),
    };
    for (state, name) in
        [(TransportState::Checking, "checking"), (connected, "connected"), (TransportState::Disconnected, "disconnected")]
    {
        test.stage.emit(Event::TransportState { transport, state });
        let told = ada.notified("transportState").await;
        assert_eq!((&told["transportId"], &told["state"]), (&json!(public_id), &json!(name)));
    }
    test.stage.emit(Event::TransportState { transport, state: connected });
    assert_eq!(ada.notified("transportState").await["state"], "connected");
    let count = test.metric("webrtc_transport_connection_duration_seconds_count").await;
    assert_eq!(count, 1.0, "coming back is no first connection");
    test.stage.emit(Event::TransportState { transport, state: TransportState::Failed(TransportFailure::FingerprintMismatch) });
    assert_eq!(ada.notified("transportState").await["reason"], "fingerprint-mismatch");
    bob.ok("getRouterRtpCapabilities", json!({})).await;
    assert!(bob.notifications.is_empty());
}

#[tokio::test]
async fn requests_may_be_sent_without_waiting() {
    let test = server().await;
    let mut ada = test.connect(&token("lab", "ada")).await;
    let join = ada.send("join", json!({})).await;
    let transport = ada.send("createWebRtcTransport", json!({ "direction": "send" })).await;
    let leave = ada.send("leave", json!({})).await;
    for id in [join, transport, leave] {
        assert_eq!(ada.response(id).await["ok"], true);
    }
    assert_eq!(ada.closed().await.0, 1000);
}

#[tokio::test]
async fn a_producer_of_another_room_cannot_be_consumed() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut eve, _) = test.join("den", "eve").await;
    let send = ada.transport("send").await;
    let camera = ada.produce_video(&send).await;
    let recv = eve.transport("recv").await;
    assert_eq!(eve.refused("consume", json!({ "transportId": recv, "producerId": camera })).await, "unknown-producer");
    let own = ada.transport("recv").await;
    assert_eq!(ada.refused("consume", json!({ "transportId": own, "producerId": camera })).await, "unknown-producer");
    let foreign = json!({ "transportId": send, "dtlsParameters": dtls() });
    assert_eq!(eve.refused("connectWebRtcTransport", foreign).await, "unknown-transport");
    assert_eq!(eve.refused("closeProducer", json!({ "producerId": camera })).await, "unknown-producer");
    let conflicting = produce(&send, "screen", &{
        let mut parameters = video();
        parameters["codecs"][0]["mimeType"] = json!("video/VP9");
        parameters["encodings"][0]["ssrc"] = json!(5);
        parameters
    });
    assert_eq!(ada.refused("produce", conflicting).await, "conflict");
}

/// As from a proxy that keeps its connections.
#[tokio::test]
async fn a_connection_that_was_used_before_becomes_a_websocket() {
    let test = server().await;
    let mut stream = TcpStream::connect(test.address()).await.expect("connects");
    stream.write_all(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("writes");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(within("the answer", stream.read_u8()).await.expect("reads"));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let url = format!("ws://{}/ws?token={}", test.address(), token("lab", "ada"));
    let (socket, _) = within("connect", client_async(url, MaybeTlsStream::Plain(stream))).await.expect("upgrades");
    let joined = Client::over(socket).ok("join", json!({})).await;
    assert_eq!(joined["identity"], "ada");
}
