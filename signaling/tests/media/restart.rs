//! ICE restart (RFC 8445 section 9) in a running call, by way of the WebSocket.

use crate::check::{caught_up, complete, count};
use crate::peer::{Manner, Peer, Subscription, flow_until, ice_credentials};
use crate::server::{drops, start, until_drops};
use crate::source::OPUS;
use crate::stranger::{Stranger, check};
use serde_json::json;
use std::net::SocketAddr;
use str0m::ice::IceCreds;

struct Call {
    peers: Vec<Peer>,
    subscription: Subscription,
    producer: String,
}

async fn flowing(server: SocketAddr) -> Call {
    let mut publisher = Peer::join(server, "restart", "ada", Manner::default()).await;
    let mut receiver = Peer::join(server, "restart", "bob", Manner::default()).await;
    let producer = publisher.publish(OPUS).await;
    let subscription = receiver.consume(&producer).await;
    let mut call = Call { peers: vec![publisher, receiver], subscription, producer };
    call.flow().await;
    call
}

impl Call {
    async fn flow(&mut self) {
        let before = count(&self.peers[1], &self.subscription);
        flow_until("media goes on", &mut self.peers, |peers| count(&peers[1], &self.subscription) >= before + 40).await;
    }

    /// Asks for new credentials of both transports that the stream runs over: old and new of each.
    async fn ask(&mut self) -> Vec<(IceCreds, IceCreds)> {
        let [publisher, receiver] = &mut self.peers[..] else { unreachable!("two were made") };
        let mut pairs = Vec::new();
        for (signaling, transport) in
            [(&mut publisher.signaling, &mut publisher.send), (&mut receiver.signaling, &mut receiver.receive)]
        {
            let data = signaling.ok("restartIce", json!({ "transportId": transport.id })).await;
            let new = ice_credentials(&data["iceParameters"]);
            assert_ne!((&new.ufrag, &new.pass), (&transport.ice.ufrag, &transport.ice.pass));
            pairs.push((std::mem::replace(&mut transport.ice, new.clone()), new));
        }
        pairs
    }

    /// Restarts both, from other addresses if they `move`, and lets media flow until the peers' own checks have nominated with the new
    /// credentials. From then on the old ones are worth nothing.
    async fn restart(&mut self, server: SocketAddr, moves: bool) {
        let pairs = self.ask().await;
        for (transport, (_, new)) in [&self.peers[0].send, &self.peers[1].receive].into_iter().zip(&pairs) {
            transport.leg.restart(new.clone(), moves).await;
        }
        flow_until("both nominate again", &mut self.peers, |peers| {
            let transports = [&peers[0].send, &peers[1].receive];
            transports.iter().zip(&pairs).all(|(t, (_, new))| t.leg.look(|seen| seen.nominated_with.contains(&new.ufrag)))
        })
        .await;
        for (old, new) in &pairs {
            let before = drops(server, "stun_unknown_ufrag").await;
            // Another for each: one address is not let into two transports.
            let mut stranger = Stranger::new(self.peers[0].send.server).await;
            stranger.send(&check(&old.ufrag, &old.pass, *b"the old one!")).await;
            stranger.is_answered_first(new).await;
            until_drops(server, "stun_unknown_ufrag", before + 1.0).await;
        }
    }
}

#[tokio::test]
async fn media_goes_on_without_a_loss_under_new_credentials() {
    let server = start(|_| {}).await;
    let mut call = flowing(server.address()).await;
    for _ in 0..2 {
        call.restart(server.address(), false).await;
        call.flow().await;
    }
    let source = call.peers[0].source(&call.producer);
    call.peers[1].receive.leg.until("the last packet", |seen| caught_up(seen, &call.subscription, source)).await;
    complete(&call.peers[1], &call.subscription, source);
}

#[tokio::test]
async fn media_follows_a_peer_to_another_address() {
    let server = start(|_| {}).await;
    let mut call = flowing(server.address()).await;
    call.restart(server.address(), true).await;
    call.flow().await;
}
