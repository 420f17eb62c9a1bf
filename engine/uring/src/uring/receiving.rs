//! What came in and waits to be delivered, and which multishot requests are in flight.

use std::collections::VecDeque;
use std::io;

use crate::errno;
use crate::ring::Completion;

/// What a request is for, packed into its 64 bits of user data: the kind in the upper half, the index in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// A multishot receive on this socket.
    Receive(usize),
    /// The end of one that we asked for.
    Cancel,
    /// The poll of the waker, and all else.
    Wake,
    /// The poll of this one of the sockets that hear RTCP.
    Rtcp(usize),
}

impl Tag {
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Wake => 0,
            Self::Receive(socket) => 1 << 32 | socket as u64,
            Self::Cancel => 2 << 32,
            Self::Rtcp(place) => 3 << 32 | place as u64,
        }
    }

    pub(super) fn unpack(user_data: u64) -> Self {
        let index = user_data as u32 as usize;
        match user_data >> 32 {
            1 => Self::Receive(index),
            2 => Self::Cancel,
            3 => Self::Rtcp(index),
            _ => Self::Wake,
        }
    }
}

/// Messages that are sent while a socket waits for datagrams. Each time that the kernel is done with one, it asks whoever waits at
/// the socket: 42 ns a message, of 850 for a short one. To stop waiting and to begin again costs about 1200 ns. A higher value asks
/// more often, a lower one stops receives for shards that have little to send.
const BESIDE_MAX: usize = 32;

/// A filled buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) socket: usize,
    pub(super) buffer: u16,
    /// Bytes that the kernel wrote, fields before the payload included.
    pub(super) len: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Receiving {
    /// Each holds a buffer, so there are never more than buffers, and the queue never grows.
    waiting: VecDeque<Arrival>,
    buffers: usize,
    receives: Box<[bool]>,
    polling: bool,
    woken: bool,
    /// Which sockets for RTCP are polled, whether all are to be, and whether one had something.
    watches: Box<[bool]>,
    watched: bool,
    rtcp: bool,
    /// Messages that were sent since a receive was begun.
    beside: usize,
    broken: Option<i32>,
}

impl Receiving {
    pub(super) fn new(sockets: usize, watches: usize, buffers: usize) -> Self {
        let [receives, watches] = [sockets, watches].map(|count| vec![false; count].into_boxed_slice());
        let waiting = VecDeque::with_capacity(buffers);
        let (polling, woken, watched, rtcp) = (false, false, true, false);
        Self { waiting, buffers, receives, polling, woken, watches, watched, rtcp, beside: 0, broken: None }
    }

    pub(super) fn is_polling(&self) -> bool {
        self.polling
    }

    pub(super) fn begin_poll(&mut self) {
        self.polling = true;
    }

    /// A socket for RTCP whose poll has to be begun.
    pub(super) fn to_watch(&self) -> Option<usize> {
        self.watches.iter().position(|begun| !begun).filter(|_| self.watched)
    }

    pub(super) fn begin_watch(&mut self, place: usize) {
        self.watches[place] = true;
    }

    /// All sockets for RTCP are to be polled.
    pub(super) fn watch(&mut self) {
        self.watched = true;
    }

    /// Whether one of them had something: from here on none is.
    pub(super) fn take_rtcp(&mut self) -> bool {
        self.watched &= !self.rtcp;
        std::mem::take(&mut self.rtcp)
    }

    /// A socket whose receive has to be begun, when enough buffers are back.
    pub(super) fn to_begin(&self) -> Option<usize> {
        if self.waiting.len() * 2 > self.buffers {
            return None;
        }
        self.not_begun()
    }

    /// A socket that nothing is received from.
    pub(super) fn not_begun(&self) -> Option<usize> {
        self.receives.iter().position(|begun| !begun)
    }

    pub(super) fn begin_receive(&mut self, socket: usize) {
        self.receives[socket] = true;
        self.beside = 0;
    }

    /// The sockets that something is received from.
    pub(super) fn begun(&self) -> impl Iterator<Item = usize> {
        self.receives.iter().enumerate().filter(|(_, begun)| **begun).map(|(socket, _)| socket)
    }

    /// `messages` more are to be sent. Tells whether it is cheaper to receive nothing meanwhile.
    pub(super) fn is_in_the_way(&mut self, messages: usize) -> bool {
        let begun = self.begun().count();
        self.beside += messages;
        begun > 0 && self.beside > BESIDE_MAX * begun
    }

    /// Whether the kernel still has a request of ours.
    pub(super) fn is_in_flight(&self) -> bool {
        self.polling || self.receives.contains(&true) || self.watches.contains(&true)
    }

    /// How many wait to be delivered.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits to be delivered.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the `max` that wait longest.
    pub(super) fn waiting(&mut self, max: usize) -> impl ExactSizeIterator<Item = Arrival> {
        self.waiting.drain(..max.min(self.waiting.len()))
    }

    /// Whether the waker called since the last question.
    pub(super) fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// The error that makes every further receive useless.
    pub(super) fn check(&self) -> io::Result<()> {
        self.broken.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    /// A datagram, or why a receive ended: out of buffers (`ENOBUFS`), an ICMP error that waited on the socket, cancelled. All of
    /// these end in another receive but the ones that say that the request itself was wrong.
    pub(super) fn note_receive(&mut self, socket: usize, completion: Completion) {
        if !completion.more() {
            self.receives[socket] = false;
        }
        let errno = completion.result.min(0).saturating_neg();
        if errno::is_ours(errno) || errno == libc::EINVAL {
            self.broken = Some(errno);
        }
        if let (0, Some(buffer)) = (errno, completion.buffer()) {
            self.waiting.push_back(Arrival { socket, buffer, len: completion.result as usize });
        }
    }

    /// A poll of a socket for RTCP ended: there is something, or it was cancelled.
    pub(super) fn note_rtcp(&mut self, place: usize) {
        self.watches[place] = false;
        self.rtcp = true;
    }

    /// The waker called, or the poll of it ended.
    pub(super) fn note_wake(&mut self, completion: Completion, take: impl FnOnce() -> bool) {
        if !completion.more() {
            self.polling = false;
        }
        self.woken |= completion.result >= 0 && take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_survives_the_kernel() {
        for tag in [Tag::Wake, Tag::Receive(0), Tag::Receive(254), Tag::Cancel, Tag::Rtcp(3)] {
            assert_eq!(Tag::unpack(tag.pack()), tag);
        }
    }
}
