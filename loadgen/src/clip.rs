//! Real video: frames of one encoding, played round and round.

use crate::stream::Codec;

/// A short encoded video. It starts with a keyframe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clip {
    /// What the frames are encoded with.
    pub codec: Codec,
    /// In the order in which they are sent; after the last comes the first.
    pub frames: Vec<Frame>,
    /// From one frame to the next, in units of 1/90000 s; `timestamp` of a frame that is played again goes on from there.
    pub frame_ticks: u32,
}

/// One encoded picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// VP8: one frame as of RFC 6386. H264: NAL units in Annex B form, start codes included.
    pub bytes: Vec<u8>,
    /// A receiver can start here.
    pub keyframe: bool,
    /// From the clip's start, in units of 1/90000 s.
    pub timestamp: u32,
}
