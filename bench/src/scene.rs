//! Who is in a call and what the packets look like.

use corelay_wire::media::Codec;

/// How a publisher cuts its media into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// VP8 in packets of one size, 1200 bytes of header and payload.
    Video,
    /// VP8 as encoders give it: a frame's packets differ by a few bytes, and the last is short.
    Frames,
    /// Opus in packets of 160 bytes.
    Audio,
}

/// Packets of a picture: 2.6 Mbit/s at 30 pictures a second.
pub const PACKETS_PER_PICTURE: usize = 9;
/// Bytes of a packet of video, header and payload, before it is sealed.
pub const VIDEO_BYTES: usize = 1_200;
/// Bytes of a packet of audio.
pub const AUDIO_BYTES: usize = 160;
/// A full packet of [`Media::Frames`] is less than this shorter than [`VIDEO_BYTES`]. A power of two.
const FRAME_SPREAD: u64 = 8;
/// Bytes of the last packet of a frame: this and less than [`TAIL_SPREAD`] more.
const FRAME_TAIL: u64 = 400;
/// A power of two.
const TAIL_SPREAD: u64 = 256;

impl Media {
    /// What it is in.
    pub fn codec(self) -> Codec {
        match self {
            Self::Video | Self::Frames => Codec::Vp8,
            Self::Audio => Codec::Opus,
        }
    }

    /// Header and payload of the packet at `place` of the picture with this number.
    pub fn bytes(self, picture: u64, place: usize) -> usize {
        // A fixed scramble, so that two runs of the program send the same.
        let spread = |place: usize, range: u64| {
            let number = picture * PACKETS_PER_PICTURE as u64 + place as u64;
            (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) & (range - 1)
        };
        match self {
            Self::Video => VIDEO_BYTES,
            Self::Audio => AUDIO_BYTES,
            Self::Frames if place + 1 == PACKETS_PER_PICTURE => (FRAME_TAIL + spread(place, TAIL_SPREAD)) as usize,
            Self::Frames => VIDEO_BYTES - spread(place, FRAME_SPREAD) as usize,
        }
    }

    /// A picture of as many bytes as [`Self::bytes`] gives in the mean, cut evenly: all packets but the last are of one size.
    pub fn mean_bytes(self) -> [usize; PACKETS_PER_PICTURE] {
        const PICTURES: usize = 1_000;
        let last = PACKETS_PER_PICTURE - 1;
        let sum = |places: core::ops::Range<usize>| -> usize {
            places.map(|place| (0..PICTURES).map(|n| self.bytes(n as u64, place)).sum::<usize>()).sum()
        };
        let mut bytes = [sum(0..last) / (PICTURES * last); PACKETS_PER_PICTURE];
        bytes[last] = sum(last..last + 1) / PICTURES;
        bytes
    }
}

/// Rooms that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// How many rooms.
    pub rooms: usize,
    /// Publishers of each room, with one track each.
    pub publishers: usize,
    /// Others of each room, who receive all of its tracks.
    pub subscribers: usize,
    /// What is published.
    pub media: Media,
}

impl Scene {
    /// One room with one publisher of video in equal packets.
    pub const fn livestream(subscribers: usize) -> Self {
        Self { rooms: 1, publishers: 1, subscribers, media: Media::Video }
    }

    /// Tracks of all rooms.
    pub const fn tracks(&self) -> usize {
        self.rooms * self.publishers
    }

    /// How many packets leave for one that each publisher sends.
    pub const fn copies(&self) -> usize {
        self.tracks() * self.subscribers
    }

    /// Transports of all rooms.
    pub const fn transports(&self) -> usize {
        self.rooms * (self.publishers + self.subscribers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_differ_by_a_few_bytes_and_end_short() {
        let sizes: Vec<usize> = (0..100).flat_map(|n| (0..8).map(move |place| Media::Frames.bytes(n, place))).collect();
        let (least, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
        assert!(least >= Some(VIDEO_BYTES - 12) && most <= Some(VIDEO_BYTES) && least < most, "{least:?} {most:?}");
        assert!((0..100).all(|n| (400..800).contains(&Media::Frames.bytes(n, 8))));
        let mean = Media::Frames.mean_bytes();
        assert!(mean[8] < mean[7] && mean[..8].iter().all(|bytes| *bytes == mean[0]));
        assert_eq!(Media::Video.mean_bytes(), [VIDEO_BYTES; 9]);
    }

    #[test]
    fn copies_are_counted_over_all_rooms() {
        let scene = Scene { rooms: 3, publishers: 2, subscribers: 5, media: Media::Audio };
        assert_eq!((scene.tracks(), scene.copies(), scene.transports()), (6, 30, 21));
    }
}
