//! Seals a batch: its packets become runs in the outbox.

use super::batch::{Batch, Outgoing, Part};
use super::plan::{PADDING_MAX, RunPlan};
use super::turn::TurnPacket;
use crate::congestion::{Congestion, Departed, Named};
use crate::control::Event;
use crate::departures::Departures;
use crate::history::{Stored, write_padding};
use crate::room::Subscription;
use crate::table::Table;
use crate::way::Way;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Extension;
use corelay_wire::rtp::{HeaderTemplate, PacketFields, Passed};
use corelay_wire::units::{Instant, SequenceNumber};
use std::collections::VecDeque;

/// See the module.
pub(super) struct Sealer<'s, 'd> {
    pub(super) way: &'s Way,
    pub(super) congestion: Option<&'s mut Congestion>,
    pub(super) subscriptions: &'s mut Table<SubscriptionId, Subscription>,
    /// The turn's packets, whose copies are counted. What waited for its path is none of them.
    pub(super) packets: &'s mut [TurnPacket],
    pub(super) send_time: [u8; 3],
    pub(super) departures: &'s mut Departures<'d>,
}

/// A run of more stretches of packets that follow each other is noted as one without names: what is lost of it is repaired when it
/// is asked for. More fill the log of a transport that gets many small pictures; fewer leave that to requests where the publisher's
/// way loses, too.
const STRETCHES_MAX: usize = 4;

/// What was sealed of a run.
#[derive(Default)]
struct Sealed {
    packets: usize,
    bytes: usize,
    /// Packets with a transport-wide number, and the length of the last of them.
    numbered: u8,
    last: u16,
}

impl Sealer<'_, '_> {
    pub(super) fn seal(&mut self, batch: &mut Batch<'_>) {
        let Batch { parts, packets } = batch;
        let mut rest = &packets[..];
        while !rest.is_empty() {
            let RunPlan { packets, segment } = RunPlan::first(rest.iter().map(|o| usize::from(o.len)));
            let done = self.seal_run(parts, &rest[..packets], segment);
            rest = &rest[done..];
        }
        for part in parts.iter().filter(|part| part.packets > 0) {
            let subscription = &mut self.subscriptions[part.common.subscription];
            subscription.subscriber.count_sent(part.packets, part.octets);
            if !subscription.subscriber.announced {
                announce(subscription, self.departures.events, self.departures.now);
            }
        }
    }

