//! A client that checks every message both ways against the schema.

use crate::engine::{Stage, stand_in};
use crate::schema;
use corelay::limits::Limits;
use corelay::server::{RunningServer, Server};
use corelay::token::{PublishKind, TokenRequest, mint};
use corelay_engine::config::{Config, Secret};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const SECRET: &[u8] = b"the secret of the tests, long enough";

/// Long enough for a loaded machine; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: did not happen in time"))
}

/// A server with the test's secret on a free port.
pub(crate) struct TestServer {
    pub(crate) server: RunningServer,
    pub(crate) stage: Stage,
}

pub(crate) fn config() -> Config {
    Config { port: 0, jwt_secret: Some(Secret::new(std::str::from_utf8(SECRET).expect("ASCII"))), ..Config::default() }
}

pub(crate) async fn server() -> TestServer {
    server_with(|_, _| {}).await
}

pub(crate) async fn server_with(change: impl FnOnce(&mut Config, &mut Limits)) -> TestServer {
    server_of(2, change).await
}

pub(crate) async fn server_of(shards: u16, change: impl FnOnce(&mut Config, &mut Limits)) -> TestServer {
    let (mut config, mut limits) = (config(), Limits::default());
    change(&mut config, &mut limits);
    let (engine, events, stage) = stand_in(shards);
    let server = Server::start_with(config, limits, engine, events).await.expect("starts");
    TestServer { server, stage }
}

pub(crate) fn token_request(room: &str, identity: &str) -> TokenRequest {
    TokenRequest {
        room: Some(room.to_owned()),
        identity: Some(identity.to_owned()),
        name: None,
        publish: vec![PublishKind::Audio, PublishKind::Video, PublishKind::Screen],
        subscribe: true,
        admin: false,
        ttl: Duration::from_secs(600),
        audience: None,
        issuer: None,
    }
}

pub(crate) fn token(room: &str, identity: &str) -> String {
    mint(SECRET, &token_request(room, identity)).expect("mints")
}

pub(crate) fn admin_token() -> String {
    let request = TokenRequest { room: None, identity: None, admin: true, ..token_request("", "") };
    mint(SECRET, &request).expect("mints")
}

impl TestServer {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn connect(&self, token: &str) -> Client {
        Client::connect(self.address(), token).await
    }

    /// Connects and joins.
    pub(crate) async fn join(&self, room: &str, identity: &str) -> (Client, Value) {
        let mut client = self.connect(&token(room, identity)).await;
        let joined = client.ok("join", json!({ "rtpCapabilities": capabilities() })).await;
        (client, joined)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.http(reqwest::Method::GET, path, None, None).await
    }

