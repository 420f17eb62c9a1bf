//! One participant of a Corelay server: joins by its token, publishes what it is told to, consumes what appears, leaves.
//!
//! Signaling runs on tokio; media runs in the [`Fleet`].

mod error;
mod media;
mod signaling;
mod subscriber;

pub use error::{ClientError, Ended, Refusal};

use crate::association::{Association, AssociationError, Identity, IdentityOptions, Profile};
use crate::codec::Kind;
use crate::fleet::{Fleet, Peer, Published, monotonic_ns};
use crate::stream::StreamPlan;
use serde_json::{Value, json};
use signaling::Signaling;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use subscriber::{Seen, Subscriber};
use tokio::task::JoinHandle;

/// The server to join.
#[derive(Clone)]
pub struct Server {
    /// Its WebSocket, such as `ws://127.0.0.1:3001/ws`.
    pub url: String,
    /// Shared by all clients.
    pub identity: Arc<Identity>,
}

impl Server {
    /// With a certificate of its own.
    pub fn new(url: &str, options: &IdentityOptions) -> Result<Self, AssociationError> {
        Ok(Self { url: url.to_owned(), identity: Identity::new(options)? })
    }
}

/// What a participant does.
#[derive(Clone, Default, Debug)]
pub struct ClientPlan {
    /// Streams to publish, in order. Without any, no transport for sending is made, unless `idle_transports`. The first video is
    /// the camera, others are screens.
    pub publish: Vec<StreamPlan>,
    /// What to receive.
    pub subscribe: Subscribe,
    /// Make both transports even when nothing will flow on them, as an idle participant does.
    pub idle_transports: bool,
    /// Tell the server when each packet of video arrived, as browsers do.
    pub feedback: bool,
}

/// Which producers of others are consumed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Subscribe {
    /// Each that is there and each that appears.
    #[default]
    All,
    /// None.
    None,
    /// The first `n`, and another one when one of them ends.
    Most(usize),
}

/// When each step of a join was done, from its start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct Times {
    /// TCP and the WebSocket's upgrade.
    pub connected: Duration,
    /// The answer to `join`.
    pub joined: Duration,
    /// ICE and DTLS of all its transports.
    pub transports: Duration,
    /// Of that, the longest wait for a turn: for other handshakes of the same identity.
    pub waited: Duration,
    /// The answers to `produce` and `consume` of what was there.
    pub ready: Duration,
    /// The first media packet of all those consumed; `None` until it came.
    pub first_packet: Option<Duration>,
}

/// A participant that is in the room. Dropping it closes everything without a word, as a crash would.
pub struct Client {
    signaling: Signaling,
    participant_id: String,
    started_ns: u64,
    times: Times,
    seen: Arc<Seen>,
    peers: Vec<Arc<Peer>>,
    published: Vec<Published>,
    follower: JoinHandle<()>,
}

impl Client {
    /// Joins, connects the transports, publishes, and consumes what is there and what appears.
    pub async fn join(server: &Server, token: &str, plan: &ClientPlan, fleet: &Fleet) -> Result<Self, ClientError> {
        let started_ns = monotonic_ns();
        let since = || Duration::from_nanos(monotonic_ns().saturating_sub(started_ns));
        let mut times = Times::default();
        let (signaling, notifications) = Signaling::connect(&server.url, token).await?;
        times.connected = since();
        let joined = signaling.request("join", json!({ "rtpCapabilities": media::capabilities(plan.feedback) })).await?;
        let participant_id = joined["participantId"].as_str().unwrap_or_default().to_owned();
        times.joined = since();
        let receives = plan.subscribe != Subscribe::None || plan.idle_transports;
        let sends = !plan.publish.is_empty() || plan.idle_transports;
        let (receive, send) =
            tokio::try_join!(open(&signaling, server, fleet, "recv", receives), open(&signaling, server, fleet, "send", sends))?;
        times.transports = since();
        times.waited = [&receive, &send].into_iter().flatten().map(|opened| opened.waited).max().unwrap_or_default();
        let [receive, send] = [receive, send].map(|opened| opened.map(|opened| (opened.id, opened.peer)));
        let peers = [&receive, &send].into_iter().flatten().map(|(_, peer)| Arc::clone(peer)).collect();
        let published = match &send {
            Some((id, peer)) => publish(&signaling, id, peer, &plan.publish, &participant_id).await?,
            None => Vec::new(),
        };
        let streams_max = match plan.subscribe {
            Subscribe::All => usize::MAX,
            Subscribe::None => 0,
            Subscribe::Most(n) => n,
        };
        let seen = Seen::new();
        let waiting = VecDeque::new();
        let mut subscriber =
            Subscriber { signaling: signaling.clone(), transport: receive, streams_max, waiting, seen: Arc::clone(&seen) };
        subscriber.consume(subscriber::known_producers(&joined)).await?;
        times.ready = since();
        let follower = tokio::spawn(subscriber.follow(notifications));
        Ok(Self { signaling, participant_id, started_ns, times, seen, peers, published, follower })
    }

