//! What a relayed packet costs the shard that it leaves and the shard that it reaches, without the ring and the forwarding.
//!
//! `cargo run --release -p corelay-sim --example relay_cost`: a camera of nine packets a frame, one subscriber on another shard. Each figure
//! is the median of rounds, the clock's own cost (two readings for the packets of a frame) included.

use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_core::relay::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use corelay_sim::shards::Shards;
use corelay_sim::{Source, World};
use corelay_wire::media::Codec;
use std::io::Write;
use std::time::Instant;

const ROUNDS: usize = 15;
/// Well within the time after which a silent peer's consent would expire.
const FRAMES: usize = 500;
const PACKETS_PER_FRAME: u32 = 9;
const FRAME: Duration = Duration::from_millis(40);

fn main() -> std::io::Result<()> {
    let mut rounds: Vec<[f64; 2]> = (0..ROUNDS).map(|seed| round(seed as u64)).collect();
    let mut out = std::io::stdout().lock();
    for (at, what) in [(0, "leaving (poll_relay, copied out)"), (1, "reaching (handle_relay)")] {
        rounds.sort_by(|a, b| a[at].total_cmp(&b[at]));
        let (least, median, most) = (rounds[0][at], rounds[ROUNDS / 2][at], rounds[ROUNDS - 1][at]);
        writeln!(out, "{what}: {median:.0} ns a packet ({least:.0} to {most:.0})")?;
    }
    Ok(())
}

/// Nanoseconds per packet on either shard.
fn round(seed: u64) -> [f64; 2] {
    let mut world = World::with_shards(seed, 2);
    let (alice, bob) = (world.join_on(0), world.join_on(1));
    let mut video = Source::new(Codec::Vp8, 11);
    video.packets_per_frame = PACKETS_PER_FRAME;
    let track = world.publish(alice, video);
    world.subscribe(bob, track, 11);
    world.run_until_connected(Duration::from_secs(5));
    world.run(Duration::from_secs(2));
    let (mut now, mut packets, mut spent) = (world.now(), 0usize, [Duration::ZERO; 2]);
    let mut ring = vec![[0u8; HEAD_BYTES_MAX + BODY_BYTES_MAX]; 64];
    let mut lens = Vec::with_capacity(ring.len());
    let (from, address) = (world.shards.id(0), world.peers[alice.0].address);
    for _ in 0..FRAMES {
        now = now + FRAME;
        for packet in world.peers[alice.0].sources[0].frame(now, true) {
            let mut bytes = world.peers[alice.0].seal(&packet).expect("connected");
            let local = Shards::address(0).ip();
            world.core.handle_datagram(now, Datagram { source: address, local, received: now, bytes: &mut bytes });
        }
        lens.clear();
        let start = Instant::now();
        world.core.poll_relay(now, |parcel| {
            let message = &mut ring[lens.len()];
            message[..parcel.head.len()].copy_from_slice(parcel.head);
            message[parcel.head.len()..][..parcel.body.len()].copy_from_slice(parcel.body);
            lens.push(parcel.head.len() + parcel.body.len());
            Ok(())
        });
        spent[0] += start.elapsed();
        packets += lens.len();
        let start = Instant::now();
        for (message, len) in ring.iter().zip(&lens) {
            world.core_of(1).handle_relay(now, from, &message[..*len]);
        }
        spent[1] += start.elapsed();
        for shard in 0..2 {
            while world.core_of(shard).poll_transmit(now).is_some() {}
            while world.core_of(shard).poll_event().is_some() {}
        }
    }
    spent.map(|time| time.as_nanos() as f64 / packets as f64)
}
