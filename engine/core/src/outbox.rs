//! What leaves: runs of sealed packets in one slab, filled by the core and emptied by whoever owns the socket.
//!
//! ```text
//! slab   | run 0: 1200 1200 1200 800 | run 1: 96 | run 2: 1200 1200 | ... free ...            | reserve for control |
//! runs     {remote, local, segment 1200, len 4400}  {..., 96, 96}     {..., 1200, 2400}
//! ```
//!
//! There are two ways in. [`Outbox::push`] takes a packet as it comes and joins it to the last run where that has room for it.
//! Whoever knows the lengths of several packets beforehand opens a run for them, writes them into their place and commits them.

use core::net::{IpAddr, SocketAddr};
use corelay_wire::units::Instant;

/// The longest run the kernel takes in one segmented send: `UDP_MAX_SEGMENTS` is 64 on old kernels.
pub const RUN_SEGMENTS_MAX: usize = 64;
/// The most bytes of one run: an IPv4 datagram, before it is cut, holds 65,507.
pub const RUN_BYTES_MAX: usize = 65_000;
/// The largest packet that is sent: what fits an Ethernet frame over IPv4. See [`Path::packet_bytes_max`].
pub const PACKET_BYTES_MAX: usize = 1_472;
/// Of UDP and IPv4.
const HEADERS_LEN: usize = 8 + 20;
/// How much longer a header IPv6 has.
const IPV6_HEADER_MORE: usize = 20;

/// Source packets whose copies one hand-over tells of. A turn has a few dozen; what goes beyond is sent and not told.
const FORWARDED_MAX: usize = 1_024;

/// How many copies of one received packet are in this hand-over: for the latency of forwarding, without a note for each copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// When the kernel took the packet in.
    pub received: Instant,
    /// Subscribers that it goes to with this hand-over.
    pub copies: u32,
}

/// Where packets of one transport go: its remote address, and the local one that they leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The peer.
    pub remote: SocketAddr,
    /// Ours.
    pub local: IpAddr,
}

impl Path {
    /// Whether it is the same as `other`. What most often differs is looked at first.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.remote.port() == other.remote.port() && self == other
    }

    /// What UDP and IP add to a packet on the way there.
    pub fn headers_len(self) -> usize {
        match self.remote.ip().to_canonical() {
            IpAddr::V4(_) => HEADERS_LEN,
            IpAddr::V6(_) => HEADERS_LEN + IPV6_HEADER_MORE,
        }
    }

    /// The largest packet that fits an Ethernet frame on the way there.
    pub fn packet_bytes_max(self) -> usize {
        match self.remote.ip().to_canonical() {
            IpAddr::V4(_) => PACKET_BYTES_MAX,
            IpAddr::V6(_) => PACKET_BYTES_MAX - IPV6_HEADER_MORE,
        }
    }
}

/// The packets of one turn for one destination: all of `segment` bytes but the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// Where to.
    pub path: Path,
    /// The packets, end to end.
    pub bytes: &'a [u8],
    /// The length of each packet but the last.
    pub segment: usize,
    /// How many packets.
    pub count: usize,
}

impl<'a> Run<'a> {
    /// The packets one by one.
    pub fn packets(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks(self.segment)
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    path: Path,
    start: u32,
    end: u32,
    segment: u16,
    packets: u8,
    /// A shorter packet was appended: nothing may follow it.
    closed: bool,
}

const _: () =
    assert!(RUN_SEGMENTS_MAX <= u8::MAX as usize && PACKET_BYTES_MAX <= RUN_BYTES_MAX && RUN_BYTES_MAX <= u16::MAX as usize);

/// The slab and its runs.
#[derive(Debug)]
pub struct Outbox {
    slab: Box<[u8]>,
    used: usize,
    spans: Vec<Span>,
    spans_max: usize,
    packets: usize,
    forwarded: Vec<Forwarded>,
}

impl Outbox {
    /// A slab of `bytes` bytes for at most `runs` runs. Nothing is allocated after this.
    pub fn new(bytes: usize, runs: usize) -> Self {
        assert!(
            (RUN_BYTES_MAX..u32::MAX as usize).contains(&bytes),
            "the slab holds at least one run, and 32 bits name its places"
        );
        Self {
            slab: vec![0; bytes].into_boxed_slice(),
            used: 0,
            spans: Vec::with_capacity(runs),
            spans_max: runs,
            packets: 0,
            forwarded: Vec::with_capacity(FORWARDED_MAX),
        }
    }

    /// Whether `bytes` more, in a run of their own, fit.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.slab.len() - self.used >= bytes && self.spans.len() < self.spans_max
    }