    /// Seals packets that leave together, each but the last made `segment` bytes long. Gives how many are done with: all of them,
    /// or those up to one that cannot be sealed.
    ///
    /// All headers are written before the first packet is sealed. Sealing reads a header in wider pieces than it was written in;
    /// right after the writing it would wait until the processor's store buffer has let go of it, for each packet. It also fetches
    /// a line of each packet's place at once (written one ahead of the sealing, runs of 20 to 1000 subscribers cost 12 ns more a
    /// packet).
    fn seal_run(&mut self, parts: &mut [Part], run: &[Outgoing<'_>], segment: usize) -> usize {
        let Departures { outbox, counters, now, .. } = &mut *self.departures;
        let last = run.last().expect("a run has a packet").len;
        outbox.open_run(&self.way.path, segment, run.len());
        let place = outbox.place((run.len() - 1) * segment + usize::from(last));
        let number = self.congestion.as_ref().map_or(SequenceNumber(0), |congestion| congestion.next_number());
        let headed = Stamp { send_time: self.send_time, number }.write_headers(parts, self.subscriptions, run, segment, place);
        let (mut sealed, mut rest) = (Sealed::default(), place);
        for outgoing in &run[..headed] {
            let (dst, behind) = rest.split_at_mut(segment.min(rest.len()));
            rest = behind;
            let part = &mut parts[usize::from(outgoing.part)];
            if !outgoing.seal(part, self.way, dst) {
                break;
            }
            sealed.count(part, outgoing, dst);
            if let Some(packet) = self.packets.get_mut(usize::from(outgoing.place)) {
                packet.copies += 1;
            }
            if part.in_place {
                note_in_place(self.subscriptions, part, outgoing, dst);
            }
        }
        let Sealed { packets, bytes, numbered, last } = sealed;
        outbox.commit(packets, bytes);
        if let Some(congestion) = &mut self.congestion {
            let (run, headers_len) = (&run[..packets], self.way.path.headers_len());
            match named(parts, run) {
                None if numbered > 0 && stretches(run).nth(STRETCHES_MAX).is_none() => {
                    depart_in_stretches(congestion, *now, parts, run, [segment, bytes, headers_len]);
                }
                named => {
                    let departed = Departed { packets: numbered, segment: segment as u16, last, probe: None, named };
                    congestion.depart(*now, (bytes + packets * headers_len) as u64, departed);
                }
            }
        }
        counters.packets_out += packets as u64;
        run.len().min(packets + 1)
    }
}

impl Sealed {
    #[inline]
    fn count(&mut self, part: &mut Part, outgoing: &Outgoing<'_>, dst: &[u8]) {
        self.packets += 1;
        self.bytes += dst.len();
        if part.numbered {
            self.numbered += 1;
            self.last = dst.len() as u16;
        }
        part.packets += 1;
        part.octets = part.octets.wrapping_add(u32::from(outgoing.payload_len));
    }
}

/// The first of a run's packets, where all are of one part and follow each other, so that it names all of them.
#[inline]
fn named(parts: &[Part], run: &[Outgoing<'_>]) -> Option<Named> {
    let (first, last) = (run.first()?, run.last()?);
    let follow = first.part == last.part && last.index.0.wrapping_sub(first.index.0) == run.len() as u64 - 1;
    follow.then(|| Named { subscription: parts[usize::from(first.part)].common.subscription, sequence: first.index.sequence() })
}

fn stretches<'o, 'a>(run: &'o [Outgoing<'a>]) -> impl Iterator<Item = &'o [Outgoing<'a>]> {
    run.chunk_by(|a, b| a.part == b.part && b.index.0 == a.index.0 + 1)
}

