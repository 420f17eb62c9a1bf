//! What all participants of a run share: the server, the fleet, and the streams that publishers send.

use super::lag::Lag;
use crate::scenario::{self, Scenario};
use anyhow::Context;
use corelay_loadgen::association::IdentityOptions;
use corelay_loadgen::client::{Client, ClientPlan, Server, Subscribe};
use corelay_loadgen::clip::Clip;
use corelay_loadgen::codec::Codec;
use corelay_loadgen::fleet::{Fleet, FleetOptions, Sample};
use corelay_loadgen::stream::{Burst, LayerPlan, Source, StreamPlan};
use corelay_loadgen::token;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Names of simulcast layers, low to high, as browsers' examples have them.
const RIDS: [&str; 3] = ["q", "h", "f"];
/// Handshakes at a time: below it, joins queue in the generator, and above, each takes longer on the generator's one signaling
/// thread.
const HANDSHAKES_MAX: usize = 64;

/// The server under load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its WebSocket.
    pub(crate) url: String,
    /// For tokens of our own; without it the server is asked for demo tokens.
    pub(crate) jwt_secret: Option<String>,
    /// The room's name, or what the names of several begin with.
    pub(crate) room: String,
    /// Its process on this machine.
    pub(crate) server_pid: Option<u32>,
}

/// A participant's place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Seat {
    pub(crate) room: usize,
    pub(crate) index: usize,
}

/// See the module.
pub(crate) struct Generator {
    pub(crate) scenario: Scenario,
    pub(crate) target: Target,
    pub(crate) fleet: Fleet,
    server: Server,
    publish: Vec<StreamPlan>,
    /// Joins that were asked for, done and failed, for the progress.
    pub(crate) joins_asked: AtomicU64,
    pub(crate) joins_done: AtomicU64,
    pub(crate) joins_failed: AtomicU64,
    left: AtomicU64,
    /// Of the thread that joins and leaves.
    pub(crate) lag: Arc<Lag>,
    /// Tells guests of one seat from each other.
    guests: AtomicU64,
}

impl Generator {
    /// Starts the fleet and encodes what is to be encoded.
    pub(crate) fn start(scenario: &Scenario, target: &Target) -> anyhow::Result<Arc<Self>> {
        let options = FleetOptions {
            threads: scenario.fleet.threads,
            cores: scenario.fleet.cores.clone(),
            gro: scenario.fleet.gro,
            gso: scenario.fleet.gso,
            rest: scenario.fleet.rest,
            sample: Sample { whole_every: scenario.measure.whole_every, one_in: scenario.measure.one_in },
        };
        let identity = IdentityOptions { handshakes_max: HANDSHAKES_MAX, ..IdentityOptions::default() };
        Ok(Arc::new(Self {
            publish: streams(scenario)?,
            scenario: scenario.clone(),
            target: target.clone(),
            fleet: Fleet::start(&options).context("the generator's media threads do not start")?,
            server: Server::new(&target.url, &identity).context("the generator's certificate cannot be made")?,
            joins_asked: AtomicU64::new(0),
            joins_done: AtomicU64::new(0),
            joins_failed: AtomicU64::new(0),
            left: AtomicU64::new(0),
            lag: Lag::watch(),
            guests: AtomicU64::new(0),
        }))
    }

    /// Joins a participant; it publishes if its place says so.
    pub(crate) async fn join_member(&self, seat: Seat, participants: usize) -> anyhow::Result<Client> {
        let publishes = seat.index < self.scenario.publishers.of(participants);
        self.join(seat.room, &format!("load-{}-{}", seat.room, seat.index), publishes).await
    }

    /// Joins a guest, who publishes nothing and has a name that nobody had.
    pub(crate) async fn join_guest(&self, room: usize) -> anyhow::Result<Client> {
        let number = self.guests.fetch_add(1, Ordering::Relaxed);
        self.join(room, &format!("guest-{number}"), false).await
    }

