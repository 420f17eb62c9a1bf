//! Which track an SSRC belongs to, on one transport.

use crate::limits::STREAMS_PER_TRANSPORT_MAX;
use arrayvec::ArrayVec;
use corelay_wire::units::Ssrc;

/// What the packets of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Media.
    Media,
    /// Retransmissions of media, or padding under their SSRC.
    Retransmission,
    /// The layer has another stream since: late packets of this one are not taken for a restart, unless that one fell silent.
    Former,
}

/// Where the packets of an SSRC belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) track: u32,
    pub(crate) layer: u8,
    pub(crate) role: Role,
}

/// The SSRCs of one transport. A list: the few dozen there are lie in a handful of cache lines and are gone through faster than a
/// map is asked.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    ssrcs: ArrayVec<Ssrc, STREAMS_PER_TRANSPORT_MAX>,
    streams: ArrayVec<Stream, STREAMS_PER_TRANSPORT_MAX>,
}

impl Streams {
    pub(crate) fn find(&self, ssrc: Ssrc) -> Option<Stream> {
        self.ssrcs.iter().position(|s| *s == ssrc).map(|at| self.streams[at])
    }

    /// Remembers a stream. When the list is full, a former stream makes room; `false` when there is none.
    pub(crate) fn insert(&mut self, ssrc: Ssrc, stream: Stream) -> bool {
        if self.ssrcs.is_full() {
            let Some(at) = self.streams.iter().position(|s| s.role == Role::Former) else { return false };
            self.ssrcs.remove(at);
            self.streams.remove(at);
        }
        self.ssrcs.push(ssrc);
        self.streams.push(stream);
        true
    }

    /// How many more streams can be remembered.
    pub(crate) fn room(&self) -> usize {
        self.ssrcs.remaining_capacity() + self.streams.iter().filter(|s| s.role == Role::Former).count()
    }

    /// Another stream took the place of `ssrc`, or `ssrc` takes its place again.
    pub(crate) fn set_role(&mut self, ssrc: Ssrc, role: Role) {
        if let Some(at) = self.ssrcs.iter().position(|s| *s == ssrc) {
            self.streams[at].role = role;
        }
    }

    /// Forgets all streams of a track.
    pub(crate) fn forget(&mut self, track: u32) {
        for at in (0..self.streams.len()).rev() {
            if self.streams[at].track == track {
                self.ssrcs.swap_remove(at);
                self.streams.swap_remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(track: u32) -> Stream {
        Stream { track, layer: 0, role: Role::Media }
    }

    #[test]
    fn a_full_list_gives_up_former_streams_only() {
        let mut streams = Streams::default();
        for i in 0..STREAMS_PER_TRANSPORT_MAX as u32 {
            assert!(streams.insert(Ssrc(i), stream(i)));
        }
        assert!(!streams.insert(Ssrc(1000), stream(7)));
        streams.set_role(Ssrc(3), Role::Former);
        assert_eq!(streams.room(), 1);
        assert!(streams.insert(Ssrc(1000), stream(7)));
        assert_eq!(streams.find(Ssrc(3)), None);
        assert_eq!(streams.find(Ssrc(4)), Some(stream(4)));
        streams.forget(7);
        assert_eq!((streams.find(Ssrc(7)), streams.find(Ssrc(1000)), streams.room()), (None, None, 2));
    }
}
