//! How the packets of one destination share runs: which follow each other in one, and how long each of them is made.
//!
//! ```text
//! lengths   1187 1187 1188 1188 |  40 |  110   94  103      packets as libwebrtc cuts a picture, and some audio
//! runs      1188 ............... 40   |  110  110  103      a run's packets are of one length; the last may be shorter
//! ```
//!
//! The kernel cuts a run into equal segments, so a packet that is a few bytes short is made as long as the others with RTP padding
//! (RFC 3550 section 5.1), which the receiver takes off.

use crate::outbox::{PACKET_BYTES_MAX, RUN_BYTES_MAX, RUN_SEGMENTS_MAX};

/// How many bytes shorter than the longest a packet of a run may be: this, or this part of the longest, whichever is more. A run
/// that ends costs another send, 170-500 ns of CPU where it was part of a long one and 500 ns and more where it was one of two; a
/// byte of padding costs 0.2 ns. So CPU time would always be for padding, up to the 255 bytes that there can be: what speaks
/// against it is the subscriber's link. A packetizer that splits a picture about equally is off by a byte or two; 75 bytes of 1200
/// hold two pictures together whose packets differ by 6 %. 32 bytes hold most packets of two Opus streams of like bitrate together,
/// and are at most 13 kbit/s at 50 packets a second. Larger spends more of the link; smaller sends more often.
const SHORT_MAX: usize = 32;
/// See [`SHORT_MAX`].
const SHORT_PART: usize = 16;
/// The most padding that is added to a packet.
pub(super) const PADDING_MAX: usize = PACKET_BYTES_MAX / SHORT_PART;

// One octet counts the padding, and one octet more is in a packet that has no payload.
const _: () = assert!(SHORT_MAX <= PADDING_MAX && PADDING_MAX < 255);

/// Packets from the front of a list that leave as one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunPlan {
    pub(super) packets: usize,
    /// What each of them but the last is made as long as.
    pub(super) segment: usize,
}

impl RunPlan {
    /// The first run of packets of these lengths: as many as can follow each other. At least one packet, of at most
    /// [`PACKET_BYTES_MAX`] bytes.
    pub(super) fn first(mut lens: impl Iterator<Item = usize>) -> Self {
        let first = lens.next().expect("there is a packet");
        let (mut shortest, mut segment, mut packets) = (first, first, 1);
        let (mut floor, mut most) = bounds(segment);
        for len in lens {
            if len > segment {
                let (longer_floor, longer_most) = bounds(len);
                if packets >= longer_most || shortest < longer_floor {
                    break;
                }
                (segment, floor, most) = (len, longer_floor, longer_most);
            } else if packets >= most {
                break;
            } else if len < floor {
                // A packet that is much shorter may still be the last.
                packets += 1;
                break;
            }
            shortest = shortest.min(len);
            packets += 1;
        }
        Self { packets, segment }
    }
}

/// The shortest packet that is made as long as `segment`, and how many of that length a run has at most.
fn bounds(segment: usize) -> (usize, usize) {
    (segment.saturating_sub(SHORT_MAX.max(segment / SHORT_PART)), RUN_SEGMENTS_MAX.min(RUN_BYTES_MAX / segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The runs of packets of these lengths, as (packets, segment, bytes of padding).
    fn plan(lens: &[usize]) -> Vec<(usize, usize, usize)> {
        let (mut rest, mut runs) = (lens, vec![]);
        while !rest.is_empty() {
            let RunPlan { packets, segment } = RunPlan::first(rest.iter().copied());
            let (run, others) = rest.split_at(packets);
            runs.push((packets, segment, run[..packets - 1].iter().map(|len| segment - len).sum()));
            rest = others;
        }
        runs
    }

    /// Payloads as libwebrtc's packetizers split a frame: about equally, the longer ones last.
    fn split_about_equally(frame: usize, payload_max: usize) -> Vec<usize> {
        let count = frame.div_ceil(payload_max);
        (0..count).map(|n| frame / count + usize::from(n >= count - frame % count)).collect()
    }

    #[test]
    fn a_picture_of_a_browser_is_one_run_with_hardly_any_padding() {
        for frame in 1_000..20_000 {
            let lens: Vec<usize> = split_about_equally(frame, 1_160).iter().map(|len| len + 40).collect();
            let runs = plan(&lens);
            assert_eq!(runs.len(), 1, "{lens:?}");
            assert!(runs[0].2 < lens.len(), "{lens:?}");
        }
    }

    #[test]
    fn two_pictures_of_like_size_share_a_run() {
        let lens = [split_about_equally(10_830, 1_160), split_about_equally(9_500, 1_160)].concat();
        assert_eq!(plan(&lens), [(lens.len(), 1_083, lens[..lens.len() - 1].iter().map(|l| 1_083 - l).sum())]);
    }

    #[test]
    fn a_much_shorter_packet_is_the_last_and_a_much_longer_one_the_first() {
        assert_eq!(plan(&[1_200, 1_200, 40, 1_200]), [(3, 1_200, 0), (1, 1_200, 0)]);
        assert_eq!(plan(&[40, 1_200, 1_200]), [(1, 40, 0), (2, 1_200, 0)]);
        assert_eq!(plan(&[1_200, 1_124]), [(2, 1_200, 0)], "the last one is not padded");
        assert_eq!(plan(&[1_200, 1_125, 1_200]), [(3, 1_200, 75)]);
        assert_eq!(plan(&[1_200, 1_124, 1_200]), [(2, 1_200, 0), (1, 1_200, 0)]);
    }

    #[test]
    fn audio_of_several_speakers_shares_a_run() {
        assert_eq!(plan(&[96, 120, 101]), [(3, 120, 24)]);
        assert_eq!(plan(&[40, 120, 101]), [(1, 40, 0), (2, 120, 0)], "silence is not filled up");
    }

    proptest! {
        #[test]
        fn every_plan_can_be_sent(lens in prop::collection::vec(prop_oneof![1..=PACKET_BYTES_MAX, 1_190..=1_210usize, 60..=130usize], 1..200)) {
            let mut rest = &lens[..];
            while !rest.is_empty() {
                let RunPlan { packets, segment } = RunPlan::first(rest.iter().copied());
                prop_assert!((1..=RUN_SEGMENTS_MAX).contains(&packets) && packets * segment <= RUN_BYTES_MAX);
                let (run, others) = rest.split_at(packets);
                prop_assert!(segment <= PACKET_BYTES_MAX && run.iter().all(|len| *len <= segment));
                prop_assert!(run[..packets - 1].iter().all(|len| segment - len <= PADDING_MAX));
                rest = others;
            }
        }
    }
}
