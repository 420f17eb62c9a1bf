//! Each refusal that a client can read: its message and its counter.

use crate::client::{Client, SECRET, TestServer, dtls, produce, server, server_with, token, token_request, video, within};
use crate::engine::Mood;
use corelay::token::{PublishKind, TokenRequest, mint};
use corelay_engine::control::Refusal;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// Connects with `token`, which must be refused for `reason`.
async fn turned_away(test: &TestServer, token: &str, reason: &str) {
    let mut client = test.connect(token).await;
    let (code, goodbye) = client.closed().await;
    let goodbye = goodbye.expect("a goodbye");
    assert_eq!((code, &goodbye["reason"], &goodbye["reconnect"]), (4401, &json!(reason), &json!(false)));
    assert_eq!(test.refusals(reason).await, 1.0);
}

#[tokio::test]
async fn tokens() {
    let test = server().await;
    turned_away(&test, "not-a-token", "token-malformed").await;
    turned_away(
        &test,
        &mint(b"another secret, long enough as well", &token_request("lab", "eve")).expect("mints"),
        "token-bad-signature",
    )
    .await;
    let past = TokenRequest { ttl: Duration::ZERO, ..token_request("lab", "eve") };
    // Within the leeway it is still good.
    let mut late = test.connect(&mint(SECRET, &past).expect("mints")).await;
    late.ok("getRouterRtpCapabilities", json!({})).await;
    let audience = TokenRequest { audience: Some("mail".to_owned()), ..token_request("lab", "eve") };
    turned_away(&test, &mint(SECRET, &audience).expect("mints"), "token-wrong-audience").await;
    let roomless = TokenRequest { room: None, admin: true, ..token_request("lab", "eve") };
    turned_away(&test, &mint(SECRET, &roomless).expect("mints"), "token-missing-claim").await;
    assert_eq!(test.metric("mediasoup_routers_total").await, 0.0);
}

#[tokio::test]
async fn expired_and_unsigned_tokens() {
    use base64::Engine as _;
    let test = server().await;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(r#"{"sub":"eve","room":"lab","exp":4102444800}"#));
    turned_away(&test, &unsigned, "token-bad-signature").await;
    let claims = json!({ "sub": "eve", "room": "lab", "exp": 1_000_000_000 });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    let expired = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("signs");
    turned_away(&test, &expired, "token-expired").await;
}

#[tokio::test]
async fn a_missing_token_and_the_other_places_for_one() {
    let test = server().await;
    let url = format!("ws://{}/ws", test.address());
    let (socket, _) = within("connect", tokio_tungstenite::connect_async(&url)).await.expect("upgrades");
    let (code, goodbye) = Client::over(socket).closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4401, json!("token-missing")));

    let (socket, _) = tokio_tungstenite::connect_async(format!("{url}?token={}", token("lab", "ada"))).await.expect("upgrades");
    Client::over(socket).ok("join", json!({})).await;

    let mut request = url.into_client_request().expect("a URL");
    let header = format!("Bearer {}", token("lab", "bob")).parse().expect("a header");
    request.headers_mut().insert("Authorization", header);
    let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("upgrades");
    Client::over(socket).ok("join", json!({})).await;
}

#[tokio::test]
async fn what_is_no_websocket() {
    let test = server().await;
    let (status, body) = test.get("/ws").await;
    assert_eq!(status, 400);
    assert!(body.contains("connect here with a WebSocket"), "{body}");
    assert_eq!(test.refusals("malformed").await, 1.0);
}

#[tokio::test]
async fn foreign_origins() {
    let test = server().await;
    let mut request = format!("ws://{}/ws", test.address()).into_client_request().expect("a URL");
    request.headers_mut().insert("Origin", "https://evil.example".parse().expect("a header"));
    assert!(tokio_tungstenite::connect_async(request).await.is_err());
    assert_eq!(test.refusals("origin-not-allowed").await, 1.0);
}

#[tokio::test]
async fn rooms_that_nobody_made() {
    let test = server_with(|config, _| config.room_auto_create = false).await;
    let mut client = test.connect(&token("lab", "ada")).await;
    assert_eq!(client.refused("join", json!({})).await, "unknown-room");
    assert_eq!(test.refusals("unknown-room").await, 1.0);
}

#[tokio::test]
async fn grants() {
    let test = server().await;
    let grants = TokenRequest { publish: vec![PublishKind::Audio], subscribe: false, ..token_request("lab", "ada") };
    let mut client = test.connect(&mint(SECRET, &grants).expect("mints")).await;
    client.ok("join", json!({})).await;
    let send = client.transport("send").await;
    assert_eq!(client.refused("produce", produce(&send, "camera", &video())).await, "no-publish-grant");
    let recv = client.transport("recv").await;
    assert_eq!(client.refused("consume", json!({ "transportId": recv, "producerId": "x" })).await, "no-subscribe-grant");
    assert_eq!((test.refusals("no-publish-grant").await, test.refusals("no-subscribe-grant").await), (1.0, 1.0));
}

