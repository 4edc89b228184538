//! The figures of a command, for people: one row a figure; with several runs their median and range.

use super::ending::is_ok;
use super::interference::interference;
use super::layout::{Caveat, Column, counted, render, wrap};
use super::lower_end::is_lower_end;
use super::summary::SummaryRow;
use super::uneven::uneven;
use super::unread::unread;
use super::{distinct, interval, words};
use crate::event::record::{EXIT_CODE, SIGNAL};
use crate::event::{MetricRow, Note, RunRecord, RunStatus, StopReason};
use crate::metric::{DeviceKind, MetricDef, MetricKind};
use crate::stats::Basis;
use crate::units;

/// The runs of one command in lines of at most `width` characters; with why each figure is missing, or only those that the
/// machine could have had.
pub fn summary(
    records: &[RunRecord],
    rounds: &[SummaryRow],
    folder: &str,
    width: usize,
    all: bool,
) -> String {
    let mut out = String::new();
    for record in records {
        out += &wrap(&head(record), width, "  ");
        // One that ended it is said there; not of a command that was over before it could be ended.
        let is_said =
            record.status == RunStatus::Stopped && record.stop.reason == StopReason::Infeasible;
        if let Some(verdict) = &record.verdict
            && !is_said
        {
            let line = format!("  {}: {}", verdict.verdict, words::verdict(record));
            out += &wrap(&line, width, "  ");
        }
    }
    for remedy in words::remedies(records) {
        out += &wrap(&format!("  what would decide it: {remedy}"), width, "  ");
    }
    let kept = kept(records);
    let rows = rows(&kept);
    if !rows.is_empty() {
        out.push('\n');
        out += &table(&kept, &rows, width);
        let marks = |record: &RunRecord| {
            let mut figures = record.metrics.iter().filter(|row| row.estimate.is_some());
            figures.any(|row| is_marked(record, row))
        };
        if kept.iter().copied().any(marks) {
            out += &wrap(Caveat::Open.meaning(), width, "");
        }
        if kept.len() < records.len() {
            let lost = records.len() - kept.len();
            let line = format!(
                "{lost} of {} runs failed or were cancelled: their figures are left out",
                records.len()
            );
            out += &wrap(&line, width, "  ");
        }
        out.push('\n');
    }
    let rounds = rounds.iter().filter_map(between);
    let more = bounds(&kept).into_iter().chain(uneven(records)).chain(interference(records));
    for line in rounds.chain(more) {
        out += &wrap(&line, width, "  ");
    }
    for line in unread(records).into_iter().chain(missing(records, all)) {
        out += &wrap(&line, width, "  ");
    }
    out + &wrap(&format!("all figures in {folder}"), width, "")
}

/// The runs whose figures are shown together: those that came to their end, as in `summary.csv`; all of them where none did.
fn kept(records: &[RunRecord]) -> Vec<&RunRecord> {
    let kept: Vec<&RunRecord> = records.iter().filter(|run| is_ok(run)).collect();
    if kept.is_empty() { records.iter().collect() } else { kept }
}

/// What the runs say together of what was asked: `command.time: mean 1.02 s ±3% at 95% between 4 runs`.
fn between(row: &SummaryRow) -> Option<String> {
    let (low, high, mean) = (row.low?, row.high?, row.mean?);
    row.known.filter(|_| row.interval == Some(Basis::Between))?;
    let name = format!("{}: mean {}", row.metric, row.unit.show(mean));
    if row.known == Some(false) {
        // Its note begins with how far it came.
        return Some(format!("{name}, {}", row.note));
    }
    let half = units::rough_percent((high - low) / 2.0 / mean.abs());
    let at = units::rough_percent(row.confidence);
    let note = if row.note.is_empty() { String::new() } else { format!("; {}", row.note) };
    Some(format!("{name} ±{half} at {at} between {} runs{note}", row.runs))
}

