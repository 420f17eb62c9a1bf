//! A node on loopback, over both back-ends: it boots, answers, refuses strangers, stops.

#[path = "common/nodes.rs"]
mod nodes;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use aws_lc_rs::hmac;
use corelay_core::drop_reason::DropReason;
use corelay_engine::config::{Config, limits};
use corelay_engine::control::{Command, FingerprintAlgorithm};
use corelay_engine::ports::PortError;
use corelay_engine::{BootError, EventKind, Node};
use corelay_wire::ids::{RequestId, ShardId};
use corelay_wire::stun::{Class, Message, MessageWriter, Method, TransactionId};
use nodes::{PATIENCE, backends, client, config, start};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A connectivity check (RFC 8445 section 7.2.2) for `username`, its tag made by `hmac`.
fn check(username: &str, hmac: impl FnOnce(&[u8]) -> [u8; 20]) -> Vec<u8> {
    let mut message = vec![0; 200];
    let len = MessageWriter::new(&mut message, Class::Request, Method::BINDING, TransactionId(*b"transaction!"))
        .username(username)
        .priority(1)
        .ice_controlling(7)
        .use_candidate()
        .finish_with_integrity(hmac)
        .expect("it fits");
    message.truncate(len);
    message
}

/// A check by someone who does not know the password.
fn forged_check(username: &str) -> Vec<u8> {
    check(username, |_| [0xAB; 20])
}

#[test]
fn a_node_boots_and_every_shard_answers() {
    for backend in backends() {
        let mut node = start(backend, 2);
        assert_eq!(node.node.shards().len(), 2);
        assert_ne!(node.address(0), node.address(1));
        assert_eq!(node.node.fingerprint().algorithm, FingerprintAlgorithm::Sha256);
        assert_eq!(node.node.shards()[0].backend, format!("{backend:?}").to_lowercase());
        for round in 0..3 {
            for shard in 0..2 {
                node.ping(shard, round * 2 + u64::from(shard));
            }
        }
        node.node.shutdown();
    }
}

#[test]
fn a_transport_has_credentials_of_its_own() {
    for backend in backends() {
        let mut node = start(backend, 1);
        let (first, second) = (node.open_transport(0, 1), node.open_transport(0, 2));
        assert!(first.ufrag != second.ufrag && first.password != second.password);
        // RFC 8839 section 5.4: at least 4 and 22 characters.
        assert!(first.ufrag.len() >= 4 && first.password.len() >= 22);
        let snapshot = node.snapshot(0, |s| s.core.transports == 2);
        assert_eq!((snapshot.core.rooms, snapshot.core.participants), (2, 2));
        assert!(snapshot.commands >= 6 && snapshot.turns > 0 && !snapshot.turn_time_ns.is_empty());
        assert!(snapshot.posted_at <= node.node.now());
    }
}

#[test]
fn a_forged_check_gets_no_answer_and_is_counted() {
    for backend in backends() {
        let mut node = start(backend, 1);
        let ice = node.open_transport(0, 1);
        let client = client(LOOPBACK, PATIENCE);
        client.connect(node.address(0)).expect("loopback is there");
        client.send(&forged_check(&format!("{}:peer", ice.ufrag))).expect("it is sent");
        client.send(&[0xFF; 40]).expect("it is sent");
        let snapshot = node
            .snapshot(0, |s| s.core.drops.total(DropReason::StunBadIntegrity) == 1 && s.core.drops.total(DropReason::NotOurs) == 1);
        assert_eq!((snapshot.core.datagrams_in, snapshot.core.datagrams_out), (2, 0));
        client.set_nonblocking(true).expect("it can be told");
        assert!(client.recv(&mut [0; 100]).is_err(), "nothing was sent, so nothing came");
    }
}

#[test]
fn a_check_with_the_password_is_answered_from_the_shards_port() {
    for backend in backends() {
        let mut node = start(backend, 2);
        for shard in 0..2 {
            let ice = node.open_transport(shard, 1 + u64::from(shard));
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, ice.password.as_bytes());
            let tag = |input: &[u8]| hmac::sign(&key, input).as_ref().try_into().expect("SHA-1 has 20 bytes");
            let client = client(LOOPBACK, PATIENCE);
            client.send_to(&check(&format!("{}:peer", ice.ufrag), tag), node.address(shard)).expect("it is sent");
            let mut answer = [0; 200];
            let (len, from) = client.recv_from(&mut answer).expect("the shard answers");
            assert_eq!(from, node.address(shard));
            let answer = Message::parse(&answer[..len]).expect("it is STUN");
            assert_eq!((answer.class, answer.transaction), (Class::Success, TransactionId(*b"transaction!")));
            assert_eq!(answer.mapped_address, client.local_addr().ok());
            let snapshot = node.snapshot(shard, |s| s.core.datagrams_out == 1);
            assert_eq!((snapshot.run_length.max(), snapshot.send_calls, snapshot.packets_refused), (1, 1, 0));
        }
    }
}