    /// Lets a participant leave. Whether it could do so properly.
    pub(crate) async fn leave(&self, client: Client) -> bool {
        let timeout = self.scenario.join.timeout;
        let left = tokio::time::timeout(timeout, client.leave()).await;
        self.left.fetch_add(1, Ordering::Relaxed);
        matches!(left, Ok(Ok(())))
    }

    /// Participants who have joined and not left.
    pub(crate) fn present(&self) -> u64 {
        self.joins_done.load(Ordering::Relaxed).saturating_sub(self.left.load(Ordering::Relaxed))
    }

    async fn join(&self, room: usize, identity: &str, publishes: bool) -> anyhow::Result<Client> {
        self.joins_asked.fetch_add(1, Ordering::Relaxed);
        let joined = self.try_join(room, identity, publishes).await;
        let counter = if joined.is_ok() { &self.joins_done } else { &self.joins_failed };
        counter.fetch_add(1, Ordering::Relaxed);
        joined
    }

    async fn try_join(&self, room: usize, identity: &str, publishes: bool) -> anyhow::Result<Client> {
        let room =
            if self.scenario.rooms == 1 && room == 0 { self.target.room.clone() } else { format!("{}-{room}", self.target.room) };
        let token = match &self.target.jwt_secret {
            Some(secret) => token::mint(secret, &room, identity)?,
            None => token::ask(&self.target.url, &room, identity).await?,
        };
        let plan = ClientPlan {
            publish: if publishes { self.publish.clone() } else { Vec::new() },
            subscribe: match self.scenario.subscribe {
                scenario::Subscribe::All => Subscribe::All,
                scenario::Subscribe::None => Subscribe::None,
                scenario::Subscribe::Most(n) => Subscribe::Most(n),
            },
            idle_transports: self.scenario.idle_transports,
            feedback: self.scenario.feedback,
        };
        let timeout = self.scenario.join.timeout;
        let joined = tokio::time::timeout(timeout, Client::join(&self.server, &token, &plan, &self.fleet)).await;
        let joined = joined.map_err(|_| slow(timeout)).and_then(|joined| joined.map_err(anyhow::Error::from));
        joined.with_context(|| format!("{identity} could not join room {room}"))
    }
}

fn slow(timeout: Duration) -> anyhow::Error {
    anyhow::anyhow!("the join was not done within {} s: look into the server's log, or raise join.timeout", timeout.as_secs_f64())
}

/// What each publisher sends.
fn streams(scenario: &Scenario) -> anyhow::Result<Vec<StreamPlan>> {
    let mut streams = Vec::new();
    streams.extend(scenario.audio.map(|audio| StreamPlan { fps: audio.packet_rate, ..StreamPlan::audio(audio.packet_size) }));
    if let Some(video) = &scenario.video {
        streams.push(video_stream(video)?);
    }
    Ok(streams)
}

fn video_stream(video: &scenario::Video) -> anyhow::Result<StreamPlan> {
    let lowest = video.layers.first().copied().unwrap_or_default();
    let plan = match video.picture {
        scenario::Picture::Synthetic => StreamPlan::video(lowest, video.fps),
        scenario::Picture::Clip => {
            let clip = Clip::encode(lowest, video.fps)?;
            let source = Source::Clip(Arc::new(clip));
            StreamPlan { source, codec: Codec::H264, ..StreamPlan::video(lowest, video.fps) }
        }
    };
    let layer = |(rid, bitrate): (&str, &u32)| LayerPlan { rid: rid.to_owned(), bitrate: *bitrate, fps: video.fps };
    let layers = if video.layers.len() > 1 { RIDS.into_iter().zip(&video.layers).map(layer).collect() } else { Vec::new() };
    let burst = match video.burst {
        scenario::Burst::Together => Burst::Together,
        scenario::Burst::Paced { packets, gap } => Burst::Paced { packets, gap },
    };
    Ok(StreamPlan { packet_bytes: video.packet_size, burst, layers, ..plan })
}