/// How a run ended: `sleep: completed after 1.00 s, exit code 0`.
fn head(record: &RunRecord) -> String {
    let after = units::elapsed(record.wall_s);
    let name = &record.run;
    let exit = exit(record).map_or_else(String::new, |exit| format!(", {exit}"));
    match record.status {
        RunStatus::Failed => {
            let why = record.failure.as_ref().map(|failure| failure.message.clone());
            let why = why.unwrap_or_else(|| words::ended(record));
            format!("{name}: failed after {after}: {}", super::one_line(&why))
        }
        RunStatus::Completed => format!("{name}: completed after {after}{exit}"),
        RunStatus::Cancelled => format!("{name}: cancelled after {after}{exit}"),
        RunStatus::Stopped => {
            let how = match record.stop.reason {
                StopReason::Budget => "out of time".to_owned(),
                reason => reason.to_string(),
            };
            let detail = super::one_line(&words::ended(record));
            format!("{name}: ended after {after} as {how}: {detail}{exit}")
        }
    }
}

/// `exit code 3`, or `ended by signal 9`.
fn exit(record: &RunRecord) -> Option<String> {
    let facts = &record.facts;
    let code = facts.get(EXIT_CODE).map(|code| format!("exit code {code}"));
    code.or_else(|| {
        let signal = facts.get(SIGNAL)?;
        Some(format!("ended by signal {signal}"))
    })
}

/// Phase and metric of each figure that some run has, in the order of the catalogue.
fn rows<'a>(records: &[&'a RunRecord]) -> Vec<(&'a str, &'a str)> {
    let rows = records.iter().flat_map(|record| &record.metrics);
    let known = rows.filter(|row| row.estimate.is_some());
    distinct(known.map(|row| (&*row.phase, &*row.metric)))
}

fn table(records: &[&RunRecord], rows: &[(&str, &str)], width: usize) -> String {
    let shown: Vec<[String; 3]> = rows.iter().map(|row| shown(records, *row)).collect();
    let median = format!("median of {}", records.len());
    let (value, range) =
        if records.len() > 1 { (&*median, "lowest to highest") } else { ("", "interval") };
    let mut columns = vec![
        Column::words("", &shown, |[name, ..]| name.clone()),
        Column::figures(value, &shown, |[_, value, _]| value.clone()),
        Column::words(range, &shown, |[.., range]| range.clone()),
    ];
    if columns[2].is_empty() {
        columns.pop();
    }
    render(columns, width)
}

/// The name of a figure, the figure with its unit, and what it ranges over.
fn shown(records: &[&RunRecord], (phase, metric): (&str, &str)) -> [String; 3] {
    let found = records.iter().filter_map(|record| Some((*record, record.metric(phase, metric)?)));
    let found: Vec<_> = found.filter(|(_, row)| row.estimate.is_some()).collect();
    let place = if phase == "run" { String::new() } else { format!(" in {phase}") };
    let name = format!("  {metric}{place}");
    let Some((_, first)) = found.first() else {
        return [name, String::new(), String::new()];
    };
    // Elsewhere it is of the whole command: one that was waited for is not.
    let waited = phase == "run" && first.known == Some(true) && first.low.is_some();
    let name = if waited { name + " in steady state" } else { name };
    let mut values: Vec<f64> = found.iter().filter_map(|(_, row)| row.estimate).collect();
    values.sort_by(f64::total_cmp);
    let middle = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
    let (low, high) = match values[..] {
        [_] => (first.low, first.high),
        _ => (values.first().copied(), values.last().copied()),
    };
    let both = low.is_some() && high.is_some();
    let range = interval(low, high, |value| first.unit.show(value)).filter(|_| both);
    let why_none = || without_interval(first).filter(|_| values.len() == 1);
    let readings = readings(found.iter().map(|(_, row)| *row)).filter(|_| values.len() > 1);
    let of_some =
        (found.len() < records.len()).then(|| format!("of {}", counted(found.len(), "run")));
    let range =
        [range.or_else(why_none), readings, of_some].into_iter().flatten().collect::<Vec<_>>();
    let range = (!range.is_empty()).then(|| range.join("; "));
    // What was left out may have been no warm-up: whoever reads the figure has to know.
    let cut = first.notes.iter().find(|note| matches!(note, Note::WarmUp { .. }));
    let cut = cut.filter(|_| values.len() == 1).map(|cut| words::note(cut, first.unit));
    let range = [range, cut].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let open = if found.iter().any(|(record, row)| is_marked(record, row)) { "~" } else { "" };
    [name, format!("{open}{}", first.unit.show(middle)), range]
}

