//! Shadow mode: `shadow.csv`, the member `shadow` of the document, and the summary for people.

use serde::Serialize;
use serde_json::{Value, json};

use super::data::{self, DataColumn};
use super::layout::{Column, counted, render, wrap};
use super::{ReportError, distinct};
use crate::event::{Num, StopReason};
use crate::metric::MetricName;
use crate::units::Unit;
use crate::units::{percent, significant};

/// One chosen metric of one run, as a rule would have reported it, beside the figure of the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowRow {
    /// The run.
    pub run: String,
    /// Its model.
    pub model: String,
    /// Its data set.
    pub dataset: String,
    /// The stage, as displayed, or `run`.
    pub phase: String,
    /// What it is of.
    pub metric: MetricName,
    /// Base unit.
    pub unit: Unit,
    /// The rule, as it is written.
    pub rule: String,
    /// Whether it was known when its stage would have been left.
    pub known: bool,
    /// When that would have been, in seconds from the beginning of the stage in which it is judged; absent: the stage was
    /// used to its end.
    pub stop_t_s: Option<f64>,
    /// The figure then.
    pub estimate: Option<f64>,
    /// Lower end of its interval, which is one of the regime seen so far.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// The figure of the whole run.
    pub full_estimate: Option<f64>,
    /// `estimate / full_estimate - 1`.
    pub relative_error: Option<f64>,
    /// Whether they differ by no more than was asked; absent where one of them is missing.
    pub within_asked: Option<bool>,
    /// Whether the interval holds the figure of the whole run; absent without an interval.
    pub covered: Option<bool>,
}

const COLUMNS: &[DataColumn<ShadowRow>] = &[
    ("run", |r| json!(r.run)),
    ("model", |r| json!(r.model)),
    ("dataset", |r| json!(r.dataset)),
    ("phase", |r| json!(r.phase)),
    ("metric", |r| json!(r.metric.as_str())),
    ("unit", |r| json!(r.unit)),
    ("rule", |r| json!(r.rule)),
    ("known", |r| json!(r.known)),
    ("stop_t_s", |r| json!(r.stop_t_s)),
    ("estimate", |r| json!(r.estimate.map(Num))),
    ("low", |r| json!(r.low.map(Num))),
    ("high", |r| json!(r.high.map(Num))),
    ("full_estimate", |r| json!(r.full_estimate.map(Num))),
    ("relative_error", |r| json!(r.relative_error.map(Num))),
    ("within_asked", |r| json!(r.within_asked)),
    ("covered", |r| json!(r.covered)),
];

/// One run under one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowRunRow {
    /// The run.
    pub run: String,
    /// The rule, as it is written.
    pub rule: String,
    /// Why it would have ended.
    pub stop: StopReason,
    /// Wall time of the whole run, in seconds.
    pub full_s: f64,
    /// The time that it would have taken, in seconds.
    pub early_s: f64,
    /// The relative error that is largest in size.
    pub worst_error: Option<f64>,
    /// Of which metric that is, with its phase.
    pub worst_metric: String,
}

impl ShadowRunRow {
    /// The share of the whole time that it would have taken.
    pub fn used(&self) -> f64 {
        self.early_s / self.full_s
    }
}

/// What becomes of the order by a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ShadowRanking {
    /// The metric, of training.
    pub metric: &'static str,
    /// Pairs of cells.
    pub pairs: u64,
    /// Pairs in the other order at the stop.
    pub swapped: u64,
    /// Those of them whose intervals at the stop are disjoint.
    #[serde(rename = "swapped_and_disjoint")]
    pub disjoint: u64,
}

/// What becomes of the set of feasible cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowFeasible {
    /// Cells that are feasible by the whole runs.
    pub full: u64,
    /// Cells that are feasible at the stops.
    pub at_stop: u64,
    /// The cells that are in one set only.
    pub changed: Vec<String>,
}

/// A rule over all runs. `figures` counts a chosen metric once for each run and phase; those that a run did not reach
/// before it would have ended are `missing` and count nowhere else.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ShadowTotal {
    /// The rule, as it is written.
    pub rule: String,
    /// Runs.
    pub runs: u64,
    /// Figures that have both an estimate at the stop and one of the whole run.
    pub figures: u64,
    /// Figures that lack one of them.
    pub missing: u64,
    /// Figures that were known at the stop.
    pub known: u64,
    /// Figures that differ by no more than was asked.
    #[serde(rename = "within_asked")]
    pub within: u64,
    /// Figures of phases that would have been left before their end; the others are those of the whole run by themselves.
    #[serde(rename = "early_figures")]
    pub early: u64,
    /// Those of them that differ by no more than was asked.
    #[serde(rename = "early_within_asked")]
    pub early_within: u64,
    /// As `within`, or by no more than the whole runs of the cell differ, where that is more; absent where no cell has
    /// three whole runs.
    #[serde(rename = "within_asked_or_spread")]
    pub within_or_spread: Option<u64>,
    /// Figures with an interval.
    pub intervals: u64,
    /// Those whose interval holds the figure of the whole run.
    pub covered: u64,
    /// Runs that are long: [`LONG_S`] or more as a whole.
    pub long_runs: u64,
    /// Median share of the time used, over the long runs.
    #[serde(rename = "median_used_fraction")]
    pub median_used: Option<f64>,
    /// The orders.
    pub rankings: Vec<ShadowRanking>,
    /// The feasible cells; absent without constraints.
    #[serde(rename = "feasible_cells")]
    pub feasible: Option<ShadowFeasible>,
}

