//! A datagram has the time at which the kernel took it in, on both back-ends, beside the address it came to.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use corelay_uring::{Backend, BufferSizes, IoBackend, Kind, Options, Segments, UdpSocket, Wait, open, probe};

const PATIENT: Wait = Wait { at_most: Some(Duration::from_secs(10)), company: Duration::ZERO };

fn kinds() -> Vec<Kind> {
    match probe().choose(IoBackend::Uring) {
        Ok(kind) => vec![kind, Kind::Epoll],
        Err(reason) => {
            eprintln!("epoll alone: {reason}");
            vec![Kind::Epoll]
        }
    }
}

fn bind(ip: &str) -> UdpSocket {
    UdpSocket::bind(SocketAddr::new(ip.parse().expect("an address"), 0), BufferSizes::default()).expect("loopback binds")
}

/// The times of what comes, until there are `count`.
fn stamps(backend: &mut dyn Backend, count: usize) -> Vec<(IpAddr, Option<SystemTime>)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let arrivals = backend.receive(PATIENT, &mut |d| seen.push((d.local, d.stamped))).expect("usable");
        assert!(arrivals.datagrams > 0, "after {}", seen.len());
    }
    seen
}

/// The wall clock is not set while tests run: a time between two readings of it is the time of the arrival.
#[test]
fn a_datagram_and_each_packet_of_a_run_have_the_time_they_came() {
    for kind in kinds() {
        // Bound to one address, and to all of them, where the destination takes the room beside.
        for (listen, ip) in [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("::1", "::1"), ("::", "::1")] {
            let ip: IpAddr = ip.parse().expect("an address");
            let (to, from) = (bind(listen), bind(if ip.is_ipv4() { "127.0.0.1" } else { "::1" }));
            let (remote, local) = (SocketAddr::new(ip, to.local().port()), from.local().ip());
            let mut receiver = open(kind, vec![to], Options::default()).expect("opens");
            let mut sender = open(kind, vec![from], Options::default()).expect("opens");
            let before = SystemTime::now();
            sender.send(&mut std::iter::once(Segments { remote, local, bytes: &[7; 3000], segment: 1000 })).expect("usable");
            let sent = SystemTime::now();
            for (local, stamped) in stamps(&mut *receiver, 3) {
                let stamped = stamped.expect("the kernel says");
                assert_eq!(local, ip);
                assert!(before <= stamped && stamped <= sent, "{kind:?} {listen}: {before:?} {stamped:?} {sent:?}");
            }
        }
    }
}

#[test]
fn without_the_option_there_is_no_time() {
    for kind in kinds() {
        let socket = bind("127.0.0.1");
        socket.set_stamped(false).expect("it can be taken back");
        let remote = socket.local();
        let mut backend = open(kind, vec![socket], Options::default()).expect("opens");
        backend.send(&mut std::iter::once(Segments { remote, local: remote.ip(), bytes: b"x", segment: 1 })).expect("usable");
        assert_eq!(stamps(&mut *backend, 1), [(remote.ip(), None)]);
    }
}

#[test]
fn a_filled_batch_says_that_more_may_wait() {
    for kind in kinds() {
        let socket = bind("127.0.0.1");
        let remote = socket.local();
        let mut backend = open(kind, vec![socket], Options { batch_max: 16, ..Options::default() }).expect("opens");
        let run = Segments { remote, local: remote.ip(), bytes: &[7; 40 * 100], segment: 100 };
        backend.send(&mut std::iter::once(run)).expect("usable");
        let mut seen = Vec::new();
        while seen.iter().sum::<usize>() < 40 {
            let arrivals = backend.receive(PATIENT, &mut |_| {}).expect("usable");
            assert_eq!(arrivals.more, arrivals.datagrams == 16, "{arrivals:?}");
            assert!(arrivals.waiting >= arrivals.datagrams, "{arrivals:?}");
            seen.push(arrivals.datagrams);
        }
        assert_eq!(seen, [16, 16, 8]);
    }
}
