//! The bare socket echo: what a datagram takes to a thread that sends it back, and home again, with nothing in between. The latency of a
//! forwarded packet is judged by what it adds to half of this, for it takes one way in and one way out as well.

use crate::figure::Figure;
use crate::section::{Effort, Findings};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

/// Round trips of a round, two seconds of them; the median of each round counts.
const TRIPS: usize = 100;
/// Long enough for a machine under load; an echo that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two trips: that of a voice, which the latency at low load is of. Both threads sleep when a datagram comes, and as deeply as
/// a call's do: a processor that rested for 20 ms takes up to three times as long to wake as one that rested for half of one.
const GAP: Duration = Duration::from_millis(20);
const BYTES: usize = 1_200;
/// Tells the echo to end.
const END: &[u8] = b"end";

/// Round trips over loopback, each side on a core of its own where there are two.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let server = UdpSocket::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    let cores = effort.cores();
    let echo = thread::spawn(move || {
        let _ = crate::cores::pin(cores.server);
        echo(&server)
    });
    crate::cores::pin(cores.client)?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(address)?;
    client.set_read_timeout(Some(PATIENCE))?;
    let rounds = (0..effort.rounds()).map(|_| round(&client)).collect::<io::Result<Vec<_>>>();
    client.send(END)?;
    echo.join().map_err(|_| io::Error::other("the echo panicked"))??;
    let rounds = rounds?;
    let percentile = |n: usize| rounds.iter().map(|trips| trips[(trips.len() - 1) * n / 1_000] as f64 / 1_000.0).collect();
    Ok(vec![Figure::new("latency.echo.p50_us", "us", percentile(500)), Figure::new("latency.echo.p99_us", "us", percentile(990))]
        .into())
}

fn echo(socket: &UdpSocket) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    loop {
        let (len, from) = uninterrupted(|| socket.recv_from(&mut bytes))?;
        if &bytes[..len] == END {
            return Ok(());
        }
        socket.send_to(&bytes[..len], from)?;
    }
}

/// A signal, as of a child of an earlier section that ended, is no answer.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Nanoseconds of each trip, in ascending order.
fn round(client: &UdpSocket) -> io::Result<Vec<u64>> {
    let mut bytes = [0; BYTES];
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let sent = Instant::now();
        client.send(&bytes)?;
        uninterrupted(|| client.recv(&mut bytes))?;
        trips.push(sent.elapsed().as_nanos() as u64);
        thread::park_timeout(GAP);
    }
    trips.sort_unstable();
    Ok(trips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_back_until_the_end() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client.connect(server.local_addr().expect("it is bound")).expect("loopback is there");
        client.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let echo = thread::spawn(move || echo(&server));
        let trips = round(&client).expect("they come back");
        assert!(trips.len() == TRIPS && trips[0] > 0 && trips.is_sorted());
        client.send(END).expect("it is sent");
        echo.join().expect("no panic").expect("no error");
    }
}
