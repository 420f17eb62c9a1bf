//! Rooms over several shards: who goes where, what each shard is told of a track, and that nothing is left anywhere.

use crate::client::{Client, TestServer, admin_token, audio, produce, server_of, token, within};
use crate::contents::Counts;
use crate::engine::Mood;
use corelay::limits::Limits;
use corelay_engine::config::Config;
use corelay_engine::control::{Command, Refusal};
use corelay_wire::ids::ShardId;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A server whose rooms have one participant on a shard before they spill.
async fn spilling(shards: u16, change: impl FnOnce(&mut Config, &mut Limits)) -> TestServer {
    server_of(shards, |config, limits| {
        config.spill_participants = 1;
        change(config, limits);
    })
    .await
}

async fn room(test: &TestServer, name: &str) -> Value {
    let (_, body) = test.http(Method::GET, "/api/rooms", Some(&admin_token()), None).await;
    let rooms: Value = serde_json::from_str(&body).expect("JSON");
    rooms["rooms"].as_array().expect("a list").iter().find(|r| r["room"] == name).expect("there").clone()
}

/// Ada publishes on shard 0, bob is on shard 1 with a transport to receive on.
struct Call {
    test: TestServer,
    ada: Client,
    bob: Client,
    camera: String,
    recv: String,
}

impl Call {
    async fn start(change: impl FnOnce(&mut Config, &mut Limits)) -> Self {
        let test = spilling(2, change).await;
        let (mut ada, _) = test.join("lab", "ada").await;
        let (mut bob, _) = test.join("lab", "bob").await;
        ada.notified("participantJoined").await;
        let send = ada.transport("send").await;
        let camera = ada.produce_video(&send).await;
        bob.notified("newProducer").await;
        let recv = bob.transport("recv").await;
        assert_eq!((test.stage.counts(0).tracks, test.stage.counts(1).participants), (1, 1));
        Self { test, ada, bob, camera, recv }
    }

    fn wish(&self) -> Value {
        json!({ "transportId": self.recv, "producerId": self.camera })
    }

    async fn consume(&mut self) -> String {
        let consumed = self.bob.ok("consume", self.wish()).await;
        consumed["id"].as_str().expect("an id").to_owned()
    }

    /// What shard 1 was told of the track since it was asked last.
    fn told(&self) -> Vec<&'static str> {
        let told = self.test.stage.take_commands_with_shards().into_iter().filter(|(shard, _)| *shard == ShardId(1));
        told.filter_map(|(_, command)| match command {
            Command::Mirror { source: ShardId(0), .. } => Some("mirror"),
            Command::Subscribe { .. } => Some("subscribe"),
            Command::Unsubscribe { .. } => Some("unsubscribe"),
            Command::PauseTrack { .. } => Some("pause"),
            Command::CloseTrack { .. } => Some("close"),
            _ => None,
        })
        .collect()
    }

    /// Sends until shard 1 has the command.
    async fn until_told(&self, what: &str) -> Vec<&'static str> {
        let mut told = Vec::new();
        within(what, async {
            while !told.contains(&what) {
                told.extend(self.told());
                tokio::task::yield_now().await;
            }
        })
        .await;
        told
    }

    async fn end(mut self) {
        self.ada.ok("leave", json!({})).await;
        self.bob.ok("leave", json!({})).await;
        nothing_is_left(&self.test).await;
    }
}

/// In signaling and on all shards.
async fn nothing_is_left(test: &TestServer) {
    within("everyone leaves", async { while test.metric("corelay_participants").await > 0.0 {} }).await;
    for name in ["routers", "transports", "producers", "consumers"] {
        assert_eq!(test.metric(&format!("mediasoup_{name}_total")).await, 0.0, "{name}");
    }
    for name in ["rooms", "participants", "mirrors"] {
        assert_eq!(test.metric(&format!("corelay_placed_{name}{{shard=\"0\"}}")).await, 0.0, "{name}");
    }
    test.stage.is_clear();
}

