//! What a shard relies on, seen on both back-ends over loopback.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use corelay_uring::{
    Arrivals, Backend, BufferSizes, DATAGRAM_BYTES_MAX, Departures, IoBackend, Kind, Options, Probe, Segments, UdpSocket, Wait,
    open, probe,
};

/// Long enough that only a datagram or a waker can end the wait.
const LONG: Duration = Duration::from_secs(10);
const SOON: Wait = Wait { at_most: Some(Duration::from_millis(50)), company: Duration::ZERO };
const PATIENT: Wait = Wait { at_most: Some(LONG), company: Duration::ZERO };

macro_rules! on_both_backends {
    ($($behaviour:ident),+ $(,)?) => {
        mod over_uring {
            $(#[test]
            fn $behaviour() {
                if super::uring_works() {
                    super::$behaviour(super::Kind::Uring);
                }
            })+
        }
        mod over_epoll {
            $(#[test]
            fn $behaviour() {
                super::$behaviour(super::Kind::Epoll);
            })+
        }
    };
}

on_both_backends!(
    a_datagram_comes_back_v4,
    a_datagram_comes_back_v6,
    one_backend_serves_both_families,
    a_run_arrives_as_its_packets,
    a_shorter_packet_ends_a_run,
    the_longest_run_arrives,
    without_offload_a_run_arrives_as_well,
    more_runs_than_a_batch_are_sent,
    a_wildcard_socket_answers_from_the_address_asked,
    a_waker_ends_a_sleep,
    a_call_before_the_sleep_ends_it_too,
    time_ends_a_sleep,
    company_is_waited_for_and_not_longer,
    a_company_below_a_microsecond_ends_at_the_first,
    a_batch_is_bounded_and_the_rest_comes_next,
    the_owner_may_take_less_at_once,
    a_burst_beyond_the_buffers_is_not_lost,
    an_oversize_datagram_is_counted_and_no_more,
    refused_sends_are_counted_and_end_nothing,
    a_silent_port_ends_nothing,
    nothing_is_lost_or_mixed_under_load,
    rtcp_apart_arrives_in_order_beside_media,
    rtcp_apart_ends_a_sleep_when_it_is_the_first_and_not_each_time,
);

fn uring_works() -> bool {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    match PROBE.get_or_init(probe).choose(IoBackend::Uring) {
        Ok(_) => true,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            false
        }
    }
}

/// A back-end, where it is, and what it received.
struct End {
    backend: Box<dyn Backend>,
    address: SocketAddr,
    inbox: VecDeque<Letter>,
    total: Arrivals,
}

struct Letter {
    source: SocketAddr,
    local: IpAddr,
    bytes: Vec<u8>,
}

impl End {
    fn new(kind: Kind, ip: &str) -> Self {
        Self::with(kind, ip, Options::default())
    }

    fn with(kind: Kind, ip: &str, options: Options) -> Self {
        let socket = bind(ip);
        let address = socket.local();
        let backend = open(kind, vec![socket], options).expect("the probe said that it works");
        Self { backend, address, inbox: VecDeque::new(), total: Arrivals::default() }
    }

    fn send(&mut self, remote: SocketAddr, bytes: &[u8], segment: usize) -> Departures {
        self.send_from(self.address.ip(), remote, bytes, segment)
    }

    fn send_from(&mut self, local: IpAddr, remote: SocketAddr, bytes: &[u8], segment: usize) -> Departures {
        self.backend.send(&mut std::iter::once(Segments { remote, local, bytes, segment })).expect("the back-end is usable")
    }

    fn receive(&mut self, wait: Wait) -> Arrivals {
        let inbox = &mut self.inbox;
        let arrivals = self
            .backend
            .receive(wait, &mut |datagram| {
                inbox.push_back(Letter { source: datagram.source, local: datagram.local, bytes: datagram.bytes.to_vec() });
            })
            .expect("the back-end is usable");
        self.total.datagrams += arrivals.datagrams;
        self.total.truncated += arrivals.truncated;
        arrivals
    }

