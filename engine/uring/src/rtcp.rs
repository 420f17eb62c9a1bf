//! RTCP, where it has sockets of its own ([`crate::UdpSocket::set_rtcp_apart`]). A viewer tells of its path ten to twenty times a second, and
//! nobody waits for that by the millisecond: a hundred of them would wake the thread a thousand times a second, each for one message.
//!
//! ```text
//!              a message comes, and wakes the thread            something was there
//!   watched ------------------------------------------> look --------------------------> unwatched --.
//!      ^                                                  | ^      the thread is awake after APART,  |
//!      '---------------------- nothing was there ---------' '----- or wakes after EVERY -------------'
//! ```

use std::io;
use std::time::{Duration, Instant};

use crate::backend::{Arrivals, Received, Wait};
use crate::incoming::{DATAGRAMS_MAX, Incoming};
use crate::sockets::Sockets;

/// How long RTCP waits at most while there is some all the time. Longer: repairs, keyframes and estimates are later by half of it on average,
/// of a round trip of tens. Shorter: more wake-ups, at 5 to 20 us.
const EVERY: Duration = Duration::from_millis(5);
/// A thread that is awake for something else looks no more often. Longer: fewer looks that find little. Shorter: RTCP is taken in sooner on a
/// busy shard; a look costs 0.3 us.
const APART: Duration = Duration::from_millis(1);

/// What the messages of one look take.
pub const RTCP_PLACES_BYTES: u64 = Incoming::BYTES;

/// When to look; see the module.
#[derive(Debug, Default)]
pub(crate) struct Rtcp {
    /// The last look found something: nobody watches. `None`: the sockets are watched.
    looked: Option<Instant>,
    /// Who watches saw something.
    came: bool,
}

impl Rtcp {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A sleep that is not longer than until the next look.
    pub(crate) fn limit(&self, wait: Wait) -> Wait {
        let Some(looked) = self.looked.filter(|_| wait.at_most != Some(Duration::ZERO)) else { return wait };
        let until = (looked + EVERY).saturating_duration_since(Instant::now());
        Wait { at_most: Some(wait.at_most.map_or(until, |most| most.min(until))), ..wait }
    }

    /// Who watches saw something.
    pub(crate) fn came(&mut self) {
        self.came = true;
    }

    /// Gives what came to `deliver`, when it is time for that. Tells whether the sockets are to be watched again.
    pub(crate) fn take_in(
        &mut self,
        incoming: &mut Incoming,
        sockets: &Sockets,
        arrivals: &mut Arrivals,
        deliver: &mut dyn FnMut(Received<'_>),
    ) -> io::Result<bool> {
        let is_due = |looked: Instant| looked.elapsed() >= APART;
        if !std::mem::take(&mut self.came) && !self.looked.is_some_and(is_due) {
            return Ok(false);
        }
        let before = arrivals.datagrams + arrivals.truncated;
        for (place, fd) in sockets.rtcp() {
            let left = incoming.drain(sockets, (place, fd), DATAGRAMS_MAX, arrivals, deliver)?;
            arrivals.more |= left == 0;
        }
        let found = arrivals.datagrams + arrivals.truncated > before;
        self.looked = found.then(Instant::now);
        Ok(!found)
    }
}
