//! A packet's way from one shard to another: told by the one, copied once, taken in by the other. The forwarding that follows is no part.

use crate::call::datagram;
use crate::publisher::Publisher;
use crate::scene::{Media, PACKETS_PER_PICTURE};
use core::time::Duration;
use corelay_core::limits::Limits;
use corelay_sim::{PeerId, Source, World, prearranged};

/// Packets of a turn: fewer than a layer's history holds.
pub(super) const PACKETS: usize = 18 * PACKETS_PER_PICTURE;
const TAG: u32 = 1;

/// A publisher on one shard, a subscriber on another.
pub(super) struct Relay {
    world: World,
    publisher: Publisher,
    publishing: PeerId,
    /// Messages, each behind its length, end to end.
    ring: Vec<u8>,
}

impl Relay {
    /// A track that flows over both.
    pub(super) fn connect() -> Self {
        let mut world = World::with_dtls(1, Limits { shards: 2, ..Limits::default() }, prearranged::aead_128);
        let (publishing, subscribing) = (world.join_on(0), world.join_on(1));
        world.run_until_connected(Duration::from_secs(60));
        let mut source = Source::new(Media::Video.codec(), TAG);
        source.silent = true;
        let publisher = Publisher::new(&source, Media::Video);
        let track = world.publish(publishing, source);
        world.subscribe(subscribing, track, TAG);
        world.run(Duration::from_millis(100));
        Self { world, publisher, publishing, ring: Vec::with_capacity(PACKETS * 1_500) }
    }

    /// What was relayed leaves, time passes, and the publisher's next packets come in.
    pub(super) fn prepare(&mut self) {
        let now = self.world.now();
        for shard in 0..2 {
            while self.world.core_of(shard).poll_transmit(now).is_some() {}
        }
        self.world.run(Duration::from_millis(10));
        let now = self.world.now();
        let address = self.world.peer(self.publishing).address;
        for _ in 0..PACKETS {
            let packet = self.publisher.packet();
            let mut sealed = self.world.peer(self.publishing).seal(&packet).expect("the publisher is connected");
            self.world.core_of(0).handle_datagram(now, datagram(now, address, &mut sealed));
        }
    }

    /// From the history of the one to that of the other.
    pub(super) fn work(&mut self) {
        let Self { world, ring, .. } = self;
        let (now, home) = (world.now(), world.shards.id(0));
        ring.clear();
        world.core_of(0).poll_relay(now, |parcel| {
            ring.extend_from_slice(&((parcel.head.len() + parcel.body.len()) as u32).to_be_bytes());
            ring.extend_from_slice(parcel.head);
            ring.extend_from_slice(parcel.body);
            Ok(())
        });
        let (away, mut rest) = (world.core_of(1), &ring[..]);
        while let Some((len, behind)) = rest.split_first_chunk::<4>() {
            let (message, behind) = behind.split_at(u32::from_be_bytes(*len) as usize);
            away.handle_relay(now, home, message);
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_crosses() {
        let mut relay = Relay::connect();
        for _ in 0..3 {
            let before = relay.world.counters(1).relayed_in;
            relay.prepare();
            relay.work();
            assert_eq!(relay.world.counters(1).relayed_in - before, PACKETS as u64);
        }
    }
}
