//! DTLS: who may begin, what is verified, what is lost and sent again, and how it ends.

use crate::peer::{Peer, Subject, assert_media_flows, connected, exchange, path};
use corelay_core::control::{DtlsRole, FingerprintAlgorithm, Refusal, RemoteDtls, SrtpProfile, TransportFailure, TransportState};
use corelay_core::drop_reason::DropReason;
use corelay_core::transport::DtlsVersions;
use corelay_core::transport::dtls::HANDSHAKE_DEADLINE;
use std::time::Duration;

const ROLES: [DtlsRole; 2] = [DtlsRole::Client, DtlsRole::Server];
const VERSIONS: [DtlsVersions; 3] = [DtlsVersions::V12, DtlsVersions::V13, DtlsVersions::Auto];

#[test]
fn both_roles_connect_in_every_version() {
    for (versions, role) in VERSIONS.into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = connected(versions, role);
        let states = subject.states();
        let last =
            TransportState::Connected { after: Duration::ZERO, profile: SrtpProfile::AeadAes256Gcm, remote: peer.path.remote };
        assert_eq!(states, [TransportState::Checking, TransportState::Connecting, last], "{versions:?} {role:?}");
        assert!(subject.transport.is_connected());
        assert!(subject.certificate.fingerprint().matches(&peer.shown.clone().unwrap()));
        assert_media_flows(&mut subject, &mut peer, 1);
    }
}

#[test]
fn a_server_that_takes_all_versions_serves_each() {
    for versions in [DtlsVersions::V12, DtlsVersions::V13] {
        let (mut subject, mut peer) = (Subject::new(DtlsVersions::Auto), Peer::new(DtlsRole::Client, versions));
        subject.nominate(peer.path);
        subject.connect(&peer);
        let hello = peer.wake(subject.now);
        exchange(&mut subject, &mut peer, hello, |_| true);
        assert_media_flows(&mut subject, &mut peer, 1);
    }
}

#[test]
fn rtcp_flows_both_ways() {
    let (mut subject, mut peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    let (compound, mut sealed) = ([0x80, 201, 0, 1, 0, 0, 0, 7], [0; 64]);
    let len = subject.transport.seal_rtcp(&compound, &mut sealed).unwrap();
    assert_eq!(len, compound.len() + subject.transport.rtcp_overhead());
    let session = peer.session.as_mut().unwrap();
    assert_eq!(session.open_rtcp(&mut sealed[..len]).unwrap().compound(), compound);
    let len = session.seal_rtcp(&compound, &mut sealed).unwrap();
    assert_eq!(subject.transport.open_rtcp(subject.now, peer.path, &mut sealed[..len]).unwrap().compound(), compound);
}

#[test]
fn any_announced_fingerprint_will_do() {
    for algorithm in [FingerprintAlgorithm::Sha256, FingerprintAlgorithm::Sha384, FingerprintAlgorithm::Sha512] {
        let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
        let stranger = Peer::new(DtlsRole::Client, DtlsVersions::V12).fingerprint(FingerprintAlgorithm::Sha256);
        let remote =
            RemoteDtls { role: DtlsRole::Client, fingerprints: [stranger, peer.fingerprint(algorithm)].into_iter().collect() };
        subject.nominate(peer.path);
        subject.transport.connect(subject.now, remote).unwrap();
        let hello = peer.wake(subject.now);
        exchange(&mut subject, &mut peer, hello, |_| true);
        assert!(subject.transport.is_connected());
    }
}

#[test]
fn another_certificate_than_the_announced_gets_no_keys() {
    for (versions, role) in VERSIONS.into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = (Subject::new(versions), Peer::new(role, versions));
        subject.nominate(peer.path);
        subject.connect(&Peer::new(role, versions));
        subject.timeout();
        let hello = if role == DtlsRole::Client { peer.wake(subject.now) } else { Vec::new() };
        exchange(&mut subject, &mut peer, hello, |_| true);
        assert_eq!(
            subject.last_state(),
            Some(TransportState::Failed(TransportFailure::FingerprintMismatch)),
            "{versions:?} {role:?}"
        );
        assert_eq!((subject.transport.profile(), subject.transport.is_connected()), (None, false));
        let mut dst = [0; 64];
        assert_eq!(subject.transport.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 7], &mut dst), None);
    }
}

#[test]
fn dtls_waits_for_ice() {
    let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
    subject.connect(&peer);
    let hello = peer.wake(subject.now).remove(0);
    assert_eq!(subject.dtls(peer.path, &hello), Err(DropReason::DtlsTooEarly));
    subject.nominate(path(6000));
    subject.sent();
    assert_eq!(subject.dtls(peer.path, &hello), Err(DropReason::DtlsTooEarly), "another address passed");
    assert_eq!(subject.sent(), []);
    subject.check(peer.path);
    subject.sent();
    assert_eq!(subject.dtls(peer.path, &hello), Ok(()));
    assert!(!subject.sent().is_empty());
}

