//! Pausing leaves no mark in what goes on afterwards: sequence numbers follow each other, clocks go on by the time that passed.

use crate::check::{Gap, caught_up, count, faithful};
use crate::peer::{Manner, Peer, Subscription, flow_until};
use crate::server::{start, start_spilling, until_drops, until_empty};
use crate::source::{Format, OPUS, VP8};
use corelay::server::RunningServer;
use serde_json::json;

/// Where both are on one shard, and where each is on its own; audio and video. The last tells whether streams cross between shards.
async fn servers() -> Vec<(RunningServer, &'static Format, bool)> {
    let mut servers = Vec::new();
    for format in [OPUS, VP8] {
        servers.push((start(|_| {}).await, format, false));
        servers.push((start_spilling(1).await, format, true));
    }
    servers
}

/// A publisher, a receiver and their stream, which runs.
async fn flowing(server: std::net::SocketAddr, format: &'static Format) -> (Vec<Peer>, Subscription, String) {
    let mut publisher = Peer::join(server, "mute", "ada", Manner::default()).await;
    let mut receiver = Peer::join(server, "mute", "bob", Manner::default()).await;
    let producer = publisher.publish(format).await;
    let subscription = receiver.consume(&producer).await;
    let mut peers = vec![publisher, receiver];
    flow(&mut peers, &subscription).await;
    (peers, subscription, producer)
}

/// Lets the stream go on for a while.
async fn flow(peers: &mut [Peer], subscription: &Subscription) {
    let before = count(&peers[1], subscription);
    flow_until("media goes on", peers, |peers| count(&peers[1], subscription) >= before + 40).await;
}

/// Has the source send for a while although nothing of it may arrive.
async fn flow_unheard(peers: &mut [Peer], subscription: &Subscription) {
    let (sent, arrived) = (peers[0].sources[0].sent.len(), count(&peers[1], subscription));
    flow_until("the source goes on", peers, |peers| peers[0].sources[0].sent.len() >= sent + 60).await;
    // What was on its way when the pause was answered may still arrive: a frame or two.
    assert!(count(&peers[1], subscription) <= arrived + 10, "packets arrive in spite of the pause");
}

/// The one gap that the pause made, when all is in order.
async fn the_gap(peers: &[Peer], subscription: &Subscription, producer: &str) -> Gap {
    let source = peers[0].source(producer);
    peers[1].receive.leg.until("the last packet", |seen| caught_up(seen, subscription, source)).await;
    let mut gaps = peers[1].received(|seen| faithful(seen, subscription, source));
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    gaps.remove(0)
}

#[tokio::test]
async fn a_receiver_pauses_and_resumes() {
    for (server, format, _) in servers().await {
        let (mut peers, subscription, producer) = flowing(server.address(), format).await;
        let consumer = json!({ "consumerId": subscription.id });
        peers[1].signaling.ok("pauseConsumer", consumer.clone()).await;
        flow_unheard(&mut peers, &subscription).await;
        peers[1].signaling.ok("resumeConsumer", consumer).await;
        flow(&mut peers, &subscription).await;
        let gap = the_gap(&peers, &subscription, &producer).await;
        assert!(gap.is_start && gap.packets >= 50, "{gap:?}");
        assert_eq!(gap.received_ticks, gap.sent_ticks, "{gap:?}");
        for peer in peers {
            peer.leave().await;
        }
        until_empty(server.address()).await;
    }
}

#[tokio::test]
async fn a_publisher_pauses_and_resumes() {
    for (server, format, crosses) in servers().await {
        let (mut peers, subscription, producer) = flowing(server.address(), format).await;
        let data = json!({ "producerId": producer });
        peers[0].signaling.ok("pauseProducer", data.clone()).await;
        peers[1].signaling.notified("producerPaused", |d| d["producerId"] == producer).await;
        // A publisher that goes on all the same is not heard.
        flow_unheard(&mut peers, &subscription).await;
        peers[0].signaling.ok("resumeProducer", data).await;
        peers[1].signaling.notified("producerResumed", |d| d["producerId"] == producer).await;
        flow(&mut peers, &subscription).await;
        let gap = the_gap(&peers, &subscription, &producer).await;
        // Awaited last: timestamps of a source that stands still for half a second are not believed.
        until_drops(server.address(), "track_paused", 50.0).await;
        assert!(gap.is_start && gap.packets >= 50, "{gap:?}");
        // A mirror goes by the time that passed until the stream went on.
        let is_on_time = if crosses { gap.received_ticks >= gap.sent_ticks } else { gap.received_ticks == gap.sent_ticks };
        assert!(is_on_time, "{gap:?}");
        for peer in peers {
            peer.leave().await;
        }
        until_empty(server.address()).await;
    }
}
