//! The router's header extensions (RFC 8285) and their fixed ids.

use crate::protocol::{HeaderExtensionDirection, MediaKind};
use corelay_wire::media::Extension;

/// One entry of the router's capabilities.
pub(super) struct RouterExtension {
    pub(super) extension: Extension,
    pub(super) uri: &'static str,
    pub(super) id: u8,
    pub(super) kinds: &'static [MediaKind],
    /// Seen from the router: `RecvOnly` is read and not written.
    pub(super) direction: HeaderExtensionDirection,
}

const TRANSPORT_SEQUENCE_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const BOTH: &[MediaKind] = &[MediaKind::Audio, MediaKind::Video];
const AUDIO: &[MediaKind] = &[MediaKind::Audio];
const VIDEO: &[MediaKind] = &[MediaKind::Video];

/// Ids stay below 15, for the one-byte form.
///
/// Left out on purpose: toffset, which describes the publisher's pacing and would be wrong behind the server's own.
pub(super) const ROUTER_EXTENSIONS: &[RouterExtension] = &[
    RouterExtension {
        extension: Extension::Mid,
        uri: "urn:ietf:params:rtp-hdrext:sdes:mid",
        id: 1,
        kinds: BOTH,
        // A receiver knows each stream by its SSRC, so that no bytes go into telling the media section in every packet.
        direction: HeaderExtensionDirection::RecvOnly,
    },
    RouterExtension {
        extension: Extension::Rid,
        uri: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        id: 2,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::RecvOnly,
    },
    RouterExtension {
        extension: Extension::RepairedRid,
        uri: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        id: 3,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::RecvOnly,
    },
    RouterExtension {
        extension: Extension::AbsSendTime,
        uri: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        id: 4,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::RecvOnly,
    },
    RouterExtension {
        extension: Extension::TransportSequence,
        uri: TRANSPORT_SEQUENCE_URI,
        id: 5,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::TransportSequence,
        uri: TRANSPORT_SEQUENCE_URI,
        id: 5,
        kinds: AUDIO,
        // Not towards receivers: a lost packet of audio is sent again with the very same bytes, which leaves no room for a number
        // of its own.
        direction: HeaderExtensionDirection::RecvOnly,
    },
    RouterExtension {
        extension: Extension::AudioLevel,
        uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        id: 6,
        kinds: AUDIO,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::VideoOrientation,
        uri: "urn:3gpp:video-orientation",
        id: 7,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::AbsCaptureTime,
        uri: "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
        id: 9,
        kinds: BOTH,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::PlayoutDelay,
        uri: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        id: 10,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::DependencyDescriptor,
        uri: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        id: 11,
        kinds: VIDEO,
        direction: HeaderExtensionDirection::SendRecv,
    },
    RouterExtension {
        extension: Extension::VideoLayersAllocation,
        uri: "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
        id: 12,
        kinds: VIDEO,
        // It describes what the publisher sends, of which a receiver gets a part.
        direction: HeaderExtensionDirection::RecvOnly,
    },
];

/// The router's extension that `uri` names for `kind`.
pub(super) fn router_extension(kind: MediaKind, uri: &str) -> Option<&'static RouterExtension> {
    ROUTER_EXTENSIONS.iter().find(|ours| ours.uri == uri && ours.kinds.contains(&kind))
}