    /// The next datagram, or a failed test after [`LONG`].
    fn next(&mut self) -> Letter {
        let deadline = Instant::now() + LONG;
        while self.inbox.is_empty() && Instant::now() < deadline {
            self.receive(PATIENT);
        }
        self.inbox.pop_front().expect("a datagram arrives")
    }
}

fn bind(ip: &str) -> UdpSocket {
    let address = SocketAddr::new(ip.parse().expect("an address"), 0);
    UdpSocket::bind(address, BufferSizes::default()).expect("loopback binds")
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251 + seed * 17) as u8).collect()
}

fn echo(kind: Kind, ip: &str) {
    let (mut here, mut there) = (End::new(kind, ip), End::new(kind, ip));
    let departures = here.send(there.address, b"hello", 5);
    assert_eq!(departures, Departures { packets: 1, refused: 0, calls: 1 });
    let asked = there.next();
    assert_eq!((asked.source, asked.local, asked.bytes.as_slice()), (here.address, there.address.ip(), &b"hello"[..]));
    there.send(asked.source, b"and back", 8);
    assert_eq!(here.next().bytes, b"and back");
}

fn a_datagram_comes_back_v4(kind: Kind) {
    echo(kind, "127.0.0.1");
}

fn a_datagram_comes_back_v6(kind: Kind) {
    echo(kind, "::1");
}

fn one_backend_serves_both_families(kind: Kind) {
    let sockets = vec![bind("0.0.0.0"), bind("::")];
    let ports = [sockets[0].local().port(), sockets[1].local().port()];
    let mut server = open(kind, sockets, Options::default()).expect("opens");
    for (ip, port) in [("127.0.0.1", ports[0]), ("::1", ports[1])] {
        let mut client = End::new(kind, ip);
        client.send(SocketAddr::new(client.address.ip(), port), b"?", 1);
        let mut asked = None;
        while asked.is_none() {
            server.receive(PATIENT, &mut |d| asked = Some((d.source, d.local))).expect("usable");
        }
        let (remote, local) = asked.expect("the loop ended");
        assert_eq!((remote, local), (client.address, client.address.ip()));
        server.send(&mut std::iter::once(Segments { remote, local, bytes: b"!", segment: 1 })).expect("usable");
        assert_eq!(client.next().source, SocketAddr::new(local, port));
    }
}

fn run_arrives(kind: Kind, options: Options, len: usize, segment: usize) -> Departures {
    let (mut here, mut there) = (End::with(kind, "127.0.0.1", options), End::new(kind, "127.0.0.1"));
    let bytes = pattern(len, 1);
    let departures = here.send(there.address, &bytes, segment);
    for (i, packet) in bytes.chunks(segment).enumerate() {
        assert_eq!(there.next().bytes, packet, "packet {i}");
    }
    assert_eq!((departures.packets, departures.refused), (len.div_ceil(segment), 0));
    assert_eq!(there.receive(SOON).datagrams, 0, "and nothing else");
    departures
}

fn a_run_arrives_as_its_packets(kind: Kind) {
    assert_eq!(run_arrives(kind, Options::default(), 8 * 1200, 1200).calls, 1);
}

fn a_shorter_packet_ends_a_run(kind: Kind) {
    assert_eq!(run_arrives(kind, Options::default(), 5 * 1000 + 1, 1000).calls, 1);
}

fn the_longest_run_arrives(kind: Kind) {
    assert_eq!(run_arrives(kind, Options::default(), 64 * 1000, 1000).calls, 1);
}

fn without_offload_a_run_arrives_as_well(kind: Kind) {
    run_arrives(kind, Options { gso: false, ..Options::default() }, 64 * 900 - 1, 900);
}

fn more_runs_than_a_batch_are_sent(kind: Kind) {
    let (mut here, mut there) = (End::new(kind, "127.0.0.1"), End::new(kind, "127.0.0.1"));
    let packets: Vec<_> = (0..200).map(|i| pattern(100 + i, i)).collect();
    let (remote, local) = (there.address, here.address.ip());
    let mut runs = packets.iter().map(|bytes| Segments { remote, local, bytes, segment: bytes.len() });
    let departures = here.backend.send(&mut runs).expect("usable");
    assert_eq!((departures.packets, departures.refused), (200, 0));
    for packet in packets {
        assert_eq!(there.next().bytes, packet);
    }
}

