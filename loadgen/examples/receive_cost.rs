//! What a fleet costs itself: CPU time of one receiving thread for each packet, in single small packets and in runs.
//!
//! `cargo run --profile e2e -p corelay-loadgen --example receive_cost -- [PAIRS] [SECONDS]`
//!
//! Publishers sit in a fleet of their own, whose time is not counted. The figure holds with any load of the machine, as it is CPU
//! time.
#![forbid(unsafe_code)]

use anyhow::Context;
use corelay_loadgen::association::{Association, Fingerprint, Identity, IdentityOptions, Local, Remote, Setup};
use corelay_loadgen::fleet::{Expected, Fleet, FleetOptions, Numbers, Peer, Published, Received, Sample, Totals};
use corelay_loadgen::stream::{Codec, StreamPlan};
use std::io::Write;
use std::time::Duration;

type Running = (Vec<Peer>, Vec<Published>, Vec<Received>);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let pairs: u32 = arguments.next().map_or(Ok(200), |word| word.parse()).context("PAIRS is a number")?;
    let seconds = arguments.next().map_or(Ok(5), |word| word.parse()).context("SECONDS is a number")?;
    let single = StreamPlan { packet_bytes: 160, ..StreamPlan::video(160 * 8 * 240, 240) };
    let run = StreamPlan::video(20 * 1200 * 8 * 30, 30);
    for (name, plan, gro) in [
        ("single packets of 160 bytes", &single, true),
        ("runs of 20 x 1200, GRO", &run, true),
        ("the same without GRO", &run, false),
    ] {
        let totals = measure(pairs, Duration::from_secs(seconds), plan, gro).await?;
        let packets = totals.received.packets.max(1);
        let cpu = totals.cpu.iter().sum::<Duration>();
        writeln!(
            std::io::stdout(),
            "{name}: {:.0} ns of CPU a packet, {:.0} packets/s, {} sockets; lost {}, read delay p99 {:?}, busy {:.0} %",
            cpu.as_nanos() as f64 / packets as f64,
            packets as f64 / totals.elapsed.as_secs_f64(),
            pairs,
            totals.received.lost,
            Duration::from_nanos(totals.read_delay_ns.value_at_quantile(0.99)),
            totals.busy[0] * 100.0,
        )?;
    }
    Ok(())
}

async fn measure(pairs: u32, length: Duration, plan: &StreamPlan, gro: bool) -> anyhow::Result<Totals> {
    let options = FleetOptions { gro, sample: Sample { whole_every: 0, one_in: 100 }, ..FleetOptions::default() };
    let (senders, receivers) = (Fleet::start(&options)?, Fleet::start(&options)?);
    let identity = Identity::new(&IdentityOptions::default())?;
    let mut running: Running = Default::default();
    for n in 0..pairs {
        let (one, other) = pair(&identity).await?;
        let (sender, receiver) = (senders.attach(one), receivers.attach(other));
        running.2.push(receiver.receive(&Expected { ssrc: n, codec: Codec::Vp8, stream: None, number_id: 0, rtx_ssrc: None }));
        running.1.push(sender.publish(plan, &Numbers { ssrcs: vec![n], payload_type: 96, ..Numbers::default() })?);
        running.0.extend([sender, receiver]);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = receivers.totals();
    tokio::time::sleep(length).await;
    Ok(receivers.totals().since(&start))
}

async fn pair(identity: &Identity) -> anyhow::Result<(Association, Association)> {
    let any = "127.0.0.1:0".parse()?;
    let (one, other) = (Local::bind(any)?, Local::bind(any)?);
    let remote = |of: &Local, setup| Remote {
        candidate: of.address,
        ufrag: of.ufrag.clone(),
        password: of.password.clone(),
        fingerprints: vec![Fingerprint { algorithm: "sha-256".to_owned(), value: identity.fingerprint().to_owned() }],
        setup,
    };
    let (to_other, to_one) = (remote(&other, Setup::Passive), remote(&one, Setup::Active));
    Ok(tokio::try_join!(Association::connect_from(identity, one, &to_other), Association::connect_from(identity, other, &to_one))?)
}
