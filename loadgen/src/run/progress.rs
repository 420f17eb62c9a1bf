//! What a person sees while it runs: three lines that are written again and again on a terminal, and a line every few seconds elsewhere.
//! On standard error, so that standard output is free for results.

use super::interval::Interval;
use crate::figures::time_us;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two lines where nobody watches: a log of an hour stays readable.
const QUIET_INTERVAL: Duration = Duration::from_secs(5);

/// Writes it.
pub(crate) struct Progress {
    style: Style,
    /// Lines on the terminal that the next ones replace.
    lines: usize,
    last: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Terminal,
    Log,
    Silent,
}

impl Progress {
    /// For standard error as it is.
    pub(crate) fn new(is_silent: bool) -> Self {
        let style = match (is_silent, std::io::stderr().is_terminal()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Terminal,
            (false, false) => Style::Log,
        };
        Self { style, lines: 0, last: None }
    }

    /// Shows the last interval; `part` is how much of the phase is over.
    pub(crate) fn show(&mut self, interval: &Interval, title: &str, part: Option<(Duration, Duration)>) {
        let lines = lines(interval, title, part);
        match self.style {
            Style::Silent => {}
            Style::Terminal => self.replace(&lines),
            Style::Log => {
                if self.last.is_none_or(|last| last.elapsed() >= QUIET_INTERVAL) {
                    self.last = Some(Instant::now());
                    write(&format!("{}\n", lines.map(|line| squeeze(&line)).join("; ")));
                }
            }
        }
    }

    /// Leaves the last lines where they are.
    pub(crate) fn finish(&mut self) {
        self.lines = 0;
    }

    fn replace(&mut self, lines: &[String; 3]) {
        let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
        let cleared: String = lines.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        write(&format!("{up}{cleared}"));
        self.lines = lines.len();
    }
}

/// Whoever closed standard error does not want to see it.
fn write(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// Below 80 columns each: a longer line would wrap, and the terminal scroll.
fn lines(i: &Interval, title: &str, part: Option<(Duration, Duration)>) -> [String; 3] {
    let time = match part {
        Some((done, all)) => format!("{title} {:.0} of {:.0} s", done.as_secs_f64(), all.as_secs_f64()),
        None => format!("{title} {:.0} s", i.at_s),
    };
    let joins = if i.joins_per_s > 0.0 { format!("   {:.0} joins/s", i.joins_per_s) } else { String::new() };
    let latency = match (i.latency_p50_us, i.latency_p99_us) {
        (Some(p50), Some(p99)) => format!("p50 {}  p99 {}", time_us(p50), time_us(p99)),
        _ => "not sampled".to_owned(),
    };
    let server = i.server_cpu.map_or_else(String::new, |cores| format!("server {:.0} %   ", cores * 100.0));
    [
        format!("{time:<24}  {} participants   {} streams{joins}", i.participants, i.streams),
        format!("  {:>9.0} packets/s   {:>8.1} Mbit/s   lost {}   corrupt {}", i.packets_per_s, i.mbit_per_s, i.lost, i.corrupt),
        format!("  latency {latency}   CPU: {server}generator {:.0} % busy", i.generator_busy * 100.0),
    ]
}

fn squeeze(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::interval::Phase;

    #[test]
    fn lines_fit_a_terminal() {
        let interval = Interval {
            at_s: 12_345.0,
            phase: Phase::Measuring,
            participants: 20_000,
            streams: 200_000,
            packets_per_s: 1_234_567.0,
            sent_packets_per_s: 1e5,
            mbit_per_s: 12_345.6,
            lost: 123_456,
            corrupt: 0,
            latency_p50_us: Some(1_230.0),
            latency_p99_us: Some(45_600.0),
            latency_max_us: Some(1e6),
            joins_per_s: 500.0,
            server_cpu: Some(12.34),
            server_rss_kib: Some(1),
            generator_cpu: 1.0,
            generator_busy: 0.99,
        };
        for line in lines(&interval, "step 12345", Some((Duration::from_secs(5), Duration::from_secs(60)))) {
            assert!(line.len() < 80, "{} columns: {line}", line.len());
        }
    }
}
