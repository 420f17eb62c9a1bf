//! Someone with a UDP socket who is in no call, and what he can send.

use crate::leg::bind;
use crate::patience::within;
use aws_lc_rs::hmac;
use corelay_wire::stun::{Class, Message, MessageWriter, Method, TransactionId};
use std::net::SocketAddr;
use str0m::ice::IceCreds;
use tokio::net::UdpSocket;

pub(crate) struct Stranger {
    socket: UdpSocket,
    server: SocketAddr,
    checks: u32,
}

impl Stranger {
    pub(crate) async fn new(server: SocketAddr) -> Self {
        let (socket, _) = bind(server.ip()).await;
        Self { socket, server, checks: 0 }
    }

    pub(crate) async fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).await.expect("loopback takes it");
    }

    /// Sends a check with credentials that are good, and waits for its answer. Whatever was sent before is processed then, and was not
    /// answered: the server answers in order.
    pub(crate) async fn is_answered_first(&mut self, ice: &IceCreds) {
        self.checks += 1;
        let mut transaction = *b"good check..";
        transaction[8..].copy_from_slice(&self.checks.to_be_bytes());
        self.send(&check(&ice.ufrag, &ice.pass, transaction)).await;
        let mut buffer = [0; 2_048];
        let (len, from) = within("an answer", self.socket.recv_from(&mut buffer)).await.expect("receives");
        assert_eq!(from, self.server);
        let answer =
            Message::parse(&buffer[..len]).unwrap_or_else(|e| panic!("an answer to something else ({e:?}): {:?}", &buffer[..len]));
        assert_eq!((answer.class, answer.transaction), (Class::Success, TransactionId(transaction)), "something else was answered");
    }
}

/// A connectivity check (RFC 8445 section 7.2.2) that does not nominate.
pub(crate) fn check(ufrag: &str, password: &str, transaction: [u8; 12]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    message(Class::Request, Method::BINDING, ufrag, transaction, |bytes| {
        hmac::sign(&key, bytes).as_ref().try_into().expect("SHA-1 has 20 bytes")
    })
}

pub(crate) fn message(
    class: Class,
    method: Method,
    ufrag: &str,
    transaction: [u8; 12],
    tag: impl FnOnce(&[u8]) -> [u8; 20],
) -> Vec<u8> {
    let mut message = vec![0; 256];
    let len = MessageWriter::new(&mut message, class, method, TransactionId(transaction))
        .username(&format!("{ufrag}:peer"))
        .priority(1)
        .ice_controlling(7)
        .finish_with_integrity(tag)
        .expect("fits");
    message.truncate(len);
    message
}
