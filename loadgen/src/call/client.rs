//! One participant: joins, publishes what it is told to, subscribes to everything it hears of, and counts what arrives.

use super::association::{Association, Identity};
use super::signaling::{Notification, Signaling};
use super::stream::{Kind, Stream};
use super::tally::Tally;
use anyhow::Context;
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtp::packet::Packet;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use webrtc_srtp::context::Context as SrtpContext;
use webrtc_util::Unmarshal;

/// Counts by the SSRC under which a stream arrives.
type Tallies = Arc<Mutex<HashMap<u32, Tally>>>;

/// A participant in the call. Media flows until `stop` turns true.
pub(crate) struct Client {
    signaling: Signaling,
    tallies: Tallies,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    pub(crate) profile: &'static str,
}

/// What a participant publishes.
#[derive(Clone, Copy)]
pub(crate) struct Publishes {
    pub(crate) audio: bool,
    pub(crate) video_kbps: u32,
}

impl Client {
    /// Joins, connects both transports and starts media.
    pub(crate) async fn join(
        url: &str,
        token: &str,
        identity: &Arc<Identity>,
        publishes: Publishes,
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let (signaling, notifications) = Signaling::connect(url, token).await?;
        let joined = signaling.request("join", json!({ "rtpCapabilities": capabilities() })).await?;
        let (receive_id, receive) = open(&signaling, identity, "recv").await?;
        let (send_id, send) = open(&signaling, identity, "send").await?;
        let profile = receive.profile;
        let tallies = Tallies::default();
        let mut tasks = vec![tokio::spawn(receive_media(receive, Arc::clone(&tallies), stop.clone()))];
        let streams = publish(&signaling, &send_id, publishes).await?;
        tasks.push(tokio::spawn(send_media(send, streams, stop.clone())));
        let subscriber = Subscriber { signaling: signaling.clone(), transport: receive_id, tallies: Arc::clone(&tallies) };
        tasks.push(tokio::spawn(subscriber.run(known_producers(&joined), notifications, stop.clone())));
        Ok(Self { signaling, tallies, tasks, profile })
    }

    /// How many streams it is subscribed to, and how many of them have brought something.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let tallies = lock(&self.tallies);
        (tallies.len(), tallies.values().filter(|t| t.packets > 0).count())
    }

    /// Waits for its tasks, which end by `stop`, leaves, and gives its counts.
    pub(crate) async fn leave(self) -> anyhow::Result<Vec<Tally>> {
        for task in self.tasks {
            task.await??;
        }
        self.signaling.request("leave", json!({})).await?;
        Ok(lock(&self.tallies).values().cloned().collect())
    }
}

fn lock(tallies: &Tallies) -> MutexGuard<'_, HashMap<u32, Tally>> {
    tallies.lock().unwrap_or_else(PoisonError::into_inner)
}

