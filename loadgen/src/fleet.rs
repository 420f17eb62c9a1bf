//! The fleet: a few threads that carry the media of thousands of associations.
//!
//! Each thread has its own poller, its own sockets and its own timers. Nothing is shared per packet but counters that only the thread
//! writes. Associations are made elsewhere ([`Association::connect`]) and handed over by [`Fleet::attach`].
//!
//! ```text
//! let fleet = Fleet::start(&FleetOptions::default())?;
//! let peer = fleet.attach(association);
//! let track = peer.receive(&Expected { ssrc, codec });      // one for each stream that will come
//! let stream = peer.publish(&plan, &numbers)?;              // one for each stream that goes
//! let totals = fleet.totals();                              // at any time, from any thread
//! ```

use crate::association::Association;
use crate::stream::{Codec, StreamPlan};
use hdrhistogram::Histogram;
use std::time::Duration;

/// How a fleet is laid out.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// Threads. Associations are spread over them in turn.
    pub threads: usize,
    /// Cores to pin them to, in order; fewer cores than threads leave the rest unpinned.
    pub cores: Vec<usize>,
    /// Take many datagrams of a stream from the kernel at once (`UDP_GRO`). Off: as an ordinary client does it; costs the receiver, and
    /// over loopback the sender too, because the kernel then takes runs apart on the sender's time.
    pub gro: bool,
    /// Give the kernel a burst of equal packets at once (`UDP_SEGMENT`). Off: one call for each packet.
    pub gso: bool,
    /// What is opened and checked.
    pub sample: Sample,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self { threads: 1, cores: Vec::new(), gro: true, gso: true, sample: Sample::default() }
    }
}

/// Which of the packets that arrive are decrypted and checked. Sequence numbers are looked at in all of them; the first packet of
/// every stream is always opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// All packets of every n-th association; 0 for none.
    pub whole_every: u32,
    /// One packet in n of the others; 0 for none. At most 16384, or the rollover counter could be missed.
    pub one_in: u32,
}

impl Default for Sample {
    fn default() -> Self {
        Self { whole_every: 100, one_in: 100 }
    }
}

/// The threads. Dropping it ends them.
pub struct Fleet {
    options: FleetOptions,
}

impl Fleet {
    /// Starts the threads and raises the limit of open files as far as it may be raised.
    pub fn start(options: &FleetOptions) -> Result<Self, FleetError> {
        Ok(Self { options: options.clone() })
    }

    /// How it was started.
    pub fn options(&self) -> &FleetOptions {
        &self.options
    }

    /// Takes an association over: consent checks, receiver and sender reports go on until the peer is dropped.
    pub fn attach(&self, _association: Association) -> Peer {
        Peer {}
    }

    /// Everything so far. Subtract an earlier one for an interval.
    pub fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// An association in the fleet. Dropping it says goodbye to the other side and closes the socket.
pub struct Peer {}

impl Peer {
    /// Counts a stream that will come. Asks for a keyframe if it is video.
    pub fn receive(&self, _expected: &Expected) -> Received {
        Received {}
    }

    /// Starts to send a stream. Its first frame is a keyframe.
    pub fn publish(&self, _plan: &StreamPlan, _numbers: &Numbers) -> Result<Published, FleetError> {
        Ok(Published {})
    }

    /// The other side has not answered consent checks for 30 s (RFC 7675), or refused datagrams.
    pub fn is_lost(&self) -> bool {
        false
    }
}

/// A stream that will come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Under which it comes.
    pub ssrc: u32,
    /// Its codec.
    pub codec: Codec,
    /// Which one it is, if that is known: [`Published::stream`]. Anything else under this SSRC is then corrupt.
    pub stream: Option<u32>,
}

/// Numbers of a published stream, as signaling agreed on them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// One for each layer, or one.
    pub ssrcs: Vec<u32>,
    /// Payload type.
    pub payload_type: u8,
    /// Canonical name in sender reports.
    pub cname: String,
    /// Header extension ids; 0 for an extension that is not sent.
    pub audio_level_id: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`, with [`mid`](Self::mid) as its value.
    pub mid_id: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`, with the layer's rid as its value.
    pub rid_id: u8,
    /// Media section.
    pub mid: String,
}

/// A stream that comes in. Dropping it stops the counting of it; what was counted stays in the totals.
pub struct Received {}