    /// How many packets of any size fit, each in a run of its own if need be.
    pub(crate) fn room(&self) -> usize {
        let runs = self.spans_max - self.spans.len();
        runs.min((self.slab.len() - self.used) / PACKET_BYTES_MAX)
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// How many packets there are.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// How many bytes they have together.
    pub fn bytes(&self) -> usize {
        self.used
    }

    /// Begins a run for `packets` packets, all of `segment` bytes but the last, which may be shorter. They join the last run when
    /// that has the same path and segment. There is room for one run: [`Self::room`].
    pub(crate) fn open_run(&mut self, path: &Path, segment: usize, packets: usize) {
        debug_assert!(packets <= RUN_SEGMENTS_MAX && packets * segment <= RUN_BYTES_MAX, "a run is what the kernel cuts");
        if self.spans.last().is_some_and(|s| usize::from(s.segment) == segment && s.takes(path, segment, packets)) {
            return;
        }
        assert!(self.spans.len() < self.spans_max, "whoever opens a run has asked whether there is room");
        let start = self.used as u32;
        self.spans.push(Span { path: *path, start, end: start, segment: segment as u16, packets: 0, closed: false });
    }

    /// Where the next `bytes` bytes of the run go that was opened last. There is room for one run: [`Self::room`].
    pub(crate) fn place(&mut self, bytes: usize) -> &mut [u8] {
        &mut self.slab[self.used..self.used + bytes]
    }

    /// The first `bytes` bytes of [`Self::place`] are the next `packets` packets of the run, each of the run's segment but the
    /// last, which may be shorter.
    pub(crate) fn commit(&mut self, packets: usize, bytes: usize) {
        let Some(span) = self.spans.last_mut().filter(|_| packets > 0) else { return };
        let segment = usize::from(span.segment);
        let (full, all) = ((packets - 1) * segment, packets * segment);
        assert!(!span.closed && full < bytes && bytes <= all, "only the last packet of a run is shorter than the rest");
        span.append(packets, bytes);
        self.used += bytes;
        self.packets += packets;
    }

    /// Appends one packet of at most `len_max` bytes, written in place by `write`, which gives its length or nothing.
    /// The packet joins the last run when that has the same path and its size allows; otherwise it begins one.
    /// `None` when the slab is full or `write` gave nothing.
    pub fn push(&mut self, path: Path, len_max: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
        if !self.has_room(len_max) {
            return None;
        }
        let start = self.used;
        let len = write(&mut self.slab[start..start + len_max])?;
        assert!(len > 0 && len <= len_max, "a packet is as long as its place at most");
        self.used += len;
        self.packets += 1;
        match self.spans.last_mut() {
            Some(last) if last.takes(&path, len, 1) => last.append(1, len),
            _ => {
                let (start, end, segment) = (start as u32, (start + len) as u32, len as u16);
                self.spans.push(Span { path, start, end, segment, packets: 1, closed: false });
            }
        }
        Some(len)
    }

    /// The runs in the order they were begun.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let runs = self.spans.iter().filter(|s| s.packets > 0);
        runs.map(|s| Run {
            path: s.path,
            bytes: &self.slab[s.start as usize..s.end as usize],
            segment: s.segment.into(),
            count: s.packets.into(),
        })
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.spans.iter().filter(|s| s.packets > 0).count()
    }

    /// Notes that `copies` copies of a packet that was received at `received` are in this hand-over.
    pub fn note_forwarded(&mut self, received: Instant, copies: u32) {
        if copies > 0 && self.forwarded.len() < FORWARDED_MAX {
            self.forwarded.push(Forwarded { received, copies });
        }
    }

    /// The received packets whose copies are in this hand-over, each once.
    pub fn forwarded(&self) -> &[Forwarded] {
        &self.forwarded
    }

    /// Forgets what is in it, after it was sent.
    pub fn clear(&mut self) {
        self.forwarded.clear();
        self.used = 0;
        self.packets = 0;
        self.spans.clear();
    }
}

impl Span {
    /// Whether `packets` more of at most `len` bytes may follow.
    fn takes(&self, path: &Path, len: usize, packets: usize) -> bool {
        !self.closed
            && len <= usize::from(self.segment)
            && usize::from(self.packets) + packets <= RUN_SEGMENTS_MAX
            && (self.end - self.start) as usize + packets * len <= RUN_BYTES_MAX
            && self.path.is(path)
    }

