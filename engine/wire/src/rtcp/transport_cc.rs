//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): when each packet of
//! a transport arrived.
//!
//! ```text
//! |      base sequence number     |      packet status count      |
//! |                reference time                 | feedback count|
//! |  status chunks, 16 bits each ...   | arrival deltas, 8 or 16 bits each ... | zeros to a whole word |
//!
//! run of one status    |0| S |        run length         |
//! 14 statuses          |1|0| one bit each                |    not received, small delta
//! 7 statuses           |1|1| two bits each               |    not received, small delta, large or negative delta
//! ```

use super::feedback::{self, Head};
use super::framing::{Message, RTPFB};
use crate::reader::Reader;
use crate::units::{SequenceNumber, Ssrc};

pub(super) const FORMAT: u8 = 15;

/// What the two bits of a status say. The fourth value is reserved.
pub(super) const NOT_RECEIVED: u8 = 0;
pub(super) const SMALL_DELTA: u8 = 1;
pub(super) const LARGE_DELTA: u8 = 2;

/// Ticks in one unit of the reference time: 64 ms of 250 us.
pub(super) const TICKS_PER_REFERENCE: i64 = 256;

/// When each packet of a stretch of transport-wide sequence numbers arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportCc<'a> {
    /// Who received the packets.
    pub sender: Ssrc,
    /// Some source of the transport; means nothing.
    pub media: Ssrc,
    /// The first transport-wide sequence number that is reported on.
    pub base: SequenceNumber,
    /// How many sequence numbers are reported on.
    pub status_count: u16,
    /// What the first delta counts from, in units of 64 ms since some origin of the receiver, 24 bits signed.
    pub reference_time: i32,
    /// Counts these messages, so that a lost one is noticed; wraps.
    pub feedback_count: u8,
    pub(super) chunks: &'a [[u8; 2]],
    pub(super) deltas: &'a [u8],
}

impl<'a> TransportCc<'a> {
    /// Ticks in a second: arrival times are multiples of 250 us.
    pub const TICKS_PER_SECOND: i64 = 4_000;

    /// Checks that the chunks cover the statuses and that every received packet has its delta, so that iterating cannot fail.
    pub(super) fn read(head: Head<'a>) -> Option<Self> {
        let mut reader = Reader::new(head.control);
        let base = SequenceNumber(reader.u16()?);
        let status_count = reader.u16().filter(|count| *count > 0)?;
        let word = reader.u32()?;
        let (chunks_len, deltas_len) = measure(reader.rest(), status_count)?;
        Some(Self {
            sender: head.sender,
            media: head.media,
            base,
            status_count,
            reference_time: word as i32 >> 8,
            feedback_count: word as u8,
            chunks: reader.take(chunks_len)?.as_chunks().0,
            deltas: reader.take(deltas_len)?,
        })
    }

    /// Every sequence number that is reported on, in order, with the time of its arrival if it did arrive.
    ///
    /// A message of a few bytes can report 65,535 lost packets: whoever goes through them stops at what was really sent.
    pub fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            next: self.base,
            left: self.status_count,
            chunks: self.chunks.iter(),
            chunk: Chunk(0),
            symbol: 0,
            deltas: Reader::new(self.deltas),
            ticks: i64::from(self.reference_time) * TICKS_PER_REFERENCE,
        }
    }
}

impl Message for TransportCc<'_> {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        feedback::write(dst, RTPFB, FORMAT, (self.sender, self.media), |writer| {
            writer.u16(self.base.0)?;
            writer.u16(self.status_count)?;
            writer.u32((self.reference_time as u32) << 8 | u32::from(self.feedback_count))?;
            writer.bytes(self.chunks.as_flattened())?;
            writer.bytes(self.deltas)?;
            writer.pad_to_word()
        })
    }
}

/// Iterates over the sequence numbers of a [`TransportCc`] and their arrival in ticks of 250 us since the receiver's origin.
pub struct Arrivals<'a> {
    next: SequenceNumber,
    left: u16,
    chunks: core::slice::Iter<'a, [u8; 2]>,
    chunk: Chunk,
    symbol: u16,
    deltas: Reader<'a>,
    ticks: i64,
}

impl Iterator for Arrivals<'_> {
    type Item = (SequenceNumber, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        while self.symbol >= self.chunk.len() {
            self.chunk = Chunk(u16::from_be_bytes(*self.chunks.next()?));
            self.symbol = 0;
        }
        let delta = match self.chunk.symbol(self.symbol) {
            SMALL_DELTA => Some(i64::from(self.deltas.u8()?)),
            LARGE_DELTA => Some(i64::from(self.deltas.u16()?.cast_signed())),
            _ => None,
        };
        self.symbol += 1;
        let sequence = self.next;
        self.next = sequence.plus(1);
        self.ticks += delta.unwrap_or_default();
        Some((sequence, delta.map(|_| self.ticks)))
    }
}

/// The statuses of some packets that follow one another.
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    const fn is_run(self) -> bool {
        self.0 & 0x8000 == 0
    }

    /// How many statuses it holds.
    const fn len(self) -> u16 {
        match self.0 >> 14 {
            0 | 1 => self.0 & 0x1FFF,
            2 => 14,
            _ => 7,
        }
    }

    /// The status at `at`, which is below `len`.
    const fn symbol(self, at: u16) -> u8 {
        (match self.0 >> 14 {
            0 | 1 => self.0 >> 13 & 3,
            2 => self.0 >> (13 - at) & 1,
            _ => self.0 >> (2 * (6 - at)) & 3,
        }) as u8
    }

    /// The bytes that the deltas of the first `count` statuses take; `None` with the reserved status among them.
    fn deltas_len(self, count: u16) -> Option<usize> {
        if self.is_run() {
            return Some(delta_len(self.symbol(0))? * usize::from(count));
        }
        (0..count).map(|at| delta_len(self.symbol(at))).sum()
    }
}

const fn delta_len(symbol: u8) -> Option<usize> {
    match symbol {
        NOT_RECEIVED => Some(0),
        SMALL_DELTA => Some(1),
        LARGE_DELTA => Some(2),
        _ => None,
    }
}

/// The bytes that the chunks for `status_count` statuses take, and those of their deltas. The last chunk may hold more statuses than
/// there are packets.
fn measure(bytes: &[u8], status_count: u16) -> Option<(usize, usize)> {
    let mut reader = Reader::new(bytes);
    let (mut left, mut deltas_len) = (status_count, 0);
    while left > 0 {
        let chunk = Chunk(reader.u16()?);
        let count = chunk.len().min(left);
        deltas_len += chunk.deltas_len(count)?;
        left -= count;
    }
    Some((bytes.len() - reader.rest().len(), deltas_len))
}
