//! What shards tell each other about the tracks that they share: values, and the bytes that they cross a ring as.
//!
//! ```text
//! kind | fields of the kind, little endian, of fixed length | the packet's bytes, for a packet
//! '------------------- head ------------------------------'   '-------- body ------------'
//! ```
//!
//! Head and body are apart so that a packet is copied once on its way out: from the history into the ring. Both ends run the same
//! program, so that there is no version; a message that does not parse is a bug, and costs that message only.

use crate::history::PacketMeta;
use crate::place::Place;
use arrayvec::ArrayVec;
use corelay_wire::ids::TrackId;
use corelay_wire::rtp::ExtensionSpans;
use corelay_wire::units::{Instant, NtpTimestamp, RtpTimestamp};

/// The longest head: that of a packet.
pub const HEAD_BYTES_MAX: usize = 54 + ExtensionSpans::BYTES;
/// The longest body: no datagram is longer than a receive buffer.
pub const BODY_BYTES_MAX: usize = 2_048;

/// A track on both shards that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) track: TrackId,
    /// The slot of the mirror on its shard: finds it without a map. The id proves it, because slots are used again.
    pub(crate) mirror: u32,
}

/// What the publisher's shard knows of a stream's clock, for the sender reports of subscribers elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockReport {
    pub(crate) ntp: NtpTimestamp,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) arrived: Instant,
    pub(crate) generation: u32,
    /// From the publisher's wall clock to the server's: [`crate::clock::SenderClock`].
    pub(crate) offset: i64,
}

/// See the module. What a subscriber's shard asks for is merged there; it is merged once more, with what others ask for, where the
/// track is. Retransmission requests and estimates have their place beside [`Message::Keyframe`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// To a mirror: a packet of the track.
    Packet { name: Name, layer: u8, meta: PacketMeta, bytes: &'a [u8] },
    /// To a mirror: the publisher's clock.
    Report { name: Name, layer: u8, report: ClockReport },
    /// To a mirror: packets were left out, and what comes next goes on without a gap.
    Suspend { name: Name },
    /// From a mirror: its subscribers want the track's packets.
    Attach { name: Name },
    /// From a mirror: nobody is left who wants them.
    Detach { track: TrackId },
    /// From a mirror: somebody waits for a keyframe.
    Keyframe { track: TrackId, layer: u8 },
    /// From a mirror: the layers that its subscribers want, as bits.
    Want { track: TrackId, layers: u8 },
    /// The sender begins a life: it knows nothing of what was before.
    Hello,
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) type Head = ArrayVec<u8, HEAD_BYTES_MAX>;

const PACKET: u8 = 1;
const REPORT: u8 = 2;
const ATTACH: u8 = 3;
const DETACH: u8 = 4;
const KEYFRAME: u8 = 5;
const HELLO: u8 = 6;
const SUSPEND: u8 = 7;
const WANT: u8 = 8;

const MARKER: u8 = 1;
const IS_KEYFRAME: u8 = 2;

impl<'a> Message<'a> {
    /// The head and the body.
    pub(crate) fn encode(&self) -> (Head, &'a [u8]) {
        let mut w = Writer(Head::new());
        match self {
            Self::Packet { name, layer, meta, bytes } => {
                w.bytes([PACKET, *layer]).name(name).meta(meta);
                return (w.0, bytes);
            }
            Self::Report { name, layer, report: ClockReport { ntp, timestamp, arrived, generation, offset } } => {
                w.bytes([REPORT, *layer]).name(name);
                w.bytes(ntp.0.to_le_bytes()).bytes(timestamp.0.to_le_bytes()).bytes(arrived.as_nanos().to_le_bytes());
                w.bytes(generation.to_le_bytes()).bytes(offset.to_le_bytes());
            }
            Self::Suspend { name } => {
                w.bytes([SUSPEND]).name(name);
            }
            Self::Attach { name } => {
                w.bytes([ATTACH]).name(name);
            }
            Self::Detach { track } => {
                w.bytes([DETACH]).bytes(track.0.to_le_bytes());
            }
            Self::Keyframe { track, layer } => {
                w.bytes([KEYFRAME, *layer]).bytes(track.0.to_le_bytes());
            }
            Self::Want { track, layers } => {
                w.bytes([WANT, *layers]).bytes(track.0.to_le_bytes());
            }
            Self::Hello => {
                w.bytes([HELLO]);
            }
        }
        (w.0, &[])
    }

