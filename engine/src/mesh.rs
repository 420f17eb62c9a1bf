//! The rings between shards: what one core tells another crosses here, and a shard that sleeps is woken for it.
//!
//! ```text
//! [core A] --poll_relay--> | ring A to B: length head body | length head body | ... | --handle_relay--> [core B]
//! [core A] <-handle_relay- | ring B to A                                            | <--poll_relay---- [core B]
//! ```
//!
//! One ring for each ordered pair of shards, single producer and single consumer, made at boot and never again: they outlive the
//! cores at their ends. A message is published by one store, so that a shard that panics leaves none by half. What it left unread is
//! taken out before its next life begins, whose core greets the others.
//!
//! **No wake-up is lost**, by the argument of [`crate::mailbox`]: the sleeper announces its sleep and then looks at its rings; the other
//! side writes and then looks at the announcement. The rings' own counters are not sequentially consistent, so a fence stands
//! between the two steps on either side. A shard that is awake costs its peers one load of a flag a turn, and is never woken.

use std::sync::atomic::{Ordering, fence};

use corelay_core::Core;
use corelay_core::relay::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Parcel, RingFull};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::config::limits;
use crate::mailbox::CommandSender;

/// In front of each message.
const LENGTH_BYTES: usize = size_of::<u16>();
/// The longest message without its length.
const MESSAGE_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

const _: () = assert!(MESSAGE_BYTES_MAX <= u16::MAX as usize, "a length is 16 bits");
const _: () = assert!(MESSAGE_BYTES_MAX * 16 <= limits::RELAY_RING_BYTES_MIN, "a ring holds several messages");

/// One shard's ends of the rings.
#[derive(Debug)]
pub(crate) struct Mesh {
    links: Vec<Link>,
    /// Whose ring is read first: none waits behind another that is busy.
    next: usize,
    /// A message that lies around the end of its ring, made whole.
    whole: Box<[u8; MESSAGE_BYTES_MAX]>,
}

/// The way to one other shard and back.
#[derive(Debug)]
struct Link {
    peer: ShardId,
    to: Producer<u8>,
    from: Consumer<u8>,
    waker: CommandSender,
    /// Something was written since the peer was woken last.
    is_fresh: bool,
}

impl Mesh {
    /// The meshes of all shards of a node, by id: `wakers` are the ways to wake them, in the same order.
    pub(crate) fn of_all(wakers: &[CommandSender]) -> Vec<Self> {
        let bytes = limits::relay_ring_bytes(wakers.len());
        let mut meshes: Vec<Self> = wakers.iter().map(|_| Self::new(wakers.len())).collect();
        for one in 0..wakers.len() {
            for other in 0..one {
                let (to_other, from_one) = RingBuffer::new(bytes);
                let (to_one, from_other) = RingBuffer::new(bytes);
                meshes[one].link(other, to_other, from_other, &wakers[other]);
                meshes[other].link(one, to_one, from_one, &wakers[one]);
            }
        }
        meshes
    }

    fn new(shards: usize) -> Self {
        Self { links: Vec::with_capacity(shards), next: 0, whole: Box::new([0; MESSAGE_BYTES_MAX]) }
    }

    fn link(&mut self, peer: usize, to: Producer<u8>, from: Consumer<u8>, waker: &CommandSender) {
        let peer = ShardId(u16::try_from(peer).expect("the number of shards is checked at boot"));
        self.links.push(Link { peer, to, from, waker: waker.clone(), is_fresh: false });
    }

    /// Before a life: what was meant for the one before is taken out.
    pub(crate) fn begin_life(&mut self) {
        for link in &mut self.links {
            let unread = link.from.slots();
            if let Ok(chunk) = link.from.read_chunk(unread) {
                chunk.commit_all();
            }
        }
    }

    /// Gives the core what the other shards told, a bounded part of it: [`Mesh::may_sleep`] knows of the rest.
    /// `most`: messages of each of them.
    pub(crate) fn receive(&mut self, core: &mut Core, now: Instant, most: usize) {
        if self.links.is_empty() {
            return;
        }
        let (before, after) = self.links.split_at_mut(self.next);
        for Link { peer, from, .. } in after.iter_mut().chain(before) {
            read(from, &mut self.whole, most, |message| core.handle_relay(now, *peer, message));
        }
        self.next = (self.next + 1) % self.links.len();
    }

