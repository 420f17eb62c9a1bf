//! Layers, scores, speakers, numbers and traces: from the client's wish to the shard, and from the shard's word to the client.

use crate::client::{Client, TestServer, admin_token, audio, produce, server, token_request, video};
use corelay::token::mint;
use corelay_engine::control::{Command, Event, Loudness, Preferences, SpeakerOptions, Target, Trace, Viewport, Why};
use corelay_wire::ids::{ParticipantId, RoomId, SubscriptionId, TrackId};
use corelay_wire::units::{Bitrate, Instant};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Ada publishes three encodings, Bob receives them.
struct Call {
    test: TestServer,
    ada: Client,
    bob: Client,
    producer: Value,
    consumer: Value,
    transport: String,
    room: RoomId,
    publisher: ParticipantId,
    track: TrackId,
    subscription: SubscriptionId,
}

fn simulcast() -> Value {
    let mut parameters = video();
    parameters["encodings"] = json!([{ "rid": "r0" }, { "rid": "r1" }, { "rid": "r2", "scalabilityMode": "L1T3" }]);
    let rid = json!({ "uri": "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "id": 10 });
    parameters["headerExtensions"].as_array_mut().expect("a list").push(rid);
    parameters
}

async fn call() -> Call {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let (mut bob, _) = test.join("lab", "bob").await;
    ada.notified("participantJoined").await;
    let send = ada.transport("send").await;
    let producer = ada.ok("produce", produce(&send, "camera", &simulcast())).await["id"].clone();
    bob.notified("newProducer").await;
    let transport = bob.transport("recv").await;
    let wishes = json!({ "transportId": transport, "producerId": producer, "paused": true, "priority": 9,
        "preferredLayers": { "spatialLayer": 1 }, "viewport": { "width": 640, "height": 360 }, "followSpeakers": true });
    let consumed = bob.ok("consume", wishes).await;
    assert_eq!(
        (&consumed["type"], &consumed["rtpParameters"]["encodings"][0]["scalabilityMode"]),
        (&json!("simulcast"), &json!("S3T3"))
    );
    let consumer = consumed["id"].clone();
    let commands = test.stage.take_commands();
    let room = find(&commands, |c| if let Command::OpenRoom { room } = c { Some(*room) } else { None });
    let publisher = find(&commands, |c| if let Command::Join { participant, .. } = c { Some(*participant) } else { None });
    let track = find(&commands, |c| if let Command::Publish { track, .. } = c { Some(*track) } else { None });
    let (subscription, preferences) = find(&commands, |c| match c {
        Command::Subscribe { subscription, parameters, .. } => Some((*subscription, parameters.preferences)),
        _ => None,
    });
    let viewport = Viewport { width: 640, height: 360 };
    let wished = Preferences { spatial: 1, temporal: 255, priority: 9, viewport, follows_speakers: true };
    assert_eq!(preferences, wished);
    Call { test, ada, bob, producer, consumer, transport, room, publisher, track, subscription }
}

fn find<T>(commands: &[Command], pick: impl Fn(&Command) -> Option<T>) -> T {
    commands.iter().find_map(pick).unwrap_or_else(|| panic!("not among {commands:?}"))
}

#[tokio::test]
async fn wishes_reach_the_shard() {
    let mut call = call().await;
    let Call { test, ada, bob, consumer, subscription, .. } = &mut call;
    bob.ok("setConsumerPreferredLayers", json!({ "consumerId": consumer, "spatialLayer": 2, "temporalLayer": 0 })).await;
    bob.ok("setConsumerPreferredLayers", json!({ "consumerId": consumer })).await;
    bob.ok("setConsumerPriority", json!({ "consumerId": consumer, "priority": 255 })).await;
    bob.ok("setConsumerViewport", json!({ "consumerId": consumer, "width": 0, "height": 180 })).await;
    bob.ok("setConsumerFollowSpeakers", json!({ "consumerId": consumer, "follow": false })).await;
    let commands = test.stage.take_commands();
    let layers: Vec<_> = commands
        .iter()
        .filter_map(|c| match c {
            Command::PreferLayers { subscription, spatial, temporal } => Some((*subscription, *spatial, *temporal)),
            _ => None,
        })
        .collect();
    assert_eq!(layers, [(*subscription, 2, 0), (*subscription, 255, 255)]);
    assert_eq!(find(&commands, |c| if let Command::SetPriority { priority, .. } = c { Some(*priority) } else { None }), 255);
    let viewport = find(&commands, |c| if let Command::SetViewport { viewport, .. } = c { Some(*viewport) } else { None });
    assert!(viewport.is_hidden());
    assert!(!find(&commands, |c| if let Command::FollowSpeakers { follow, .. } = c { Some(*follow) } else { None }));
    let foreign = json!({ "consumerId": consumer, "width": 1, "height": 1 });
    assert_eq!(ada.refused("setConsumerViewport", foreign).await, "unknown-consumer");
    let zero = r#"{"request":true,"id":900,"method":"setConsumerPriority","data":{"consumerId":"x","priority":0}}"#;
    ada.send_text(zero).await;
    assert_eq!(ada.response(900).await["error"], "malformed");
}

#[tokio::test]
async fn what_is_sent_and_why_is_told_to_its_receiver() {
    let mut call = call().await;
    let Call { test, bob, consumer, subscription, .. } = &mut call;
    let subscription = *subscription;
    let layers = Some(Target { layer: 1, spatial: 0, temporal: 2 });
    test.stage.emit(Event::SelectionChanged { subscription, layers, why: Why::Bandwidth { estimate: Bitrate(500_000) } });
    let told = bob.notified("consumerLayersChanged").await;
    assert_eq!(
        told,
        json!({ "consumerId": consumer, "layers": { "spatialLayer": 1, "temporalLayer": 2 }, "why": "bandwidth", "estimateBps": 500_000 })
    );
    test.stage.emit(Event::SelectionChanged { subscription, layers: None, why: Why::LayerSilent });
    let told = bob.notified("consumerLayersChanged").await;
    assert_eq!(told, json!({ "consumerId": consumer, "layers": null, "why": "layer-silent" }));
    test.stage.emit(Event::SubscriptionScore { subscription, score: 7, track_score: 9 });
    let told = bob.notified("consumerScore").await;
    assert_eq!(told, json!({ "consumerId": consumer, "score": 7, "producerScore": 9 }));
    bob.ok("closeConsumer", json!({ "consumerId": consumer })).await;
    test.stage.emit(Event::SubscriptionScore { subscription, score: 1, track_score: 1 });
    bob.ok("getRouterRtpCapabilities", json!({})).await;
    assert!(bob.notifications.is_empty(), "nobody is told of what is closed");
}

#[tokio::test]
async fn what_is_wanted_is_told_to_its_publisher() {
    let mut call = call().await;
    let Call { test, ada, producer, track, .. } = &mut call;
    test.stage.emit(Event::LayersWanted { track: *track, layers: 0b101 });
    let told = ada.notified("producerLayersWanted").await;
    assert_eq!(told, json!({ "producerId": producer, "encodings": [true, false, true] }));
    test.stage.emit(Event::TrackScore { track: *track, score: 8, layers: [Some(8), None, Some(2), None] });
    let told = ada.notified("producerScore").await;
    assert_eq!(told, json!({ "producerId": producer, "score": 8, "encodings": [8, null, 2] }));
}

#[tokio::test]
async fn a_publisher_may_hear_of_its_producer_before_the_answer() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let send = ada.transport("send").await;
    test.stage.take_commands();
    test.stage.set(crate::engine::Mood::Slow);
    let id = ada.send("produce", produce(&send, "camera", &simulcast())).await;
    let track = crate::client::within("the command", async {
        loop {
            let pick = |c: &Command| if let Command::Publish { track, .. } = c { Some(*track) } else { None };
            match test.stage.take_commands().iter().find_map(pick) {
                Some(track) => break track,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    test.stage.emit(Event::LayersWanted { track, layers: 1 });
    let early = ada.notified("producerLayersWanted").await;
    test.stage.set(crate::engine::Mood::Willing);
    assert_eq!(ada.response(id).await["data"]["id"], early["producerId"]);
}

#[tokio::test]
async fn speakers_are_told_by_the_rooms_home_only() {
    let mut call = call().await;
    let Call { test, ada, bob, producer, track, room, .. } = &mut call;
    let (room, track) = (*room, *track);
    bob.ok("setAudioLevels", json!({ "intervalMs": 20 })).await;
    let every = |commands: &[Command]| {
        find(commands, |c| if let Command::SetSpeakers { options, .. } = c { Some(options.levels_every) } else { None })
    };
    assert_eq!(every(&test.stage.take_commands()), Some(SpeakerOptions::LEVELS_EVERY_MIN), "not oftener than that");
    let loudest = Box::from([Loudness { track, dbov: -30 }, Loudness { track: TrackId(999), dbov: -60 }]);
    test.stage.emit(Event::Speakers { room, active: Some(track), loudest });
    let told = ada.notified("activeSpeaker").await;
    assert_eq!(told["producerId"], *producer);
    assert_eq!(bob.notified("activeSpeaker").await, told);
    let levels = bob.notified("audioLevels").await;
    let level = json!({ "producerId": producer, "participantId": told["participantId"], "dbov": -30 });
    assert_eq!(levels["levels"], json!([level]), "what ended meanwhile is left out");
    let (_eve, joined) = test.join("lab", "eve").await;
    assert_eq!(joined["activeSpeaker"], told);
    bob.notified("participantJoined").await;
    test.stage.emit_from(1, Event::Speakers { room, active: None, loudest: Box::default() });
    bob.ok("setAudioLevels", json!({})).await;
    assert_eq!(every(&test.stage.take_commands()), None);
    test.stage.emit(Event::Speakers { room, active: None, loudest: Box::default() });
    assert_eq!(bob.notified("activeSpeaker").await, json!({ "participantId": null, "producerId": null }));
    bob.ok("getRouterRtpCapabilities", json!({})).await;
    assert!(bob.notifications.is_empty(), "no levels after they were ended");
}

#[tokio::test]
async fn who_leaves_takes_its_interval_of_levels_along() {
    let mut call = call().await;
    call.ada.ok("setAudioLevels", json!({ "intervalMs": 1000 })).await;
    call.bob.ok("setAudioLevels", json!({ "intervalMs": 200 })).await;
    call.bob.ok("leave", json!({})).await;
    call.ada.notified("participantLeft").await;
    let commands = call.test.stage.take_commands();
    let told: Vec<_> = commands
        .iter()
        .filter_map(|c| if let Command::SetSpeakers { options, .. } = c { options.levels_every } else { None })
        .collect();
    assert_eq!(told, [1_000, 200, 1_000].map(Duration::from_millis));
}

#[tokio::test]
async fn a_room_is_made_with_its_speakers() {
    let test = server().await;
    let wish = json!({ "room": "hall", "audioSpeakers": 3, "videoSpeakers": 9 });
    assert_eq!(test.http(Method::POST, "/api/rooms", Some(&admin_token()), Some(wish)).await.0, 201);
    let options =
        find(&test.stage.take_commands(), |c| if let Command::SetSpeakers { options, .. } = c { Some(*options) } else { None });
    assert_eq!(options, SpeakerOptions { streams: Some(3), videos: 9, levels_every: None });
}

#[tokio::test]
async fn numbers_have_the_names_of_the_wire() {
    let mut call = call().await;
    let Call { test, ada, bob, producer, consumer, transport, .. } = &mut call;
    let own = bob.ok("getStats", json!({})).await;
    assert_eq!(
        (own["transports"][0]["transportId"].as_str(), own["transports"][0]["roundTripMs"].as_f64()),
        (Some(transport.as_str()), Some(40.3))
    );
    let received = &own["consumers"][0];
    assert_eq!((&received["consumerId"], &received["producerId"]), (&*consumer, &*producer));
    assert_eq!(
        (&received["why"], &received["estimateBps"], &received["lostPercent"]),
        (&json!("bandwidth"), &json!(1_200_000), &json!(10.5))
    );
    assert_eq!((&received["preferredLayers"], &received["targetLayers"]), (&json!({ "temporalLayer": 1 }), &Value::Null));
    let sent = ada.ok("getStats", json!({})).await;
    let encoding = &sent["producers"][0]["encodings"][0];
    assert_eq!((&encoding["rid"], &encoding["width"], &encoding["bitrateBps"]), (&json!("r0"), &json!(320), &json!(400_000)));
    assert_eq!(received["publisherId"], sent["participantId"]);

    let (status, body) = test.http(Method::GET, "/api/stats/rooms/lab", Some(&admin_token()), None).await;
    assert_eq!(status, 200);
    let room: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(room["participants"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&room["participants"][1]["identity"], &room["participants"][1]["consumers"][0]["why"]),
        (&json!("bob"), &json!("bandwidth"))
    );
    let path = "/api/stats/rooms/lab/participants/ada";
    assert_eq!(test.http(Method::GET, path, Some(&admin_token()), None).await.0, 200);
    assert_eq!(test.http(Method::GET, path, None, None).await.0, 401);
    for path in ["/api/stats/rooms/nowhere", "/api/stats/rooms/lab/participants/nobody"] {
        assert_eq!(test.http(Method::GET, path, Some(&admin_token()), None).await.0, 404);
    }
}

#[tokio::test]
async fn an_admin_of_the_room_may_trace() {
    let mut call = call().await;
    let Call { test, ada, publisher, track, subscription, producer, .. } = &mut call;
    let id = ada.ok("getStats", json!({})).await["participantId"].clone();
    assert_eq!(ada.refused("setTrace", json!({ "participantId": id, "enabled": true })).await, "no-admin-grant");
    let token = mint(crate::client::SECRET, &corelay::token::TokenRequest { admin: true, ..token_request("lab", "warden") })
        .expect("mints");
    let mut warden = test.connect(&token).await;
    warden.ok("join", json!({})).await;
    assert_eq!(warden.refused("setTrace", json!({ "participantId": "nobody", "enabled": true })).await, "unknown-participant");
    warden.ok("setTrace", json!({ "participantId": id, "enabled": true })).await;
    let traced = |commands: &[Command]| {
        find(commands, |c| if let Command::Trace { participant, on } = c { Some((*participant, *on)) } else { None })
    };
    assert_eq!(traced(&test.stage.take_commands()), (*publisher, true));
    let (participant, at) = (*publisher, Instant::from_millis(1_500));
    let transport = test.stage.known_transport();
    for (trace, kind) in [
        (Trace::Probe { transport, bitrate: Bitrate(900_000) }, "probe"),
        (Trace::Estimate { transport, estimate: Bitrate(800_000), round_trip: Some(Duration::from_millis(30)) }, "bwe"),
        (Trace::KeyframeRequested { track: *track, layer: 2 }, "keyframe-request"),
        (Trace::Keyframe { track: *track, layer: 2 }, "keyframe"),
        (Trace::LayerSwitch { subscription: *subscription, layers: None, why: Why::Paused }, "layer-switch"),
        (Trace::NackSent { track: *track, layer: 0, packets: 3 }, "nack-sent"),
        (Trace::NackReceived { subscription: *subscription, packets: 2 }, "nack-received"),
    ] {
        test.stage.emit(Event::Trace { participant, at, trace });
        let told = warden.notified("trace").await;
        assert_eq!((&told["type"], &told["participantId"], &told["atMs"]), (&json!(kind), &id, &json!(1_500.0)));
        if kind == "keyframe" {
            assert_eq!((&told["producerId"], &told["encoding"]), (&*producer, &json!(2)));
        }
    }
    warden.ok("leave", json!({})).await;
    warden.closed().await;
    assert_eq!(traced(&test.stage.take_commands()), (*publisher, false), "nobody listens any more");
}

#[tokio::test]
async fn a_screen_is_published_as_one() {
    let test = server().await;
    let (mut ada, _) = test.join("lab", "ada").await;
    let send = ada.transport("send").await;
    ada.ok("produce", produce(&send, "screen", &video())).await;
    ada.ok("produce", produce(&send, "microphone", &audio())).await;
    let commands = test.stage.take_commands();
    let screens: Vec<bool> = commands
        .iter()
        .filter_map(|c| if let Command::Publish { parameters, .. } = c { Some(parameters.screen) } else { None })
        .collect();
    assert_eq!(screens, [true, false]);
}
