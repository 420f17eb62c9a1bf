//! What a layer's frames consist of: how many packets each, and for a clip which bytes.

use super::trail::Trail;
use super::{Codec, vp8};
use crate::clip::Clip;
use bytes::Bytes;
use rtp::codecs::h264::H264Payloader;
use rtp::packetizer::Payloader;
use std::sync::Arc;

/// Frames of one layer, in the order in which they are sent.
pub(super) enum Frames {
    /// As many packets as the bitrate has room for.
    Synthetic {
        /// Bits of each packet.
        packet_bits: u64,
        /// Bits that each frame adds, times the frame rate.
        bitrate: u64,
        fps: u64,
        /// Bits that were not sent yet, times the frame rate: it carries the rest of one frame over to the next.
        credit: u64,
    },
    /// A clip's, packetized.
    Clip { frames: Vec<Packetized>, next: usize, trail: Arc<Trail> },
}

/// One frame of a clip.
pub(super) struct Packetized {
    pub(super) keyframe: bool,
    /// Without VP8's descriptor.
    pub(super) payloads: Vec<Bytes>,
    /// Of its first packet, among all of the clip.
    pub(super) place: usize,
}

/// The frame that is to be sent.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) packets: usize,
    pub(super) keyframe: bool,
    /// Of a clip's frames.
    pub(super) frame: usize,
}

impl Frames {
    pub(super) fn synthetic(bitrate: u32, fps: u32, packet_bytes: usize) -> Self {
        Self::Synthetic { packet_bits: packet_bytes as u64 * 8, bitrate: bitrate.into(), fps: fps.max(1).into(), credit: 0 }
    }

    /// Cuts a clip into payloads of at most `payload_max` bytes.
    pub(super) fn clip(clip: &Clip, payload_max: usize) -> Result<Self, String> {
        let mut h264 = H264Payloader::default();
        let mut frames = Vec::with_capacity(clip.frames.len());
        let mut place = 0;
        for frame in &clip.frames {
            let bytes = Bytes::copy_from_slice(&frame.bytes);
            let payloads = match clip.codec {
                Codec::H264 => {
                    h264.payload(payload_max, &bytes).map_err(|error| format!("a frame of the clip is no H264: {error}"))?
                }
                Codec::Vp8 => vp8_payloads(&bytes, payload_max - vp8::DESCRIPTOR_LEN),
                Codec::Opus => return Err("a clip is video".to_owned()),
            };
            frames.push(Packetized { keyframe: frame.keyframe, place, payloads });
            place += frames.last().map_or(0, |frame| frame.payloads.len());
        }
        if !frames.first().is_some_and(|frame| frame.keyframe) {
            return Err("the clip must start with a keyframe".to_owned());
        }
        let trail = Arc::new(Trail::new(frames.iter().flat_map(|frame| frame.payloads.iter().map(Bytes::as_ref))));
        Ok(Self::Clip { frames, next: 0, trail })
    }

    /// The next frame. A wanted keyframe starts a clip anew.
    pub(super) fn next(&mut self, keyframe_wanted: bool) -> Next {
        match self {
            Self::Synthetic { packet_bits, bitrate, fps, credit } => {
                *credit += *bitrate;
                let packets = (*credit / (*packet_bits * *fps)).max(1);
                *credit = credit.saturating_sub(packets * *packet_bits * *fps);
                Next { packets: packets as usize, keyframe: keyframe_wanted, frame: 0 }
            }
            Self::Clip { frames, next, .. } => {
                let frame = if keyframe_wanted { 0 } else { *next };
                *next = (frame + 1) % frames.len();
                Next { packets: frames[frame].payloads.len(), keyframe: frames[frame].keyframe, frame }
            }
        }
    }
}

/// In about equal parts, as browsers cut frames: the last packet is not much shorter than the others.
fn vp8_payloads(frame: &Bytes, payload_max: usize) -> Vec<Bytes> {
    let parts = frame.len().div_ceil(payload_max).max(1);
    let cut = |n: usize| frame.len() * n / parts;
    (0..parts).map(|n| frame.slice(cut(n)..cut(n + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Frame;

    fn packets_in_a_second(bitrate: u32, fps: u32, packet_bytes: usize) -> Vec<usize> {
        let mut frames = Frames::synthetic(bitrate, fps, packet_bytes);
        (0..fps).map(|_| frames.next(false).packets).collect()
    }

    #[test]
    fn synthetic_frames_keep_the_bitrate_over_time() {
        assert_eq!(packets_in_a_second(2_592_000, 30, 1200), [9; 30]);
        let uneven = packets_in_a_second(2_700_000, 30, 1200);
        assert!(uneven.iter().all(|n| (9..=10).contains(n)), "{uneven:?}");
        assert_eq!(uneven.iter().sum::<usize>(), 2_700_000 / 9_600);
        assert_eq!(packets_in_a_second(10_000, 30, 1200), [1; 30], "a frame has a packet at least");
    }

    #[test]
    fn a_clip_goes_round_and_starts_anew_for_a_keyframe() {
        let frame = |keyframe, len| Frame { bytes: vec![7; len], keyframe, timestamp: 0 };
        let clip =
            Clip { codec: Codec::Vp8, frames: vec![frame(true, 2500), frame(false, 100), frame(false, 1)], frame_ticks: 3000 };
        let mut frames = Frames::clip(&clip, 1004).expect("it is a clip");
        let played: Vec<_> =
            [false, false, false, false, true, false].map(|wanted| frames.next(wanted)).map(|next| next.frame).into();
        assert_eq!(played, [0, 1, 2, 0, 0, 1]);
        let Frames::Clip { frames, .. } = frames else { panic!("it is a clip") };
        assert_eq!(frames[0].payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [833, 833, 834]);
        assert_eq!(frames.iter().map(|frame| frame.place).collect::<Vec<_>>(), [0, 3, 4]);
    }
}
