//! A participant: checks, DTLS as the client, sources that it publishes, subscriptions that it receives, reports.

use crate::endpoint::Endpoint;
use crate::ice_client::{IceClient, binding_request};
use crate::media::{Packet as MediaPacket, Source};
use crate::received::{Received, Report};
use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::control::{IceCredentials, RemoteDtls, TransportState};
use corelay_core::outbox::{Outbox, Path, RUN_BYTES_MAX};
use corelay_core::transport::{DtlsSetup, Transport};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::ids::{ParticipantId, TransportId};
use corelay_wire::rtcp::{
    Compound, CompoundWriter, Fir, FirRequest, Packet, Pli, ReceiverReport, ReportBlock, ReportBlocks, SdesCname, SenderReport,
};
use corelay_wire::rtp::RtpHeader;
use corelay_wire::units::{Instant, NtpTimestamp, Ssrc};

const REPORTS: Duration = Duration::from_secs(1);

/// One participant with one transport for both directions.
#[derive(Debug)]
pub struct Peer {
    /// Signaling's name for it.
    pub participant: ParticipantId,
    /// The server's transport for it.
    pub transport_id: TransportId,
    /// Where it is.
    pub address: SocketAddr,
    /// What it publishes.
    pub sources: Vec<Source>,
    /// What it gets.
    pub received: Vec<Received>,
    /// Media as browsers have them, beside the plain sources above.
    pub media: Endpoint,
    /// DTLS is done.
    pub connected: bool,
    /// RTCP report blocks about what it publishes, the newest last.
    pub told: Vec<ReportBlock>,
    /// Does nothing while set, as if its machine slept.
    pub asleep: bool,
    /// Its checks.
    pub ice: IceClient,
    server: SocketAddr,
    own: IceCredentials,
    transport: Transport,
    outbox: Outbox,
    wall_origin: NtpTimestamp,
    next_report: Instant,
    wanted: Vec<Wish>,
    fir_sequence: u8,
}

/// A keyframe request to be sent.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Pli(Ssrc),
    Fir(FirRequest),
}

/// What a peer is made of.
#[derive(Debug)]
pub struct PeerSetup {
    /// Signaling's name for it.
    pub participant: ParticipantId,
    /// The server's transport for it.
    pub transport: TransportId,
    /// Where it is.
    pub address: SocketAddr,
    /// Where the server is.
    pub server: SocketAddr,
    /// Its own ICE credentials.
    pub own: IceCredentials,
    /// The server's.
    pub remote: IceCredentials,
    /// Its certificate.
    pub dtls: DtlsSetup,
    /// The server's DTLS parameters.
    pub remote_dtls: RemoteDtls,
    /// Its wall clock at the start of the simulation.
    pub wall_origin: NtpTimestamp,
    /// What its models take their chances from.
    pub seed: u64,
}

impl Peer {
    /// Begins its checks at once.
    pub fn new(now: Instant, setup: PeerSetup) -> Self {
        let mut transport = Transport::new(now, setup.transport, setup.own.clone(), setup.dtls);
        transport.connect(now, setup.remote_dtls).expect("a new transport connects");
        Self {
            participant: setup.participant,
            transport_id: setup.transport,
            address: setup.address,
            sources: Vec::new(),
            received: Vec::new(),
            media: Endpoint::new(now, setup.seed),
            connected: false,
            told: Vec::new(),
            asleep: false,
            ice: IceClient::new(setup.remote, now),
            server: setup.server,
            own: setup.own,
            transport,
            outbox: Outbox::new(2 * RUN_BYTES_MAX, 64),
            wall_origin: setup.wall_origin,
            next_report: now + REPORTS,
            wanted: Vec::new(),
            fir_sequence: 0,
        }
    }

    /// What it received of the subscription to the source with this tag.
    pub fn of(&self, tag: u32) -> &Received {
        self.received.iter().rfind(|r| r.tag == tag).expect("subscribed")
    }

    /// The source with this tag.
    pub fn source(&mut self, tag: u32) -> &mut Source {
        self.sources.iter_mut().find(|s| s.tag == tag).expect("published")
    }

