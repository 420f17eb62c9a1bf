//! How fast a client may be, and what becomes of what it sends faster.

use crate::client::{produce, server_with, token, video, within};
use crate::engine::Mood;
use crate::limits::stalled;
use corelay_engine::control::Command;
use serde_json::json;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const fn nonzero(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

#[tokio::test]
async fn requests_beyond_the_rate_wait_and_are_carried_out() {
    let test = server_with(|_, limits| {
        limits.requests_burst = nonzero(5);
        limits.requests_per_second = nonzero(50);
        limits.errors_max = 1;
    })
    .await;
    let mut client = test.connect(&token("lab", "ada")).await;
    let began = Instant::now();
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(client.send("getRouterRtpCapabilities", json!({})).await);
    }
    for id in sent {
        assert_eq!(client.response(id).await["ok"], true);
    }
    assert!(began.elapsed() >= Duration::from_millis(290), "15 of them wait 20 ms each: {:?}", began.elapsed());
    assert_eq!(test.refusals("too-many-requests").await, 0.0);
}

#[tokio::test]
async fn what_everyone_is_told_has_a_rate_of_its_own() {
    let test = server_with(|_, limits| {
        limits.broadcasts_burst = nonzero(1);
        limits.broadcasts_per_second = nonzero(10);
    })
    .await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let send = ada.transport("send").await;
    let camera = json!({ "producerId": ada.produce_video(&send).await });
    let began = Instant::now();
    for _ in 0..2 {
        ada.ok("pauseProducer", camera.clone()).await;
        ada.ok("resumeProducer", camera.clone()).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "three of them wait for 100 ms: {:?}", began.elapsed());
    let began = Instant::now();
    ada.ok("closeProducer", camera).await;
    assert!(began.elapsed() < Duration::from_secs(1), "closing does not wait");
}

#[tokio::test]
async fn a_join_answer_beyond_the_queue_reaches_the_client() {
    let test = server_with(|_, limits| limits.queue_bytes_max = 16 * 1024).await;
    let mut there = Vec::new();
    for identity in ["a", "b", "c", "d", "e", "f"] {
        let (mut client, _) = test.join("lab", identity).await;
        let send = client.transport("send").await;
        let mut wish = produce(&send, "camera", &video());
        wish["appData"] = json!({ "filler": "x".repeat(4_000) });
        client.ok("produce", wish).await;
        there.push(client);
    }
    let (mut late, joined) = test.join("lab", "late").await;
    assert!(joined.to_string().len() > 16 * 1024);
    late.transport("recv").await;
}

#[tokio::test]
async fn app_data_counts_for_all_producers_together() {
    let test = server_with(|_, _| {}).await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let send = ada.transport("send").await;
    let mut camera = produce(&send, "camera", &video());
    camera["appData"] = json!({ "filler": "x".repeat(3_000) });
    let producer = ada.ok("produce", camera).await["id"].clone();
    let mut screen = produce(&send, "screen", &video());
    screen["rtpParameters"]["encodings"][0]["ssrc"] = json!(7);
    screen["appData"] = json!({ "filler": "x".repeat(2_000) });
    assert_eq!(ada.refused("produce", screen.clone()).await, "malformed");
    ada.ok("closeProducer", json!({ "producerId": producer })).await;
    ada.ok("produce", screen).await;
}

#[tokio::test]
async fn a_client_that_cannot_be_written_to_is_lost() {
    let test = server_with(|_, limits| {
        limits.requests_burst = NonZeroU32::MAX;
        limits.broadcasts_burst = NonZeroU32::MAX;
        limits.queue_bytes_max = usize::MAX / 2;
        limits.queue_messages_max = 1_000_000;
        limits.write_timeout = Duration::from_millis(100);
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
    assert_eq!(test.metric("corelay_signaling_sessions_ended_total{cause=\"lost\"}").await, 1.0);
    within("the connection ends", stalled.drain()).await;
}

/// While a mailbox is full, what waits for it grows with what there is, not with what is asked.
#[tokio::test]
async fn a_full_mailbox_is_not_filled_further() {
    let test = server_with(|_, limits| limits.broadcasts_burst = NonZeroU32::MAX).await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let send = ada.transport("send").await;
    let camera = json!({ "producerId": ada.produce_video(&send).await });
    let recv = bob.transport("recv").await;
    let consumed = bob.ok("consume", json!({ "transportId": recv, "producerId": camera["producerId"] })).await;
    let consumer = json!({ "consumerId": consumed["id"] });
    test.stage.take_commands();
    test.stage.set(Mood::Full);
    for _ in 0..10 {
        ada.ok("resumeProducer", camera.clone()).await;
        ada.ok("pauseProducer", camera.clone()).await;
        bob.ok("requestConsumerKeyFrame", consumer.clone()).await;
        bob.ok("pauseConsumer", consumer.clone()).await;
        assert_eq!(ada.refused("produce", produce(&send, "screen", &video())).await, "busy");
        assert_eq!(bob.refused("createWebRtcTransport", json!({ "direction": "recv" })).await, "busy");
    }
    test.stage.set(Mood::Willing);
    bob.ok("closeConsumer", consumer).await;
    let mut seen = Vec::new();
    within("the backlog leaves", async {
        while !matches!(seen.last(), Some(Command::Unsubscribe { .. })) {
            seen.extend(test.stage.take_commands());
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(
        matches!(
            seen[..],
            [
                Command::PauseTrack { paused: true, .. },
                Command::PauseSubscription { paused: true, .. },
                Command::Unsubscribe { .. }
            ]
        ),
        "{seen:?}"
    );
}
