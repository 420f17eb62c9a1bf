//! A participant's WebSocket, on which every message of both sides is as the schema wants it.

use crate::patience::within;
use crate::schema;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) struct Signaling {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    notifications: VecDeque<Value>,
}

impl Signaling {
    pub(crate) async fn connect(server: SocketAddr, token: &str) -> Self {
        let mut request = format!("ws://{server}/ws").into_client_request().expect("a URL");
        let protocols = format!("corelay.v1, bearer.{token}");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().expect("a header"));
        let (socket, _) = within("connect", tokio_tungstenite::connect_async(request)).await.expect("upgrades");
        Self { socket, next_id: 1, notifications: VecDeque::new() }
    }

    /// A request that must succeed: the data of its response. Notifications before it are kept.
    pub(crate) async fn ok(&mut self, method: &str, data: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({ "request": true, "id": id, "method": method, "data": data });
        schema::check(&format!("request.{method}"), &message);
        within(method, self.socket.send(Message::text(message.to_string()))).await.expect("sends");
        loop {
            let mut message = self.message().await;
            if message["id"] == id {
                assert_eq!(message["ok"], true, "{method}: {message}");
                schema::check(&format!("response.{method}"), &message);
                return message["data"].take();
            }
            self.notifications.push_back(message);
        }
    }

    /// The data of the first `method` that `is_it` takes, among those that came already and those to come.
    pub(crate) async fn notified(&mut self, method: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let fits = |message: &Value| message["method"] == method && is_it(&message["data"]);
        if let Some(index) = self.notifications.iter().position(fits) {
            return self.notifications.remove(index).expect("was found")["data"].take();
        }
        loop {
            let mut message = self.message().await;
            if fits(&message) {
                return message["data"].take();
            }
            self.notifications.push_back(message);
        }
    }

    async fn message(&mut self) -> Value {
        loop {
            match within("message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return checked(&text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a message: {other:?}"),
            }
        }
    }
}

/// A message of the server. A notification is checked here, a response by who knows its method.
fn checked(text: &str) -> Value {
    let message: Value = serde_json::from_str(text).expect("the server sends JSON");
    if message["notification"] == true {
        schema::check(&format!("notification.{}", message["method"].as_str().expect("a method")), &message);
    }
    message
}