    /// Asks for a keyframe with the next RTCP.
    pub fn want_keyframe(&mut self, tag: u32) {
        let ssrc = self.of(tag).parameters.ssrc;
        self.wanted.push(Wish::Pli(ssrc));
    }

    /// The same by FIR, as of a decoder that must begin anew.
    pub fn want_keyframe_by_fir(&mut self, tag: u32) {
        let media = self.of(tag).parameters.ssrc;
        self.fir_sequence = self.fir_sequence.wrapping_add(1);
        self.wanted.push(Wish::Fir(FirRequest { media, sequence: self.fir_sequence }));
    }

    /// Moves to another address, as a phone from one network to another does.
    pub fn move_to(&mut self, now: Instant, address: SocketAddr) {
        self.address = address;
        self.ice.begin_again(now);
    }

    /// When it has something to do next.
    pub fn next(&self) -> Instant {
        let own = [Some(self.ice.next()), Some(self.next_report), self.transport.poll_timeout()];
        own.into_iter().flatten().chain(self.sources.iter().map(Source::next)).chain(self.media.next()).min().expect("checks go on")
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, now: Instant, bytes: &mut [u8]) {
        let path = self.path();
        match classify(bytes) {
            Some(Protocol::Stun) => {
                self.ice.answer(now, bytes);
                // Its own transport is of the lite kind and takes a check for proof that the address is good.
                let check = binding_request(&self.own, "server", now.as_nanos());
                let _ = self.transport.handle_stun(now, path, &check, &mut self.outbox);
            }
            Some(Protocol::Dtls) => {
                let _ = self.transport.handle_dtls(now, path, bytes, &mut self.outbox);
            }
            Some(Protocol::Rtp) => {
                if let Ok(opened) = self.transport.open_rtp(now, path, bytes) {
                    let header = RtpHeader::parse(opened.packet()).expect("the server makes valid packets");
                    if !self.media.take_rtp(now, &header, opened.packet()) {
                        let stream = self.received.iter_mut().find(|r| r.parameters.ssrc == header.ssrc);
                        stream.expect("only what was subscribed arrives").take(now, &header, opened.packet());
                    }
                }
            }
            Some(Protocol::Rtcp) => self.receive_rtcp(now, bytes),
            None => panic!("the server speaks four protocols"),
        }
        self.read_state();
    }

