//! Wake-ups under stress, and what happens when a mailbox is full.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use corelay_core::control::{Event, Reply, RoomEndReason, TransportState};
use corelay_wire::ids::{RequestId, RoomId, ShardId, TransportId};

use super::*;
use crate::events::Events;

fn ping(n: u64) -> Command {
    Command::Ping { request: RequestId(n) }
}

fn reply(n: u64) -> Event {
    Event::Reply { request: RequestId(n), result: Ok(Reply::Done) }
}

fn number(event: &Event) -> u64 {
    match event {
        Event::Reply { request, .. } => request.0,
        other => panic!("not a reply: {other:?}"),
    }
}

/// Sleeps on a waker as a back-end does. A lost wake-up shows as a sleep of this length.
fn sleep_on(waker: &Waker) {
    let mut woken = false;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !woken {
        assert!(Instant::now() < deadline, "a wake-up was lost");
        woken = waker.take();
        std::thread::yield_now();
    }
}

#[test]
fn no_wake_up_of_a_shard_is_lost() {
    const COMMANDS: u64 = 20_000;
    const SENDERS: u64 = 2;
    let (sender, mut receiver) = command_mailbox();
    let waker = Waker::new().expect("a descriptor is free");
    receiver.set_waker(waker.clone());
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for n in 0..COMMANDS {
                    while sender.send(ping(n)).is_err() {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut got = 0;
    while got < COMMANDS * SENDERS {
        if receiver.may_sleep() {
            sleep_on(&waker);
            receiver.awake();
        }
        while receiver.next().is_some() {
            got += 1;
        }
    }
    for sender in senders {
        sender.join().expect("the sender ends");
    }
}

#[test]
fn no_wake_up_of_signaling_is_lost_and_no_event_either() {
    const EVENTS: u64 = 50_000;
    let bell = Bell::new().expect("a descriptor is free");
    let (mut outbox, inbox) = event_mailbox(bell.clone());
    let (sender, mut receiver) = command_mailbox();
    let shard_waker = Waker::new().expect("a descriptor is free");
    receiver.set_waker(shard_waker.clone());
    let shard = std::thread::spawn(move || {
        // Until at most `left` events are aside: a shard that went on would drop them in the end, this one sleeps.
        let mut make_room = move |outbox: &mut EventOutbox, left: usize| {
            while outbox.spilled.len() > left {
                if receiver.may_sleep() && !outbox.can_refill() {
                    sleep_on(&shard_waker);
                }
                receiver.awake();
                outbox.flush();
            }
        };
        for n in 0..EVENTS {
            make_room(&mut outbox, 8);
            outbox.push(reply(n));
            outbox.flush();
        }
        make_room(&mut outbox, 0);
        outbox.dropped()
    });
    let mut events = Events::new(bell.clone(), vec![(ShardId(0), inbox, sender)]);
    let mut expected = 0;
    while expected < EVENTS {
        sleep_on(bell.waker());
        events.clear_wake();
        while let Some((shard, event)) = events.try_next() {
            assert_eq!((shard, number(&event)), (ShardId(0), expected));
            expected += 1;
        }
    }
    assert_eq!(shard.join().expect("the shard ends"), EventDrops::default());
    assert!(events.as_fd().try_clone_to_owned().is_ok());
}

#[test]
fn a_full_mailbox_gives_the_command_back_and_says_what_to_do() {
    let (sender, mut receiver) = command_mailbox();
    for n in 0..limits::COMMANDS_QUEUED_MAX as u64 {
        sender.send(ping(n)).expect("there is room");
    }
    let error = sender.send(ping(77)).expect_err("it is full");
    assert!(matches!(*error.0, Command::Ping { request: RequestId(77) }));
    assert!(error.to_string().contains("try again"), "{error}");
    assert_eq!(receiver.refused(), 1);
    assert!(receiver.next().is_some());
    sender.send(ping(78)).expect("there is room again");
}

#[test]
fn a_stop_and_a_queued_command_keep_a_shard_awake() {
    let (sender, mut receiver) = command_mailbox();
    assert!(receiver.may_sleep());
    receiver.awake();
    sender.send(ping(0)).expect("there is room");
    assert!(!receiver.may_sleep());
    assert!(receiver.next().is_some());
    sender.stop();
    assert!(!receiver.may_sleep() && receiver.is_stopped());
}

#[test]
fn events_that_nobody_reads_spill_and_then_drop_by_kind() {
    let (mut outbox, inbox) = event_mailbox(Bell::new().expect("a descriptor is free"));
    let held = (limits::EVENTS_QUEUED_MAX + limits::EVENTS_SPILLED_MAX) as u64;
    for n in 0..held + 3 {
        outbox.push(reply(n));
    }
    outbox.push(Event::RoomEnded { room: RoomId(1), reason: RoomEndReason::ShardRestarted });
    outbox.flush();
    assert_eq!(outbox.dropped().total(EventKind::Reply), 3);
    assert_eq!(outbox.dropped().total(EventKind::RoomEnded), 1);
    assert_eq!(outbox.dropped().iter().map(|(_, n)| n).sum::<u64>(), 4);
    assert!(inbox.take_spilled() && !inbox.take_spilled(), "the shard asks once");
    let mut next = 0;
    while next < held {
        while let Some(event) = inbox.next() {
            assert_eq!(number(&event), next, "the order holds across the spill");
            next += 1;
        }
        outbox.flush();
    }
}

#[test]
fn kinds_are_in_the_order_of_their_discriminants() {
    for (index, kind) in EventKind::ALL.iter().enumerate() {
        assert_eq!(*kind as usize, index);
        assert!(!kind.label().is_empty());
    }
}

fn state(transport: u64, state: TransportState) -> Event {
    Event::TransportState { transport: TransportId(transport), state }
}

#[test]
fn what_nobody_waits_for_comes_with_the_next_event_and_old_states_are_not_told() {
    let (mut outbox, inbox) = event_mailbox(Bell::new().expect("a descriptor is free"));
    outbox.push(state(1, TransportState::Checking));
    outbox.push(state(1, TransportState::Connecting));
    outbox.push(state(2, TransportState::Checking));
    outbox.flush();
    assert!(inbox.next().is_none(), "nobody is woken for it");
    outbox.push(state(1, TransportState::Disconnected));
    outbox.flush();
    let told: Vec<_> = std::iter::from_fn(|| inbox.next()).collect();
    let of_two =
        |event: &Event| matches!(event, Event::TransportState { transport: TransportId(2), state: TransportState::Checking });
    let of_one =
        |event: &Event| matches!(event, Event::TransportState { transport: TransportId(1), state: TransportState::Disconnected });
    assert!(told.len() == 2 && of_two(&told[0]) && of_one(&told[1]), "{told:?}");
    outbox.push(state(2, TransportState::Connecting));
    outbox.hurry();
    outbox.flush();
    assert!(inbox.next().is_some() && outbox.len() == 0);
}
