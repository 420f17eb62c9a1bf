//! What one client may take up.

use crate::client::{Client, produce, server, server_with, token, video, within};
use serde_json::json;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A client that joins and then reads nothing, with as little buffer in its kernel as it may have.
pub(crate) async fn stalled(address: std::net::SocketAddr) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("sets");
    let stream = socket.connect(address).await.expect("connects");
    let mut request = format!("ws://{address}/ws").into_client_request().expect("a URL");
    let protocols = format!("corelay.v1, bearer.{}", token("lab", "stalled"));
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().expect("a header"));
    let (socket, _) = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream)).await.expect("upgrades");
    let mut client = Client::over(socket);
    client.ok("join", json!({})).await;
    client
}

/// Whole, it would stay in the server's memory for as long as the WebSocket lives.
#[tokio::test]
async fn a_long_answer_comes_in_frames() {
    let test = server().await;
    // Of three bytes each: some lie across two frames.
    let name = "\u{20ac}".repeat(128);
    let mut others = Vec::new();
    for n in 0..40 {
        let mut other = test.connect(&token("lab", &format!("other-{n}"))).await;
        other.ok("join", json!({ "displayName": name })).await;
        others.push(other);
    }
    let url = format!("ws://{}/ws?token={}", test.address(), token("lab", "ada"));
    let config = WebSocketConfig::default().max_frame_size(Some(6 * 1024));
    let connecting = tokio_tungstenite::connect_async_with_config(url, Some(config), true);
    let (socket, _) = within("connect", connecting).await.expect("upgrades");
    let joined = Client::over(socket).ok("join", json!({})).await;
    assert!(joined.to_string().len() > 2 * 6 * 1024);
    let seen = joined["participants"].as_array().expect("a list");
    assert_eq!(seen.iter().filter(|other| other["displayName"] == name).count(), others.len());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let test = server_with(|_, limits| {
        limits.requests_burst = NonZeroU32::MAX;
        limits.broadcasts_burst = NonZeroU32::MAX;
        limits.queue_bytes_max = 64 * 1024;
        limits.linger = Duration::ZERO;
    })
    .await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let mut stalled = stalled(test.address()).await;
    ada.notified("participantJoined").await;
    let send = ada.transport("send").await;
    let mut wish = produce(&send, "camera", &video());
    wish["appData"] = json!({ "filler": "x".repeat(4_000) });
    within("the server lets go of it", async {
        while ada.notifications.is_empty() {
            let producer = ada.ok("produce", wish.clone()).await["id"].clone();
            ada.ok("closeProducer", json!({ "producerId": producer })).await;
        }
    })
    .await;
    assert_eq!(ada.notified("participantLeft").await["reason"], "disconnected");
    assert_eq!(test.metric("corelay_signaling_sessions_ended_total{cause=\"slow-reader\"}").await, 1.0);
    within("the connection ends", stalled.drain()).await;
}

#[tokio::test]
async fn silence_ends_a_session() {
    let test = server_with(|_, limits| {
        limits.silence_max = Duration::from_millis(200);
        limits.linger = Duration::ZERO;
    })
    .await;
    let (quiet, _) = test.join("lab", "quiet").await;
    within("the session ends", async { while test.metric("corelay_participants").await > 0.0 {} }).await;
    assert_eq!(test.metric("corelay_signaling_sessions_ended_total{cause=\"silent\"}").await, 1.0);
    quiet.vanish();
}

#[tokio::test]
async fn pings_are_answered_and_keep_a_session() {
    let test = server_with(|_, limits| {
        limits.silence_max = Duration::from_millis(800);
        limits.ping_interval = Duration::from_millis(100);
    })
    .await;
    let (mut ada, _) = test.join("lab", "ada").await;
    // The library answers pings while it reads.
    assert!(tokio::time::timeout(Duration::from_secs(2), ada.message()).await.is_err());
    ada.ok("getRouterRtpCapabilities", json!({})).await;
}

