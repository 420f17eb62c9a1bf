//! What a participant consumes: producers that are there, and those that come and go.

use super::error::{ClientError, Ended};
use super::media;
use super::signaling::{Notification, Signaling};
use crate::fleet::{Peer, Received};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// What the client's handle sees.
pub(super) struct Seen {
    streams: Mutex<Streams>,
    pub(super) ended: watch::Sender<Option<Ended>>,
}

/// Streams by producer, and when the first packet of all came, as CLOCK_MONOTONIC.
#[derive(Default)]
struct Streams {
    live: BTreeMap<String, Received>,
    first_ns: Option<u64>,
}

impl Streams {
    fn first_ns(&self) -> Option<u64> {
        let live = self.live.values().filter_map(Received::started_ns).min();
        self.first_ns.into_iter().chain(live).min()
    }
}

impl Seen {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { streams: Mutex::default(), ended: watch::Sender::new(None) })
    }

    /// Streams that are consumed, and those of them that have brought a packet.
    pub(super) fn progress(&self) -> (usize, usize) {
        let streams = self.lock();
        (streams.live.len(), streams.live.values().filter(|one| one.has_started()).count())
    }

    /// When the first packet of all came, as CLOCK_MONOTONIC.
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.lock().first_ns()
    }

    /// Forgets all streams.
    pub(super) fn clear(&self) {
        self.lock().live.clear();
    }

    /// The first reason counts.
    pub(super) fn end(&self, ended: Ended) {
        self.ended.send_if_modified(|before| {
            let is_first = before.is_none();
            if is_first {
                *before = Some(ended);
            }
            is_first
        });
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Consumes what it may.
pub(super) struct Subscriber {
    pub(super) signaling: Signaling,
    /// Its transport's id, and the transport itself; `None` for one that consumes nothing.
    pub(super) transport: Option<(Value, Arc<Peer>)>,
    /// At most so many at a time.
    pub(super) streams_max: usize,
    /// Producers that there is no room for.
    pub(super) waiting: VecDeque<Producer>,
    pub(super) seen: Arc<Seen>,
}

impl Subscriber {
    /// Consumes producers as far as there is room, all at once: the server answers requests in their order.
    pub(super) async fn consume(&mut self, producers: Vec<Producer>) -> Result<(), ClientError> {
        self.waiting.extend(producers);
        let Some((transport, peer)) = self.transport.clone() else {
            self.waiting.clear();
            return Ok(());
        };
        while !self.waiting.is_empty() && self.seen.progress().0 < self.streams_max {
            let room = self.streams_max - self.seen.progress().0;
            let some: Vec<Producer> = self.waiting.drain(..room.min(self.waiting.len())).collect();
            let one = |producer| consume_one(&self.signaling, &transport, &peer, producer, &self.seen);
            futures_util::future::try_join_all(some.into_iter().map(one)).await?;
        }
        Ok(())
    }

    /// Follows the room until the connection ends.
    pub(super) async fn follow(mut self, mut notifications: mpsc::Receiver<Notification>) {
        let ended = loop {
            let Some(Notification { method, data }) = notifications.recv().await else {
                break self.signaling.goodbye().unwrap_or(Ended::Lost);
            };
            let done = match method.as_str() {
                "newProducer" => self.consume(Producer::read(&data).into_iter().collect()).await,
                "consumerClosed" | "producerClosed" => self.forget(&data["producerId"]).await,
                "transportState" if data["state"] == "failed" => {
                    break Ended::Transport(text(&data["reason"]).unwrap_or_else(|| "the server gave no reason".to_owned()));
                }
                _ => Ok(()),
            };
            match done {
                Ok(()) => {}
                Err(ClientError::Refused(refusal)) => break Ended::Refused(refusal),
                Err(ClientError::Closed { .. } | ClientError::Goodbye { .. }) => {
                    break self.signaling.goodbye().unwrap_or(Ended::Lost);
                }
                Err(error) => break Ended::Transport(error.to_string()),
            }
        };
        self.seen.end(ended);
    }

    async fn forget(&mut self, producer: &Value) -> Result<(), ClientError> {
        let Some(producer) = producer.as_str() else { return Ok(()) };
        self.waiting.retain(|waiting| waiting.id != producer);
        {
            let mut streams = self.seen.lock();
            streams.first_ns = streams.first_ns();
            streams.live.remove(producer);
        }
        self.consume(Vec::new()).await
    }
}

/// Video starts paused, as `docs/protocol.md` advises: the keyframe that the server asks for at `resumeConsumer` then finds us ready.
async fn consume_one(
    signaling: &Signaling,
    transport: &Value,
    peer: &Peer,
    producer: Producer,
    seen: &Seen,
) -> Result<(), ClientError> {
    let asked = json!({ "transportId": transport, "producerId": producer.id, "paused": producer.is_video });
    let consumer = match signaling.request("consume", asked).await {
        Ok(consumer) => consumer,
        // It ended while we asked.
        Err(ClientError::Refused(refusal)) if refusal.name == "unknown-producer" => return Ok(()),
        Err(error) => return Err(error),
    };
    let expected = media::expected(&consumer)?;
    let received = peer.receive(&expected);
    seen.lock().live.insert(producer.id, received);
    if !producer.is_video {
        return Ok(());
    }
    match signaling.request("resumeConsumer", json!({ "consumerId": consumer["id"] })).await {
        Err(ClientError::Refused(refusal)) if refusal.name == "unknown-consumer" => Ok(()),
        done => done.map(drop),
    }
}

/// A producer of another participant.
pub(super) struct Producer {
    id: String,
    is_video: bool,
}

impl Producer {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { id: text(&value["producerId"])?, is_video: value["kind"] == "video" })
    }
}

/// Producers of those who are in the room, of an answer to `join`.
pub(super) fn known_producers(joined: &Value) -> Vec<Producer> {
    let participants = joined["participants"].as_array().map(Vec::as_slice).unwrap_or_default();
    let producers = participants.iter().filter_map(|participant| participant["producers"].as_array()).flatten();
    producers.filter_map(Producer::read).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