fn a_wildcard_socket_answers_from_the_address_asked(kind: Kind) {
    let (mut server, mut client) = (End::new(kind, "0.0.0.0"), End::new(kind, "127.0.0.1"));
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let asked = SocketAddr::new(ip.parse().expect("an address"), server.address.port());
        client.send(asked, b"?", 1);
        let question = server.next();
        assert_eq!(question.local, asked.ip());
        // A run, so that both control messages are there.
        server.send_from(question.local, question.source, &[7; 20], 10);
        assert_eq!((client.next().source, client.next().source), (asked, asked));
    }
}

fn a_waker_ends_a_sleep(kind: Kind) {
    let mut end = End::new(kind, "127.0.0.1");
    for _ in 0..3 {
        let waker = end.backend.waker();
        let caller = thread::spawn(move || waker.wake());
        let began = Instant::now();
        let mut woken = false;
        while !woken && began.elapsed() < LONG {
            woken = end.receive(Wait { at_most: None, company: Duration::ZERO }).woken;
        }
        assert!(woken);
        caller.join().expect("it only wakes");
    }
    assert!(!end.receive(SOON).woken, "a call is reported once");
}

fn a_call_before_the_sleep_ends_it_too(kind: Kind) {
    let mut end = End::new(kind, "127.0.0.1");
    let waker = end.backend.waker();
    waker.wake();
    waker.wake();
    let began = Instant::now();
    while !end.receive(Wait { at_most: Some(LONG), company: Duration::from_micros(500) }).woken {
        assert!(began.elapsed() < LONG);
    }
    assert!(!end.receive(SOON).woken, "two calls are one wake-up");
}

fn time_ends_a_sleep(kind: Kind) {
    let mut end = End::new(kind, "127.0.0.1");
    for company in [Duration::ZERO, Duration::from_micros(500), LONG] {
        let (at_most, began) = (Duration::from_millis(20), Instant::now());
        let mut slept = Duration::ZERO;
        while slept < at_most {
            assert_eq!(end.receive(Wait { at_most: Some(at_most - slept), company }), Arrivals::default());
            slept = began.elapsed();
        }
        assert!(slept < LONG, "{slept:?}");
    }
    let began = Instant::now();
    end.receive(Wait { at_most: Some(Duration::ZERO), company: LONG });
    assert!(began.elapsed() < LONG);
}

fn company_is_waited_for_and_not_longer(kind: Kind) {
    let (mut here, mut there) = (End::new(kind, "127.0.0.1"), End::new(kind, "127.0.0.1"));
    let remote = there.address;
    let company = Duration::from_millis(200);
    let sender = thread::spawn(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
        for i in 0..10u8 {
            socket.send_to(&[i], remote).expect("sends");
            thread::sleep(Duration::from_millis(2));
        }
    });
    let (mut calls, began) = (0, Instant::now());
    while there.total.datagrams < 10 && began.elapsed() < LONG {
        calls += usize::from(there.receive(Wait { at_most: Some(LONG), company }).datagrams > 0);
    }
    sender.join().expect("it only sends");
    assert_eq!(there.total.datagrams, 10);
    assert!(calls < 10, "datagrams came in each other's company: {calls} calls");

    here.send(remote, b"late", 4);
    let began = Instant::now();
    while there.receive(Wait { at_most: None, company }).datagrams == 0 {}
    assert!(began.elapsed() < LONG, "one alone does not wait for ever");
}

/// Clocks of the kernel that count in microseconds must not read it as "no bound".
fn a_company_below_a_microsecond_ends_at_the_first(kind: Kind) {
    let (mut here, mut there) = (End::new(kind, "127.0.0.1"), End::new(kind, "127.0.0.1"));
    for nanos in [1, 500, 999] {
        here.send(there.address, b"alone", 5);
        let (wait, began) = (Wait { at_most: Some(LONG), company: Duration::from_nanos(nanos) }, Instant::now());
        while there.receive(wait).datagrams == 0 {}
        assert!(began.elapsed() < LONG, "{nanos} ns");
    }
}

