//! One room on two shards, as clients see it: nobody can tell where the others are.

use crate::check::{caught_up, complete, count};
use crate::patience::{LOOK_INTERVAL, PATIENCE};
use crate::peer::{Manner, Peer, Subscription, flow_until};
use crate::server::{metric, start_fragile, start_spilling, until_empty};
use crate::source::{OPUS, VP8};
use corelay_wire::ids::ShardId;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Instant;

/// Enough to see that a stream goes on.
const PACKETS: usize = 60;

/// Peers with what they receive of the first one, which publishes.
struct Call {
    peers: Vec<Peer>,
    producers: Vec<String>,
    /// Whose they are, and of which producer.
    subscriptions: Vec<(usize, Subscription, String)>,
}

impl Call {
    /// The first publishes audio and video.
    async fn start(server: SocketAddr, receivers: usize) -> Self {
        let mut peers = vec![Peer::join(server, "spill", "peer0", Manner::default()).await];
        let mut call = Self { producers: Vec::new(), subscriptions: Vec::new(), peers: Vec::new() };
        for format in [OPUS, VP8] {
            call.producers.push(peers[0].publish(format).await);
        }
        call.peers = peers;
        for _ in 0..receivers {
            call.join(server).await;
        }
        call.flow().await;
        call
    }

    async fn join(&mut self, server: SocketAddr) {
        if (0..self.peers.len()).all(|peer| !self.is_away(peer)) {
            until_second_is_less_busy(server).await;
        }
        let index = self.peers.len();
        let mut peer = Peer::join(server, "spill", &format!("peer{index}"), Manner::default()).await;
        for producer in &self.producers {
            self.subscriptions.push((index, peer.consume(producer).await, producer.clone()));
        }
        self.peers.push(peer);
    }

    /// Lets every stream go on for a while.
    async fn flow(&mut self) {
        let before: Vec<usize> = self.subscriptions.iter().map(|(to, s, _)| count(&self.peers[*to], s)).collect();
        let subscriptions = &self.subscriptions;
        flow_until("media goes on", &mut self.peers, |peers| {
            subscriptions.iter().zip(&before).all(|((to, s, _), before)| count(&peers[*to], s) >= before + PACKETS)
        })
        .await;
    }

    /// Fails unless everyone got everything since its first packet, in order.
    async fn is_complete(&self) {
        for (to, subscription, producer) in &self.subscriptions {
            let (receiver, source) = (&self.peers[*to], self.peers[0].source(producer));
            receiver.receive.leg.until("the last packet", |seen| caught_up(seen, subscription, source)).await;
            complete(receiver, subscription, source);
        }
    }

    /// Whether a peer is on another shard than the publisher: each has a port of its own.
    fn is_away(&self, peer: usize) -> bool {
        self.peers[peer].receive.server.port() != self.peers[0].receive.server.port()
    }

    async fn end(self, server: SocketAddr) {
        for peer in self.peers {
            peer.leave().await;
        }
        until_empty(server).await;
    }
}

#[tokio::test]
async fn everyone_receives_wherever_they_are() {
    let server = start_spilling(2).await;
    let mut call = Call::start(server.address(), 3).await;
    assert!(!call.is_away(1) && call.is_away(2) && call.is_away(3));
    call.flow().await;
    call.is_complete().await;
    let mirrors = metric(server.address(), "corelay_placed_mirrors{shard=\"1\"}").await;
    assert_eq!(mirrors, 2.0, "one for each track, however many receive it");
    call.end(server.address()).await;
}