#[tokio::test]
async fn a_room_spills_and_its_parts_are_told() {
    let test = spilling(2, |_, _| {}).await;
    let mut clients = Vec::new();
    for identity in ["a", "b", "c", "d"] {
        clients.push(test.join("lab", identity).await.0);
    }
    let lab = room(&test, "lab").await;
    assert_eq!((&lab["shard"], &lab["shards"]), (&json!(0), &json!([0, 1])));
    let shards: Vec<&Value> = lab["participants"].as_array().expect("a list").iter().map(|p| &p["shard"]).collect();
    assert_eq!(shards, [0, 1, 0, 1], "in turns, once each has its fill");
    let candidates = clients[1].ok("createWebRtcTransport", json!({ "direction": "recv" })).await["iceCandidates"].clone();
    assert_eq!(candidates[0]["port"], 10_001, "those of the shard that the participant is on");
    for mut client in clients {
        client.ok("leave", json!({})).await;
    }
    nothing_is_left(&test).await;
}

#[tokio::test]
async fn one_mirror_serves_everyone_on_the_shard() {
    let mut call = Call::start(|_, _| {}).await;
    call.test.stage.take_commands();
    let first = call.consume().await;
    let second = call.consume().await;
    assert_eq!(call.told(), ["mirror", "subscribe", "subscribe"]);
    call.bob.ok("closeConsumer", json!({ "consumerId": first })).await;
    assert_eq!(call.told(), ["unsubscribe"]);
    call.bob.ok("closeConsumer", json!({ "consumerId": second })).await;
    assert_eq!(call.told(), ["unsubscribe", "close"], "the last one");
    call.consume().await;
    assert_eq!(call.told(), ["mirror", "subscribe"]);
    assert_eq!(
        call.test.stage.counts(1),
        Counts { rooms: 1, participants: 1, transports: 1, mirrors: 1, subscriptions: 1, tracks: 0 }
    );
    let recv = call.recv.clone();
    call.bob.ok("closeTransport", json!({ "transportId": recv })).await;
    assert_eq!(call.test.stage.counts(1), Counts { rooms: 1, participants: 1, ..Counts::default() });
    call.end().await;
}

#[tokio::test]
async fn who_is_at_home_needs_no_mirror() {
    let mut call = Call::start(|_, _| {}).await;
    // So that shard 1 has more to do and the next one goes to shard 0.
    call.consume().await;
    call.test.stage.take_commands();
    let (mut eve, _) = call.test.join("lab", "eve").await;
    let recv = eve.transport("recv").await;
    eve.ok("consume", json!({ "transportId": recv, "producerId": call.camera })).await;
    assert_eq!((call.test.stage.counts(0).subscriptions, call.test.stage.counts(0).mirrors), (1, 0));
    assert!(!call.test.stage.take_commands().iter().any(|c| matches!(c, Command::Mirror { .. })));
    eve.ok("leave", json!({})).await;
    call.ada.notified("participantJoined").await;
    call.end().await;
}

#[tokio::test]
async fn a_mirror_is_what_the_track_is() {
    let mut call = Call::start(|_, _| {}).await;
    let camera = json!({ "producerId": call.camera });
    call.ada.ok("pauseProducer", camera.clone()).await;
    call.consume().await;
    let commands = call.test.stage.take_commands();
    let published = commands.iter().find_map(|c| match c {
        Command::Publish { track, parameters, .. } => Some((track, parameters)),
        _ => None,
    });
    let names: Vec<_> =
        commands.iter().filter_map(|c| if let Command::Join { cname, .. } = c { Some(cname) } else { None }).collect();
    let mirrored = commands.iter().find_map(|c| match c {
        Command::Mirror { track, parameters, cname, paused, .. } => Some(((track, parameters), cname, *paused)),
        _ => None,
    });
    assert_eq!(mirrored, Some((published.expect("was published"), names[0], true)));
    call.ada.ok("resumeProducer", camera.clone()).await;
    for shard in 0..2 {
        assert!(!call.test.stage.pauses(shard)[0].2, "shard {shard}");
    }
    call.ada.ok("pauseProducer", camera.clone()).await;
    for shard in 0..2 {
        assert!(call.test.stage.pauses(shard)[0].2, "shard {shard}");
    }
    call.ada.ok("closeProducer", camera).await;
    call.bob.notified("producerPaused").await;
    assert_eq!((call.test.stage.counts(0).tracks, call.test.stage.counts(1).mirrors), (0, 0));
    assert_eq!(call.test.stage.counts(1).subscriptions, 0);
    call.end().await;
}

