//! What a run showed, as a table for people or JSON for programs.

use crate::call::tally::Tally;
use crate::process::Usage;
use serde::Serialize;
use std::io::Write;

/// The result of a call.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) participants: u32,
    pub(crate) publishers: u32,
    pub(crate) seconds: u64,
    pub(crate) profile: &'static str,
    pub(crate) streams_expected: usize,
    pub(crate) streams_subscribed: usize,
    pub(crate) streams_started: usize,
    pub(crate) received: Tally,
    pub(crate) memory: Option<Memory>,
    /// Of one core, while media flowed.
    pub(crate) cpu_percent: Option<f64>,
}

/// Resident memory of the server, KiB.
#[derive(Serialize)]
pub(crate) struct Memory {
    before: u64,
    during: u64,
    after: u64,
    per_participant: u64,
}

impl Memory {
    pub(crate) fn between(participants: u32, before: Option<Usage>, during: Option<Usage>, after: Option<Usage>) -> Option<Self> {
        let (before, during, after) = (before?.rss_kib, during?.rss_kib, after?.rss_kib);
        let per_participant = during.saturating_sub(before) / u64::from(participants.max(1));
        Some(Self { before, during, after, per_participant })
    }
}

impl Report {
    /// Everything that should have arrived did, whole and in order.
    pub(crate) fn is_complete(&self) -> bool {
        self.streams_started == self.streams_expected && self.received.lost == 0 && self.received.corrupt == 0
    }

    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            writeln!(out, "{}", serde_json::to_string_pretty(self)?)?;
            return Ok(());
        }
        for (mark, name, value) in self.lines() {
            writeln!(out, "{} {name:<28}{value}", if mark { '!' } else { ' ' })?;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<(bool, &'static str, String)> {
        let r = &self.received;
        let mut lines = vec![
            (false, "participants", format!("{} ({} publishing)", self.participants, self.publishers)),
            (false, "SRTP profile", self.profile.to_owned()),
            (
                self.streams_started != self.streams_expected,
                "streams",
                format!("{} of {}", self.streams_started, self.streams_expected),
            ),
            (false, "packets received", r.packets.to_string()),
            (r.lost > 0, "lost", r.lost.to_string()),
            (false, "reordered, duplicated", format!("{}, {}", r.reordered, r.duplicated)),
            (r.corrupt > 0, "corrupt", r.corrupt.to_string()),
            (false, "latency mean, max", format!("{} us, {} us", r.latency_mean_us(), r.latency_max_us)),
        ];
        if let Some(m) = &self.memory {
            lines.push((false, "server RSS before", format!("{} KiB", m.before)));
            lines.push((false, "server RSS during", format!("{} KiB", m.during)));
            lines.push((false, "server RSS after", format!("{} KiB", m.after)));
            lines.push((false, "RSS per participant", format!("{} KiB", m.per_participant)));
        }
        if let Some(cpu) = self.cpu_percent {
            lines.push((false, "server CPU", format!("{cpu:.1} % of a core")));
        }
        lines
    }
}
