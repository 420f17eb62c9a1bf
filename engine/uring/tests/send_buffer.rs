//! A send buffer that is really full: loopback with a rate limit, in a network namespace of the test's own thread.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use corelay_uring::{Backend, BufferSizes, Departures, IoBackend, Kind, Options, Segments, UdpSocket, Wait, open, probe};

/// Three times what the buffer and the rate limit's bucket hold.
const PACKETS: usize = 32;
const PACKET_BYTES: usize = 1000;
/// Room for about seven packets with the kernel's bookkeeping.
const SMALL: BufferSizes = BufferSizes { receive: 4 << 20, send: 8 << 10 };

/// 32 packets take 1.3 ms, and a third of them is on its way at once.
#[test]
fn a_burst_beyond_the_send_buffer_is_sent_netns() {
    inside_namespace("200mbit", || {
        for kind in kinds() {
            let mut ends = Ends::new(kind);
            // On a busy machine the buffer may drain while the burst is handed over, or the wait may pass unused: one round in
            // twenty has to be as meant. Without a wait none is.
            let whole = (0..20).any(|_| {
                let departures = ends.burst();
                assert_eq!(departures.packets + departures.refused, PACKETS);
                let numbers = ends.numbers(departures.packets);
                assert!(numbers.is_sorted(), "{}: {numbers:?}", kind.name());
                // The batch, a wait, the rest.
                departures.calls >= 3 && departures.refused == 0
            });
            assert!(whole, "{}: a burst that fills the buffer gets through whole", kind.name());
        }
    });
}

/// 32 packets take 3 s.
#[test]
fn a_device_that_takes_nothing_is_waited_for_a_moment_netns() {
    inside_namespace("80kbit", || {
        for kind in kinds() {
            let mut ends = Ends::new(kind);
            let began = Instant::now();
            let departures = ends.burst();
            let took = began.elapsed();
            assert_eq!(departures.packets + departures.refused, PACKETS);
            assert!(departures.refused > 0, "{departures:?}");
            assert!((Duration::from_millis(2)..Duration::from_secs(1)).contains(&took), "{}: {took:?}", kind.name());
        }
    });
}

/// Two back-ends, the first of which can send little at once.
struct Ends {
    here: Box<dyn Backend>,
    there: Box<dyn Backend>,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Ends {
    fn new(kind: Kind) -> Self {
        let bind = |sizes| {
            let address = SocketAddr::from(([127, 0, 0, 1], 0));
            UdpSocket::bind(address, sizes).expect("loopback is up")
        };
        let (here, there) = (bind(SMALL), bind(BufferSizes::default()));
        let (local, remote) = (here.local(), there.local());
        let open = |socket| open(kind, vec![socket], Options::default()).expect("the probe said that it works");
        Self { here: open(here), there: open(there), local, remote }
    }

    /// Each packet begins with its number.
    fn burst(&mut self) -> Departures {
        let packets: Vec<_> = (0..PACKETS).map(|number| [number as u8; PACKET_BYTES]).collect();
        let (remote, local) = (self.remote, self.local.ip());
        let mut runs = packets.iter().map(|bytes| Segments { remote, local, bytes, segment: PACKET_BYTES });
        self.here.send(&mut runs).expect("the back-end goes on")
    }

    /// The numbers of the `count` packets that come.
    fn numbers(&mut self, count: usize) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count && Instant::now() < deadline {
            let wait = Wait { at_most: Some(Duration::from_secs(1)), company: Duration::ZERO };
            self.there.receive(wait, &mut |datagram| numbers.push(datagram.bytes[0])).expect("usable");
        }
        assert_eq!(numbers.len(), count, "what was handed over arrives");
        numbers
    }
}

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Epoll];
    match probe().choose(IoBackend::Uring) {
        Ok(kind) => kinds.push(kind),
        Err(reason) => eprintln!("skipped for io_uring: {reason}"),
    }
    kinds
}

/// Runs `test` on a thread whose loopback passes `rate` and that sees no other device. Where that is not allowed it is skipped,
/// but not under `CI=true`.
fn inside_namespace(rate: &str, test: impl FnOnce() + Send) {
    let body = || match limited_loopback(rate) {
        Ok(()) => test(),
        Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("cannot run: {reason}"),
        Err(reason) => eprintln!("skipped: {reason}"),
    };
    std::thread::scope(|scope| {
        let result = scope.spawn(body).join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn limited_loopback(rate: &str) -> Result<(), String> {
    // Needed: std cannot leave a namespace. SAFETY: takes an integer and touches no memory; it concerns this thread alone, which
    // ends with the test.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(format!("a network namespace needs root: {}", std::io::Error::last_os_error()));
    }
    // What is lined up counts as the sender's, until the device (here: loopback) takes it.
    let limit = format!("tc qdisc add dev lo root tbf rate {rate} burst 5kb limit 10mb");
    for line in ["ip link set lo mtu 1500 up", &limit] {
        let mut words = line.split(' ');
        let output = Command::new(words.next().expect("a program")).args(words).output();
        let output = output.map_err(|e| format!("`{line}` needs iproute2: {e}"))?;
        if !output.status.success() {
            return Err(format!("`{line}` needs sch_tbf: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    Ok(())
}
