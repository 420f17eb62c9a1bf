//! What the router can carry, the same for every room.

use super::codec::{ROUTER_CODECS, RTX_VIDEO, RouterCodec, apt};
use super::extension::ROUTER_EXTENSIONS;
use crate::protocol::{RtpCapabilities, RtpCodecCapability, RtpHeaderExtension};

/// The answer to `getRouterRtpCapabilities`.
pub(crate) fn router_capabilities() -> RtpCapabilities {
    RtpCapabilities {
        codecs: ROUTER_CODECS.iter().flat_map(|codec| [Some(media(codec)), retransmissions(codec)]).flatten().collect(),
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

fn media(codec: &RouterCodec) -> RtpCodecCapability {
    RtpCodecCapability {
        kind: codec.kind(),
        mime_type: codec.mime_type.to_owned(),
        preferred_payload_type: codec.payload_type,
        clock_rate: codec.clock_rate(),
        channels: codec.channels,
        parameters: codec.parameters(),
        rtcp_feedback: codec.feedback(),
    }
}

fn retransmissions(codec: &RouterCodec) -> Option<RtpCodecCapability> {
    Some(RtpCodecCapability {
        kind: codec.kind(),
        mime_type: RTX_VIDEO.to_owned(),
        preferred_payload_type: codec.rtx_payload_type()?,
        clock_rate: codec.clock_rate(),
        channels: None,
        parameters: apt(codec.payload_type),
        rtcp_feedback: Vec::new(),
    })
}
