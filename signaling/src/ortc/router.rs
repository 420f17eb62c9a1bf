//! What the router can carry, the same for every room.

use super::codec::ROUTER_CODECS;
use super::extension::ROUTER_EXTENSIONS;
use crate::protocol::{RtpCapabilities, RtpCodecCapability, RtpHeaderExtension};

/// The answer to `getRouterRtpCapabilities`.
pub(crate) fn router_capabilities() -> RtpCapabilities {
    RtpCapabilities {
        codecs: ROUTER_CODECS
            .iter()
            .map(|codec| RtpCodecCapability {
                kind: codec.kind(),
                mime_type: codec.mime_type.to_owned(),
                preferred_payload_type: codec.payload_type,
                clock_rate: codec.clock_rate(),
                channels: codec.channels,
                parameters: codec.parameters(),
                rtcp_feedback: codec.feedback(),
            })
            .collect(),
        header_extensions: ROUTER_EXTENSIONS
            .iter()
            .flat_map(|extension| {
                extension.kinds.iter().map(|kind| RtpHeaderExtension {
                    kind: *kind,
                    uri: extension.uri.to_owned(),
                    preferred_id: extension.id,
                    preferred_encrypt: false,
                    direction: extension.direction,
                })
            })
            .collect(),
    }
}