#[test]
fn a_shard_goes_on_when_nobody_reads_its_events() {
    for backend in backends() {
        let mut node = start(backend, 1);
        let ice = node.open_transport(0, 1);
        let held = limits::EVENTS_QUEUED_MAX + limits::EVENTS_SPILLED_MAX;
        for n in 0..held as u64 + 100 {
            let mut command = Command::Ping { request: RequestId(1_000 + n) };
            while let Err(full) = node.node.send(ShardId(0), command) {
                command = *full.0;
                std::thread::yield_now();
            }
        }
        let client = client(LOOPBACK, PATIENCE);
        client.connect(node.address(0)).expect("loopback is there");
        client.send(&forged_check(&format!("{}:peer", ice.ufrag))).expect("it is sent");
        let snapshot = node.snapshot(0, |s| {
            s.core.drops.total(DropReason::StunBadIntegrity) == 1 && s.events_dropped.total(EventKind::Reply) == 100
        });
        assert!(snapshot.commands >= held as u64 + 100);
        // The place aside empties into the queue as that is read, in order and without another command.
        for n in 0..held as u64 {
            assert!(node.answer(0, 1_000 + n).is_ok());
        }
        node.ping(0, 7);
    }
}

#[test]
fn shutdown_carries_out_what_is_queued_and_frees_the_ports() {
    for backend in backends() {
        let mut node = start(backend, 2);
        let addresses = [node.address(0), node.address(1)];
        for n in 0..100 {
            node.send(1, Command::Ping { request: RequestId(n) });
        }
        node.node.shutdown();
        for address in addresses {
            UdpSocket::bind(address).expect("the port is free when shutdown returns");
        }
        let mut answers = 0;
        while node.events.try_next().is_some() {
            answers += 1;
        }
        assert_eq!(answers, 100);
    }
}

#[test]
fn a_port_in_use_stops_the_start_and_leaves_nothing_behind() {
    for backend in backends() {
        let config = config(backend, 2);
        let taken = UdpSocket::bind((LOOPBACK, config.rtc_max_port)).expect("the port was free");
        match Node::start(&config) {
            Err(BootError::Ports(PortError::InUse { address })) => assert_eq!(address.port(), config.rtc_max_port),
            other => panic!("started, or failed otherwise: {other:?}"),
        }
        drop(taken);
        UdpSocket::bind((LOOPBACK, config.rtc_min_port)).expect("the first shard's port is free again");
    }
}

#[test]
fn too_few_ports_stop_the_start() {
    let config = Config { shards: Some(3), rtc_min_port: 20_000, rtc_max_port: 20_001, ..Config::default() };
    let error = Node::start(&config).expect_err("two ports are not three");
    assert!(error.to_string().contains("RTC_MAX_PORT by 1"), "{error}");
}

#[test]
fn ipv6_loopback_is_a_candidate_where_there_is_one() {
    for backend in backends() {
        let config = Config { rtc_listen_ips: Config::default().rtc_listen_ips, ..config(backend, 1) };
        let (node, _events) = Node::start(&config).expect("IPv4 loopback is always there");
        let has_v6 = UdpSocket::bind(("::1", 0)).is_ok();
        assert_eq!(node.shards()[0].candidates.iter().any(|c| c.is_ipv6()), has_v6);
    }
}

#[test]
fn an_idle_node_does_not_spin() {
    for backend in backends() {
        let mut node = start(backend, 1);
        node.ping(0, 1);
        let first = node.snapshot(0, |s| s.commands == 1);
        let second = node.snapshot(0, |s| s.posted_at.since(first.posted_at) > Duration::from_secs(2));
        let turns = second.turns - first.turns;
        assert!(turns < 2_000, "{turns} turns in {:?}", second.posted_at.since(first.posted_at));
    }
}
