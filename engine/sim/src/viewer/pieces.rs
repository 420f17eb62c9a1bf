//! From packets to frames, by sequence numbers and what the codec says of a frame's bounds.

use crate::content::Content;
use crate::incoming::Arrived;
use core::time::Duration;
use corelay_wire::codec::{self, PayloadDescription, h264, vp9};
use corelay_wire::media::Codec;
use corelay_wire::units::RtpTimestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Packets behind the newest that are kept.
const KEPT: i64 = 2_000;

/// A frame whose packets are all there.
#[derive(Clone, Debug)]
pub(crate) struct Assembled {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) timestamp: RtpTimestamp,
    /// What its first packet says, in words that all codecs share.
    pub(crate) described: PayloadDescription,
    /// What it says in VP9's.
    pub(crate) vp9: Option<vp9::Descriptor>,
    /// What the dependency descriptor says.
    pub(crate) dependency: Option<Dependency>,
    /// The RTP marker of its last packet: the last frame of its picture.
    pub(crate) ends_picture: bool,
    pub(crate) content: Content,
    /// One of its packets had to be asked for.
    pub(crate) late: bool,
    /// What its first packet says of the least delay, if it says anything: browsers read it there.
    pub(crate) playout_delay: Option<Duration>,
}

/// What a dependency descriptor says of a frame; ids and distances count frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) frame_number: u16,
    pub(crate) has_structure: bool,
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    pub(crate) diffs: Vec<u16>,
}

#[derive(Debug)]
struct Piece {
    timestamp: RtpTimestamp,
    first: bool,
    last: bool,
    marker: bool,
    /// It begins a key picture, whatever came before.
    begins: bool,
    described: PayloadDescription,
    vp9: Option<vp9::Descriptor>,
    dependency: Option<Dependency>,
    /// `None` once the frame was given out.
    content: Option<Content>,
    late: bool,
    playout_delay: Option<Duration>,
}

/// Packets that wait for the rest of their frame.
#[derive(Debug)]
pub(crate) struct Pieces {
    codec: Codec,
    pieces: BTreeMap<i64, Piece>,
    /// Numbers that carry nothing: what follows begins a frame.
    padding: BTreeSet<i64>,
}

impl Pieces {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, pieces: BTreeMap::new(), padding: BTreeSet::new() }
    }

    /// Takes a packet, and gives the frames that it completes: its own, and the next one where only this shows its start. `Err` is
    /// what is wrong with it.
    pub(crate) fn take(&mut self, arrived: &Arrived, dependency: Option<Dependency>) -> Result<Vec<Assembled>, &'static str> {
        let sequence = arrived.sequence;
        let newest = self.pieces.last_key_value().map_or(sequence, |(newest, _)| *newest);
        if sequence < newest - KEPT {
            return Ok(Vec::new());
        }
        let described = codec::describe(self.codec, &arrived.payload).ok_or("a payload that is none of its codec")?;
        let vp9 = if self.codec == Codec::Vp9 { vp9::Descriptor::parse(&arrived.payload) } else { None };
        let content = Content::read(&arrived.payload).ok_or("a payload that was changed")?;
        let (first, last) = match &dependency {
            Some(d) => (d.first, d.last),
            None => (described.starts_frame, described.ends_frame.unwrap_or(arrived.marker)),
        };
        let (marker, late) = (arrived.marker, sequence < newest);
        let timestamp = arrived.timestamp;
        let begins = match self.codec {
            // The picture itself is a unit of its own, which need not be the first.
            Codec::H264 => h264::Payload::parse(&arrived.payload).is_some_and(|p| p.sps),
            _ => first && described.keyframe,
        };
        let (content, playout_delay) = (Some(content), arrived.playout_delay);
        let piece = Piece { timestamp, first, last, marker, begins, described, vp9, dependency, content, late, playout_delay };
        self.pieces.insert(sequence, piece);
        self.pieces = self.pieces.split_off(&(newest - KEPT));
        let mut whole = Vec::new();
        for at in [sequence, sequence + 1] {
            whole.extend(self.bounds(at).and_then(|(first, last)| self.give(first, last)));
        }
        Ok(whole)
    }

    /// Takes a number without a payload, and gives the frame whose start it shows.
    pub(crate) fn take_padding(&mut self, sequence: i64) -> Option<Assembled> {
        self.padding.insert(sequence);
        self.padding = self.padding.split_off(&(sequence - KEPT));
        let (first, last) = self.bounds(sequence + 1)?;
        self.give(first, last)
    }

    /// The first and the last packet of the frame that the packet belongs to, if all between are there.
    fn bounds(&self, sequence: i64) -> Option<(i64, i64)> {
        let timestamp = self.pieces.get(&sequence)?.timestamp;
        let is_there = |at: i64| self.pieces.get(&at).filter(|p| p.timestamp == timestamp);
        let mut first = sequence;
        while !self.is_start(first)? {
            first -= 1;
            is_there(first)?;
        }
        let mut last = sequence;
        while !is_there(last)?.last {
            last += 1;
        }
        Some((first, last))
    }

    /// Whether the packet begins a frame; `None` when nobody can tell yet. H264 and AV1 do not mark it: there the packet before has
    /// to be known, unless this one begins a key picture.
    fn is_start(&self, at: i64) -> Option<bool> {
        let piece = &self.pieces[&at];
        if piece.begins || piece.dependency.is_some() || matches!(self.codec, Codec::Vp8 | Codec::Vp9) {
            return Some(piece.first);
        }
        if self.padding.contains(&(at - 1)) {
            return Some(true);
        }
        let before = self.pieces.get(&(at - 1))?;
        Some(before.timestamp != piece.timestamp)
    }

    fn give(&mut self, first: i64, last: i64) -> Option<Assembled> {
        let late = (first..=last).any(|at| self.pieces[&at].late);
        let whole = (first..=last).all(|at| {
            let content = &self.pieces[&at].content;
            content.as_ref().is_some_and(|c| i64::from(c.place) == at - first && i64::from(c.of) == last - first + 1)
        });
        let ends_picture = self.pieces[&last].marker;
        let piece = self.pieces.get_mut(&first)?;
        let content = piece.content.take().filter(|_| whole)?;
        Some(Assembled {
            first,
            last,
            timestamp: piece.timestamp,
            described: piece.described,
            vp9: piece.vp9.take(),
            dependency: piece.dependency.take(),
            ends_picture,
            content,
            late,
            playout_delay: piece.playout_delay,
        })
    }
}
