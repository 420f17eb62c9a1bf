//! Many hostile datagrams: the memory of the server stays where it is, and a call loses nothing.

use crate::peer::pace;
use crate::running::RunningCall;
use crate::server::{metric, spawn, until_drops};
use crate::stranger::{Stranger, check};
use std::net::SocketAddr;
use str0m::ice::IceCreds;

const DATAGRAMS: usize = 20_000;
/// Before memory is measured: what is made once is made then.
const WARM_UP: usize = 2_000;
/// With each frame of the call. Higher: sooner done; beyond what the socket's buffer holds, the call would lose packets in the kernel.
const DATAGRAMS_PER_FRAME: usize = 50;
/// What the allocators may keep in reserve. Twenty bytes for each datagram would already be more than that.
const GROWTH_MAX: f64 = 384.0 * 1024.0;

#[tokio::test]
async fn memory_does_not_grow() {
    let server = spawn();
    let call = RunningCall::start(server.address).await;
    let stranger = Stranger::new(call.media).await;
    flood(&stranger, &call.ice, WARM_UP, 0).await;
    until_drops(server.address, "not_ours", (WARM_UP / 8) as f64).await;
    call.progress().await;
    let before = resident(server.address).await;
    flood(&stranger, &call.ice, DATAGRAMS, WARM_UP).await;
    for (reason, kinds) in
        [("not_ours", 1), ("stun_malformed", 1), ("stun_unknown_ufrag", 1), ("stun_bad_integrity", 2), ("unknown_source", 3)]
    {
        until_drops(server.address, reason, ((WARM_UP + DATAGRAMS) / 8 * kinds) as f64).await;
    }
    let growth = resident(server.address).await - before;
    assert!(growth < GROWTH_MAX, "{growth} bytes more after {DATAGRAMS} hostile datagrams");
    call.progress().await;
    call.finish().await;
}

async fn resident(server: SocketAddr) -> f64 {
    metric(server, "process_resident_memory_bytes").await
}

/// Each of eight kinds as often as the others, no two datagrams the same.
async fn flood(stranger: &Stranger, ice: &IceCreds, count: usize, first: usize) {
    let mut pace = pace();
    for n in first..first + count {
        if n % DATAGRAMS_PER_FRAME == 0 {
            pace.tick().await;
        }
        stranger.send(&datagram(n, ice)).await;
    }
}

fn datagram(n: usize, ice: &IceCreds) -> Vec<u8> {
    let number = (n as u64).to_be_bytes();
    let mut transaction = *b"flood.......";
    transaction[4..].copy_from_slice(&number);
    let filled = |head: &[u8], len: usize| {
        let mut bytes = [head, &number].concat();
        bytes.resize(len, n as u8);
        bytes
    };
    match n % 8 {
        0 => filled(&[0xFF], 1_400),
        1 => filled(&[0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42], 28),
        // Fragments differ, so that a table by fragment would grow.
        2 => check(&format!("stranger{n}"), "nothing", transaction),
        3 => check(&ice.ufrag, "a password of someone else", transaction),
        4 => check(&ice.ufrag, &format!("another password {n}"), transaction),
        5 => filled(&[22, 0xFE, 0xFD, 0, 0], 200),
        6 => filled(&[0x80, 100], 1_200),
        _ => filled(&[0x80, 200], 60),
    }
}
