//! Real video: frames of one encoding, played round and round.
//!
//! [`Clip::encode`] draws a test picture and encodes it at start (H264 constrained baseline, which every browser decodes), so that
//! whoever joins a room under load sees it move. No encoded file is kept anywhere.

#[cfg(feature = "clip")]
mod encoder;
#[cfg(feature = "clip")]
mod picture;

use crate::codec::Codec;

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

impl Clip {
    /// Draws and encodes the test picture, 640 x 360: its only keyframe is the first. Takes about half a second of CPU.
    #[cfg(feature = "clip")]
    pub fn encode(bitrate: u32, fps: u32) -> anyhow::Result<Self> {
        let frame_ticks = Codec::H264.clock_rate() / fps.max(1);
        let frame = |(n, bytes): (usize, Vec<u8>)| Frame { keyframe: n == 0, timestamp: n as u32 * frame_ticks, bytes };
        let frames = encoder::encode(bitrate, fps)?.into_iter().enumerate().map(frame).collect();
        Ok(Self { codec: Codec::H264, frames, frame_ticks })
    }

    /// Without the feature `clip` there is no encoder.
    #[cfg(not(feature = "clip"))]
    pub fn encode(_bitrate: u32, _fps: u32) -> anyhow::Result<Self> {
        anyhow::bail!(
            "this corelay-loadgen was built without its encoder: build it with `--features clip`, or write `picture = \"synthetic\"`"
        )
    }

    /// Bits per second that it really has.
    pub fn bitrate(&self) -> u64 {
        let bits = self.frames.iter().map(|frame| frame.bytes.len() as u64 * 8).sum::<u64>();
        let ticks = u64::from(self.frame_ticks) * self.frames.len() as u64;
        (bits * u64::from(self.codec.clock_rate())).checked_div(ticks).unwrap_or(0)
    }
}

#[cfg(all(test, feature = "clip"))]
mod tests {
    use super::*;

    /// The types of a frame's NAL units (ITU-T H.264 table 7-1).
    fn nal_types(annex_b: &[u8]) -> Vec<u8> {
        annex_b.windows(4).filter(|window| window[..3] == [0, 0, 1]).map(|window| window[3] & 0x1f).collect()
    }

    #[test]
    fn the_clip_begins_with_its_only_keyframe_and_has_about_the_rate_that_was_asked_for() {
        let clip = Clip::encode(800_000, 20).expect("the encoder is compiled in");
        assert_eq!(clip.frames.len(), picture::FRAMES);
        assert_eq!(nal_types(&clip.frames[0].bytes), [7, 8, 5], "parameter sets and one IDR slice");
        assert!(clip.frames[1..].iter().all(|frame| nal_types(&frame.bytes) == [1] && !frame.keyframe), "one slice a frame");
        assert_eq!((clip.frame_ticks, clip.frames[2].timestamp), (4_500, 9_000));
        let bitrate = clip.bitrate();
        assert!((400_000..1_200_000).contains(&bitrate), "{bitrate}");
    }
}
