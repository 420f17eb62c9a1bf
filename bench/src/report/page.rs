//! The report as one page that needs nothing else: no script, no font, no request.

use super::markup::escape;
use super::plot::plot;
use super::{Part, Report};
use std::collections::BTreeMap;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h1,h2{font-weight:600}pre{background:#f4f4f2;padding:.8rem;overflow:auto}table{border-collapse:collapse;margin:.8rem 0}\
td,th{padding:.15rem .7rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}\
td:first-child{font-family:ui-monospace,monospace;font-size:13px}svg text{font:12px ui-monospace,monospace}";

pub(super) fn page(report: &Report) -> String {
    let machine = escape(&report.machine.join("\n"));
    let sections: String = report.sections.iter().map(section).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Corelay bench</title><style>{STYLE}</style></head>\n\
         <body><h1>Corelay bench</h1>\n<pre>{machine}</pre>\n\
         <p>Bars are medians, lines reach from the least to the greatest round. docs/performance.md says what each figure is.</p>\n\
         {sections}</body></html>\n"
    )
}

fn section(part: &Part) -> String {
    let figures = &part.findings.figures;
    let mut by_unit: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    figures.iter().for_each(|figure| by_unit.entry(figure.unit()).or_default().push(figure));
    let plots: String = by_unit.iter().map(|(unit, figures)| plot(unit, figures)).collect();
    let rows: String = figures
        .iter()
        .map(|figure| {
            let (digits, (least, greatest)) = (figure.digits(), figure.range());
            let (name, median, unit, rounds) = (escape(figure.name()), figure.median(), figure.unit(), figure.rounds());
            format!(
                "<tr><td>{name}</td><td>{median:.digits$}</td><td>{least:.digits$}</td><td>{greatest:.digits$}</td><td>{unit}</td><td>{rounds}</td></tr>\n"
            )
        })
        .collect();
    let notes: String = part.findings.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    format!(
        "<h2>{}</h2>\n<p>{}</p>\n{plots}<details><summary>Figures</summary><table><tr><th>figure</th><th>median</th><th>least</th>\
         <th>greatest</th><th>unit</th><th>rounds</th></tr>\n{rows}</table><ul>{notes}</ul></details>\n",
        escape(part.name),
        escape(part.about)
    )
}
