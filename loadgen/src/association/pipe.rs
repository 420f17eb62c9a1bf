//! The DTLS stack wants a connection of its own; a WebRTC socket carries STUN and SRTP as well. This is the DTLS share of it.

use async_trait::async_trait;
use std::any::Any;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};
use webrtc_util::{Conn, Error};

/// Sends on the shared socket; receives what the socket's reader took for DTLS.
pub(super) struct Pipe {
    socket: Arc<UdpSocket>,
    records: Mutex<mpsc::Receiver<Vec<u8>>>,
}

impl Pipe {
    pub(super) fn new(socket: Arc<UdpSocket>, records: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { socket, records: Mutex::new(records) }
    }
}

#[async_trait]
impl Conn for Pipe {
    async fn connect(&self, _: SocketAddr) -> Result<(), Error> {
        Ok(())
    }

    async fn recv(&self, buf: &mut [u8]) -> Result<usize, Error> {
        let Some(record) = self.records.lock().await.recv().await else {
            // The stack's reader would ask again at once and for ever after an error; it ends by another way when the connection is closed.
            return std::future::pending().await;
        };
        let len = record.len().min(buf.len());
        buf[..len].copy_from_slice(&record[..len]);
        Ok(len)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let len = self.recv(buf).await?;
        Ok((len, self.socket.peer_addr()?))
    }

    /// A datagram that the kernel does not take is lost, as on any other hop: the handshake repeats it.
    async fn send(&self, buf: &[u8]) -> Result<usize, Error> {
        Ok(self.socket.send(buf).unwrap_or(buf.len()))
    }

    async fn send_to(&self, buf: &[u8], _: SocketAddr) -> Result<usize, Error> {
        self.send(buf).await
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
