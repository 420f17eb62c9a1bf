//! One WebRTC transport of a peer: a `str0m` session on a UDP socket, driven by a task.

use crate::patience::within;
use corelay_wire::stun::{Class, Message, TransactionId};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use str0m::crypto::dtls::ProtocolVersion;
use str0m::ice::IceCreds;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{RawPacket, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

/// Larger than any datagram of the server.
const DATAGRAM_LEN_MAX: usize = 2_048;

/// What came out of the session so far.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) is_connected: bool,
    /// In the order of their arrival.
    pub(crate) packets: Vec<RtpPacket>,
    pub(crate) rtcp: Vec<Rtcp>,
    pub(crate) keyframe_requests: HashMap<Mid, usize>,
    /// The last SRTP datagram that left, as it was on the wire.
    pub(crate) last_srtp: Vec<u8>,
    pub(crate) last_srtcp: Vec<u8>,
    /// The server's user fragments in checks that nominated and were answered.
    pub(crate) nominated_with: HashSet<String>,
    /// Such checks that are under way, by transaction.
    nominating: HashMap<TransactionId, String>,
    /// What DTLS agreed on.
    pub(crate) dtls_version: Option<ProtocolVersion>,
    /// Why the session ended.
    pub(crate) failure: Option<String>,
}

impl Seen {
    /// The packets of one stream.
    pub(crate) fn stream(&self, ssrc: Ssrc) -> impl Iterator<Item = &RtpPacket> {
        self.packets.iter().filter(move |p| p.header.ssrc == ssrc)
    }

    /// The sender reports about one stream.
    pub(crate) fn sender_reports(&self, ssrc: Ssrc) -> impl Iterator<Item = &str0m::rtp::rtcp::SenderInfo> {
        self.rtcp.iter().filter_map(move |rtcp| match rtcp {
            Rtcp::SenderReport(report) if report.sender_info.ssrc == ssrc => Some(&report.sender_info),
            _ => None,
        })
    }
}

type Order = Box<dyn FnOnce(&mut Driver) + Send>;

/// The test's handle. The session ends when it is dropped.
pub(crate) struct Leg {
    ip: IpAddr,
    orders: mpsc::UnboundedSender<Order>,
    seen: watch::Receiver<Seen>,
}

/// What the task owns.
struct Driver {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    remote: SocketAddr,
    /// Datagrams that leave as they are.
    raw: Vec<Vec<u8>>,
    seen: watch::Sender<Seen>,
}

pub(crate) async fn bind(ip: IpAddr) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).await.expect("a port is free");
    let address = socket.local_addr().expect("is bound");
    (socket, address)
}

impl Leg {
    /// Drives `rtc`, which has everything but its local candidate, towards the server's `remote`.
    pub(crate) async fn start(mut rtc: Rtc, remote: SocketAddr) -> Self {
        let (socket, local) = bind(remote.ip()).await;
        rtc.add_local_candidate(Candidate::host(local, "udp").expect("a host"));
        // It stands still until it is told the time.
        rtc.handle_input(Input::Timeout(Instant::now())).expect("begins");
        let (orders, receiver) = mpsc::unbounded_channel();
        let (sender, seen) = watch::channel(Seen::default());
        tokio::spawn(Driver { rtc, socket, local, remote, raw: Vec::new(), seen: sender }.run(receiver));
        Self { ip: local.ip(), orders, seen }
    }

    fn order(&self, order: impl FnOnce(&mut Driver) + Send + 'static) {
        self.orders.send(Box::new(order)).unwrap_or_else(|_| panic!("the session ended: {:?}", self.look(|s| s.failure.clone())));
    }