    /// How long each step took.
    pub fn times(&self) -> Times {
        let first_packet = self.seen.first_ns().map(|first_ns| Duration::from_nanos(first_ns.saturating_sub(self.started_ns)));
        Times { first_packet, ..self.times }
    }

    /// Its server-given id.
    pub fn participant_id(&self) -> &str {
        &self.participant_id
    }

    /// The SRTP profile of its transports; `None` without any.
    pub fn profile(&self) -> Option<Profile> {
        self.peers.first().map(|peer| peer.profile())
    }

    /// Streams that it consumes, and those of them that have brought a packet.
    pub fn progress(&self) -> (usize, usize) {
        self.seen.progress()
    }

    /// What it publishes, in the order of its plan.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Why it is no longer in the room, in the server's own words; `None` while it is.
    pub fn ended(&self) -> Option<Ended> {
        if self.peers.iter().any(|peer| peer.is_lost()) {
            self.seen.end(Ended::Transport("the server has not answered consent checks for 30 s".to_owned()));
        }
        self.seen.ended.borrow().clone()
    }

    /// Returns when it is no longer in the room by the server's doing or the network's.
    pub async fn wait_ended(&self) -> Ended {
        let mut ended = self.seen.ended.subscribe();
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.clone(),
            // The sender lives in this client.
            Ok(None) | Err(_) => Ended::Lost,
        }
    }

    /// Leaves properly: stops its streams, says `leave`, and ends its transports.
    pub async fn leave(mut self) -> Result<(), ClientError> {
        self.follower.abort();
        self.published.clear();
        self.seen.clear();
        let left = self.signaling.request("leave", json!({})).await;
        for peer in self.peers.drain(..) {
            peer.say_goodbye().await;
        }
        left.map(drop)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.follower.abort();
        self.peers.iter().for_each(|peer| peer.abandon());
    }
}

/// A transport that is up.
struct Opened {
    id: Value,
    peer: Arc<Peer>,
    waited: Duration,
}

/// Makes one transport, if it is needed.
async fn open(
    signaling: &Signaling,
    server: &Server,
    fleet: &Fleet,
    direction: &str,
    is_needed: bool,
) -> Result<Option<Opened>, ClientError> {
    if !is_needed {
        return Ok(None);
    }
    let transport = signaling.request("createWebRtcTransport", json!({ "direction": direction })).await?;
    let remote = media::remote(&transport)?;
    signaling.request("connectWebRtcTransport", media::connect(&transport["id"], &server.identity)).await?;
    let association = Association::connect(&server.identity, &remote).await?;
    let waited = association.waited();
    Ok(Some(Opened { id: transport["id"].clone(), peer: Arc::new(fleet.attach(association)), waited }))
}

async fn publish(
    signaling: &Signaling,
    transport: &Value,
    peer: &Peer,
    plans: &[StreamPlan],
    cname: &str,
) -> Result<Vec<Published>, ClientError> {
    let mut published = Vec::with_capacity(plans.len());
    let mut has_camera = false;
    for (n, plan) in plans.iter().enumerate() {
        let source = match plan.codec.kind() {
            Kind::Audio => "microphone",
            Kind::Video if std::mem::replace(&mut has_camera, true) => "screen",
            Kind::Video => "camera",
        };
        let (numbers, stream) = (media::numbers(plan, n, cname), peer.reserve());
        signaling.request("produce", media::produce(transport, plan, &numbers, stream, source)).await?;
        published.push(peer.publish_as(stream, plan, &numbers)?);
    }
    Ok(published)
}
