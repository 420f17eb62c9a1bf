//! How much video one transport's path takes at present, and what is left to wait for it.

use super::turn::{TurnPacket, Wish};
use crate::congestion::{Congestion, Pacer, Waiting};
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::room::Track;
use crate::subscriber::Subscriber;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

/// See the module. Where nobody can tell what the path carries, it takes all.
pub(super) struct Lane<'a> {
    pacer: Option<&'a mut Pacer>,
    now: Instant,
    video: u64,
    /// Bytes of the batch.
    pub(super) spent: u64,
}

impl<'a> Lane<'a> {
    #[inline]
    pub(super) fn of(congestion: Option<&'a mut Congestion>, now: Instant) -> Self {
        let pacer = congestion.map(|congestion| &mut congestion.pacer);
        let video = pacer.as_ref().map_or(u64::MAX, |pacer| if pacer.is_waiting() { 0 } else { pacer.allowance(now) });
        Self { pacer, now, video, spent: 0 }
    }

    /// How many bytes the batch may have when another packet of this kind is put into it.
    #[inline]
    pub(super) fn allowance(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Video => self.video,
            Kind::Audio => u64::MAX,
        }
    }

    /// Leaves packets of a wish to wait: those of the layers that its subscription follows.
    #[cold]
    pub(super) fn hold(
        &mut self,
        wish: &Wish,
        packets: &[TurnPacket],
        track: &Track,
        subscriber: &Subscriber,
        counters: &mut Counters,
    ) {
        let Some(pacer) = &mut self.pacer else { return };
        // What comes later stands behind.
        self.video = 0;
        for packet in packets.iter().filter(|p| subscriber.follows(p.layer)) {
            let Wish { subscription, id, .. } = *wish;
            if begins(packet, track, subscriber) {
                // What is left of the stream before would only keep the keyframe back.
                counters.drops.count_many(DropReason::WaitedTooLong, pacer.forget_others(id, packet.layer));
            }
            let waiting = Waiting { subscription, id, layer: packet.layer, first: packet.index, count: 1, since: self.now };
            match pacer.wait(waiting) {
                true => counters.packets_waited += 1,
                false => counters.drops.count(DropReason::PacerFull),
            }
        }
    }
}

/// Whether the packet is of a keyframe of the stream that a subscriber is to change to.
fn begins(packet: &TurnPacket, track: &Track, subscriber: &Subscriber) -> bool {
    let flowing = subscriber.mapping.flowing().map(|source| source.layer);
    let changes = flowing != Some(packet.layer) && subscriber.gate.layer() == Some(packet.layer);
    changes && track.layers[usize::from(packet.layer)].history.find(packet.index).is_some_and(|stored| stored.meta.keyframe)
}
