//! Scalability modes (W3C webrtc-svc, section 6): `L3T3_KEY` and its like.

use super::codec::RouterCodec;
use crate::protocol::{ErrorName, ProtocolError};
use corelay_engine::control::ScalabilityMode;

/// Layers of one kind that the forwarding stage tells apart: what the modes of webrtc-svc go up to.
const LAYERS_OF_A_KIND_MAX: u8 = 3;

/// The mode that `field` has. A codec without spatial layers sends one, whatever its application asked the browser for.
pub(super) fn parse(mode: &str, codec: &RouterCodec, field: &str) -> Result<ScalabilityMode, ProtocolError> {
    let refuse = |why: &str| ProtocolError::new(ErrorName::Unsupported, format!("{field}.scalabilityMode: {why}"));
    if mode.starts_with('S') {
        return Err(refuse("S modes put simulcast into one stream: publish one encoding a stream, each with a rid"));
    }
    let parsed = read(mode).ok_or_else(|| refuse("must be L1T1 to L3T3, with _KEY or without (W3C webrtc-svc, section 6)"))?;
    Ok(if codec.has_spatial_layers() { parsed } else { ScalabilityMode { spatial: 1, key: false, ..parsed } })
}

fn read(mode: &str) -> Option<ScalabilityMode> {
    let (spatial, rest) = mode.strip_prefix('L')?.split_once('T')?;
    let temporal = rest.get(..1)?;
    // `h` is another ratio between the sizes; `_SHIFT` puts the keyframes of the layers at other times.
    let key = match rest.get(1..)? {
        "" | "h" => false,
        "_KEY" | "h_KEY" | "_KEY_SHIFT" => true,
        _ => return None,
    };
    let layers = |text: &str| text.parse().ok().filter(|n| (1..=LAYERS_OF_A_KIND_MAX).contains(n));
    Some(ScalabilityMode { spatial: layers(spatial)?, temporal: layers(temporal)?, key })
}
