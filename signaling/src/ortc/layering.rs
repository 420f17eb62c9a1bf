//! The layers of a producer, as its consumers are told of them.

use super::codec::RouterCodec;
use super::scalability;
use crate::protocol::{ConsumerType, ErrorName, MediaKind, ProtocolError, RtpEncodingParameters};
use corelay_engine::control::ScalabilityMode;

/// The layers of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layering {
    /// Encodings.
    pub(crate) streams: u8,
    /// Inside each of them.
    pub(crate) scalability: ScalabilityMode,
    has_spatial_layers: bool,
    /// No frame is of an upper spatial layer: the codec has none, or every encoding says so.
    pub(super) is_flat: bool,
}

impl Layering {
    /// What `encodings` of `codec` amount to. Each of several streams has one spatial layer, as in every browser.
    pub(super) fn of(codec: &RouterCodec, encodings: &[RtpEncodingParameters]) -> Result<Self, ProtocolError> {
        let mut mode = ScalabilityMode::default();
        let has_modes = codec.kind() == MediaKind::Video;
        let mut named = 0;
        for (i, encoding) in encodings.iter().enumerate().filter(|_| has_modes) {
            let Some(name) = encoding.scalability_mode.as_deref() else { continue };
            let field = format!("data.rtpParameters.encodings[{i}]");
            let one = scalability::parse(name, codec, &field)?;
            if encodings.len() > 1 && one.spatial > 1 {
                let reason = format!("{field}.scalabilityMode: several encodings have one spatial layer each: use L1T1 to L1T3");
                return Err(ProtocolError::new(ErrorName::Unsupported, reason));
            }
            named += 1;
            mode = if one.temporal > mode.temporal || one.spatial > 1 { one } else { mode };
        }
        let has_spatial_layers = codec.has_spatial_layers();
        let is_flat = !has_spatial_layers || (named == encodings.len() && mode.spatial == 1);
        Ok(Self { streams: encodings.len() as u8, scalability: mode, has_spatial_layers, is_flat })
    }

    pub(crate) const fn consumer_type(&self) -> ConsumerType {
        let has_layers = self.scalability.spatial > 1 || self.scalability.temporal > 1;
        match (self.streams > 1, has_layers, self.has_spatial_layers) {
            (true, _, _) | (false, true, false) => ConsumerType::Simulcast,
            (false, true, true) => ConsumerType::Svc,
            (false, false, _) => ConsumerType::Simple,
        }
    }

    /// The `scalabilityMode` of a consumer's encoding; nothing where there is one layer.
    pub(super) fn mode(&self) -> Option<String> {
        let ScalabilityMode { spatial, temporal, key } = self.scalability;
        match self.consumer_type() {
            ConsumerType::Simple => None,
            ConsumerType::Simulcast => Some(format!("S{}T{temporal}", self.streams)),
            ConsumerType::Svc => Some(format!("L{spatial}T{temporal}{}", if key { "_KEY" } else { "" })),
        }
    }
}
