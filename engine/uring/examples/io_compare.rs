//! CPU time a packet of both back-ends, over loopback, in turns so that both see the same machine.
//!
//! `cargo run --release -p corelay-uring --example io_compare`
//!
//! Each block sends 1,280 packets of 1200 bytes in runs of 1, 4 or 20 and takes them in again, on one thread. The kernel queues a
//! loopback packet on the receiving socket inside the send, so that `send` is more and `receive` less than with a NIC.
//! Printed: the median of the blocks in ns of CPU a packet, with the 10th and 90th percentile; with the kernel's receive timestamps
//! (`stamped`) and without, in turns of some blocks, as switching them rewrites code of the kernel.
//!
//! Then a shard with little to do: 20,000 packets a second one by one from another thread, taken in with and without company.
//! Printed: ns of CPU of the receiving thread a packet, wake-ups included, and packets a call; a second for each, in turns, three
//! times.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use corelay_uring::{Backend, BufferSizes, IoBackend, Kind, Options, Segments, UdpSocket, Wait, open, probe};

const PACKET: usize = 1200;
const PACKETS: usize = 1280;
const BLOCKS: usize = 600;
/// Blocks between two switches of the timestamps; the first of each turn does not count.
const BLOCKS_A_TURN: usize = 10;
/// Packets between two looks at the receiver: 64 KiB and more wait in its socket buffer at most.
const BURST: usize = 320;

struct Pair {
    kind: Kind,
    sender: Box<dyn Backend>,
    receiver: Box<dyn Backend>,
    /// The receiver's socket by another descriptor.
    listens: UdpSocket,
    from: SocketAddr,
    to: SocketAddr,
}

#[derive(Default)]
struct Samples {
    send: Vec<u64>,
    receive: Vec<u64>,
}

fn main() -> io::Result<()> {
    let found = probe();
    println!("{found}\n");
    let kinds = match found.choose(IoBackend::Uring) {
        Ok(kind) => vec![kind, Kind::Epoll],
        Err(_) => vec![Kind::Epoll],
    };
    let mut pairs = kinds.into_iter().map(Pair::new).collect::<io::Result<Vec<_>>>()?;
    let slab = vec![0x5a; PACKET * 20];
    println!("{:>8} {:>4} {:>8}  {:>22}  {:>22}", "backend", "run", "stamped", "send ns (p10-p90)", "receive ns (p10-p90)");
    for run in [1, 4, 20] {
        let mut samples: Vec<_> = pairs.iter().map(|_| [Samples::default(), Samples::default()]).collect();
        for block in 0..BLOCKS {
            let stamped = block / BLOCKS_A_TURN % 2 == 1;
            if block.is_multiple_of(BLOCKS_A_TURN) {
                pairs.iter().try_for_each(|pair| pair.listens.set_stamped(stamped))?;
            }
            for (pair, samples) in pairs.iter_mut().zip(&mut samples) {
                let (send, receive) = pair.block(&slab[..PACKET * run])?;
                if !block.is_multiple_of(BLOCKS_A_TURN) {
                    samples[usize::from(stamped)].send.push(send);
                    samples[usize::from(stamped)].receive.push(receive);
                }
            }
        }
        for (pair, samples) in pairs.iter().zip(&mut samples) {
            for (stamped, samples) in ["no", "yes"].iter().zip(samples) {
                let (send, receive) = (spread(&mut samples.send), spread(&mut samples.receive));
                println!("{:>8} {run:>4} {stamped:>8}  {send:>22}  {receive:>22}", pair.kind.name());
            }
        }
    }
    println!("\n{:>8} {:>10}  {:>12}  {:>14}", "backend", "company us", "ns a packet", "packets a call");
    for company_us in [0, 100, 500].repeat(3) {
        for pair in &mut pairs {
            let (ns, a_call) = pair.paced(Duration::from_micros(company_us))?;
            println!("{:>8} {company_us:>10}  {ns:>12}  {a_call:>14.1}", pair.kind.name());
        }
    }
    Ok(())
}

impl Pair {
    fn new(kind: Kind) -> io::Result<Self> {
        let bind = || UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), BufferSizes::default());
        let (from, to) = (bind()?, bind()?);
        let (from_address, to_address) = (from.local(), to.local());
        from.set_stamped(false)?;
        let listens = to.try_clone()?;
        let (sender, receiver) = (open(kind, vec![from], Options::default())?, open(kind, vec![to], Options::default())?);
        Ok(Self { kind, sender, receiver, listens, from: from_address, to: to_address })
    }

    /// The CPU time a packet of sending and of receiving one block.
    fn block(&mut self, bytes: &[u8]) -> io::Result<(u64, u64)> {
        let run = Segments { remote: self.to, local: self.from.ip(), bytes, segment: PACKET };
        let runs_a_burst = BURST * PACKET / bytes.len();
        let (mut send, mut receive) = (0, 0);
        for _ in 0..PACKETS / BURST {
            let began = cpu_ns();
            let departures = self.sender.send(&mut std::iter::repeat_n(run, runs_a_burst))?;
            let sent = cpu_ns();
            let mut left = departures.packets;
            while left > 0 {
                let arrivals =
                    self.receiver.receive(Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO }, &mut |_| {})?;
                left = left.saturating_sub(arrivals.datagrams);
            }
            (send, receive) = (send + sent - began, receive + cpu_ns() - sent);
        }
        Ok((send / PACKETS as u64, receive / PACKETS as u64))
    }

    /// The receiving thread's CPU time a packet, and packets a call, at 20,000 packets a second.
    fn paced(&mut self, company: Duration) -> io::Result<(u64, f64)> {
        let to = self.to;
        let pacer = thread::spawn(move || pace(to));
        let (began, mut packets, mut calls) = (cpu_ns(), 0, 0);
        while !pacer.is_finished() {
            let wait = Wait { at_most: Some(Duration::from_millis(20)), company };
            packets += self.receiver.receive(wait, &mut |_| {})?.datagrams;
            calls += 1;
        }
        let spent = cpu_ns() - began;
        pacer.join().map_err(|_| io::Error::other("the pacer panicked"))??;
        Ok((spent / packets.max(1) as u64, packets as f64 / f64::from(calls)))
    }
}

/// One second of packets, 50 us apart.
fn pace(to: SocketAddr) -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let began = Instant::now();
    for packet in 0..20_000 {
        while began.elapsed() < Duration::from_micros(50) * packet {
            std::hint::spin_loop();
        }
        socket.send_to(&[0x5a; PACKET], to)?;
    }
    Ok(())
}

fn spread(samples: &mut [u64]) -> String {
    samples.sort_unstable();
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    format!("{} ({}-{})", at(50), at(10), at(90))
}

fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Needed: std has no clock of CPU time. SAFETY: the kernel writes one timespec, which is ours alone.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
