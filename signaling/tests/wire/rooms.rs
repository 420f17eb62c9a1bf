//! Who comes, goes, comes back and is thrown out.

use crate::client::{admin_token, server, server_with, token, within};
use crate::engine::Mood;
use corelay_engine::control::{Command, Event, RoomEndReason};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_second_join_replaces_the_first() {
    let test = server().await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let (mut first, _) = test.join("lab", "ada").await;
    let old = bob.notified("participantJoined").await["participantId"].clone();
    let send = first.transport("send").await;
    first.produce_video(&send).await;
    bob.notified("newProducer").await;
    let (_second, joined) = test.join("lab", "ada").await;
    let (code, goodbye) = first.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4409, json!("replaced")));
    bob.notified("producerClosed").await;
    let left = bob.notified("participantLeft").await;
    assert_eq!((&left["participantId"], &left["reason"]), (&old, &json!("replaced")));
    assert_eq!(bob.notified("participantJoined").await["participantId"], joined["participantId"]);
    assert_eq!(joined["participants"].as_array().map(Vec::len), Some(1));
    assert_eq!(test.metric("corelay_participants").await, 2.0);
}

#[tokio::test]
async fn replacing_the_only_one_keeps_the_room() {
    let test = server().await;
    let (mut first, _) = test.join("lab", "ada").await;
    let (_second, _) = test.join("lab", "ada").await;
    assert_eq!(first.closed().await.0, 4409);
    let commands = test.stage.take_commands();
    assert_eq!(commands.iter().filter(|c| matches!(c, Command::OpenRoom { .. })).count(), 1);
    assert!(!commands.iter().any(|c| matches!(c, Command::CloseRoom { .. })));
}

#[tokio::test]
async fn a_lost_websocket_lingers_then_leaves() {
    let test = server_with(|_, limits| limits.linger = Duration::from_millis(300)).await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let (ada, _) = test.join("lab", "ada").await;
    bob.notified("participantJoined").await;
    let began = std::time::Instant::now();
    ada.vanish();
    assert_eq!(bob.notified("participantLeft").await["reason"], "disconnected");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn whoever_comes_back_in_time_is_seen_once() {
    let test = server_with(|_, limits| limits.linger = Duration::from_secs(3_600)).await;
    let (mut bob, _) = test.join("lab", "bob").await;
    let (ada, _) = test.join("lab", "ada").await;
    bob.notified("participantJoined").await;
    ada.vanish();
    let (_ada, _) = test.join("lab", "ada").await;
    assert_eq!(bob.notified("participantLeft").await["reason"], "replaced");
    bob.notified("participantJoined").await;
    assert_eq!(test.metric("corelay_participants").await, 2.0);
}

#[tokio::test]
async fn limits_of_node_and_room() {
    let test = server_with(|config, _| {
        config.participants_max = 3;
        config.room_participants_max = 2;
        config.rooms_max = 2;
    })
    .await;
    let (_a, _) = test.join("one", "a").await;
    let (_b, _) = test.join("one", "b").await;
    let mut third = test.connect(&token("one", "c")).await;
    assert_eq!(third.refused("join", json!({})).await, "full");
    let (code, goodbye) = third.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reconnect"].clone()), (4503, json!(true)));
    let (_again, _) = test.join("one", "b").await;
    let (_c, _) = test.join("two", "c").await;
    let mut fourth = test.connect(&token("two", "d")).await;
    assert_eq!(fourth.refused("join", json!({})).await, "full");
    assert_eq!(test.refusals("full").await, 2.0);
}

#[tokio::test]
async fn rooms_go_to_the_least_loaded_shard() {
    let test = server().await;
    let (_a, _) = test.join("one", "a").await;
    let (_b, _) = test.join("two", "b").await;
    let (_c, _) = test.join("two", "c").await;
    let (_d, _) = test.join("three", "d").await;
    let (_, body) = test.http(Method::GET, "/api/rooms", Some(&admin_token()), None).await;
    let rooms: Value = serde_json::from_str(&body).expect("JSON");
    let shard =
        |name: &str| rooms["rooms"].as_array().expect("a list").iter().find(|r| r["room"] == name).expect("there")["shard"].clone();
    assert_ne!(shard("one"), shard("two"));
    assert_eq!(shard("three"), shard("one"));
}

#[tokio::test]
async fn admins_make_and_end_rooms_and_remove_participants() {
    let test = server_with(|config, _| config.room_auto_create = false).await;
    let admin = admin_token();
    let (status, _) = test.http(Method::POST, "/api/rooms", Some(&admin), Some(json!({ "room": "lab" }))).await;
    assert_eq!(status, 201);
    let (status, _) = test.http(Method::POST, "/api/rooms", Some(&admin), Some(json!({ "room": "lab" }))).await;
    assert_eq!(status, 200);
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    ada.notified("participantJoined").await;
    let (status, _) = test.http(Method::DELETE, "/api/rooms/lab/participants/bob", Some(&admin), None).await;
    assert_eq!(status, 204);
    let (code, goodbye) = bob.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4403, json!("removed")));
    assert_eq!(ada.notified("participantLeft").await["reason"], "removed");
    let (status, _) = test.http(Method::DELETE, "/api/rooms/lab", Some(&admin), None).await;
    assert_eq!(status, 204);
    let (code, goodbye) = ada.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4403, json!("room-closed")));
    let (status, body) = test.http(Method::DELETE, "/api/rooms/lab", Some(&admin), None).await;
    assert_eq!(status, 404);
    assert!(body.contains("unknown-room"), "{body}");
    assert_eq!(test.metric("mediasoup_routers_total").await, 0.0);
}

#[tokio::test]
async fn a_shard_that_restarts_says_goodbye_to_its_rooms_only() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("den", "bob").await;
    let room =
        test.stage.take_commands().into_iter().find_map(|c| if let Command::OpenRoom { room } = c { Some(room) } else { None });
    test.stage.emit(Event::RoomEnded { room: room.expect("opened"), reason: RoomEndReason::ShardRestarted });
    let (code, goodbye) = ada.closed().await;
    let goodbye = goodbye.expect("a goodbye");
    assert_eq!((code, &goodbye["reason"], &goodbye["reconnect"]), (1012, &json!("shard-restarted"), &json!(true)));
    bob.ok("createWebRtcTransport", json!({ "direction": "send" })).await;
    let (_again, joined) = test.join("lab", "ada").await;
    assert_eq!(joined["participants"], json!([]));
}

/// What must not be lost waits until the mailbox has room: here the leaving of a participant.
#[tokio::test]
async fn a_full_mailbox_delays_and_loses_nothing() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    test.stage.take_commands();
    test.stage.set(Mood::Full);
    ada.ok("leave", json!({})).await;
    ada.closed().await;
    test.stage.set(Mood::Willing);
    let mut seen = Vec::new();
    within("the backlog leaves", async {
        while seen.len() < 2 {
            seen.extend(test.stage.take_commands());
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(seen[0], Command::Leave { .. }) && matches!(seen[1], Command::CloseRoom { .. }), "{seen:?}");
}
