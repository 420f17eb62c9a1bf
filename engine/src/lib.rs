//! The engine: shards (pinned threads, one event loop each) that drive [`corelay_core`] with real sockets, and what is around them:
//! configuration, ports, boot, mailboxes to signaling, metrics.
//!
//! ```text
//! signaling --Command--> [mailbox] --> shard: { back-end -> core -> back-end } --> [mailbox] --Event--> signaling
//!                                        '--once a second--> snapshot ---------------------------------> metrics
//! ```
//!
//! Nothing crosses a shard boundary but a value. [`Node`] is the face; [`config::Config`] is what it starts from.
#![forbid(unsafe_code)]
#![expect(dead_code, unused_imports, reason = "the shard loop, which uses the other ends of the mailboxes, follows")]

pub mod boot;
pub mod config;
mod events;
mod mailbox;
mod node;
pub mod ports;
mod snapshot;
pub mod topology;

pub use corelay_core::control;

pub use boot::BootError;
pub use events::Events;
pub use mailbox::{EventDrops, EventKind, MailboxFull};
pub use node::{Node, ShardInfo};
pub use snapshot::ShardSnapshot;
