//! One measured quantity, with how far its rounds were apart.

use core::fmt;

/// The rounds of one quantity. Shows as `figure NAME MEDIAN UNIT min MIN max MAX rounds COUNT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    name: String,
    unit: &'static str,
    /// In ascending order; never empty.
    rounds: Vec<f64>,
}

impl Figure {
    /// `rounds`: at least one value, none of them NaN.
    pub fn new(name: impl Into<String>, unit: &'static str, mut rounds: Vec<f64>) -> Self {
        assert!(!rounds.is_empty() && rounds.iter().all(|r| !r.is_nan()), "a figure has rounds, and they are numbers");
        rounds.sort_by(f64::total_cmp);
        Self { name: name.into(), unit, rounds }
    }

    /// A figure of one value.
    pub fn of(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self::new(name, unit, vec![value])
    }

    /// The same by another name.
    pub fn renamed(&self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is in.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// The least and the greatest round.
    pub fn range(&self) -> (f64, f64) {
        (self.rounds[0], self.rounds[self.rounds.len() - 1])
    }

    /// How many rounds there were.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Digits after the point: a ratio needs the third; a nanosecond's fraction is noise beyond the first.
    pub fn digits(&self) -> usize {
        if self.unit == "ratio" { 3 } else { 1 }
    }

    /// The middle round; of an even number, the mean of the two.
    pub fn median(&self) -> f64 {
        let middle = self.rounds.len() / 2;
        match self.rounds.len() % 2 {
            0 => (self.rounds[middle - 1] + self.rounds[middle]) / 2.0,
            _ => self.rounds[middle],
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, rounds } = self;
        let (digits, median, (min, max)) = (self.digits(), self.median(), self.range());
        write!(f, "figure {name} {median:.digits$} {unit} min {min:.digits$} max {max:.digits$} rounds {}", rounds.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Figure::new("a", "ns", vec![9.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Figure::new("a", "ns", vec![4.0, 1.0, 2.0, 100.0]).median(), 3.0);
        assert_eq!(Figure::new("a", "ns", vec![7.0]).median(), 7.0);
    }

    #[test]
    fn a_line_has_name_value_unit_and_spread() {
        let ns = Figure::new("seal.alone.ns", "ns", vec![210.04, 199.96, 205.0]);
        assert_eq!(ns.to_string(), "figure seal.alone.ns 205.0 ns min 200.0 max 210.0 rounds 3");
        let ratio = Figure::new("r", "ratio", vec![1.2345, 1.1]);
        assert_eq!(ratio.to_string(), "figure r 1.167 ratio min 1.100 max 1.234 rounds 2");
    }
}
