//! The messages of one datagram, end to end.

use super::framing::{self, Frame, Message, ParseError};
use super::{
    Bye, Fir, Nack, Pli, ReceiverReport, Remb, Sdes, SenderReport, TransportCc, feedback, fir, nack, pli, remb, transport_cc,
};
use crate::reader::Reader;

/// A datagram whose messages lie in it as they must (RFC 3550 section 6.1, appendix A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a>(&'a [u8]);

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// What a sender sent, and what it received.
    SenderReport(SenderReport<'a>),
    /// What a receiver received.
    ReceiverReport(ReceiverReport<'a>),
    /// Who the sources are.
    Sdes(Sdes<'a>),
    /// Sources that end.
    Bye(Bye<'a>),
    /// Packets that were lost.
    Nack(Nack<'a>),
    /// A picture was lost.
    Pli(Pli),
    /// A keyframe is wanted.
    Fir(Fir<'a>),
    /// What the receiver estimates that the path carries.
    Remb(Remb<'a>),
    /// When each packet of the transport arrived.
    TransportCc(TransportCc<'a>),
    /// Anything else.
    Unknown {
        /// The packet type.
        packet_type: u8,
        /// The five bits that hold a count or a feedback format.
        count: u8,
    },
}

impl<'a> Compound<'a> {
    /// Checks version, lengths and padding of all messages. An empty datagram is none.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        if datagram.is_empty() {
            return Err(ParseError::Length);
        }
        let mut reader = Reader::new(datagram);
        while !reader.rest().is_empty() {
            Frame::cut(&mut reader)?;
        }
        Ok(Self(datagram))
    }

    /// The messages in their order. One that is bad is an error in its place; the next one is good again.
    pub fn iter(&self) -> Packets<'a> {
        Packets(Reader::new(self.0))
    }
}

impl<'a> IntoIterator for Compound<'a> {
    type Item = Result<Packet<'a>, ParseError>;
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.iter()
    }
}

/// Iterates over the messages of a [`Compound`].
pub struct Packets<'a>(Reader<'a>);

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        // `Compound::parse` has cut the same bytes without an error.
        let frame = Frame::cut(&mut self.0).ok()?;
        Some(Packet::read(frame).ok_or(ParseError::Malformed))
    }
}

impl<'a> Packet<'a> {
    fn read(frame: Frame<'a>) -> Option<Self> {
        match frame.packet_type {
            framing::SENDER_REPORT => SenderReport::read(frame).map(Self::SenderReport),
            framing::RECEIVER_REPORT => ReceiverReport::read(frame).map(Self::ReceiverReport),
            framing::SDES => Sdes::read(frame).map(Self::Sdes),
            framing::BYE => Bye::read(frame).map(Self::Bye),
            framing::RTPFB | framing::PSFB => Self::read_feedback(frame),
            _ => Some(Self::unknown(frame)),
        }
    }

    fn read_feedback(frame: Frame<'a>) -> Option<Self> {
        let head = feedback::Head::read(frame.body)?;
        match (frame.packet_type, frame.count) {
            (framing::RTPFB, nack::FORMAT) => Nack::read(head).map(Self::Nack),
            (framing::RTPFB, transport_cc::FORMAT) => TransportCc::read(head).map(Self::TransportCc),
            (framing::PSFB, pli::FORMAT) => Some(Self::Pli(Pli::read(head))),
            (framing::PSFB, fir::FORMAT) => Fir::read(head).map(Self::Fir),
            (framing::PSFB, remb::FORMAT) if remb::is_remb(head.control) => Remb::read(head).map(Self::Remb),
            _ => Some(Self::unknown(frame)),
        }
    }

    const fn unknown(frame: Frame<'a>) -> Self {
        Self::Unknown { packet_type: frame.packet_type, count: frame.count }
    }
}

/// Writes messages end to end.
pub struct CompoundWriter<'a> {
    dst: &'a mut [u8],
    len: usize,
}

impl<'a> CompoundWriter<'a> {
    /// Begins at the front of `dst`.
    pub const fn new(dst: &'a mut [u8]) -> Self {
        Self { dst, len: 0 }
    }

    /// Appends a message. `None` leaves what was written before as it was.
    pub fn push(&mut self, message: &impl Message) -> Option<()> {
        self.len += message.write(&mut self.dst[self.len..])?;
        Some(())
    }

    /// How many bytes are written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}
