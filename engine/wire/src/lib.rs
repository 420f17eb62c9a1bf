//! Bytes to values and back: demultiplexing, STUN, RTP, RTCP, codec payload headers.
//!
//! Nothing here keeps state, reads a clock or allocates per packet. A parser takes bytes that anyone may have sent and gives a
//! value or an error; it never panics.
#![forbid(unsafe_code)]

pub mod codec;
pub mod demux;
pub mod ids;
pub mod media;
pub mod rtcp;
pub mod rtp;
pub mod stun;
pub mod units;

mod reader;
mod writer;
