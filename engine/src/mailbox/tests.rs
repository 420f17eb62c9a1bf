//! Wake-ups under stress, and what happens when a mailbox is full.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use corelay_core::control::{Event, Reply, RoomEndReason, SrtpProfile, TransportState};
use corelay_wire::ids::{RequestId, RoomId, ShardId, TransportId};
use corelay_wire::units;

use super::*;
use crate::events::Events;

const NOW: units::Instant = units::Instant::from_millis(1_000);

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
        if receiver.may_sleep(Sleep::Deep) {
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
                if receiver.may_sleep(Sleep::Deep) && !outbox.can_refill() {
                    sleep_on(&shard_waker);
                }
                receiver.awake();
                outbox.flush(NOW);
            }
        };
        for n in 0..EVENTS {
            make_room(&mut outbox, 8);
            outbox.push(NOW, reply(n));
            outbox.flush(NOW);
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
    assert!(receiver.may_sleep(Sleep::Deep));
    receiver.awake();
    sender.send(ping(0)).expect("there is room");
    assert!(!receiver.may_sleep(Sleep::Deep));
    assert!(receiver.next().is_some());
    sender.stop();
    assert!(!receiver.may_sleep(Sleep::Deep) && receiver.is_stopped());
}

#[test]
fn events_that_nobody_reads_spill_and_then_drop_by_kind() {
    let (mut outbox, inbox) = event_mailbox(Bell::new().expect("a descriptor is free"));
    let held = (limits::EVENTS_QUEUED_MAX + limits::EVENTS_SPILLED_MAX) as u64;
    for n in 0..held + 3 {
        outbox.push(NOW, reply(n));
    }
    outbox.push(NOW, Event::RoomEnded { room: RoomId(1), reason: RoomEndReason::ShardRestarted });
    outbox.flush(NOW);
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
        outbox.flush(NOW);
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

fn told(inbox: &EventInbox) -> Vec<(u64, TransportState)> {
    let told = std::iter::from_fn(|| inbox.next());
    let state = |event| match event {
        Event::TransportState { transport, state } => Some((transport.0, state)),
        _ => None,
    };
    told.filter_map(state).collect()
}

#[test]
fn steps_are_told_late_and_not_at_all_when_there_is_a_later_one() {
    let (mut outbox, inbox) = event_mailbox(Bell::new().expect("a descriptor is free"));
    outbox.push(NOW, state(1, TransportState::Checking));
    outbox.push(NOW, state(1, TransportState::Connecting));
    outbox.push(NOW, state(2, TransportState::Checking));
    outbox.push(NOW, state(1, TransportState::Disconnected));
    outbox.push(NOW, reply(7));
    outbox.flush(NOW);
    assert_eq!(told(&inbox), [(1, TransportState::Disconnected)]);
    outbox.push(NOW, state(2, TransportState::Connecting));
    outbox.hurry();
    outbox.flush(NOW);
    assert_eq!(told(&inbox), [(2, TransportState::Connecting)]);
    assert!(outbox.len() == 0 && outbox.due().is_none());
}

#[test]
fn a_connection_is_told_with_the_next_answer_or_soon() {
    let (mut outbox, inbox) = event_mailbox(Bell::new().expect("a descriptor is free"));
    let connected = TransportState::Connected {
        after: Duration::from_millis(9),
        profile: SrtpProfile::AeadAes128Gcm,
        remote: "127.0.0.1:9".parse().expect("an address"),
    };
    outbox.push(NOW, state(1, connected));
    outbox.flush(NOW);
    assert!(inbox.next().is_none(), "nobody is woken for it");
    outbox.push(NOW, state(1, TransportState::Closed));
    outbox.flush(NOW);
    assert_eq!(told(&inbox), [(1, connected), (1, TransportState::Closed)], "none is left out, and in order");
    outbox.push(NOW, state(2, connected));
    let due = outbox.due().expect("it is told soon");
    outbox.flush(due);
    assert_eq!(told(&inbox), [(2, connected)]);
    assert!(outbox.len() == 0 && outbox.due().is_none());
}

#[test]
fn what_can_wait_wakes_a_light_sleeper_only_and_a_full_mailbox_wakes() {
    let (sender, mut receiver) = command_mailbox();
    let waker = Waker::new().expect("a descriptor is free");
    receiver.set_waker(waker.clone());
    let open = || Command::OpenRoom { room: RoomId(1) };
    assert!(receiver.may_sleep(Sleep::Deep));
    sender.send(open()).expect("there is room");
    assert!(!waker.take(), "it can wait");
    sender.send(ping(1)).expect("there is room");
    assert!(waker.take());
    assert!(!receiver.may_sleep(Sleep::Deep), "what can wait is carried out before a sleep");
    while receiver.next().is_some() {}
    assert!(receiver.may_sleep(Sleep::Light));
    sender.send(open()).expect("there is room");
    assert!(waker.take());
    receiver.awake();
    while receiver.next().is_some() {}
    assert!(receiver.may_sleep(Sleep::Deep));
    for _ in 0..limits::COMMANDS_QUEUED_MAX {
        sender.send(open()).expect("there is room");
    }
    assert!(!waker.take() && sender.send(open()).is_err() && waker.take());
}
