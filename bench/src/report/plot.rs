//! A plot of figures with one unit: a bar for the median, a line for the spread.

use super::markup::escape;
use crate::figure::Figure;

const LABEL_WIDTH: f64 = 420.0;
const BAR_WIDTH: f64 = 420.0;
const VALUE_WIDTH: f64 = 140.0;
const ROW_HEIGHT: f64 = 20.0;

/// Bars on one scale from zero, in the order of the figures.
pub(super) fn plot(unit: &str, figures: &[&Figure]) -> String {
    let most = figures.iter().map(|figure| figure.range().1).fold(f64::MIN_POSITIVE, f64::max);
    let scale = |value: f64| value.max(0.0) / most * BAR_WIDTH;
    let rows: String = figures.iter().enumerate().map(|(n, figure)| row(figure, n as f64 * ROW_HEIGHT, scale)).collect();
    let (width, height) = (LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, (figures.len() + 1) as f64 * ROW_HEIGHT);
    let foot = height - 6.0;
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{unit}\">\n{rows}\
         <text x=\"{LABEL_WIDTH}\" y=\"{foot}\" fill=\"#777\">{unit}</text></svg>\n"
    )
}

fn row(figure: &Figure, top: f64, scale: impl Fn(f64) -> f64) -> String {
    let (digits, median, (least, greatest)) = (figure.digits(), figure.median(), figure.range());
    let (bar, from, to) = (scale(median), LABEL_WIDTH + scale(least), LABEL_WIDTH + scale(greatest));
    let (text, middle, label, value) = (top + 14.0, top + 9.5, LABEL_WIDTH - 8.0, LABEL_WIDTH + BAR_WIDTH + 8.0);
    let bar_top = top + 4.0;
    let name = escape(figure.name());
    format!(
        "<text x=\"{label}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
         <rect x=\"{LABEL_WIDTH}\" y=\"{bar_top}\" width=\"{bar:.1}\" height=\"11\" fill=\"#3f7cac\"/>\
         <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#111\"/>\
         <text x=\"{value}\" y=\"{text}\">{median:.digits$}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_is_as_wide_as_the_plot() {
        let (small, large) = (Figure::of("a", "ns", 50.0), Figure::new("b", "ns", vec![100.0, 200.0, 150.0]));
        let svg = plot("ns", &[&small, &large]);
        assert!(svg.contains("width=\"105.0\"") && svg.contains("width=\"315.0\"") && svg.contains("x2=\"840.0\""), "{svg}");
    }
}
