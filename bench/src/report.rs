//! What a run found: lines for the terminal, JSON for programs, a page with plots for people, a table for the documentation.

mod markup;
mod page;
mod plot;

use crate::figure::Figure;
use crate::section::Findings;
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// Lines that enclose the table in `docs/performance.md`.
const TABLE_BEGIN: &str = "<!-- figures: begin -->";
const TABLE_END: &str = "<!-- figures: end -->";

/// All sections of one run.
#[derive(Debug, Default)]
pub struct Report {
    machine: Vec<String>,
    sections: Vec<Part>,
}

/// One section's part.
#[derive(Debug)]
struct Part {
    name: &'static str,
    about: &'static str,
    findings: Findings,
}

impl Report {
    /// A report from the machine that these lines describe.
    pub fn new(machine: Vec<String>) -> Self {
        Self { machine, sections: Vec::new() }
    }

    /// Adds what a section found.
    pub fn add(&mut self, name: &'static str, about: &'static str, findings: Findings) {
        self.sections.push(Part { name, about, findings });
    }

    /// Writes `report.json` and `report.html` into `dir`, which is made.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("report.json"), format!("{:#}\n", self.to_json()))?;
        std::fs::write(dir.join("report.html"), page::page(self))
    }

    /// Puts the figures into the marked table of the document at `path`.
    pub fn write_table(&self, path: &Path) -> io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let filled = fill(&text, &self.table()).ok_or_else(|| {
            io::Error::other(format!("{} has no line `{TABLE_BEGIN}` with `{TABLE_END}` after it", path.display()))
        })?;
        std::fs::write(path, filled)
    }

    fn to_json(&self) -> Value {
        let figures = self.sections.iter().flat_map(|part| part.findings.figures.iter().map(|figure| (part.name, figure)));
        let figures: Vec<Value> = figures.map(|(section, figure)| figure_json(section, figure)).collect();
        let notes: Vec<&String> = self.sections.iter().flat_map(|part| &part.findings.notes).collect();
        json!({ "machine": self.machine, "figures": figures, "notes": notes })
    }

    /// The machine, and one table a section.
    fn table(&self) -> String {
        let mut table: String = self.machine.iter().flat_map(|lines| lines.lines()).map(|line| format!("    {line}\n")).collect();
        for Part { name, about, findings } in &self.sections {
            table.push_str(&format!(
                "\n### {name}: {about}\n\n| figure | median | least | greatest | unit |\n| --- | ---: | ---: | ---: | --- |\n"
            ));
            for figure in &findings.figures {
                let (digits, (least, greatest)) = (figure.digits(), figure.range());
                let (name, median, unit) = (figure.name(), figure.median(), figure.unit());
                table.push_str(&format!("| `{name}` | {median:.digits$} | {least:.digits$} | {greatest:.digits$} | {unit} |\n"));
            }
        }
        table
    }
}

/// One figure as programs read it: the same names and values as the printed line.
pub fn figure_json(section: &str, figure: &Figure) -> Value {
    let (min, max) = figure.range();
    json!({
        "section": section, "name": figure.name(), "value": figure.median(), "unit": figure.unit(),
        "min": min, "max": max, "rounds": figure.rounds(),
    })
}

/// `text` with what stands between the marks replaced.
fn fill(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(TABLE_BEGIN)?;
    let (_, after) = rest.split_once(TABLE_END)?;
    Some(format!("{before}{TABLE_BEGIN}\n\n{table}\n{TABLE_END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn report() -> Report {
        let mut report = Report::new(vec!["a machine <of> sorts".to_owned()]);
        let figures = vec![Figure::new("seal.ns", "ns", vec![2.0, 1.0, 4.0]), Figure::of("seal.ratio", "ratio", 0.9)];
        report.add("seal", "sealing", Findings { figures, notes: vec!["by hand".to_owned()] });
        report
    }

    #[test]
    fn a_program_reads_names_values_and_units() {
        let json = report().to_json();
        assert_eq!(json["figures"][0]["name"], "seal.ns");
        assert_eq!((&json["figures"][0]["value"], &json["figures"][0]["max"]), (&json!(2.0), &json!(4.0)));
        assert_eq!((&json["figures"][1]["unit"], &json["notes"][0]), (&json!("ratio"), &json!("by hand")));
    }

    #[test]
    fn the_table_is_put_between_its_marks_and_nothing_else_changes() {
        let text = format!("before\n{TABLE_BEGIN}\nold\n{TABLE_END}\nafter\n");
        let filled = fill(&text, &report().table()).expect("it has the marks");
        assert!(filled.starts_with("before\n") && filled.ends_with(&format!("{TABLE_END}\nafter\n")) && !filled.contains("old"));
        assert!(filled.contains("| `seal.ns` | 2.0 | 1.0 | 4.0 | ns |"));
        assert_eq!(fill(&filled, &report().table()), Some(filled));
        assert_eq!(fill("no marks", "table"), None);
    }

    #[test]
    fn files_are_written_where_they_are_wanted() {
        let dir = std::env::temp_dir().join(format!("corelay-bench-{}", std::process::id()));
        report().write(&dir).expect("a directory can be made");
        let html = std::fs::read_to_string(dir.join("report.html")).expect("it is there");
        assert!(html.contains("<svg") && html.contains("a machine &lt;of&gt; sorts"));
        assert!(std::fs::read_to_string(dir.join("report.json")).is_ok_and(|json| json.ends_with("}\n")));
        std::fs::remove_dir_all(dir).expect("it is ours");
    }
}
