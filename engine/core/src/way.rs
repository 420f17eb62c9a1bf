//! How packets get to each transport: all that a walk reads of it, a pair of lines of the cache each, side by side.
//!
//! ```text
//! ways     | path, sizes, sealer | path, sizes, sealer |    -     | ...      by the transport's slot
//!                           '-> key               '-> key
//! ```
//! The sealer is lent by the transport's session while media may flow: one that both had a part in would be one line more to wait
//! for.
//!
//! A transport itself spreads over many lines, most of them of what moves once a second and less. A large room's walk finds none of
//! them in the caches, for the kernel's copies push them out: 0.3 us for each transport and turn. Neighbours in one array are
//! fetched by the processor itself before they are asked for.

use crate::outbox::Path;
use crate::transport::Transport;
use crate::transport::srtp::RtpSealer;
use core::hint::black_box;

/// How packets get to one transport, while media may flow.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Way {
    pub(crate) path: Path,
    packet_bytes_max: u16,
    overhead: u8,
    pub(crate) sealer: RtpSealer,
}

impl Way {
    /// To a transport that has a path and keys.
    pub(crate) fn to(transport: &mut Transport) -> Option<Self> {
        let path = transport.path()?;
        let (packet_bytes_max, overhead) = (path.packet_bytes_max() as u16, transport.overhead() as u8);
        Some(Self { path, packet_bytes_max, overhead, sealer: transport.lend_sealer()? })
    }

    /// Gives the sealer back to the transport that has the slot, which drops it when a former one lent it; gives the path.
    pub(crate) fn end(self, transport: &mut Transport) -> Path {
        transport.return_sealer(self.sealer);
        self.path
    }

    /// Reads of each of its lines, so that they are in the cache when they are needed.
    #[inline]
    pub(crate) fn touch(&self) {
        black_box(self.overhead);
        self.sealer.touch();
    }

    /// The longest sealed packet.
    pub(crate) fn packet_bytes_max(&self) -> usize {
        usize::from(self.packet_bytes_max)
    }

    /// How many bytes a sealed packet is longer than a plain one.
    pub(crate) fn overhead(&self) -> usize {
        usize::from(self.overhead)
    }
}

/// The ways of all transports, by their slots.
#[derive(Debug)]
pub(crate) struct Ways {
    ways: Vec<Option<Way>>,
}

impl Ways {
    /// What each transport takes here.
    pub(crate) const BYTES: u64 = size_of::<Option<Way>>() as u64;

    /// Room for `transports_max` transports, touched when used.
    pub(crate) fn new(transports_max: u32) -> Self {
        Self { ways: Vec::with_capacity(transports_max as usize) }
    }

    /// The way to the transport in `slot`; `None` while no media may flow.
    pub(crate) fn get(&self, slot: u32) -> Option<&Way> {
        self.ways.get(slot as usize)?.as_ref()
    }

    /// The way to the transport in `slot`, out of the list.
    pub(crate) fn take(&mut self, slot: u32) -> Option<Way> {
        self.ways.get_mut(slot as usize)?.take()
    }

    /// Whatever changed in the transport in `slot`: this is its way.
    pub(crate) fn set(&mut self, slot: u32, way: Option<Way>) {
        let slot = slot as usize;
        if slot >= self.ways.len() {
            self.ways.resize_with(slot + 1, || None);
        }
        self.ways[slot] = way;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_two_lines_of_the_cache() {
        assert_eq!((size_of::<Option<Way>>(), align_of::<Option<Way>>()), (128, 128));
    }
}
