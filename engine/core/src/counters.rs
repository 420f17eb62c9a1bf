//! What the core counted since it began: absolute values, so that a lost post is stale and never wrong.

use crate::control::SrtpProfile;
use crate::drop_reason::DropCounters;
use crate::target::Why;

/// Totals, and how many of each thing there are.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Datagrams that came in, whatever they were.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// RTP packets that were accepted into a track.
    pub packets_in: u64,
    /// Datagrams that were handed over for sending.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// RTP packets that were sealed for a subscriber.
    pub packets_out: u64,
    /// Packets that waited for the path of their transport.
    pub packets_waited: u64,
    /// Runs that were handed over: `datagrams_out / runs_out` is the mean run length.
    pub runs_out: u64,
    /// Keyframe requests that went to publishers.
    pub keyframe_requests_out: u64,
    /// Keyframe requests that subscribers made, merged and throttled ones included.
    pub keyframe_requests_in: u64,
    /// Subscriptions that began with a keyframe that was there already.
    pub fast_starts: u64,
    /// Those that could have, had there been a keyframe with all that followed it, and little enough of that.
    pub fast_starts_declined: u64,
    /// Lost packets that subscribers asked for, each as often as it was asked for.
    pub nacks_in: u64,
    /// Lost packets that publishers were asked for, each as often as it was asked for.
    pub nacks_out: u64,
    /// Messages of feedback on what arrived that went to publishers: transport-wide, or REMB.
    pub feedback_out: u64,
    /// Lost packets that publishers sent again, under an SSRC of their own.
    pub retransmissions_in: u64,
    /// Lost packets that were sent again to subscribers; they count as `packets_out` as well.
    pub retransmissions_out: u64,
    /// Packets that publishers were asked for in vain.
    pub given_up: u64,
    /// Packets that went to other shards, one for each shard.
    pub relayed_out: u64,
    /// Packets that came from other shards and were accepted into a mirror.
    pub relayed_in: u64,
    /// Microphones that were given a place, in rooms that have more of them than places.
    pub microphones_admitted: u64,
    /// Times that the active speaker of a room became another.
    pub speakers: u64,
    /// Times that a subscription got other layers, by why it got no more, in the order of [`Why::LABELS`]: those that got some, and those
    /// that got none.
    pub selections: [[u64; Why::COUNT]; 2],
    /// Probes for bandwidth that were begun.
    pub probes: u64,
    /// Transports with an estimate, at present.
    pub estimated: u64,
    /// The sum of their estimates at present, in bits per second.
    pub estimates_bits: u64,
    /// What was not processed, by reason.
    pub drops: DropCounters,
    /// Rooms at present.
    pub rooms: u64,
    /// Participants at present.
    pub participants: u64,
    /// Transports at present.
    pub transports: u64,
    /// Tracks that are published here, at present.
    pub tracks: u64,
    /// Tracks of other shards that are mirrored here, at present.
    pub mirrors: u64,
    /// Subscriptions at present.
    pub subscriptions: u64,
    /// Connected transports at present, by SRTP profile in the order of [`SrtpProfile`].
    pub connected: [u64; 3],
}

impl Counters {
    /// Connected transports that use `profile`.
    pub fn connected_with(&self, profile: SrtpProfile) -> u64 {
        self.connected[profile as usize]
    }
}
