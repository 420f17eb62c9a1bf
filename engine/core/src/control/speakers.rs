//! Who is heard in a room, and how that is told.

use core::time::Duration;
use corelay_wire::ids::TrackId;

/// Speakers that one event lists.
pub const LOUDEST_MAX: usize = 10;

/// How a room deals with its speakers.
///
/// **A room over several shards.** Each shard hears its own tracks and those that it mirrors. `streams` and `videos` hold on each
/// shard, from what it hears, so that they are to be set alike on all of them. [`crate::control::Event::Speakers`] comes from each
/// shard that has the room; the room's active speaker is what its **home** shard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SpeakerOptions {
    /// How many microphones are forwarded at a time; zero: all. `None`: as many as the node does
    /// ([`crate::limits::Limits::microphones_forwarded`]). Sound of a screen, and of publishers that do not tell its level
    /// (RFC 6464), is always forwarded and does not count.
    pub streams: Option<u8>,
    /// Of how many participants, those who spoke last, cameras are forwarded to the subscriptions that
    /// [follow speakers](crate::control::Preferences::follows_speakers); zero: of all. At most [`SpeakerOptions::VIDEOS_MAX`].
    pub videos: u8,
    /// How often levels are told while somebody speaks; at least [`SpeakerOptions::LEVELS_EVERY_MIN`]. `None`: only when the active
    /// speaker changes.
    pub levels_every: Option<Duration>,
}

impl SpeakerOptions {
    /// Shorter intervals are stretched to this. Shorter: a meter that moves more smoothly, and as many more events.
    pub const LEVELS_EVERY_MIN: Duration = Duration::from_millis(100);
    /// More than a screen shows of use.
    pub const VIDEOS_MAX: u8 = 32;
}

/// How loud a microphone was of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loudness {
    /// The track.
    pub track: TrackId,
    /// Mean level in dBov (RFC 6464): 0 is the loudest, -127 silence.
    pub dbov: i8,
}