    pub(crate) async fn http(
        &self,
        method: reqwest::Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, String) {
        let mut request = reqwest::Client::new().request(method, format!("http://{}{path}", self.address()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = within(path, request.send()).await.expect("answers");
        (response.status().as_u16(), within(path, response.text()).await.expect("text"))
    }

    /// The value of a metric by its full name with labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("no metric {name}")).parse().expect("a number")
    }

    pub(crate) async fn refusals(&self, reason: &str) -> f64 {
        self.metric(&format!("corelay_signaling_refusals_total{{reason=\"{reason}\"}}")).await
    }
}

/// One WebSocket.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
    methods: HashMap<u64, String>,
    pub(crate) notifications: VecDeque<Value>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, token: &str) -> Self {
        let mut request = format!("ws://{address}/ws").into_client_request().expect("a URL");
        let protocols = format!("corelay.v1, bearer.{token}");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().expect("a header"));
        let (socket, response) = within("connect", tokio_tungstenite::connect_async(request)).await.expect("upgrades");
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "corelay.v1");
        Self::over(socket)
    }

    pub(crate) fn over(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket, next_id: 1, methods: HashMap::new(), notifications: VecDeque::new() }
    }

    /// Sends a request and gives its response.
    pub(crate) async fn request(&mut self, method: &str, data: Value) -> Value {
        let id = self.send(method, data).await;
        self.response(id).await
    }

    /// Sends a request that is as the schema wants it.
    pub(crate) async fn send(&mut self, method: &str, data: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({ "request": true, "id": id, "method": method, "data": data });
        schema::check(&format!("request.{method}"), &message);
        self.methods.insert(u64::from(id), method.to_owned());
        self.send_text(message.to_string()).await;
        u64::from(id)
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        within("send", self.socket.send(Message::text(text))).await.expect("sends");
    }

    /// Sends what the server may cut off in the middle.
    pub(crate) async fn send_without_care(&mut self, text: String) {
        let _ = within("send", self.socket.send(Message::text(text))).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        within("send", self.socket.send(message)).await.expect("sends");
    }

    /// The response to request `id`; notifications before it are kept.
    pub(crate) async fn response(&mut self, id: u64) -> Value {
        loop {
            let message = self.message().await;
            if message.get("response").is_some() {
                assert_eq!(message["id"], id, "{message}");
                return message;
            }
            self.notifications.push_back(message);
        }
    }

    /// A request that must succeed: the data of its response.
    pub(crate) async fn ok(&mut self, method: &str, data: Value) -> Value {
        let response = self.request(method, data).await;
        assert_eq!(response["ok"], true, "{method}: {response}");
        response["data"].clone()
    }

    /// A request that must be refused: the name of the error.
    pub(crate) async fn refused(&mut self, method: &str, data: Value) -> String {
        let response = self.request(method, data).await;
        assert_eq!(response["ok"], false, "{method}: {response}");
        response["error"].as_str().expect("a name").to_owned()
    }

    /// The data of the next notification, which must be `method`.
    pub(crate) async fn notified(&mut self, method: &str) -> Value {
        let message = match self.notifications.pop_front() {
            Some(message) => message,
            None => self.message().await,
        };
        assert_eq!(message["method"], method, "{message}");
        message["data"].clone()
    }

    /// The next message of the server, checked.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            match within("message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("the server sends JSON");
                    self.check(&message);
                    return message;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a message: {other:?}"),
            }
        }
    }

    fn check(&mut self, message: &Value) {
        if message.get("notification").is_some() {
            schema::check(&format!("notification.{}", message["method"].as_str().expect("a method")), message);
        } else if message["ok"] == true {
            let method = self.methods.remove(&message["id"].as_u64().expect("an id")).expect("was asked for");
            schema::check(&format!("response.{method}"), message);
        } else {
            schema::check("errorResponse", message);
        }
    }

    /// Reads until the close frame: its code, and the data of the goodbye before it, if there was one.
    pub(crate) async fn closed(&mut self) -> (u16, Option<Value>) {
        let mut goodbye = None;
        loop {
            match within("close", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("the server sends JSON");
                    self.check(&message);
                    if message["method"] == "goodbye" {
                        goodbye = Some(message["data"].clone());
                    } else {
                        self.notifications.push_back(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => return (frame.map_or(0, |f: CloseFrame| f.code.into()), goodbye),
                Some(Ok(_)) => {}
                other => panic!("expected a close frame: {other:?}"),
            }
        }
    }

    /// Reads whatever still comes until the connection is over.
    pub(crate) async fn drain(&mut self) {
        while self.socket.next().await.is_some_and(|message| message.is_ok()) {}
    }

    /// Breaks the connection without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    pub(crate) async fn transport(&mut self, direction: &str) -> String {
        let data = self.ok("createWebRtcTransport", json!({ "direction": direction })).await;
        data["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn produce_video(&mut self, transport: &str) -> String {
        let data = self.ok("produce", produce(transport, "camera", &video())).await;
        data["id"].as_str().expect("an id").to_owned()
    }
}

/// What a browser can receive: everything that the router has.
pub(crate) fn capabilities() -> Value {
    json!({
        "codecs": [
            { "kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48000, "channels": 2,
              "parameters": { "minptime": 10, "useinbandfec": 1 }, "rtcpFeedback": [] },
            { "kind": "video", "mimeType": "video/VP8", "preferredPayloadType": 102, "clockRate": 90000, "parameters": {},
              "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }] }],
        "headerExtensions": [
            { "kind": "video", "uri": "urn:3gpp:video-orientation", "preferredId": 7, "preferredEncrypt": false, "direction": "sendrecv" }]
    })
}

pub(crate) fn video() -> Value {
    json!({ "mid": "0",
        "codecs": [{ "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {},
            "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }] }],
        "headerExtensions": [{ "uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 4, "encrypt": false, "parameters": {} }],
        "encodings": [{ "ssrc": 1111, "dtx": false }],
        "rtcp": { "cname": "x", "reducedSize": true } })
}

pub(crate) fn audio() -> Value {
    json!({ "codecs": [{ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2 }],
        "encodings": [{ "ssrc": 2222 }] })
}

pub(crate) fn produce(transport: &str, source: &str, parameters: &Value) -> Value {
    let kind = if source.contains("audio") || source == "microphone" { "audio" } else { "video" };
    json!({ "transportId": transport, "kind": kind, "source": source, "rtpParameters": parameters, "appData": { "tile": 1 } })
}

pub(crate) fn dtls() -> Value {
    json!({ "role": "client", "fingerprints": [{ "algorithm": "sha-256", "value": vec!["AB"; 32].join(":") }] })
}
