//! The result in the terminal: one figure a line, what is wrong first.

use super::Report;
use crate::figures::{count, time_us};

impl Report {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("\n{}  {}\n\n", self.scenario.name, self.scenario.summary);
        for (name, value) in self.figures() {
            text.push_str(&format!("  {name:<26}{value}\n"));
        }
        text.push('\n');
        text.push_str(&self.conclusion());
        text
    }

    /// The ramp's capacity, if it was one, and the verdict with its reasons.
    pub(crate) fn conclusion(&self) -> String {
        let mut text = String::new();
        if let Some(climb) = &self.ramp {
            text.push_str(&climb.table());
        } else if self.verdict.is_ok() {
            text.push_str("ok: everything arrived, and all objectives held\n");
        } else {
            text.extend(self.verdict.reasons.iter().map(|reason| format!("FAILED: {reason}\n")));
        }
        text
    }

    /// Names and values of the table and of the page.
    pub(super) fn figures(&self) -> Vec<(&'static str, String)> {
        let mut figures = self.media_figures();
        figures.extend(self.join_figures());
        figures.extend(self.server_figures());
        figures.extend(self.generator_figures());
        figures
    }

    fn media_figures(&self) -> Vec<(&'static str, String)> {
        let (scenario, received) = (&self.scenario, &self.received);
        let rooms = if scenario.rooms == 1 { "room" } else { "rooms" };
        let mut figures = vec![
            (
                "participants",
                format!("{} {} of {}, {} publishing in each", scenario.rooms, rooms, scenario.participants, scenario.publishers),
            ),
            ("SRTP profile", self.profile.unwrap_or("none").to_owned()),
            ("streams", format!("{} of {}", count(self.streams_started as u64), count(self.streams_expected as u64))),
            ("measured", format!("{:.1} s", self.seconds)),
            (
                "received",
                format!("{} packets, {:.0} packets/s, {:.1} Mbit/s", count(received.packets), self.packets_per_s, self.mbit_per_s),
            ),
            ("lost", format!("{} ({:.4} %)", count(received.lost), self.loss_share * 100.0)),
            ("reordered, duplicates", format!("{}, {}", count(received.reordered), count(received.duplicates))),
            ("checked, corrupt", format!("{}, {}", count(received.verified), count(received.corrupt + received.unopened))),
        ];
        figures.push(match &self.latency {
            Some(l) => {
                let parts = [("p50", l.p50_us), ("p90", l.p90_us), ("p99", l.p99_us), ("p99.9", l.p999_us), ("max", l.max_us)];
                ("latency end to end", parts.map(|(name, us)| format!("{name} {}", time_us(us))).join("  "))
            }
            None => ("latency end to end", "no packet was checked".to_owned()),
        });
        figures
    }

    fn join_figures(&self) -> Vec<(&'static str, String)> {
        let joins = &self.joins;
        let parts = [("p50", joins.p50_us), ("p90", joins.p90_us), ("p99", joins.p99_us), ("max", joins.max_us)];
        let steps = &joins.steps;
        vec![
            ("joins", format!("{} asked, {} failed", count(joins.asked as u64), count(joins.failed as u64))),
            ("join time", parts.map(|(name, us)| format!("{name} {}", time_us(us))).join("  ")),
            (
                "  its steps, medians",
                format!(
                    "connected {}, joined {}, transports {}, ready {}",
                    time_us(steps.connected_us),
                    time_us(steps.joined_us),
                    time_us(steps.transports_us),
                    time_us(steps.ready_us)
                ),
            ),
        ]
    }

    fn server_figures(&self) -> Vec<(&'static str, String)> {
        let mut figures = Vec::new();
        if let Some(server) = &self.server {
            let each = server.cpu_us_per_packet.map_or_else(String::new, |us| format!(", {us:.2} us per received packet"));
            figures.push(("server CPU", format!("{:.1} % of a core{each}", server.cpu_percent)));
            let threads = server.threads.iter().filter(|(_, seconds)| **seconds > 0.0);
            let threads: Vec<String> =
                threads.map(|(name, seconds)| format!("{name} {:.1} %", seconds / self.seconds * 100.0)).collect();
            figures.push(("  by thread", threads.join(", ")));
        }
        if let Some(memory) = &self.memory {
            let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
            figures.push((
                "server memory, MiB",
                format!("{} before, {} during, {} after", mib(memory.before), mib(memory.during), mib(memory.after)),
            ));
            figures.push(("  per participant", format!("{} KiB", count(memory.per_participant))));
        }
        figures
    }

    fn generator_figures(&self) -> Vec<(&'static str, String)> {
        let generator = &self.generator;
        let busy: Vec<String> = generator.busy.iter().map(|share| format!("{:.0} %", share * 100.0)).collect();
        let delay = |us: Option<f64>| us.map_or_else(|| "none".to_owned(), time_us);
        vec![
            ("generator CPU", format!("{:.1} % of a core, media threads {} busy", generator.cpu_percent, busy.join(", "))),
            (
                "  its own delays, p99",
                format!(
                    "sending {}, reading {}, joining {}",
                    delay(generator.send_delay_p99_us),
                    delay(generator.read_delay_p99_us),
                    delay(generator.join_delay_p99_us)
                ),
            ),
        ]
    }
}
