//! The replay state of each SSRC that a transport has heard.

use super::replay::ReplayWindow;
use corelay_wire::units::Ssrc;

/// How many SSRCs of one peer are followed. A browser with camera, screen and audio, three simulcast layers and their
/// retransmissions sends from about 16. More would let a peer hold more memory (48 bytes each); with fewer, streams that take turns
/// would lose their rollover counters. Only the peer itself can make entries: each needs a valid tag.
pub(crate) const STREAMS_MAX: usize = 64;

/// Room that is there before the first packet.
const STREAMS_EXPECTED: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    ssrc: Ssrc,
    /// The value of [`Streams::accepted`] when it was last heard.
    heard: u64,
    window: ReplayWindow,
}

/// A bounded table. When it is full, the stream that has been silent longest gives way: over a long call a peer starts and stops
/// sources, each with a new SSRC, and must not run out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    streams: Vec<Stream>,
    accepted: u64,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self { streams: Vec::with_capacity(STREAMS_EXPECTED), accepted: 0 }
    }

    /// The window of `ssrc`, if it was heard.
    pub(crate) fn window(&self, ssrc: Ssrc) -> Option<&ReplayWindow> {
        self.streams.iter().find(|s| s.ssrc == ssrc).map(|s| &s.window)
    }

    /// Notes `index` of `ssrc`. Only after its tag was verified.
    pub(crate) fn accept(&mut self, ssrc: Ssrc, index: u64) {
        self.accepted += 1;
        let heard = self.accepted;
        if let Some(stream) = self.streams.iter_mut().find(|s| s.ssrc == ssrc) {
            stream.heard = heard;
            stream.window.accept(index);
            return;
        }
        let stream = Stream { ssrc, heard, window: ReplayWindow::starting_with(index) };
        if self.streams.len() < STREAMS_MAX {
            self.streams.push(stream);
        } else if let Some(silent_longest) = self.streams.iter_mut().min_by_key(|s| s.heard) {
            *silent_longest = stream;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_the_one_silent_longest() {
        let mut streams = Streams::new();
        for n in 0..STREAMS_MAX as u32 {
            streams.accept(Ssrc(n), 1);
        }
        streams.accept(Ssrc(0), 2);
        streams.accept(Ssrc(1000), 1);
        assert_eq!(streams.streams.len(), STREAMS_MAX);
        assert!(streams.window(Ssrc(0)).is_some() && streams.window(Ssrc(1000)).is_some());
        assert!(streams.window(Ssrc(1)).is_none());
    }
}
