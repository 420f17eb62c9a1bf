//! The server from outside: real HTTP and WebSockets on loopback. Behind it stands an engine that does as the test says, so that
//! answers which are late, refused or never come can be tested; media itself is tested with the real one.

mod client;
mod contents;
mod document;
mod drain;
mod engine;
mod figures;
mod http;
mod keys;
mod limits;
mod pace;
mod placement;
mod quality;
mod refusals;
mod rooms;
#[path = "../common/schema.rs"]
mod schema;
mod session;
mod spill;
