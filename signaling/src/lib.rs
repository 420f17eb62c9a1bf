//! The Corelay server: signaling over WebSocket and HTTP around the engine's shards.
//!
//! Everything here runs on one thread, the signaling thread. It hands finished values to the shards and gets values back; media
//! goes on when it is slow.
#![forbid(unsafe_code)]

mod app;
mod connections;
mod drain;
mod events;
mod http;
pub mod limits;
pub mod media_engine;
mod metrics;
mod ortc;
mod outbox;
mod placement;
pub mod protocol;
mod readiness;
mod registry;
pub mod server;
mod session;
mod shards;
mod stage;
mod statistics;
pub mod token;