/// The shard has the commands, and what it answers comes when all is over.
#[tokio::test]
async fn a_producer_that_ends_while_its_mirror_is_made() {
    let mut call = Call::start(|_, _| {}).await;
    call.test.stage.set_on(1, Mood::Slow);
    let consume = call.bob.send("consume", call.wish()).await;
    assert_eq!(call.until_told("subscribe").await, ["mirror", "subscribe"]);
    call.ada.ok("closeProducer", json!({ "producerId": call.camera })).await;
    assert_eq!(call.told(), ["close"]);
    call.test.stage.set_on(1, Mood::Willing);
    assert_eq!(call.bob.response(consume).await["error"], "unknown-producer");
    assert_eq!(call.told(), ["unsubscribe"]);
    assert_eq!(call.test.stage.counts(1), Counts { rooms: 1, participants: 1, transports: 1, ..Counts::default() });
    call.end().await;
}

#[tokio::test]
async fn a_consumer_that_is_removed_while_its_mirror_is_made() {
    let mut call = Call::start(|_, _| {}).await;
    call.test.stage.set_on(1, Mood::Slow);
    call.bob.send("consume", call.wish()).await;
    call.until_told("subscribe").await;
    let admin = admin_token();
    assert_eq!(call.test.http(Method::DELETE, "/api/rooms/lab/participants/bob", Some(&admin), None).await.0, 204);
    assert_eq!(call.told(), ["close"], "before it is known whether there is one");
    call.test.stage.set_on(1, Mood::Willing);
    assert_eq!(call.bob.closed().await.0, 4403);
    call.ada.ok("leave", json!({})).await;
    nothing_is_left(&call.test).await;
}

#[tokio::test]
async fn a_publisher_that_leaves_while_its_mirror_is_made() {
    let mut call = Call::start(|_, _| {}).await;
    call.test.stage.set_on(1, Mood::Slow);
    let consume = call.bob.send("consume", call.wish()).await;
    call.until_told("subscribe").await;
    call.ada.ok("leave", json!({})).await;
    call.test.stage.set_on(1, Mood::Willing);
    assert_eq!(call.bob.response(consume).await["error"], "unknown-producer");
    assert_eq!(call.test.stage.counts(1).mirrors, 0);
    call.bob.ok("leave", json!({})).await;
    nothing_is_left(&call.test).await;
}

/// Two at once: the second relies on the mirror that the first asked for.
#[tokio::test]
async fn a_mirror_that_is_refused_is_asked_for_again() {
    let mut call = Call::start(|_, _| {}).await;
    let (mut eve, _) = call.test.join("lab", "eve").await;
    assert_eq!(call.test.stage.counts(1).participants, 2);
    let recv = eve.transport("recv").await;
    call.told();
    call.test.stage.set_on(1, Mood::RefusingMirrors(Refusal::Full("tracks")));
    let wish = call.wish();
    let (first, second) = (
        call.bob.send("consume", wish).await,
        eve.send("consume", json!({ "transportId": recv, "producerId": call.camera })).await,
    );
    let errors = [call.bob.response(first).await["error"].clone(), eve.response(second).await["error"].clone()];
    assert!(errors.iter().all(|e| e == "full" || e == "busy") && errors.contains(&json!("full")), "{errors:?}");
    call.test.stage.set_on(1, Mood::Willing);
    call.told();
    call.consume().await;
    assert_eq!(call.told(), ["mirror", "subscribe"]);
    eve.ok("consume", json!({ "transportId": recv, "producerId": call.camera })).await;
    assert_eq!((call.told(), call.test.stage.counts(1).mirrors), (vec!["subscribe"], 1));
    eve.ok("leave", json!({})).await;
    call.end().await;
}

