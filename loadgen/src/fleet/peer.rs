//! Handles: an association in the fleet, and its streams.

use super::clock;
use super::counts::Counts;
use super::inbound::{Expected, ReceivedCells};
use super::outbound::{Outbound, PublishedCells};
use super::thread::Mail;
use super::{FleetError, Line};
use crate::association::{Association, Farewell, Profile};
use crate::stream::trail::Trails;
use crate::stream::{Numbers, StreamPlan};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An association in the fleet. Dropping it says goodbye to the other side and closes the socket; its streams end with it.
pub struct Peer {
    line: Line,
    member: u32,
    profile: Profile,
    lost: Arc<AtomicBool>,
    farewell: Mutex<Option<Farewell>>,
    trails: Arc<Trails>,
    next_stream: Arc<AtomicU32>,
}

impl Peer {
    pub(super) fn attach(
        line: Line,
        member: u32,
        association: Association,
        trails: Arc<Trails>,
        next_stream: Arc<AtomicU32>,
    ) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (profile, farewell) = (association.profile(), Mutex::new(Some(association.farewell.clone())));
        line.send(Mail::Attach { member, association: Box::new(association), lost: Arc::clone(&lost) });
        Self { line, member, profile, lost, farewell, trails, next_stream }
    }

    /// The SRTP profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Counts a stream that will come. Asks for a keyframe if it is video.
    pub fn receive(&self, expected: &Expected) -> Received {
        let cells = Arc::new(ReceivedCells::default());
        self.line.send(Mail::Receive { member: self.member, expected: *expected, cells: Arc::clone(&cells) });
        Received { line: self.line.clone(), member: self.member, ssrc: expected.ssrc, since_ns: clock::monotonic_ns(), cells }
    }

    /// A number for a stream that is to be published. Receivers that are told it ([`Expected::stream`]) know what must come.
    pub fn reserve(&self) -> u32 {
        self.next_stream.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts to send a stream. Its first frame is a keyframe.
    pub fn publish(&self, plan: &StreamPlan, numbers: &Numbers) -> Result<Published, FleetError> {
        self.publish_as(self.reserve(), plan, numbers)
    }

    /// Starts to send a stream under a [reserved](Self::reserve) number.
    pub fn publish_as(&self, stream: u32, plan: &StreamPlan, numbers: &Numbers) -> Result<Published, FleetError> {
        let cells = Arc::new(PublishedCells::default());
        let outbound =
            Outbound::new(plan, numbers, stream, Arc::clone(&self.trails), Arc::clone(&cells)).map_err(FleetError::Plan)?;
        self.line.send(Mail::Publish { member: self.member, outbound: Box::new(outbound) });
        Ok(Published { line: self.line.clone(), member: self.member, stream, cells })
    }

    /// The other side has not answered consent checks for 30 s (RFC 7675), or the socket could not be used.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends the association: says goodbye and returns when that is sent. Nothing comes or goes afterwards.
    pub async fn say_goodbye(&self) {
        self.line.send(Mail::Detach { member: self.member });
        let farewell = self.take_farewell();
        if let Some(farewell) = farewell {
            farewell.say().await;
        }
    }

    /// Ends the association without a word, as a crash would.
    pub fn abandon(&self) {
        self.line.send(Mail::Detach { member: self.member });
        drop(self.take_farewell());
    }

    fn take_farewell(&self) -> Option<Farewell> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.line.send(Mail::Detach { member: self.member });
        if let Some(farewell) = self.take_farewell() {
            farewell.say_later();
        }
    }
}

/// A stream that comes in. Dropping it stops the counting of it; what was counted stays in the totals.
pub struct Received {
    line: Line,
    member: u32,
    ssrc: u32,
    since_ns: u64,
    cells: Arc<ReceivedCells>,
}

impl Received {
    /// What came so far.
    pub fn counts(&self) -> Counts {
        self.cells.counts.load()
    }

    /// Under which it comes.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// When the first packet was there, as CLOCK_MONOTONIC in ns.
    pub fn started_ns(&self) -> Option<u64> {
        Some(self.cells.started_ns.load(Ordering::Acquire)).filter(|started_ns| *started_ns > 0)
    }

    /// Whether the first packet was there.
    pub fn has_started(&self) -> bool {
        self.started_ns().is_some()
    }

    /// Returns once the first packet was there, with the time that it took since the call of [`Peer::receive`]. Never, if none comes.
    pub async fn started(&self) -> Duration {
        loop {
            // In this order: a packet that comes between the two is seen by one of them.
            let started = self.cells.started.notified();
            if let Some(started_ns) = self.started_ns() {
                return Duration::from_nanos(started_ns.saturating_sub(self.since_ns));
            }
            started.await;
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.line.send(Mail::Forget { member: self.member, ssrc: self.ssrc, cells: Arc::clone(&self.cells) });
    }
}

/// A stream that goes out. Dropping it stops the sending.
pub struct Published {
    line: Line,
    member: u32,
    stream: u32,
    cells: Arc<PublishedCells>,
}

impl Published {
    /// Its number in the payload of synthetic packets.
    pub fn stream(&self) -> u32 {
        self.stream
    }

    /// Packets sent so far.
    pub fn packets(&self) -> u64 {
        self.cells.packets.load(Ordering::Relaxed)
    }

    /// Sends nothing until [`resume`](Self::resume): a mute.
    pub fn pause(&self) {
        self.cells.paused.store(true, Ordering::Relaxed);
    }

    /// Goes on, with a keyframe.
    pub fn resume(&self) {
        self.cells.paused.store(false, Ordering::Relaxed);
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.line.send(Mail::Unpublish { member: self.member, stream: self.stream });
    }
}
