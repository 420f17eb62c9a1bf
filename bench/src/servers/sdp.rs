//! The little of SDP (RFC 8866) that one bundled media section takes: enough for Janus, which speaks nothing else.

use anyhow::{Context, Result};
use corelay_loadgen::association::{Fingerprint, Identity, Local, Remote, Setup};
use std::net::SocketAddr;

/// Payload type of VP8 in what we offer.
pub(super) const PAYLOAD_TYPE: u8 = 96;

/// Which way media flows, from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// `a=sendonly`.
    Send,
    /// `a=recvonly`.
    Receive,
}

/// Our side: one video section of VP8 under `payload_type`, with `ssrc` if we send. We are the DTLS client, whoever offers.
pub(super) fn ours(
    identity: &Identity,
    local: &Local,
    mid: &str,
    payload_type: u8,
    direction: Direction,
    ssrc: Option<u32>,
) -> String {
    let way = match direction {
        Direction::Send => "sendonly",
        Direction::Receive => "recvonly",
    };
    let (ip, port) = (local.address.ip(), local.address.port());
    let mut lines = vec![
        "v=0".to_owned(),
        format!("o=- 1 1 IN IP4 {ip}"),
        "s=-".to_owned(),
        "t=0 0".to_owned(),
        format!("a=group:BUNDLE {mid}"),
        format!("m=video 9 UDP/TLS/RTP/SAVPF {payload_type}"),
        format!("c=IN IP4 {ip}"),
        format!("a=mid:{mid}"),
        format!("a={way}"),
        "a=rtcp-mux".to_owned(),
        format!("a=ice-ufrag:{}", local.ufrag),
        format!("a=ice-pwd:{}", local.password),
        format!("a=fingerprint:sha-256 {}", identity.fingerprint()),
        "a=setup:active".to_owned(),
        format!("a=rtpmap:{payload_type} VP8/90000"),
        format!("a=rtcp-fb:{payload_type} nack pli"),
        format!("a=rtcp-fb:{payload_type} ccm fir"),
    ];
    lines.extend(ssrc.map(|ssrc| format!("a=ssrc:{ssrc} cname:bench")));
    lines.push(format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host"));
    lines.push("a=end-of-candidates".to_owned());
    lines.join("\r\n") + "\r\n"
}

/// What the other side said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Theirs {
    /// Where and as whom to connect.
    pub(super) remote: Remote,
    /// Its media section.
    pub(super) mid: String,
    /// Its payload type of VP8.
    pub(super) payload_type: u8,
    /// The SSRC that it sends, where it says so.
    pub(super) ssrc: Option<u32>,
}

impl Theirs {
    /// Reads an offer or an answer with one media section.
    pub(super) fn parse(sdp: &str) -> Result<Self> {
        let all = |name: &'static str| {
            sdp.lines().filter_map(move |line| line.trim_end().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
        };
        let one = |name: &'static str| all(name).next().with_context(|| format!("the SDP has no a={name}"));
        let (algorithm, value) = one("fingerprint")?.split_once(' ').context("a=fingerprint has no value")?;
        let vp8 = all("rtpmap").find(|map| map.to_ascii_uppercase().contains(" VP8/")).context("the SDP has no VP8")?;
        let payload_type = vp8.split(' ').next().and_then(|n| n.parse().ok()).context("a=rtpmap has no payload type")?;
        let ssrc = all("ssrc").find_map(|line| line.split(' ').next()?.parse().ok());
        let remote = Remote {
            candidate: all("candidate").find_map(udp_v4).context("the SDP has no UDP candidate of IPv4")?,
            ufrag: one("ice-ufrag")?.to_owned(),
            password: one("ice-pwd")?.to_owned(),
            fingerprints: vec![Fingerprint { algorithm: algorithm.to_owned(), value: value.trim().to_owned() }],
            setup: Setup::Passive,
        };
        Ok(Self { remote, mid: one("mid")?.to_owned(), payload_type, ssrc })
    }
}

/// `1 1 udp 2015363327 127.0.0.1 51234 typ host` (RFC 8839 section 5.1).
fn udp_v4(candidate: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = candidate.split_whitespace().collect();
    let address = SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?);
    (fields.get(2)?.eq_ignore_ascii_case("udp") && address.is_ipv4()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n\
        a=mid:0\r\na=ice-ufrag:uf\r\na=ice-pwd:password\r\na=fingerprint:sha-256 AA:BB\r\na=setup:passive\r\na=rtpmap:97 VP8/90000\r\n\
        a=ssrc:4711 cname:x\r\na=candidate:1 1 udp 2015363327 ::1 1 typ host\r\na=candidate:2 1 udp 2015363327 127.0.0.1 51234 typ host\r\n";

    #[test]
    fn what_a_server_says_is_read() {
        let theirs = Theirs::parse(ANSWER).expect("it is whole");
        assert_eq!((theirs.mid.as_str(), theirs.payload_type, theirs.ssrc), ("0", 97, Some(4711)));
        assert_eq!(theirs.remote.candidate.to_string(), "127.0.0.1:51234");
        assert_eq!((theirs.remote.ufrag.as_str(), theirs.remote.fingerprints[0].value.as_str()), ("uf", "AA:BB"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = ANSWER.replace("a=ice-pwd:password\r\n", "");
        assert!(Theirs::parse(&without).expect_err("no password").to_string().contains("ice-pwd"));
    }
}