#[tokio::test]
async fn connections_that_do_not_join() {
    let test = server_with(|_, limits| {
        limits.join_timeout = Duration::from_millis(300);
        limits.lobby_max = 1;
    })
    .await;
    let mut first = test.connect(&token("lab", "a")).await;
    first.ok("getRouterRtpCapabilities", json!({})).await;
    let mut second = test.connect(&token("lab", "b")).await;
    assert_eq!(second.closed().await.0, 4503);
    let (code, goodbye) = first.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (1008, json!("out-of-order")));
}

#[tokio::test]
async fn one_identity_cannot_fill_the_lobby() {
    let test = server_with(|_, limits| limits.lobby_per_identity_max = 2).await;
    let (_first, mut second) = (test.connect(&token("lab", "a")).await, test.connect(&token("den", "a")).await);
    second.ok("getRouterRtpCapabilities", json!({})).await;
    let mut third = test.connect(&token("lab", "a")).await;
    let (code, goodbye) = third.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (1008, json!("too-many-requests")));
    test.connect(&token("lab", "b")).await.ok("getRouterRtpCapabilities", json!({})).await;
    second.ok("join", json!({})).await;
    test.connect(&token("lab", "a")).await.ok("getRouterRtpCapabilities", json!({})).await;
}

/// Reads until the server closes, which it must.
async fn closed_by_server(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    within("the server closes", stream.read_to_end(&mut answer)).await.expect("an orderly end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let test = server_with(|_, limits| limits.header_timeout = Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(test.address()).await.expect("connects");
    closed_by_server(&mut silent).await;
    let mut slow = TcpStream::connect(test.address()).await.expect("connects");
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("writes");
    closed_by_server(&mut slow).await;
    let mut ada = test.join("lab", "ada").await.0;
    let mut idle = TcpStream::connect(test.address()).await.expect("connects");
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("writes");
    assert!(closed_by_server(&mut idle).await.starts_with("HTTP/1.1 200"));
    ada.ok("getRouterRtpCapabilities", json!({})).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_connection() {
    let test = server_with(|_, limits| {
        limits.http_time_max = Duration::from_millis(200);
        limits.header_timeout = Duration::from_millis(200);
    })
    .await;
    let mut slow = TcpStream::connect(test.address()).await.expect("connects");
    slow.write_all(b"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await.expect("writes");
    closed_by_server(&mut slow).await;
}

#[tokio::test]
async fn connections_beyond_the_number_wait() {
    let test = server_with(|config, limits| {
        (config.participants_max, config.room_participants_max) = (1, 1);
        (limits.lobby_max, limits.http_connections_max) = (1, 0);
    })
    .await;
    let (mut ada, _) = test.join("lab", "ada").await;
    // One that says nothing is not accepted yet, and holds no place.
    let _silent = TcpStream::connect(test.address()).await.expect("the kernel takes it");
    let mut held = TcpStream::connect(test.address()).await.expect("connects");
    held.write_all(b"GET /health HTTP/1.1\r\n").await.expect("writes");
    let mut waiting = TcpStream::connect(test.address()).await.expect("the kernel takes it");
    waiting.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("writes");
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.readable()).await;
    assert!(early.is_err(), "a WebSocket and a connection hold the two places");
    ada.ok("getRouterRtpCapabilities", json!({})).await;
    drop(held);
    assert!(closed_by_server(&mut waiting).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn transports_producers_and_app_data_are_bounded() {
    let test = server_with(|_, limits| {
        limits.transports_max = 2;
        limits.producers_max = 1;
        limits.consumers_max = 1;
    })
    .await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let send = ada.transport("send").await;
    ada.transport("recv").await;
    assert_eq!(ada.refused("createWebRtcTransport", json!({ "direction": "recv" })).await, "full");
    let mut wish = produce(&send, "camera", &video());
    wish["appData"] = json!({ "filler": "x".repeat(5_000) });
    assert_eq!(ada.refused("produce", wish).await, "malformed");
    let camera = ada.produce_video(&send).await;
    assert_eq!(ada.refused("produce", produce(&send, "screen", &video())).await, "full");
    let recv = bob.transport("recv").await;
    bob.ok("consume", json!({ "transportId": recv, "producerId": camera })).await;
    assert_eq!(bob.refused("consume", json!({ "transportId": recv, "producerId": camera })).await, "full");
}
