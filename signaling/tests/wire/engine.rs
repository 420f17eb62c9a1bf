//! An engine that answers as it is told.

use corelay::media_engine::{EventSource, MediaEngine};
use corelay_engine::control::{Command, Event, Fingerprint, FingerprintAlgorithm, IceCredentials, Refusal, Reply};
use corelay_engine::{MailboxFull, ShardInfo, ShardSnapshot};
use corelay_wire::ids::{RequestId, ShardId, TransportId};
use corelay_wire::units::Instant;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// What the engine does with commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Carries out.
    Willing,
    /// Takes and never answers.
    Silent,
    /// Refuses what has an answer.
    Refusing(Refusal),
    /// Takes nothing.
    Full,
}

struct Inner {
    mood: Mood,
    commands: Vec<Command>,
    posted_at: Instant,
}

/// The test's handle.
#[derive(Clone)]
pub(crate) struct Stage {
    inner: Arc<Mutex<Inner>>,
    events: mpsc::UnboundedSender<(ShardId, Event)>,
}

struct StandIn {
    stage: Stage,
    shards: Vec<ShardInfo>,
    fingerprint: Fingerprint,
}

/// An engine of `shards` shards, its events, and the handle.
pub(crate) fn stand_in(shards: u16) -> (Box<dyn MediaEngine>, EventSource, Stage) {
    let (events, receiver) = mpsc::unbounded_channel();
    let inner = Inner { mood: Mood::Willing, commands: Vec::new(), posted_at: Instant::from_millis(1) };
    let stage = Stage { inner: Arc::new(Mutex::new(inner)), events };
    let info = |id: u16| ShardInfo {
        id: ShardId(id),
        candidates: vec![
            format!("127.0.0.1:{}", 10_000 + id).parse().expect("an address"),
            format!("[::1]:{}", 10_000 + id).parse().expect("an address"),
        ],
        backend: "stand-in",
        core: 0,
    };
    let engine = StandIn {
        stage: stage.clone(),
        shards: (0..shards).map(info).collect(),
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: (0..32).collect() },
    };
    (Box::new(engine), EventSource::Channel(receiver), stage)
}

impl Stage {
    pub(crate) fn set(&self, mood: Mood) {
        self.inner.lock().expect("no test panicked").mood = mood;
    }

    /// Has the snapshots be as old as the node.
    pub(crate) fn stop_posting(&self) {
        self.inner.lock().expect("no test panicked").posted_at = Instant::ZERO;
    }

    pub(crate) fn emit(&self, event: Event) {
        self.events.send((ShardId(0), event)).expect("the server takes events");
    }

    /// What was sent so far, and forgets it.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.inner.lock().expect("no test panicked").commands)
    }

    /// The transports that were opened, in order.
    pub(crate) fn transports(&self) -> Vec<TransportId> {
        let inner = self.inner.lock().expect("no test panicked");
        inner
            .commands
            .iter()
            .filter_map(|c| if let Command::OpenTransport { transport, .. } = c { Some(*transport) } else { None })
            .collect()
    }
}

impl MediaEngine for StandIn {
    fn shards(&self) -> &[ShardInfo] {
        &self.shards
    }

    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn send(&self, shard: ShardId, command: Command) -> Result<(), MailboxFull> {
        let mut inner = self.stage.inner.lock().expect("no test panicked");
        let answer = match (inner.mood, request(&command)) {
            (Mood::Full, _) => return Err(MailboxFull(Box::new(command))),
            (Mood::Silent, _) | (_, None) => None,
            (Mood::Refusing(refusal), Some((request, _))) => Some((request, Err(refusal))),
            (Mood::Willing, Some((request, reply))) => Some((request, Ok(reply))),
        };
        inner.commands.push(command);
        if let Some((request, result)) = answer {
            let _ = self.stage.events.send((shard, Event::Reply { request, result }));
        }
        Ok(())
    }

    fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        let mut snapshot = ShardSnapshot::new(shard);
        snapshot.posted_at = self.stage.inner.lock().expect("no test panicked").posted_at;
        Arc::new(snapshot)
    }

    fn now(&self) -> Instant {
        // A second after a fresh post; an hour after none.
        match self.stage.inner.lock().expect("no test panicked").posted_at {
            Instant::ZERO => Instant::from_millis(3_600_000),
            _ => Instant::from_millis(1_001),
        }
    }
}

fn request(command: &Command) -> Option<(RequestId, Reply)> {
    match command {
        Command::OpenTransport { request, transport, .. } | Command::RestartIce { request, transport } => {
            let ice = IceCredentials {
                ufrag: format!("ufrag{transport}").as_str().try_into().expect("fits"),
                password: "password-of-22-characters".try_into().expect("fits"),
            };
            Some((*request, Reply::Transport { ice }))
        }
        Command::ConnectTransport { request, .. }
        | Command::Publish { request, .. }
        | Command::Subscribe { request, .. }
        | Command::Ping { request } => Some((*request, Reply::Done)),
        _ => None,
    }
}
