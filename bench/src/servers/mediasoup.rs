//! mediasoup: its library in a small program of ours (`bench/peers/mediasoup/server.mjs`), spoken to by lines. Its worker is
//! measured.

use super::fanout::{Call, Fanout};
use super::process::ServerProcess;
use anyhow::{Context, Result, bail};
use corelay_loadgen::association::{Association, Fingerprint, Identity, Remote, Setup};
use corelay_loadgen::fleet::{Expected, Fleet, Numbers, Peer};
use corelay_loadgen::stream::Codec;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

const PAYLOAD_TYPE: u8 = 96;
/// UDP ports of its transports: one each.
const PORTS: (u16, u16) = (40_000, 49_000);
/// The project's folder of the program, from its top.
const FOLDER: &str = "bench/peers/mediasoup";

/// A worker with a router.
pub(super) struct Mediasoup {
    process: ServerProcess,
    rss_empty_kib: u64,
    lines: Lines,
}

/// What keeps it from being measured here, if anything.
pub(super) fn missing() -> Option<String> {
    if std::env::var_os("MEDIASOUP_WORKER_BIN").is_none_or(|path| !Path::new(&path).exists()) {
        return Some("MEDIASOUP_WORKER_BIN does not name a mediasoup-worker".to_owned());
    }
    let library = folder().join("node_modules/mediasoup");
    (!library.exists()).then(|| format!("its library is not installed: npm install --ignore-scripts in {FOLDER}"))
}

fn folder() -> PathBuf {
    let beside_manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/mediasoup");
    if beside_manifest.exists() { beside_manifest } else { PathBuf::from(FOLDER) }
}

impl Mediasoup {
    /// One worker with its defaults: io_uring where the kernel has it.
    pub(super) async fn start(core: usize) -> Result<Self> {
        let mut command = Command::new("node");
        let settings = json!({ "ports": { "min": PORTS.0, "max": PORTS.1 } });
        command.arg("server.mjs").arg(settings.to_string()).current_dir(folder()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = ServerProcess::start(command, core)?;
        let (stdin, stdout) = (process.child().stdin.take(), process.child().stdout.take());
        let mut lines =
            Lines { to: stdin.context("it has a pipe")?, from: BufReader::new(stdout.context("it has a pipe")?), next: 0 };
        let ready = lines.read()?;
        let pid = ready["ready"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).context("mediasoup did not start")?;
        process.measure(pid);
        let rss_empty_kib = process.rss_kib()?;
        Ok(Self { process, rss_empty_kib, lines })
    }

    /// One publisher, and those who receive from it.
    pub(super) async fn call(mut self, plan: &Fanout, identity: &Identity, fleet: &Fleet) -> Result<Call> {
        let (transport, peer) = self.connect(identity, fleet).await?;
        let numbers =
            Numbers { ssrcs: vec![0x0c0e_1a71], payload_type: PAYLOAD_TYPE, cname: "bench".to_owned(), ..Numbers::default() };
        let codec = json!({ "mimeType": "video/VP8", "payloadType": PAYLOAD_TYPE, "clockRate": 90000, "parameters": {}, "rtcpFeedback": feedback() });
        let parameters = json!({ "codecs": [codec], "encodings": [{ "ssrc": numbers.ssrcs[0] }], "rtcp": { "cname": "bench" } });
        let produced =
            self.lines.ask(json!({ "method": "produce", "transport": transport, "kind": "video", "rtpParameters": parameters }))?;
        let published = peer.publish(&plan.stream, &numbers)?;
        let mut receivers = Vec::new();
        for _ in 0..plan.subscribers {
            let (transport, peer) = self.connect(identity, fleet).await?;
            let consumed = self.lines.ask(json!({
                "method": "consume", "transport": transport, "producer": produced["id"], "rtpCapabilities": capabilities(),
            }))?;
            let ssrc = consumed["rtpParameters"]["encodings"][0]["ssrc"].as_u64().and_then(|ssrc| u32::try_from(ssrc).ok());
            let expected = Expected {
                ssrc: ssrc.context("no SSRC")?,
                codec: Codec::Vp8,
                stream: Some(published.stream()),
                number_id: 0,
                rtx_ssrc: None,
            };
            receivers.push((peer.receive(&expected), peer));
        }
        let keep = Box::new((peer, published, receivers, self.lines));
        Ok(Call { process: self.process, rss_empty_kib: self.rss_empty_kib, _keep: keep })
    }

    async fn connect(&mut self, identity: &Identity, fleet: &Fleet) -> Result<(String, Peer)> {
        let made = self.lines.ask(json!({ "method": "transport" }))?;
        let id = made["id"].as_str().context("a transport has an id")?.to_owned();
        let ours = json!({ "role": "client", "fingerprints": [{ "algorithm": "sha-256", "value": identity.fingerprint() }] });
        self.lines.ask(json!({ "method": "connect", "transport": id, "dtlsParameters": ours }))?;
        let association = Association::connect(identity, &remote(&made).context("a transport without its addresses")?).await?;
        Ok((id, fleet.attach(association)))
    }
}

fn remote(transport: &Value) -> Option<Remote> {
    let candidate = &transport["iceCandidates"][0];
    let ip = candidate["ip"].as_str().or(candidate["address"].as_str())?.parse().ok()?;
    let fingerprints = transport["dtlsParameters"]["fingerprints"].as_array()?;
    let fingerprint = |one: &Value| {
        Some(Fingerprint { algorithm: one["algorithm"].as_str()?.to_owned(), value: one["value"].as_str()?.to_owned() })
    };
    Some(Remote {
        candidate: SocketAddr::new(ip, u16::try_from(candidate["port"].as_u64()?).ok()?),
        ufrag: transport["iceParameters"]["usernameFragment"].as_str()?.to_owned(),
        password: transport["iceParameters"]["password"].as_str()?.to_owned(),
        fingerprints: fingerprints.iter().filter_map(fingerprint).collect(),
        setup: Setup::Passive,
    })
}

/// What the clients of the other servers tell as well: keyframe requests, and nothing that makes a server keep or repeat packets.
fn feedback() -> Value {
    json!([{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }])
}

fn capabilities() -> Value {
    json!({
        "codecs": [{ "kind": "video", "mimeType": "video/VP8", "preferredPayloadType": PAYLOAD_TYPE, "clockRate": 90000, "parameters": {}, "rtcpFeedback": feedback() }],
        "headerExtensions": [],
    })
}

/// The line protocol.
struct Lines {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Lines {
    fn ask(&mut self, mut request: Value) -> Result<Value> {
        self.next += 1;
        request["id"] = self.next.into();
        writeln!(self.to, "{request}")?;
        let mut answer = self.read()?;
        match answer["error"].as_str() {
            Some(error) => bail!("mediasoup refuses {}: {error}", request["method"]),
            None => Ok(answer["data"].take()),
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line).context("mediasoup's program ended or does not answer: run it by hand to see why")
    }
}