#[tokio::test]
async fn messages_that_are_none() {
    let test = server().await;
    let mut client = test.connect(&token("lab", "ada")).await;
    for (text, id, error) in [
        ("{nonsense", Value::Null, "malformed"),
        ("[]", Value::Null, "malformed"),
        (r#"{"request":true,"id":5,"method":7}"#, json!(5), "malformed"),
        (r#"{"request":true,"id":6,"method":"join","data":{"displayname":"x"}}"#, json!(6), "malformed"),
        (r#"{"request":true,"id":7,"method":"dance"}"#, json!(7), "unknown-method"),
    ] {
        client.send_text(text).await;
        let response = client.message().await;
        assert_eq!((&response["id"], &response["error"]), (&id, &json!(error)), "{text}");
    }
    client.send_message(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.message().await["error"], "malformed");
    assert_eq!((test.refusals("malformed").await, test.refusals("unknown-method").await), (5.0, 1.0));
    client.ok("join", json!({})).await;
}

#[tokio::test]
async fn too_many_errors_close() {
    let test = server_with(|_, limits| limits.errors_max = 3).await;
    let mut client = test.connect(&token("lab", "ada")).await;
    for _ in 0..3 {
        client.send_text("x").await;
    }
    let (code, goodbye) = client.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (1008, json!("malformed")));
}

#[tokio::test]
async fn too_large_messages_close() {
    let test = server().await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let mut client = test.connect(&token("lab", "ada")).await;
    client.send_text("x".repeat(64 * 1024 + 1)).await;
    let (code, goodbye) = client.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (1009, json!("too-large")));
    assert_eq!(test.refusals("too-large").await, 1.0);
    bob.ok("getRouterRtpCapabilities", json!({})).await;
}

/// The library gives up on these before they are complete. Whether the client can still read the goodbye is up to its kernel: the
/// server closes with bytes unread.
#[tokio::test]
async fn messages_that_are_not_even_read_close() {
    let test = server().await;
    let mut client = test.connect(&token("lab", "ada")).await;
    client.send_without_care("x".repeat(1024 * 1024)).await;
    within("it is counted", async { while test.refusals("too-large").await < 1.0 {} }).await;
    within("the connection ends", client.drain()).await;
}

#[tokio::test]
async fn requests_out_of_order() {
    let test = server().await;
    let mut client = test.connect(&token("lab", "ada")).await;
    assert_eq!(client.refused("createWebRtcTransport", json!({ "direction": "send" })).await, "out-of-order");
    assert_eq!(client.refused("leave", json!({})).await, "out-of-order");
    client.ok("join", json!({})).await;
    assert_eq!(client.refused("join", json!({})).await, "out-of-order");
    let send = client.transport("send").await;
    let connect = json!({ "transportId": send, "dtlsParameters": dtls() });
    client.ok("connectWebRtcTransport", connect.clone()).await;
    assert_eq!(client.refused("connectWebRtcTransport", connect).await, "out-of-order");
    assert_eq!(test.refusals("out-of-order").await, 4.0);
    assert_eq!(client.refused("consume", json!({ "transportId": send, "producerId": "x" })).await, "conflict");
    let recv = client.transport("recv").await;
    assert_eq!(client.refused("produce", produce(&recv, "camera", &video())).await, "conflict");
}

#[tokio::test]
async fn things_that_are_not_there() {
    let test = server().await;
    let (mut client, _) = test.join("lab", "ada").await;
    assert_eq!(client.refused("closeTransport", json!({ "transportId": "x" })).await, "unknown-transport");
    assert_eq!(client.refused("pauseProducer", json!({ "producerId": "x" })).await, "unknown-producer");
    assert_eq!(client.refused("resumeConsumer", json!({ "consumerId": "x" })).await, "unknown-consumer");
}

#[tokio::test]
async fn codecs_that_the_receiver_does_not_have() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let send = ada.transport("send").await;
    let camera = ada.produce_video(&send).await;
    let recv = bob.transport("recv").await;
    let consume = json!({ "transportId": recv, "producerId": camera, "rtpCapabilities": { "codecs": [] } });
    bob.notified("newProducer").await;
    assert_eq!(bob.refused("consume", consume).await, "cannot-consume");
    let mut unknown = video();
    unknown["codecs"][0]["mimeType"] = json!("video/H265");
    assert_eq!(ada.refused("produce", produce(&send, "screen", &unknown)).await, "unsupported");
}

#[tokio::test]
async fn a_shard_that_is_silent_full_or_unwilling() {
    let test = server_with(|_, limits| limits.shard_timeout = Duration::from_millis(50)).await;
    let (mut client, _) = test.join("lab", "ada").await;
    let send = client.transport("send").await;
    for mood in [Mood::Silent, Mood::Full] {
        test.stage.set(mood);
        assert_eq!(client.refused("produce", produce(&send, "camera", &video())).await, "busy");
    }
    assert_eq!(
        client.refused("createWebRtcTransport", json!({ "direction": "recv" })).await,
        "busy",
        "a full mailbox takes nothing"
    );
    for (refusal, name) in [
        (Refusal::Full("tracks"), "full"),
        (Refusal::Conflict("the SSRC is in use"), "conflict"),
        (Refusal::State("not now"), "out-of-order"),
        (Refusal::Unknown("transport"), "unknown-transport"),
    ] {
        test.stage.set(Mood::Refusing(refusal));
        assert_eq!(client.refused("produce", produce(&send, "camera", &video())).await, name);
    }
    test.stage.set(Mood::Willing);
    client.produce_video(&send).await;
    assert_eq!(test.metric("mediasoup_transports_total").await, 1.0, "those that failed are gone");
    assert_eq!(test.metric("mediasoup_producers_total").await, 1.0);
}
