//! VP9 payloads.
#![no_main]

use corelay_wire::codec::describe;
use corelay_wire::media::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Some(description) = describe(Codec::Vp9, payload) {
        assert!(!payload.is_empty());
        // Where frames have a first packet, a keyframe begins with it.
        assert!(description.starts_frame || !description.keyframe || !matches!(Codec::Vp9, Codec::Vp8 | Codec::Vp9));
    }
});
