//! What a participant sends and receives: the answer to [`crate::control::Command::Statistics`].
//!
//! Totals count from the beginning of the thing. Rates and shares are of the last interval between two reports of the transport, about a
//! second; `None` before there was one. A quality score is 0 to 10: see [`crate::control::Event::SubscriptionScore`].

use crate::control::{LAYERS_MAX, Preferences, ScalabilityMode, SrtpProfile};
use crate::target::{Target, Why};
use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::Kind;
use corelay_wire::units::{Bitrate, Rid};

/// All of one participant on one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantStatistics {
    /// The participant.
    pub participant: ParticipantId,
    /// Its transports.
    pub transports: Vec<TransportStatistics>,
    /// What it publishes.
    pub tracks: Vec<TrackStatistics>,
    /// What it receives.
    pub subscriptions: Vec<SubscriptionStatistics>,
}

/// A flow over an interval. RTP payload: headers, padding and encryption are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flow {
    /// Bits of payload per second.
    pub bitrate: Bitrate,
    /// Packets per second.
    pub packets_per_second: u32,
}

impl core::ops::AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.bitrate.0 += other.bitrate.0;
        self.packets_per_second += other.packets_per_second;
    }
}

/// What flows over a transport, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flows {
    /// Audio.
    pub audio: Flow,
    /// Video.
    pub video: Flow,
}

/// Which side of the internet a peer's address is on. The address itself is not told. A server that does ICE-lite sees where checks come
/// from, so that each candidate is a peer-reflexive one to it (RFC 8445 section 7.3.1.3), whatever it is to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// Over IPv6; else IPv4.
    pub ipv6: bool,
    /// From an address that is not routed in the internet (RFC 1918, RFC 4193, link-local, loopback).
    pub private: bool,
}

/// A transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportStatistics {
    /// Which.
    pub transport: TransportId,
    /// The SRTP profile; `None` while no media may flow.
    pub profile: Option<SrtpProfile>,
    /// Where the peer is, in kind.
    pub remote: Option<RemoteCandidate>,
    /// The latest round trip.
    pub round_trip: Option<Duration>,
    /// What its tracks bring.
    pub received: Flows,
    /// What its subscriptions send, what is resent not counted.
    pub sent: Flows,
    /// Packets lost on the way here, in thousandths.
    pub received_lost_permille: Option<u16>,
    /// Packets lost on the way to the peer, in thousandths, as it reported.
    pub sent_lost_permille: Option<u16>,
    /// What it is thought to carry to the peer; `None` where nobody estimates it.
    pub estimate: Option<Bitrate>,
    /// Packets that were sent again since it began.
    pub resent: u64,
}

/// A published track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackStatistics {
    /// Which.
    pub track: TrackId,
    /// On which transport it arrives.
    pub transport: TransportId,
    /// Audio or video.
    pub kind: Kind,
    /// Whether it is a screen, or its sound.
    pub screen: bool,
    /// Whether it is paused for everyone.
    pub paused: bool,
    /// What its streams have of layers, as the publisher said.
    pub scalability: ScalabilityMode,
    /// How well it arrives: that of its best layer that sends.
    pub score: Option<u8>,
    /// Mean level of a microphone, in dBov; `None` for video, and where the publisher does not tell.
    pub dbov: Option<i8>,
    /// For audio: whether it is forwarded at present, or the room has louder ones.
    pub heard: bool,
    /// Lowest first.
    pub layers: ArrayVec<LayerStatistics, LAYERS_MAX>,
}

/// One stream of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerStatistics {
    /// Its name, where it has one.
    pub rid: Option<Rid>,
    /// Whether it sends.
    pub live: bool,
    /// What arrives.
    pub flow: Option<Flow>,
    /// Pictures per second, for video.
    pub frames_per_second: Option<u16>,
    /// Packets since its present stream began.
    pub packets: u64,
    /// Packets lost on the way here, in thousandths, those that came again not counted.
    pub lost_permille: Option<u16>,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Option<Duration>,
    /// Keyframes that arrived.
    pub keyframes: u64,
    /// Keyframe requests that were made of the publisher.
    pub keyframe_requests: u64,
    /// Packets that the publisher was asked for again.
    pub nacked: u64,
    /// Width and height in pixels, where known.
    pub resolution: Option<(u16, u16)>,
    /// How well it arrives.
    pub score: Option<u8>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionStatistics {
    /// Which.
    pub subscription: SubscriptionId,
    /// Of which track.
    pub track: TrackId,
    /// On which transport it leaves.
    pub transport: TransportId,
    /// Audio or video.
    pub kind: Kind,
    /// Whether the subscriber paused it.
    pub paused: bool,
    /// What the subscriber wishes.
    pub preferences: Preferences,
    /// What it gets; `None` while nothing flows.
    pub current: Option<Target>,
    /// What it is to get; `None`: nothing.
    pub target: Option<Target>,
    /// Why it is to get that and no more.
    pub why: Why,
    /// What is sent.
    pub flow: Option<Flow>,
    /// Packets since it began, what was resent not counted.
    pub packets: u32,
    /// Packets lost on the way to the subscriber, in thousandths, as it reported.
    pub lost_permille: Option<u16>,
    /// Interarrival jitter, as the subscriber reported.
    pub jitter: Option<Duration>,
    /// The latest round trip of its transport.
    pub round_trip: Option<Duration>,
    /// Packets that the subscriber asked for again.
    pub nacked: u64,
    /// Packets that were sent again.
    pub resent: u64,
    /// How good what the subscriber sees or hears is likely to be.
    pub score: Option<u8>,
}
