//! A call that goes on beside the test, and must not lose anything meanwhile.

use crate::check::{caught_up, complete};
use crate::leg::{Leg, Seen};
use crate::peer::{Manner, Peer, Subscription, pace};
use crate::source::{OPUS, VP8};
use std::net::SocketAddr;
use std::sync::Arc;
use str0m::ice::IceCreds;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct RunningCall {
    stop: oneshot::Sender<()>,
    publishing: JoinHandle<Peer>,
    sending: Arc<Leg>,
    receiver: Peer,
    subscriptions: Vec<(Subscription, String)>,
    /// The receiving transport, which a stranger may try to get at.
    pub(crate) ice: IceCreds,
    pub(crate) media: SocketAddr,
}

impl RunningCall {
    /// Audio and video from one participant to another, under way when this returns.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let mut publisher = Peer::join(server, "beside", "publisher", Manner::default()).await;
        let mut receiver = Peer::join(server, "beside", "receiver", Manner::default()).await;
        let mut subscriptions = Vec::new();
        for format in [OPUS, VP8] {
            let producer = publisher.publish(format).await;
            subscriptions.push((receiver.consume(&producer).await, producer));
        }
        let sending = Arc::clone(&publisher.send.leg);
        let (stop, mut stopped) = oneshot::channel();
        let publishing = tokio::spawn(async move {
            let mut pace = pace();
            while stopped.try_recv().is_err() {
                pace.tick().await;
                publisher.tick();
            }
            publisher
        });
        let (ice, media) = (receiver.receive.ice.clone(), receiver.receive.server);
        let call = Self { stop, publishing, sending, receiver, subscriptions, ice, media };
        call.progress().await;
        call.sending.until("a report of the publisher", |seen| !seen.last_srtcp.is_empty()).await;
        call
    }

    /// The last SRTP and SRTCP datagrams of the publisher, as they were on the wire.
    pub(crate) fn publisher_sent(&self) -> [Vec<u8>; 2] {
        self.sending.look(|seen| [seen.last_srtp.clone(), seen.last_srtcp.clone()])
    }

    /// Sends datagrams from the publisher's own address.
    pub(crate) fn publisher_sends(&self, datagrams: Vec<Vec<u8>>) {
        datagrams.into_iter().for_each(|datagram| self.sending.send_raw(datagram));
    }

    /// Waits until both streams have gone on for a while.
    pub(crate) async fn progress(&self) {
        for (subscription, _) in &self.subscriptions {
            let count = |seen: &Seen| seen.stream(subscription.ssrc).count();
            let before = self.receiver.received(count);
            self.receiver.receive.leg.until("the call beside goes on", |seen| count(seen) >= before + 30).await;
        }
    }

    /// Ends the call; fails if a packet of it was lost or changed since its start.
    pub(crate) async fn finish(self) {
        let _ = self.stop.send(());
        let publisher = self.publishing.await.expect("does not panic");
        for (subscription, producer) in &self.subscriptions {
            let source = publisher.source(producer);
            self.receiver.receive.leg.until("the last packet", |seen| caught_up(seen, subscription, source)).await;
            complete(&self.receiver, subscription, source);
        }
        publisher.leave().await;
        self.receiver.leave().await;
    }
}