#[tokio::test]
async fn a_shard_that_answers_too_late_keeps_nothing() {
    let mut call = Call::start(|_, limits| limits.shard_timeout = Duration::from_millis(50)).await;
    call.test.stage.set_on(1, Mood::Silent);
    let wish = call.wish();
    assert_eq!(call.bob.refused("consume", wish).await, "busy");
    assert_eq!(call.told(), ["mirror", "subscribe", "unsubscribe", "close"]);
    call.test.stage.set_on(1, Mood::Willing);
    call.consume().await;
    assert_eq!(call.told(), ["mirror", "subscribe"]);
    call.end().await;
}

/// What must reach a shard waits for it, and does not keep other shards waiting.
#[tokio::test]
async fn a_mailbox_that_is_full_delays_the_end_of_a_mirror() {
    let mut call = Call::start(|_, _| {}).await;
    call.consume().await;
    call.told();
    call.test.stage.set_on(1, Mood::Full);
    let camera = json!({ "producerId": call.camera });
    call.ada.ok("pauseProducer", camera.clone()).await;
    call.ada.ok("resumeProducer", camera.clone()).await;
    call.ada.ok("closeProducer", camera).await;
    assert_eq!((call.test.stage.counts(0).tracks, call.test.stage.counts(1).mirrors), (0, 1));
    call.test.stage.set_on(1, Mood::Willing);
    assert_eq!(call.until_told("close").await, ["pause", "close"]);
    assert_eq!(call.test.stage.counts(1).mirrors, 0);
    call.end().await;
}

#[tokio::test]
async fn a_mailbox_that_is_full_takes_no_mirror() {
    let mut call = Call::start(|_, _| {}).await;
    call.test.stage.set_on(1, Mood::Full);
    let wish = call.wish();
    assert_eq!(call.bob.refused("consume", wish).await, "busy");
    call.test.stage.set_on(1, Mood::Willing);
    call.consume().await;
    assert_eq!(call.test.stage.counts(1).mirrors, 1);
    call.end().await;
}

/// Those on the other shards go on with each other, and hear who is gone.
#[tokio::test]
async fn a_shard_that_restarts_ends_its_part_of_the_call() {
    for dead in [0, 1] {
        let mut call = Call::start(|_, _| {}).await;
        call.consume().await;
        let send = call.bob.transport("send").await;
        let microphone = call.bob.ok("produce", produce(&send, "microphone", &audio())).await["id"].clone();
        call.ada.notified("newProducer").await;
        let recv = call.ada.transport("recv").await;
        let heard = call.ada.ok("consume", json!({ "transportId": recv, "producerId": microphone })).await["id"].clone();
        call.test.stage.restart(dead);
        let Call { test, ada, bob, .. } = call;
        let (mut gone, mut staying) = if dead == 0 { (ada, bob) } else { (bob, ada) };
        let (code, goodbye) = gone.closed().await;
        assert_eq!((code, &goodbye.expect("a goodbye")["reason"]), (1012, &json!("shard-restarted")));
        let closed = staying.notified("consumerClosed").await;
        assert!(dead == 0 || closed["consumerId"] == heard);
        staying.notified("producerClosed").await;
        assert_eq!(staying.notified("participantLeft").await["reason"], "failed");
        let alive = 1 - dead;
        assert_eq!(test.stage.counts(alive), Counts { rooms: 1, participants: 1, transports: 2, tracks: 1, ..Counts::default() });
        let lab = room(&test, "lab").await;
        assert_eq!((&lab["shard"], &lab["shards"]), (&json!(alive), &json!([alive])), "the home is where somebody is");
        // Back, and not onto the shard that failed a moment ago.
        let back = if dead == 0 { "ada" } else { "bob" };
        let (mut again, joined) = test.join("lab", back).await;
        assert_eq!(joined["participants"].as_array().map(Vec::len), Some(1));
        assert_eq!(room(&test, "lab").await["shards"], json!([alive]));
        again.ok("leave", json!({})).await;
        staying.ok("leave", json!({})).await;
        nothing_is_left(&test).await;
    }
}

