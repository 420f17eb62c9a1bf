//! Calls against the whole server from outside: the public WebSocket, the real engine, UDP sockets on loopback. The peer at the other
//! end is `str0m`, whose ICE, SRTP, RTP and RTCP share no code with the engine. One module a behaviour.

mod call;
mod check;
mod flood;
mod hostile;
mod leg;
mod mute;
mod patience;
mod peer;
mod restart;
mod running;
#[path = "../common/schema.rs"]
mod schema;
mod server;
mod signaling;
mod source;
mod spill;
mod stranger;
