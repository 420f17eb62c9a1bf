//! What signaling asks of a shard, and what the shard tells it. Finished values only: no handles, no closures, no references.

mod preferences;
mod speakers;
mod statistics;
mod trace;

pub use preferences::{Preferences, Viewport};
pub use speakers::{LOUDEST_MAX, Loudness, SpeakerOptions};
pub use statistics::{
    Flow, Flows, LayerStatistics, ParticipantStatistics, RemoteCandidate, SubscriptionStatistics, TrackStatistics,
    TransportStatistics,
};
pub use trace::{TRACE_LIFETIME, TRACES_PER_SECOND_MAX, Trace};

pub use crate::target::{Target, Why};
use arrayvec::{ArrayString, ArrayVec};
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{ExtensionMap, Kind, PayloadFormats};
use corelay_wire::units::{Instant, Mid, Rid, Ssrc};

/// The name that ties a participant's streams together for lip-sync (RFC 7022), at most 32 bytes.
pub type Cname = ArrayString<32>;

/// Layers of one track: at most four simulcast streams.
pub const LAYERS_MAX: usize = 4;

/// What signaling asks. Ids are signaling's; a command with an unknown id is answered with [`Refusal::Unknown`] where it has a
/// request, and counted where it has none, or [`RequestId::UNANSWERED`].
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes a room, on each shard that has participants of it.
    OpenRoom {
        /// The room.
        room: RoomId,
    },
    /// Ends a room and everything that it has on this shard. What other shards have of it stays.
    CloseRoom {
        /// The room.
        room: RoomId,
    },
    /// Puts a participant into a room.
    Join {
        /// The room.
        room: RoomId,
        /// The participant.
        participant: ParticipantId,
        /// The name its streams share.
        cname: Cname,
    },
    /// Takes a participant out, with its transports, tracks and subscriptions.
    Leave {
        /// The participant.
        participant: ParticipantId,
    },
    /// Makes a transport. Answered by [`Reply::Transport`].
    OpenTransport {
        /// Names the answer.
        request: RequestId,
        /// Whose it is.
        participant: ParticipantId,
        /// The transport.
        transport: TransportId,
        /// Its credentials, of [`crate::transport::ufrag::credentials`], where the peer is told them ahead. `None`: the shard makes them.
        ice: Option<IceCredentials>,
    },
    /// Gives a transport what it must know of the peer before DTLS may run.
    ConnectTransport {
        /// The transport.
        transport: TransportId,
        /// The peer's DTLS parameters.
        remote: Box<RemoteDtls>,
    },
    /// New ICE credentials for a transport (RFC 8445 section 9). Answered by [`Reply::Transport`].
    RestartIce {
        /// Names the answer.
        request: RequestId,
        /// The transport.
        transport: TransportId,
    },
    /// Ends a transport, its tracks and its subscriptions.
    CloseTransport {
        /// The transport.
        transport: TransportId,
    },
    /// Publishes a track. Answered by [`Reply::Done`].
    Publish {
        /// Names the answer.
        request: RequestId,
        /// On which transport its packets arrive.
        transport: TransportId,
        /// The track.
        track: TrackId,
        /// How its packets look.
        parameters: Box<TrackParameters>,
        /// Whether it starts paused.
        paused: bool,
    },
    /// Makes a track of another shard known here, so that transports of this shard may subscribe to it. Answered by [`Reply::Done`],
    /// also when there is such a mirror already.
    ///
    /// Sent to a shard after `source` answered [`Command::Publish`] and before the first [`Command::Subscribe`] here, into a room
    /// that is open here. Nothing crosses while nobody here wants it: the shard asks `source` for the packets when the first
    /// subscription begins and tells it to stop after the last. A mirror ends by [`Command::CloseTrack`] or with its room, not with
    /// its subscriptions. From here on `PauseTrack` and `CloseTrack` go to the track's own shard and to each shard with a mirror of
    /// it, in any order.
    Mirror {
        /// Names the answer.
        request: RequestId,
        /// The room, on this shard.
        room: RoomId,
        /// The track: the id that it was published under.
        track: TrackId,
        /// The shard that the track was published on.
        source: ShardId,
        /// The name that the publisher's streams share: what its [`Command::Join`] said.
        cname: Cname,
        /// What [`Command::Publish`] said.
        parameters: Box<TrackParameters>,
        /// Whether the track is paused at present.
        paused: bool,
    },
    /// Pauses or resumes a track for all its subscribers.
    PauseTrack {
        /// The track.
        track: TrackId,
        /// Whether it is paused from here on.
        paused: bool,
    },
    /// Ends a track and its subscriptions.
    CloseTrack {
        /// The track.
        track: TrackId,
    },
    /// Subscribes a transport to a track. Answered by [`Reply::Done`].
    Subscribe {
        /// Names the answer.
        request: RequestId,
        /// On which transport the packets leave.
        transport: TransportId,
        /// What is subscribed to.
        track: TrackId,
        /// The subscription.
        subscription: SubscriptionId,
        /// How its packets look.
        parameters: Box<SubscriptionParameters>,
        /// Whether it starts paused.
        paused: bool,
    },
    /// Pauses or resumes one subscription.
    PauseSubscription {
        /// The subscription.
        subscription: SubscriptionId,
        /// Whether it is paused from here on.
        paused: bool,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Asks the publisher for a keyframe on a subscriber's behalf (throttled at the source).
    RequestKeyframe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// The highest layers that a subscriber wants: see [`Preferences`]. For audio it is kept and means nothing.
    PreferLayers {
        /// The subscription.
        subscription: SubscriptionId,
        /// The highest picture size, counted from zero; 255: no limit.
        spatial: u8,
        /// The highest temporal layer, counted from zero; 255: no limit.
        temporal: u8,
    },
    /// How important a subscription is among those of its transport.
    SetPriority {
        /// The subscription.
        subscription: SubscriptionId,
        /// From 1 to 255, higher goes first; zero is taken for 1.
        priority: u8,
    },
    /// How large a subscriber shows a track. It is sent no picture that is much larger, and none while it is hidden.
    SetViewport {
        /// The subscription.
        subscription: SubscriptionId,
        /// In device pixels.
        viewport: Viewport,
    },
    /// Whether a subscription of a camera is paused while its owner is not among the room's last speakers.
    FollowSpeakers {
        /// The subscription.
        subscription: SubscriptionId,
        /// Whether it is.
        follow: bool,
    },
    /// How a room deals with its speakers: for each shard that has the room, after [`Command::OpenRoom`].
    SetSpeakers {
        /// The room.
        room: RoomId,
        /// All of it: what was set before is forgotten.
        options: SpeakerOptions,
    },
    /// What a participant sends and receives. Answered by [`Reply::Statistics`].
    Statistics {
        /// Names the answer.
        request: RequestId,
        /// The participant.
        participant: ParticipantId,
    },
    /// Tells what happens to a participant's media, by [`Event::Trace`]: at most [`TRACES_PER_SECOND_MAX`] a second of all that are
    /// traced, until it is turned off, the participant leaves, or [`TRACE_LIFETIME`] has passed since it was last turned on.
    Trace {
        /// The participant.
        participant: ParticipantId,
        /// Whether it is told from here on.
        on: bool,
    },
    /// Asks whether the shard is alive. Answered by [`Reply::Done`].
    Ping {
        /// Names the answer.
        request: RequestId,
    },
}

