//! RTCP (RFC 3550 section 6) and its feedback messages (RFC 4585, RFC 5104, REMB, transport-wide congestion control).
//!
//! [`Compound::parse`] checks how the messages lie in the datagram; iterating then parses them one by one, so that a message that
//! is unknown or bad does not hide its neighbours. Each message is one struct for both directions: what repeats in it is kept as a
//! slice of fixed-size entries, which is what the wire has.
//!
//! Left out on purpose: extended reports (RFC 3611), application-defined messages and the rarer feedback are stepped over as
//! [`Packet::Unknown`]; padding is read and never written. A compound packet need not start with a report: browsers send
//! reduced-size RTCP (RFC 5506).

mod bye;
mod compound;
mod feedback;
mod fir;
mod framing;
mod nack;
mod pli;
mod receiver_report;
mod remb;
mod report_block;
mod sdes;
mod sender_report;
mod transport_cc;
mod transport_cc_builder;

pub use bye::Bye;
pub use compound::{Compound, CompoundWriter, Packet, Packets};
pub use fir::{Fir, FirRequest};
pub use framing::{Message, ParseError};
pub use nack::{Nack, NackPacker};
pub use pli::Pli;
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::{ReportBlock, ReportBlocks};
pub use sdes::{Sdes, SdesCname};
pub use sender_report::SenderReport;
pub use transport_cc::{Arrivals, TransportCc};
pub use transport_cc_builder::{PACKETS_MAX, TransportCcBuilder};

#[cfg(test)]
mod tests;