    fn append(&mut self, packets: usize, bytes: usize) {
        self.end += bytes as u32;
        self.packets += packets as u8;
        self.closed = bytes < packets * usize::from(self.segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path { remote: SocketAddr::from(([127, 0, 0, 1], port)), local: IpAddr::from([127, 0, 0, 1]) }
    }

    fn push(outbox: &mut Outbox, port: u16, len: usize) {
        assert_eq!(outbox.push(path(port), PACKET_BYTES_MAX, |_| Some(len)), Some(len));
    }

    fn shape(outbox: &Outbox) -> Vec<(u16, usize, usize)> {
        outbox.runs().map(|r| (r.path.remote.port(), r.bytes.len(), r.segment)).collect()
    }

    #[test]
    fn a_packet_fits_the_frame_of_its_family() {
        let to = |remote: &str| Path { remote: remote.parse().expect("an address"), ..path(1) }.packet_bytes_max();
        assert_eq!((to("192.0.2.1:1"), to("[::ffff:192.0.2.1]:1"), to("[2001:db8::1]:1")), (1_472, 1_472, 1_452));
    }

    #[test]
    fn equal_sizes_join_and_a_shorter_one_ends_the_run() {
        let mut outbox = Outbox::new(1 << 20, 16);
        for len in [1200, 1200, 800, 800] {
            push(&mut outbox, 1, len);
        }
        assert_eq!(shape(&outbox), [(1, 3200, 1200), (1, 800, 800)]);
    }

    #[test]
    fn a_longer_packet_or_another_path_begins_a_run() {
        let mut outbox = Outbox::new(1 << 20, 16);
        for (port, len) in [(1, 100), (1, 200), (2, 200)] {
            push(&mut outbox, port, len);
        }
        assert_eq!(shape(&outbox), [(1, 100, 100), (1, 200, 200), (2, 200, 200)]);
    }

    #[test]
    fn a_run_holds_no_more_than_the_kernel_cuts() {
        let mut outbox = Outbox::new(1 << 20, 16);
        for _ in 0..RUN_SEGMENTS_MAX + 1 {
            push(&mut outbox, 1, 100);
        }
        assert_eq!(shape(&outbox), [(1, 6400, 100), (1, 100, 100)]);
    }

    fn append(outbox: &mut Outbox, packets: usize, bytes: usize) {
        assert_eq!(outbox.place(bytes).len(), bytes);
        outbox.commit(packets, bytes);
    }

    #[test]
    fn a_planned_run_joins_one_of_its_segment_only() {
        let mut outbox = Outbox::new(1 << 20, 16);
        outbox.open_run(&path(1), 1200, 2);
        append(&mut outbox, 2, 2400);
        outbox.open_run(&path(1), 1200, 2);
        append(&mut outbox, 2, 2100);
        outbox.open_run(&path(1), 1200, 1);
        append(&mut outbox, 1, 1200);
        outbox.open_run(&path(1), 1100, 1);
        append(&mut outbox, 1, 1100);
        assert_eq!(shape(&outbox), [(1, 4500, 1200), (1, 1200, 1200), (1, 1100, 1100)]);
        assert_eq!(outbox.runs().map(|r| (r.count, r.packets().count())).collect::<Vec<_>>(), [(4, 4), (1, 1), (1, 1)]);
        assert_eq!((outbox.packets(), outbox.bytes(), outbox.run_count()), (6, 6_800, 3));
    }

    #[test]
    fn a_planned_run_grows_no_longer_than_the_kernel_cuts() {
        let mut outbox = Outbox::new(1 << 20, 16);
        for _ in 0..3 {
            outbox.open_run(&path(1), 100, 30);
            append(&mut outbox, 30, 3_000);
        }
        assert_eq!(shape(&outbox), [(1, 6_000, 100), (1, 3_000, 100)]);
    }

    #[test]
    fn what_could_not_be_written_leaves_no_trace() {
        let mut outbox = Outbox::new(1 << 20, 16);
        outbox.open_run(&path(1), 100, 1);
        append(&mut outbox, 0, 0);
        assert!(outbox.is_empty() && outbox.runs().next().is_none() && outbox.run_count() == 0);
    }

    #[test]
    fn a_hand_over_tells_of_a_bounded_number_of_packets() {
        let mut outbox = Outbox::new(RUN_BYTES_MAX, 1);
        outbox.note_forwarded(Instant::ZERO, 0);
        assert_eq!(outbox.forwarded(), []);
        for _ in 0..FORWARDED_MAX + 1 {
            outbox.note_forwarded(Instant::from_millis(5), 100);
        }
        assert_eq!(outbox.forwarded(), [Forwarded { received: Instant::from_millis(5), copies: 100 }; FORWARDED_MAX]);
        outbox.clear();
        assert_eq!(outbox.forwarded(), []);
    }

    #[test]
    fn a_full_slab_refuses_and_keeps_what_it_has() {
        let mut outbox = Outbox::new(RUN_BYTES_MAX, 1);
        push(&mut outbox, 1, 100);
        assert_eq!(outbox.push(path(2), PACKET_BYTES_MAX, |_| Some(100)), None);
        assert_eq!(shape(&outbox), [(1, 100, 100)]);
        outbox.clear();
        assert!(outbox.is_empty());
    }
}
