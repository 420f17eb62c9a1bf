//! A path between two sockets that damages the RTP that passes from its near end to its far end, each n-th packet of it.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What happens to each n-th packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Damage {
    /// Nothing: there is no path, both ends reach each other directly.
    None,
    /// It does not arrive.
    Drop(u32),
    /// It arrives twice.
    Double(u32),
    /// It arrives after the one that follows.
    Swap(u32),
    /// A bit of it is another one.
    Flip(u32),
}

/// Where each end must send to.
pub(crate) struct Path {
    pub(crate) near: SocketAddr,
    pub(crate) far: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl Drop for Path {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Path {
    pub(crate) async fn between(one: SocketAddr, other: SocketAddr, damage: Damage) -> Self {
        if damage == Damage::None {
            return Self { near: other, far: one, task: None };
        }
        let near = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let far = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let addresses = (near.local_addr().expect("it is bound"), far.local_addr().expect("it is bound"));
        let carrier = Carrier { near: Arc::new(near), far: Arc::new(far), one, other, damage, packets: 0, held: None };
        Self { near: addresses.0, far: addresses.1, task: Some(tokio::spawn(carrier.run())) }
    }
}

struct Carrier {
    near: Arc<UdpSocket>,
    far: Arc<UdpSocket>,
    one: SocketAddr,
    other: SocketAddr,
    damage: Damage,
    packets: u32,
    held: Option<Vec<u8>>,
}

impl Carrier {
    async fn run(mut self) {
        let (mut there, mut back) = (vec![0; 2048], vec![0; 2048]);
        loop {
            let sent = tokio::select! {
                Ok((len, _)) = self.near.recv_from(&mut there) => self.carry(&mut there[..len]).await,
                Ok((len, _)) = self.far.recv_from(&mut back) => self.near.send_to(&back[..len], self.one).await.map(drop),
            };
            sent.expect("loopback takes it");
        }
    }

    async fn carry(&mut self, datagram: &mut [u8]) -> std::io::Result<()> {
        let is_rtp = datagram.len() > 12 && datagram[0] >> 6 == 2 && !(192..=223).contains(&datagram[1]);
        if !is_rtp {
            return self.send(datagram).await;
        }
        self.packets += 1;
        // Not the first, whose sequence number is where counting starts.
        let is_hit = |n: u32| self.packets.is_multiple_of(n);
        match self.damage {
            Damage::Drop(n) if is_hit(n) => return Ok(()),
            Damage::Double(n) if is_hit(n) => self.send(datagram).await?,
            Damage::Swap(n) if is_hit(n) => {
                self.held = Some(datagram.to_vec());
                return Ok(());
            }
            Damage::Flip(n) if is_hit(n) => *datagram.last_mut().expect("it is not empty") ^= 1,
            _ => {}
        }
        self.send(datagram).await?;
        match self.held.take() {
            Some(held) => self.send(&held).await,
            None => Ok(()),
        }
    }

    async fn send(&self, datagram: &[u8]) -> std::io::Result<()> {
        self.far.send_to(datagram, self.other).await.map(drop)
    }
}