/// On how many readings each of several means rests; nothing of what is exact, or has an interval of its own.
fn readings<'a>(rows: impl Iterator<Item = &'a MetricRow>) -> Option<String> {
    let counts: Option<Vec<u64>> = rows
        .map(|row| {
            let mean = row.metric.def()?.kind == MetricKind::Gauge;
            let exact = row.notes.contains(&Note::CpuOfCommand);
            (mean && !exact && row.low.is_none()).then_some(row.samples)
        })
        .collect();
    let counts = counts?;
    let (least, most) = (*counts.iter().min()?, *counts.iter().max()?);
    let least = if least == most { String::new() } else { format!("{least} to ") };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Some(format!("means of {least}{}", counted(most, "reading")))
}

/// Whether its figure is marked as not yet known: only what was asked for is, and the same in another unit.
fn is_marked(record: &RunRecord, row: &MetricRow) -> bool {
    let is_open = |row: &MetricRow| row.known == Some(false);
    let Some(def) = row.metric.def().filter(|_| row.known.is_none() && row.low.is_none()) else {
        return is_open(row);
    };
    let same = |other: &&MetricRow| {
        let it = other.metric.def();
        it.is_some_and(|it| (it.source, it.kind) == (def.source, def.kind))
            && (&other.phase, other.low) == (&row.phase, None)
    };
    record.metrics.iter().filter(same).any(is_open)
}

/// Why a figure that varies within a run has no interval; nothing of one that is exact.
fn without_interval(row: &MetricRow) -> Option<String> {
    let exact = row.notes.contains(&Note::CpuOfCommand);
    match row.metric.def()?.kind {
        MetricKind::Windows(_) => Some("none within one run".to_owned()),
        MetricKind::Quantile(_) => Some("too few independent steps".to_owned()),
        // A command that ends between two readings has hardly been seen.
        MetricKind::Gauge if !exact => {
            let readings = usize::try_from(row.samples).unwrap_or(usize::MAX);
            Some(format!("mean of {}", counted(readings, "reading")))
        }
        _ => None,
    }
}

/// Figures that are no more than a bound, each once: of what differs between the runs the most.
fn bounds(records: &[&RunRecord]) -> Vec<String> {
    let mut found: Vec<(&MetricRow, &Note)> = Vec::new();
    let rows = records.iter().flat_map(|record| &record.metrics);
    for row in rows.filter(|row| row.estimate.is_some()) {
        // A command that was ended may have gone on to have more.
        let grew = |note: &&Note| matches!(note, Note::PeakOver { .. }) && is_lower_end(row);
        let bound = row.notes.iter().find(|note| note.is_bound());
        let Some(bound) = bound.or_else(|| row.notes.iter().find(grew)) else {
            continue;
        };
        let most = |note: &Note| match note {
            Note::AtLeast { bytes } => bytes.0,
            _ => 0.0,
        };
        match found.iter_mut().find(|(other, _)| other.metric == row.metric) {
            Some((_, told)) if most(told) < most(bound) => *told = bound,
            Some(_) => {}
            None => found.push((row, bound)),
        }
    }
    let said = |(row, bound): (&MetricRow, &Note)| {
        format!("{}: {}", row.metric, words::note(bound, row.unit))
    };
    found.into_iter().map(said).collect()
}