fn a_batch_is_bounded_and_the_rest_comes_next(kind: Kind) {
    let mut here = End::new(kind, "127.0.0.1");
    let mut there = End::with(kind, "127.0.0.1", Options { batch_max: 16, ..Options::default() });
    let bytes = pattern(64 * 100, 3);
    here.send(there.address, &bytes, 100);
    while there.total.datagrams < 64 {
        let arrivals = there.receive(PATIENT);
        assert!((1..=16).contains(&arrivals.datagrams), "{arrivals:?}");
    }
    assert!(there.inbox.iter().map(|l| l.bytes.as_slice()).eq(bytes.chunks(100)));
}

fn the_owner_may_take_less_at_once(kind: Kind) {
    let mut here = End::new(kind, "127.0.0.1");
    let mut there = End::with(kind, "127.0.0.1", Options { batch_max: 16, ..Options::default() });
    let bytes = pattern(64 * 100, 3);
    here.send(there.address, &bytes, 100);
    for (asked, most) in [(3, 3), (0, 1), (usize::MAX, 16), (1, 1)] {
        there.backend.limit_batch(asked);
        let arrivals = there.receive(PATIENT);
        assert_eq!((arrivals.datagrams, arrivals.more), (most, true), "{asked}: {arrivals:?}");
    }
    there.backend.limit_batch(usize::MAX);
    while there.total.datagrams < 64 {
        there.receive(PATIENT);
    }
    assert!(there.inbox.iter().map(|l| l.bytes.as_slice()).eq(bytes.chunks(100)));
}

fn a_burst_beyond_the_buffers_is_not_lost(kind: Kind) {
    let mut here = End::new(kind, "127.0.0.1");
    let mut there = End::with(kind, "127.0.0.1", Options { buffers: 8, batch_max: 5, gso: true });
    for round in 0..5 {
        let bytes = pattern(60 * 200, round);
        here.send(there.address, &bytes, 200);
        for packet in bytes.chunks(200) {
            assert_eq!(there.next().bytes, packet);
        }
    }
    assert_eq!(there.total.datagrams, 300);
}

fn an_oversize_datagram_is_counted_and_no_more(kind: Kind) {
    let (mut here, mut there) = (End::new(kind, "127.0.0.1"), End::new(kind, "127.0.0.1"));
    let remote = there.address;
    for len in [DATAGRAM_BYTES_MAX + 1, 9000, DATAGRAM_BYTES_MAX, 0] {
        let bytes = pattern(len, 5);
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
        socket.send_to(&bytes, remote).expect("loopback takes it");
    }
    assert_eq!(there.next().bytes, pattern(DATAGRAM_BYTES_MAX, 5));
    assert_eq!(there.next().bytes, [], "an empty datagram is one");
    assert_eq!(there.total.truncated, 2);
    here.send(remote, b"after", 5);
    assert_eq!(there.next().bytes, b"after");
}

fn refused_sends_are_counted_and_end_nothing(kind: Kind) {
    let (mut here, mut there) = (End::new(kind, "127.0.0.1"), End::new(kind, "127.0.0.1"));
    let long = vec![0; 65_508];
    let (remote, local) = (there.address, here.address.ip());
    let run = |remote, local, bytes| Segments { remote, local, bytes, segment: 65_508 };
    let broadcast = SocketAddr::from(([255, 255, 255, 255], 9));
    let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9));
    let runs = [
        run(remote, local, &b"first"[..]),
        run(remote, local, &long),                   // EMSGSIZE
        run(broadcast, local, b"x"),                 // EACCES
        run(SocketAddr::new(local, 0), local, b"x"), // EINVAL
        run(v6, v6.ip(), b"x"),                      // no socket of the family
        run(remote, local, b"last"),
    ];
    for _ in 0..2 {
        let departures = here.backend.send(&mut runs.into_iter()).expect("the back-end goes on");
        assert_eq!((departures.packets, departures.refused), (2, 4));
        assert_eq!((there.next().bytes, there.next().bytes), (b"first".to_vec(), b"last".to_vec()));
    }
    // As a run it is longer than a datagram can be; its packets pass one by one.
    let departures = here.send(remote, &pattern(50 * 1400, 1), 1400);
    assert_eq!((departures.packets, departures.refused), (50, 0));
    assert_eq!(there.next().bytes, pattern(50 * 1400, 1)[..1400]);
}

