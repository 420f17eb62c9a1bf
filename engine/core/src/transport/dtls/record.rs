//! What can be told of DTLS records without keys (RFC 6347 section 4.1; RFC 9147 section 4 has the same header for plaintext).

/// Type, version, epoch, sequence number, length.
const HEADER_LEN: usize = 13;
const ALERT: u8 = 21;
/// The first byte of a record of DTLS 1.3 with the short header, which is always encrypted: 001 and five bits (RFC 9147 section 4).
const SHORT_HEADER: u8 = 0x20;

/// Whether a datagram holds an alert in clear. Anybody can forge one, and the engine would give the handshake up for it; what
/// RFC 6347 section 4.1.2.7 says of invalid records is right for it too: "silently discarded, thus preserving the association". A
/// peer that means its alert says nothing more, and the handshake's deadline ends it.
pub(crate) fn has_clear_alert(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while let Some((header, body)) = rest.split_first_chunk::<HEADER_LEN>() {
        let [kind, _, _, epoch_high, epoch_low, .., len_high, len_low] = *header;
        if kind & 0xE0 == SHORT_HEADER {
            return false;
        }
        if kind == ALERT && (epoch_high, epoch_low) == (0, 0) {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        rest = body.get(len..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 9, 0, body.len() as u8];
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn an_alert_is_found_behind_other_records_and_encrypted_ones_are_let_be() {
        let alert = record(ALERT, 0, &[2, 40]);
        assert!(has_clear_alert(&alert));
        assert!(has_clear_alert(&[record(22, 0, &[ALERT; 40]), alert.clone()].concat()));
        assert!(!has_clear_alert(&record(ALERT, 1, &[2, 40])));
        assert!(!has_clear_alert(&record(22, 0, &[ALERT; 40])));
        assert!(!has_clear_alert(&[vec![0x2F; 13], alert].concat()), "all of an encrypted datagram is the engine's");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            has_clear_alert(&bytes);
        }
    }
}
