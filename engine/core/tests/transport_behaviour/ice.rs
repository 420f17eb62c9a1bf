//! ICE-lite: who is answered, which path is used, and when consent ends.

use crate::peer::{Subject, assert_media_flows, connected, credentials, path};
use crate::stun::*;
use corelay_core::control::{DtlsRole, Refusal, TransportFailure, TransportState};
use corelay_core::drop_reason::DropReason;
use corelay_core::transport::{CONSENT_LIFETIME, DtlsVersions, SILENCE_MAX};
use std::time::Duration;

fn subject() -> Subject {
    Subject::new(DtlsVersions::V12)
}

/// The answer to a message, which must be the only thing that is sent.
fn answer(subject: &mut Subject) -> Answer {
    let sent = subject.sent();
    assert_eq!(sent.len(), 1);
    Answer::read(&sent[0].1, &subject.credentials.password)
}

/// `message` is refused for `reason`, without an answer and without any change.
fn assert_ignored(message: &[u8], reason: DropReason) {
    let mut subject = subject();
    assert_eq!(subject.stun(path(5000), message), Err(reason));
    assert_eq!((subject.sent(), subject.states()), (vec![], vec![]));
    assert_eq!((subject.transport.path(), subject.transport.poll_timeout()), (None, None));
    assert_eq!(subject.dtls(path(5000), &[22; 50]), Err(DropReason::DtlsTooEarly));
}

#[test]
fn a_check_is_answered_with_the_address_it_came_from() {
    let mut subject = subject();
    subject.check(path(5000));
    let answer = answer(&mut subject);
    assert_eq!((answer.kind, answer.mapped_address()), (BINDING_SUCCESS, path(5000).remote));
    assert_eq!(subject.states(), [TransportState::Checking]);
    assert_eq!(subject.transport.path(), None, "nothing is nominated");
}

#[test]
fn nomination_selects_the_path() {
    let mut subject = subject();
    subject.nominate(path(5000));
    assert_eq!(subject.states(), [TransportState::Checking, TransportState::Connecting]);
    assert_eq!(subject.transport.path(), Some(path(5000)));
}

#[test]
fn who_does_not_know_the_password_is_not_answered() {
    let own = credentials(1);
    let check = || Stun::check(&own.ufrag).nominate();
    assert_ignored(&check().sign("wrong").finish(), DropReason::StunBadIntegrity);
    assert_ignored(&check().finish(), DropReason::StunBadIntegrity);
    assert_ignored(&check().sign(&own.password).bare(), DropReason::StunMalformed);
    let mut damaged = check().sign(&own.password).finish();
    *damaged.last_mut().unwrap() ^= 1;
    assert_ignored(&damaged, DropReason::StunMalformed);
}

#[test]
fn the_whole_user_fragment_must_be_ours() {
    let own = credentials(1);
    // The same transport by name, with other random bits.
    let other = credentials(2);
    assert_ignored(&Stun::check(&other.ufrag).sign(&own.password).finish(), DropReason::StunUnknownUfrag);
    assert_ignored(&Stun::check(&own.ufrag[1..]).sign(&own.password).finish(), DropReason::StunUnknownUfrag);
    let no_username = Stun::new(BINDING_REQUEST).with(PRIORITY, &[1; 4]).sign(&own.password).finish();
    assert_ignored(&no_username, DropReason::StunBadIntegrity);
    let no_colon =
        Stun::new(BINDING_REQUEST).with(USERNAME, own.ufrag.as_bytes()).with(PRIORITY, &[1; 4]).sign(&own.password).finish();
    assert_ignored(&no_colon, DropReason::StunBadIntegrity);
}

