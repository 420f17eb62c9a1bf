//! An engine that answers as it is told, and knows what each of its shards would hold.

use crate::contents::{Contents, Counts};
use corelay::media_engine::{EventSource, MediaEngine};
use corelay_engine::control::{Command, Event, Fingerprint, FingerprintAlgorithm, Refusal, Reply, RoomEndReason};
use corelay_engine::{MailboxFull, ShardInfo, ShardSnapshot};
use corelay_wire::ids::{RequestId, ShardId, TrackId, TransportId};
use corelay_wire::units::Instant;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::mpsc;

/// What a shard does with commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Carries out and answers.
    Willing,
    /// Carries out and never answers.
    Silent,
    /// Carries out and answers when it is willing again.
    Slow,
    /// Refuses what has an answer.
    Refusing(Refusal),
    /// Refuses mirrors only.
    RefusingMirrors(Refusal),
    /// Takes nothing.
    Full,
}

struct Shard {
    mood: Mood,
    contents: Contents,
    /// Answers that a slow shard keeps to itself.
    held: Vec<(RequestId, Result<Reply, Refusal>)>,
    busy_permille: u32,
}

struct Inner {
    shards: Vec<Shard>,
    commands: Vec<(ShardId, Command)>,
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
    let shard = |_| Shard { mood: Mood::Willing, contents: Contents::default(), held: Vec::new(), busy_permille: 0 };
    let inner = Inner { shards: (0..shards).map(shard).collect(), commands: Vec::new(), posted_at: Instant::from_millis(1) };
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
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panicked")
    }

    pub(crate) fn set(&self, mood: Mood) {
        let shards = self.inner().shards.len() as u16;
        (0..shards).for_each(|shard| self.set_on(shard, mood));
    }

    pub(crate) fn set_on(&self, shard: u16, mood: Mood) {
        let mut inner = self.inner();
        let shard_state = &mut inner.shards[usize::from(shard)];
        shard_state.mood = mood;
        if mood == Mood::Willing {
            for (request, result) in std::mem::take(&mut shard_state.held) {
                let _ = self.events.send((ShardId(shard), Event::Reply { request, result }));
            }
        }
    }

    /// Has a shard post that it was so busy.
    pub(crate) fn keep_busy(&self, shard: u16, permille: u32) {
        self.inner().shards[usize::from(shard)].busy_permille = permille;
    }

    /// Has the snapshots be as old as the node.
    pub(crate) fn stop_posting(&self) {
        self.inner().posted_at = Instant::ZERO;
    }

    pub(crate) fn emit(&self, event: Event) {
        self.emit_from(0, event);
    }

    pub(crate) fn emit_from(&self, shard: u16, event: Event) {
        self.events.send((ShardId(shard), event)).expect("the server takes events");
    }

    /// Some transport that is there.
    pub(crate) fn known_transport(&self) -> TransportId {
        let inner = self.inner();
        inner.shards.iter().find_map(|shard| shard.contents.transport()).expect("there is one")
    }

    /// A shard fails and starts anew, with nothing.
    pub(crate) fn restart(&self, shard: u16) {
        let contents = std::mem::take(&mut self.inner().shards[usize::from(shard)].contents);
        for room in contents.rooms() {
            let event = Event::RoomEnded { room, reason: RoomEndReason::ShardRestarted };
            self.events.send((ShardId(shard), event)).expect("the server takes events");
        }
    }

    /// What was sent so far, and forgets it.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.take_commands_with_shards().into_iter().map(|(_, command)| command).collect()
    }

    pub(crate) fn take_commands_with_shards(&self) -> Vec<(ShardId, Command)> {
        std::mem::take(&mut self.inner().commands)
    }

    /// What is on a shard.
    pub(crate) fn counts(&self, shard: u16) -> Counts {
        self.inner().shards[usize::from(shard)].contents.counts()
    }

    /// Whether each track of a shard is paused there, with the shard that it comes from.
    pub(crate) fn pauses(&self, shard: u16) -> Vec<(TrackId, Option<ShardId>, bool)> {
        self.inner().shards[usize::from(shard)].contents.pauses()
    }

    /// Fails if a shard holds anything.
    pub(crate) fn is_clear(&self) {
        for (shard, state) in self.inner().shards.iter().enumerate() {
            assert_eq!(state.contents.counts(), Counts::default(), "shard {shard}: {:?}", state.contents);
        }
    }

    /// The transports that were opened, in order.
    pub(crate) fn transports(&self) -> Vec<TransportId> {
        let inner = self.inner();
        let opened = |command: &Command| match command {
            Command::OpenTransport { transport, .. } => Some(*transport),
            _ => None,
        };
        inner.commands.iter().filter_map(|(_, command)| opened(command)).collect()
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
        let mut inner = self.stage.inner();
        let state = &mut inner.shards[usize::from(shard.0)];
        let refusal = match state.mood {
            Mood::Full => return Err(MailboxFull(Box::new(command))),
            Mood::Refusing(refusal) => request(&command).map(|request| (request, refusal)),
            Mood::RefusingMirrors(refusal) if matches!(command, Command::Mirror { .. }) => {
                request(&command).map(|request| (request, refusal))
            }
            _ => None,
        };
        let answer = match refusal {
            Some((request, refusal)) => Some((request, Err(refusal))),
            None => state.contents.apply(&command),
        };
        let answer = answer.filter(|(request, _)| *request != RequestId::UNANSWERED);
        match (state.mood, answer) {
            (Mood::Silent, _) | (_, None) => {}
            (Mood::Slow, Some(answer)) => state.held.push(answer),
            (_, Some((request, result))) => {
                let _ = self.stage.events.send((shard, Event::Reply { request, result }));
            }
        }
        inner.commands.push((shard, command));
        Ok(())
    }

    fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        let mut snapshot = ShardSnapshot::new(shard);
        let inner = self.stage.inner();
        snapshot.posted_at = inner.posted_at;
        snapshot.busy_permille = inner.shards[usize::from(shard.0)].busy_permille;
        Arc::new(snapshot)
    }

    fn now(&self) -> Instant {
        // A second after a fresh post; an hour after none.
        match self.stage.inner().posted_at {
            Instant::ZERO => Instant::from_millis(3_600_000),
            _ => Instant::from_millis(1_001),
        }
    }
}

fn request(command: &Command) -> Option<RequestId> {
    match command {
        Command::OpenTransport { request, .. }
        | Command::RestartIce { request, .. }
        | Command::Publish { request, .. }
        | Command::Mirror { request, .. }
        | Command::Subscribe { request, .. }
        | Command::Statistics { request, .. }
        | Command::Ping { request } => Some(*request),
        _ => None,
    }
}
