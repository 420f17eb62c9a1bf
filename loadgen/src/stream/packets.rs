//! One published layer: which packet comes when, byte by byte, up to encryption.

use super::frames::{Frames, Next};
use super::stamp::{STAMP_LEN, Stamp};
use super::trail::Trail;
use super::{Burst, Codec, Kind, Numbers, Source, Speech, StreamPlan, vp8};
use std::sync::Arc;

/// Packets a second of audio that names no other rate: 20 ms each.
const AUDIO_RATE: u32 = 50;
const SECOND_NS: u64 = 1_000_000_000;
/// Fixed header (RFC 3550 section 5.1).
const HEADER_LEN: usize = 12;
/// A schedule that is this far behind is given up and starts anew: the machine stood still, and a burst of all that was missed helps nobody.
const BEHIND_MAX_NS: u64 = 500_000_000;
/// Of -10 dBov with voice (RFC 6464 section 3).
const LEVEL_VOICE: u8 = 0x80 | 10;
/// Of silence.
const LEVEL_SILENCE: u8 = 127;

/// A packet in the clear.
pub(crate) struct Packet<'a> {
    pub(crate) bytes: &'a [u8],
    /// After it comes a pause, or another frame.
    pub(crate) ends_burst: bool,
}

/// What a layer is sent as.
pub(crate) struct Layer {
    pub(crate) ssrc: u32,
    stream: u32,
    index: u32,
    codec: Codec,
    packet_bytes: usize,
    burst: Burst,
    speech: Speech,
    speech_phase_ns: u64,
    frames: Frames,
    /// Header and extensions, to be patched.
    header: Vec<u8>,
    level_at: Option<usize>,
    packet: Vec<u8>,
    sequence: u16,
    timestamp: u32,
    ticks: u32,
    interval_ns: u64,
    /// When the frame after this one is due.
    frame_ns: u64,
    started_ns: u64,
    current: Option<(Next, usize)>,
    counter: u32,
    picture_id: u16,
    keyframe_wanted: bool,
    pub(crate) sent_packets: u32,
    pub(crate) sent_octets: u32,
}

impl Layer {
    /// The layers of a plan.
    pub(crate) fn all(plan: &StreamPlan, numbers: &Numbers, stream: u32, now_ns: u64) -> Result<Vec<Self>, String> {
        let count = plan.layers.len().max(1);
        if numbers.ssrcs.len() != count {
            return Err(format!("it has {count} layers and {} SSRCs: give each layer one", numbers.ssrcs.len()));
        }
        (0..count).map(|index| Self::new(plan, numbers, stream, index, now_ns)).collect()
    }

    fn new(plan: &StreamPlan, numbers: &Numbers, stream: u32, index: usize, now_ns: u64) -> Result<Self, String> {
        let layer = plan.layers.get(index);
        let (bitrate, fps) = layer.map_or((plan.bitrate, plan.fps), |layer| (layer.bitrate, layer.fps));
        let (header, level_at) = header(plan, numbers, layer.map_or("", |layer| &layer.rid), numbers.ssrcs[index])?;
        let least = header.len() + vp8::HEAD_MAX + STAMP_LEN;
        if !(least..=1400).contains(&plan.packet_bytes) {
            return Err(format!("packets of {} bytes: it must be {least} to 1400", plan.packet_bytes));
        }
        let (frames, ticks, interval_ns) = rhythm(plan, bitrate, fps, header.len())?;
        let frame_ns = now_ns + rand::random::<u64>() % interval_ns;
        Ok(Self {
            ssrc: numbers.ssrcs[index],
            stream,
            index: index as u32,
            codec: plan.codec,
            packet_bytes: plan.packet_bytes,
            burst: plan.burst,
            speech: plan.speech,
            speech_phase_ns: rand::random::<u64>() % (60 * SECOND_NS),
            frames,
            header,
            level_at,
            packet: Vec::with_capacity(1500),
            // RFC 3711 section 3.3.1: below 2^15, or a loss at the start could be taken for a rollover.
            sequence: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            ticks,
            interval_ns,
            frame_ns,
            started_ns: now_ns,
            current: None,
            counter: 0,
            picture_id: rand::random::<u16>() >> 1,
            keyframe_wanted: true,
            sent_packets: 0,
            sent_octets: 0,
        })
    }

    /// The next frame will be a keyframe.
    pub(crate) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// When the first burst is due.
    pub(crate) fn first_due_ns(&self) -> u64 {
        self.frame_ns
    }