    /// The message that head and body, end to end, are.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader(bytes);
        let message = match u8::from_le_bytes(r.take()?) {
            PACKET => {
                let ([layer], name, meta) = (r.take()?, r.name()?, r.meta()?);
                let bytes = core::mem::take(&mut r.0);
                if bytes.len() > BODY_BYTES_MAX || usize::from(meta.payload_offset) > bytes.len() {
                    return Err(Malformed);
                }
                Self::Packet { name, layer, meta, bytes }
            }
            REPORT => Self::Report { layer: u8::from_le_bytes(r.take()?), name: r.name()?, report: r.report()? },
            SUSPEND => Self::Suspend { name: r.name()? },
            ATTACH => Self::Attach { name: r.name()? },
            DETACH => Self::Detach { track: r.track()? },
            KEYFRAME => Self::Keyframe { layer: u8::from_le_bytes(r.take()?), track: r.track()? },
            WANT => Self::Want { layers: u8::from_le_bytes(r.take()?), track: r.track()? },
            HELLO => Self::Hello,
            _ => return Err(Malformed),
        };
        if r.0.is_empty() { Ok(message) } else { Err(Malformed) }
    }
}

struct Writer(Head);

impl Writer {
    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) -> &mut Self {
        self.0.try_extend_from_slice(&bytes).expect("HEAD_BYTES_MAX is the longest head");
        self
    }

    fn name(&mut self, name: &Name) -> &mut Self {
        self.bytes(name.track.0.to_le_bytes()).bytes(name.mirror.to_le_bytes())
    }

    fn meta(&mut self, meta: &PacketMeta) {
        // Every field by its name: one that is added is not forgotten here.
        let PacketMeta {
            index,
            arrived,
            received,
            timestamp,
            generation,
            extensions,
            payload_offset,
            format,
            marker,
            keyframe,
            place,
        } = meta;
        let flags = (u8::from(*marker) * MARKER) | (u8::from(*keyframe) * IS_KEYFRAME);
        self.bytes(index.to_le_bytes()).bytes(arrived.as_nanos().to_le_bytes()).bytes(received.as_nanos().to_le_bytes());
        self.bytes(timestamp.0.to_le_bytes()).bytes(generation.to_le_bytes()).bytes(extensions.to_bytes());
        self.bytes(payload_offset.to_le_bytes()).bytes([*format, flags]).bytes(place.to_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_le_bytes)
    }

    fn track(&mut self) -> Result<TrackId, Malformed> {
        self.u64().map(TrackId)
    }

    fn name(&mut self) -> Result<Name, Malformed> {
        Ok(Name { track: self.track()?, mirror: self.u32()? })
    }

    fn instant(&mut self) -> Result<Instant, Malformed> {
        self.u64().map(Instant::from_nanos)
    }

    fn meta(&mut self) -> Result<PacketMeta, Malformed> {
        let (index, arrived, received) = (self.u64()?, self.instant()?, self.instant()?);
        let (timestamp, generation) = (RtpTimestamp(self.u32()?), self.u32()?);
        let extensions = ExtensionSpans::from_bytes(&self.take()?);
        let payload_offset = u16::from_le_bytes(self.take()?);
        let [format, flags] = self.take()?;
        let (marker, keyframe) = (flags & MARKER != 0, flags & IS_KEYFRAME != 0);
        let place = Place::from_bytes(self.take()?);
        Ok(PacketMeta {
            index,
            arrived,
            received,
            timestamp,
            generation,
            extensions,
            payload_offset,
            format,
            marker,
            keyframe,
            place,
        })
    }

    fn report(&mut self) -> Result<ClockReport, Malformed> {
        let (ntp, timestamp) = (NtpTimestamp(self.u64()?), RtpTimestamp(self.u32()?));
        let (arrived, generation) = (self.instant()?, self.u32()?);
        Ok(ClockReport { ntp, timestamp, arrived, generation, offset: i64::from_le_bytes(self.take()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meta() -> impl Strategy<Value = PacketMeta> {
        let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>());
        let rest = (
            prop::array::uniform::<_, { ExtensionSpans::BYTES }>(any::<u8>()),
            0..=64u16,
            any::<u8>(),
            any::<[bool; 2]>(),
            any::<[u8; 4]>(),
        );
        (numbers, rest).prop_map(
            |((index, arrived, received, timestamp, generation), (spans, payload_offset, format, flags, place))| PacketMeta {
                index,
                arrived: Instant::from_nanos(arrived),
                received: Instant::from_nanos(received),
                timestamp: RtpTimestamp(timestamp),
                generation,
                extensions: ExtensionSpans::from_bytes(&spans),
                payload_offset,
                format,
                marker: flags[0],
                keyframe: flags[1],
                place: Place::from_bytes(place),
            },
        )
    }

    fn message(body: &[u8]) -> impl Strategy<Value = Message<'_>> {
        let name = || (any::<u64>(), any::<u32>()).prop_map(|(track, mirror)| Name { track: TrackId(track), mirror });
        let report = (any::<u64>(), any::<u32>(), any::<u64>(), any::<u32>(), any::<i64>());
        prop_oneof![
            (name(), any::<u8>(), meta()).prop_map(move |(name, layer, meta)| Message::Packet { name, layer, meta, bytes: body }),
            (name(), any::<u8>(), report).prop_map(|(name, layer, (ntp, timestamp, arrived, generation, offset))| {
                let (ntp, timestamp, arrived) = (NtpTimestamp(ntp), RtpTimestamp(timestamp), Instant::from_nanos(arrived));
                Message::Report { name, layer, report: ClockReport { ntp, timestamp, arrived, generation, offset } }
            }),
            name().prop_map(|name| Message::Suspend { name }),
            name().prop_map(|name| Message::Attach { name }),
            any::<u64>().prop_map(|track| Message::Detach { track: TrackId(track) }),
            (any::<u64>(), any::<u8>()).prop_map(|(track, layer)| Message::Keyframe { track: TrackId(track), layer }),
            (any::<u64>(), any::<u8>()).prop_map(|(track, layers)| Message::Want { track: TrackId(track), layers }),
            Just(Message::Hello),
        ]
    }

    /// Longer than any offset of a payload above.
    const BODY: &[u8] = &[7; 100];

    fn end_to_end(message: &Message<'_>) -> Vec<u8> {
        let (head, body) = message.encode();
        [&head[..], body].concat()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(message in message(BODY)) {
            let bytes = end_to_end(&message);
            let read = Message::decode(&bytes).expect("a message");
            prop_assert_eq!(format!("{read:?}"), format!("{message:?}"));
        }

        #[test]
        fn cut_or_lengthened_it_is_none_or_another_and_never_a_panic(message in message(BODY), cut in 0..300usize, more in 0..3usize) {
            let mut bytes = end_to_end(&message);
            bytes.truncate(cut);
            bytes.extend_from_slice(&[0xFF; 2][..more.min(2)]);
            let _ = Message::decode(&bytes);
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Message::Packet { meta, bytes, .. }) = Message::decode(&bytes) {
                prop_assert!(usize::from(meta.payload_offset) <= bytes.len());
                meta.extensions.iter(bytes).for_each(drop);
            }
        }
    }

    #[test]
    fn a_head_is_no_longer_than_it_may_be() {
        let name = Name { track: TrackId(1), mirror: 2 };
        let bytes = [PACKET, 0].into_iter().chain([0; HEAD_BYTES_MAX - 2]).collect::<Vec<_>>();
        let Ok(Message::Packet { meta, .. }) = Message::decode(&bytes) else { panic!("the longest head, and no body") };
        assert_eq!(Message::Packet { name, layer: 0, meta, bytes: BODY }.encode().0.len(), HEAD_BYTES_MAX);
        let too_long = [&bytes[..], &[0; BODY_BYTES_MAX + 1]].concat();
        assert!(Message::decode(&too_long).is_err());
        assert!(Message::decode(&[HELLO, 0]).is_err() && Message::decode(&[99]).is_err());
    }
}
