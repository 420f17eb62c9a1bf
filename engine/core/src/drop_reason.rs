//! Each reason to drop a datagram or packet, with its own counter.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal),+ $(,)?) => {
        /// Why something was not processed. The label is the `reason` of the metric `corelay_drops_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name),+
        }

        impl DropReason {
            /// All of them, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The metric label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label),+
                }
            }
        }
    };
}

reasons! {
    /// The first byte belongs to no protocol (RFC 9443 section 3), or the datagram is empty.
    NotOurs = "not_ours",
    /// STUN that does not parse.
    StunMalformed = "stun_malformed",
    /// STUN for a ufrag that names no transport.
    StunUnknownUfrag = "stun_unknown_ufrag",
    /// STUN with a wrong or missing MESSAGE-INTEGRITY.
    StunBadIntegrity = "stun_bad_integrity",
    /// STUN that is not a Binding request or indication.
    StunUnexpected = "stun_unexpected",
    /// From an address that no STUN check validated.
    UnknownSource = "unknown_source",
    /// A STUN check whose source belongs to another transport that is alive.
    SourceTaken = "source_taken",
    /// DTLS before ICE validated the address or before signaling told the fingerprint.
    DtlsTooEarly = "dtls_too_early",
    /// DTLS that the engine gave up on.
    DtlsFailed = "dtls_failed",
    /// A certificate that is not the one that signaling announced: it ended its transport.
    FingerprintMismatch = "fingerprint_mismatch",
    /// DTLS with an alert in clear, which anybody can forge: the handshake goes on.
    DtlsAlert = "dtls_alert",
    /// The handshake budget of the turn is spent: the peer sends again.
    DtlsBusy = "dtls_busy",
    /// SRTP before the keys are known.
    SrtpTooEarly = "srtp_too_early",
    /// RTP or RTCP that does not parse.
    RtpMalformed = "rtp_malformed",
    /// The authentication tag is wrong.
    SrtpBadTag = "srtp_bad_tag",
    /// Seen before, or older than the replay window.
    SrtpReplayed = "srtp_replayed",
    /// SRTCP with a wrong tag.
    SrtcpBadTag = "srtcp_bad_tag",
    /// SRTCP seen before, or older than the replay window.
    SrtcpReplayed = "srtcp_replayed",
    /// RTCP that does not parse.
    RtcpMalformed = "rtcp_malformed",
    /// An SSRC, mid or rid that belongs to no track of the transport.
    UnknownStream = "unknown_stream",
    /// A payload type that the track did not announce.
    UnknownPayloadType = "unknown_payload_type",
    /// The track is paused.
    TrackPaused = "track_paused",
    /// Seen before on this layer.
    Duplicate = "duplicate",
    /// Too old to be forwarded.
    TooLate = "too_late",
    /// A retransmission that nobody asked for, or padding under its SSRC: browsers probe for bandwidth with both.
    Unasked = "unasked",
    /// Somebody lost it and asked for it too late: nobody knows it any more.
    NackTooLate = "nack_too_late",
    /// Somebody lost it, and has asked for more than its transport's share of retransmissions.
    NackOverBudget = "nack_over_budget",
    /// More waits for the path of a transport than its pacer remembers: the subscriber asks for it again, or gets a keyframe.
    PacerFull = "pacer_full",
    /// It waited for the path of its transport until the history had forgotten it, or until it was too old to be worth it.
    WaitedTooLong = "waited_too_long",
    /// Larger than a packet may be.
    Oversize = "oversize",
    /// The outbox is full.
    OutboxFull = "outbox_full",
    /// The ring to another shard is full: its subscribers miss a packet.
    RelayFull = "relay_full",
    /// From another shard, about a track that ended or that nobody here has of it: the two crossed.
    RelayStray = "relay_stray",
    /// From another shard, and not what it may say: a bug.
    RelayMalformed = "relay_malformed",
    /// A command for something that is not here.
    UnknownCommandTarget = "unknown_command_target",
}

/// One counter a reason.
#[derive(Clone, Debug)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    /// One more of `reason`.
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// So many more of `reason`.
    pub fn count_many(&mut self, reason: DropReason, many: u64) {
        self.0[reason as usize] += many;
    }

    /// As many more of each reason as `other` counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// How many of `reason` so far.
    pub fn total(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.iter().map(|r| (*r, self.total(*r)))
    }
}