fn capabilities() -> Value {
    json!({
        "codecs": [
            { "kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 111, "clockRate": 48000, "channels": 2, "parameters": {}, "rtcpFeedback": [] },
            { "kind": "video", "mimeType": "video/VP8", "preferredPayloadType": 96, "clockRate": 90000, "parameters": {},
              "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }] },
        ],
        "headerExtensions": [],
    })
}

async fn open(signaling: &Signaling, identity: &Identity, direction: &str) -> anyhow::Result<(Value, Association)> {
    let transport = signaling.request("createWebRtcTransport", json!({ "direction": direction })).await?;
    let id = transport["id"].clone();
    signaling.request("connectWebRtcTransport", json!({ "transportId": id, "dtlsParameters": identity.dtls_parameters() })).await?;
    let association = Association::connect(identity, &transport).await?;
    Ok((id, association))
}

async fn publish(signaling: &Signaling, transport: &Value, publishes: Publishes) -> anyhow::Result<Vec<Stream>> {
    let mut streams = Vec::new();
    if publishes.audio {
        streams.push(Stream::audio());
    }
    if publishes.video_kbps > 0 {
        streams.push(Stream::video(publishes.video_kbps));
    }
    for stream in &streams {
        let (kind, source, codec) = match stream.kind() {
            Kind::Audio => (
                "audio",
                "microphone",
                json!({ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2, "parameters": {}, "rtcpFeedback": [] }),
            ),
            Kind::Video => (
                "video",
                "camera",
                json!({ "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "parameters": {}, "rtcpFeedback": [{ "type": "nack", "parameter": "pli" }] }),
            ),
        };
        let parameters = json!({ "codecs": [codec], "headerExtensions": [], "encodings": [{ "ssrc": stream.ssrc() }], "rtcp": { "cname": "loadgen", "reducedSize": true } });
        signaling
            .request("produce", json!({ "transportId": transport, "kind": kind, "source": source, "rtpParameters": parameters }))
            .await?;
    }
    Ok(streams)
}

fn known_producers(joined: &Value) -> Vec<Value> {
    let participants = joined["participants"].as_array().cloned().unwrap_or_default();
    participants.iter().filter_map(|p| p["producers"].as_array()).flatten().map(|p| p["producerId"].clone()).collect()
}

struct Subscriber {
    signaling: Signaling,
    transport: Value,
    tallies: Tallies,
}

impl Subscriber {
    async fn run(
        self,
        known: Vec<Value>,
        mut notifications: mpsc::Receiver<Notification>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        for producer in known {
            self.subscribe(&producer).await?;
        }
        loop {
            tokio::select! {
                notification = notifications.recv() => {
                    let notification = notification.context("the server closed the connection")?;
                    match notification.method.as_str() {
                        "newProducer" => self.subscribe(&notification.data["producerId"]).await?,
                        "goodbye" => anyhow::bail!("the server said goodbye: {}", notification.data),
                        _ => {}
                    }
                }
                () = stopped(&mut stop) => return Ok(()),
            }
        }
    }

    async fn subscribe(&self, producer: &Value) -> anyhow::Result<()> {
        let consumer = self.signaling.request("consume", json!({ "transportId": self.transport, "producerId": producer })).await?;
        let ssrc = consumer["rtpParameters"]["encodings"][0]["ssrc"].as_u64().context("the consumer has no SSRC")?;
        lock(&self.tallies).entry(u32::try_from(ssrc)?).or_default();
        Ok(())
    }
}

async fn receive_media(mut association: Association, tallies: Tallies, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    loop {
        let bytes = tokio::select! {
            bytes = association.protected.recv() => bytes.context("the socket's reader ended")?,
            () = stopped(&mut stop) => break,
        };
        if is_rtcp(&bytes) {
            association.receiver.decrypt_rtcp(&bytes).context("RTCP from the server does not open")?;
            continue;
        }
        let Ok(plain) = association.receiver.decrypt_rtp(&bytes) else {
            continue;
        };
        let packet = Packet::unmarshal(&mut plain.as_ref())?;
        lock(&tallies).entry(packet.header.ssrc).or_default().take(packet.header.sequence_number, &packet.payload);
    }
    association.dtls.close().await?;
    Ok(())
}

async fn send_media(mut association: Association, mut streams: Vec<Stream>, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let start = tokio::time::Instant::now();
    let mut due: Vec<_> = streams.iter().map(|s| start + s.interval().mul_f64(rand::random())).collect();
    loop {
        let next = due.iter().min().copied();
        tokio::select! {
            () = tokio::time::sleep_until(next.unwrap_or(start)), if next.is_some() => {
                for (stream, at) in streams.iter_mut().zip(&mut due).filter(|(_, at)| Some(**at) == next) {
                    *at += stream.interval();
                    send_frame(&association.socket, &mut association.sender, stream).await?;
                }
            }
            bytes = association.protected.recv() => {
                let bytes = bytes.context("the socket's reader ended")?;
                if is_rtcp(&bytes) && wants_keyframe(&association.receiver.decrypt_rtcp(&bytes)?) {
                    streams.iter_mut().for_each(Stream::want_keyframe);
                }
            }
            () = stopped(&mut stop) => break,
        }
    }
    association.dtls.close().await?;
    Ok(())
}

async fn send_frame(socket: &tokio::net::UdpSocket, sender: &mut SrtpContext, stream: &mut Stream) -> anyhow::Result<()> {
    for packet in stream.next_frame() {
        // A full socket buffer is loss, as it would be for a browser.
        let _ = socket.send(&sender.encrypt_rtp(&packet)?).await;
    }
    Ok(())
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives as long as the run: an error means that the run is over, too.
    drop(stop.wait_for(|stopped| *stopped).await);
}

/// RFC 5761 section 4.
fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|second| (192..=223).contains(second))
}

fn wants_keyframe(mut compound: &[u8]) -> bool {
    let Ok(packets) = rtcp::packet::unmarshal(&mut compound) else {
        return false;
    };
    packets.iter().any(|p| p.as_any().is::<PictureLossIndication>() || p.as_any().is::<FullIntraRequest>())
}