fn a_silent_port_ends_nothing(kind: Kind) {
    let mut here = End::new(kind, "127.0.0.1");
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    for _ in 0..2 {
        let departures = here.send(closed, b"anyone?", 7);
        assert_eq!(departures.packets + departures.refused, 1);
        here.receive(SOON);
    }
    let here_address = here.address;
    here.send(here_address, b"still here", 10);
    assert_eq!(here.next().bytes, b"still here");
}

fn nothing_is_lost_or_mixed_under_load(kind: Kind) {
    const ROUNDS: usize = 300;
    let options = Options { buffers: 256, batch_max: 64, gso: true };
    let (mut here, mut there) = (End::with(kind, "127.0.0.1", options), End::with(kind, "127.0.0.1", options));
    let (there_address, here_address) = (there.address, here.address);
    for round in 0..ROUNDS {
        let segment = 200 + round % 1000;
        let bytes = pattern(segment * (1 + round % 40), round);
        here.send(there_address, &bytes, segment);
        // Both ways at once: receives complete while sends are under way.
        there.send(here_address, &bytes[..segment], segment);
        for packet in bytes.chunks(segment) {
            assert_eq!(there.next().bytes, packet, "round {round}");
        }
        assert_eq!(here.next().bytes, &bytes[..segment]);
    }
    assert_eq!(here.total.datagrams, ROUNDS);
}

fn with_rtcp_apart(kind: Kind) -> End {
    let mut socket = bind("127.0.0.1");
    socket.set_rtcp_apart().expect("the kernel steers by a filter");
    let address = socket.local();
    let backend = open(kind, vec![socket], Options::default()).expect("the probe said that it works");
    End { backend, address, inbox: VecDeque::new(), total: Arrivals::default() }
}

fn rtcp(number: u8) -> [u8; 8] {
    [0x81, 205, number, 0, 0, 0, 0, 0]
}

fn rtcp_apart_arrives_in_order_beside_media(kind: Kind) {
    let mut there = with_rtcp_apart(kind);
    let here = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
    let source = here.local_addr().expect("it is bound");
    for number in 0..200u8 {
        here.send_to(&[0x80, 96, number, 0], there.address).expect("sends");
        here.send_to(&rtcp(number), there.address).expect("sends");
    }
    let letters: Vec<Letter> = (0..400).map(|_| there.next()).collect();
    assert!(letters.iter().all(|letter| (letter.source, letter.local) == (source, there.address.ip())));
    for kind in [96, 205] {
        let numbers = letters.iter().filter(|letter| letter.bytes[1] == kind).map(|letter| letter.bytes[2]);
        assert!(numbers.eq(0..200), "all of {kind}, once and in order");
    }
}

fn rtcp_apart_ends_a_sleep_when_it_is_the_first_and_not_each_time(kind: Kind) {
    let mut there = with_rtcp_apart(kind);
    let remote = there.address;
    for _ in 0..3 {
        there.receive(SOON);
        let sender = thread::spawn(move || {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
            for number in 0..100u8 {
                socket.send_to(&rtcp(number), remote).expect("sends");
                thread::sleep(Duration::from_micros(200));
            }
        });
        let (mut heard, mut calls, began) = (0, 0, Instant::now());
        while heard < 100 && began.elapsed() < LONG {
            let arrivals = there.receive(PATIENT);
            heard += arrivals.datagrams;
            calls += usize::from(arrivals.datagrams > 0);
        }
        sender.join().expect("it only sends");
        assert_eq!(heard, 100, "the first of them, after a pause, ends the sleep");
        assert!(calls < 100, "they wait for each other: {calls} calls");
    }
}
