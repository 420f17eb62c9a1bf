//! Refusals that several requests share.

use crate::protocol::{ErrorName, ProtocolError};

pub(super) fn unknown_room(name: &str) -> ProtocolError {
    let reason =
        format!("there is no room \"{name}\" and rooms are not made on demand here: have your server make it with POST /api/rooms");
    ProtocolError::new(ErrorName::UnknownRoom, reason)
}

pub(super) fn gone() -> ProtocolError {
    ProtocolError::new(ErrorName::OutOfOrder, "the participant left the room while the request was carried out")
}

pub(super) fn unknown_participant() -> ProtocolError {
    ProtocolError::new(ErrorName::UnknownParticipant, "there is no such participant in the room: it left, or joined again")
}

pub(super) fn unknown_transport() -> ProtocolError {
    ProtocolError::new(ErrorName::UnknownTransport, "there is no such transport of yours: make one with createWebRtcTransport")
}
