//! The WebSocket itself: what is read, and the task that writes.

use crate::limits::Limits;
use crate::outbox::{OutboxReader, Outgoing};
use axum::body::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame, Utf8Bytes};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long a client may take to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// What a WebSocket reads at once, and holds for as long as it lives. The library's default is 128 KiB, more than all else of a
/// participant together, and it is written over with zeros at every read. Larger spares a `read` or two for `join` (3 KiB, 30 KiB with many
/// codecs); smaller makes the short requests that follow take several. A longer message grows the buffer until it is read.
const READ_BUFFER_LEN: usize = 2 * 1024;

/// Messages that wait together are written together, up to this many bytes. Larger spares a `write` where more than that waits, which is
/// rare; smaller writes the notifications of one busy moment one by one.
const WRITE_BUFFER_LEN: usize = 2 * 1024;

/// A longer message leaves in frames of this length (RFC 6455 section 5.4), because the buffer that a frame is written from stays as large
/// as the largest was: the answer to `join` in a room of 1,000 is 110 KiB. Larger holds more memory for as long as the WebSocket lives;
/// smaller takes more `write`s for each such answer.
const FRAME_LEN_MAX: usize = 6 * 1024;

/// The WebSocket of a client.
pub(crate) type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// The WebSocket on a connection whose handshake is done.
pub(crate) async fn open(connection: Upgraded, limits: &Limits) -> WebSocket {
    // Twice what is allowed, so that a message that is a little too large is read to its end and refused with words: closing with
    // unread bytes resets the connection. What is larger still is refused all the same, but the words may be lost.
    let len_max = Some(2 * limits.message_len_max);
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_LEN).write_buffer_size(WRITE_BUFFER_LEN);
    let config = config.max_message_size(len_max).max_frame_size(len_max);
    WebSocketStream::from_raw_socket(TokioIo::new(connection), Role::Server, Some(config)).await
}

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
            // Frames as such are only written.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Incoming::Pong,
            Some(Ok(Message::Close(frame))) => {
                self.is_over = true;
                Incoming::Closed { is_deliberate: frame.is_some_and(|frame| frame.code == CloseCode::Normal) }
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Incoming::TooLarge,
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
        let is_last = matches!(outgoing, Outgoing::Close { .. });
        let written = async {
            put(&mut sink, outgoing).await?;
            if is_last || reader.is_empty() { sink.flush().await } else { Ok(()) }
        };
        match timeout(patience, written).await {
            Ok(Ok(())) if !is_last => {}
            _ => return,
        }
    }
}

async fn put(sink: &mut SplitSink<WebSocket, Message>, outgoing: Outgoing) -> Result<(), Error> {
    match outgoing {
        Outgoing::Text(text) if text.len() <= FRAME_LEN_MAX => sink.feed(Message::Text(text)).await,
        Outgoing::Text(text) => put_in_frames(sink, text).await,
        Outgoing::Ping => sink.feed(Message::Ping(Bytes::new())).await,
        Outgoing::Close { code, reason } => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) };
            sink.feed(Message::Close(Some(frame))).await
        }
    }
}

/// RFC 6455 section 5.4: a first frame with the opcode, then continuations, the last one of which says that it is. A character may lie
/// across two (section 5.6).
async fn put_in_frames(sink: &mut SplitSink<WebSocket, Message>, text: Utf8Bytes) -> Result<(), Error> {
    let mut rest = Bytes::from(text);
    let mut opcode = OpCode::Data(Data::Text);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(FRAME_LEN_MAX));
        sink.feed(Message::Frame(Frame::message(piece, opcode, rest.is_empty()))).await?;
        opcode = OpCode::Data(Data::Continue);
    }
    Ok(())
}
