//! What stopping rules would have said of recordings: rows, summaries, the comparison for people.

use serde_json::{Value, json};

use super::data::{self, DataColumn, cell};
use super::layout::{Column, render, wrap};
use super::{ReportError, csv_bytes, json as document, one_line};
use crate::event::Num;
use crate::units::significant;

/// What one rule says of one series, in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayRow {
    /// Which series; of a run, its name and its stage.
    pub series: String,
    /// What it belongs to.
    pub benchmark: String,
    /// What was measured.
    pub metric: String,
    /// The rule, as it is written.
    pub rule: String,
    /// When it knew, in seconds since the series began; absent: it never did.
    pub stop_t_s: Option<f64>,
    /// The share of the series that it needed; 1 where it never knew.
    pub used_fraction: f64,
    /// Its figure.
    pub estimate: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// The figure of the whole series.
    pub full_estimate: Option<f64>,
    /// `estimate / full_estimate - 1`.
    pub relative_error: Option<f64>,
    /// Whether the interval holds the figure of the whole series; absent without an interval.
    pub covered: Option<bool>,
    /// Why it stands where it stands.
    pub reason: String,
}

/// The rules compared, over the series of one benchmark or over all benchmarks, each weighing the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaySummary {
    /// Which; absent: over all.
    pub benchmark: Option<String>,
    /// The rule.
    pub rule: String,
    /// Series.
    pub series: u64,
    /// Median of the absolute relative error.
    pub median_error: Option<f64>,
    /// Its 95th percentile.
    pub p95_error: Option<f64>,
    /// Mean share used.
    pub mean_used: f64,
    /// Share of the intervals that hold the figure of the whole series; absent where the rule gave none.
    pub coverage: Option<f64>,
    /// Share of the series on which it never stopped.
    pub never_stopped: f64,
}

const COLUMNS: &[DataColumn<ReplayRow>] = &[
    ("series", |r| json!(r.series)),
    ("benchmark", |r| json!(r.benchmark)),
    ("metric", |r| json!(r.metric.as_str())),
    ("rule", |r| json!(r.rule)),
    ("stopped", |r| json!(r.stop_t_s.is_some())),
    ("stop_t_s", |r| json!(r.stop_t_s)),
    ("used_fraction", |r| json!(r.used_fraction)),
    ("estimate", |r| json!(r.estimate.map(Num))),
    ("low", |r| json!(r.low.map(Num))),
    ("high", |r| json!(r.high.map(Num))),
    ("full_estimate", |r| json!(r.full_estimate.map(Num))),
    ("relative_error", |r| json!(r.relative_error.map(Num))),
    ("covered", |r| json!(r.covered)),
    ("reason", |r| json!(one_line(&r.reason))),
];

/// The header as CSV.
pub fn replay_header() -> Result<Vec<u8>, ReportError> {
    data::table(COLUMNS, [])
}

/// One row as CSV.
pub fn replay_row(row: &ReplayRow) -> Result<Vec<u8>, ReportError> {
    csv_bytes(COLUMNS.iter().map(|(_, of)| cell(&of(row))), std::iter::empty::<[&str; 0]>())
}

/// Rows and summaries as one document. The `benchmark` of what is over all of them is `null`.
pub fn replay_json(
    rows: &[ReplayRow],
    summaries: &[ReplaySummary],
) -> Result<Vec<u8>, ReportError> {
    let rows: Vec<_> = rows.iter().map(|row| data::object(COLUMNS, row)).collect();
    let summaries: Vec<_> = summaries.iter().map(json_summary).collect();
    document::pretty(&json!({ "format": document::FORMAT, "rows": rows, "summary": summaries }))
}

fn json_summary(summary: &ReplaySummary) -> Value {
    json!({
        "benchmark": summary.benchmark,
        "rule": summary.rule,
        "series": summary.series,
        "median_relative_error": summary.median_error.map(Num),
        "p95_relative_error": summary.p95_error.map(Num),
        "mean_used_fraction": summary.mean_used,
        "coverage": summary.coverage,
        "never_stopped_fraction": summary.never_stopped,
    })
}