/// Browsers nominate with their second check, 50 ms after the first: neither the handshake nor media waits for that.
#[test]
fn media_goes_where_the_handshake_was_completed_until_a_pair_is_nominated() {
    let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
    subject.connect(&peer);
    subject.check(path(6000));
    subject.check(peer.path);
    assert_eq!(subject.transport.path(), None, "no pair is better than the other");
    let hello = peer.wake(subject.now);
    exchange(&mut subject, &mut peer, hello, |_| true);
    let states = subject.states();
    assert_eq!(states[..2], [TransportState::Checking, TransportState::Connecting]);
    assert!(matches!(states[2..], [TransportState::Connected { .. }]), "{states:?}");
    assert_eq!(subject.transport.path(), Some(peer.path));
    assert_media_flows(&mut subject, &mut peer, 1);
    subject.check(path(7000));
    assert_eq!(subject.transport.path(), Some(peer.path), "a check alone moves nothing");
    subject.nominate(path(6000));
    assert_eq!(subject.transport.path(), Some(path(6000)), "what is nominated counts");
    assert_eq!(subject.states(), []);
}

/// What arrives before `connect` is kept, so that the peer's retransmission need not be waited for.
#[test]
fn a_hello_before_connect_is_answered_at_connect() {
    let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::with_mtu(DtlsRole::Client, DtlsVersions::V12, 100));
    subject.nominate(peer.path);
    let hello = peer.wake(subject.now);
    assert!((2..=4).contains(&hello.len()));
    for datagram in &hello {
        assert_eq!(subject.dtls(peer.path, datagram), Ok(()));
    }
    subject.sent();
    for _ in hello.len()..4 {
        assert_eq!(subject.dtls(peer.path, &hello[0]), Ok(()));
    }
    assert_eq!(subject.dtls(peer.path, &hello[0]), Err(DropReason::DtlsTooEarly), "only a few are kept");
    assert_eq!(subject.sent(), []);
    subject.connect(&peer);
    assert_eq!(subject.transport.poll_timeout(), Some(subject.now), "connect asks to be woken at once");
    subject.timeout();
    exchange(&mut subject, &mut peer, Vec::new(), |_| true);
    assert!(subject.transport.is_connected());
}

/// As Chromium's with its post-quantum key share, in any order.
#[test]
fn a_hello_in_several_datagrams_is_put_together() {
    use DtlsVersions::{Auto, V12, V13};
    for (ours, theirs) in [(V12, V12), (V13, V13), (Auto, V12), (Auto, V13)] {
        for reversed in [false, true] {
            let (mut subject, mut peer) = (Subject::new(ours), Peer::with_mtu(DtlsRole::Client, theirs, 100));
            subject.nominate(peer.path);
            subject.connect(&peer);
            let mut hello = peer.wake(subject.now);
            assert!(hello.len() >= 2, "{theirs:?}: {} datagrams", hello.len());
            if reversed {
                hello.reverse();
            }
            exchange(&mut subject, &mut peer, hello, |_| true);
            assert!(subject.transport.is_connected(), "{ours:?} and {theirs:?}, reversed: {reversed}");
        }
    }
}

#[test]
fn our_lost_flight_is_sent_again_by_our_timer() {
    for (versions, role) in [DtlsVersions::V12, DtlsVersions::V13].into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = (Subject::new(versions), Peer::new(role, versions));
        subject.nominate(peer.path);
        subject.connect(&peer);
        subject.timeout();
        let hello = if role == DtlsRole::Client { peer.wake(subject.now) } else { Vec::new() };
        exchange(&mut subject, &mut peer, hello, |_| false);
        assert!(!subject.transport.is_connected());
        subject.pass(Duration::from_millis(600));
        exchange(&mut subject, &mut peer, Vec::new(), |_| true);
        assert!(subject.transport.is_connected(), "{versions:?} {role:?}");
    }
}

#[test]
fn the_peers_lost_flight_is_sent_again_by_its_timer() {
    let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
    subject.nominate(peer.path);
    subject.connect(&peer);
    assert!(!peer.wake(subject.now).is_empty(), "and all of it is lost");
    let wait = peer.wakes_at().unwrap().since(subject.now);
    subject.pass(wait);
    let again = peer.wake(subject.now);
    exchange(&mut subject, &mut peer, again, |_| true);
    assert!(subject.transport.is_connected());
}

#[test]
fn a_handshake_that_never_begins_fails_in_the_end() {
    for role in ROLES {
        let mut subject = Subject::new(DtlsVersions::V12);
        let peer = Peer::new(role, DtlsVersions::V12);
        subject.nominate(peer.path);
        subject.connect(&peer);
        let mut waited = Duration::ZERO;
        while subject.last_state() != Some(TransportState::Failed(TransportFailure::Handshake)) {
            assert!(waited <= HANDSHAKE_DEADLINE, "{role:?}");
            subject.pass(Duration::from_secs(1));
            waited += Duration::from_secs(1);
            if subject.transport.path().is_some() {
                subject.nominate(peer.path);
            }
            subject.sent();
        }
        assert_eq!(subject.transport.poll_timeout(), None);
    }
}