/// From how many seconds on a run is long enough for its share to say something: what it needs to load and to warm up is
/// most of a shorter one.
pub const LONG_S: f64 = 20.0;

/// Everything that shadow mode says of a results folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShadowReport {
    /// One row a run, rule, phase and chosen metric.
    pub rows: Vec<ShadowRow>,
    /// One row a run and rule.
    pub runs: Vec<ShadowRunRow>,
    /// One row a rule.
    pub totals: Vec<ShadowTotal>,
}

impl ShadowReport {
    /// `shadow.csv`.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        data::table(COLUMNS, self.rows.iter().cloned())
    }

    /// The member `shadow` of the document.
    pub(super) fn json(&self) -> Value {
        let run = |run: &ShadowRunRow| {
            json!({
                "run": run.run,
                "rule": run.rule,
                "stop": run.stop,
                "full_s": run.full_s,
                "early_s": run.early_s,
                "used_fraction": Num(run.used()),
                "worst_relative_error": run.worst_error.map(Num),
                "worst_metric": run.worst_metric,
            })
        };
        json!({
            "figures": self.rows.iter().map(|row| data::object(COLUMNS, row)).collect::<Vec<_>>(),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "rules": self.totals,
        })
    }

    /// The summary for people, each line of at most `width` characters: a block a rule.
    pub fn table(&self, width: usize) -> String {
        let blocks = self.totals.iter().map(|total| self.block(total, width));
        let mut out = blocks.collect::<Vec<_>>().join("\n");
        if !out.is_empty() {
            out.push('\n');
            out.push_str(&wrap(LEGEND, width, ""));
        }
        out
    }

    fn block(&self, total: &ShadowTotal, width: usize) -> String {
        let runs: Vec<_> = self.runs.iter().filter(|r| r.rule == total.rule).collect();
        let columns = vec![
            Column::words("run", &runs, |run| run.run.clone()),
            Column::words("stop", &runs, |run| run.stop.to_string()).ranked(1),
            Column::figures("full\ns", &runs, |run| significant(run.full_s)),
            Column::figures("early\ns", &runs, |run| significant(run.early_s)),
            Column::figures("used\n%", &runs, |run| significant(run.used() * 100.0)),
            Column::figures("worst\nerror %", &runs, |run| signed(run.worst_error)),
            Column::words("of", &runs, |run| run.worst_metric.clone()),
        ];
        let head = format!("Shadow of {}: had it stopped the runs early", total.rule);
        let lines = lines(total);
        let summary = vec![
            Column::words("", &lines, |(name, _)| name.clone()),
            Column::words("", &lines, |(_, value)| value.clone()),
        ];
        let table = render(columns, width);
        wrap(&head, width, "") + &table + "\n" + render(summary, width).trim_start_matches('\n')
    }
}

const LEGEND: &str = "full: wall time of the whole run; early: what it would have taken, loading and warm-up \
included; error: estimate at the stop / figure of the whole run - 1; the counts are of chosen metrics, each once a run and \
stage, and a stage that was used to its end agrees with itself; order: pairs of cells that are the other \
way round at the stop, and those of them whose intervals there are disjoint; an interval is one of the regime seen so far";

/// The rules that a `shadow.csv` was written for, as they were written; none where it is no such file.
pub fn rules_in(bytes: &[u8]) -> Vec<String> {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let Ok(header) = reader.headers() else {
        return Vec::new();
    };
    let Some(at) = header.iter().position(|name| name == "rule") else {
        return Vec::new();
    };
    let rows = reader.records().flatten();
    let rules = rows.map(|row| row.get(at).unwrap_or_default().to_owned());
    distinct(rules.filter(|rule| !rule.is_empty()))
}

/// What is said of a rule over all runs: names and values.
fn lines(total: &ShadowTotal) -> Vec<(String, String)> {
    let line = |name: &str, value: String| (name.to_owned(), value);
    let mut lines = vec![
        line("known at the stop", share(total.known, total.figures)),
        line("within the asked precision", share(total.within, total.figures)),
    ];
    lines.push(line("  in stages left early", share(total.early_within, total.early)));
    lines.extend(
        total
            .within_or_spread
            .map(|count| line("  or the spread of repeats", share(count, total.figures))),
    );
    lines.push(line("interval holds the full figure", share(total.covered, total.intervals)));
    if total.missing > 0 {
        lines.push(line("not measured", total.missing.to_string()));
    }
    let long = format!("{LONG_S} s or more");
    lines.push(line(
        "median share used",
        match total.median_used {
            Some(used) => {
                format!("{} ({}, {long})", percent(used), counted(total.long_runs, "run"))
            }
            None => format!("- (no run of {long})"),
        },
    ));
    for ranking in total.rankings.iter().filter(|ranking| ranking.pairs > 0) {
        let value = format!(
            "{} of {} pairs swapped, {} disjoint",
            ranking.swapped, ranking.pairs, ranking.disjoint
        );
        lines.push((format!("order by {}", ranking.metric), value));
    }
    lines.extend(total.feasible.as_ref().map(feasible_line));
    lines
}