/// What a shard tells signaling.
#[derive(Clone, Debug)]
pub enum Event {
    /// The answer to a command that had a request.
    Reply {
        /// The command's request.
        request: RequestId,
        /// How it went.
        result: Result<Reply, Refusal>,
    },
    /// A transport changed its state.
    TransportState {
        /// The transport.
        transport: TransportId,
        /// What it is from here on.
        state: TransportState,
    },
    /// The first packet of a track arrived: its layers and payload type are known.
    TrackStarted {
        /// The track.
        track: TrackId,
        /// From [`Command::Publish`] to the packet.
        after: Duration,
    },
    /// The first packet of a subscription left.
    SubscriptionStarted {
        /// The subscription.
        subscription: SubscriptionId,
        /// From [`Command::Subscribe`] to the packet.
        after: Duration,
    },
    /// A subscription gets other layers, or none, from here on: when the first packet of them left, and when the last one did. Audio
    /// has none of it.
    SelectionChanged {
        /// The subscription.
        subscription: SubscriptionId,
        /// What it gets; `None`: nothing. The picture size is [`Target::size`].
        layers: Option<Target>,
        /// Why it is that and no more.
        why: Why,
    },
    /// Which layers of a track anybody wants: the publisher need not encode the others. Told when it changes.
    LayersWanted {
        /// The track.
        track: TrackId,
        /// One bit a stream, lowest first from bit 0. Zero: nobody wants any.
        layers: u8,
    },
    /// Who is heard in a room: when the active speaker changes, and at [`SpeakerOptions::levels_every`] while somebody speaks, once more
    /// with an empty list when all fell silent. See [`SpeakerOptions`] for rooms over several shards.
    Speakers {
        /// The room.
        room: RoomId,
        /// The track of the active speaker: who speaks, or spoke last. `None`: nobody has yet, or its track ended or was paused.
        active: Option<TrackId>,
        /// Who spoke within the last interval, loudest first, at most [`LOUDEST_MAX`].
        loudest: Box<[Loudness]>,
    },
    /// The quality of what a publisher sends, as it arrives, moved by more than one since it was told: what was not told is 10.
    TrackScore {
        /// The track.
        track: TrackId,
        /// 0 to 10: of the best layer that sends; 0 when none does though somebody wants it.
        score: u8,
        /// Of each layer, lowest first; `None` for one that does not send, and behind the last.
        layers: [Option<u8>; LAYERS_MAX],
    },
    /// The quality of the way to a subscriber, or of the track as it arrives here, moved by more than one since it was told: what was not
    /// told is 10.
    SubscriptionScore {
        /// The subscription.
        subscription: SubscriptionId,
        /// 0 to 10: of the way to the subscriber alone.
        score: u8,
        /// 0 to 10: of the track as it arrives here.
        track_score: u8,
    },
    /// What happened to the media of a participant that is traced.
    Trace {
        /// The participant.
        participant: ParticipantId,
        /// When, on the node's clock.
        at: Instant,
        /// What.
        trace: Trace,
    },
    /// A room ended without being asked to.
    RoomEnded {
        /// The room.
        room: RoomId,
        /// Why.
        reason: RoomEndReason,
    },
}

