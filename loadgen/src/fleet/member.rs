//! One association in its thread: keys, consent, streams that come and streams that go.

use super::feedback::{self, BLOCKS_MAX, Compound, Told};
use super::happened::{Happened, Sending};
use super::inbound::{Arrived, Expected, Inbound, ReceivedCells};
use super::outbound::Outbound;
use super::path_feedback::PathFeedback;
use super::strays::Strays;
use crate::association::ice::{Heard, Ice};
use crate::association::{Association, Farewell};
use crate::stream::trail::Trails;
use crate::wire::{Clear, Content, content, number_of_extension};
use rtcp::reception_report::ReceptionReport;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use webrtc_srtp::context::Context as SrtpContext;

/// RFC 7675 section 5.1.
const CONSENT_EXPIRES_NS: u64 = 30_000_000_000;

/// An association in its thread.
pub(super) struct Member {
    pub(super) socket: Arc<UdpSocket>,
    remote: SocketAddr,
    ice: Ice,
    sender: SrtpContext,
    receiver: SrtpContext,
    farewell: Farewell,
    /// Sorted by SSRC.
    inbound: Vec<Inbound>,
    strays: Strays,
    outbound: Vec<Outbound>,
    path: PathFeedback,
    tells_path: bool,
    /// Of our reports where nothing of ours is published.
    ssrc: u32,
    one_in: u32,
    confirmed_ns: u64,
    lost: Arc<AtomicBool>,
    /// Of the socket's queue, as far as it is counted.
    pub(super) dropped: u32,
}

impl Member {
    pub(super) fn new(association: Association, one_in: u32, lost: Arc<AtomicBool>, now_ns: u64) -> Self {
        let Association { socket, remote, ice, sender, receiver, farewell, .. } = association;
        Self {
            socket,
            remote,
            ice,
            sender,
            receiver,
            farewell,
            inbound: Vec::new(),
            strays: Strays::default(),
            outbound: Vec::new(),
            path: PathFeedback::default(),
            tells_path: false,
            ssrc: rand::random(),
            one_in,
            confirmed_ns: now_ns,
            lost,
            dropped: 0,
        }
    }

    /// Counts a stream from here on.
    pub(super) fn receive(&mut self, expected: &Expected, trails: Arc<Trails>, cells: Arc<ReceivedCells>, happened: &mut Happened) {
        happened.expected_after_all += self.strays.adopt(expected.ssrc);
        let inbound = Inbound::new(expected, self.one_in, trails, cells);
        match self.inbound.binary_search_by_key(&expected.ssrc, |one| one.ssrc) {
            Ok(at) => self.inbound[at] = inbound,
            Err(at) => self.inbound.insert(at, inbound),
        }
    }

    /// No longer counts a stream.
    pub(super) fn forget(&mut self, ssrc: u32, cells: &Arc<ReceivedCells>) {
        let before = self.inbound.len();
        self.inbound.retain(|one| one.ssrc != ssrc || !one.is_of(cells));
        if self.inbound.len() < before {
            self.strays.dismiss(ssrc);
        }
    }

    pub(super) fn publish(&mut self, outbound: Outbound) {
        self.outbound.push(outbound);
    }

    pub(super) fn unpublish(&mut self, stream: u32) {
        self.outbound.retain(|one| one.stream != stream);
    }

    /// Takes what the kernel gave: datagrams of `segment` bytes, the last one maybe shorter.
    pub(super) fn hear(&mut self, datagrams: &[u8], segment: usize, at_ns: u64, happened: &mut Happened) {
        for bytes in datagrams.chunks(segment.max(1)) {
            match content(bytes) {
                Content::Rtp => self.hear_rtp(Arrived { bytes, at_ns }, happened),
                Content::Rtcp => self.hear_rtcp(bytes, at_ns, happened),
                Content::Stun => match self.ice.hear(bytes, self.remote) {
                    Heard::Confirmed => self.confirmed_ns = at_ns,
                    // A lost answer is asked for again.
                    Heard::Answer(answer) => drop(self.socket.send(&answer)),
                    Heard::Noise => {}
                },
                Content::Dtls => self.farewell.hear(bytes),
                Content::Other => {}
            }
        }
    }

    fn hear_rtp(&mut self, arrived: Arrived<'_>, happened: &mut Happened) {
        let Some(clear) = Clear::read(arrived.bytes) else {
            happened.unexpected += 1;
            return;
        };
        let Ok(at) = self.inbound.binary_search_by_key(&clear.ssrc, |one| one.ssrc) else {
            match self.inbound.iter().find(|one| one.rtx_ssrc == Some(clear.ssrc)).map(|one| one.number_id) {
                Some(id) => self.note_path(id, &clear, arrived),
                None => happened.unexpected += u64::from(self.strays.take(clear.ssrc)),
            }
            return;
        };
        self.note_path(self.inbound[at].number_id, &clear, arrived);
        let inbound = &mut self.inbound[at];
        let before = inbound.counts;
        if let Some(latency_ns) = inbound.take(&clear, arrived, &mut self.receiver) {
            happened.latencies_ns.push(latency_ns);
        }
        happened.received.step(&before, &inbound.counts);
        if inbound.counts.lost > before.lost {
            self.ask_keyframes(arrived.at_ns);
        }
    }

