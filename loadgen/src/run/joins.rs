//! How long joins took, and which failed.

use corelay_loadgen::client::Times;
use std::time::Duration;

/// One join.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Since the run's beginning.
    pub(crate) at: Duration,
    /// Somebody was publishing in its room: the join is done when the first packet is there.
    pub(crate) expects_media: bool,
    /// Its steps, or why it failed.
    pub(crate) outcome: Result<Times, String>,
}

impl Join {
    /// From the first byte to the first packet, or to the last answer where no packet was to come.
    pub(crate) fn took(&self) -> Option<Duration> {
        let times = self.outcome.as_ref().ok()?;
        let first_packet = times.first_packet.filter(|_| self.expects_media);
        Some(first_packet.unwrap_or(times.ready).max(times.ready))
    }
}

/// The value below which a `share` of them lie; nearest rank.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_ends_with_its_first_packet_where_one_is_due() {
        let times = Times { ready: Duration::from_millis(20), first_packet: Some(Duration::from_millis(900)), ..Times::default() };
        let join = |expects_media| Join { at: Duration::ZERO, expects_media, outcome: Ok(times) };
        assert_eq!(join(true).took(), Some(Duration::from_millis(900)));
        assert_eq!(join(false).took(), Some(Duration::from_millis(20)), "the others came later");
        let failed = Join { outcome: Err("full".to_owned()), ..join(true) };
        assert_eq!(failed.took(), None);
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&sorted, 0.5), Duration::from_millis(50));
        assert_eq!(quantile(&sorted, 0.99), Duration::from_millis(99));
        assert_eq!(quantile(&sorted, 1.0), Duration::from_millis(100));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
