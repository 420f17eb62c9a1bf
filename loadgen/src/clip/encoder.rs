//! OpenH264, built from its source: the picture in, Annex B out.

use super::picture;
use anyhow::Context;
use openh264::OpenH264API;
use openh264::encoder::{BitRate, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Profile, RateControlMode, UsageType};
use openh264::formats::YUVBuffer;

/// One keyframe, at the beginning; each frame in Annex B form.
pub(super) fn encode(bitrate: u32, fps: u32) -> anyhow::Result<Vec<Vec<u8>>> {
    let config = EncoderConfig::new()
        .profile(Profile::Baseline)
        .usage_type(UsageType::CameraVideoRealTime)
        // The other modes reach their rate by leaving frames out, which would be holes in the counter.
        .rate_control_mode(RateControlMode::Bufferbased)
        .bitrate(BitRate::from_bps(bitrate))
        .max_frame_rate(FrameRate::from_hz(fps as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames(0))
        .scene_change_detect(false)
        .background_detection(false)
        .skip_frames(false)
        .num_threads(1);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).context("the H264 encoder does not start")?;
    let mut frames = Vec::with_capacity(picture::FRAMES);
    for n in 0..picture::FRAMES {
        let buffer = YUVBuffer::from_vec(picture::draw(n), picture::WIDTH, picture::HEIGHT);
        let encoded = encoder.encode(&buffer).with_context(|| format!("frame {n} of the clip cannot be encoded"))?;
        frames.push(encoded.to_vec());
    }
    Ok(frames)
}
