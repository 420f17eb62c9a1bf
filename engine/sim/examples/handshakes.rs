//! Measures what constants of the transport claim: how many handshakes get through a lossy link and how soon, and what memory one
//! holds. Takes a few seconds, on a simulated network: `cargo run -p corelay-sim --example handshakes`.
#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use corelay_core::control::{DtlsRole, IceCredentials, RemoteDtls, TransportState};
use corelay_core::outbox::{Outbox, Path, RUN_BYTES_MAX};
use corelay_core::transport::{Certificate, DtlsSetup, DtlsVersions, Transport, ufrag};
use corelay_sim::ice_client::binding_request;
use corelay_sim::{Faults, PeerId, World};
use corelay_wire::ids::{ShardId, TransportId};
use corelay_wire::units::Instant;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

fn main() {
    for loss in [0, 100, 300] {
        lossy(loss);
    }
    memory();
}

/// 50 worlds of 12 joins each, on links of 10 ms that lose `loss` of 1000 datagrams both ways.
fn lossy(loss: u32) {
    let (mut times, mut joins) = (Vec::new(), 0);
    for seed in 1..=50 {
        let mut world = World::new(seed);
        world.faults = Faults { loss, ..Faults::default() };
        for _ in 0..12 {
            world.join();
        }
        world.run(Duration::from_secs(31));
        joins += world.peers.len();
        // The first time: consent that was lost for a while gives the state again.
        times.extend((0..12).filter_map(|peer| world.states(PeerId(peer)).into_iter().find_map(connected_after)));
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "loss {} %: {} of {joins} connected; median {} ms, 95 % within {} ms, 99 % within {} ms, the last {} ms",
        loss / 10,
        times.len(),
        at(50),
        at(95),
        at(99),
        at(100)
    );
}

fn connected_after(state: TransportState) -> Option<u128> {
    match state {
        TransportState::Connected { after, .. } => Some(after.as_millis()),
        _ => None,
    }
}

const PAIRS: usize = 1_000;

/// The growth of the process by [`PAIRS`] handshakes, both ends of each: half of it is one transport's.
fn memory() {
    let setup = DtlsSetup::new(Certificate::generate().expect("keys"), DtlsVersions::V12, std::time::Instant::now());
    let mut outbox = Outbox::new(RUN_BYTES_MAX, 64);
    // What a first handshake leaves for good is not counted.
    let mut warm = Pair::new(&setup, &mut outbox);
    while warm.step(&mut outbox) {}
    let before = resident();
    let mut pairs: Vec<Pair> = (0..PAIRS).map(|_| Pair::new(&setup, &mut outbox)).collect();
    for step in 0.. {
        let report = (resident() - before) / (2 * PAIRS as u64);
        println!("after {step} flights each: {report} bytes a transport, {} of them in its slot", size_of::<Transport>());
        if !pairs.iter_mut().fold(false, |any, pair| pair.step(&mut outbox) | any) {
            break;
        }
    }
    assert!(pairs.iter().all(|p| p.ends.iter().all(Transport::is_connected)), "each is complete");
}

/// Both ends of one handshake: the client is the first.
struct Pair {
    ends: [Transport; 2],
    under_way: [Vec<Vec<u8>>; 2],
}

impl Pair {
    fn new(setup: &DtlsSetup, outbox: &mut Outbox) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(7);
        let mut end = |role| {
            let credentials: IceCredentials = ufrag::credentials(ShardId(0), TransportId(1), &mut random);
            let mut transport = Transport::new(Instant::ZERO, TransportId(1), credentials.clone(), setup.clone());
            let check = binding_request(&credentials, "peer", 1);
            transport.handle_stun(Instant::ZERO, path(), &check, outbox).expect("an authentic check");
            let fingerprints = [setup.certificate().fingerprint()].into_iter().collect();
            transport.connect(Instant::ZERO, RemoteDtls { role, fingerprints }).expect("the first time");
            transport
        };
        let ends = [end(DtlsRole::Server), end(DtlsRole::Client)];
        outbox.clear();
        Self { ends, under_way: Default::default() }
    }

    /// One flight from each end to the other. `false` when there was none.
    fn step(&mut self, outbox: &mut Outbox) -> bool {
        let mut any = false;
        for from in 0..2 {
            let end = &mut self.ends[from];
            for datagram in core::mem::take(&mut self.under_way[1 - from]) {
                end.handle_dtls(Instant::ZERO, path(), &datagram, outbox).expect("an authentic flight");
            }
            end.handle_timeout(Instant::ZERO, outbox);
            self.under_way[from] = outbox.runs().flat_map(|run| run.packets().map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
            outbox.clear();
            any |= !self.under_way[from].is_empty();
        }
        any
    }
}

fn path() -> Path {
    Path { remote: SocketAddr::from(([192, 0, 2, 1], 5_000)), local: IpAddr::from([127, 0, 0, 1]) }
}

/// Bytes of the process that are in memory.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    pages.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).expect("the second number") * 4_096
}
