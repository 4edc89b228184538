//! The figures of each cell over its visits.
//!
//! What the visits say together is decided by `schedule`, how the rows are written by `report`. Invariant: runs that lend no
//! figure to a mean are counted.

use crate::control::policy::StopPolicy;
use crate::event::{Note, RunRecord, RunStatus};
use crate::metric::MetricDef;
use crate::report::layout::counted;
use crate::report::summary::SummaryRow;
use crate::report::words;
use crate::schedule::{CONFIDENCE, CellFigure, figures};
use crate::stats::{Basis, REPEATS};
use crate::store::{ManifestHead, Recorded};
use crate::units::rough_percent;
use std::collections::{BTreeMap, HashMap};

/// Half of the interval that counts as known, as a share, of each run: what its manifest says, or the default.
#[derive(Debug, Default)]
pub struct Asked(pub(super) BTreeMap<String, f64>);

impl Asked {
    /// By a manifest.
    pub fn of(head: Option<&ManifestHead>) -> Self {
        let of_run = |(run, spec): (&String, &Recorded)| {
            let within = spec.tree()["stop"]["within"].as_f64()?;
            Some((run.clone(), within))
        };
        Self(head.map(|head| head.specs.iter().filter_map(of_run).collect()).unwrap_or_default())
    }

    /// Of this run.
    pub fn within(&self, run: &RunRecord) -> f64 {
        self.0.get(&run.run).copied().unwrap_or_else(|| StopPolicy::default().within)
    }
}

/// One row a cell, stage and metric. Failed and cancelled runs are left out and counted in the note.
pub fn summaries(records: &[RunRecord], asked: &Asked) -> Vec<SummaryRow> {
    let mut runs: HashMap<&str, usize> = HashMap::new();
    for record in records {
        *runs.entry(&record.cell).or_default() += 1;
    }
    let found = figures(records, |run| asked.within(run));
    let row = |figure: &CellFigure<'_>| {
        let all = runs.get(figure.cell).copied().unwrap_or_default();
        let within = figure.visits.first().map_or(0.0, |run| asked.within(run));
        summary(figure, within, all - figure.visits.len())
    };
    found.iter().map(row).collect()
}

