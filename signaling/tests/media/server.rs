//! Servers for tests: inside this process, or the binary as operators run it.

use crate::patience::{LOOK_INTERVAL, PATIENCE, within};
use corelay::limits::Limits;
use corelay::media_engine::EventSource;
use corelay::server::{RunningServer, Server, StartError};
use corelay::token::{PublishKind, TokenRequest, mint};
use corelay_engine::Node;
use corelay_engine::config::{Config, IoBackend, Secret};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

const SECRET: &str = "the secret of the tests, long enough";

pub(crate) fn token(room: &str, identity: &str) -> String {
    let request = TokenRequest {
        room: Some(room.to_owned()),
        identity: Some(identity.to_owned()),
        name: None,
        publish: vec![PublishKind::Audio, PublishKind::Video, PublishKind::Screen],
        subscribe: true,
        admin: false,
        ttl: Duration::from_secs(600),
        audience: None,
        issuer: None,
    };
    mint(SECRET.as_bytes(), &request).expect("mints")
}

/// A UDP port that was free a moment ago, below the range that the kernel gives to clients and away from that of the engine's tests.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const BASE: u16 = 30_500;
    const SPAN: u16 = 2_000;
    let start = (std::process::id() as u16).wrapping_mul(97);
    let steps = (0..SPAN).map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % SPAN);
    steps.map(|step| BASE + step).find(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a port is free")
}

/// A server of one shard, on IPv4 and IPv6 loopback. Another test may take its port between the look and the start: then another is
/// tried. `Err` is any other reason not to start.
pub(crate) async fn try_start(change: impl Fn(&mut Config)) -> Result<RunningServer, StartError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let config = with_defaults(free_port(), &change);
        match Server::start(config).await {
            Err(StartError::Engine(error)) if error.to_string().contains("in use") && Instant::now() < deadline => {}
            result => return result,
        }
    }
}

pub(crate) async fn start(change: impl Fn(&mut Config)) -> RunningServer {
    try_start(change).await.expect("the server starts")
}

/// A server of two shards whose rooms spill after `participants`: these join shard 0, and as many after them shard 1.
pub(crate) async fn start_spilling(participants: usize) -> RunningServer {
    start(|config| spilling(config, participants)).await
}

/// [`start_spilling`], with a handle on its shards, and without memory of what failed.
pub(crate) async fn start_fragile(participants: usize) -> (RunningServer, Arc<Node>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let config = with_defaults(free_port(), |config| spilling(config, participants));
        match Node::start(&config) {
            Err(error) if error.to_string().contains("in use") && Instant::now() < deadline => {}
            started => {
                let (node, events) = started.expect("the shards start");
                let (node, events) = (Arc::new(node), EventSource::engine(events).expect("can be waited for"));
                let limits = Limits { restart_shadow: Duration::ZERO, ..Limits::default() };
                let server = Server::start_with(config, limits, Box::new(Arc::clone(&node)), events).await;
                return (server.expect("the server starts"), node);
            }
        }
    }
}

fn spilling(config: &mut Config, participants: usize) {
    config.shards = Some(2);
    config.spill_participants = participants;
    config.rtc_max_port = config.rtc_min_port + 1;
}

fn with_defaults(port: u16, change: impl Fn(&mut Config)) -> Config {
    let mut config = Config {
        port: 0,
        jwt_secret: Some(Secret::new(SECRET)),
        shards: Some(1),
        rtc_min_port: port,
        rtc_max_port: port,
        ..Config::default()
    };
    change(&mut config);
    config
}

/// A server on each back-end that works here. A container's seccomp profile may forbid io_uring, and epoll is what serves there; where
/// the project's own pipeline runs, both must work.
pub(crate) async fn start_on_each_backend() -> Vec<RunningServer> {
    let mut servers = vec![start(|config| config.io_backend = IoBackend::Epoll).await];
    match try_start(|config| config.io_backend = IoBackend::Uring).await {
        Ok(server) => servers.push(server),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("io_uring must work here: {why}"),
        Err(why) => eprintln!("skipped with io_uring: {why}"),
    }
    servers
}

pub(crate) async fn metrics(server: SocketAddr) -> String {
    let response = within("metrics", reqwest::get(format!("http://{server}/metrics"))).await.expect("answers");
    within("metrics", response.text()).await.expect("text")
}

/// A metric by its full name with labels.
pub(crate) async fn metric(server: SocketAddr, name: &str) -> f64 {
    let text = metrics(server).await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no metric {name}")).parse().expect("a number")
}

/// What shard 0 dropped for `reason`, as it was posted last.
pub(crate) async fn drops(server: SocketAddr, reason: &str) -> f64 {
    metric(server, &format!("corelay_drops_total{{shard=\"0\",reason=\"{reason}\"}}")).await
}

/// Waits until a metric is as `is_it` wants: shards post once a second.
pub(crate) async fn until_metric(server: SocketAddr, name: &str, is_it: impl Fn(f64) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = metric(server, name).await;
        if is_it(value) {
            return;
        }
        assert!(Instant::now() < deadline, "{name} stays at {value}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

pub(crate) async fn until_drops(server: SocketAddr, reason: &str, at_least: f64) {
    until_metric(server, &format!("corelay_drops_total{{shard=\"0\",reason=\"{reason}\"}}"), |n| n >= at_least).await;
}

/// Waits until nothing of any call is left, in signaling and in the shards.
pub(crate) async fn until_empty(server: SocketAddr) {
    for name in ["mediasoup_routers_total", "mediasoup_transports_total", "mediasoup_producers_total", "mediasoup_consumers_total"]
    {
        until_metric(server, name, |n| n == 0.0).await;
    }
    let shards = metric(server, "mediasoup_workers_total").await as usize;
    for shard in 0..shards {
        for name in ["corelay_rooms", "corelay_shard_participants", "corelay_transports", "corelay_tracks", "corelay_subscriptions"]
        {
            until_metric(server, &format!("{name}{{shard=\"{shard}\"}}"), |n| n == 0.0).await;
        }
    }
}

/// The `corelay` binary in a process of its own, so that its memory can be measured. Ended when dropped.
pub(crate) struct Spawned {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn spawn() -> Spawned {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(spawned) = try_spawn() {
            return spawned;
        }
        assert!(Instant::now() < deadline, "the server does not start");
    }
}

/// Nothing when it ends before it listens.
fn try_spawn() -> Option<Spawned> {
    let port = free_port().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_corelay"))
        .env_clear()
        .envs([("PORT", "0"), ("JWT_SECRET", SECRET), ("SHARDS", "1"), ("LOG_FORMAT", "json"), ("LOG_LEVEL", "info")])
        .envs([("RTC_MIN_PORT", &port), ("RTC_MAX_PORT", &port)])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut log = BufReader::new(child.stderr.take().expect("is piped")).lines().map_while(Result::ok);
    let Some(address) = log.by_ref().find_map(|line| listening_at(&line)) else {
        let _ = child.wait();
        return None;
    };
    // A full pipe would stop the server.
    std::thread::spawn(move || log.for_each(drop));
    Some(Spawned { child, address })
}

fn listening_at(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    if fields["message"] != "listening" {
        return None;
    }
    fields["address"].as_str()?.parse().ok()
}
