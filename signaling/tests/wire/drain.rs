//! The way out.

use crate::client::{server, server_with, token, within};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn draining_lets_calls_end_and_takes_no_new_ones() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let mut waiting = test.connect(&token("lab", "waiting")).await;
    waiting.ok("getRouterRtpCapabilities", json!({})).await;
    assert_eq!(test.get("/ready").await.0, 200);
    test.server.signal();
    assert_eq!(ada.notified("serverDraining").await["deadlineSeconds"], 300);
    let (status, body) = test.get("/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains("draining"), "{body}");
    assert_eq!(test.get("/health").await.0, 200);
    assert_eq!(waiting.refused("join", json!({})).await, "draining");
    assert_eq!(waiting.closed().await.0, 4503);
    let mut late = test.connect(&token("lab", "late")).await;
    assert_eq!(late.refused("join", json!({})).await, "draining");
    let (code, goodbye) = late.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4503, json!("draining")));
    assert_eq!(test.refusals("draining").await, 2.0);
    ada.ok("createWebRtcTransport", json!({ "direction": "send" })).await;
    ada.ok("leave", json!({})).await;
    ada.closed().await;
    within("the server ends", test.server.ended()).await;
}

#[tokio::test]
async fn whoever_is_in_a_call_may_come_back_while_draining() {
    let test = server_with(|_, limits| limits.linger = Duration::from_secs(3_600)).await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let (ada, _) = test.join("lab", "ada").await;
    bob.notified("participantJoined").await;
    test.server.signal();
    bob.notified("serverDraining").await;
    ada.vanish();
    let (mut ada, joined) = test.join("lab", "ada").await;
    assert_eq!(joined["participants"][0]["identity"], "bob");
    ada.ok("createWebRtcTransport", json!({ "direction": "send" })).await;
    let mut late = test.connect(&token("lab", "late")).await;
    assert_eq!(late.refused("join", json!({})).await, "draining");
    assert_eq!(late.closed().await.0, 4503);
}

#[tokio::test]
async fn the_deadline_ends_calls_with_a_goodbye() {
    let test = server_with(|config, _| config.drain_timeout = Duration::from_millis(200)).await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let mut lobby = test.connect(&token("lab", "lobby")).await;
    lobby.ok("getRouterRtpCapabilities", json!({})).await;
    test.server.signal();
    for client in [&mut ada, &mut lobby] {
        let (code, goodbye) = client.closed().await;
        let goodbye = goodbye.expect("a goodbye");
        assert_eq!((code, &goodbye["reason"], &goodbye["reconnect"]), (1001, &json!("server-shutdown"), &json!(true)));
    }
    within("the server ends", test.server.ended()).await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    test.server.signal();
    ada.notified("serverDraining").await;
    test.server.signal();
    assert_eq!(ada.closed().await.0, 1001);
    within("the server ends", test.server.ended()).await;
}