/// The comparison for people, each line of at most `width` characters: a block a benchmark, at the end the one over all.
pub fn replay_table(summaries: &[ReplaySummary], width: usize) -> String {
    let column = |head: &str, cell: &dyn Fn(&ReplaySummary) -> String| {
        Column::figures(head, summaries, cell)
    };
    let name = |at: usize| {
        let summary = &summaries[at];
        let new = at == 0 || summaries[at - 1].benchmark != summary.benchmark;
        let name = summary.benchmark.as_deref().unwrap_or("all");
        if new { name.to_owned() } else { String::new() }
    };
    let mut columns = vec![
        Column::words("benchmark", 0..summaries.len(), name),
        Column::words("rule", summaries, |summary| summary.rule.clone()),
        column("series", &|summary| summary.series.to_string()).ranked(2),
        column("error\nmedian %", &|summary| percent(summary.median_error)),
        column("error\np95 %", &|summary| percent(summary.p95_error)),
        column("used\n%", &|summary| percent(Some(summary.mean_used))),
        column("covered\n%", &|summary| percent(summary.coverage)),
        column("never\nstopped %", &|summary| percent(Some(summary.never_stopped))).ranked(1),
    ];
    let mut legend = LEGEND.to_owned();
    if summaries.iter().any(|summary| summary.benchmark.is_none()) {
        legend.push_str("; in `all` each benchmark weighs the same");
    } else if summaries.iter().all(|summary| summary.benchmark.as_deref() == Some("")) {
        // Series without a benchmark are one group.
        columns.remove(0);
    }
    render(columns, width) + "\n" + &wrap(&legend, width, "")
}

const LEGEND: &str = "error: |estimate / figure of the whole series - 1|; used: mean share of the series until the stop, \
all of it where there was none; covered: share of the intervals that hold the figure of the whole series; -: the rule \
gives none";

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| significant(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ReplayRow {
        ReplayRow {
            series: "a, b".into(),
            benchmark: "resnet".into(),
            metric: String::new(),
            rule: "fixed:n=2,skip=1".into(),
            stop_t_s: Some(3.5),
            used_fraction: 0.25,
            estimate: Some(10.0),
            low: None,
            high: None,
            full_estimate: Some(0.0),
            relative_error: Some(f64::INFINITY),
            covered: None,
            reason: "2 of 2".into(),
        }
    }

    fn summary(benchmark: Option<&str>, rule: &str) -> ReplaySummary {
        ReplaySummary {
            benchmark: benchmark.map(str::to_owned),
            rule: rule.to_owned(),
            series: 112,
            median_error: Some(0.003_14),
            p95_error: Some(f64::INFINITY),
            mean_used: 0.2,
            coverage: (rule != "fixed").then_some(0.951),
            never_stopped: 0.0,
        }
    }

    #[test]
    fn rows_are_csv_with_words_for_what_is_no_number() {
        let header = String::from_utf8(replay_header().unwrap()).unwrap();
        assert_eq!(
            header,
            "series,benchmark,metric,rule,stopped,stop_t_s,used_fraction,estimate,low,high,full_estimate,relative_error,\
             covered,reason\n"
        );
        assert_eq!(
            String::from_utf8(replay_row(&row()).unwrap()).unwrap(),
            "\"a, b\",resnet,,\"fixed:n=2,skip=1\",true,3.5,0.25,10,,,0,inf,,2 of 2\n"
        );
        let never = ReplayRow { stop_t_s: None, ..row() };
        assert!(String::from_utf8(replay_row(&never).unwrap()).unwrap().contains(",false,,0.25,"));
    }

    #[test]
    fn the_document_keeps_infinity_and_gaps_apart() {
        let text = replay_json(&[row()], &[summary(None, "fixed")]).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["rows"][0]["relative_error"], "inf");
        assert_eq!(value["rows"][0]["low"], Value::Null);
        assert_eq!(value["summary"][0]["benchmark"], Value::Null);
    }

    #[test]
    fn the_comparison_fits_each_width() {
        let mut all = Vec::new();
        for benchmark in [Some("resnet"), Some("unet3d"), None] {
            for rule in ["perftune", "fixed", "naive-t:within=0.5%,n=12"] {
                all.push(summary(benchmark, rule));
            }
        }
        for width in [60, 80, 100] {
            let table = replay_table(&all, width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
            insta::assert_snapshot!(format!("replay_table_{width}"), table);
        }
        assert!(!replay_table(&[summary(Some(""), "fixed")], 80).contains("benchmark"));
    }
}
