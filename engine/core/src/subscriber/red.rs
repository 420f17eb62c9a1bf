//! How redundant audio (RFC 2198) leaves to one subscriber: its blocks under the subscriber's payload type for Opus, or, where the
//! subscriber does not know it, the present block alone.

use crate::control::SubscriptionParameters;
use crate::history::Stored;
use corelay_wire::codec::red;
use corelay_wire::media::{Codec, PayloadFormats};
use corelay_wire::units::PayloadType;

/// No format.
const NONE: u8 = u8::MAX;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RedundantAudio {
    /// Which of the track's formats it is.
    format: u8,
    way: RedWay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RedWay {
    Pass,
    Rename(Rename),
    Unwrap,
}

/// The payload types of Opus: the publisher's, and the subscriber's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rename {
    from: PayloadType,
    to: PayloadType,
}

impl RedundantAudio {
    pub(crate) fn new(parameters: &SubscriptionParameters, formats: &PayloadFormats) -> Self {
        let of = |formats: &PayloadFormats, codec| formats.iter().find(|f| f.codec == codec).map(|f| f.payload_type);
        let format = formats.iter().position(|f| f.codec == Codec::Red).map_or(NONE, |at| at as u8);
        let way = match (of(&parameters.formats, Codec::Red), of(formats, Codec::Opus), of(&parameters.formats, Codec::Opus)) {
            (None, ..) => RedWay::Unwrap,
            (Some(_), Some(from), Some(to)) if from != to => RedWay::Rename(Rename { from, to }),
            (Some(_), ..) => RedWay::Pass,
        };
        Self { format, way }
    }

    /// Whether packets of this one of the track's formats leave as they came.
    #[inline]
    pub(crate) fn keeps(&self, format: u8) -> bool {
        format != self.format || self.way == RedWay::Pass
    }

    /// The packet as the subscriber gets it, but for the names of blocks. One that cannot be read has no payload.
    #[inline]
    pub(crate) fn cut<'a>(&self, stored: Stored<'a>) -> Stored<'a> {
        match stored.meta.format == self.format && self.way == RedWay::Unwrap {
            true => Self::unwrap(stored),
            false => stored,
        }
    }

    /// What is to be renamed in the payload of a packet.
    #[inline]
    pub(crate) fn rename(&self, stored: &Stored<'_>) -> Option<Rename> {
        match self.way {
            RedWay::Rename(rename) if stored.meta.format == self.format => Some(rename),
            _ => None,
        }
    }

    #[cold]
    fn unwrap(stored: Stored<'_>) -> Stored<'_> {
        let primary = red::Packet::parse(stored.payload()).map_or(0, |packet| packet.primary.len());
        stored.with_payload_len(primary)
    }
}

impl Rename {
    /// Renames the blocks of a payload.
    pub(crate) fn apply(self, payload: &mut [u8]) {
        red::rename(payload, self.from, self.to);
    }
}
