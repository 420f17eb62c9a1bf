//! SRTP and SRTCP against an independent implementation, both directions, every profile.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use corelay_core::control::{DtlsRole, SrtpProfile};
use corelay_core::drop_reason::DropReason;
use corelay_core::transport::srtp::{KeyingMaterial, SrtpSession};
use corelay_wire::units::{PacketIndex, Ssrc};
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

const PROFILES: [SrtpProfile; 3] = [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];

/// Ours as the DTLS server; theirs, one context a direction, as the client.
struct Pair {
    ours: SrtpSession,
    their_sender: Context,
    their_receiver: Context,
}

fn pair(profile: SrtpProfile) -> Pair {
    let export: Vec<u8> = (0..profile.keying_material_len()).map(|i| (i * 7 + 3) as u8).collect();
    let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
    let (keys, salts) = export.split_at(2 * key_len);
    let theirs = |half: usize| {
        let profile = match profile {
            SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
            SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let (key, salt) = (&keys[half * key_len..][..key_len], &salts[half * salt_len..][..salt_len]);
        Context::new(key, salt, profile, None, None).unwrap()
    };
    let material = KeyingMaterial::new(profile, &export).unwrap();
    Pair { ours: SrtpSession::new(&material, DtlsRole::Server), their_sender: theirs(0), their_receiver: theirs(1) }
}

/// A header with a contributing source and a one-byte header extension: all of it is authenticated, none encrypted.
fn header(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut header = vec![0x91, 0x60];
    header.extend(sequence.to_be_bytes());
    header.extend([0, 0, 0x12, 0x34]);
    header.extend(ssrc.to_be_bytes());
    header.extend([0xCA, 0xFE, 0xBA, 0xBE]);
    header.extend([0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0]);
    header
}

fn payload(sequence: u16) -> Vec<u8> {
    (0..usize::from(sequence % 1100) + 1).map(|i| (i as u8) ^ (sequence as u8)).collect()
}

fn compound(ssrc: u32, tail: u8) -> Vec<u8> {
    let mut compound = vec![0x80, 201, 0, 1];
    compound.extend(ssrc.to_be_bytes());
    compound.extend([0x81, 206, 0, 2]);
    compound.extend(ssrc.to_be_bytes());
    compound.extend([1, 2, 3, tail]);
    compound
}

/// Twice around the sequence numbers, in steps, so that the rollover count goes from 0 to 2.
fn indices() -> impl Iterator<Item = u64> {
    (65_400..65_700).chain((65_700..131_000).step_by(997)).chain(131_000..131_200)
}

#[test]
fn they_open_what_we_seal_over_rollovers() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        for index in indices() {
            let (header, payload) = (header(7, index as u16), payload(index as u16));
            let mut dst = [0; 1500];
            let len = pair.ours.seal_rtp(PacketIndex(index), &header, &payload, &mut dst).unwrap();
            assert_eq!(len, header.len() + payload.len() + profile.rtp_overhead());
            let opened = pair.their_receiver.decrypt_rtp(&dst[..len]).unwrap_or_else(|e| panic!("{profile:?} {index}: {e}"));
            assert_eq!(opened, [header, payload].concat());
        }
    }
}

#[test]
fn we_open_what_they_seal_over_rollovers() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        for index in indices() {
            let plain = [header(7, index as u16), payload(index as u16)].concat();
            let mut packet = pair.their_sender.encrypt_rtp(&plain).unwrap().to_vec();
            let opened = pair.ours.open_rtp(&mut packet).unwrap_or_else(|e| panic!("{profile:?} {index}: {e:?}"));
            assert_eq!((opened.packet(), opened.index(), opened.ssrc()), (plain.as_slice(), PacketIndex(index), Ssrc(7)));
            assert_eq!(opened.header_len(), header(7, 0).len());
        }
    }
}

#[test]
fn rtcp_both_ways() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        for tail in 0..20 {
            let plain = compound(9, tail);
            let mut dst = [0; 200];
            let len = pair.ours.seal_rtcp(&plain, &mut dst).unwrap();
            assert_eq!(len, plain.len() + profile.rtcp_overhead());
            assert_eq!(pair.their_receiver.decrypt_rtcp(&dst[..len]).unwrap(), plain);

            let mut packet = pair.their_sender.encrypt_rtcp(&plain).unwrap().to_vec();
            let opened = pair.ours.open_rtcp(&mut packet).unwrap();
            assert_eq!((opened.compound(), opened.sender()), (plain.as_slice(), Ssrc(9)));
        }
    }
}

