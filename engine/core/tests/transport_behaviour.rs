//! One transport against a peer made of another DTLS endpoint and hand-made STUN, on a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "transport_behaviour/dtls.rs"]
mod dtls;
#[path = "transport_behaviour/ice.rs"]
mod ice;
#[path = "transport_behaviour/peer.rs"]
mod peer;
#[path = "transport_behaviour/stun.rs"]
mod stun;
