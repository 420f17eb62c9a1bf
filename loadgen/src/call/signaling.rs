//! One WebSocket to the server: requests with their responses, notifications in order.

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

type Answer = oneshot::Sender<anyhow::Result<Value>>;

/// The client's end of the protocol. Cheap to clone; the connection ends when the last clone is gone.
#[derive(Clone)]
pub(crate) struct Signaling {
    requests: mpsc::Sender<(&'static str, Value, Answer)>,
}

/// A notification of the server.
pub(crate) struct Notification {
    pub(crate) method: String,
    pub(crate) data: Value,
}

impl Signaling {
    /// Connects and keeps the connection in a task of its own.
    pub(crate) async fn connect(url: &str, token: &str) -> anyhow::Result<(Self, mpsc::Receiver<Notification>)> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse()?);
        request.headers_mut().insert("Sec-WebSocket-Protocol", "corelay.v1".parse()?);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.context("the WebSocket was refused")?;
        let (requests, request_rx) = mpsc::channel(64);
        let (notification_tx, notifications) = mpsc::channel(4096);
        tokio::spawn(drive(socket, request_rx, notification_tx));
        Ok((Self { requests }, notifications))
    }

    /// Asks and waits for the answer's `data`.
    pub(crate) async fn request(&self, method: &'static str, data: Value) -> anyhow::Result<Value> {
        let (answer_tx, answer) = oneshot::channel();
        self.requests.send((method, data, answer_tx)).await.ok().context("the connection is closed")?;
        answer.await.context("the connection closed before the answer came")?.with_context(|| format!("{method} was refused"))
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn drive(
    mut socket: Socket,
    mut requests: mpsc::Receiver<(&'static str, Value, Answer)>,
    notifications: mpsc::Sender<Notification>,
) {
    let mut waiting: HashMap<u64, Answer> = HashMap::new();
    let mut next_id = 0u64;
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some((method, data, answer)) = request else { break };
                next_id += 1;
                waiting.insert(next_id, answer);
                let text = json!({ "request": true, "id": next_id, "method": method, "data": data }).to_string();
                if socket.send(Message::text(text)).await.is_err() { return }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
                if value["response"] == true {
                    if let Some(answer) = value["id"].as_u64().and_then(|id| waiting.remove(&id)) {
                        let _ = answer.send(outcome(value));
                    }
                } else if let Some(method) = value["method"].as_str() {
                    let notification = Notification { method: method.to_owned(), data: value["data"].clone() };
                    // Whoever stopped listening, to leave, still waits for an answer.
                    if matches!(notifications.try_send(notification), Err(TrySendError::Full(_))) { return }
                }
            }
        }
    }
    let _ = socket.close(None).await;
}

fn outcome(mut response: Value) -> anyhow::Result<Value> {
    if response["ok"] == true {
        return Ok(response["data"].take());
    }
    bail!(
        "{} {}: {}",
        response["errorCode"],
        response["error"].as_str().unwrap_or("?"),
        response["errorReason"].as_str().unwrap_or("?")
    )
}