/// Of two shards that may take someone the less loaded does, by what each posted of its last second: on a machine that does other things
/// that may be any of them for a while.
async fn until_second_is_less_busy(server: SocketAddr) {
    let busy = async |shard: u8| metric(server, &format!("corelay_shard_busy_ratio{{shard=\"{shard}\"}}")).await;
    let deadline = Instant::now() + PATIENCE;
    while busy(1).await > busy(0).await {
        assert!(Instant::now() < deadline, "the second shard has less to do");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Each begins at a keyframe, which has to be asked for across.
#[tokio::test]
async fn whoever_comes_late_begins_at_a_keyframe() {
    let server = start_spilling(1).await;
    let mut call = Call::start(server.address(), 0).await;
    let asked = |call: &Call| call.peers[0].send.leg.look(|seen| seen.keyframe_requests.values().sum::<usize>());
    for _ in 0..3 {
        // The publisher goes on alone for a while, so that its first keyframe is long gone.
        let sent = call.peers[0].sources[1].sent.len();
        flow_until("the publisher goes on", &mut call.peers, |peers| peers[0].sources[1].sent.len() >= sent + 60).await;
        let before = asked(&call);
        call.join(server.address()).await;
        call.flow().await;
        assert!(asked(&call) > before, "a keyframe was asked for");
    }
    assert!(call.is_away(1));
    call.is_complete().await;
    call.end(server.address()).await;
}

#[tokio::test]
async fn a_publisher_that_leaves_ends_its_tracks_everywhere() {
    let server = start_spilling(2).await;
    let mut call = Call::start(server.address(), 2).await;
    call.is_complete().await;
    call.peers.remove(0).leave().await;
    for producer in &call.producers {
        for peer in &mut call.peers {
            peer.signaling.notified("consumerClosed", |d| d["producerId"] == *producer).await;
        }
    }
    // Those who stay can go on with each other.
    let microphone = call.peers[0].publish(OPUS).await;
    let subscription = call.peers[1].consume(&microphone).await;
    flow_until("they talk", &mut call.peers, |peers| count(&peers[1], &subscription) >= PACKETS).await;
    call.end(server.address()).await;
}

/// Nobody else loses a packet, and whoever comes back finds the call.
#[tokio::test]
async fn a_shard_that_restarts_takes_only_its_participants_with_it() {
    let (server, node) = start_fragile(2).await;
    let mut call = Call::start(server.address(), 2).await;
    assert!(!call.is_away(1) && call.is_away(2));
    node.inject_panic(ShardId(1));
    call.peers[2].signaling.notified("goodbye", |d| d["reason"] == "shard-restarted" && d["reconnect"] == true).await;
    call.subscriptions.retain(|(to, _, _)| *to != 2);
    call.flow().await;
    call.is_complete().await;
    // To the shard's new life.
    until_second_is_less_busy(server.address()).await;
    call.join(server.address()).await;
    assert!(call.is_away(3));
    call.flow().await;
    call.is_complete().await;
    call.peers.remove(2);
    call.end(server.address()).await;
}

/// The room goes on where the others are.
#[tokio::test]
async fn a_home_that_restarts_leaves_the_room_to_the_others() {
    let (server, node) = start_fragile(1).await;
    let mut call = Call::start(server.address(), 1).await;
    assert!(call.is_away(1));
    let microphone = call.peers[1].publish(OPUS).await;
    node.inject_panic(ShardId(0));
    call.peers[0].signaling.notified("goodbye", |d| d["reason"] == "shard-restarted").await;
    for producer in &call.producers {
        call.peers[1].signaling.notified("consumerClosed", |d| d["producerId"] == *producer).await;
    }
    call.peers[1].signaling.notified("participantLeft", |d| d["reason"] == "failed").await;
    let back = Peer::join(server.address(), "spill", "peer0", Manner::default()).await;
    call.peers[0] = back;
    let subscription = call.peers[0].consume(&microphone).await;
    let camera = call.peers[0].publish(VP8).await;
    let picture = call.peers[1].consume(&camera).await;
    flow_until("both ways", &mut call.peers, |peers| {
        count(&peers[0], &subscription) >= PACKETS && count(&peers[1], &picture) >= PACKETS
    })
    .await;
    call.end(server.address()).await;
}

/// Pausing at the source stops what crosses, and resuming begins at a keyframe for everyone; `mute` has the details of one receiver.
#[tokio::test]
async fn a_publisher_that_pauses_is_paused_everywhere() {
    let server = start_spilling(2).await;
    let mut call = Call::start(server.address(), 3).await;
    let camera = json!({ "producerId": call.producers[1] });
    call.peers[0].signaling.ok("pauseProducer", camera.clone()).await;
    for peer in &mut call.peers[1..] {
        peer.signaling.notified("producerPaused", |d| d["producerId"] == camera["producerId"]).await;
    }
    let before: Vec<usize> = call.subscriptions.iter().map(|(to, s, _)| count(&call.peers[*to], s)).collect();
    let sent = call.peers[0].sources[1].sent.len();
    flow_until("the source goes on", &mut call.peers, |peers| peers[0].sources[1].sent.len() >= sent + 60).await;
    for ((to, subscription, producer), before) in call.subscriptions.iter().zip(before) {
        if *producer == call.producers[1] {
            assert!(count(&call.peers[*to], subscription) <= before + 10, "packets arrive in spite of the pause");
        }
    }
    call.peers[0].signaling.ok("resumeProducer", camera).await;
    call.flow().await;
    call.end(server.address()).await;
}
