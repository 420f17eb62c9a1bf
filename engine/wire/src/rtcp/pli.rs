//! Picture loss indication (RFC 4585 section 6.3.1).

use super::feedback::{self, Head};
use super::framing::{Message, PSFB};
use crate::units::Ssrc;

pub(super) const FORMAT: u8 = 1;

/// A receiver lost a picture and cannot go on without a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pli {
    /// The receiver.
    pub sender: Ssrc,
    /// The source that shall send the keyframe.
    pub media: Ssrc,
}

impl Pli {
    /// The message has no parameters (RFC 4585 section 6.3.1.2); what a newer sender may append is not looked at.
    pub(super) const fn read(head: Head<'_>) -> Self {
        Self { sender: head.sender, media: head.media }
    }
}

impl Message for Pli {
    fn write(&self, dst: &mut [u8]) -> Option<usize> {
        feedback::write(dst, PSFB, FORMAT, (self.sender, self.media), |_| Some(()))
    }
}
