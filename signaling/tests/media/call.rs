//! Two peers talk: what arrives is what was sent, and nothing is left when they go.

use crate::check::{caught_up, complete, count, reported};
use crate::peer::{Manner, Peer, Subscription, flow_until};
use crate::server::{start, start_on_each_backend, start_spilling, until_empty};
use crate::source::{FORMATS, Format, OPUS, VP8};
use corelay_engine::config::DtlsVersions;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use str0m::config::DtlsVersion;
use str0m::crypto::dtls::ProtocolVersion;

/// Enough for a wrap of the sequence numbers and of the timestamps.
const PACKETS: usize = 150;
/// The first one may be early, with little to tell.
const REPORTS: usize = 2;

/// A call of two that publish `formats` both ways, checked, until both have left.
///
/// Gives the DTLS version that was agreed on.
async fn call(server: SocketAddr, room: &str, manner: Manner, formats: &[&'static Format]) -> Option<ProtocolVersion> {
    let mut peers = vec![Peer::join(server, room, "ada", manner).await, Peer::join(server, room, "bob", manner).await];
    let mut subscriptions: Vec<(usize, Subscription, String)> = Vec::new();
    for (from, to) in [(0, 1), (1, 0)] {
        for format in formats {
            let producer = peers[from].publish(format).await;
            let subscription = peers[to].consume(&producer).await;
            assert_eq!(subscription.payload_type, format.forwarded_as);
            subscriptions.push((to, subscription, producer));
        }
    }
    flow_until("media and reports", &mut peers, |peers| {
        subscriptions.iter().all(|(to, subscription, _)| {
            let is_reported = peers[*to].received(|seen| seen.sender_reports(subscription.ssrc).count() >= REPORTS);
            is_reported && count(&peers[*to], subscription) >= PACKETS
        })
    })
    .await;
    for (to, subscription, producer) in &subscriptions {
        let (receiver, source) = (&peers[*to], peers[1 - to].source(producer));
        receiver.receive.leg.until("the last packet", |seen| caught_up(seen, subscription, source)).await;
        complete(receiver, subscription, source);
        receiver.received(|seen| reported(seen, subscription, source));
    }
    let version = peers[0].received(|seen| seen.dtls_version);
    for peer in peers {
        peer.leave().await;
    }
    until_empty(server).await;
    version
}

#[tokio::test]
async fn audio_and_video_both_ways_on_both_back_ends() {
    for server in start_on_each_backend().await {
        call(server.address(), "call", Manner::default(), &[OPUS, VP8]).await;
    }
}

/// Each on a shard of its own: both directions cross.
#[tokio::test]
async fn audio_and_video_both_ways_between_shards() {
    let server = start_spilling(1).await;
    call(server.address(), "call", Manner::default(), &[OPUS, VP8]).await;
}

#[tokio::test]
async fn over_ipv6() {
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: there is no IPv6 loopback here");
        return;
    }
    let server = start(|_| {}).await;
    call(server.address(), "call", Manner { ip: Ipv6Addr::LOCALHOST.into(), ..Manner::default() }, &[OPUS, VP8]).await;
}

#[tokio::test]
async fn every_codec() {
    let server = start(|_| {}).await;
    call(server.address(), "call", Manner { ip: Ipv4Addr::LOCALHOST.into(), ..Manner::default() }, &FORMATS).await;
}

#[tokio::test]
async fn the_server_may_be_the_dtls_client() {
    let server = start(|_| {}).await;
    call(server.address(), "call", Manner { role: "server", ..Manner::default() }, &[OPUS, VP8]).await;
}

#[tokio::test]
async fn dtls_1_3_where_it_is_switched_on() {
    for (ours, theirs, expected) in [
        (DtlsVersions::V13, DtlsVersion::Dtls13, ProtocolVersion::DTLS1_3),
        (DtlsVersions::Auto, DtlsVersion::Dtls13, ProtocolVersion::DTLS1_3),
        (DtlsVersions::Auto, DtlsVersion::Dtls12, ProtocolVersion::DTLS1_2),
        (DtlsVersions::Auto, DtlsVersion::Auto, ProtocolVersion::DTLS1_3),
        (DtlsVersions::V12, DtlsVersion::Auto, ProtocolVersion::DTLS1_2),
    ] {
        let server = start(|config| config.dtls_version = ours).await;
        // Both roles at once: each call is short, but waits for reports.
        let with_role = |role| call(server.address(), role, Manner { role, dtls: theirs, ..Manner::default() }, &[OPUS]);
        let (client, server) = tokio::join!(with_role("client"), with_role("server"));
        assert_eq!((client, server), (Some(expected), Some(expected)), "server {ours:?}, peer {theirs:?}");
    }
}