fn summary(figure: &CellFigure<'_>, within: f64, lost: usize) -> SummaryRow {
    let row = figure.row;
    let one = figure.basis == Some(Basis::Within);
    SummaryRow {
        cell: figure.cell.to_owned(),
        metric: row.metric.clone(),
        phase: row.phase.clone(),
        unit: row.unit,
        runs: figure.values.len() as u64,
        mean: figure.mean,
        low: figure.interval.map(|interval| interval.low),
        high: figure.interval.map(|interval| interval.high),
        confidence: row.confidence.filter(|_| one).unwrap_or(CONFIDENCE),
        known: figure.known,
        interval: figure.basis,
        note: [open(figure, within), note(figure, lost)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
    }
}

/// What is said of accuracies that are all the same.
const AGREE: &str = "all runs agree, which is no evidence of precision: no interval";

/// What is said of figures of a program that are all the same.
pub(super) const TOLD_AGAIN: &str = "the program said the same in all runs: another seed or other data may change it by more than the interval";

/// Visits whose figure of the model is that of one not trained to the end.
fn untrained(figure: &CellFigure<'_>) -> u64 {
    let row = figure.row;
    if !row.metric.def().is_some_and(MetricDef::is_of_model) {
        return 0;
    }
    let has = |record: &&&RunRecord| {
        let row = record.metric(&row.phase, &row.metric);
        row.is_some_and(|row| row.estimate.is_some())
    };
    let with = figure.visits.iter().filter(has);
    with.filter(|record| !record.trained_to_the_end()).count() as u64
}

/// Of a figure that is not known between visits: how precise it is, and what the precision that was asked would take.
fn open(figure: &CellFigure<'_>, within: f64) -> Option<String> {
    const MOST: u32 = 100;
    let between = figure.between.filter(|_| figure.known == Some(false))?;
    let half = figure.reached()?;
    if half <= within {
        return Some(lower_end(figure).to_owned());
    }
    let visits = figure.values.len();
    // What the runs themselves leave open shrinks with their number, too; too many of them are better made longer.
    let by_runs = visits as f64 * (between.within / within).powi(2);
    let takes = match between.needed(within, CONFIDENCE, 1.0, MOST) {
        _ if by_runs > f64::from(MOST) => "would take longer ones".to_owned(),
        None => "is out of reach with the noise of these runs".to_owned(),
        Some(needed) => match f64::from(needed).max(by_runs.ceil()) - visits as f64 {
            more if more >= 2.0 => format!("would take about {more} more"),
            more if more >= 1.0 => "would take one more".to_owned(),
            _ => "would take longer ones".to_owned(),
        },
    };
    let asked = rough_percent(within);
    // Beyond its tenfold nothing is known of it.
    let reached =
        if half < 10.0 { rough_percent(half) } else { format!("{} or more", rough_percent(10.0)) };
    Some(format!("±{reached} after {visits} runs, ±{asked} {takes}"))
}

/// Why runs that agree on a figure leave it open.
fn lower_end(figure: &CellFigure<'_>) -> &'static str {
    let summed = |record: &&RunRecord| {
        let row = record.metric(&figure.row.phase, &figure.row.metric);
        row.filter(|row| row.known == Some(false)).is_some_and(|row| {
            let sum = |note| matches!(note, &Note::SampledSum | &Note::SharedPages);
            record.status == RunStatus::Completed && row.notes.iter().any(sum)
        })
    };
    if figure.visits.iter().any(summed) {
        "a lower end: the sum of several processes is sampled"
    } else {
        "a lower end: the runs ended before its growth was bounded"
    }
}

/// Of a figure that was measured on several machines: how far they are apart, and what its interval speaks of.
fn machines(figure: &CellFigure<'_>) -> Option<String> {
    let count = figure.machines().len();
    figure.is_blocked().then(|| match figure.between.and_then(|between| between.apart) {
        Some(apart) => format!(
            "the mean of {count} machines, which are {} apart: the interval is of the spread within each",
            rough_percent(apart)
        ),
        None => format!("runs on {count} machines, none of which says how much it varies: no interval"),
    })
}

/// Of a rate: in how many runs slow steps, or requests, took most of the time.
fn slow(figure: &CellFigure<'_>) -> Option<String> {
    let row = figure.row;
    let rows = figure.visits.iter().filter_map(|run| run.metric(&row.phase, &row.metric));
    let far: Vec<bool> = rows.flat_map(|row| &row.notes).filter_map(far_from_median).collect();
    let step = words::step(*far.first()?);
    let (uneven, values) = (far.len(), figure.values.len());
    Some(format!(
        "in {uneven} of {values} runs most of the time went into slow {step}s: the median {step} is at least twice as fast"
    ))
}

/// Of a peak: in how many runs a process may have had more.
fn hidden(figure: &CellFigure<'_>) -> Option<String> {
    let row = figure.row;
    let rows = figure.visits.iter().filter_map(|run| run.metric(&row.phase, &row.metric));
    let is_least = |note: &Note| matches!(note, Note::AtLeast { .. });
    let count = rows.filter(|row| row.notes.iter().any(is_least)).count();
    let values = figure.values.len();
    (count > 0).then(|| {
        format!("in {count} of {values} runs a lower end: a process ended before its last memory could be read")
    })
}

/// Whether the steps are requests, where a note says that slow ones took most of the time.
const fn far_from_median(note: &Note) -> Option<bool> {
    match note {
        Note::FarFromMedian { requests, .. } => Some(*requests),
        _ => None,
    }
}

fn note(figure: &CellFigure<'_>, lost: usize) -> Option<String> {
    let row = figure.row;
    let (values, good) = (figure.values.len() as u64, figure.visits.len() as u64);
    let untrained = untrained(figure);
    let left_out = if figure.is_of_test() { untrained } else { 0 };
    let mut parts = Vec::new();
    if values + left_out == 0 {
        parts.push(words::notes_of(figure.row));
    } else {
        if figure.interval.is_none() && !figure.is_exact() && (1..REPEATS).contains(&values) {
            let is_of_model = row.metric.def().is_some_and(MetricDef::is_of_model);
            parts.push(match values {
                _ if is_of_model => {
                    format!("an interval for a property of the model needs {REPEATS} runs")
                }
                1 => "an interval needs 2 runs".to_owned(),
                _ => format!("an interval needs {REPEATS} runs"),
            });
        }
        if values + left_out < good {
            let lacking = good - values - left_out;
            let lack = if lacking == 1 { "lacks" } else { "lack" };
            parts.push(format!("{} {lack} the figure", counted(lacking, "run")));
        }
        if left_out > 0 {
            let runs = counted(left_out, "run");
            parts.push(format!("{runs} not trained to the end left out"));
        } else if untrained > 0 {
            parts.push(format!("{untrained} of {values} runs not trained to the end"));
        }
    }
    parts.extend(slow(figure));
    parts.extend(hidden(figure));
    if lost > 0 {
        parts.push(format!("{} left out", counted(lost, "failed or cancelled run")));
    }
    parts.extend(machines(figure));
    if figure.agrees_by_chance() {
        parts.push(AGREE.to_owned());
    } else if figure.is_told_again() {
        parts.push(TOLD_AGAIN.to_owned());
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{completed, failed};

    /// Two runs, each of which leaves the figure open by many times itself: what their agreement contradicts does not count, and
    /// where they do not agree, one run more settles nothing.
    #[test]
    fn what_the_runs_themselves_do_not_know_is_not_asked_of_more_of_them() {
        for (factors, half, says) in [
            ([0.5, 1.5], 300.0, "±1000% or more after 2 runs, ±5% would take longer ones"),
            ([0.999, 1.001], 300.0, "±6.3% after 2 runs, ±5% would take about 2 more"),
            ([0.999, 1.001], 0.08, "±5.7% after 2 runs, ±5% would take one more"),
        ] {
            let mut records = vec![completed(), completed()];
            for (record, factor) in records.iter_mut().zip(factors) {
                record.cell = "one".to_owned();
                for row in &mut record.metrics {
                    row.estimate = row.estimate.map(|estimate| estimate * factor);
                    row.known = row.known.map(|_| false);
                    row.low = row.estimate.map(|estimate| estimate * (1.0 - half));
                    row.high = row.estimate.map(|estimate| estimate * (1.0 + half));
                }
            }
            let rows = summaries(&records, &Asked::default());
            let row = rows.iter().find(|row| row.metric == "train.throughput").unwrap();
            assert_eq!(row.note, says, "{row:?}");
        }
    }

    #[test]
    fn accuracies_of_runs_cut_short_are_counted() {
        let mut records = vec![completed(), completed(), completed()];
        for (record, epochs) in records.iter_mut().zip([0, 1, u32::MAX]) {
            record.cell = "one".to_owned();
            record.job.train.epochs = 5;
            record.epochs = epochs;
        }
        let rows = summaries(&records, &Asked::default());
        let note = |metric: &str| {
            let row = rows.iter().find(|row| row.metric == metric);
            row.unwrap().note.clone()
        };
        let says = "2 of 3 runs not trained to the end; all runs agree, which is no evidence";
        assert!(note("validation_accuracy").starts_with(says), "{}", note("validation_accuracy"));
        // What is measured and not counted may well be the same each time.
        let [equal, peak] = ["validation_accuracy", "memory.peak"]
            .map(|metric| rows.iter().find(|row| row.metric == metric).and_then(|row| row.low));
        assert!(equal.is_none() && peak.is_some());
        assert!(!note("train.throughput").contains("trained"));
    }

    #[test]
    fn a_test_accuracy_of_a_model_half_trained_lends_nothing_to_a_mean() {
        for (epochs, mean, runs, says) in [
            ([5, 5, 5], Some(0.95), 3, ""),
            (
                [5, 1, 5],
                Some(0.9),
                2,
                "an interval for a property of the model needs 3 runs; 1 run not trained to the end left out",
            ),
            ([1, 1, 0], None, 0, "3 runs not trained to the end left out"),
        ] {
            let mut records = vec![completed(), completed(), completed()];
            for (place, record) in records.iter_mut().enumerate() {
                record.cell = "one".to_owned();
                (record.job.train.epochs, record.epochs) = (5, epochs[place]);
                let rows = record.metrics.iter_mut();
                for row in rows.filter(|row| row.metric == "test_accuracy") {
                    row.estimate = Some([0.88, 1.05, 0.92][place]);
                }
            }
            let rows = summaries(&records, &Asked::default());
            let row = rows.iter().find(|row| row.metric == "test_accuracy").unwrap();
            let near = |(found, wanted): (f64, f64)| (found - wanted).abs() < 1e-9;
            assert!(row.mean.is_some() == mean.is_some(), "{row:?}");
            assert!(row.mean.zip(mean).is_none_or(near), "{row:?}");
            assert_eq!((row.runs, row.note.as_str()), (runs, says));
        }
    }

    #[test]
    fn what_a_program_says_again_is_called_that() {
        let mut records = vec![completed(), completed(), completed()];
        for record in &mut records {
            record.cell = "one".to_owned();
            let mut own = record.metrics[0].clone();
            (own.metric, own.phase, own.estimate) = ("acc".into(), "run".to_owned(), Some(0.802));
            record.metrics.push(own);
        }
        let note = |records: &[RunRecord]| {
            let rows = summaries(records, &Asked::default());
            rows.into_iter().find(|row| row.metric == "acc").unwrap().note
        };
        assert!(note(&records).contains(TOLD_AGAIN), "{}", note(&records));
        records[0].metrics.last_mut().unwrap().estimate = Some(0.803);
        assert!(!note(&records).contains(TOLD_AGAIN));
    }

    #[test]
    fn an_interval_of_what_cannot_be_negative_ends_at_nothing() {
        let mut records = vec![completed(), completed(), completed()];
        for (record, factor) in records.iter_mut().zip([0.1, 1.0, 3.0]) {
            record.cell = "one".to_owned();
            for row in &mut record.metrics {
                row.estimate = row.estimate.map(|estimate| estimate * factor);
            }
        }
        let rows = summaries(&records, &Asked::default());
        let row = rows.iter().find(|row| row.metric == "train.throughput");
        assert_eq!(row.unwrap().low, Some(0.0));
    }

    #[test]
    fn repeats_become_an_interval_and_failures_are_counted() {
        let mut records = vec![completed(), completed(), completed(), failed()];
        for (record, factor) in records.iter_mut().zip([0.9, 1.0, 1.1, 1.0]) {
            record.cell = "one".to_owned();
            for row in &mut record.metrics {
                row.estimate = row.estimate.map(|estimate| estimate * factor);
            }
        }
        let base = completed();
        let row = base.metrics.iter().find(|row| row.estimate.is_some()).unwrap();
        let rows = summaries(&records, &Asked::default());
        let found = rows.iter().find(|r| r.metric == row.metric && r.phase == row.phase).unwrap();
        let (mean, value) = (found.mean.unwrap(), row.estimate.unwrap());
        assert!((mean - value).abs() < 1e-9 * value.abs());
        assert_eq!(found.runs, 3);
        assert_eq!((found.interval, found.known), (Some(Basis::Between), row.known.map(|_| false)));
        // s = 0.1 x, of figures that all move together: Student's interval of one alone would have half of 0.2484 x, and the
        // visits share some of their noise.
        let half = (found.high.unwrap() - found.low.unwrap()) / 2.0 / value.abs();
        assert!((0.2484..0.4).contains(&half), "{half}");
        assert!(found.note.contains("1 failed or cancelled"), "{}", found.note);
    }
}
