//! What a receiver tells of its path: when each packet of the transport arrived
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc, TransportLayerCc,
};

/// Numbers that one message reports on at most: more does not fit a packet.
const STATUSES_MAX: u16 = 512;
/// A delta counts quarters of a millisecond, the reference time 64 ms.
const DELTA_NS: u64 = 250_000;
const REFERENCE_NS: u64 = 64_000_000;

/// See the module.
#[derive(Default)]
pub(super) struct PathFeedback {
    /// Since the last message: transport-wide numbers and when they came, as CLOCK_MONOTONIC.
    arrived: Vec<(u16, u64)>,
    /// The number that the next message begins with.
    base: Option<u16>,
    /// Some source of the transport.
    media_ssrc: u32,
    messages: u8,
}

impl PathFeedback {
    /// A packet came.
    pub(super) fn take(&mut self, number: u16, at_ns: u64, ssrc: u32) {
        let base = *self.base.get_or_insert(number);
        // What comes after it was reported as lost is not told again.
        if number.wrapping_sub(base) < 1 << 15 {
            self.media_ssrc = ssrc;
            self.arrived.push((number, at_ns));
        }
    }

    /// The next message that is due; `None` when nothing came that is not told.
    pub(super) fn message(&mut self, sender_ssrc: u32) -> Option<TransportLayerCc> {
        let base = self.base?;
        self.arrived.sort_by_key(|(number, _)| number.wrapping_sub(base));
        self.arrived.dedup_by_key(|(number, _)| *number);
        let &(first, first_ns) = self.arrived.first()?;
        // After an outage it begins anew.
        let base_sequence_number = if first.wrapping_sub(base) < STATUSES_MAX { base } else { first };
        let told_of = self.arrived.partition_point(|(number, _)| number.wrapping_sub(base_sequence_number) < STATUSES_MAX);
        let last = self.arrived[told_of - 1].0;
        let reference = first_ns / REFERENCE_NS;
        let (mut packet_chunks, mut recv_deltas) = (Vec::new(), Vec::new());
        let (mut next, mut told) = (base_sequence_number, reference * (REFERENCE_NS / DELTA_NS));
        for (number, at_ns) in self.arrived.drain(..told_of) {
            push(&mut packet_chunks, SymbolTypeTcc::PacketNotReceived, number.wrapping_sub(next));
            let ticks = at_ns / DELTA_NS;
            let delta = ticks as i64 - told as i64;
            told = ticks;
            let symbol = match u8::try_from(delta) {
                Ok(_) => SymbolTypeTcc::PacketReceivedSmallDelta,
                Err(_) => SymbolTypeTcc::PacketReceivedLargeDelta,
            };
            push(&mut packet_chunks, symbol, 1);
            recv_deltas.push(RecvDelta { type_tcc_packet: symbol, delta: delta * (DELTA_NS / 1_000) as i64 });
            next = number.wrapping_add(1);
        }
        self.base = Some(next);
        self.messages = self.messages.wrapping_add(1);
        Some(TransportLayerCc {
            sender_ssrc,
            media_ssrc: self.media_ssrc,
            base_sequence_number,
            packet_status_count: last.wrapping_sub(base_sequence_number) + 1,
            reference_time: (reference & 0xff_ffff) as u32,
            fb_pkt_count: self.messages,
            packet_chunks,
            recv_deltas,
        })
    }
}

/// Statuses of one kind in a row.
fn push(chunks: &mut Vec<PacketStatusChunk>, symbol: SymbolTypeTcc, count: u16) {
    match chunks.last_mut() {
        _ if count == 0 => {}
        Some(PacketStatusChunk::RunLengthChunk(run)) if run.packet_status_symbol == symbol => run.run_length += count,
        _ => chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            type_tcc: StatusChunkTypeTcc::RunLengthChunk,
            packet_status_symbol: symbol,
            run_length: count,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use webrtc_util::{Marshal, Unmarshal};

    fn runs(message: &TransportLayerCc) -> Vec<(u16, u16)> {
        let run = |chunk: &PacketStatusChunk| match chunk {
            PacketStatusChunk::RunLengthChunk(run) => (run.packet_status_symbol as u16, run.run_length),
            PacketStatusChunk::StatusVectorChunk(_) => panic!("runs only"),
        };
        message.packet_chunks.iter().map(run).collect()
    }

    #[test]
    fn what_came_is_told_and_what_did_not() {
        let mut feedback = PathFeedback::default();
        assert_eq!(feedback.message(1), None);
        for (number, ms) in [(65_534, 640), (65_535, 641), (2, 641), (1, 741)] {
            feedback.take(number, ms * 1_000_000, 7);
        }
        let message = feedback.message(1).expect("four came");
        assert_eq!((message.base_sequence_number, message.packet_status_count, message.reference_time), (65_534, 5, 10));
        assert_eq!(runs(&message), [(1, 2), (0, 1), (2, 2)]);
        let deltas: Vec<i64> = message.recv_deltas.iter().map(|delta| delta.delta).collect();
        assert_eq!(deltas, [0, 1_000, 100_000, -100_000]);
        let mut written = message.marshal().expect("it fits");
        assert_eq!(TransportLayerCc::unmarshal(&mut written).expect("it is whole"), message);
        assert_eq!(feedback.message(1), None);
        feedback.take(0, 900_000_000, 7);
        feedback.take(4, 900_000_000, 7);
        let message = feedback.message(1).expect("one came in time");
        assert_eq!((message.base_sequence_number, runs(&message)), (3, vec![(0, 1), (1, 1)]));
    }

    #[test]
    fn many_take_several_messages_and_an_outage_ends_none() {
        let mut feedback = PathFeedback::default();
        (0..700).for_each(|number| feedback.take(number, 1_000_000, 7));
        let bases = |feedback: &mut PathFeedback| {
            let messages = std::iter::from_fn(|| feedback.message(1));
            messages.map(|m| (m.base_sequence_number, m.packet_status_count)).collect::<Vec<_>>()
        };
        assert_eq!(bases(&mut feedback), [(0, 512), (512, 188)]);
        (5_000..5_003).for_each(|number| feedback.take(number, 2_000_000, 7));
        assert_eq!(bases(&mut feedback), [(5_000, 3)]);
    }
}
