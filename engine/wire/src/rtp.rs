//! RTP (RFC 3550 section 5.1) and its header extensions (RFC 8285).
//!
//! A packet is parsed once, into an [`RtpHeader`] and an [`ExtensionSpans`]: plain values of offsets, which stay true for as long
//! as the bytes do and can be kept beside them. A subscriber's headers are written by its [`HeaderTemplate`], others by
//! [`write_header`].

mod abs_capture_time;
mod abs_send_time;
mod audio_level;
mod extension_set;
mod extension_spans;
mod extensions;
mod header;
mod playout_delay;
mod rtx;
mod stream_id;
mod template;
mod transport_sequence;
mod video_orientation;
mod write;

pub use abs_capture_time::AbsCaptureTime;
pub use abs_send_time::AbsSendTime;
pub use audio_level::AudioLevel;
pub use extension_set::{Carried, ExtensionSet};
pub use extension_spans::ExtensionSpans;
pub use extensions::{ExtensionForm, Extensions};
pub use header::{ParseError, RtpHeader};
pub use playout_delay::PlayoutDelay;
pub use rtx::Retransmission;
pub use stream_id::read_stream_id;
pub use template::{HeaderTemplate, PacketFields, Passed};
pub use transport_sequence::TransportSequence;
pub use video_orientation::VideoOrientation;
pub use write::{HeaderFields, write_header};
