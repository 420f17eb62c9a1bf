//! What publishers are told of their path: transport-wide feedback, which their own estimate is made from, or for those that know
//! only REMB an estimate that is made here.
//!
//! A packet costs one store. Feedback is made by a timer that is set while something has arrived, and by nothing else.

mod arrivals;
mod remote;

use arrivals::Arrivals;
pub(crate) use arrivals::Report;
use core::time::Duration;
use corelay_wire::media::{Extension, ExtensionMap, PayloadFormat};
use corelay_wire::rtp::{AbsSendTime, RtpHeader, TransportSequence};
use corelay_wire::units::{Bitrate, Instant};
use remote::Remote;

/// Time between two messages. The publisher reacts to a full path later by half of it; each message costs about 100 bytes with the
/// compound packet it is in, 16 kbit/s at the shorter one.
const INTERVAL_SHORT: Duration = Duration::from_millis(50);
const INTERVAL_LONG: Duration = Duration::from_millis(100);
/// A publisher that sent less in an interval gets the longer one: 500 kbit/s.
const SHORT_BYTES_MIN: u32 = 4_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Upstream {
    kind: Kind,
    /// The header extension that is read, in the publisher's numbering: the same for all tracks of a transport (RFC 8843 section 9.1).
    id: u8,
    /// When the last feedback was made, and what has arrived since.
    made: Instant,
    interval: Duration,
    bytes: u32,
    /// When the next is due: what the timer is set to.
    due: Option<Instant>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the owner boxes the whole")]
enum Kind {
    TransportWide(Arrivals),
    Remote(Remote, Option<Bitrate>),
}

impl Upstream {
    /// Of a transport with a track that negotiated this; `None` when no feedback was.
    pub(crate) fn new(now: Instant, formats: &[PayloadFormat], extensions: &ExtensionMap) -> Option<Self> {
        let transport_wide = formats.iter().any(|f| f.feedback.transport_cc);
        let remb = formats.iter().any(|f| f.feedback.remb);
        let (kind, id) = match (extensions.id(Extension::TransportSequence), extensions.id(Extension::AbsSendTime)) {
            (Some(id), _) if transport_wide => (Kind::TransportWide(Arrivals::new()), id),
            (_, Some(id)) if remb => (Kind::Remote(Remote::new(now), None), id),
            _ => return None,
        };
        Some(Self { kind, id, made: now, interval: INTERVAL_LONG, bytes: 0, due: None })
    }

    /// Whether it is transport-wide feedback, which is worth more than REMB.
    pub(crate) fn is_transport_wide(&self) -> bool {
        matches!(self.kind, Kind::TransportWide(_))
    }

    /// Takes in a packet, whatever it carries. Gives the time for the timer when that is to be set.
    pub(crate) fn arrived(&mut self, header: &RtpHeader, packet: &[u8], now: Instant, received: Instant) -> Option<Instant> {
        let data = header.extension(packet, self.id)?;
        let hurry = match &mut self.kind {
            Kind::TransportWide(arrivals) => arrivals.add(TransportSequence::read(data)?.0, header.ssrc, received),
            Kind::Remote(remote, _) => remote.add(AbsSendTime::read(data)?, packet.len() + HEADERS_LEN, received),
        };
        self.bytes = self.bytes.saturating_add(packet.len() as u32);
        let at = if hurry { now } else { now.max(self.made + self.interval) };
        let sooner = self.due.is_none_or(|due| at < due);
        sooner.then(|| {
            self.due = Some(at);
            at
        })
    }

    /// The timer fired. Tells whether there is anything to say.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        self.interval = if self.bytes < SHORT_BYTES_MIN { INTERVAL_LONG } else { INTERVAL_SHORT };
        (self.bytes, self.made, self.due) = (0, now, None);
        match &mut self.kind {
            Kind::TransportWide(_) => true,
            Kind::Remote(remote, told) => {
                *told = remote.look(now).or(told.take());
                told.is_some()
            }
        }
    }

    /// The next message of transport-wide feedback; `None` when all is told. It counts as told by [`Self::reported`].
    pub(crate) fn report(&self, now: Instant) -> Option<Report> {
        match &self.kind {
            Kind::TransportWide(arrivals) => arrivals.report(now),
            Kind::Remote(..) => None,
        }
    }

    /// The message is on its way.
    pub(crate) fn reported(&mut self, report: &Report) {
        if let Kind::TransportWide(arrivals) = &mut self.kind {
            arrivals.reported(report);
        }
    }

    /// The estimate that is to be told by REMB, once.
    pub(crate) fn take_estimate(&mut self) -> Option<Bitrate> {
        match &mut self.kind {
            Kind::TransportWide(_) => None,
            Kind::Remote(_, told) => told.take(),
        }
    }
}

/// UDP and IPv4 headers and the tag, which the link carries as well.
const HEADERS_LEN: usize = 28 + 16;
