//! One WebSocket to the server: requests with their responses, notifications in order.

use super::error::{ClientError, Ended, Refusal};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Notifications that wait to be looked at: those of a room of thousands that everyone joins at once.
const NOTIFICATIONS_MAX: usize = 8192;
/// Of the library's 128 KiB a thousand clients would take as many MiB. Lower: more calls for a long message.
const BUFFER_LEN: usize = 8 * 1024;

type Answer = oneshot::Sender<Result<Value, Refusal>>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The client's end of the protocol. Cheap to clone; the connection ends without a word when the last clone is gone.
#[derive(Clone)]
pub(super) struct Signaling {
    requests: mpsc::Sender<Request>,
    goodbye: Arc<OnceLock<Ended>>,
}

struct Request {
    method: &'static str,
    data: Value,
    answer: Answer,
}

/// A notification of the server.
pub(super) struct Notification {
    pub(super) method: String,
    pub(super) data: Value,
}

impl Signaling {
    /// Connects and keeps the connection in a task of its own.
    pub(super) async fn connect(url: &str, token: &str) -> Result<(Self, mpsc::Receiver<Notification>), ClientError> {
        let failed = |error: String| ClientError::Connect { url: url.to_owned(), error };
        let mut request = url.into_client_request().map_err(|error| failed(error.to_string()))?;
        let bearer =
            format!("Bearer {token}").parse().map_err(|_| failed("the token has characters that no header may have".to_owned()))?;
        request.headers_mut().insert("Authorization", bearer);
        request.headers_mut().insert("Sec-WebSocket-Protocol", "corelay.v1".parse().expect("it is plain text"));
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_LEN).write_buffer_size(BUFFER_LEN);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let (requests, request_rx) = mpsc::channel(64);
        let (notification_tx, notifications) = mpsc::channel(NOTIFICATIONS_MAX);
        let goodbye = Arc::new(OnceLock::new());
        let drive = Drive { waiting: HashMap::new(), notifications: notification_tx, goodbye: Arc::clone(&goodbye), next_id: 0 };
        tokio::spawn(drive.run(socket, request_rx));
        Ok((Self { requests, goodbye }, notifications))
    }

    /// Asks and waits for the answer's `data`.
    pub(super) async fn request(&self, method: &'static str, data: Value) -> Result<Value, ClientError> {
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request { method, data, answer }).await.is_err() {
            return Err(self.closed(method));
        }
        Ok(answered.await.map_err(|_| self.closed(method))??)
    }

    /// What the server said before it closed.
    pub(super) fn goodbye(&self) -> Option<Ended> {
        self.goodbye.get().cloned()
    }

    fn closed(&self, step: &'static str) -> ClientError {
        match self.goodbye() {
            Some(Ended::Goodbye { reason, message, reconnect }) => ClientError::Goodbye { reason, message, reconnect },
            _ => ClientError::Closed { step },
        }
    }
}

/// The task behind a connection.
struct Drive {
    waiting: HashMap<u64, (&'static str, Answer)>,
    notifications: mpsc::Sender<Notification>,
    goodbye: Arc<OnceLock<Ended>>,
    next_id: u64,
}

impl Drive {
    async fn run(mut self, mut socket: Socket, mut requests: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                request = requests.recv() => {
                    let Some(Request { method, data, answer }) = request else { return };
                    self.next_id += 1;
                    self.waiting.insert(self.next_id, (method, answer));
                    let text = json!({ "request": true, "id": self.next_id, "method": method, "data": data }).to_string();
                    if socket.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Ok(value) = serde_json::from_str(&text) && !self.take(value) {
                            return;
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    /// Takes a message; `false` when nobody could keep up with them.
    fn take(&mut self, mut value: Value) -> bool {
        if value["response"] == true {
            if let Some((method, answer)) = value["id"].as_u64().and_then(|id| self.waiting.remove(&id)) {
                // Who asked may have stopped to wait.
                let _ = answer.send(outcome(method, value));
            }
            return true;
        }
        let Some(method) = value["method"].as_str().map(str::to_owned) else { return true };
        let data = value["data"].take();
        if method == "goodbye" {
            let text = |name: &str| data[name].as_str().unwrap_or("?").to_owned();
            let reconnect = data["reconnect"] == true;
            // The first one counts.
            let _ = self.goodbye.set(Ended::Goodbye { reason: text("reason"), message: text("message"), reconnect });
        }
        // Whoever stopped listening, to leave, still waits for an answer.
        let sent = self.notifications.try_send(Notification { method, data });
        !matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
    }
}

fn outcome(method: &'static str, mut response: Value) -> Result<Value, Refusal> {
    if response["ok"] == true {
        return Ok(response["data"].take());
    }
    let text = |name: &str| response[name].as_str().unwrap_or("?").to_owned();
    let code = response["errorCode"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
    Err(Refusal { method, code, name: text("error"), reason: text("errorReason") })
}
