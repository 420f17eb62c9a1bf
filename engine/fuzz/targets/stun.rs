//! STUN messages, and the parts that MESSAGE-INTEGRITY is checked with.
#![no_main]

use corelay_wire::stun::{Message, MessageWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    if let Some(input) = message.integrity_input() {
        assert!(input.header.len() + input.attributes.len() + input.tag.len() < bytes.len());
    }
    // What was read can be written, and reads the same.
    let mut dst = [0; 2_048];
    let mut writer = MessageWriter::new(&mut dst, message.class, message.method, message.transaction);
    if let Some(username) = message.username {
        writer = writer.username(username);
    }
    if let Some(address) = message.mapped_address {
        writer = writer.xor_mapped_address(address);
    }
    let len = writer.finish().expect("a username of 508 bytes and an address fit");
    let again = Message::parse(&dst[..len]).expect("just written");
    assert_eq!((again.username, again.mapped_address), (message.username, message.mapped_address));
});