#[test]
fn only_requests_count() {
    let own = credentials(1);
    let username = format!("{}:peer", own.ufrag);
    let of_kind =
        |kind| Stun::new(kind).with(USERNAME, username.as_bytes()).with(PRIORITY, &[1; 4]).nominate().sign(&own.password).finish();
    assert_ignored(&of_kind(BINDING_SUCCESS), DropReason::StunUnexpected);
    assert_ignored(&of_kind(0x0003), DropReason::StunUnexpected);
    let mut subject = subject();
    assert_eq!(subject.stun(path(5000), &of_kind(BINDING_INDICATION)), Ok(()));
    assert_eq!((subject.sent(), subject.states(), subject.transport.path()), (vec![], vec![], None));
}

#[test]
fn truncated_and_garbage_messages_are_refused() {
    let own = credentials(1);
    let whole = Stun::check(&own.ufrag).nominate().sign(&own.password).finish();
    for len in 0..whole.len() {
        assert_ignored(&whole[..len], DropReason::StunMalformed);
    }
}

#[test]
fn who_knows_the_password_is_told_what_is_wrong() {
    let mut subject = subject();
    let own = subject.credentials.clone();
    let unknown = Stun::check(&own.ufrag).with(0x7FFF, &[1, 2, 3, 4]).nominate().sign(&own.password).finish();
    assert_eq!(subject.stun(path(5000), &unknown), Err(DropReason::StunMalformed));
    let unknown = answer(&mut subject);
    assert_eq!((unknown.kind, unknown.error_code()), (BINDING_ERROR, 420));
    assert_eq!(unknown.attribute(UNKNOWN_ATTRIBUTES), Some([0x7F, 0xFF].as_slice()));

    let username = format!("{}:peer", own.ufrag);
    let no_priority = Stun::new(BINDING_REQUEST).with(USERNAME, username.as_bytes()).nominate().sign(&own.password).finish();
    assert_eq!(subject.stun(path(5000), &no_priority), Err(DropReason::StunMalformed));
    assert_eq!(answer(&mut subject).error_code(), 400);
    assert_eq!((subject.states(), subject.transport.path()), (vec![], None));
}

/// RFC 8445 section 6.1.1: the lite side is controlled whatever the other believes.
#[test]
fn a_peer_that_thinks_it_is_controlled_gets_no_role_conflict() {
    let mut subject = subject();
    let own = subject.credentials.clone();
    let username = format!("{}:peer", own.ufrag);
    let check =
        Stun::new(BINDING_REQUEST).with(USERNAME, username.as_bytes()).with(ICE_CONTROLLED, &[9; 8]).with(PRIORITY, &[1; 4]);
    subject.stun(path(5000), &check.sign(&own.password).finish()).unwrap();
    assert_eq!(answer(&mut subject).kind, BINDING_SUCCESS);
}

