//! A dropped back-end leaves nothing behind. Alone in its file: it counts the descriptors of the whole process.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use corelay_uring::{BufferSizes, IoBackend, Kind, Options, Segments, UdpSocket, Wait, open, probe};

#[test]
fn a_dropped_backend_leaves_no_descriptor_and_no_port() {
    let mut kinds = vec![Kind::Epoll];
    match probe().choose(IoBackend::Uring) {
        Ok(kind) => kinds.push(kind),
        Err(reason) => eprintln!("skipped for io_uring: {reason}"),
    }
    for kind in kinds {
        let before = descriptors();
        let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
        for _ in 0..20 {
            // The port of the round before is free again, which a ring that still holds the socket would prevent.
            address = use_and_drop(kind, address);
        }
        assert_eq!(descriptors(), before, "{}", kind.name());
    }
}

/// Drops it with datagrams that wait in it and in the socket.
fn use_and_drop(kind: Kind, address: SocketAddr) -> SocketAddr {
    let socket = bind_soon(address);
    let address = socket.local();
    let options = Options { buffers: 8, batch_max: 4, gso: true };
    let mut backend = open(kind, vec![socket], options).expect("opens");
    let run = Segments { remote: address, local: address.ip(), bytes: &[1; 3200], segment: 100 };
    backend.send(&mut std::iter::once(run)).expect("sends");
    let wait = Wait { at_most: Some(Duration::from_secs(5)), company: Duration::ZERO };
    let arrivals = backend.receive(wait, &mut |_| {}).expect("receives");
    assert!(arrivals.datagrams > 0);
    address
}

/// The kernel closes a ring's files a moment after the ring.
fn bind_soon(address: SocketAddr) -> UdpSocket {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match UdpSocket::bind(address, BufferSizes::default()) {
            Ok(socket) => return socket,
            Err(e) if Instant::now() > deadline => panic!("the port is free again: {e}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}