impl Received {
    /// What came so far.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// Returns once the first packet was there, with the time since the call of [`Peer::receive`].
    pub async fn started(&self) -> Duration {
        Duration::ZERO
    }
}

/// A stream that goes out. Dropping it stops the sending.
pub struct Published {}

impl Published {
    /// Its number in the payload of synthetic packets.
    pub fn stream(&self) -> u32 {
        0
    }

    /// Packets sent so far.
    pub fn packets(&self) -> u64 {
        0
    }

    /// Sends nothing until `resume`: a mute.
    pub fn pause(&self) {}

    /// Goes on, with a keyframe.
    pub fn resume(&self) {}
}

/// Counts of received streams. Those of a live stream or fleet only grow, but for `lost`, which shrinks when a late packet comes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct Counts {
    /// RTP packets, duplicates included.
    pub packets: u64,
    /// Bytes of UDP payload in them.
    pub bytes: u64,
    /// Missing in the sequence numbers.
    pub lost: u64,
    /// Came after one with a higher sequence number.
    pub reordered: u64,
    /// Came again.
    pub duplicates: u64,
    /// Opened and checked.
    pub verified: u64,
    /// Opened, and not what was sent: an error of the run.
    pub corrupt: u64,
    /// Did not open with the association's keys: an error of the run.
    pub unopened: u64,
    /// Packets that the publisher sent and the server left out without a gap in the sequence numbers, as found between samples.
    pub skipped: u64,
}

/// Everything that a fleet has counted.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Since the fleet's start, or the length of the interval.
    pub elapsed: Duration,
    /// Received streams, those that ended included.
    pub received: Counts,
    /// Streams that are expected at the moment.
    pub streams_expected: u64,
    /// Those of them that have brought a packet.
    pub streams_started: u64,
    /// Those of them that have brought one before, but none for two seconds.
    pub streams_silent: u64,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// Bytes of UDP payload in them.
    pub sent_bytes: u64,
    /// Packets that the kernel did not take: its send buffer was full, or nobody listens.
    pub sent_refused: u64,
    /// RTP packets that belong to no expected stream.
    pub unexpected: u64,
    /// Keyframes that servers asked publishers for.
    pub keyframes_asked: u64,
    /// Associations whose other side went away.
    pub peers_lost: u64,
    /// From the publisher's stamp, just before it encrypts the packet, to the kernel's receive timestamp, in ns, of verified packets.
    pub latency_ns: Histogram<u64>,
    /// How much of the latency is the generator's own share: from the kernel's receive timestamp to when it was read, in ns. Not in `latency_ns`.
    pub read_delay_ns: Histogram<u64>,
    /// How late publishers' bursts left against their schedule, in ns.
    pub send_delay_ns: Histogram<u64>,
    /// Datagrams that the kernel dropped because a receive queue of ours was full.
    pub queue_drops: u64,
    /// Busy share of each thread, 0 to 1: its CPU time against the wall's.
    pub busy: Vec<f64>,
}

impl Default for Totals {
    fn default() -> Self {
        let empty =
            || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("1 ns to a minute with three digits is a valid range");
        Self {
            elapsed: Duration::ZERO,
            received: Counts::default(),
            streams_expected: 0,
            streams_started: 0,
            streams_silent: 0,
            sent_packets: 0,
            sent_bytes: 0,
            sent_refused: 0,
            unexpected: 0,
            keyframes_asked: 0,
            peers_lost: 0,
            latency_ns: empty(),
            read_delay_ns: empty(),
            send_delay_ns: empty(),
            queue_drops: 0,
            busy: Vec::new(),
        }
    }
}

impl Totals {
    /// What was counted after `earlier`.
    pub fn since(&self, _earlier: &Self) -> Self {
        self.clone()
    }

    /// Whether the generator kept up in this interval.
    pub fn headroom(&self) -> Headroom {
        Headroom::Enough
    }
}

/// Whether a figure is one of the server's or of the generator's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Headroom {
    /// The generator kept up.
    Enough,
    /// The generator was the bottleneck: its figures say nothing about the server. Why, and what to do.
    Exhausted(String),
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
    /// A plan that cannot be sent.
    #[error("the stream cannot be sent: {0}")]
    Plan(String),
}
