//! Nodes for tests: on loopback, on ports that nobody else has, with waiting that ends.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use corelay_engine::config::{Config, IoBackend};
use corelay_engine::control::{Cname, Command, Event, Refusal, Reply};
use corelay_engine::ports::PortError;
use corelay_engine::{BootError, Events, Node, ShardSnapshot};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, TransportId};

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The back-ends that work here: a container's seccomp profile may forbid io_uring, and epoll is what serves there.
pub(crate) fn backends() -> impl Iterator<Item = IoBackend> {
    let uring = corelay_uring::probe().choose(corelay_uring::IoBackend::Uring);
    if let Err(why) = &uring {
        eprintln!("without io_uring: {why}");
    }
    uring.ok().map(|_| IoBackend::Uring).into_iter().chain([IoBackend::Epoll])
}

/// A node and its events.
pub(crate) struct TestNode {
    pub(crate) node: Node,
    pub(crate) events: Events,
}

/// A configuration with `shards` shards on IPv4 loopback and a port range that was free a moment ago.
pub(crate) fn config(backend: IoBackend, shards: usize) -> Config {
    let first = free_range(shards as u16);
    Config {
        io_backend: backend,
        shards: Some(shards),
        rtc_listen_ips: vec![Ipv4Addr::LOCALHOST.into()],
        rtc_min_port: first,
        rtc_max_port: first + shards as u16 - 1,
        ..Config::default()
    }
}

/// Starts a node on ports of its own: another test may take a range between the look and the start, then there is another.
pub(crate) fn start(backend: IoBackend, shards: usize) -> TestNode {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Node::start(&config(backend, shards)) {
            Ok((node, events)) => return TestNode { node, events },
            Err(BootError::Ports(PortError::InUse { .. })) if Instant::now() < deadline => {}
            Err(error) => panic!("the node does not start: {error}"),
        }
    }
}

/// The first of `count` ports in a row that are free. Below the range that the kernel gives to clients.
pub(crate) fn free_range(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const BASE: u16 = 12_000;
    const SPAN: u16 = 18_000;
    let start = (std::process::id() as u16).wrapping_mul(97);
    for _ in 0..SPAN {
        let step = NEXT.fetch_add(count.max(4), Ordering::Relaxed);
        let first = BASE + start.wrapping_add(step) % SPAN;
        if (first..first + count).all(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return first;
        }
    }
    panic!("no free ports")
}

impl TestNode {
    pub(crate) fn send(&self, shard: u16, command: Command) {
        self.node.send(ShardId(shard), command).expect("the mailbox has room");
    }

    /// Waits for an event that `pick` takes, passing over the others.
    pub(crate) fn wait_for<T>(&mut self, mut pick: impl FnMut(ShardId, &Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.events.clear_wake();
            while let Some((shard, event)) = self.events.try_next() {
                if let Some(found) = pick(shard, &event) {
                    return found;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the event does not come");
            wait_readable(&self.events, left);
        }
    }

    /// The answer to `request` from `shard`.
    pub(crate) fn answer(&mut self, shard: u16, request: u64) -> Result<Reply, Refusal> {
        self.wait_for(|from, event| match event {
            Event::Reply { request: of, result } if of.0 == request && from.0 == shard => Some(result.clone()),
            _ => None,
        })
    }

    /// Whether `shard` answers.
    pub(crate) fn ping(&mut self, shard: u16, request: u64) {
        self.send(shard, Command::Ping { request: RequestId(request) });
        assert!(matches!(self.answer(shard, request), Ok(Reply::Done)));
    }

    /// Opens a room with one participant and one transport, all with the number `n`; gives the transport's credentials.
    pub(crate) fn open_transport(&mut self, shard: u16, n: u64) -> corelay_engine::control::IceCredentials {
        let cname = Cname::from("someone").expect("it is short");
        self.send(shard, Command::OpenRoom { room: RoomId(n) });
        self.send(shard, Command::Join { room: RoomId(n), participant: ParticipantId(n), cname });
        self.send(
            shard,
            Command::OpenTransport { request: RequestId(n), participant: ParticipantId(n), transport: TransportId(n), ice: None },
        );
        match self.answer(shard, n) {
            Ok(Reply::Transport { ice }) => ice,
            other => panic!("no credentials: {other:?}"),
        }
    }

    /// Waits for a snapshot that `is_it` accepts: shards post once a second.
    pub(crate) fn snapshot(&self, shard: u16, mut is_it: impl FnMut(&ShardSnapshot) -> bool) -> Arc<ShardSnapshot> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.node.snapshot(ShardId(shard));
            if is_it(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < deadline, "the snapshot does not come; the last: {:?}", snapshot.core);
            // Between two looks, so that the shards have the cores; the deadline above is what the test waits by.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// The address of the shard's media socket.
    pub(crate) fn address(&self, shard: u16) -> std::net::SocketAddr {
        self.node.shards()[usize::from(shard)].candidates[0]
    }
}

/// A client's socket, which gives up listening after `patience`.
pub(crate) fn client(ip: IpAddr, patience: Duration) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("a port is free");
    socket.set_read_timeout(Some(patience)).expect("the timeout is not zero");
    socket
}

/// Blocks until `events` is readable or `patience` is over, as signaling waits for it.
fn wait_readable(events: &Events, patience: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        // `register_with_interest`, which it names, is unsafe for types whose descriptor may change or close under it.
        #[expect(deprecated, reason = "the descriptor is borrowed from the events for as long as it is waited on")]
        let fd = AsyncFd::with_interest(events.as_fd(), Interest::READABLE).expect("the descriptor can be polled");
        let _ = tokio::time::timeout(patience, fd.readable()).await;
    });
}