/// What no run has though any command could, by its reason; what the machine lacks on one line, unless `all` is asked for.
fn missing(records: &[RunRecord], all: bool) -> Vec<String> {
    let mut reasons: Vec<(&MetricRow, Vec<&str>)> = Vec::new();
    let mut lacking = Vec::new();
    for row in records.iter().flat_map(|record| &record.metrics) {
        let known = records.iter().any(|record| {
            let found = record.metric(&row.phase, &row.metric);
            found.is_some_and(|row| row.estimate.is_some())
        });
        // What only a command that reports its steps has is not worth a word where it does not.
        let measured = |def: &MetricDef| def.source.is_sampled() || def.is_energy();
        if known || !row.metric.def().is_none_or(measured) {
            continue;
        }
        if let Some(def) = row.metric.def().filter(|_| !all) {
            let lasting = row.notes.iter().any(|note| note.lasting().is_some());
            lacking.extend(kind(def).filter(|_| lasting));
            if lasting || !def.in_report {
                continue;
            }
        }
        match reasons.iter_mut().find(|(same, _)| same.notes == row.notes) {
            Some((_, names)) if names.contains(&&*row.metric) => {}
            Some((_, names)) => names.push(&row.metric),
            None => reasons.push((row, vec![&row.metric])),
        }
    }
    let line = |(row, names): (&MetricRow, Vec<&str>)| {
        let why = super::one_line(&words::notes_of(row));
        format!("not measured: {}: {why}", names.join(", "))
    };
    let lacking = distinct(lacking).join(", ");
    let lacking = (!lacking.is_empty())
        .then(|| format!("not measured here: {lacking} (perftune doctor says why; -v for all)"));
    reasons.into_iter().map(line).chain(lacking).collect()
}