/// Why a room ended without being asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomEndReason {
    /// The shard panicked and started anew.
    ShardRestarted,
}

/// A command that was carried out.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Done; there is nothing to add.
    Done,
    /// The transport's own ICE credentials.
    Transport {
        /// User fragment and password for the peer.
        ice: IceCredentials,
    },
    /// What the participant sends and receives.
    Statistics(Box<ParticipantStatistics>),
}

/// A command that was not carried out, and what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is not known here: it never was, or it ended.
    #[error("no such {0}: it never was, or it ended")]
    Unknown(&'static str),
    /// The id is in use: a bug of the caller.
    #[error("this {0} exists already")]
    Exists(&'static str),
    /// A limit of the shard is reached: try another shard or node.
    #[error("the shard holds as many {0} as it can: try another shard or node")]
    Full(&'static str),
    /// The parameters clash with what the transport already carries, such as two tracks with one SSRC.
    #[error("{0}")]
    Conflict(&'static str),
    /// The command came in the wrong state, such as a second connect.
    #[error("{0}")]
    State(&'static str),
}

/// Where a transport is in its life.
///
/// ```text
/// New -> Checking -> Connecting -> Connected <-> Disconnected
///   \________\___________\____________\______________\-> Failed | Closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportState {
    /// Nothing has arrived.
    New,
    /// A valid STUN check arrived.
    Checking,
    /// ICE has a pair and DTLS runs.
    Connecting,
    /// Media flows.
    Connected {
        /// From [`Command::OpenTransport`] to here.
        after: Duration,
        /// The SRTP profile that DTLS agreed on.
        profile: SrtpProfile,
        /// Where the peer is. For metrics and tests, not for logs at info.
        remote: SocketAddr,
    },
    /// Nothing authentic has been heard for [`crate::transport::SILENCE_MAX`].
    Disconnected,
    /// The end: consent expired, or DTLS could not agree.
    Failed(TransportFailure),
    /// The peer said goodbye (DTLS close_notify).
    Closed,
}

/// Why a transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFailure {
    /// No valid check for 30 seconds (RFC 7675 section 5.1).
    ConsentExpired,
    /// The certificate is not the one that signaling announced.
    FingerprintMismatch,
    /// DTLS gave up: no common suite, a bad message or no answer in time.
    Handshake,
}

/// SRTP protection profiles, in the server's order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// AEAD_AES_128_GCM (RFC 7714).
    AeadAes128Gcm,
    /// AEAD_AES_256_GCM (RFC 7714).
    AeadAes256Gcm,
    /// AES_CM_128_HMAC_SHA1_80 (RFC 3711).
    Aes128CmSha1_80,
}

/// What the peer must prove to know in its STUN checks. Alphabet and lengths of RFC 8839 section 5.4.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User fragment; carries the shard and the transport.
    pub ufrag: ArrayString<32>,
    /// Password, at least 128 bits of randomness.
    pub password: ArrayString<32>,
}

