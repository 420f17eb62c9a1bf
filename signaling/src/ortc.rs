//! From the media objects of `mediasoup-client` to the engine's parameters and back.
//!
//! ```text
//! publisher's rtpParameters --producer()--> TrackParameters            (the publisher's numbering)
//! the same + receiver's rtpCapabilities --consumer()--> rtpParameters  (the router's numbering)
//!                                                  '--> SubscriptionParameters, with the same numbers
//! ```
//!
//! The router's payload types and extension ids are fixed ([`router_capabilities`]), so every receiver has the same ones.

mod codec;
mod consumer;
mod extension;
mod h264;
mod layering;
mod producer;
mod router;
mod scalability;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use consumer::{Receiver, consumer};
pub(crate) use layering::Layering;
pub(crate) use producer::{ProducerFormat, Published, producer};
pub(crate) use router::router_capabilities;
pub(crate) use transport::{candidates, dtls_parameters, ice_parameters, remote_dtls};
