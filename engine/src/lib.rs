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

pub mod boot;
pub mod budget;
mod clock;
pub mod config;
mod entropy;
mod events;
mod latency;
mod mailbox;
mod mesh;
mod metrics;
mod node;
pub mod ports;
mod shard;
mod snapshot;
pub mod topology;

pub use corelay_core::control;
pub use corelay_core::transport::ufrag::credentials as ice_credentials;

pub use boot::{BootError, ShardInfo};
pub use corelay_uring::listener::defer_accept;
pub use events::Events;
pub use mailbox::{EventDrops, EventKind, MailboxFull};
pub use node::Node;
pub use snapshot::{Depths, Queue, ShardSnapshot, WakeCause, WakeUps};
