//! The core on a simulated network and clock: one seed, every fault a knob. Tests of behaviours drive a [`World`].
//!
//! **The peers use parts of the core** (its DTLS engine and its SRTP), so that agreement with it proves forwarding, not
//! cryptography: that is held against independent stacks, in `core/tests/srtp_interop.rs` and in `signaling/tests/media`.
#![forbid(unsafe_code)]

mod bits;
pub mod camera;
mod chance;
pub mod content;
pub mod endpoint;
pub mod ice_client;
pub mod incoming;
pub mod listener;
pub mod matrix;
pub mod media;
pub mod microphone;
mod missing;
pub mod network;
pub mod outgoing;
pub mod peer;
pub mod prearranged;
mod rate_control;
pub mod received;
pub mod rings;
pub mod shards;
pub mod transport_feedback;
pub mod viewer;
pub mod world;

pub use media::Source;
pub use network::Faults;
pub use world::{PeerId, World};
