//! The fleet: a few threads that carry the media of thousands of associations.
//!
//! Each thread has its own poller, its own sockets and its own timers. Nothing is shared per packet but counters that only the
//! thread writes. Associations are made elsewhere ([`Association::connect`]) and handed over by [`Fleet::attach`].
//!
//! ```text
//! let fleet = Fleet::start(&FleetOptions::default())?;
//! let peer = fleet.attach(association);
//! let track = peer.receive(&Expected { ssrc, codec, stream, number_id, rtx_ssrc });   // one for each stream that will come
//! let stream = peer.publish(&plan, &numbers)?;                   // one for each stream that goes
//! let totals = fleet.totals();                                   // at any time, from any thread
//! ```

mod cells;
mod clock;
mod counts;
mod feedback;
mod happened;
mod inbound;
mod member;
mod order;
mod outbound;
mod path_feedback;
mod peer;
mod poller;
mod socket;
mod strays;
mod thread;
mod timers;
mod totals;

pub use crate::stream::Numbers;
pub(crate) use clock::monotonic_ns;
pub use counts::Counts;
pub use inbound::Expected;
pub use peer::{Peer, Published, Received};
pub use totals::{Headroom, Totals, delays, difference};

use crate::association::Association;
use crate::stream::trail::Trails;
use cells::ThreadCells;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::eventfd::EventFd;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thread::{Mail, Seat, Thread};

/// How a fleet is laid out.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// Threads. Associations are spread over them in turn.
    pub threads: usize,
    /// Cores to pin them to, in order; fewer cores than threads leave the rest unpinned.
    pub cores: Vec<usize>,
    /// Take many datagrams of a stream from the kernel at once (`UDP_GRO`). Off: as an ordinary client does it; costs the receiver,
    /// and over loopback the sender too, because the kernel then takes runs apart on the sender's time.
    pub gro: bool,
    /// Give the kernel a burst of equal packets at once (`UDP_SEGMENT`). Off: one call for each packet.
    pub gso: bool,
    /// What arrives gathers for so long before a thread looks again, in whole milliseconds; zero: each arrival wakes it. A server on
    /// the same machine pays for waking its clients, which it would not do of another; their times of arrival are the kernel's.
    pub rest: Duration,
    /// What is opened and checked.
    pub sample: Sample,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self { threads: 1, cores: Vec::new(), gro: true, gso: true, rest: Duration::from_millis(1), sample: Sample::default() }
    }
}

/// Which of the packets that arrive are decrypted and checked. Sequence numbers are looked at in all of them; the first packet of
/// every stream is always opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// All packets of every n-th association of a thread; 0 for none.
    pub whole_every: u32,
    /// One packet in n of the others, at random; 0 for only the first. At most 8192, or the rollover counter could be missed.
    pub one_in: u32,
}

impl Sample {
    /// Every packet.
    pub const ALL: Self = Self { whole_every: 1, one_in: 1 };
    const ONE_IN_MAX: u32 = 8192;
}

impl Default for Sample {
    fn default() -> Self {
        Self { whole_every: 100, one_in: 100 }
    }
}

/// The threads. Dropping it ends them.
pub struct Fleet {
    options: FleetOptions,
    started: Instant,
    threads: Vec<Handle>,
    joined: Vec<JoinHandle<()>>,
    next: AtomicU64,
    trails: Arc<Trails>,
    next_stream: Arc<AtomicU32>,
}

/// How a thread is spoken to.
struct Handle {
    line: Line,
    cells: Arc<ThreadCells>,
    next_member: AtomicU32,
}

/// A thread's mailbox and its bell.
#[derive(Clone)]
struct Line {
    mail: Sender<Mail>,
    doorbell: Arc<EventFd>,
}

impl Line {
    fn send(&self, mail: Mail) {
        // A thread that ended has nothing left to do; that it panicked is in the totals.
        if self.mail.send(mail).is_ok() {
            // Full is not possible; an error would say that it rings already.
            let _ = self.doorbell.write(1);
        }
    }
}