#[tokio::test]
async fn the_home_follows_the_participants() {
    let mut call = Call::start(|_, _| {}).await;
    assert_eq!(room(&call.test, "lab").await["shard"], 0);
    call.ada.ok("leave", json!({})).await;
    let lab = room(&call.test, "lab").await;
    assert_eq!((&lab["shard"], &lab["shards"]), (&json!(1), &json!([1])));
    assert_eq!(call.test.stage.counts(0), Counts::default(), "nobody of the room is there any more");
    call.bob.ok("leave", json!({})).await;
    nothing_is_left(&call.test).await;
}

#[tokio::test]
async fn a_kept_room_moves_off_a_shard_that_restarted() {
    let test = spilling(2, |config, _| config.room_auto_create = false).await;
    let admin = admin_token();
    assert_eq!(test.http(Method::POST, "/api/rooms", Some(&admin), Some(json!({ "room": "lab" }))).await.0, 201);
    let (mut ada, _) = test.join("lab", "ada").await;
    test.stage.restart(0);
    assert_eq!(ada.closed().await.0, 1012);
    assert_eq!(room(&test, "lab").await["shards"], json!([1]));
    let (mut ada, _) = test.join("lab", "ada").await;
    assert_eq!((test.stage.counts(0).rooms, test.stage.counts(1).participants), (0, 1));
    ada.ok("leave", json!({})).await;
    ada.closed().await;
    assert_eq!(test.stage.counts(1), Counts { rooms: 1, ..Counts::default() });
    assert_eq!(test.http(Method::DELETE, "/api/rooms/lab", Some(&admin), None).await.0, 204);
    nothing_is_left(&test).await;
}

#[tokio::test]
async fn whoever_comes_back_keeps_the_shard() {
    let call = Call::start(|_, _| {}).await;
    let (mut bob, _) = call.test.join("lab", "bob").await;
    let lab = room(&call.test, "lab").await;
    assert_eq!(lab["participants"][1]["shard"], 1);
    assert_eq!(call.test.stage.counts(1), Counts { rooms: 1, participants: 1, ..Counts::default() });
    bob.ok("leave", json!({})).await;
    assert_eq!(call.test.stage.counts(1), Counts::default());
}

#[tokio::test]
async fn a_busy_shard_gets_nobody_while_another_is_free() {
    let test = server_of(2, |_, _| {}).await;
    let (_ada, _) = test.join("lab", "ada").await;
    test.stage.keep_busy(0, 750);
    let (_bob, _) = test.join("lab", "bob").await;
    test.stage.keep_busy(1, 800);
    let (_eve, _) = test.join("lab", "eve").await;
    let lab = room(&test, "lab").await;
    let shards: Vec<&Value> = lab["participants"].as_array().expect("a list").iter().map(|p| &p["shard"]).collect();
    assert_eq!(shards, [0, 1, 0]);
    let (_, body) = test.http(Method::GET, "/api/stats", Some(&admin_token()), None).await;
    let stats: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(stats["shards"][1]["busyPermille"], 800);
}

/// The room of two thousand and its publishers, by what the defaults allow.
#[tokio::test]
async fn a_room_may_be_larger_than_a_shard() {
    let test = server_of(4, |config, _| {
        config.participants_max = 8;
        config.room_participants_max = 8;
    })
    .await;
    let mut clients = Vec::new();
    for n in 0..8 {
        clients.push(test.join("lab", &format!("p{n}")).await.0);
    }
    for shard in 0..4 {
        assert!(test.stage.counts(shard).participants <= 4, "twice its even share");
    }
    let mut late = test.connect(&token("lab", "late")).await;
    assert_eq!(late.refused("join", json!({})).await, "full");
}

/// Comings, goings, and failing shards in an order that nobody thought of. At the end nothing is left anywhere.
#[tokio::test]
async fn churn_leaves_nothing() {
    for seed in 1..=4 {
        let test = spilling(3, |_, limits| limits.restart_shadow = Duration::ZERO).await;
        let mut churn = Churn { test, random: seed, people: Default::default() };
        for _ in 0..120 {
            churn.step().await;
        }
        churn.end().await;
    }
}

