//! A dropped back-end leaves nothing behind. Alone in its file: it counts the descriptors of the whole process.

use std::net::SocketAddr;
use std::time::Duration;

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
            // On the port of the round before.
            address = use_and_drop(kind, address);
        }
        assert_eq!(descriptors(), before, "{}", kind.name());
    }
}

/// Drops it with datagrams that wait in it and in the socket.
fn use_and_drop(kind: Kind, address: SocketAddr) -> SocketAddr {
    let socket =
        UdpSocket::bind(address, BufferSizes::default()).expect("the port is free at once: a shard that starts again needs it");
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

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc is mounted").count()
}
