//! The WebSocket itself: what is read, and the task that writes.

use crate::limits::Limits;
use crate::outbox::{OutboxReader, Outgoing};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long a client may take to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// RFC 6455 section 7.4.1: "a normal closure, meaning that the purpose for which the connection was established has been fulfilled."
const NORMAL_CLOSURE: u16 = 1000;

/// What came from the client.
pub(super) enum Incoming {
    Text(Utf8Bytes),
    Binary,
    Pong,
    TooLarge,
    /// The writer is done: a close frame is out, or the client cannot be written to.
    Written,
    /// The connection is over; deliberate when the client closed with 1000.
    Closed {
        is_deliberate: bool,
    },
}

/// The reading end, and the task at the writing end.
pub(super) struct Socket {
    stream: SplitStream<WebSocket>,
    writer: JoinHandle<()>,
    message_len_max: usize,
    heard_at: Instant,
    is_over: bool,
    is_written: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Socket {
    pub(super) fn new(websocket: WebSocket, reader: OutboxReader, limits: &Limits) -> Self {
        let (sink, stream) = websocket.split();
        let writer = tokio::spawn(write(sink, reader, limits.write_timeout));
        Self {
            stream,
            writer,
            message_len_max: limits.message_len_max,
            heard_at: Instant::now(),
            is_over: false,
            is_written: false,
        }
    }

    /// When the client was last heard.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// The next thing from the client.
    pub(super) async fn next(&mut self) -> Incoming {
        let message = tokio::select! {
            message = self.stream.next() => message,
            _ = &mut self.writer, if !self.is_written => {
                self.is_written = true;
                return Incoming::Written;
            }
        };
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) if text.len() > self.message_len_max => Incoming::TooLarge,
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Pong,
            Some(Ok(Message::Close(frame))) => {
                self.is_over = true;
                Incoming::Closed { is_deliberate: frame.is_some_and(|frame| frame.code == NORMAL_CLOSURE) }
            }
            // The library's error type is not public here; a test sends such a message.
            Some(Err(error)) if error.to_string().contains("too long") => Incoming::TooLarge,
            Some(Err(_)) | None => {
                self.is_over = true;
                Incoming::Closed { is_deliberate: false }
            }
        }
    }

    /// Lets what is queued leave, then waits a moment for the client to close. Closing with unread bytes in the socket would have the
    /// kernel reset the connection, and the last messages could be lost on the way.
    pub(super) async fn finish(mut self) {
        let all = async {
            if !self.is_over {
                if !self.is_written {
                    let _ = (&mut self.writer).await;
                }
                while self.stream.next().await.is_some_and(|message| message.is_ok()) {}
            }
        };
        let _ = timeout(CLOSE_TIME, all).await;
    }
}

/// Writes until a close frame is out, the queue has no writer any more, or the client does not take a message in time.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut reader: OutboxReader, patience: Duration) {
    while let Some(outgoing) = reader.next().await {
        let (message, is_last) = match outgoing {
            Outgoing::Text(text) => (Message::Text(text.into()), false),
            Outgoing::Ping => (Message::Ping(axum::body::Bytes::new()), false),
            Outgoing::Close { code, reason } => (Message::Close(Some(CloseFrame { code, reason: reason.into() })), true),
        };
        match timeout(patience, sink.send(message)).await {
            Ok(Ok(())) if !is_last => {}
            _ => return,
        }
    }
}
