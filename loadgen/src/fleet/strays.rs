//! RTP under an SSRC that is not expected: early, late, or wrong.

/// Streams that are remembered. Higher: more of a storm of wrong packets is looked through for each. Lower: one that is early may count as
/// unexpected for ever.
const STRAYS_MAX: usize = 32;

/// SSRCs that are not expected at the moment.
#[derive(Default)]
pub(super) struct Strays(Vec<Stray>);

struct Stray {
    ssrc: u32,
    packets: u64,
    /// It was expected before: its last packets were on the way.
    is_former: bool,
}

impl Strays {
    /// A packet came. Whether it is unexpected, as far as is known.
    pub(super) fn take(&mut self, ssrc: u32) -> bool {
        if let Some(stray) = self.0.iter_mut().find(|stray| stray.ssrc == ssrc) {
            stray.packets += 1;
            return !stray.is_former;
        }
        self.push(Stray { ssrc, packets: 1, is_former: false });
        true
    }

    /// The SSRC is expected from here on: its packets before came earlier than the answer that announced it. Gives how many.
    pub(super) fn adopt(&mut self, ssrc: u32) -> u64 {
        let Some(at) = self.0.iter().position(|stray| stray.ssrc == ssrc) else {
            return 0;
        };
        let stray = self.0.swap_remove(at);
        if stray.is_former { 0 } else { stray.packets }
    }

    /// The SSRC is no longer expected.
    pub(super) fn dismiss(&mut self, ssrc: u32) {
        self.push(Stray { ssrc, packets: 0, is_former: true });
    }

    fn push(&mut self, stray: Stray) {
        if self.0.len() == STRAYS_MAX {
            self.0.remove(0);
        }
        self.0.push(stray);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_and_late_packets_are_not_held_against_anyone() {
        let mut strays = Strays::default();
        assert!(strays.take(1) && strays.take(1) && strays.take(2));
        assert_eq!((strays.adopt(1), strays.adopt(1)), (2, 0));
        strays.dismiss(1);
        assert!(!strays.take(1) && strays.take(2));
        assert_eq!(strays.adopt(1), 0, "it comes back under the same number");
    }
}
