//! Datagrams by the runtimes that a user would otherwise pick: CPU time a packet of sending and of receiving, as `corelay-bench` measures
//! its own back-ends (`io`), which starts this program and takes its lines up.
//!
//! Neither runtime has a control message for segmentation offload, so a run is as many sends; and neither takes more than one datagram
//! with a call. Prints `io RUNTIME DIRECTION NANOSECONDS` once a round.
#![forbid(unsafe_code)]

use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;

const PACKET: usize = 1200;
/// Packets between two looks at the receiver: they wait in its socket's buffer, of which the kernel gives 208 KiB unasked.
const BURST: usize = 64;
const BURSTS: usize = 40;
const ROUNDS: usize = 15;

fn main() -> io::Result<()> {
    for _ in 0..ROUNDS {
        tokio_round()?;
        glommio_round()?;
    }
    Ok(())
}

/// What both runtimes' sockets can do.
trait Datagrams {
    fn send(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<usize>>;
    fn receive(&self, bytes: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
}

impl Datagrams for tokio::net::UdpSocket {
    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to).await
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv_from(bytes).await.map(|(len, _)| len)
    }
}

impl Datagrams for glommio::net::UdpSocket {
    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to).await.map_err(other)
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.recv_from(bytes).await.map(|(len, _)| len).map_err(other)
    }
}

/// Glommio's errors are not for several threads; their text is.
fn other(error: glommio::GlommioError<()>) -> io::Error {
    io::Error::other(error.to_string())
}

fn tokio_round() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let bind = || tokio::net::UdpSocket::bind("127.0.0.1:0");
        let (from, to) = (bind().await?, bind().await?);
        let address = to.local_addr()?;
        round("tokio", &from, &to, address).await
    })
}

fn glommio_round() -> io::Result<()> {
    let executor = glommio::LocalExecutorBuilder::new(glommio::Placement::Unbound).make().map_err(other)?;
    executor.run(async {
        let bind = || glommio::net::UdpSocket::bind("127.0.0.1:0").map_err(other);
        let (from, to) = (bind()?, bind()?);
        let address = to.local_addr().map_err(other)?;
        round("glommio", &from, &to, address).await
    })
}

async fn round(name: &str, from: &impl Datagrams, to: &impl Datagrams, address: SocketAddr) -> io::Result<()> {
    let clock = File::open("/proc/thread-self/schedstat")?;
    let (mut bytes, mut send, mut receive) = ([0x5a; PACKET], 0, 0);
    for _ in 0..BURSTS {
        let began = cpu_nanos(&clock)?;
        for _ in 0..BURST {
            from.send(&bytes, address).await?;
        }
        let sent = cpu_nanos(&clock)?;
        for _ in 0..BURST {
            to.receive(&mut bytes).await?;
        }
        send += sent - began;
        receive += cpu_nanos(&clock)? - sent;
    }
    let packets = (BURST * BURSTS) as f64;
    writeln!(io::stdout(), "io {name} send {:.1}", send as f64 / packets)?;
    writeln!(io::stdout(), "io {name} receive {:.1}", receive as f64 / packets)
}

/// This thread's CPU time. The kernel brings it up to date when the thread passes through the scheduler.
fn cpu_nanos(schedstat: &File) -> io::Result<u64> {
    std::thread::yield_now();
    let mut bytes = [0; 64];
    let len = schedstat.read_at(&mut bytes, 0)?;
    let text = String::from_utf8_lossy(&bytes[..len]);
    text.split_ascii_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .ok_or_else(|| io::Error::other("schedstat has no time"))
}