    /// Changes the session.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Rtc) + Send + 'static) {
        self.order(|driver| change(&mut driver.rtc));
    }

    /// Sends RTP on a stream that was declared.
    pub(crate) fn write(&self, ssrc: Ssrc, packets: Vec<RtpWrite>) {
        self.with(move |rtc| {
            let mut api = rtc.direct_api();
            let stream = api.stream_tx(&ssrc).expect("was declared");
            packets.into_iter().for_each(|packet| stream.write_rtp(packet));
        });
    }

    /// Sends a datagram from the session's own address, past the session.
    pub(crate) fn send_raw(&self, datagram: Vec<u8>) {
        self.order(|driver| driver.raw.push(datagram));
    }

    /// Takes new credentials on both sides; from a new socket if it `moves`, like a phone that changes networks.
    pub(crate) async fn restart(&self, remote: IceCreds, moves: bool) {
        let new = if moves { Some(bind(self.ip).await) } else { None };
        self.order(move |driver| {
            let mut api = driver.rtc.direct_api();
            api.set_local_ice_credentials(IceCreds::new());
            api.set_remote_ice_credentials(remote);
            // Taken away and given again: a restart forgets the pairs.
            let old = Candidate::host(driver.local, "udp").expect("a host");
            assert!(api.invalidate_candidate(&old), "the candidate was there");
            if let Some((socket, local)) = new {
                (driver.socket, driver.local) = (socket, local);
            }
            driver.rtc.add_local_candidate(Candidate::host(driver.local, "udp").expect("a host"));
        });
    }

    /// Reads what was seen so far.
    pub(crate) fn look<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.seen.borrow())
    }

    /// Waits until what was seen is as `is_it` wants.
    pub(crate) async fn until(&self, what: &str, is_it: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.clone();
        within(what, seen.wait_for(is_it)).await.unwrap_or_else(|_| panic!("{what}: the session's task ended before"));
    }

    pub(crate) async fn until_connected(&self) {
        self.until("connected", |seen| {
            assert!(seen.failure.is_none(), "the session failed: {:?}", seen.failure);
            seen.is_connected
        })
        .await;
    }
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut buffer = vec![0; DATAGRAM_LEN_MAX];
        while let Some(due) = self.pump().await {
            let result = tokio::select! {
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    order(&mut self);
                    self.rtc.handle_input(Input::Timeout(Instant::now()))
                }
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((len, source)) => self.take(source, &buffer[..len]),
                    // An ICMP answer to something that was sent before.
                    Err(_) => Ok(()),
                },
                () = tokio::time::sleep_until(due.into()) => self.rtc.handle_input(Input::Timeout(Instant::now())),
            };
            if let Err(error) = result {
                self.seen.send_modify(|seen| seen.failure = Some(error.to_string()));
            }
        }
    }

    /// Sends and records all that the session gives; when it is due next. Nothing once it has ended.
    async fn pump(&mut self) -> Option<Instant> {
        for datagram in std::mem::take(&mut self.raw) {
            let _ = self.socket.send_to(&datagram, self.remote).await;
        }
        while self.rtc.is_alive() {
            match self.rtc.poll_output() {
                // `str0m` asks for a moment in the past when it has more to do.
                Ok(Output::Timeout(due)) => return Some(due.max(Instant::now() + Duration::from_micros(100))),
                Ok(Output::Transmit(transmit)) => {
                    // Candidates of a socket that was given up are still checked for a while.
                    if transmit.source == self.local {
                        self.seen.send_if_modified(|seen| seen.note_sent(&transmit.contents));
                        let _ = self.socket.send_to(&transmit.contents, transmit.destination).await;
                    }
                }
                Ok(Output::Event(event)) => {
                    let dtls_version = self.rtc.direct_api().dtls_protocol_version();
                    self.seen.send_modify(|seen| {
                        seen.dtls_version = dtls_version;
                        seen.note(event);
                    });
                }
                Err(error) => {
                    self.seen.send_modify(|seen| seen.failure = Some(error.to_string()));
                    return None;
                }
            }
        }
        None
    }

    fn take(&mut self, source: SocketAddr, datagram: &[u8]) -> Result<(), RtcError> {
        if let Ok(Message { class: Class::Success, transaction, .. }) = Message::parse(datagram) {
            self.seen.send_if_modified(|seen| {
                let ufrag = seen.nominating.remove(&transaction);
                ufrag.is_some_and(|ufrag| seen.nominated_with.insert(ufrag))
            });
        }
        let receive =
            Receive::new(Protocol::Udp, source, self.local, datagram).expect("the server sends nothing that does not parse");
        self.rtc.handle_input(Input::Receive(Instant::now(), receive))
    }
}

impl Seen {
    fn note(&mut self, event: Event) {
        match event {
            Event::Connected => self.is_connected = true,
            Event::RtpPacket(packet) => self.packets.push(packet),
            Event::KeyframeRequest(request) => *self.keyframe_requests.entry(request.mid).or_default() += 1,
            Event::RawPacket(raw) => {
                if let RawPacket::RtcpRx(rtcp) = *raw {
                    self.rtcp.push(rtcp);
                }
            }
            _ => {}
        }
    }

    /// RFC 7983 section 7, and RFC 5761 section 4 for RTCP. Whether someone may wait for it.
    fn note_sent(&mut self, datagram: &[u8]) -> bool {
        match datagram {
            [0..=3, ..] => self.note_check(datagram),
            [128..=191, 192..=223, ..] => self.last_srtcp = datagram.to_vec(),
            [128..=191, ..] => self.last_srtp = datagram.to_vec(),
            _ => {}
        }
        matches!(datagram, [128..=191, 192..=223, ..])
    }

    fn note_check(&mut self, datagram: &[u8]) {
        let message = Message::parse(datagram).expect("the session sends STUN");
        if let (true, Some((ufrag, _))) = (message.use_candidate, message.username.and_then(|name| name.split_once(':'))) {
            self.nominating.insert(message.transaction, ufrag.to_owned());
        }
    }
}
