//! One running node: its shards and the way to them.

use std::sync::Arc;

use corelay_core::control::{Command, Fingerprint};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;

use crate::boot::{self, BootError, Running, ShardInfo};
use crate::clock::Clock;
use crate::config::Config;
use crate::events::Events;
use crate::mailbox::MailboxFull;
use crate::snapshot::ShardSnapshot;

/// The shards and their mailboxes. Any number of threads may send. Dropping it ends the shards, as [`Self::shutdown`] does.
#[derive(Debug)]
pub struct Node {
    shards: Vec<Running>,
    infos: Vec<ShardInfo>,
    signaling_core: usize,
    fingerprint: Fingerprint,
    clock: Clock,
}

impl Node {
    /// Starts the shards; returns when every one of them is in its loop.
    ///
    /// # Errors
    /// What keeps a shard from starting; the message says what to change.
    pub fn start(config: &Config) -> Result<(Self, Events), BootError> {
        let started = boot::boot(config)?;
        let node = Self {
            shards: started.shards,
            infos: started.infos,
            signaling_core: started.signaling_core,
            fingerprint: started.certificate.fingerprint(),
            clock: started.clock,
        };
        Ok((node, started.events))
    }

    /// The shards, by id: `shards()[id]` is the shard `id`.
    pub fn shards(&self) -> &[ShardInfo] {
        &self.infos
    }

    /// The core that is left for signaling; see [`crate::topology::pin`].
    pub fn signaling_core(&self) -> usize {
        self.signaling_core
    }

    /// The digest of the certificate that all shards show in DTLS.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The node's time, to tell the age of a snapshot.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Puts a command into a shard's mailbox, and wakes the shard if it sleeps.
    ///
    /// # Errors
    /// When the mailbox is full, with the command. Nothing was queued.
    ///
    /// # Panics
    /// When there is no such shard: ids come from [`Self::shards`].
    pub fn send(&self, shard: ShardId, command: Command) -> Result<(), MailboxFull> {
        self.shard(shard).commands.send(command)
    }

    /// What a shard posted last. It posts once a second, and once when it starts.
    ///
    /// # Panics
    /// When there is no such shard.
    pub fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        self.shard(shard).shelf.look()
    }

    /// Ends the shards, after what is in their mailboxes is carried out, and waits for them. Their ports are free afterwards.
    pub fn shutdown(self) {
        drop(self);
    }

    /// Makes a shard panic in its next turn.
    ///
    /// # Panics
    /// When there is no such shard.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn inject_panic(&self, shard: ShardId) {
        self.shard(shard).commands.inject_panic();
    }

    fn shard(&self, shard: ShardId) -> &Running {
        &self.shards[usize::from(shard.0)]
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // All at once, then each is waited for as it is dropped.
        self.shards.iter().for_each(Running::stop);
    }
}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Node>();
};