#[test]
fn the_path_moves_by_nomination_only() {
    let (mut subject, mut peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    subject.check(path(6000));
    assert_eq!(subject.transport.path(), Some(path(5000)), "a check alone");
    peer.path = path(6000);
    assert_media_flows(&mut subject, &mut peer, 1);
    assert_eq!(subject.transport.path(), Some(path(5000)), "media from there");
    subject.nominate(path(6000));
    assert_eq!(subject.transport.path(), Some(path(6000)));
    subject.nominate(path(5000));
    assert_eq!(subject.transport.path(), Some(path(5000)), "the latest nomination wins");
    peer.path = path(7000);
    let mut sealed = [0x80; 40];
    assert_eq!(subject.transport.open_rtp(subject.now, path(7000), &mut sealed).unwrap_err(), DropReason::UnknownSource);
    assert_eq!(subject.transport.open_rtcp(subject.now, path(7000), &mut sealed).unwrap_err(), DropReason::UnknownSource);
}

#[test]
fn few_addresses_are_remembered_and_never_the_selected_one_forgotten() {
    let mut subject = subject();
    subject.nominate(path(5000));
    for port in 6000..6020 {
        subject.pass(Duration::from_millis(1));
        subject.check(path(port));
    }
    let is_valid = |subject: &mut Subject, port| {
        let mut packet = [0x80; 40];
        subject.transport.open_rtp(subject.now, path(port), &mut packet).unwrap_err() == DropReason::SrtpTooEarly
    };
    assert!(is_valid(&mut subject, 5000));
    assert_eq!((6000..6020).filter(|port| is_valid(&mut subject, *port)).collect::<Vec<_>>(), (6013..6020).collect::<Vec<_>>());
}

#[test]
fn a_restart_keeps_the_old_credentials_until_the_new_ones_nominate() {
    let (mut subject, mut peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    let (old, new) = (subject.credentials.clone(), credentials(2));
    subject.transport.restart_ice(new.clone()).expect("it is alive");
    subject.nominate(path(5000));
    subject.credentials = new;
    subject.check(path(6000));
    assert_eq!(subject.transport.path(), Some(path(5000)), "checked, not nominated");
    assert_media_flows(&mut subject, &mut peer, 1);

    subject.nominate(path(6000));
    assert_eq!(subject.transport.path(), Some(path(6000)));
    let stale = Stun::check(&old.ufrag).nominate().sign(&old.password).finish();
    assert_eq!(subject.stun(path(5000), &stale), Err(DropReason::StunUnknownUfrag));
    let mut packet = [0x80; 40];
    let from_old = subject.transport.open_rtp(subject.now, path(5000), &mut packet).unwrap_err();
    assert_eq!(from_old, DropReason::UnknownSource, "what the old credentials validated is forgotten");
    peer.path = path(6000);
    assert_media_flows(&mut subject, &mut peer, 2);
}

#[test]
fn silence_disconnects_and_anything_authentic_connects_again() {
    let (mut subject, mut peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    subject.states();
    subject.pass(SILENCE_MAX - Duration::from_millis(1));
    assert_eq!(subject.states(), []);
    subject.pass(Duration::from_millis(1));
    assert_eq!(subject.states(), [TransportState::Disconnected]);
    assert!(subject.transport.is_connected(), "consent has not run out");
    assert_media_flows(&mut subject, &mut peer, 1);
    assert!(matches!(subject.last_state(), Some(TransportState::Connected { .. })));
    subject.pass(SILENCE_MAX);
    assert_eq!(subject.states(), [TransportState::Disconnected]);
    subject.nominate(path(5000));
    assert!(matches!(subject.last_state(), Some(TransportState::Connected { .. })));
}

#[test]
fn consent_ends_without_checks_even_if_media_arrives() {
    let (mut subject, mut peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    for second in 1..30 {
        subject.pass(Duration::from_secs(1));
        assert_media_flows(&mut subject, &mut peer, second);
    }
    subject.states();
    subject.pass(Duration::from_secs(1));
    assert_eq!(subject.states(), [TransportState::Failed(TransportFailure::ConsentExpired)]);
    assert_eq!((subject.transport.path(), subject.transport.profile(), subject.transport.poll_timeout()), (None, None, None));
    assert!(!subject.transport.is_connected());
    let own = subject.credentials.clone();
    let late = Stun::check(&own.ufrag).nominate().sign(&own.password).finish();
    assert_eq!(subject.stun(path(5000), &late), Err(DropReason::StunUnknownUfrag));
    assert_eq!(subject.states(), []);
    assert!(matches!(subject.transport.restart_ice(own), Err(Refusal::State(_))), "no credentials that never work");
}

#[test]
fn checks_renew_consent() {
    let (mut subject, _peer) = connected(DtlsVersions::V12, DtlsRole::Client);
    subject.states();
    for _ in 0..20 {
        // The longest interval of RFC 7675, and one check lost.
        subject.pass(Duration::from_secs(12));
        subject.nominate(path(5000));
    }
    assert_eq!(subject.states(), [], "an idle peer does not flap");
    subject.pass(CONSENT_LIFETIME);
    assert_eq!(subject.last_state(), Some(TransportState::Failed(TransportFailure::ConsentExpired)));
}
