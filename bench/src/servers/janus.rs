//! Janus with its videoroom plugin, driven by its WebSocket API. Measured as Debian packages it.

use super::fanout::{Call, Fanout};
use super::process::{ServerProcess, free_port};
use super::sdp::{self, Direction, Theirs};
use anyhow::{Context, Result, bail, ensure};
use corelay_loadgen::association::{Association, Identity, Local};
use corelay_loadgen::fleet::{Expected, Fleet, Numbers, Peer, Published, Received};
use corelay_loadgen::stream::Codec;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const READY_MAX: Duration = Duration::from_secs(20);
/// Janus drops a session that is silent for a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Subscribers that connect at one time. One after another they take half a second each, most of it waiting.
const HANDSHAKES: usize = 16;
const ROOM: u32 = 1234;
const PUBLISHER: u32 = 1;
/// Its files of configuration, shared with the measurements in browsers.
const CONFIGURATION: [(&str, &str); 3] = [
    ("janus.jcfg", include_str!("../../peers/janus/janus.jcfg")),
    ("janus.transport.websockets.jcfg", include_str!("../../peers/janus/janus.transport.websockets.jcfg")),
    ("janus.plugin.videoroom.jcfg", include_str!("../../peers/janus/janus.plugin.videoroom.jcfg")),
];

/// A Janus that listens.
pub(super) struct Janus {
    process: ServerProcess,
    rss_empty_kib: u64,
    port: u16,
    folder: Folder,
}

