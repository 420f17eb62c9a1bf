//! Messages around the end of a ring, full rings, restarts, and wake-ups under stress.

use std::time::{Duration, Instant as WallInstant};

use corelay_uring::waker::Waker;

use super::*;
use crate::mailbox::{CommandReceiver, Sleep, command_mailbox};

fn ring(bytes: usize) -> (Producer<u8>, Consumer<u8>) {
    RingBuffer::new(bytes)
}

/// A message of `len` bytes that tells its number.
fn put(ring: &mut Producer<u8>, number: u8, len: usize) -> Result<(), ChunkError> {
    let head = [number; 3];
    let body = vec![number; len - head.len()];
    write(ring, &Parcel { to: ShardId(1), head: &head, body: &body })
}

fn take_all(ring: &mut Consumer<u8>) -> Vec<Vec<u8>> {
    take(ring, usize::MAX)
}

fn take(ring: &mut Consumer<u8>, most: usize) -> Vec<Vec<u8>> {
    let mut got = Vec::new();
    read(ring, &mut [0; MESSAGE_BYTES_MAX], most, |message| got.push(message.to_vec()));
    got
}

#[test]
fn messages_cross_whole_wherever_the_ring_ends() {
    for bytes in 500..600 {
        let (mut to, mut from) = ring(bytes);
        for round in 0..40u8 {
            let sent: Vec<(u8, usize)> = [(round, 3), (round + 100, 97), (round, usize::from(round) + 20)].into();
            for (number, len) in &sent {
                put(&mut to, *number, *len).expect("there is room");
            }
            let expected: Vec<Vec<u8>> = sent.iter().map(|(number, len)| vec![*number; *len]).collect();
            assert_eq!(take_all(&mut from), expected);
        }
    }
}

#[test]
fn a_full_ring_refuses_a_message_whole_and_takes_a_shorter_one() {
    let (mut to, mut from) = ring(300);
    put(&mut to, 1, 200).expect("there is room");
    assert!(put(&mut to, 2, 100).is_err());
    put(&mut to, 3, 50).expect("there is room for this one");
    assert_eq!(take_all(&mut from), [vec![1; 200], vec![3; 50]]);
    put(&mut to, 2, 100).expect("there is room again");
}

#[test]
fn a_turn_takes_a_bounded_number_of_messages() {
    let (mut to, mut from) = ring(1 << 20);
    let sent = limits::RELAY_MESSAGES_PER_TURN_MAX + 5;
    for _ in 0..sent {
        put(&mut to, 1, 10).expect("there is room");
    }
    assert_eq!(take_all(&mut from).len(), limits::RELAY_MESSAGES_PER_TURN_MAX);
    assert_eq!(take(&mut from, 2).len(), 2);
    assert_eq!(take_all(&mut from).len(), 3);
    assert!(take_all(&mut from).is_empty());
}

/// Meshes of `count` shards and their mailboxes.
fn meshes(count: usize) -> (Vec<Mesh>, Vec<CommandReceiver>) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| command_mailbox()).unzip();
    (Mesh::of_all(&senders), receivers)
}

#[test]
fn each_pair_of_shards_has_a_ring_each_way() {
    let (mut meshes, _receivers) = meshes(3);
    for from in 0..3u16 {
        for link in &mut meshes[usize::from(from)].links {
            let to = link.peer;
            put(&mut link.to, (from * 10 + to.0) as u8, 3).expect("there is room");
        }
    }
    for (to, mesh) in meshes.iter_mut().enumerate() {
        assert!(!mesh.may_sleep() && mesh.depth() == LENGTH_BYTES + 3);
        for link in &mut mesh.links {
            let expected = (usize::from(link.peer.0) * 10 + to) as u8;
            assert_eq!(take_all(&mut link.from), [[expected; 3]], "from {} to {to}", link.peer);
        }
        assert!(mesh.may_sleep());
    }
}

#[test]
fn a_life_begins_with_empty_rings() {
    let (mut meshes, _receivers) = meshes(2);
    for number in 0..7 {
        put(&mut meshes[0].links[0].to, number, 100).expect("there is room");
    }
    meshes[1].begin_life();
    assert!(meshes[1].may_sleep());
    put(&mut meshes[0].links[0].to, 9, 5).expect("there is room");
    assert_eq!(take_all(&mut meshes[1].links[0].from), [[9; 5]]);
}

/// Sleeps on a waker as a back-end does. A lost wake-up shows as a sleep of this length.
fn sleep_on(waker: &Waker) {
    let deadline = WallInstant::now() + Duration::from_secs(20);
    while !waker.take() {
        assert!(WallInstant::now() < deadline, "a wake-up was lost");
        std::thread::yield_now();
    }
}

/// The same two steps on either side as in a shard's turn, without the cores.
#[test]
fn no_wake_up_is_lost_and_no_message_either() {
    const MESSAGES: usize = 30_000;
    let (mut meshes, mut receivers) = meshes(2);
    let waker = Waker::new().expect("a descriptor is free");
    receivers[1].set_waker(waker.clone());
    let (mut reader, mut writer) = (meshes.pop().expect("two"), meshes.pop().expect("two"));
    let mut receiver = receivers.pop().expect("two");
    let writing = std::thread::spawn(move || {
        let link = &mut writer.links[0];
        let mut woken = 0u64;
        for n in 0..MESSAGES {
            while put(&mut link.to, n as u8, 40).is_err() {
                std::thread::yield_now();
            }
            fence(Ordering::SeqCst);
            woken += u64::from(link.waker.nudge());
        }
        woken
    });
    let (mut got, mut slept) = (0, 0u64);
    while got < MESSAGES {
        if receiver.may_sleep(Sleep::Deep) && reader.may_sleep() {
            sleep_on(&waker);
            slept += 1;
        }
        receiver.awake();
        for message in take_all(&mut reader.links[0].from) {
            assert_eq!(message, [got as u8; 40], "in order and whole");
            got += 1;
        }
    }
    let woken = writing.join().expect("the writer ends");
    assert!(woken >= slept, "each sleep was ended by a wake-up: {woken} for {slept}");
}

#[test]
fn a_shard_that_is_awake_is_not_woken_and_one_that_sleeps_once() {
    let (mut meshes, mut receivers) = meshes(2);
    let waker = Waker::new().expect("a descriptor is free");
    receivers[1].set_waker(waker.clone());
    let link = &mut meshes[0].links[0];
    assert!(!link.waker.nudge() && !waker.take());
    assert!(receivers[1].may_sleep(Sleep::Deep));
    assert!(link.waker.nudge() && !link.waker.nudge());
    assert!(waker.take() && !waker.take());
}