    /// Its transport-wide number will be reported on, if it has one.
    fn note_path(&mut self, id: u8, clear: &Clear, arrived: Arrived<'_>) {
        if id > 0
            && let Some(number) = number_of_extension(arrived.bytes, id)
        {
            self.path.take(number, arrived.at_ns, clear.ssrc);
        }
    }

    fn hear_rtcp(&mut self, bytes: &[u8], at_ns: u64, happened: &mut Happened) {
        let Ok(plain) = self.receiver.decrypt_rtcp(bytes) else {
            happened.received.unopened += 1;
            return;
        };
        let (inbound, outbound) = (&mut self.inbound, &mut self.outbound);
        feedback::told(&plain, |told| match told {
            Told::Sender { ssrc, ntp } => {
                if let Ok(at) = inbound.binary_search_by_key(&ssrc, |one| one.ssrc) {
                    inbound[at].hear_sender_report(ntp, at_ns);
                }
            }
            Told::Keyframe { ssrc } => {
                let is_ours = outbound.iter_mut().any(|one| one.want_keyframe(ssrc));
                happened.keyframes_asked += u64::from(is_ours);
            }
        });
    }

    /// Checks consent (RFC 7675), and gives whether it has just expired.
    pub(super) fn check_consent(&mut self, now_ns: u64) -> bool {
        // A refused send: the server is away for the moment; the expiry decides.
        let _ = self.socket.send(&self.ice.check());
        let is_expired = now_ns.saturating_sub(self.confirmed_ns) > CONSENT_EXPIRES_NS;
        is_expired && !self.lost.swap(true, Ordering::Relaxed)
    }

    /// Asks for the keyframes that are wanted.
    pub(super) fn ask_keyframes(&mut self, now_ns: u64) {
        let ssrc = self.ssrc;
        let mut compound = None;
        for inbound in &mut self.inbound {
            if inbound.ask_keyframe(now_ns) {
                let compound = compound.get_or_insert_with(|| Compound::receiver(ssrc, CNAME, Vec::new()));
                compound.ask_keyframe(ssrc, inbound.ssrc);
            }
        }
        if let Some(compound) = compound {
            self.send_rtcp(&compound);
        }
    }

    /// Receiver and sender reports, and keyframe requests that are still open.
    pub(super) fn report(&mut self, now_ns: u64, realtime_ns: u64) {
        let blocks: Vec<ReceptionReport> = self.inbound.iter_mut().filter_map(|one| one.report(now_ns)).collect();
        for some in blocks.chunks(BLOCKS_MAX) {
            self.send_rtcp(&Compound::receiver(self.ssrc, CNAME, some.to_vec()));
        }
        let reports: Vec<_> = self.outbound.iter().flat_map(|one| one.reports(now_ns, realtime_ns)).collect();
        for report in &reports {
            self.send_rtcp(report);
        }
        self.ask_keyframes(now_ns);
    }

    /// Whether its path is to be told of from here on, and was not before.
    pub(super) fn begins_to_tell(&mut self) -> bool {
        let tells = self.inbound.iter().any(|one| one.number_id > 0);
        tells && !std::mem::replace(&mut self.tells_path, tells)
    }

    /// Tells when packets came, as far as that is not told.
    pub(super) fn tell_path(&mut self) {
        while let Some(message) = self.path.message(self.ssrc) {
            self.send_rtcp(&Compound::of(&message));
        }
    }

    /// Sends the burst of a layer that is due, and gives when the next one is; `None` when the stream is gone.
    pub(super) fn burst(&mut self, stream: u32, layer: usize, now_ns: u64, sending: &mut Sending<'_>) -> Option<u64> {
        let outbound = self.outbound.iter_mut().find(|one| one.stream == stream)?;
        outbound.burst(layer, now_ns, &mut self.sender, &self.socket, sending)
    }

    /// Its socket cannot be used.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    pub(super) fn streams(&self) -> &[Inbound] {
        &self.inbound
    }

    fn send_rtcp(&mut self, compound: &Compound) {
        if let Ok(protected) = self.sender.encrypt_rtcp(compound.bytes()) {
            // Reports come every second; one that is lost is no loss.
            let _ = self.socket.send(&protected);
        }
    }
}

/// In reports of members that publish nothing.
const CNAME: &str = "loadgen";
