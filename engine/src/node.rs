//! One running node: its shards and the way to them.

use std::net::SocketAddr;
use std::sync::Arc;

use corelay_core::control::{Command, Fingerprint};
use corelay_wire::ids::ShardId;

use crate::boot::BootError;
use crate::config::Config;
use crate::events::Events;
use crate::mailbox::MailboxFull;
use crate::snapshot::ShardSnapshot;

/// What signaling must know of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// The shard.
    pub id: ShardId,
    /// Where clients send media to: the shard's ICE candidates.
    pub candidates: Vec<SocketAddr>,
    /// The name of its back-end.
    pub backend: &'static str,
    /// The core it is pinned to.
    pub core: usize,
}

/// The shards and their mailboxes. Dropping it ends them, as [`Self::shutdown`] does.
#[derive(Debug)]
pub struct Node {
    shards: Vec<ShardInfo>,
    fingerprint: Fingerprint,
}

impl Node {
    /// Starts the shards; returns when every one of them is in its loop.
    ///
    /// # Errors
    /// What keeps a shard from starting; the message says what to change.
    pub fn start(_config: &Config) -> Result<(Self, Events), BootError> {
        Err(BootError::NotBuilt)
    }

    /// The shards, by id.
    pub fn shards(&self) -> &[ShardInfo] {
        &self.shards
    }

    /// The digest of the certificate that all shards show in DTLS.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Puts a command into a shard's mailbox.
    ///
    /// # Errors
    /// When the mailbox is full, with the command. Nothing was queued.
    ///
    /// # Panics
    /// When there is no such shard: ids come from [`Self::shards`].
    pub fn send(&self, _shard: ShardId, command: Command) -> Result<(), MailboxFull> {
        Err(MailboxFull(Box::new(command)))
    }

    /// What a shard posted last.
    ///
    /// # Panics
    /// When there is no such shard.
    pub fn snapshot(&self, shard: ShardId) -> Arc<ShardSnapshot> {
        unreachable!("no node starts yet: {shard}")
    }

    /// Ends the shards, after what is in their mailboxes is carried out, and waits for them.
    pub fn shutdown(self) {}
}
