//! Compound RTCP, and everything that its messages can be asked.
#![no_main]

use corelay_wire::rtcp::{Compound, Message, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(compound) = Compound::parse(bytes) else { return };
    let mut dst = vec![0; bytes.len() + 4];
    for packet in compound.into_iter().flatten() {
        // What was read can be written, but for what is not kept: it is never longer.
        let written = match packet {
            Packet::SenderReport(r) => {
                r.blocks.iter().count();
                r.write(&mut dst)
            }
            Packet::ReceiverReport(r) => {
                r.blocks.iter().count();
                r.write(&mut dst)
            }
            Packet::Sdes(s) => Some(s.cnames().count()),
            Packet::Bye(b) => {
                b.ssrcs().count();
                b.write(&mut dst)
            }
            Packet::Nack(n) => {
                n.lost().count();
                n.write(&mut dst)
            }
            Packet::Pli(p) => p.write(&mut dst),
            Packet::Fir(f) => {
                f.requests().count();
                f.write(&mut dst)
            }
            Packet::Remb(r) => {
                r.ssrcs().count();
                r.write(&mut dst)
            }
            Packet::TransportCc(t) => {
                assert_eq!(t.arrivals().count(), usize::from(t.status_count));
                t.write(&mut dst)
            }
            Packet::Unknown { .. } => Some(0),
        };
        assert!(written.is_some());
    }
});