/// What a machine must have for a figure that is shown by default.
fn kind(metric: &MetricDef) -> Option<&'static str> {
    match metric.device() {
        Some(DeviceKind::Gpu) => Some("GPU"),
        Some(DeviceKind::Tpu) => Some("TPU"),
        None if metric.is_energy() => Some("energy"),
        None => metric.in_report.then_some(metric.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Feasibility, Interference, Num, PeakGrowth, Reason};
    use crate::report::fixtures::{completed, judged, of_peak};

    /// It may be over before the end that a broken limit asks for reaches it.
    #[test]
    fn a_broken_limit_is_said_once_whoever_ended_the_command() {
        for status in [RunStatus::Completed, RunStatus::Stopped] {
            let mut record = judged(completed(), Feasibility::Infeasible, vec![of_peak(1.0)]);
            (record.status, record.stop.reason) = (status, StopReason::Infeasible);
            let shown = summary(&[record], &[], "results/a", 80, false);
            assert_eq!(shown.matches("infeasible").count(), 1, "{status}: {shown}");
        }
    }

    /// A run that failed had no time to hold what the others did.
    #[test]
    fn runs_that_failed_lend_the_table_no_figure() {
        let whole = completed();
        let mut crashed = completed();
        crashed.status = RunStatus::Failed;
        for row in &mut crashed.metrics {
            row.estimate = row.estimate.map(|value| value / 10.0);
        }
        let mut quiet = whole.clone();
        quiet.metrics.retain(|row| row.metric != "memory.peak");
        let alone = summary(&[whole.clone(), quiet.clone()], &[], "results/a", 80, false);
        let of_all = |runs: &[RunRecord]| summary(runs, &[], "results/a", 80, false);
        let shown = of_all(&[crashed.clone(), whole, crashed.clone(), quiet]);
        assert!(shown.contains("2 of 4 runs failed or were cancelled: their figures"), "{shown}");
        let figures = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect()
        };
        let both = (figures(&alone), figures(&shown));
        assert!(both.0.iter().all(|line| both.1.contains(line)), "{alone}\n{shown}");
        let peak = both.1.iter().find(|line| line.contains("memory.peak"));
        assert!(peak.is_some_and(|line| line.contains("of 1 run")), "{shown}");
        // Where none came to its end there is nothing else to show.
        let shown = of_all(&[crashed.clone(), crashed]);
        assert!(shown.contains("median of 2") && !shown.contains("left out"), "{shown}");
    }

    #[test]
    fn a_bound_is_called_one_and_interference_is_told() {
        let mut record = completed();
        record.interference = None;
        let plain = summary(&[record.clone()], &[], "results/a", 80, false);
        assert!(!plain.contains("at least") && !plain.contains("interference:"));
        let peak = record.metrics.iter_mut().find(|row| row.metric == "memory.peak");
        let (over_s, growth) = (Num(1.0), PeakGrowth::Unknown { watched_s: None });
        peak.unwrap().notes =
            vec![Note::PeakOver { over_s, growth }, Note::AtLeast { bytes: Num(2e9) }];
        record.interference = Some(Interference {
            known_s: 10.0,
            marked_s: 0.8,
            by_cause_s: [0.8, 0.0, 0.0, 0.0, 0.0],
        });
        let mut less = record.clone();
        for row in less.metrics.iter_mut().filter(|row| row.metric == "memory.peak") {
            row.notes = vec![Note::AtLeast { bytes: Num(1e9) }];
        }
        let records = [less, record];
        let shown = summary(&records, &[], "results/a", 80, false);
        assert_eq!(shown.matches("\nmemory.peak: at least: after").count(), 1, "{shown}");
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("1.86 GiB"), "the most of both: {shown}");
        assert!(shown.contains("interference in 2 of 2 runs"), "{shown}");
        let mut cut = records[1].clone();
        for row in cut.metrics.iter_mut().filter(|row| row.metric == "memory.peak") {
            row.notes.pop();
            row.known = None;
        }
        let shown = summary(&[cut], &[], "results/a", 80, false);
        let says = "\nmemory.peak: peak over 1.00 s; too short to bound its growth";
        assert_eq!(shown.matches(says).count(), 1, "{shown}");
    }

    #[test]
    fn a_figure_of_the_steady_state_is_called_one() {
        let mut record = completed();
        for row in record.metrics.iter_mut().filter(|row| row.metric == "cpu.utilisation") {
            "run".clone_into(&mut row.phase);
        }
        let shown =
            |record: &RunRecord| summary(std::slice::from_ref(record), &[], "results/a", 80, false);
        assert!(
            shown(&record).contains("  cpu.utilisation in steady state "),
            "{}",
            shown(&record)
        );
        for row in record.metrics.iter_mut().filter(|row| row.metric == "cpu.utilisation") {
            (row.known, row.low, row.high) = (None, None, None);
        }
        assert!(!shown(&record).contains("steady"), "{}", shown(&record));
    }

    #[test]
    fn a_figure_that_is_not_known_is_marked_as_in_the_table_of_runs() {
        let mut record = completed();
        let shown =
            |record: &RunRecord| summary(std::slice::from_ref(record), &[], "results/a", 80, false);
        record.metrics.retain(|row| row.known != Some(false));
        assert!(!shown(&record).contains('~'), "{}", shown(&record));
        let rate = record.metrics.iter_mut().find(|row| row.metric == "train.throughput");
        rate.unwrap().known = Some(false);
        let marked = shown(&record);
        assert!(marked.contains("~98.1 k/s"), "{marked}");
        assert!(marked.contains("~ not yet known as precisely as asked"), "{marked}");
    }

    #[test]
    fn what_nobody_asked_for_is_not_called_less_precise_than_asked() {
        let mut record = completed();
        record.metrics.iter_mut().for_each(|row| row.known = None);
        let rate = record.metrics.iter_mut().find(|row| row.metric == "train.throughput");
        let rate = rate.unwrap();
        (rate.low, rate.high) = (Some(1e3), Some(1e6));
        let mut windowed = rate.clone();
        windowed.metric = "train.throughput_p75".into();
        (windowed.low, windowed.high) = (None, None);
        record.metrics.push(windowed);
        let shown = summary(std::slice::from_ref(&record), &[], "results/a", 80, false);
        assert!(!shown.contains('~'), "{shown}");
        assert!(shown.contains("none within one run\n"), "{shown}");
    }

    #[test]
    fn what_rounds_say_of_what_was_asked_is_told() {
        let record = completed();
        let row = |known, interval, note: &str| SummaryRow {
            cell: record.cell.clone(),
            metric: "command.time".into(),
            phase: "run".to_owned(),
            unit: units::Unit::Seconds,
            runs: 5,
            mean: Some(2.0),
            low: Some(1.82),
            high: Some(2.18),
            confidence: 0.95,
            known,
            interval: Some(interval),
            note: note.to_owned(),
        };
        let told = |row: SummaryRow| {
            let shown = summary(std::slice::from_ref(&record), &[row], "results/a", 200, false);
            shown.lines().find(|line| line.starts_with("command.time: ")).map(str::to_owned)
        };
        let note = "±9% after 5 runs, ±5% would take about 14 more";
        assert_eq!(
            told(row(Some(false), Basis::Between, note)).unwrap(),
            format!("command.time: mean 2.00 s, {note}")
        );
        let known = told(row(Some(true), Basis::Between, "")).unwrap();
        assert_eq!(known, "command.time: mean 2.00 s ±9% at 95% between 5 runs");
        assert_eq!(told(row(None, Basis::Between, "")), None);
        assert_eq!(told(row(Some(true), Basis::Within, "")), None);
    }

    #[test]
    fn what_is_as_little_known_as_its_neighbour_is_marked_like_it() {
        let mut record = completed();
        let mut put = |metric: &str, phase: &str, known, ends: Option<(f64, f64)>| {
            let mut row = record.metrics[0].clone();
            (row.metric, row.phase) = (metric.into(), phase.to_owned());
            (row.estimate, row.known) = (Some(0.01), known);
            (row.low, row.high) = (ends.map(|ends| ends.0), ends.map(|ends| ends.1));
            record.metrics.retain(|row| row.metric != metric);
            record.metrics.push(row);
        };
        put("train.step_latency_p95", "train", Some(false), Some((0.005, 0.02)));
        put("train.step_latency_p99", "train", None, None);
        put("cpu.utilisation", "run", Some(false), None);
        put("cpu.utilisation_of_limit", "run", None, None);
        put("interference.steal", "run", None, None);
        let shown = summary(std::slice::from_ref(&record), &[], "results/a", 80, false);
        let line = |metric: &str| {
            let name = format!("  {metric} ");
            shown.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{shown}"))
        };
        for metric in ["train.step_latency_p95", "cpu.utilisation"] {
            assert!(line(metric).contains('~'), "{shown}");
        }
        // Nobody asked for it: that it has no interval is said where the interval would be.
        let far = line("train.step_latency_p99");
        assert!(!far.contains('~') && far.ends_with("too few independent steps"), "{shown}");
        assert!(line("cpu.utilisation_of_limit").contains('~'), "{shown}");
        assert!(!line("interference.steal").contains('~'), "{shown}");
    }

    #[test]
    fn what_the_machine_lacks_is_one_line_unless_all_is_asked_for() {
        let mut record = completed();
        let mut lost = |metric: &str, note: Note| {
            let mut row = record.metrics[0].clone();
            (row.metric, row.phase, row.estimate) = (metric.into(), "run".to_owned(), None);
            row.notes = vec![note];
            record.metrics.retain(|row| row.metric != metric);
            record.metrics.push(row);
        };
        let driver = || Note::from(Reason::unsupported("no NVIDIA driver"));
        let lacks = |detail| Note::from(Reason::unsupported(detail));
        lost("gpu.utilisation", driver());
        lost("gpu.power", driver());
        lost("energy.total", lacks("no RAPL counters"));
        lost("interference.thermal", lacks("no thermal_throttle"));
        lost("interference.run_delay", Note::NoRunDelay);
        lost("memory.peak", Note::EndedUnseen);
        let said = |all| {
            let shown = summary(std::slice::from_ref(&record), &[], "results/a", 200, all);
            let lines = shown.lines().filter(|line| line.starts_with("not measured"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let [seen, lacking] = &said(false)[..] else {
            panic!("{:?}", said(false));
        };
        assert!(seen.starts_with("not measured: memory.peak: "), "{seen}");
        assert_eq!(
            lacking,
            "not measured here: GPU, energy (perftune doctor says why; -v for all)"
        );
        let all = said(true).join("\n");
        for line in [
            "gpu.utilisation, gpu.power: unsupported: no NVIDIA driver",
            "energy.total: unsupported: no RAPL counters",
            "interference.thermal: ",
            "interference.run_delay: ",
            "memory.peak: ",
        ] {
            assert!(all.contains(&format!("not measured: {line}")), "{all}");
        }
    }
}