impl core::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "IceCredentials({})", self.ufrag)
    }
}

/// The peer's side of DTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDtls {
    /// The role that the peer takes. The server takes the other.
    pub role: DtlsRole,
    /// The certificate that the peer must show: one match is enough.
    pub fingerprints: ArrayVec<Fingerprint, 4>,
}

/// Who sends the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// This side does.
    Client,
    /// The other side does.
    Server,
}

/// The digest of a certificate (RFC 8122 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash function.
    pub algorithm: FingerprintAlgorithm,
    /// The digest, as long as the algorithm makes it.
    pub digest: ArrayVec<u8, 64>,
}

/// Hash functions of fingerprints. SHA-1 and older are refused by signaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintAlgorithm {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

/// How a published track looks, in the publisher's numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackParameters {
    /// Audio or video.
    pub kind: Kind,
    /// The media section, where the publisher sends it.
    pub mid: Option<Mid>,
    /// Payload types.
    pub formats: PayloadFormats,
    /// Header extension ids.
    pub extensions: ExtensionMap,
    /// One entry a layer, lowest first; one entry without simulcast.
    pub layers: ArrayVec<LayerParameters, LAYERS_MAX>,
    /// A screen, or its sound: lines go before frames, and it is never left out for who speaks.
    pub screen: bool,
    /// What each of its streams has of layers within it.
    pub scalability: ScalabilityMode,
}

/// The layers within one stream: what `scalabilityMode` says (W3C webrtc-svc section 6), such as `L3T3_KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalabilityMode {
    /// Spatial layers, at least one.
    pub spatial: u8,
    /// Temporal layers, at least one.
    pub temporal: u8,
    /// Spatial layers are predicted from each other in keyframes only (`_KEY`).
    pub key: bool,
}

impl Default for ScalabilityMode {
    /// `L1T1`, which is also for who did not say: temporal layers are read from the packets.
    fn default() -> Self {
        Self { spatial: 1, temporal: 1, key: false }
    }
}

/// One simulcast stream, by SSRC or by rid (or both).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LayerParameters {
    /// Its SSRC, where signaled.
    pub ssrc: Option<Ssrc>,
    /// The SSRC of its retransmissions, where signaled.
    pub rtx_ssrc: Option<Ssrc>,
    /// Its rid, where signaled.
    pub rid: Option<Rid>,
}

/// How a subscription's packets look, in the subscriber's numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionParameters {
    /// Its SSRC. Never that of another subscription of the transport, not even of one that ended: SSRC and packet index are the
    /// AEAD nonce under the transport's key (RFC 7714 section 8.1).
    pub ssrc: Ssrc,
    /// The SSRC of retransmissions, where negotiated.
    pub rtx_ssrc: Option<Ssrc>,
    /// The media section, where the subscriber wants to be told.
    pub mid: Option<Mid>,
    /// Payload types: a packet whose codec is not here is not forwarded.
    pub formats: PayloadFormats,
    /// Header extension ids: an extension that is not here is taken out.
    pub extensions: ExtensionMap,
    /// What it begins with; each can be changed by a command.
    pub preferences: Preferences,
}
