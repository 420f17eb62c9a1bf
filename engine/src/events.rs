//! What the shards tell signaling, in one place to wait for and one to take from.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use corelay_core::control::Event;
use corelay_wire::ids::ShardId;

use crate::mailbox::{Bell, CommandSender, EventInbox};

/// The events of all shards. Readable (as a file descriptor) when there may be some.
///
/// **Waiting:** when readable, call [`Self::clear_wake`], then [`Self::try_next`] until it gives nothing, then wait again. In this
/// order no event is left behind.
#[derive(Debug)]
pub struct Events {
    bell: Bell,
    shards: Vec<(ShardId, EventInbox, CommandSender)>,
    /// Whose turn it is: no shard waits behind another that is busy.
    next: usize,
}

impl Events {
    pub(crate) fn new(bell: Bell, shards: Vec<(ShardId, EventInbox, CommandSender)>) -> Self {
        Self { bell, shards, next: 0 }
    }

    /// The next event of any shard, the shards taking turns. Nothing: all were empty.
    pub fn try_next(&mut self) -> Option<(ShardId, Event)> {
        for _ in 0..self.shards.len() {
            let (id, inbox, commands) = &self.shards[self.next];
            self.next = (self.next + 1) % self.shards.len();
            if let Some(event) = inbox.next() {
                return Some((*id, event));
            }
            if inbox.take_spilled() {
                commands.nudge();
            }
        }
        None
    }

    /// Takes the pending wake-up. Call it before draining, not after.
    pub fn clear_wake(&self) {
        self.bell.hear();
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.waker().as_fd()
    }
}

/// `tokio`'s `AsyncFd` asks for this one.
impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.bell.waker().as_raw_fd()
    }
}
