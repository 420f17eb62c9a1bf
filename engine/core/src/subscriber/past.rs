//! What a subscription's numbers were before: pieces of constant offset, the newest last, and the holes that skipped packets left.
//!
//! Plain values in two rings, made once. A piece ends with each switch of layers and with each run of packets that is skipped, so a
//! subscriber of half the frame rate makes 15 of them a second.

use super::patch::Patch;
use corelay_wire::units::RtpTimestamp;

/// Pieces that are remembered. More find what was sent longer ago (60 frames a second, each with a spatial layer that is skipped, make
/// one second of 64) and cost 32 bytes each; fewer leave late packets and retransmission requests without an answer.
const PIECES: usize = 64;
/// Skipped holes that are remembered: they come from packets that were overtaken, a few in a round trip.
const SKIPPED: usize = 16;

/// Packets whose outgoing and incoming numbers are a constant apart: up to the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// The incoming index of its first packet.
    pub(super) incoming: u64,
    /// The outgoing index of its first packet.
    pub(super) outgoing: u64,
    pub(super) timestamp_offset: u32,
    pub(super) layer: u8,
    pub(super) patch: Patch,
}

/// Packets of before a subscription began, with which it began nevertheless, by their incoming indices.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    layer: u8,
    first: u64,
    end: u64,
    /// The outgoing time of the last of them.
    newest: RtpTimestamp,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// The latest of them: none where it ends at zero.
    earlier: Earlier,
    pieces: [Piece; PIECES],
    /// Pieces that ended, forgotten ones included.
    ended: u64,
    /// The incoming index that the present segment began with.
    segment: u64,
    /// Outgoing indices; zero is none: the first index of a subscription is above it.
    skipped: [u64; SKIPPED],
    skips: u64,
}

impl Default for Past {
    fn default() -> Self {
        Self::since(0)
    }
}

impl Past {
    /// Nothing yet; the present segment began with the incoming index `segment`.
    pub(super) fn since(segment: u64) -> Self {
        Self {
            earlier: Earlier { layer: 0, first: 0, end: 0, newest: RtpTimestamp(0) },
            pieces: [Piece::default(); PIECES],
            ended: 0,
            segment,
            skipped: [0; SKIPPED],
            skips: 0,
        }
    }

    /// A segment begins with this incoming index: what is older is none of it.
    pub(super) fn begin_segment(&mut self, incoming: u64) {
        self.segment = incoming;
    }

    /// The segment that begins with `first` has packets of before it up to `end`, the last of which leaves with the time `newest`.
    pub(super) fn begin_earlier(&mut self, layer: u8, first: u64, end: u64, newest: RtpTimestamp) {
        self.earlier = Earlier { layer, first, end, newest };
    }

    /// Where a packet is of before its segment, the outgoing time of the last that is.
    pub(super) fn earlier(&self, layer: u8, incoming: u64) -> Option<RtpTimestamp> {
        let Earlier { layer: of, first, end, newest } = self.earlier;
        (of == layer && (first..end).contains(&incoming)).then_some(newest)
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces[self.ended as usize % PIECES] = piece;
        self.ended += 1;
    }

    /// The number of a packet that was skipped is left free.
    pub(super) fn skip(&mut self, outgoing: u64) {
        self.skipped[self.skips as usize % SKIPPED] = outgoing;
        self.skips += 1;
    }

    pub(super) fn is_skipped(&self, outgoing: u64) -> bool {
        outgoing != 0 && self.skipped.contains(&outgoing)
    }

    /// The piece that an outgoing index below the present piece is of.
    pub(super) fn find_outgoing(&self, outgoing: u64) -> Option<&Piece> {
        self.newest_first().find(|piece| piece.outgoing <= outgoing)
    }

    /// The outgoing index of a packet of the present segment; `None` when it is older than that or than what is remembered, or was
    /// skipped. `end`: the outgoing index that the present piece began with.
    pub(super) fn outgoing(&self, layer: u8, incoming: u64, mut end: u64) -> Option<u64> {
        if incoming < self.segment {
            return None;
        }
        for piece in self.newest_first() {
            if piece.layer != layer || piece.incoming < self.segment {
                return None;
            }
            if let Some(distance) = incoming.checked_sub(piece.incoming) {
                return Some(piece.outgoing + distance).filter(|outgoing| *outgoing < end);
            }
            end = piece.outgoing;
        }
        None
    }

    /// What was changed within a packet of the present segment that is older than the present piece.
    pub(super) fn patch(&self, incoming: u64) -> Option<Patch> {
        let mut present = self.newest_first().take_while(|piece| piece.incoming >= self.segment);
        present.find(|piece| piece.incoming <= incoming).map(|piece| piece.patch)
    }

    fn newest_first(&self) -> impl Iterator<Item = &Piece> {
        let kept = (self.ended as usize).min(PIECES);
        (0..kept).map(|ago| &self.pieces[(self.ended as usize - 1 - ago) % PIECES])
    }
}