fn feasible_line(feasible: &ShadowFeasible) -> (String, String) {
    let value = if feasible.changed.is_empty() {
        format!("the same {}", feasible.full)
    } else {
        format!(
            "{} instead of {}; other: {}",
            feasible.at_stop,
            feasible.full,
            feasible.changed.join(", ")
        )
    };
    ("feasible cells".to_owned(), value)
}

fn share(count: u64, of: u64) -> String {
    if of == 0 {
        return "-".to_owned();
    }
    let share = percent(count as f64 / of as f64);
    format!("{count} of {of} ({share})")
}

fn signed(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:+.1}", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ShadowRow {
        ShadowRow {
            run: "mlp-digits".into(),
            model: "mlp".into(),
            dataset: "digits".into(),
            phase: "train".into(),
            metric: "train.throughput".into(),
            unit: Unit::SamplesPerSecond,
            rule: "fixed:n=2,skip=1".into(),
            known: true,
            stop_t_s: Some(3.5),
            estimate: Some(10.0),
            low: Some(9.0),
            high: None,
            full_estimate: Some(0.0),
            relative_error: Some(f64::INFINITY),
            within_asked: Some(false),
            covered: None,
        }
    }

    fn report() -> ShadowReport {
        let run = |run: &str, rule: &str, full_s: f64, worst: Option<f64>| ShadowRunRow {
            run: run.into(),
            rule: rule.into(),
            stop: StopReason::Known,
            full_s,
            early_s: 8.25,
            worst_error: worst,
            worst_metric: worst.map_or("", |_| "serve.latency_p50 in serve[1]").into(),
        };
        let total = |rule: &str| ShadowTotal {
            rule: rule.into(),
            runs: 2,
            figures: 20,
            missing: 0,
            known: 20,
            within: 19,
            early: 12,
            early_within: 11,
            within_or_spread: None,
            intervals: 18,
            covered: 17,
            median_used: Some(0.0493),
            long_runs: 1,
            rankings: ["train.throughput", "train.step_latency_p95"]
                .map(|metric| ShadowRanking { metric, pairs: 36, swapped: 2, disjoint: 0 })
                .to_vec(),
            feasible: None,
        };
        let other = "naive-t:within=0.5%,n=12";
        ShadowReport {
            rows: vec![row()],
            runs: vec![
                run("mlp-digits", "perftune", 9.03, Some(-0.012)),
                run("resnet-fashion-mnist-r2", "perftune", 313.5, Some(0.172)),
                run("mlp-digits", other, 9.03, None),
            ],
            totals: vec![
                total("perftune"),
                ShadowTotal {
                    missing: 3,
                    within_or_spread: Some(20),
                    median_used: None,
                    long_runs: 0,
                    feasible: Some(ShadowFeasible {
                        full: 4,
                        at_stop: 3,
                        changed: vec!["cnn-digits".into()],
                    }),
                    ..total(other)
                },
            ],
        }
    }

    #[test]
    fn the_summary_fits_each_width() {
        for width in [60, 80, 120] {
            let table = report().table(width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
            insta::assert_snapshot!(format!("shadow_table_{width}"), table);
        }
        assert_eq!(ShadowReport::default().table(80), "");
    }

    #[test]
    fn rows_are_csv_and_the_rules_are_found_in_it_again() {
        let bytes = report().csv().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (header, rest) = text.split_once('\n').unwrap();
        assert_eq!(
            header,
            "run,model,dataset,phase,metric,unit,rule,known,stop_t_s,estimate,low,high,full_estimate,relative_error,\
             within_asked,covered"
        );
        assert_eq!(
            rest,
            "mlp-digits,mlp,digits,train,train.throughput,samples/s,\"fixed:n=2,skip=1\",true,3.5,10,9,,0,inf,false,\n"
        );
        assert_eq!(rules_in(&bytes), ["fixed:n=2,skip=1"]);
        for other in [&b""[..], b"a,b\n1,2\n", b"rule\n\xff\n"] {
            assert!(rules_in(other).is_empty(), "{other:?}");
        }
    }

    #[test]
    fn the_document_keeps_infinity_and_gaps_apart() {
        let value = report().json();
        assert_eq!(value["figures"][0]["relative_error"], "inf");
        assert_eq!(value["figures"][0]["high"], Value::Null);
        assert_eq!(value["runs"][0]["used_fraction"], 8.25 / 9.03);
        assert_eq!(value["rules"][0]["feasible_cells"], Value::Null);
        assert_eq!(value["rules"][1]["feasible_cells"]["changed"][0], "cnn-digits");
    }
}
