//! Commands to the shards: requests that are awaited, and posts that must arrive.

use crate::limits::Limits;
use crate::media_engine::MediaEngine;
use crate::protocol::{ErrorName, ProtocolError};
use corelay_engine::control::{Command, Refusal, Reply};
use corelay_engine::{ShardInfo, ShardSnapshot};
use corelay_wire::ids::{RequestId, ShardId};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

type Answer = Result<Reply, Refusal>;

/// The engine with what waits for it.
pub(crate) struct Shards {
    engine: Box<dyn MediaEngine>,
    timeout: Duration,
    next_request: AtomicU64,
    waiting: Mutex<HashMap<RequestId, oneshot::Sender<Answer>>>,
    /// Posts that found a full mailbox, by shard. Bounded by what they end: each names a thing that exists in a shard.
    backlog: Mutex<Vec<VecDeque<Command>>>,
    /// Something is in the backlog.
    backlogged: Notify,
}

/// Between two tries to send what is in the backlog: a shard empties its mailbox at least 64 commands a turn.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// Takes the request off the list of those that wait, however the waiting ends.
struct Waiting<'a> {
    shards: &'a Shards,
    request: RequestId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.shards.waiting).remove(&self.request);
    }
}

impl Shards {
    pub(crate) fn new(engine: Box<dyn MediaEngine>, limits: &Limits) -> Self {
        let backlog = engine.shards().iter().map(|_| VecDeque::new()).collect();
        Self {
            engine,
            timeout: limits.shard_timeout,
            next_request: AtomicU64::new(1),
            waiting: Mutex::default(),
            backlog: Mutex::new(backlog),
            backlogged: Notify::new(),
        }
    }

    pub(crate) fn infos(&self) -> &[ShardInfo] {
        self.engine.shards()
    }

    pub(crate) fn info(&self, shard: ShardId) -> &ShardInfo {
        self.infos().iter().find(|info| info.id == shard).expect("shard ids come from this list")
    }

    pub(crate) fn fingerprint(&self) -> &corelay_engine::control::Fingerprint {
        self.engine.fingerprint()
    }

    pub(crate) fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        self.engine.snapshot(shard)
    }

    /// How long ago a shard posted its snapshot.
    pub(crate) fn snapshot_age(&self, shard: ShardId) -> Duration {
        self.engine.now().since(self.snapshot(shard).posted_at)
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn request(&self, shard: ShardId, command: impl FnOnce(RequestId) -> Command) -> Result<Reply, ProtocolError> {
        self.request_within(self.timeout, shard, command).await
    }

    /// [`Self::request`] with a time of its own.
    pub(crate) async fn request_within(
        &self,
        timeout: Duration,
        shard: ShardId,
        command: impl FnOnce(RequestId) -> Command,
    ) -> Result<Reply, ProtocolError> {
        let request = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(request, sender);
        let _waiting = Waiting { shards: self, request };
        // What is posted first must arrive first: a join before the transport that needs it.
        if !self.flush_shard(shard) || self.engine.send(shard, command(request)).is_err() {
            return Err(busy());
        }
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(answer)) => answer.map_err(refusal),
            _ => Err(busy()),
        }
    }

    /// Sends a command that has no answer and must not be lost. A full mailbox delays it.
    pub(crate) fn post(&self, shard: ShardId, command: Command) {
        let mut backlog = lock(&self.backlog);
        let queue = &mut backlog[usize::from(shard.0)];
        if queue.is_empty() {
            let Err(full) = self.engine.send(shard, command) else { return };
            queue.push_back(*full.0);
            self.backlogged.notify_one();
        } else {
            queue.push_back(command);
        }
    }

    /// Takes in the answer to a request; one that nobody waits for any more is dropped.
    pub(crate) fn answer(&self, request: RequestId, answer: Answer) {
        if let Some(sender) = lock(&self.waiting).remove(&request) {
            let _ = sender.send(answer);
        }
    }

    /// Sends what is in the backlog whenever there is something.
    pub(crate) async fn run_backlog(&self) {
        loop {
            self.backlogged.notified().await;
            // Every shard is tried, whatever became of the one before.
            while self.infos().iter().filter(|info| !self.flush_shard(info.id)).count() > 0 {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }

    /// Whether nothing is left in the backlog of `shard`.
    fn flush_shard(&self, shard: ShardId) -> bool {
        let mut backlog = lock(&self.backlog);
        let queue = &mut backlog[usize::from(shard.0)];
        while let Some(command) = queue.pop_front() {
            if let Err(full) = self.engine.send(shard, command) {
                queue.push_front(*full.0);
                return false;
            }
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn busy() -> ProtocolError {
    ProtocolError::new(ErrorName::Busy, "the media shard did not answer in time: try again in a moment")
}

/// A shard's refusal in the words of the protocol.
fn refusal(refusal: Refusal) -> ProtocolError {
    let name = match refusal {
        Refusal::Unknown("subscription") => ErrorName::UnknownConsumer,
        Refusal::Unknown("track") => ErrorName::UnknownProducer,
        Refusal::Unknown(_) => ErrorName::UnknownTransport,
        Refusal::Exists(_) | Refusal::Conflict(_) => ErrorName::Conflict,
        Refusal::Full(_) => ErrorName::Full,
        Refusal::State(_) => ErrorName::OutOfOrder,
    };
    ProtocolError::new(name, refusal.to_string())
}
