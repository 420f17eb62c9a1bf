//! The result as one page that needs nothing else: its plots are inline, and it fetches nothing.

use super::Report;
use super::escape::escape;
use super::plot::{Line, Plot, plain};
use crate::figures::time_short;
use crate::run::interval::{Interval, Phase};
use crate::scenario::Scenario;
use std::fmt::Write;

/// In the page's head. Colours follow the reader's light or dark setting.
const STYLE: &str = "
:root{--paper:#fff;--ink:#1d2530;--faint:#6b7684;--line:#e3e7ec;--band:#f2f6fb;--a:#1463c4;--b:#d9541e;--c:#2a8a57;--bad:#b3261e;--good:#1d7a46}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e4e8ed;--faint:#98a3b0;--line:#2b333d;--band:#1a222c;--a:#6aa9ff;--b:#ff9a62;--c:#5fcf95;--bad:#ff8a80;--good:#6fdc9f}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.2rem 0}.faint{color:var(--faint)}
.verdict{border-left:4px solid;padding:.5rem .9rem;margin:1.2rem 0}.ok{border-color:var(--good)}.failed{border-color:var(--bad)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:1.2rem}
table{border-collapse:collapse}td,th{padding:.15rem 1.2rem .15rem 0;text-align:left;vertical-align:top}td:first-child{color:var(--faint);white-space:pre}
pre{background:var(--band);padding:1rem;overflow:auto}
svg{width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:var(--faint)}svg .title{fill:var(--ink);font-size:13px;font-weight:600}
svg .y{text-anchor:end}svg .x{text-anchor:middle}svg .grid{stroke:var(--line)}svg .band{fill:var(--band)}
svg polyline{fill:none;stroke-width:1.6}svg line.bound{stroke:var(--bad);stroke-dasharray:4 3}svg text.bound{fill:var(--bad);text-anchor:end}
svg polyline.l0{stroke:var(--a)}svg polyline.l1{stroke:var(--b)}svg polyline.l2{stroke:var(--c)}
svg rect.l0,svg circle.l0{fill:var(--a)}svg rect.l1,svg circle.l1{fill:var(--b)}svg rect.l2,svg circle.l2{fill:var(--c)}
";

impl Report {
    /// The page.
    pub(crate) fn html(&self, scenario: &Scenario) -> String {
        let name = escape(&self.scenario.name);
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{name}: corelay-loadgen</title><style>{STYLE}</style>\n<h1>{name}</h1>\n"
        );
        let _ = writeln!(page, "<p class=\"faint\">{}</p>", escape(&self.scenario.summary));
        let is_fine = self.ramp.as_ref().map_or(self.verdict.is_ok(), |climb| climb.exit_code() == 0);
        let class = if is_fine { "ok" } else { "failed" };
        let sentence = self.ramp.as_ref().map_or_else(|| self.conclusion(), |climb| climb.sentence());
        let _ = writeln!(page, "<div class=\"verdict {class}\">{}</div>", escape(sentence.trim_end()).replace('\n', "<br>"));
        let plots: String =
            self.plots(scenario).iter().filter(|svg| !svg.is_empty()).map(|svg| format!("<div>{svg}</div>\n")).collect();
        let _ = writeln!(page, "<div class=\"plots\">\n{plots}</div>");
        page.push_str("<h2>Figures</h2>\n<table>\n");
        for (name, value) in self.figures() {
            let _ = writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(&value));
        }
        page.push_str("</table>\n");
        if let Some(climb) = &self.ramp {
            let _ = writeln!(page, "<h2>Steps</h2>\n<pre>{}</pre>", escape(&climb.table()));
        }
        let _ = writeln!(page, "<h2>Scenario</h2>\n<pre>{}</pre>", escape(&scenario.written));
        let _ = writeln!(page, "<p class=\"faint\">corelay-loadgen {}, {}</p></html>", self.version, self.schema);
        page
    }

    fn plots(&self, scenario: &Scenario) -> Vec<String> {
        let mut plots = self.ramp_plots(scenario);
        plots.push(self.latency_plot(scenario));
        plots.push(self.distribution_plot());
        plots.push(self.over_time(
            "Packets per second",
            plain,
            &[("received", |i| Some(i.packets_per_s)), ("sent", |i| Some(i.sent_packets_per_s))],
        ));
        plots.push(self.over_time("Received, Mbit/s", plain, &[("received", |i| Some(i.mbit_per_s))]));
        let cpu: &[Series] =
            &[("server", |i| i.server_cpu), ("generator", |i| Some(i.generator_cpu)), ("its media", |i| Some(i.generator_busy))];
        plots.push(self.over_time("CPU, cores", plain, cpu));
        plots.push(self.over_time(
            "Lost packets",
            plain,
            &[("lost", |i| Some(i.lost as f64)), ("corrupt", |i| Some(i.corrupt as f64))],
        ));
        plots.push(self.joins_plot(scenario));
        plots.push(self.over_time(
            "Participants and streams",
            plain,
            &[("participants", |i| Some(i.participants as f64)), ("streams", |i| Some(i.streams as f64))],
        ));
        plots.push(self.over_time(
            "Server's resident memory, MiB",
            plain,
            &[("memory", |i| i.server_rss_kib.map(|kib| kib as f64 / 1024.0))],
        ));
        plots
    }

    fn latency_plot(&self, scenario: &Scenario) -> String {
        let series: &[Series] = &[("p50", |i| i.latency_p50_us), ("p99", |i| i.latency_p99_us), ("max", |i| i.latency_max_us)];
        let bound = scenario.slo.latency_p99.map(|bound| bound.as_secs_f64() * 1e6);
        Plot { bound, ..self.base("Latency end to end", time_short, series) }.svg()
    }

    /// The tail is where a call is won or lost: each 9 more takes as much room as the one before.
    fn distribution_plot(&self) -> String {
        let Some(latency) = &self.latency else {
            return String::new();
        };
        let nines = |share: f64| -(1.0 - share).log10();
        let points = latency.distribution.iter().map(|(share, us)| (nines(*share), *us)).collect();
        let tick = |share: f64, text: &str| (nines(share), text.to_owned());
        Plot {
            title: "Latency, distribution",
            x_label: "share of packets that arrived sooner",
            show: time_short,
            lines: vec![Line { name: "latency", points, is_scattered: false }],
            bound: None,
            band: None,
            x_ticks: vec![
                tick(0.0, "0 %"),
                tick(0.9, "90 %"),
                tick(0.99, "99 %"),
                tick(0.999, "99.9 %"),
                tick(0.9999, "99.99 %"),
                tick(0.99999, "99.999 %"),
            ],
        }
        .svg()
    }

    fn joins_plot(&self, scenario: &Scenario) -> String {
        let lines = vec![Line { name: "a join", points: self.joins.points.clone(), is_scattered: true }];
        let bound = scenario.slo.join_p99.map(|bound| bound.as_secs_f64() * 1e6);
        Plot { lines, bound, ..self.base("Joins: how long each took", time_short, &[]) }.svg()
    }

    fn ramp_plots(&self, scenario: &Scenario) -> Vec<String> {
        let Some(climb) = &self.ramp else {
            return Vec::new();
        };
        let line = |name, value: fn(&crate::ramp::Step) -> Option<f64>| Line {
            name,
            points: climb.steps().iter().filter_map(|step| Some((step.load as f64, value(step)?))).collect(),
            is_scattered: false,
        };
        let plot = |title, show, lines, bound| {
            Plot { title, x_label: climb.raised(), show, lines, bound, band: None, x_ticks: Vec::new() }.svg()
        };
        let bound = scenario.slo.latency_p99.map(|bound| bound.as_secs_f64() * 1e6);
        vec![
            plot(
                "Latency by load",
                time_short,
                vec![line("p50", |step| step.latency_p50_us), line("p99", |step| step.latency_p99_us)],
                bound,
            ),
            plot(
                "CPU by load, cores",
                plain,
                vec![line("server", |step| step.server_cpu), line("its media", |step| Some(step.generator_busy))],
                None,
            ),
        ]
    }

    fn over_time(&self, title: &str, show: fn(f64) -> String, series: &[Series]) -> String {
        self.base(title, show, series).svg()
    }

    fn base<'a>(&self, title: &'a str, show: fn(f64) -> String, series: &[Series]) -> Plot<'a> {
        let line = |(name, value): &Series| Line {
            name,
            points: self.intervals.iter().filter_map(|interval| Some((interval.at_s, value(interval)?))).collect(),
            is_scattered: false,
        };
        let is_measured = |interval: &&Interval| interval.phase == Phase::Measuring;
        let first = self.intervals.iter().position(|interval| is_measured(&interval));
        // A point stands at its interval's end: the measuring began at the point before its first one.
        let from = first.map(|n| n.checked_sub(1).map_or(0.0, |before| self.intervals[before].at_s));
        let band = from.zip(self.intervals.iter().rfind(is_measured).map(|last| last.at_s));
        // Steps of a ramp follow each other with joins between: one band over all of them would say nothing.
        let band = band.filter(|_| self.ramp.is_none());
        Plot {
            title,
            x_label: "seconds since the beginning",
            show,
            lines: series.iter().map(line).collect(),
            bound: None,
            band,
            x_ticks: Vec::new(),
        }
    }
}

/// A line's name, and where its values come from.
type Series = (&'static str, fn(&Interval) -> Option<f64>);
