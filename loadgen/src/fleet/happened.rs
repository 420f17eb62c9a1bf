//! What a turn of a thread did, until it is posted.

use super::counts::Counts;
use super::socket::Run;

/// What happened at a member that its thread counts.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) received: Counts,
    pub(super) unexpected: u64,
    /// Of those that were unexpected.
    pub(super) expected_after_all: u64,
    pub(super) keyframes_asked: u64,
    pub(super) sent_packets: u64,
    pub(super) sent_bytes: u64,
    pub(super) sent_refused: u64,
    pub(super) latencies_ns: Vec<u64>,
}

/// What a thread sends with.
pub(super) struct Sending<'a> {
    pub(super) run: &'a mut Run,
    pub(super) gso: &'a mut bool,
    pub(super) happened: &'a mut Happened,
}