#[test]
fn a_replay_is_refused_and_a_reordered_packet_is_not() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        let sealed: Vec<Vec<u8>> =
            (0..300u16).map(|s| pair.their_sender.encrypt_rtp(&[header(7, s), payload(s)].concat()).unwrap().to_vec()).collect();
        let mut open = |s: usize| pair.ours.open_rtp(&mut sealed[s].clone()).map(|o| o.index().0);
        assert_eq!(open(10), Ok(10));
        assert_eq!(open(5), Ok(5), "reordered");
        assert_eq!(open(10), Err(DropReason::SrtpReplayed));
        assert_eq!(open(5), Err(DropReason::SrtpReplayed));
        assert_eq!(open(200), Ok(200));
        assert_eq!(open(72), Err(DropReason::SrtpReplayed), "older than the window");
        assert_eq!(open(73), Ok(73), "the oldest in the window");
    }
}

#[test]
fn a_replayed_rtcp_packet_is_refused() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        let mut seal = |tail| pair.their_sender.encrypt_rtcp(&compound(9, tail)).unwrap().to_vec();
        let (first, second) = (seal(1), seal(2));
        assert!(pair.ours.open_rtcp(&mut second.clone()).is_ok());
        assert!(pair.ours.open_rtcp(&mut first.clone()).is_ok(), "reordered");
        for packet in [&first, &second] {
            assert_eq!(pair.ours.open_rtcp(&mut packet.clone()).unwrap_err(), DropReason::SrtcpReplayed);
        }
    }
}

/// Every bit of a packet flipped, and every length shorter than it: refused, and afterwards the session is as it was.
#[test]
fn a_damaged_packet_changes_nothing() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        let mut seal = |s: u16| pair.their_sender.encrypt_rtp(&[header(7, s), vec![1, 2, 3]].concat()).unwrap().to_vec();
        let (first, whole) = (seal(100), seal(101));
        pair.ours.open_rtp(&mut first.clone()).unwrap();
        let before = format!("{:?}", pair.ours);
        for bit in 0..whole.len() * 8 {
            let mut packet = whole.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(pair.ours.open_rtp(&mut packet).is_err(), "{profile:?}: bit {bit}");
        }
        for len in 0..whole.len() {
            assert!(pair.ours.open_rtp(&mut whole[..len].to_vec()).is_err(), "{profile:?}: {len} bytes");
        }
        assert_eq!(format!("{:?}", pair.ours), before);
        pair.ours.open_rtp(&mut whole.clone()).unwrap();
        assert_ne!(format!("{:?}", pair.ours), before, "the comparison sees a change");
    }
}

#[test]
fn a_damaged_rtcp_packet_changes_nothing() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        let mut seal = |tail| pair.their_sender.encrypt_rtcp(&compound(9, tail)).unwrap().to_vec();
        let (first, whole) = (seal(1), seal(2));
        pair.ours.open_rtcp(&mut first.clone()).unwrap();
        let before = format!("{:?}", pair.ours);
        for bit in 0..whole.len() * 8 {
            let mut packet = whole.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(pair.ours.open_rtcp(&mut packet).is_err(), "{profile:?}: bit {bit}");
        }
        for len in 0..whole.len() {
            assert!(pair.ours.open_rtcp(&mut whole[..len].to_vec()).is_err(), "{profile:?}: {len} bytes");
        }
        assert_eq!(format!("{:?}", pair.ours), before);
        pair.ours.open_rtcp(&mut whole.clone()).unwrap();
        assert_ne!(format!("{:?}", pair.ours), before, "the comparison sees a change");
    }
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    for profile in PROFILES {
        let mut pair = pair(profile);
        let header = header(7, 1);
        let need = header.len() + 3 + profile.rtp_overhead();
        let mut dst = [0; 100];
        assert_eq!(pair.ours.seal_rtp(PacketIndex(1), &header, &[1, 2, 3], &mut dst[..need - 1]), None);
        assert_eq!(pair.ours.seal_rtp(PacketIndex(1), &header[..11], &[1, 2, 3], &mut dst), None);
        assert_eq!(pair.ours.seal_rtp(PacketIndex((1 << 48) + 1), &header, &[1, 2, 3], &mut dst), None);
        assert_eq!(pair.ours.seal_rtp(PacketIndex(1), &header, &[1, 2, 3], &mut dst[..need]), Some(need));
        assert_eq!(pair.ours.seal_rtcp(&compound(9, 1)[..7], &mut dst), None);
        assert_eq!(pair.ours.seal_rtcp(&compound(9, 1), &mut dst[..20]), None);
    }
}
