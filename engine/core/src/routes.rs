//! Which transport an address leads to. Only an authenticated STUN check enters one: media and DTLS from elsewhere lead nowhere.

use crate::limits::{Limits, ROUTES_PER_TRANSPORT_MAX};
use crate::room::Rooms;
use core::net::SocketAddr;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// See the module. At most [`ROUTES_PER_TRANSPORT_MAX`] for each transport.
#[derive(Debug)]
pub(crate) struct Routes {
    by_source: HashMap<SocketAddr, u32, FixedState>,
}

impl Routes {
    pub(crate) fn new(limits: &Limits, seed: u64) -> Self {
        let capacity = limits.transports_max as usize * ROUTES_PER_TRANSPORT_MAX;
        Self { by_source: HashMap::with_capacity_and_hasher(capacity, FixedState::with_seed(seed)) }
    }

    pub(crate) fn find(&self, source: SocketAddr) -> Option<u32> {
        self.by_source.get(&source).copied()
    }

    /// `source` leads to `slot` from here on. The address that was entered first gives way when there are too many, unless media
    /// goes there.
    pub(crate) fn enter(&mut self, source: SocketAddr, slot: u32, rooms: &mut Rooms) {
        let former = self.by_source.insert(source, slot);
        if former == Some(slot) {
            return;
        }
        if let Some(former) = former {
            rooms.transports[former].routes.retain(|s| *s != source);
        }
        let entry = &mut rooms.transports[slot];
        if entry.routes.is_full() {
            let selected = entry.transport.path().map(|p| p.remote);
            let oldest = entry.routes.iter().position(|s| Some(*s) != selected).expect("one of several is selected");
            self.by_source.remove(&entry.routes.remove(oldest));
        }
        entry.routes.push(source);
    }

    /// No address leads to `slot` from here on.
    pub(crate) fn remove(&mut self, slot: u32, rooms: &mut Rooms) {
        for source in rooms.transports[slot].routes.drain(..) {
            self.by_source.remove(&source);
        }
    }
}
