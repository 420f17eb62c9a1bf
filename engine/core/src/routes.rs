//! Which transport an address leads to. Only an authenticated STUN check enters one: media and DTLS from elsewhere lead nowhere.
//!
//! A check proves that its sender knows a password, not that its source is its own: a participant can forge the source of a check
//! for its own transport. So a check alone holds an address only for a transport that has yet to be connected: a connected one
//! would have used its keys from where it is. Where it did (SRTP, SRTCP or the end of the handshake came from there), the address
//! is [proven](Route::proven) to be its own. Both hold for as long as checks go on.

use crate::limits::Limits;
use crate::room::Rooms;
use core::net::SocketAddr;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// See the module. At most [`crate::limits::ROUTES_PER_TRANSPORT_MAX`] for each transport.
#[derive(Debug)]
pub(crate) struct Routes {
    by_source: HashMap<SocketAddr, Route, FixedState>,
    /// What media came from last: the packets of a picture come one after the other. As `by_source` has it.
    last: Option<(SocketAddr, Route)>,
}

/// Addresses that there is room for at boot.
const CAPACITY_AT_FIRST: u32 = 1_024;

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The transport.
    pub(crate) slot: u32,
    /// The peer has used its keys from here.
    pub(crate) proven: bool,
}

impl Routes {
    pub(crate) fn new(limits: &Limits, seed: u64) -> Self {
        // Addresses come and go, and each hashes to another place: a map with room for all that may be would be resident as a whole
        // after some thousand joins, 12 MB for 4,000 participants. It grows with what there is; that costs a check a millisecond,
        // once or twice.
        let capacity = limits.transports_max.min(CAPACITY_AT_FIRST) as usize;
        Self { by_source: HashMap::with_capacity_and_hasher(capacity, FixedState::with_seed(seed)), last: None }
    }

    pub(crate) fn find(&self, source: SocketAddr) -> Option<Route> {
        self.by_source.get(&source).copied()
    }

    /// The same for media, of which more may come from there.
    #[inline]
    pub(crate) fn find_for_media(&mut self, source: SocketAddr) -> Option<Route> {
        match self.last {
            Some((last, route)) if last.port() == source.port() && last == source => Some(route),
            _ => {
                let route = self.find(source)?;
                self.last = Some((source, route));
                Some(route)
            }
        }
    }

    /// The peer has used its keys from `source`.
    pub(crate) fn prove(&mut self, source: SocketAddr) {
        self.last = None;
        if let Some(route) = self.by_source.get_mut(&source) {
            route.proven = true;
        }
    }

    /// `source` leads to `slot` from here on. The address that was entered first gives way when there are too many, unless media
    /// goes there.
    pub(crate) fn enter(&mut self, source: SocketAddr, slot: u32, rooms: &mut Rooms) {
        let former = self.find(source);
        if former.is_some_and(|f| f.slot == slot) {
            return;
        }
        self.last = None;
        self.by_source.insert(source, Route { slot, proven: false });
        if let Some(former) = former {
            rooms.transports[former.slot].routes.retain(|s| *s != source);
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
        self.last = None;
        for source in rooms.transports[slot].routes.drain(..) {
            self.by_source.remove(&source);
        }
    }
}
