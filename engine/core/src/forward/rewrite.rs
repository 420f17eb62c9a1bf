//! A packet in one subscriber's numbering.

use crate::history::Stored;
use crate::subscriber::Subscriber;
use corelay_wire::media::Extension;
use corelay_wire::rtp::{HeaderFields, write_header};
use corelay_wire::units::{PacketIndex, PayloadType, RtpTimestamp};

/// Room for the header of any packet that is worth sending: the largest extension, a dependency descriptor with a structure, takes
/// about 80 bytes.
const HEADER_BYTES_MAX: usize = 320;
/// What a padding-only packet carries: one byte of padding, which counts itself.
const PADDING: &[u8] = &[1];

/// A packet that is ready to be sealed. Only [`Outgoing::rewrite`] makes one.
pub(super) struct Outgoing<'a> {
    index: PacketIndex,
    header: [u8; HEADER_BYTES_MAX],
    header_len: usize,
    payload: &'a [u8],
}

impl<'a> Outgoing<'a> {
    /// `None` when the header does not fit.
    pub(super) fn rewrite(
        subscriber: &Subscriber,
        payload_type: PayloadType,
        packet: Stored<'a>,
        index: PacketIndex,
        timestamp: RtpTimestamp,
        send_time: &[u8; 3],
    ) -> Option<Self> {
        let payload = packet.payload();
        let fields = HeaderFields {
            ssrc: subscriber.ssrc,
            timestamp,
            sequence: index.sequence(),
            payload_type,
            marker: packet.meta.marker,
            padded: payload.is_empty(),
        };
        let extensions = Extension::ALL.into_iter().filter_map(|extension| {
            let id = subscriber.extensions.id(extension)?;
            Some((id, extension_data(subscriber, extension, packet, send_time)?))
        });
        let mut header = [0; HEADER_BYTES_MAX];
        let header_len = write_header(&mut header, &fields, extensions)?;
        Some(Self { index, header, header_len, payload })
    }

    pub(super) fn index(&self) -> PacketIndex {
        self.index
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.header[..self.header_len]
    }

    /// What follows the header, padding included.
    pub(super) fn payload(&self) -> &[u8] {
        if self.payload.is_empty() { PADDING } else { self.payload }
    }

    /// Bytes of payload, padding left out.
    pub(super) fn payload_len(&self) -> usize {
        self.payload.len()
    }
}

/// What the subscriber is told under `extension`, if anything.
fn extension_data<'a>(
    subscriber: &'a Subscriber,
    extension: Extension,
    packet: Stored<'a>,
    send_time: &'a [u8; 3],
) -> Option<&'a [u8]> {
    match extension {
        Extension::Mid => subscriber.mid.as_ref().map(|mid| mid.as_bytes()),
        Extension::AbsSendTime => Some(send_time),
        // Layers and their retransmissions are the publisher's affair; transport-wide numbers come with congestion control.
        Extension::Rid | Extension::RepairedRid | Extension::TransportSequence | Extension::VideoLayersAllocation => None,
        Extension::AudioLevel
        | Extension::VideoOrientation
        | Extension::TransmissionOffset
        | Extension::AbsCaptureTime
        | Extension::PlayoutDelay
        | Extension::DependencyDescriptor => packet.meta.extensions.find(packet.bytes, extension),
    }
}
