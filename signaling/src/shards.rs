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
type WaitingList = HashMap<RequestId, oneshot::Sender<Answer>>;

/// The engine with what waits for it.
pub(crate) struct Shards {
    engine: Box<dyn MediaEngine>,
    timeout: Duration,
    next_request: AtomicU64,
    waiting: Arc<Mutex<WaitingList>>,
    /// Posts that found a full mailbox, by shard. Bounded: what makes new things is refused once it is [`BACKLOG_LEN_MAX`] long, what
    /// ends things is one a thing, and of the pauses of one thing only the last is kept.
    backlog: Mutex<Vec<VecDeque<Command>>>,
    /// Something is in the backlog.
    backlogged: Notify,
}

/// Between two tries to send what is in the backlog: a shard empties its mailbox at least 64 commands a turn.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A shard with this many posts in the backlog takes no more joins and rooms. Higher: a shard that hangs is found out later, and each
/// post is 200 bytes. Lower: a burst of joins that a busy shard would have worked off is refused.
const BACKLOG_LEN_MAX: usize = 4_096;

/// Why a shard did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardError {
    /// Its mailbox is full: it does not know of the request.
    NotSent,
    /// No answer came in time: it may carry the request out yet.
    Late,
    /// It refused.
    Refused(Refusal),
}

/// Whether there may be, in the shard, what it was asked to make.
pub(crate) fn may_exist(answer: &Result<Reply, ShardError>) -> bool {
    matches!(answer, Ok(_) | Err(ShardError::Late))
}

impl From<ShardError> for ProtocolError {
    fn from(error: ShardError) -> Self {
        match error {
            ShardError::NotSent | ShardError::Late => {
                Self::new(ErrorName::Busy, "the media shard did not answer in time: try again in a moment")
            }
            ShardError::Refused(reason) => refusal(reason),
        }
    }
}

/// A request that is in the mailbox of a shard. Whoever drops it does not wait for its answer.
pub(crate) struct Asked {
    request: RequestId,
    answer: oneshot::Receiver<Answer>,
    waiting: Arc<Mutex<WaitingList>>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.waiting).remove(&self.request);
    }
}

impl Asked {
    async fn within(mut self, timeout: Duration) -> Result<Reply, ShardError> {
        match tokio::time::timeout(timeout, &mut self.answer).await {
            Ok(Ok(answer)) => answer.map_err(ShardError::Refused),
            _ => Err(ShardError::Late),
        }
    }

    /// Why it was refused, if it is known by now that it was: once a later request to the same shard is answered, it is.
    pub(crate) fn refusal(&mut self) -> Option<Refusal> {
        self.answer.try_recv().ok()?.err()
    }
}

impl Shards {
    pub(crate) fn new(engine: Box<dyn MediaEngine>, limits: &Limits) -> Self {
        let backlog = engine.shards().iter().map(|_| VecDeque::new()).collect();
        Self {
            engine,
            timeout: limits.shard_timeout,
            next_request: AtomicU64::new(1),
            waiting: Arc::default(),
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
    pub(crate) async fn request(&self, shard: ShardId, command: impl FnOnce(RequestId) -> Command) -> Result<Reply, ShardError> {
        self.request_within(self.timeout, shard, command).await
    }

    /// [`Self::request`] with a time of its own.
    pub(crate) async fn request_within(
        &self,
        timeout: Duration,
        shard: ShardId,
        command: impl FnOnce(RequestId) -> Command,
    ) -> Result<Reply, ShardError> {
        self.ask(shard, command)?.within(timeout).await
    }

    /// Sends a command that has an answer, at once: what is sent to the shard afterwards finds it carried out.
    pub(crate) fn ask(&self, shard: ShardId, command: impl FnOnce(RequestId) -> Command) -> Result<Asked, ShardError> {
        let request = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(request, sender);
        let asked = Asked { request, answer, waiting: Arc::clone(&self.waiting) };
        self.order(shard, command(request))?;
        Ok(asked)
    }

    /// Sends a command whose answer nobody waits for ([`RequestId::UNANSWERED`]), unless the shard is behind.
    pub(crate) fn order(&self, shard: ShardId, command: Command) -> Result<(), ShardError> {
        // What is posted first must arrive first: a join before the transport that needs it.
        if !self.flush_shard(shard) || self.engine.send(shard, command).is_err() {
            return Err(ShardError::NotSent);
        }
        Ok(())
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
            queue_up(queue, command);
        }
    }

    /// Sends a command that may be lost: whoever wants it asks again.
    pub(crate) fn post_or_drop(&self, shard: ShardId, command: Command) {
        if self.flush_shard(shard) {
            let _ = self.engine.send(shard, command);
        }
    }

    /// Whether so much waits for a shard that nothing new may be put onto it.
    pub(crate) fn is_behind(&self, shard: ShardId) -> bool {
        lock(&self.backlog)[usize::from(shard.0)].len() >= BACKLOG_LEN_MAX
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

/// Of two pauses of one thing, or two wishes of one kind about it, the later replaces the earlier.
fn queue_up(queue: &mut VecDeque<Command>, command: Command) {
    let earlier = queue.iter_mut().find(|waiting| match (&**waiting, &command) {
        (Command::PauseTrack { track: a, .. }, Command::PauseTrack { track: b, .. }) => a == b,
        (Command::PauseSubscription { subscription: a, .. }, Command::PauseSubscription { subscription: b, .. })
        | (Command::PreferLayers { subscription: a, .. }, Command::PreferLayers { subscription: b, .. })
        | (Command::SetPriority { subscription: a, .. }, Command::SetPriority { subscription: b, .. })
        | (Command::SetViewport { subscription: a, .. }, Command::SetViewport { subscription: b, .. })
        | (Command::FollowSpeakers { subscription: a, .. }, Command::FollowSpeakers { subscription: b, .. }) => a == b,
        (Command::SetSpeakers { room: a, .. }, Command::SetSpeakers { room: b, .. }) => a == b,
        (Command::Trace { participant: a, .. }, Command::Trace { participant: b, .. }) => a == b,
        _ => false,
    });
    match earlier {
        Some(earlier) => *earlier = command,
        None => queue.push_back(command),
    }
}

/// A shard's refusal in the words of the protocol.
fn refusal(refusal: Refusal) -> ProtocolError {
    let name = match refusal {
        Refusal::Unknown("subscription") => ErrorName::UnknownConsumer,
        Refusal::Unknown("track") => ErrorName::UnknownProducer,
        Refusal::Unknown("participant") => ErrorName::UnknownParticipant,
        Refusal::Unknown(_) => ErrorName::UnknownTransport,
        Refusal::Exists(_) | Refusal::Conflict(_) => ErrorName::Conflict,
        Refusal::Full(_) => ErrorName::Full,
        Refusal::State(_) => ErrorName::OutOfOrder,
    };
    ProtocolError::new(name, refusal.to_string())
}