impl Fleet {
    /// Starts the threads and raises the limit of open files as far as it may be raised.
    pub fn start(options: &FleetOptions) -> Result<Self, FleetError> {
        if options.threads == 0 || options.sample.one_in > Sample::ONE_IN_MAX {
            return Err(FleetError::Options("it needs a thread at least, and a sample of one packet in 8192 or more often"));
        }
        raise_file_limit()?;
        let trails = Arc::new(Trails::default());
        let mut fleet = Self {
            options: options.clone(),
            started: Instant::now(),
            threads: Vec::new(),
            joined: Vec::new(),
            next: AtomicU64::new(0),
            trails,
            next_stream: Arc::new(AtomicU32::new(rand::random())),
        };
        for index in 0..options.threads {
            fleet.start_thread(index)?;
        }
        Ok(fleet)
    }

    fn start_thread(&mut self, index: usize) -> Result<(), FleetError> {
        let (mail, received): (_, Receiver<Mail>) = channel();
        let doorbell = Arc::new(thread::doorbell().map_err(os("an event counter cannot be made"))?);
        let cells = Arc::new(ThreadCells::new(self.options.gso));
        let seat = Seat {
            mail: received,
            doorbell: Arc::clone(&doorbell),
            cells: Arc::clone(&cells),
            trails: Arc::clone(&self.trails),
            options: self.options.clone(),
        };
        let thread = Thread::new(seat).map_err(os("a poller cannot be made: raise the limit of open files"))?;
        let core = self.options.cores.get(index).copied();
        let seen = Arc::clone(&cells);
        let joined = std::thread::Builder::new()
            .name(format!("fleet-{index}"))
            .spawn(move || {
                let alive = Alive(seen);
                // Its figures count either way; an unpinned thread shows in the delays.
                let _ = core.map(pin);
                if thread.run().is_ok() {
                    std::mem::forget(alive);
                }
            })
            .map_err(|error| FleetError::Os { what: "a thread cannot be started", error })?;
        self.joined.push(joined);
        self.threads.push(Handle { line: Line { mail, doorbell }, cells, next_member: AtomicU32::new(0) });
        Ok(())
    }

    /// How it was started.
    pub fn options(&self) -> &FleetOptions {
        &self.options
    }

    /// Takes an association over: consent checks, receiver and sender reports go on until the peer is dropped.
    pub fn attach(&self, association: Association) -> Peer {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) as usize % self.threads.len();
        let handle = &self.threads[turn];
        let member = handle.next_member.fetch_add(1, Ordering::Relaxed);
        Peer::attach(handle.line.clone(), member, association, Arc::clone(&self.trails), Arc::clone(&self.next_stream))
    }

    /// Everything so far. Subtract an earlier one for an interval ([`Totals::since`]). Numbers of streams and CPU times are those
    /// of the threads' last look, at most 0.2 s ago.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { elapsed: self.started.elapsed(), gso: self.options.gso, ..Totals::default() };
        self.threads.iter().for_each(|thread| thread.cells.add_to(&mut totals));
        totals
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.threads.iter().for_each(|thread| thread.line.send(Mail::End));
        for joined in self.joined.drain(..) {
            // That it panicked is said on its standard error already.
            let _ = joined.join();
        }
    }
}

/// Left behind by a thread that panics or fails.
struct Alive(Arc<ThreadCells>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.dead.store(true, Ordering::Relaxed);
    }
}

fn pin(core: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// An association has one socket, and its client another one for the WebSocket.
fn raise_file_limit() -> Result<(), FleetError> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(os("the limit of open files cannot be read"))?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(os("the limit of open files cannot be raised to its hard limit"))
}

fn os(what: &'static str) -> impl Fn(nix::Error) -> FleetError {
    move |error| FleetError::Os { what, error: error.into() }
}

/// Why the fleet cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The kernel refused something.
    #[error("{what}: {error}")]
    Os {
        /// What was tried, and what to do about it.
        what: &'static str,
        /// The kernel's answer.
        error: std::io::Error,
    },
    /// Options out of range.
    #[error("the fleet cannot be started: {0}")]
    Options(&'static str),
    /// A plan that cannot be sent.
    #[error("the stream cannot be sent: {0}")]
    Plan(String),
}
