//! A subscriber's ear for one audio track, as a browser's: a playout buffer whose delay follows the jitter, and the share of sound that
//! had to be made up because nothing was there when it was due.
//!
//! Every 20 ms one packet's sound is played. The buffer's delay follows a target by playing a packet in no time or two times over, which
//! nobody hears. What is missing is concealed; what comes later than that is of no use.

mod target;

use crate::content::Content;
use crate::incoming::{Arrived, Incoming, StreamStatistics};
use crate::microphone::PACKET_TIME;
use core::time::Duration;
use corelay_core::control::SubscriptionParameters;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Codec;
use corelay_wire::rtp::RtpHeader;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::BTreeMap;
use target::Target;

/// Between two changes of the delay.
const CHANGE_EVERY: Duration = Duration::from_millis(100);
/// Ticks of the clock in a packet.
const TICKS: i64 = 960;

/// A moment of playout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// When.
    pub at: Instant,
    /// Whether the sound was there.
    pub sound: Sound,
}

/// What was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// What the microphone took.
    Real,
    /// A pause that the sender left out.
    Pause,
    /// Nothing was there.
    Concealed,
}

/// A packet in the buffer.
#[derive(Clone, Copy, Debug)]
struct Buffered {
    sequence: i64,
    noise: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Listener {
    /// Which subscription.
    pub subscription: SubscriptionId,
    /// Names the track in each packet.
    pub tag: u32,
    /// When it began to listen.
    pub began: Instant,
    /// Every 20 ms from the first packet on.
    pub played: Vec<Played>,
    pub(crate) incoming: Incoming,
    target: Target,
    /// By place in the sound, in packets.
    buffer: BTreeMap<i64, Buffered>,
    place: Option<(RtpTimestamp, i64)>,
    /// What is played next.
    head: i64,
    /// What was played last.
    last: Option<Buffered>,
    /// Moments that were made up while nothing at all was there.
    waited: i64,
    next: Option<Instant>,
    changed: Instant,
}

impl Listener {
    /// A listener to the track with this tag, from `now` on.
    pub fn new(now: Instant, subscription: SubscriptionId, parameters: SubscriptionParameters, tag: u32) -> Self {
        let nacks = parameters.formats[0].feedback.nack;
        Self {
            subscription,
            tag,
            began: now,
            played: Vec::new(),
            incoming: Incoming::new(parameters, Codec::Opus, nacks),
            target: Target::default(),
            buffer: BTreeMap::new(),
            place: None,
            head: 0,
            last: None,
            waited: 0,
            next: None,
            changed: now,
        }
    }

    /// What arrived.
    pub fn statistics(&self) -> &StreamStatistics {
        &self.incoming.statistics
    }

    /// The delay that the buffer is to have.
    pub fn target_delay(&self) -> Duration {
        self.target.delay()
    }

    /// Takes a packet of one of its SSRCs.
    pub(crate) fn take(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) {
        let Some(arrived) = self.incoming.take(now, header, packet) else { return };
        if arrived.payload.is_empty() {
            return;
        }
        let place = self.extend(arrived.timestamp);
        self.target.arrived(now, place);
        if self.next.is_none() {
            self.head = place;
            self.next = Some(now + self.target.delay());
            self.changed = now;
        }
        for (back, block) in blocks(&arrived) {
            let Some(content) = Content::read(block).filter(|c| c.tag == self.tag) else {
                return self.incoming.broke("a payload that was changed, or of another track".to_owned());
            };
            self.insert(place - back, Buffered { sequence: arrived.sequence - back, noise: content.temporal == 1 });
        }
    }

    fn insert(&mut self, place: i64, buffered: Buffered) {
        if place >= self.head {
            self.buffer.entry(place).or_insert(buffered);
        }
    }

    /// The place of a timestamp, in packets since the first.
    fn extend(&mut self, timestamp: RtpTimestamp) -> i64 {
        let (last, place) = self.place.unwrap_or((timestamp, 0));
        let place = place + (f64::from(timestamp.distance(last)) / TICKS as f64).round() as i64;
        self.place = Some((timestamp, place));
        place
    }

    /// Plays what is due.
    pub(crate) fn work(&mut self, now: Instant) {
        while let Some(at) = self.next.filter(|at| *at <= now) {
            self.next = Some(at + PACKET_TIME);
            let sound = self.play(at);
            self.played.push(Played { at, sound });
        }
    }

    fn play(&mut self, at: Instant) -> Sound {
        self.buffer = self.buffer.split_off(&self.head);
        let first = self.buffer.first_key_value().map(|(place, buffered)| (*place, *buffered));
        if let Some((place, _)) = first.filter(|(place, _)| *place <= self.head + self.waited) {
            // What is missing before it was made up already, while it could have been late (NetEq's `PacketTooEarly`).
            self.head = place;
        }
        let after_noise = self.last.is_some_and(|last| last.noise);
        let sound = match first {
            Some((place, _)) if place == self.head => {
                self.last = self.buffer.remove(&place);
                Sound::Real
            }
            // No number is missing between: the sender left the sound out.
            Some((_, next)) if self.last.is_some_and(|last| next.sequence == last.sequence + 1) || after_noise => Sound::Pause,
            None if after_noise => Sound::Pause,
            // Something later is there, so this one is lost for good.
            Some(_) => Sound::Concealed,
            // Everything is late: the sound waits.
            None => {
                self.waited += 1;
                return Sound::Concealed;
            }
        };
        if sound != Sound::Concealed {
            self.waited = 0;
        }
        if self.may_change(at, sound) {
            self.change(at);
        }
        self.head += 1;
        sound
    }

    fn may_change(&self, at: Instant, sound: Sound) -> bool {
        sound != Sound::Concealed && at.since(self.changed) >= CHANGE_EVERY
    }

    /// Moves the delay by a packet towards its target.
    fn change(&mut self, at: Instant) {
        let Some(delay) = self.target.delay_of(at, self.head) else { return };
        let (target, step) = (self.target.delay().as_secs_f64(), PACKET_TIME.as_secs_f64());
        if delay > target + 1.5 * step {
            if let Some(buffered) = self.buffer.remove(&(self.head + 1)) {
                self.last = Some(buffered);
                self.head += 1;
                self.changed = at;
            }
        } else if delay < target - step / 2.0 {
            self.head -= 1;
            self.changed = at;
        }
    }
}

/// The blocks of sound in a packet, each with how many packets before this one it belongs.
fn blocks(arrived: &Arrived) -> Vec<(i64, &[u8])> {
    if arrived.codec != Codec::Red {
        return vec![(0, &arrived.payload)];
    }
    // RFC 2198 section 3: heads of four bytes while the top bit is set, one byte for the last; then the blocks.
    let (mut heads, mut rest) = (Vec::new(), &arrived.payload[..]);
    while let [first, a, b, c, after @ ..] = rest
        && first & 0x80 != 0
    {
        let word = u32::from_be_bytes([0, *a, *b, *c]);
        heads.push((i64::from(word >> 10) / TICKS, (word & 0x3FF) as usize));
        rest = after;
    }
    let mut rest = rest.get(1..).unwrap_or_default();
    let mut found = Vec::new();
    for (back, len) in heads {
        let Some((block, after)) = rest.split_at_checked(len) else { return Vec::new() };
        found.push((back, block));
        rest = after;
    }
    found.push((0, rest));
    found
}

#[cfg(test)]
mod tests;
