//! Receive buffers that the kernel takes from a ring as datagrams come, and that go back when they were read.
//!
//! ```text
//! ring (shared page)      | addr len id | addr len id | ...  tail: how many were ever put in |
//! buffer, 2048 bytes      | io_uring_recvmsg_out 16 | name 32 | control 80 | datagram 1920    |
//!                         0                        16        48          128               2048
//! ```
//!
//! A plain ring, one datagram a buffer: incremental buffers cut UDP datagrams at the buffer's end.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use crate::address::NAME_BYTES;
use crate::backend::DATAGRAM_BYTES_MAX;
use crate::contents::{CONTROL_ROOM, Contents};
use crate::memory::Pages;
use crate::ring::Ring;

/// The only group of buffers of a ring.
pub(crate) const GROUP: u16 = 0;

const OUT_BYTES: usize = 16;
const PAYLOAD_AT: usize = OUT_BYTES + NAME_BYTES + CONTROL_ROOM;
const BUFFER_BYTES: usize = 2048;
const _: () = assert!(PAYLOAD_AT + DATAGRAM_BYTES_MAX == BUFFER_BYTES, "the layout drawn above");
const _: () = assert!(PAYLOAD_AT.is_multiple_of(64), "payloads begin at a cache line");

/// The buffers, and which of them the kernel has.
pub(crate) struct Buffers {
    ring: Pages,
    memory: Pages,
    count: u16,
    /// How many were ever put into the ring, modulo 2^16; the kernel sees it when it is published.
    tail: u16,
    /// True for those that the kernel has given to us.
    taken: Box<[bool]>,
}

impl Buffers {
    /// `count` buffers, not yet registered. A power of two up to 32,768.
    pub(crate) fn new(count: u16) -> io::Result<Self> {
        if !count.is_power_of_two() || count > 1 << 15 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the number of receive buffers must be a power of two up to 32768",
            ));
        }
        let ring = Pages::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let memory = Pages::new(usize::from(count) * BUFFER_BYTES)?;
        let taken = vec![true; usize::from(count)].into_boxed_slice();
        let mut buffers = Self { ring, memory, count, tail: 0, taken };
        (0..count).for_each(|id| buffers.give_back(id));
        buffers.publish();
        Ok(buffers)
    }

    /// Lets `ring` take the buffers.
    ///
    /// # Safety
    /// The buffers outlive the registration: `self` is dropped after [`Self::unregister`] succeeded on the same ring with no
    /// receive in flight, or never.
    pub(crate) unsafe fn register(&self, ring: &Ring) -> io::Result<()> {
        let address = self.ring.start().as_ptr() as u64;
        // Needed: multishot receive takes its memory from a registered ring. SAFETY: `ring` is `count` entries of zeroed, then
        // initialised pages at the start of a page; that it lives long enough is the caller's promise.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, self.count, GROUP, 0) }
    }

    /// Ends what [`Self::register`] began.
    pub(crate) fn unregister(&self, ring: &Ring) -> io::Result<()> {
        ring.submitter().unregister_buf_ring(GROUP)
    }

    /// How a receive request describes the fields before the payload; only the two lengths count.
    pub(crate) fn layout() -> libc::msghdr {
        // SAFETY: msghdr is integers and raw pointers, for which zero is a value. Needed: private padding on some targets.
        let mut layout: libc::msghdr = unsafe { std::mem::zeroed() };
        layout.msg_namelen = NAME_BYTES as libc::socklen_t;
        layout.msg_controllen = CONTROL_ROOM as _;
        layout
    }

    /// Takes buffer `id`, into which the kernel wrote `len` bytes.
    ///
    /// # Safety
    /// A completion of a receive on this group gave `id` with `len`, and it was not claimed since.
    pub(crate) unsafe fn claim(&mut self, id: u16, len: usize) -> Contents<'_> {
        assert!(!std::mem::replace(&mut self.taken[usize::from(id)], true), "the kernel gives a buffer once until it is back");
        let start = self.start_of(id);
        // Needed: the kernel wrote here. SAFETY: the buffer lies in `memory` (`id` was an index of `taken`, of the same count),
        // all of its bytes are initialised (zero, or written by the kernel), the kernel does not touch it between the completion
        // and `give_back` (the caller's promise and the assertion), and `&mut self` keeps any second reference away.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, BUFFER_BYTES) };
        parse(bytes, len)
    }

    /// Puts buffer `id` back; the kernel sees it after [`Self::publish`].
    pub(crate) fn give_back(&mut self, id: u16) {
        assert!(std::mem::replace(&mut self.taken[usize::from(id)], false), "a buffer goes back once after it was claimed");
        let place = usize::from(self.tail & (self.count - 1));
        let entry = self.ring.start().cast::<BufRingEntry>();
        let address = self.start_of(id) as u64;
        // Needed: the kernel reads its buffers from here. SAFETY: `place` is below `count` (a power of two), so the entry lies in
        // `ring`; the kernel reads only entries between its head and the published tail, and this one is not among them: at most
        // `count` buffers exist and this one was ours. `resv` of entry 0, which is the tail, is not written by the three setters.
        let entry = unsafe { entry.add(place).as_mut() };
        entry.set_addr(address);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was put back.
    pub(crate) fn publish(&mut self) {
        let entries = self.ring.start().cast::<BufRingEntry>().as_ptr();
        // Needed: the tail is shared with the kernel. SAFETY: `entries` is the base of the ring and initialised; the tail is an
        // aligned u16 in it that only this side writes, by this atomic store, and that no reference covers here.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn start_of(&self, id: u16) -> *mut u8 {
        self.memory.start().as_ptr().wrapping_add(usize::from(id) * BUFFER_BYTES)
    }
}

/// Lengths come from the kernel, which says how long a field was before it was cut: each is held against its room.
fn parse(bytes: &mut [u8], len: usize) -> Contents<'_> {
    let (fields, payload) = bytes.split_at_mut(PAYLOAD_AT);
    let word = |i: usize| u32::from_ne_bytes([fields[i], fields[i + 1], fields[i + 2], fields[i + 3]]) as usize;
    let (name_len, control_len, payload_len, flags) = (word(0), word(4), word(8), word(12));
    let written = len.saturating_sub(PAYLOAD_AT).min(payload.len());
    Contents {
        name: &fields[OUT_BYTES..OUT_BYTES + name_len.min(NAME_BYTES)],
        control: &fields[OUT_BYTES + NAME_BYTES..][..control_len.min(CONTROL_ROOM)],
        payload: &mut payload[..payload_len.min(written)],
        truncated: flags & libc::MSG_TRUNC as usize != 0 || payload_len > written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_the_kernel_cannot_take_is_refused() {
        for count in [0, 3, 1 << 15 | 1] {
            assert!(Buffers::new(count).is_err(), "{count}");
        }
    }

    #[test]
    fn fields_stay_inside_the_buffer_whatever_the_lengths_say() {
        let mut bytes = [0xff; BUFFER_BYTES];
        let contents = parse(&mut bytes, usize::MAX);
        assert!(contents.truncated);
        assert_eq!(
            (contents.name.len(), contents.control.len(), contents.payload.len()),
            (NAME_BYTES, CONTROL_ROOM, DATAGRAM_BYTES_MAX)
        );
        let mut bytes = [0; BUFFER_BYTES];
        assert_eq!(parse(&mut bytes, 0).payload.len(), 0);
    }
}