    /// Takes what the core has for the other shards, and wakes those that sleep.
    pub(crate) fn send(&mut self, core: &mut Core, now: Instant) {
        if !core.has_relay_due() {
            return;
        }
        let links = &mut self.links;
        core.poll_relay(now, |parcel| {
            // A core that knows of more shards than there are would wait for them for ever.
            let Some(link) = links.iter_mut().find(|link| link.peer == parcel.to) else { return Ok(()) };
            link.is_fresh = true;
            write(&mut link.to, &parcel).map_err(|_| RingFull)
        });
        // After the writes, before the looks at the announcements.
        fence(Ordering::SeqCst);
        for link in self.links.iter_mut().filter(|link| link.is_fresh) {
            link.is_fresh = false;
            link.waker.nudge();
        }
    }

    /// Whether all rings are read. Asked after the sleep was announced.
    pub(crate) fn may_sleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.depth() == 0
    }

    /// Bytes that wait for this shard, in the fullest of its rings.
    pub(crate) fn depth(&self) -> usize {
        self.links.iter().map(|link| link.from.slots()).max().unwrap_or(0)
    }
}

fn write(ring: &mut Producer<u8>, parcel: &Parcel<'_>) -> Result<(), ChunkError> {
    let len = u16::try_from(parcel.head.len() + parcel.body.len()).expect("a head and a body have a longest");
    let mut chunk = ring.write_chunk(LENGTH_BYTES + usize::from(len))?;
    let (first, second) = chunk.as_mut_slices();
    let mut place = Place { first, second };
    for part in [&len.to_le_bytes()[..], parcel.head, parcel.body] {
        place = place.write(part);
    }
    chunk.commit_all();
    Ok(())
}

/// The two parts of a chunk that are yet to be written.
struct Place<'a> {
    first: &'a mut [u8],
    second: &'a mut [u8],
}

impl<'a> Place<'a> {
    /// `bytes` are no longer than both parts.
    fn write(self, bytes: &[u8]) -> Self {
        let Place { first, second } = self;
        let (head, tail) = bytes.split_at(bytes.len().min(first.len()));
        let (written, first) = first.split_at_mut(head.len());
        written.copy_from_slice(head);
        let (written, second) = second.split_at_mut(tail.len());
        written.copy_from_slice(tail);
        Place { first, second }
    }
}

/// Gives `take` what is in the ring, at most `most` and [`limits::RELAY_MESSAGES_PER_TURN_MAX`] messages, and then frees their place.
fn read(ring: &mut Consumer<u8>, whole: &mut [u8; MESSAGE_BYTES_MAX], most: usize, mut take: impl FnMut(&[u8])) {
    let available = ring.slots();
    if available == 0 {
        return;
    }
    let Ok(chunk) = ring.read_chunk(available) else { return };
    let (first, second) = chunk.as_slices();
    let contents = Contents { first, second };
    let mut at = 0;
    for _ in 0..limits::RELAY_MESSAGES_PER_TURN_MAX.min(most) {
        if at >= available {
            break;
        }
        let mut length = [0; LENGTH_BYTES];
        let length = contents.get(at, LENGTH_BYTES, &mut length);
        let len = usize::from(u16::from_le_bytes(length.try_into().expect("LENGTH_BYTES is what it takes")));
        take(contents.get(at + LENGTH_BYTES, len, &mut whole[..]));
        at += LENGTH_BYTES + len;
    }
    chunk.commit(at);
}

/// What is in a ring.
struct Contents<'a> {
    first: &'a [u8],
    second: &'a [u8],
}

impl<'a> Contents<'a> {
    /// The bytes from `at` on, in place or, where they lie around the end of the ring, in `whole`.
    fn get<'b>(&self, at: usize, len: usize, whole: &'b mut [u8]) -> &'b [u8]
    where
        'a: 'b,
    {
        let end = at + len;
        let split = self.first.len();
        if end <= split {
            return &self.first[at..end];
        }
        if at >= split {
            return &self.second[at - split..end - split];
        }
        let (head, tail) = whole[..len].split_at_mut(split - at);
        head.copy_from_slice(&self.first[at..]);
        tail.copy_from_slice(&self.second[..end - split]);
        &whole[..len]
    }
}

#[cfg(test)]
mod tests;
