//! Load for a WebRTC server, from real clients in numbers: ICE, DTLS and SRTP on a WebRTC stack (`dtls`, `webrtc-srtp`, `rtp`, `rtcp`,
//! `stun`) that shares no code with the engine and so cannot agree with its bugs.
//!
//! ```text
//! Client  (WebSocket, tokens: a Corelay server)  ─┐
//!                                                  ├─> Association (ICE, DTLS: any server) ──> Fleet (media: a few threads)
//! a bench's signaling for another server ─────────┘
//! ```
//!
//! [`association`] makes connections on tokio, [`fleet`] carries their media, [`stream`] says what is sent, [`client`] speaks to Corelay.
//! Publisher and receiver sit in the same process, so that one monotonic clock measures the way through the server.
#![forbid(unsafe_code)]

pub mod association;
pub mod client;
pub mod clip;
pub mod codec;
pub mod fleet;
pub mod process;
pub mod stream;
pub mod token;
mod wire;
