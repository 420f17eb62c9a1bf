//! What one transport does about its path: what it sent and when, what the path carries, and what may leave when.
//!
//! ```text
//! run leaves  -> pacer (when may the next one), sent (numbers, lengths, time)
//! feedback    -> sent -> results -> estimator -> estimate -> pacer, allocation of layers
//! ```
//!
//! Only transports that can tell have one: whose subscriptions negotiated transport-wide numbers, or that sent a REMB. All others send
//! what there is when it is there.

mod pacer;
mod sent;

pub use pacer::{Pacer, Waiting};
pub use sent::{Departed, Results, SentLog};