/// Its configuration, for as long as it runs.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind it does no harm: it lies where temporary files do.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether the program is installed.
pub(super) fn is_installed() -> bool {
    Command::new("janus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

impl Janus {
    /// Its defaults, but for ICE-lite; `event_loops` if given.
    pub(super) async fn start(core: usize, event_loops: Option<u32>) -> Result<Self> {
        let port = free_port()?;
        let folder = Folder(std::env::temp_dir().join(format!("corelay-bench-janus-{}-{port}", std::process::id())));
        std::fs::create_dir_all(&folder.0)?;
        for (name, text) in CONFIGURATION {
            std::fs::write(folder.0.join(name), configuration(text, port, event_loops))?;
        }
        let mut command = Command::new("janus");
        command.arg("-F").arg(&folder.0).arg("-C").arg(folder.0.join("janus.jcfg")).stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = ServerProcess::start(command, core)?;
        let until = Instant::now() + READY_MAX;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            process.check()?;
            ensure!(Instant::now() < until, "Janus does not listen on port {port} after {READY_MAX:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let rss_empty_kib = process.rss_kib()?;
        Ok(Self { process, rss_empty_kib, port, folder })
    }

    /// One publisher, and those who receive from it.
    pub(super) async fn call(self, plan: &Fanout, identity: &Identity, fleet: &Fleet) -> Result<Call> {
        let mut session = Session::open(self.port).await?;
        let host = session.attach().await?;
        let room = json!({ "request": "create", "room": ROOM, "publishers": 4, "videocodec": "vp8", "bitrate": 0, "notify_joining": false });
        session.ask(host, room, None).await?;
        let sender = publish(&mut session, host, plan, identity, fleet).await?;
        let mut subscribed = Vec::new();
        for _ in 0..plan.subscribers {
            subscribed.push(subscribe(&mut session, identity).await?);
        }
        let joined = subscribed.into_iter().map(|subscribed| subscribed.connect(identity, fleet, sender.1.stream()));
        let receivers: Vec<_> = stream::iter(joined).buffer_unordered(HANDSHAKES).try_collect().await?;
        let alive = tokio::spawn(session.keep_alive());
        let keep = Box::new((sender, receivers, AbortOnDrop(alive), self.folder));
        Ok(Call { process: self.process, rss_empty_kib: self.rss_empty_kib, _keep: keep })
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn configuration(text: &str, port: u16, event_loops: Option<u32>) -> String {
    let loops = event_loops.map_or_else(String::new, |n| format!("event_loops = {n}"));
    let ends = [("@GENERAL@", loops.as_str()), ("@NAT@", ""), ("@PORT@", &port.to_string()), ("@IP@", "127.0.0.1")];
    ends.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

async fn publish(
    session: &mut Session,
    handle: u64,
    plan: &Fanout,
    identity: &Identity,
    fleet: &Fleet,
) -> Result<(Peer, Published)> {
    let join = json!({ "request": "join", "ptype": "publisher", "room": ROOM, "id": PUBLISHER });
    session.ask(handle, join, None).await?;
    let ssrc = 0x0c0e_1a70;
    let local = Local::bind((host_ip()?, 0).into())?;
    let offer = sdp::ours(identity, &local, "0", sdp::PAYLOAD_TYPE, Direction::Send, Some(ssrc));
    let answered = session.ask(handle, json!({ "request": "publish" }), Some(json!({ "type": "offer", "sdp": offer }))).await?;
    let theirs = Theirs::parse(answered["jsep"]["sdp"].as_str().context("Janus did not answer the offer")?)?;
    let peer = fleet.attach(Association::connect_from(identity, local, &theirs.remote).await?);
    tokio::time::timeout(READY_MAX, session.wait_up(handle)).await.context("Janus does not say that the publisher is up")??;
    let numbers = Numbers { ssrcs: vec![ssrc], payload_type: theirs.payload_type, cname: "bench".to_owned(), ..Numbers::default() };
    let published = peer.publish(&plan.stream, &numbers)?;
    Ok((peer, published))
}

/// The address that Janus offers: that of the default route, for it leaves loopback out where it can. Packets from a host to itself
/// stay on loopback whatever their addresses.
fn host_ip() -> Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // Connecting a UDP socket sends nothing: it asks for the route. The address is one for documentation (RFC 5737).
    let is_routed = socket.connect("198.51.100.1:9").is_ok();
    Ok(if is_routed { socket.local_addr()?.ip() } else { Ipv4Addr::LOCALHOST.into() })
}

async fn subscribe(session: &mut Session, identity: &Identity) -> Result<Subscribed> {
    let handle = session.attach().await?;
    let join = json!({ "request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{ "feed": PUBLISHER }] });
    let offered = session.ask(handle, join, None).await?;
    let theirs = Theirs::parse(offered["jsep"]["sdp"].as_str().context("Janus made no offer")?)?;
    let local = Local::open(theirs.remote.candidate)?;
    let answer = sdp::ours(identity, &local, &theirs.mid, theirs.payload_type, Direction::Receive, None);
    session.ask(handle, json!({ "request": "start" }), Some(json!({ "type": "answer", "sdp": answer }))).await?;
    Ok(Subscribed { local, theirs })
}

/// A subscriber that Janus has agreed with, and that is to be connected.
struct Subscribed {
    local: Local,
    theirs: Theirs,
}

impl Subscribed {
    async fn connect(self, identity: &Identity, fleet: &Fleet, stream: u32) -> Result<(Peer, Received)> {
        let peer = fleet.attach(Association::connect_from(identity, self.local, &self.theirs.remote).await?);
        let ssrc = self.theirs.ssrc.context("Janus does not say which SSRC it sends")?;
        let received = peer.receive(&Expected { ssrc, codec: Codec::Vp8, stream: Some(stream), number_id: 0, rtx_ssrc: None });
        Ok((peer, received))
    }
}

/// A session of the WebSocket API. One request at a time.
struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: u64,
    transaction: u64,
}

impl Session {
    async fn open(port: u16) -> Result<Self> {
        let mut request = format!("ws://127.0.0.1:{port}").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("janus-protocol"));
        let (socket, _) = connect_async(request).await.context("Janus refuses the WebSocket")?;
        let mut session = Self { socket, id: 0, transaction: 0 };
        let created = session.request(json!({ "janus": "create" })).await?;
        session.id = created["data"]["id"].as_u64().context("Janus made no session")?;
        Ok(session)
    }

    /// A handle of the videoroom: one peer connection.
    async fn attach(&mut self) -> Result<u64> {
        let attached =
            self.request(json!({ "janus": "attach", "session_id": self.id, "plugin": "janus.plugin.videoroom" })).await?;
        attached["data"]["id"].as_u64().context("Janus made no handle")
    }

    /// A request to the plugin; gives the answer to it, or the event that follows.
    async fn ask(&mut self, handle: u64, body: Value, jsep: Option<Value>) -> Result<Value> {
        let mut message = json!({ "janus": "message", "session_id": self.id, "handle_id": handle, "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        let answer = self.request(message).await?;
        let data = &answer["plugindata"]["data"];
        match data["error"].as_str() {
            Some(error) => bail!("Janus refuses {}: {error}", body["request"]),
            None => Ok(answer),
        }
    }

    async fn request(&mut self, mut message: Value) -> Result<Value> {
        self.transaction += 1;
        let transaction = self.transaction.to_string();
        message["transaction"] = transaction.as_str().into();
        self.socket.send(Message::text(message.to_string())).await?;
        loop {
            let answer = self.next().await?;
            // The acknowledgement of an asynchronous request comes first; other messages are events of other handles.
            if answer["transaction"] == transaction.as_str() && answer["janus"] != "ack" {
                ensure!(answer["janus"] != "error", "Janus says: {}", answer["error"]["reason"]);
                return Ok(answer);
            }
        }
    }

    /// A publisher can be subscribed to once Janus has its keys.
    async fn wait_up(&mut self, handle: u64) -> Result<()> {
        loop {
            let event = self.next().await?;
            if event["janus"] == "webrtcup" && event["sender"] == handle {
                return Ok(());
            }
        }
    }

    async fn next(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await.context("Janus closed the WebSocket")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => bail!("Janus closed the WebSocket"),
                _ => {}
            }
        }
    }

    /// Reads what comes and says that it is there, until it is aborted or Janus is gone.
    async fn keep_alive(mut self) {
        let mut due = tokio::time::interval(KEEPALIVE);
        loop {
            let is_well = tokio::select! {
                _ = due.tick() => {
                    self.transaction += 1;
                    let message = json!({ "janus": "keepalive", "session_id": self.id, "transaction": self.transaction.to_string() });
                    self.socket.send(Message::text(message.to_string())).await.is_ok()
                }
                message = self.next() => message.is_ok(),
            };
            if !is_well {
                return;
            }
        }
    }
}