/// Notes a run whose packets do not follow each other: of several streams, or with holes between them.
#[inline(never)]
fn depart_in_stretches(
    congestion: &mut Congestion,
    now: Instant,
    parts: &[Part],
    run: &[Outgoing<'_>],
    [segment, mut bytes, headers_len]: [usize; 3],
) {
    for stretch in stretches(run) {
        let sealed = bytes.min(stretch.len() * segment);
        bytes -= sealed;
        let part = &parts[usize::from(stretch[0].part)];
        let departed = Departed {
            packets: if part.numbered { stretch.len() as u8 } else { 0 },
            segment: segment as u16,
            last: (sealed - (stretch.len() - 1) * segment) as u16,
            probe: None,
            named: Some(Named { subscription: part.common.subscription, sequence: stretch[0].index.sequence() }),
        };
        congestion.depart(now, (sealed + stretch.len() * headers_len) as u64, departed);
    }
}

/// What the next packet of a transport tells of its leaving.
struct Stamp {
    send_time: [u8; 3],
    /// Its place among those of the transport, if it takes one.
    number: SequenceNumber,
}

impl Stamp {
    /// Writes the header of each packet to where the packet is to be: every `segment` bytes. Gives how many could be written.
    #[inline]
    fn write_headers(
        mut self,
        parts: &[Part],
        subscriptions: &Table<SubscriptionId, Subscription>,
        run: &[Outgoing<'_>],
        segment: usize,
        place: &mut [u8],
    ) -> usize {
        let mut rest = place;
        let Some(mut at) = run.first().map(|outgoing| outgoing.part) else { return 0 };
        let header_of = |part: &Part| &subscriptions[part.common.subscription].subscriber.header;
        let mut part = &parts[usize::from(at)];
        let mut template = header_of(part);
        for (done, outgoing) in run.iter().enumerate() {
            let (dst, behind) = rest.split_at_mut(segment.min(rest.len()));
            rest = behind;
            if outgoing.part != at {
                at = outgoing.part;
                part = &parts[usize::from(at)];
                template = header_of(part);
            }
            if !self.write_header(part, outgoing, template, dst) {
                return done;
            }
        }
        run.len()
    }

    #[inline]
    fn write_header(&mut self, part: &Part, outgoing: &Outgoing<'_>, template: &HeaderTemplate, dst: &mut [u8]) -> bool {
        let fields = PacketFields {
            timestamp: outgoing.timestamp,
            sequence: outgoing.index.sequence(),
            payload_type: part.common.payload_type,
            marker: outgoing.marker,
            padded: outgoing.padding(dst) > 0,
            send_time: self.send_time,
            transport_sequence: self.number,
        };
        if part.numbered {
            self.number = self.number.plus(1);
        }
        match &outgoing.passed {
            None => template.write_plain(dst, &fields),
            Some(stored) => outgoing.write_extended(part, template, &fields, stored, dst),
        }
    }
}

impl Outgoing<'_> {
    /// Writes the header with what is passed of the publisher's extensions.
    #[inline(never)]
    fn write_extended(
        &self,
        part: &Part,
        template: &HeaderTemplate,
        fields: &PacketFields,
        stored: &Stored<'_>,
        dst: &mut [u8],
    ) -> bool {
        let passed = Passed { carried: self.carried, spans: &stored.meta.extensions, packet: stored.bytes() };
        let written = template.write(dst, fields, passed);
        part.common.patch.change_header(template.id(Extension::DependencyDescriptor), dst);
        written == Some(usize::from(self.header_len))
    }

    /// Seals the packet behind its header, which is in `dst`.
    #[inline]
    fn seal(&self, part: &Part, way: &Way, dst: &mut [u8]) -> bool {
        let Self { padded, index, .. } = *self;
        let (header_len, payload) = (usize::from(self.header_len), self.payload());
        let sealed = match self.padding(dst) {
            _ if part.common.rename.is_some() || !part.common.patch.keeps_payload() => self.seal_changed(part, way, dst),
            0 => way.sealer.seal_behind(index, header_len, payload, &[], dst),
            count if payload.len() + count == padded.len() => way.sealer.seal_behind(index, header_len, padded, &[], dst),
            count => way.sealer.seal_behind(index, header_len, payload, &padding_of(count)[..count], dst),
        };
        sealed == Some(dst.len())
    }

    /// The same with another payload than the history's.
    #[cold]
    fn seal_changed(&self, part: &Part, way: &Way, dst: &mut [u8]) -> Option<usize> {
        let (header_len, payload, padding) = (usize::from(self.header_len), self.payload(), self.padding(dst));
        let (end, plain_len) = (header_len + payload.len(), header_len + payload.len() + padding);
        let place = dst.get_mut(header_len..end)?;
        place.copy_from_slice(payload);
        if let Some(rename) = part.common.rename {
            rename.apply(place);
        }
        part.common.patch.change_payload(part.common.codec, place);
        if padding > 0 {
            write_padding(dst.get_mut(end..plain_len)?);
        }
        way.sealer.seal_in_place(self.index, header_len, plain_len, dst)
    }
}

/// Notes what a packet was sent as, where lost ones are sent again as they were.
#[inline(never)]
fn note_in_place(subscriptions: &mut Table<SubscriptionId, Subscription>, part: &Part, outgoing: &Outgoing<'_>, dst: &[u8]) {
    if let Some(retransmission) = &mut subscriptions[part.common.subscription].subscriber.retransmission {
        retransmission.note(outgoing.index, outgoing.padding(dst) as u8);
    }
}

/// Tells signaling that packets flow; with the next packet when the queue of events is full.
#[cold]
fn announce(subscription: &mut Subscription, events: &mut VecDeque<Event>, now: Instant) {
    if events.len() < events.capacity() {
        subscription.subscriber.announced = true;
        let after = now.since(subscription.subscribed);
        events.push_back(Event::SubscriptionStarted { subscription: subscription.id, after });
    }
}

/// Padding of `count` octets, and what is behind does not count.
fn padding_of(count: usize) -> [u8; PADDING_MAX + 1] {
    let mut padding = [0; PADDING_MAX + 1];
    write_padding(&mut padding[..count]);
    padding
}
