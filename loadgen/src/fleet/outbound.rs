//! One published stream in its thread.

use super::clock;
use super::feedback::Compound;
use super::happened::Sending;
use crate::stream::trail::Trails;
use crate::stream::{Layer, Numbers, StreamPlan};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use webrtc_srtp::context::Context as SrtpContext;

/// How often a paused stream looks whether it goes on. More often: it goes on sooner, and hundreds of silent publishers keep the thread
/// busy.
const PAUSED_LOOK_NS: u64 = 50_000_000;

/// What the handle of a published stream sees and says.
#[derive(Default)]
pub(super) struct PublishedCells {
    pub(super) packets: AtomicU64,
    pub(super) paused: AtomicBool,
}

/// A stream that goes out.
pub(super) struct Outbound {
    pub(super) stream: u32,
    layers: Vec<Layer>,
    cname: String,
    cells: Arc<PublishedCells>,
    trails: Arc<Trails>,
    was_paused: bool,
}

impl Outbound {
    pub(super) fn new(
        plan: &StreamPlan,
        numbers: &Numbers,
        stream: u32,
        trails: Arc<Trails>,
        cells: Arc<PublishedCells>,
    ) -> Result<Self, String> {
        let layers = Layer::all(plan, numbers, stream, clock::monotonic_ns())?;
        if let Some(trail) = layers.first().and_then(Layer::trail) {
            trails.insert(stream, Arc::clone(trail));
        }
        let cname = if numbers.cname.is_empty() { "loadgen".to_owned() } else { numbers.cname.clone() };
        Ok(Self { stream, layers, cname, cells, trails, was_paused: false })
    }

    /// When each layer's first burst is due.
    pub(super) fn first_dues_ns(&self) -> impl Iterator<Item = u64> {
        self.layers.iter().map(Layer::first_due_ns)
    }

    /// A keyframe was asked for; `false` when this SSRC is not of this stream.
    pub(super) fn want_keyframe(&mut self, ssrc: u32) -> bool {
        let layer = self.layers.iter_mut().find(|layer| layer.ssrc == ssrc);
        layer.is_some_and(|layer| {
            layer.want_keyframe();
            true
        })
    }

    /// Sends what is due, and gives when the next burst is.
    pub(super) fn burst(
        &mut self,
        layer: usize,
        now_ns: u64,
        keys: &mut SrtpContext,
        socket: &UdpSocket,
        sending: &mut Sending<'_>,
    ) -> Option<u64> {
        let is_paused = self.cells.paused.load(Ordering::Relaxed);
        if self.was_paused && !is_paused {
            self.layers.iter_mut().for_each(Layer::want_keyframe);
        }
        self.was_paused = is_paused;
        let layer = self.layers.get_mut(layer)?;
        if is_paused {
            return Some(layer.pass(now_ns + PAUSED_LOOK_NS));
        }
        let before = sending.happened.sent_packets;
        let next_ns = layer.burst(now_ns, clock::monotonic_ns, |packet| {
            let Ok(protected) = keys.encrypt_rtp(packet.bytes) else {
                sending.happened.sent_refused += 1;
                return;
            };
            if !sending.run.takes(protected.len()) {
                flush(socket, sending);
            }
            sending.run.push(&protected);
            sending.happened.sent_bytes += protected.len() as u64;
            if packet.ends_burst {
                flush(socket, sending);
            }
        });
        self.cells.packets.fetch_add(sending.happened.sent_packets - before, Ordering::Relaxed);
        Some(next_ns)
    }

    /// A sender report of each layer that has sent something.
    pub(super) fn reports(&self, now_ns: u64, realtime_ns: u64) -> impl Iterator<Item = Compound> {
        let started = self.layers.iter().filter(|layer| layer.sent_packets > 0);
        started.map(move |layer| {
            let timestamp = layer.timestamp_at(now_ns);
            Compound::sender(layer.ssrc, &self.cname, realtime_ns, timestamp, layer.sent_packets, layer.sent_octets)
        })
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.trails.end(self.stream);
    }
}

fn flush(socket: &UdpSocket, sending: &mut Sending<'_>) {
    let (sent, all) = sending.run.send(socket, sending.gso);
    sending.happened.sent_packets += sent as u64;
    sending.happened.sent_refused += (all - sent) as u64;
}