    /// Where a clip leaves when it was sent.
    pub(crate) fn trail(&self) -> Option<&Arc<Trail>> {
        match &self.frames {
            Frames::Clip { trail, .. } => Some(trail),
            Frames::Synthetic { .. } => None,
        }
    }

    /// A timestamp of now, for sender reports.
    pub(crate) fn timestamp_at(&self, now_ns: u64) -> u32 {
        let last_frame_ns = self.frame_ns.saturating_sub(self.interval_ns);
        let since = now_ns as i64 - last_frame_ns as i64;
        let ticks = i128::from(since) * i128::from(self.codec.clock_rate()) / i128::from(SECOND_NS);
        self.timestamp.wrapping_sub(self.ticks).wrapping_add(ticks as u32)
    }

    /// Nothing is sent at this time; the schedule and the timestamps go on.
    pub(crate) fn pass(&mut self, now_ns: u64) -> u64 {
        self.current = None;
        while self.frame_ns <= now_ns {
            self.frame_ns += self.interval_ns;
            self.timestamp = self.timestamp.wrapping_add(self.ticks);
        }
        self.frame_ns
    }

    /// Sends the burst that is due: gives each packet to `send`, stamped with what `clock` says then. Gives when the next one is due.
    pub(crate) fn burst(&mut self, now_ns: u64, clock: impl Fn() -> u64, mut send: impl FnMut(Packet<'_>)) -> u64 {
        if now_ns.saturating_sub(self.frame_ns) > BEHIND_MAX_NS {
            self.pass(now_ns - self.interval_ns.min(now_ns));
        }
        // What is left of a frame when the next one is due goes at once.
        let mut room = if now_ns >= self.frame_ns { usize::MAX } else { self.burst_packets() };
        if let Some((next, from)) = self.current.take() {
            room = self.send_part(next, from, room, &clock, &mut send);
        }
        if now_ns >= self.frame_ns {
            let next = self.frames.next(std::mem::take(&mut self.keyframe_wanted));
            self.start_frame();
            self.send_part(next, 0, self.burst_packets().min(room), &clock, &mut send);
        }
        match (self.current, self.burst) {
            (Some(_), Burst::Paced { gap, .. }) => self.frame_ns.min(now_ns + gap.as_nanos() as u64),
            _ => self.frame_ns,
        }
    }

    fn burst_packets(&self) -> usize {
        match self.burst {
            Burst::Together => usize::MAX,
            Burst::Paced { packets, .. } => packets.max(1) as usize,
        }
    }

    /// The schedule names the frame after this one from here on; the packets that are built are of this one.
    fn start_frame(&mut self) {
        self.frame_ns += self.interval_ns;
        self.timestamp = self.timestamp.wrapping_add(self.ticks);
        self.picture_id = (self.picture_id + 1) & 0x7fff;
    }

    /// Sends up to `room` packets of a frame, and gives what room is left.
    fn send_part(
        &mut self,
        next: Next,
        from: usize,
        room: usize,
        clock: &impl Fn() -> u64,
        send: &mut impl FnMut(Packet<'_>),
    ) -> usize {
        let to = next.packets.min(from.saturating_add(room));
        for n in from..to {
            self.build(next, n, clock());
            self.sent_packets = self.sent_packets.wrapping_add(1);
            self.sent_octets = self.sent_octets.wrapping_add((self.packet.len() - self.header.len()) as u32);
            send(Packet { bytes: &self.packet, ends_burst: n + 1 == to });
        }
        if to < next.packets {
            self.current = Some((next, to));
        }
        room - (to - from)
    }

    fn build(&mut self, next: Next, n: usize, now_ns: u64) {
        self.packet.clear();
        self.packet.extend_from_slice(&self.header);
        let is_last = n + 1 == next.packets;
        self.packet[1] |= if is_last && self.codec.kind() == Kind::Video { 0x80 } else { 0 };
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        // The timestamp has advanced to the frame after this one.
        self.packet[4..8].copy_from_slice(&self.timestamp.wrapping_sub(self.ticks).to_be_bytes());
        if let Some(at) = self.level_at {
            self.packet[at] = self.level(now_ns);
        }
        self.payload(next, n, now_ns);
        self.sequence = self.sequence.wrapping_add(1);
        self.counter = self.counter.wrapping_add(1);
    }

    fn payload(&mut self, next: Next, n: usize, now_ns: u64) {
        if let Frames::Clip { frames, trail, .. } = &self.frames {
            let frame = &frames[next.frame];
            if self.codec == Codec::Vp8 {
                vp8::write_descriptor(&mut self.packet, n == 0, self.picture_id);
            }
            self.packet.extend_from_slice(&frame.payloads[n]);
            trail.leave(frame.place + n, now_ns);
            return;
        }
        if self.codec == Codec::Vp8 {
            vp8::write_head(&mut self.packet, n == 0, next.keyframe, self.picture_id);
        }
        let body = self.packet.len();
        self.packet.resize(self.packet_bytes, 0);
        let stamp = Stamp { stream: self.stream, layer: self.index, counter: self.counter, sent_ns: now_ns };
        stamp.write(&mut self.packet[body..]);
    }

    fn level(&self, now_ns: u64) -> u8 {
        let speaks = match self.speech {
            Speech::Always => true,
            Speech::Never => false,
            Speech::Turns { voice, silence } => {
                let (voice, turn) = (voice.as_nanos() as u64, (voice + silence).as_nanos() as u64);
                (now_ns - self.started_ns.min(now_ns) + self.speech_phase_ns) % turn.max(1) < voice
            }
        };
        if speaks { LEVEL_VOICE } else { LEVEL_SILENCE }
    }
}

/// Frames, and from one to the next: RTP ticks and nanoseconds.
fn rhythm(plan: &StreamPlan, bitrate: u32, fps: u32, header_len: usize) -> Result<(Frames, u32, u64), String> {
    if let Source::Clip(clip) = &plan.source {
        if clip.codec != plan.codec || !plan.layers.is_empty() {
            return Err("a clip is sent with its own codec and in one layer".to_owned());
        }
        let frames = Frames::clip(clip, plan.packet_bytes - header_len)?;
        let ticks = clip.frame_ticks.max(1);
        return Ok((frames, ticks, u64::from(ticks) * SECOND_NS / u64::from(clip.codec.clock_rate())));
    }
    match plan.codec {
        // A frame of one packet, whatever the bitrate says.
        Codec::Opus if fps <= 400 => {
            let rate = if fps == 0 { AUDIO_RATE } else { fps };
            Ok((Frames::synthetic(0, 1, plan.packet_bytes), plan.codec.clock_rate() / rate, SECOND_NS / u64::from(rate)))
        }
        Codec::Opus => Err(format!("audio of {fps} packets/s: Opus has 400 at most")),
        Codec::Vp8 if (1..=240).contains(&fps) && bitrate > 0 => {
            let frames = Frames::synthetic(bitrate, fps, plan.packet_bytes);
            Ok((frames, 90_000 / fps, SECOND_NS / u64::from(fps)))
        }
        Codec::Vp8 => Err(format!("video of {bitrate} bit/s and {fps} frames/s: it needs a bitrate and 1 to 240 frames")),
        Codec::H264 => Err("synthetic video is VP8; H264 needs a clip".to_owned()),
    }
}

/// The header with its extensions in the one-byte form (RFC 8285 section 4.2), and where the audio level stands.
fn header(plan: &StreamPlan, numbers: &Numbers, rid: &str, ssrc: u32) -> Result<(Vec<u8>, Option<usize>), String> {
    let mut header = vec![0x80, numbers.payload_type & 0x7f, 0, 0, 0, 0, 0, 0];
    header.extend_from_slice(&ssrc.to_be_bytes());
    let mut elements = Vec::new();
    let mut level_at = None;
    if plan.codec.kind() == Kind::Audio && numbers.audio_level_id > 0 {
        level_at = Some(HEADER_LEN + 4 + 1);
        element(&mut elements, numbers.audio_level_id, &[LEVEL_VOICE])?;
    }
    if numbers.mid_id > 0 {
        element(&mut elements, numbers.mid_id, numbers.mid.as_bytes())?;
    }
    if numbers.rid_id > 0 && !rid.is_empty() {
        element(&mut elements, numbers.rid_id, rid.as_bytes())?;
    }
    if !elements.is_empty() {
        elements.resize(elements.len().next_multiple_of(4), 0);
        header[0] |= 0x10;
        header.extend_from_slice(&[0xbe, 0xde]);
        header.extend_from_slice(&((elements.len() / 4) as u16).to_be_bytes());
        header.append(&mut elements);
    }
    Ok((header, level_at))
}

fn element(out: &mut Vec<u8>, id: u8, value: &[u8]) -> Result<(), String> {
    if !(1..=14).contains(&id) || !(1..=16).contains(&value.len()) {
        return Err(format!("a header extension with id {id} and {} bytes: ids are 1 to 14, values 1 to 16 bytes", value.len()));
    }
    out.push(id << 4 | (value.len() - 1) as u8);
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests;