#[test]
fn garbage_from_a_valid_address_does_not_stop_the_handshake() {
    let (mut subject, mut peer) = (Subject::new(DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
    subject.nominate(peer.path);
    subject.connect(&peer);
    subject.timeout();
    let hello = peer.wake(subject.now);
    for len in 0..hello[0].len() {
        let _ = subject.dtls(peer.path, &hello[0][..len]);
        let _ = subject.dtls(peer.path, &vec![22; len]);
    }
    subject.sent();
    assert_eq!(subject.states().len(), 2, "nothing failed");
    exchange(&mut subject, &mut peer, hello, |_| true);
    assert!(subject.transport.is_connected());
}

/// Alerts of the first epoch are not authenticated: anyone who can forge the address could send one.
#[test]
fn a_forged_alert_does_not_end_the_handshake() {
    for (versions, role) in VERSIONS.into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = (Subject::new(versions), Peer::new(role, versions));
        subject.nominate(peer.path);
        subject.connect(&peer);
        subject.timeout();
        let fatal = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
        assert_eq!(subject.dtls(peer.path, &fatal), Err(DropReason::DtlsAlert));
        let hello = if role == DtlsRole::Client { peer.wake(subject.now) } else { Vec::new() };
        exchange(&mut subject, &mut peer, hello, |_| true);
        assert!(subject.transport.is_connected(), "{versions:?} {role:?}");
    }
}

#[test]
fn a_forged_alert_does_not_end_the_media() {
    for versions in [DtlsVersions::V12, DtlsVersions::V13] {
        let (mut subject, mut peer) = connected(versions, DtlsRole::Client);
        subject.states();
        let fatal = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
        let _ = subject.dtls(peer.path, &fatal);
        assert_eq!(subject.states(), []);
        assert_media_flows(&mut subject, &mut peer, 1);
    }
}

#[test]
fn the_peers_goodbye_closes() {
    for (versions, role) in [DtlsVersions::V12, DtlsVersions::V13].into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = connected(versions, role);
        subject.states();
        for datagram in peer.close() {
            subject.dtls(peer.path, &datagram).unwrap();
        }
        assert_eq!(subject.states(), [TransportState::Closed], "{versions:?} {role:?}");
        assert_eq!((subject.transport.path(), subject.transport.poll_timeout()), (None, None));
    }
}

#[test]
fn our_goodbye_reaches_the_peer() {
    for (versions, role) in [DtlsVersions::V12, DtlsVersions::V13].into_iter().flat_map(|v| ROLES.map(|r| (v, r))) {
        let (mut subject, mut peer) = connected(versions, role);
        subject.sent();
        subject.close();
        for (_, datagram) in subject.sent() {
            peer.take(subject.now, &datagram);
        }
        assert!(peer.said_goodbye, "{versions:?} {role:?}");
        assert_eq!(subject.last_state(), Some(TransportState::Closed));
    }
}

#[test]
fn a_transport_without_a_peer_closes_silently() {
    let mut subject = Subject::new(DtlsVersions::V12);
    subject.close();
    assert_eq!((subject.sent(), subject.states()), (vec![], vec![TransportState::Closed]));
    let peer = Peer::new(DtlsRole::Client, DtlsVersions::V12);
    assert!(matches!(subject.transport.connect(subject.now, peer.remote()), Err(Refusal::State(_))));
}

#[test]
fn connect_is_one_call_however_often_it_is_made() {
    let mut subject = Subject::new(DtlsVersions::V12);
    let (peer, stranger) = (Peer::new(DtlsRole::Client, DtlsVersions::V12), Peer::new(DtlsRole::Client, DtlsVersions::V12));
    let nobody = RemoteDtls { role: DtlsRole::Client, fingerprints: Default::default() };
    assert!(matches!(subject.transport.connect(subject.now, nobody), Err(Refusal::Conflict(_))));
    assert_eq!(subject.transport.connect(subject.now, peer.remote()), Ok(()));
    assert_eq!(subject.transport.connect(subject.now, peer.remote()), Ok(()));
    assert!(matches!(subject.transport.connect(subject.now, stranger.remote()), Err(Refusal::State(_))));
    let other_role = RemoteDtls { role: DtlsRole::Server, ..peer.remote() };
    assert!(matches!(subject.transport.connect(subject.now, other_role), Err(Refusal::State(_))));
}

#[test]
fn media_waits_for_keys() {
    let mut subject = Subject::new(DtlsVersions::V12);
    let mut packet = [0x80; 40];
    assert_eq!(subject.transport.open_rtp(subject.now, path(5000), &mut packet).unwrap_err(), DropReason::UnknownSource);
    subject.nominate(path(5000));
    assert_eq!(subject.transport.open_rtp(subject.now, path(5000), &mut packet).unwrap_err(), DropReason::SrtpTooEarly);
    assert_eq!(subject.transport.open_rtcp(subject.now, path(5000), &mut packet).unwrap_err(), DropReason::SrtpTooEarly);
    assert_eq!((subject.transport.overhead(), subject.transport.rtcp_overhead()), (0, 0));
}
