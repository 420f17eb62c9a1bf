//! Plots as SVG, drawn by hand: a page that carries its pictures needs neither a network nor a library to be read in ten years.

use super::escape::escape;
use std::fmt::Write;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// More are drawn as a line alone: each point that can be pointed at costs a hundred bytes of the page.
const MARKS_MAX: usize = 400;

/// A plot of lines or points over one axis.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    /// How a value is written, at the axis and under the pointer.
    pub(super) show: fn(f64) -> String,
    pub(super) lines: Vec<Line<'a>>,
    /// A bound that the values are judged by.
    pub(super) bound: Option<f64>,
    /// From where to where was measured.
    pub(super) band: Option<(f64, f64)>,
    /// Ticks of the horizontal axis; without them, round numbers.
    pub(super) x_ticks: Vec<(f64, String)>,
}

/// One line of a plot.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
    /// Points only.
    pub(super) is_scattered: bool,
}

/// What the axes span.
struct Frame {
    x: (f64, f64),
    y_max: f64,
}

impl Frame {
    fn x(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - y / self.y_max * (HEIGHT - TOP - BOTTOM)
    }
}

impl Plot<'_> {
    /// The SVG element; empty if there is nothing to draw.
    pub(super) fn svg(&self) -> String {
        let Some(frame) = self.frame() else {
            return String::new();
        };
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, escape(self.title));
        svg.push_str(&format!(r#"<text class="title" x="{LEFT}" y="16">{}</text>"#, escape(self.title)));
        self.band(&frame, &mut svg);
        self.axes(&frame, &mut svg);
        // The first line lies on top.
        for (n, line) in self.lines.iter().enumerate().rev() {
            self.line(&frame, n, line, &mut svg);
        }
        if let Some(bound) = self.bound.filter(|bound| *bound <= frame.y_max) {
            let y = frame.y(bound);
            let text = escape(&(self.show)(bound));
            let _ = write!(svg, r#"<line class="bound" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/>"#, WIDTH - RIGHT);
            let _ = write!(svg, r#"<text class="bound" x="{:.1}" y="{:.1}">SLO {text}</text>"#, WIDTH - RIGHT, y - 4.0);
        }
        svg + "</svg>"
    }

    fn frame(&self) -> Option<Frame> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (low, high) = points().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
        let y_max = points().map(|(_, y)| *y).fold(0.0, f64::max);
        // A bound far above the values would press them to the ground; one close to them shows how close they are.
        let y_max = self.bound.filter(|bound| *bound < y_max * 4.0).map_or(y_max, |bound| y_max.max(bound));
        let high = if high > low { high } else { low + 1.0 };
        (low < f64::MAX).then_some(Frame { x: (low, high), y_max: if y_max > 0.0 { y_max * 1.08 } else { 1.0 } })
    }

    fn band(&self, frame: &Frame, svg: &mut String) {
        if let Some((from, to)) = self.band {
            let (from, to) = (frame.x(from.max(frame.x.0)), frame.x(to.min(frame.x.1)));
            let (width, height) = ((to - from).max(0.0), HEIGHT - TOP - BOTTOM);
            let _ = write!(svg, r#"<rect class="band" x="{from:.1}" y="{TOP}" width="{width:.1}" height="{height}"/>"#);
        }
    }

    fn axes(&self, frame: &Frame, svg: &mut String) {
        for tick in ticks(0.0, frame.y_max, 5) {
            let y = frame.y(tick);
            let _ = write!(svg, r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/>"#, WIDTH - RIGHT);
            let _ =
                write!(svg, r#"<text class="y" x="{:.1}" y="{:.1}">{}</text>"#, LEFT - 6.0, y + 4.0, escape(&(self.show)(tick)));
        }
        let round = || ticks(frame.x.0, frame.x.1, 6).into_iter().map(|tick| (tick, plain(tick))).collect();
        let x_ticks: Vec<(f64, String)> = if self.x_ticks.is_empty() { round() } else { self.x_ticks.clone() };
        for (tick, text) in x_ticks.iter().filter(|(tick, _)| (frame.x.0..=frame.x.1).contains(tick)) {
            let _ = write!(
                svg,
                r#"<text class="x" x="{:.1}" y="{:.1}">{}</text>"#,
                frame.x(*tick),
                HEIGHT - BOTTOM + 16.0,
                escape(text)
            );
        }
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        let _ = write!(svg, r#"<text class="x label" x="{middle:.1}" y="{:.1}">{}</text>"#, HEIGHT - 6.0, escape(self.x_label));
    }

    fn line(&self, frame: &Frame, n: usize, line: &Line<'_>, svg: &mut String) {
        let at = |(x, y): &(f64, f64)| (frame.x(*x), frame.y(*y));
        if !line.is_scattered {
            let points: Vec<String> = line.points.iter().map(at).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = write!(svg, r#"<polyline class="l{n}" points="{}"/>"#, points.join(" "));
        }
        if line.points.len() <= MARKS_MAX || line.is_scattered {
            for point in &line.points {
                let ((x, y), text) = (at(point), format!("{} {}", line.name, (self.show)(point.1)));
                let _ =
                    write!(svg, r#"<circle class="l{n}" cx="{x:.1}" cy="{y:.1}" r="2"><title>{}</title></circle>"#, escape(&text));
            }
        }
        // The legend, from the right.
        let x = WIDTH - RIGHT - 92.0 * (self.lines.len() - n) as f64;
        let _ = write!(
            svg,
            r#"<rect class="l{n}" x="{x:.1}" y="8" width="10" height="3"/><text class="legend" x="{:.1}" y="14">{}</text>"#,
            x + 14.0,
            escape(line.name)
        );
    }
}

/// Round numbers between `low` and `high`, about `wanted` of them.
fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(power * 10.0);
    let first = (low / step).ceil() as i64;
    (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= high).collect()
}

/// A number as it is, without digits that say nothing.
pub(super) fn plain(number: f64) -> String {
    match number.abs() {
        n if n >= 1e6 => format!("{}M", digits(number / 1e6)),
        n if n >= 1e4 => format!("{}k", digits(number / 1e3)),
        _ => digits(number),
    }
}

fn digits(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, bound: Option<f64>) -> String {
        let lines = vec![Line { name: "p<99>", points, is_scattered: false }];
        Plot { title: "Latency", x_label: "seconds", show: plain, lines, bound, band: None, x_ticks: Vec::new() }.svg()
    }

    #[test]
    fn values_lie_inside_the_frame() {
        let svg = plot(vec![(0.0, 1.0), (5.0, 3.0), (10.0, 2.0)], Some(4.0));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
        assert!(svg.contains("p&lt;99&gt;") && svg.contains("SLO 4"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
    }

    #[test]
    fn nothing_and_one_point_are_no_trouble() {
        assert_eq!(plot(Vec::new(), None), "");
        assert!(!plot(vec![(1.0, 0.0)], None).contains("NaN"));
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(3.2, 4.1, 4), [3.5, 4.0]);
        assert_eq!([0.5, 1_500.0, 12_000.0, 2.5e6].map(plain), ["0.5", "1500", "12k", "2.5M"]);
    }
}