struct Churn {
    test: TestServer,
    random: u64,
    people: std::collections::BTreeMap<usize, Person>,
}

struct Person {
    client: Client,
    send: String,
    recv: String,
    published: Vec<String>,
    consumed: Vec<(String, String)>,
}

impl Churn {
    /// A linear congruential generator (the constants are Knuth's): its high bits are random enough.
    fn below(&mut self, n: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % n
    }

    async fn step(&mut self) {
        let who = self.below(6);
        match self.below(12) {
            0 => self.restart().await,
            1 | 2 => self.leave(who).await,
            3 | 4 => self.close(who).await,
            5..=7 => self.publish(who).await,
            _ => self.consume(who).await,
        }
    }

    async fn join(&mut self, who: usize) {
        if !self.people.contains_key(&who) {
            let (mut client, _) = self.test.join("lab", &format!("p{who}")).await;
            let (send, recv) = (client.transport("send").await, client.transport("recv").await);
            self.people.insert(who, Person { client, send, recv, published: Vec::new(), consumed: Vec::new() });
        }
    }

    async fn publish(&mut self, who: usize) {
        self.join(who).await;
        let person = self.people.get_mut(&who).expect("joined");
        if person.published.len() < 3 {
            let mut wish = produce(&person.send, "microphone", &audio());
            wish["rtpParameters"]["encodings"][0]["ssrc"] = json!(1_000 + person.published.len());
            let id = person.client.ok("produce", wish).await["id"].as_str().expect("an id").to_owned();
            person.published.push(id);
        }
    }

    async fn consume(&mut self, who: usize) {
        self.join(who).await;
        let others = self.people.iter().filter(|(id, _)| **id != who);
        let choice: Vec<String> = others.flat_map(|(_, person)| person.published.clone()).collect();
        if choice.is_empty() {
            return;
        }
        let producer = choice[self.below(choice.len())].clone();
        let person = self.people.get_mut(&who).expect("joined");
        let wish = json!({ "transportId": person.recv, "producerId": producer });
        let id = person.client.ok("consume", wish).await["id"].as_str().expect("an id").to_owned();
        person.consumed.push((id, producer));
    }

    async fn close(&mut self, who: usize) {
        let ends_consumer = self.below(2) == 0;
        let Some(person) = self.people.get_mut(&who) else { return };
        if ends_consumer {
            if let Some((consumer, _)) = person.consumed.pop() {
                person.client.ok("closeConsumer", json!({ "consumerId": consumer })).await;
            }
        } else if let Some(producer) = person.published.pop() {
            person.client.ok("closeProducer", json!({ "producerId": producer })).await;
            self.forget(&[producer]);
        }
    }

    async fn leave(&mut self, who: usize) {
        if let Some(mut person) = self.people.remove(&who) {
            person.client.ok("leave", json!({})).await;
            self.forget(&person.published);
        }
    }

    async fn restart(&mut self) {
        let dead = self.below(3) as u16;
        let rooms = self.test.stage.counts(dead).rooms;
        if rooms == 0 {
            return;
        }
        let lab = room(&self.test, "lab").await;
        self.test.stage.restart(dead);
        for member in lab["participants"].as_array().expect("a list").iter().filter(|p| p["shard"] == dead) {
            let who: usize = member["identity"].as_str().and_then(|id| id.strip_prefix('p')?.parse().ok()).expect("one of ours");
            let mut person = self.people.remove(&who).expect("joined");
            assert_eq!(person.client.closed().await.0, 1012);
            self.forget(&person.published);
        }
    }

    fn forget(&mut self, producers: &[String]) {
        for person in self.people.values_mut() {
            person.consumed.retain(|(_, producer)| !producers.contains(producer));
        }
    }

    async fn end(mut self) {
        let consumed: usize = self.people.values().map(|p| p.consumed.len()).sum();
        let held: usize = (0..3).map(|shard| self.test.stage.counts(shard).subscriptions).sum();
        assert_eq!((consumed, self.test.metric("mediasoup_consumers_total").await), (held, held as f64));
        for who in 0..6 {
            self.leave(who).await;
        }
        nothing_is_left(&self.test).await;
    }
}
