//! The SFU without I/O: rooms, transports, tracks and subscriptions as values that datagrams, commands and time drive.
//!
//! **The driving contract.** The owner calls `handle_command`, `handle_datagram`, `handle_relay` and `handle_timeout` in any order
//! with a time that never goes back, then `poll_relay`, then `poll_transmit` until it gives `None` or enough was sent for one turn
//! (sending each outbox it gives), then `poll_relay` once more, then `poll_event` until it gives `None`, and sleeps until the next
//! input or `poll_timeout`, but not while it [`Core::has_more_to_send`]. The owner of a core that is alone leaves the relays out.
//! Nothing here reads a clock, a socket, the environment or a random source.
#![forbid(unsafe_code)]

pub mod allocate;
pub mod budget;
mod clock;
pub mod congestion;
pub mod control;
mod copies;
mod core;
pub mod counters;
pub mod datagram;
mod departures;
pub mod drop_reason;
pub mod estimate;
mod feedback;
mod forward;
mod handshakes;
mod history;
mod keyframe;
mod layer;
pub mod limits;
mod meter;
mod mirror;
pub mod outbox;
mod pending_control;
mod place;
mod receive;
mod record;
pub mod relay;
mod resend;
mod resend_budget;
mod room;
mod routes;
mod rows;
mod score;
mod selection;
mod send;
mod speakers;
mod streams;
mod subscriber;
mod table;
pub mod target;
mod thrift;
pub mod timer;
pub mod transport;
mod upstream;
mod way;

pub use self::core::{Core, CoreConfig};
