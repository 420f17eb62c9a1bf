//! What comes from others than the peers, or altered on its way: counted by its reason, not answered, and without a trace in the call
//! that goes on meanwhile.

use crate::patience::{LOOK_INTERVAL, within};
use crate::peer::{Manner, enter, ice_credentials, open};
use crate::running::RunningCall;
use crate::server::{drops, start, until_drops};
use crate::stranger::{Stranger, check, message};
use corelay_wire::stun::{Class, Method};
use serde_json::json;

/// The start of a DTLS 1.2 record that is a handshake message (RFC 6347 section 4.1), and little behind it.
const CLIENT_HELLO: &[u8] = &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];

#[tokio::test]
async fn strangers_are_counted_and_not_answered() {
    let server = start(|_| {}).await;
    let call = RunningCall::start(server.address()).await;
    let mut stranger = Stranger::new(call.media).await;
    let good = check(&call.ice.ufrag, &call.ice.pass, *b"transaction!");
    let mut cut = good.clone();
    cut.truncate(good.len() - 3);
    let mut flipped = good.clone();
    // In PRIORITY: FINGERPRINT tells.
    flipped[good.len() / 2] ^= 1;
    let forged = |class, method| message(class, method, &call.ice.ufrag, *b"transaction!", |_| [0xAB; 20]);
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("not_ours", Vec::new()),
        ("not_ours", vec![0xFF; 1_400]),
        ("not_ours", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("stun_malformed", vec![0; 20]),
        ("stun_malformed", cut),
        ("stun_malformed", flipped),
        ("stun_unknown_ufrag", check("nobody", "nothing", *b"transaction!")),
        ("stun_unknown_ufrag", check(&call.ice.ufrag[1..], &call.ice.pass, *b"transaction!")),
        ("stun_bad_integrity", check(&call.ice.ufrag, "a password of someone else", *b"transaction!")),
        ("stun_bad_integrity", forged(Class::Request, Method::BINDING)),
        ("stun_unexpected", forged(Class::Success, Method::BINDING)),
        // Allocate (RFC 8656): a server that does not relay.
        ("stun_unexpected", forged(Class::Request, Method(3))),
        ("unknown_source", CLIENT_HELLO.to_vec()),
        ("unknown_source", vec![0x80, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]),
        ("unknown_source", vec![0x80, 200, 0, 6, 0, 0, 0, 1, 1, 2, 3, 4]),
    ];
    let mut before = std::collections::HashMap::new();
    for (reason, _) in &hostile {
        before.insert(*reason, drops(server.address(), reason).await);
    }
    for (reason, datagram) in &hostile {
        stranger.send(datagram).await;
        *before.get_mut(reason).expect("was read") += 1.0;
    }
    for (reason, expected) in before {
        until_drops(server.address(), reason, expected).await;
        assert_eq!(drops(server.address(), reason).await, expected, "{reason}");
    }
    stranger.is_answered_first(&call.ice).await;
    call.progress().await;
    call.finish().await;
}

#[tokio::test]
async fn replayed_and_altered_packets_change_nothing() {
    let server = start(|_| {}).await;
    let call = RunningCall::start(server.address()).await;
    let [rtp, rtcp] = call.publisher_sent();
    // A packet that was not sent yet: ahead of the replay window, so that its tag is looked at.
    let mut ahead = rtp.clone();
    ahead[2] = ahead[2].wrapping_add(1);
    // The index is the last word (RFC 7714 section 9.2), E its first bit.
    let mut rtcp_ahead = rtcp.clone();
    let len = rtcp_ahead.len();
    rtcp_ahead[len - 2] = rtcp_ahead[len - 2].wrapping_add(1);
    let (cut, short) = (rtp[..11].to_vec(), vec![0x81, 201, 0, 1]);
    call.publisher_sends(vec![rtp, rtcp, ahead, rtcp_ahead, cut, short]);
    for reason in ["srtp_replayed", "srtcp_replayed", "srtp_bad_tag", "srtcp_bad_tag", "rtp_malformed", "rtcp_malformed"] {
        until_drops(server.address(), reason, 1.0).await;
        assert_eq!(drops(server.address(), reason).await, 1.0, "{reason}");
    }
    call.progress().await;
    call.finish().await;
}

#[tokio::test]
async fn packets_of_another_from_elsewhere_are_not_taken() {
    let server = start(|_| {}).await;
    let call = RunningCall::start(server.address()).await;
    let stranger = Stranger::new(call.media).await;
    let before = drops(server.address(), "unknown_source").await;
    for datagram in call.publisher_sent() {
        stranger.send(&datagram).await;
    }
    until_drops(server.address(), "unknown_source", before + 2.0).await;
    call.progress().await;
    call.finish().await;
}

#[tokio::test]
async fn another_certificate_than_signaling_told_fails_the_transport() {
    let server = start(|_| {}).await;
    let call = RunningCall::start(server.address()).await;
    for role in ["client", "server"] {
        let mut eve = enter(server.address(), "beside", "eve").await;
        let wrong = vec!["AB"; 32].join(":");
        let transport = open(&mut eve, "recv", Manner { role, ..Manner::default() }, Some(wrong)).await;
        let failed = eve.notified("transportState", |d| d["transportId"] == transport.id && d["state"] == "failed").await;
        assert_eq!(failed["reason"], "fingerprint-mismatch");
        eve.ok("leave", json!({})).await;
    }
    until_drops(server.address(), "fingerprint_mismatch", 2.0).await;
    call.progress().await;
    call.finish().await;
}

#[tokio::test]
async fn dtls_before_its_time() {
    let server = start(|_| {}).await;
    let mut eve = enter(server.address(), "early", "eve").await;
    let data = eve.ok("createWebRtcTransport", json!({ "direction": "send" })).await;
    let port = data["iceCandidates"][0]["port"].as_u64().and_then(|n| u16::try_from(n).ok()).expect("a port");
    let mut stranger = Stranger::new(([127, 0, 0, 1], port).into()).await;
    // Before ICE: from nowhere.
    stranger.send(CLIENT_HELLO).await;
    until_drops(server.address(), "unknown_source", 1.0).await;
    // Behind ICE and before `connectWebRtcTransport`: a few are kept, no more.
    stranger.is_answered_first(&ice_credentials(&data["iceParameters"])).await;
    for _ in 0..10 {
        stranger.send(CLIENT_HELLO).await;
    }
    // Those beyond the handshakes of a turn do not get as far.
    within("the others are dropped", async {
        while drops(server.address(), "dtls_too_early").await + drops(server.address(), "dtls_busy").await < 6.0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    })
    .await;
    eve.ok("leave", json!({})).await;
}