    fn receive_rtcp(&mut self, now: Instant, bytes: &mut [u8]) {
        let path = self.path();
        let Ok(opened) = self.transport.open_rtcp(now, path, bytes) else { return };
        let compound = Compound::parse(opened.compound()).expect("the server makes valid compounds");
        for packet in compound.iter() {
            let packet = packet.expect("the server makes valid RTCP");
            self.media.take_rtcp(now, &packet, self.wall_origin);
            match packet {
                Packet::SenderReport(report) => {
                    let (ntp, timestamp, packets) = (report.ntp, report.rtp_timestamp, report.packet_count);
                    if let Some(stream) = self.received.iter_mut().find(|r| r.parameters.ssrc == report.ssrc) {
                        stream.reports.push(Report { at: now, ntp, timestamp, packets });
                    }
                }
                Packet::ReceiverReport(report) => self.told.extend(report.blocks.iter()),
                Packet::Sdes(sdes) => {
                    for (ssrc, cname) in sdes.cnames() {
                        if let Some(stream) = self.received.iter_mut().find(|r| r.parameters.ssrc == ssrc) {
                            stream.cname = Some(String::from_utf8_lossy(cname).into_owned());
                        }
                    }
                }
                Packet::Bye(bye) => {
                    for ssrc in bye.ssrcs() {
                        self.received.iter_mut().filter(|r| r.parameters.ssrc == ssrc).for_each(|r| r.goodbye = true);
                    }
                }
                Packet::Pli(pli) => self.sources.iter_mut().filter(|s| s.ssrc == pli.media).for_each(Source::make_keyframe),
                Packet::Fir(fir) => {
                    for request in fir.requests() {
                        for source in self.sources.iter_mut().filter(|s| s.ssrc == request.media) {
                            source.fir_sequences.push(request.sequence);
                            source.make_keyframe();
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Does what is due; gives the datagrams to send.
    pub fn work(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = self.ice.check(now, &self.own.ufrag).into_iter().collect();
        if self.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.transport.handle_timeout(now, &mut self.outbox);
        }
        self.read_state();
        for source in &mut self.sources {
            for packet in source.frame(now, self.connected) {
                out.extend(seal(&self.transport, &packet));
            }
        }
        for packet in self.media.work(now, self.connected) {
            out.extend(seal(&self.transport, &packet));
        }
        for compound in self.media.rtcp(now, self.wall_origin) {
            out.extend(self.seal_compound(&compound));
        }
        out.extend(self.report(now));
        out.extend(self.flush());
        out
    }

    /// Seals a packet that the caller made, in place of a source's; `None` before the peer is connected.
    pub fn seal(&self, packet: &MediaPacket) -> Option<Vec<u8>> {
        seal(&self.transport, packet)
    }

    /// Seals a compound that the caller made; `None` before the peer is connected.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = vec![0; 1_500];
        let len = self.transport.seal_rtcp(compound, &mut sealed)?;
        sealed.truncate(len);
        Some(sealed)
    }

    /// What its transport has to say, without the answers to its own checks.
    pub fn flush(&mut self) -> Vec<Vec<u8>> {
        let packets = self.outbox.runs().flat_map(|r| r.packets().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let out = packets.filter(|p| classify(p) != Some(Protocol::Stun)).collect();
        self.outbox.clear();
        out
    }

    fn report(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next_report && self.wanted.is_empty() {
            return None;
        }
        self.next_report = now + REPORTS;
        let mut compound = [0; 1_200];
        let mut writer = CompoundWriter::new(&mut compound);
        for source in self.sources.iter().filter(|s| s.sent.0 > 0) {
            let (ntp, rtp_timestamp) = source.clock_pair(now, self.wall_origin);
            let (packet_count, octet_count) = source.sent;
            let blocks = ReportBlocks::EMPTY;
            writer.push(&SenderReport { ssrc: source.ssrc, ntp, rtp_timestamp, packet_count, octet_count, blocks })?;
        }
        let blocks: Vec<_> = self.received.iter().filter_map(|r| report_block(r, now)).take(20).collect();
        writer.push(&ReceiverReport { ssrc: Ssrc(1), blocks: ReportBlocks::new(&blocks) })?;
        writer.push(&SdesCname { ssrc: Ssrc(1), cname: b"peer" })?;
        for wish in self.wanted.drain(..) {
            match wish {
                Wish::Pli(media) => writer.push(&Pli { sender: Ssrc(1), media })?,
                Wish::Fir(request) => writer.push(&Fir { sender: Ssrc(1), entries: &[request.to_bytes()] })?,
            }
        }
        let len = writer.len();
        self.seal_compound(&compound[..len])
    }

    fn seal_compound(&mut self, compound: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = vec![0; 1_500];
        let len = self.transport.seal_rtcp(compound, &mut sealed)?;
        sealed.truncate(len);
        Some(sealed)
    }

    fn read_state(&mut self) {
        while let Some(state) = self.transport.poll_state() {
            self.connected = matches!(state, TransportState::Connected { .. });
        }
    }

    fn path(&self) -> Path {
        // One local address whatever the peer's own is: to its transport only the server's side matters.
        Path { remote: self.server, local: self.server.ip() }
    }
}

fn seal(transport: &Transport, packet: &MediaPacket) -> Option<Vec<u8>> {
    let mut sealed = vec![0; 1_500];
    let len = transport.seal_rtp(packet.index, &packet.header, &packet.payload, &mut sealed)?;
    sealed.truncate(len);
    Some(sealed)
}

fn report_block(received: &Received, now: Instant) -> Option<[u8; 24]> {
    let last = received.reports.last()?;
    let block = ReportBlock {
        ssrc: received.parameters.ssrc,
        fraction_lost: 0,
        cumulative_lost: 0,
        extended_highest_sequence: received.arrivals.last()?.sequence as u32,
        jitter: 0,
        last_sender_report: last.ntp.middle(),
        delay_since_last_sender_report: ((now.since(last.at).as_nanos() << 16) / 1_000_000_000) as u32,
    };
    Some(block.to_bytes())
}
