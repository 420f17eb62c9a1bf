//! Which shard a room goes to, and what a shard can hold.

use crate::client::{TestServer, admin_token, server, server_of, token};
use corelay_engine::control::{Command, Event, RoomEndReason};
use reqwest::Method;
use serde_json::{Value, json};

async fn shard_of(test: &TestServer, room: &str) -> Value {
    let (_, body) = test.http(Method::GET, "/api/rooms", Some(&admin_token()), None).await;
    let rooms: Value = serde_json::from_str(&body).expect("JSON");
    rooms["rooms"].as_array().expect("a list").iter().find(|r| r["room"] == room).expect("there")["shard"].clone()
}

/// Two shards hold two participants each, and two rooms.
#[tokio::test]
async fn a_shard_that_is_full_has_its_rooms_go_on_elsewhere() {
    let test = server_of(4, |config, _| {
        config.participants_max = 4;
        config.room_participants_max = 4;
    })
    .await;
    for room in ["r0", "r1", "r2", "r3", "r4"] {
        let wish = Some(json!({ "room": room }));
        assert_eq!(test.http(Method::POST, "/api/rooms", Some(&admin_token()), wish).await.0, 201);
    }
    assert_eq!(shard_of(&test, "r0").await, shard_of(&test, "r4").await);
    let (_a, _) = test.join("r0", "a").await;
    let (_b, _) = test.join("r0", "b").await;
    assert_eq!(test.stage.counts(0).participants, 2);
    let (_c, _) = test.join("r4", "c").await;
    assert_ne!(shard_of(&test, "r4").await, json!(0), "its home is where somebody is");
    let (_again, _) = test.join("r0", "b").await;
    let (_d, _) = test.join("r0", "d").await;
    assert_eq!(shard_of(&test, "r0").await, 0);
    let mut e = test.connect(&token("r1", "e")).await;
    assert_eq!(e.refused("join", json!({})).await, "full", "the node is");
    assert_eq!(e.closed().await.0, 4503);
}

#[tokio::test]
async fn a_shard_that_started_anew_is_the_last_to_get_rooms() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    assert_eq!(shard_of(&test, "lab").await, 0);
    let opened = test.stage.take_commands();
    let room = opened.into_iter().find_map(|c| if let Command::OpenRoom { room } = c { Some(room) } else { None });
    test.stage.emit(Event::RoomEnded { room: room.expect("opened"), reason: RoomEndReason::ShardRestarted });
    assert_eq!(ada.closed().await.0, 1012);
    let (_ada, _) = test.join("lab", "ada").await;
    let (_bob, _) = test.join("den", "bob").await;
    assert_eq!((shard_of(&test, "lab").await, shard_of(&test, "den").await), (json!(1), json!(1)));
}
