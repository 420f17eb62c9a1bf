//! What signaling needs of the engine, as a trait: tests put one behind it that stays silent, refuses or restarts when told to.

use corelay_engine::config::Config;
use corelay_engine::control::{Command, Event, Fingerprint};
use corelay_engine::{BootError, Events, MailboxFull, Node, ShardInfo, ShardSnapshot};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// The shards, seen from signaling. [`Node`] is the one that is used.
pub trait MediaEngine: Send + Sync {
    /// The shards, by id.
    fn shards(&self) -> &[ShardInfo];
    /// The digest of the certificate that all shards show.
    fn fingerprint(&self) -> &Fingerprint;
    /// Puts a command into a shard's mailbox.
    ///
    /// # Errors
    /// When the mailbox is full, with the command.
    fn send(&self, shard: ShardId, command: Command) -> Result<(), MailboxFull>;
    /// What a shard posted last.
    fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot>;
    /// The clock of the snapshots.
    fn now(&self) -> Instant;
    /// The core that the shards leave to signaling; nothing where there is none to name.
    fn signaling_core(&self) -> Option<usize> {
        None
    }
}

impl MediaEngine for Node {
    fn shards(&self) -> &[ShardInfo] {
        Self::shards(self)
    }

    fn fingerprint(&self) -> &Fingerprint {
        Self::fingerprint(self)
    }

    fn send(&self, shard: ShardId, command: Command) -> Result<(), MailboxFull> {
        Self::send(self, shard, command)
    }

    fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        Self::snapshot(self, shard)
    }

    fn now(&self) -> Instant {
        Self::now(self)
    }

    fn signaling_core(&self) -> Option<usize> {
        Some(Self::signaling_core(self))
    }
}

/// Whoever keeps the other handle can do with the shards what signaling does not.
impl<E: MediaEngine> MediaEngine for Arc<E> {
    fn shards(&self) -> &[ShardInfo] {
        (**self).shards()
    }

    fn fingerprint(&self) -> &Fingerprint {
        (**self).fingerprint()
    }

    fn send(&self, shard: ShardId, command: Command) -> Result<(), MailboxFull> {
        (**self).send(shard, command)
    }

    fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        (**self).snapshot(shard)
    }

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn signaling_core(&self) -> Option<usize> {
        (**self).signaling_core()
    }
}

/// [`Events`] in the form that tokio waits for.
#[derive(Debug)]
pub struct EventsFd(Events);

impl AsRawFd for EventsFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Where events come from.
#[derive(Debug)]
pub enum EventSource {
    /// The engine.
    Engine(AsyncFd<EventsFd>),
    /// A test.
    Channel(mpsc::UnboundedReceiver<(ShardId, Event)>),
}

/// The engine could not be started or waited for.
#[derive(Debug, thiserror::Error)]
pub enum StartEngineError {
    /// A shard did not start.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The runtime cannot wait for events.
    #[error("the events of the shards cannot be waited for ({0}): raise the limit of open files")]
    Wait(#[from] std::io::Error),
}

/// Starts the shards.
///
/// # Errors
/// When one of them does not start.
pub fn start(config: &Config) -> Result<(Box<dyn MediaEngine>, EventSource), StartEngineError> {
    let (node, events) = Node::start(config)?;
    Ok((Box::new(node), EventSource::engine(events)?))
}

impl EventSource {
    /// The events of shards that run.
    ///
    /// # Errors
    /// When the runtime cannot wait for them.
    pub fn engine(events: Events) -> std::io::Result<Self> {
        // `register`, which it names instead, is unsafe for the sake of types whose descriptor may change or close under it.
        // Readable only: an eventfd is writable again whenever it was read, and the runtime would be woken to be told so.
        #[expect(deprecated, reason = "the descriptor is owned by the Events inside, the same one for as long as they live")]
        AsyncFd::with_interest(EventsFd(events), Interest::READABLE).map(Self::Engine)
    }

    /// Calls `handle` with every event, for as long as there may be some.
    pub(crate) async fn run(self, handle: impl FnMut((ShardId, Event))) {
        match self {
            Self::Engine(events) => run_engine(events, handle).await,
            Self::Channel(events) => run_channel(events, handle).await,
        }
    }
}

/// Events that are taken in before other tasks get their turn: a thousand are about a millisecond.
const EVENTS_PER_TURN: usize = 1_000;

async fn run_engine(mut events: AsyncFd<EventsFd>, mut handle: impl FnMut((ShardId, Event))) {
    loop {
        let Ok(mut guard) = events.readable_mut().await else { return };
        guard.get_inner().0.clear_wake();
        guard.clear_ready();
        drop(guard);
        let mut taken = 0;
        while let Some(event) = events.get_mut().0.try_next() {
            handle(event);
            taken += 1;
            if taken % EVENTS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn run_channel(mut events: mpsc::UnboundedReceiver<(ShardId, Event)>, mut handle: impl FnMut((ShardId, Event))) {
    while let Some(event) = events.recv().await {
        handle(event);
    }
}
