//! The table of the runs, one row a run: which columns it has and what each cell shows, in every format; and what stands under it
//! on a terminal.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::closing::{Closing, closing_line};
use super::ending::{self, verdicts};
use super::front::{FrontReport, Mark};
use super::headline::{Place, accuracy_is_final, scale_of};
use super::interference::{interference, spinning};
use super::lanes::lanes;
use super::layout::{Caveat, Cell, Column, fitting, render, some_of, wrap};
use super::lower_end::is_lower_end;
use super::settings::{identity, lane, machine, settings};
use super::spared::spared;
use super::uneven::uneven;
use super::unread::unread;
use super::untested::{is_untested, untested};
use super::{distinct, fastest, interval, number, words};
use crate::event::{Feasibility, MetricRow, RunRecord, RunStatus};
use crate::metric::{Heading, MetricDef, MetricId, all};
use crate::units::{Scale, Unit};

impl Caveat {
    /// The sign with its meaning.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Open => "~ not yet known as precisely as asked",
            Self::Unasked => "~ no precision was waited for: not known to within 5%",
            Self::Unfinished => "() training was stopped before it was done",
            Self::Missing => "- not measured (metrics.csv says why)",
            Self::Failed => "! failed",
        }
    }
}

/// The table, its legend, what failed and the closing line, each line of at most `width` characters.
pub fn summary(records: &[RunRecord], closing: &Closing<'_>, width: usize) -> String {
    let mut out = String::new();
    if !records.is_empty() {
        let fitted = fitting(columns(records, closing.front), width);
        let said = legend(&fitted.columns).into_iter().chain(fitted.lacks());
        let said: String = said.map(|said| wrap(&said, width, "")).collect();
        out = render(fitted.columns, width) + "\n" + &said;
    }
    out + &under(records, closing, "", width)
}

/// What stands under a table: what failed, the verdicts, the front, what interfered, and the closing line behind `counts`.
pub(super) fn under(
    records: &[RunRecord],
    closing: &Closing<'_>,
    counts: &str,
    width: usize,
) -> String {
    let mut out = failures(records, width);
    for verdict in [Feasibility::Infeasible, Feasibility::Undecided] {
        out.push_str(&reasons(records, verdict, width));
    }
    for remedy in words::remedies(records) {
        out += &wrap(&format!("what would decide it: {remedy}"), width, "  ");
    }
    out += &fastest::text(closing.fastest, width);
    if let Some(front) = closing.front {
        out.push_str(&front.text(records, width));
    }
    if let Some(found) = closing.found {
        out.push_str(&found.text(closing.front, records, width));
    }
    out.extend(closing.machines.iter().map(|said| wrap(said, width, "  ")));
    out.extend(unread(records).iter().map(|said| wrap(said, width, "  ")));
    let busy = [lanes(records), interference(records), spinning(records)];
    let rest = [untested(records), spared(records), uneven(records)].into_iter().chain(busy);
    let rest = rest.chain([Some(counts.to_owned() + &closing_line(records, closing))]);
    out.extend(rest.flatten().map(|line| wrap(&line, width, "")));
    out
}

/// The columns of the table; those that may be left out have a rank.
pub(super) fn columns(records: &[RunRecord], front: Option<&FrontReport>) -> Vec<Column> {
    let all: Vec<&RunRecord> = records.iter().collect();
    let mut columns = identity(&all);
    columns.extend(settings(&all));
    columns.extend(machine(records, |record| record.machine.into_iter().collect()));
    columns.extend(lane(records));
    let aims = aims(front);
    columns.extend(figures(records, &aims));
    columns.extend(accuracy(records).map(|column| column.ranked(rank_of_accuracy(records, &aims))));
    let is_asked = is_asked(&columns);
    columns.push(Column::words("stop", records, stop).ranked(rank_of_stop(is_asked)));
    columns.extend(standing(records, front));
    columns.extend(epochs(records).map(|column| column.ranked(9)));
    columns.push(time(records).ranked(8));
    columns
}

/// What `~` means where some figures were asked for and others were not.
const NOT_KNOWN: &str =
    "~ not known as precisely as asked, or to within 5% where none was waited for";

/// What the signs in these columns mean, if there are any.
pub(super) fn legend(columns: &[Column]) -> Option<String> {
    let cells = columns.iter().flat_map(|column| &column.cells);
    let found: BTreeSet<_> = cells.filter_map(|cell| cell.caveat).collect();
    let both = [Caveat::Open, Caveat::Unasked];
    let said: Vec<_> = if both.iter().all(|caveat| found.contains(caveat)) {
        // The one sign has one meaning.
        let rest = found.into_iter().filter(|caveat| !both.contains(caveat));
        std::iter::once(NOT_KNOWN).chain(rest.map(Caveat::meaning)).collect()
    } else {
        found.into_iter().map(Caveat::meaning).collect()
    };
    (!said.is_empty()).then(|| said.join("; "))
}

/// A metric with a column that some run has a figure for, and the unit of all its cells.
pub(super) struct Headline {
    pub(super) metric: &'static MetricDef,
    pub(super) scale: Scale,
    head: String,
    place: u8,
    rank: u8,
}

/// Metrics that are in a table because they are limited, at most.
const LIMITED: usize = 3;

/// Where those stand that have no place of their own.
const LAST: u8 = 4;

/// The catalogue, and the metrics of the user's own that these runs declare.
pub(super) fn metrics_of(records: &[RunRecord]) -> impl Iterator<Item = &'static MetricDef> {
    let own = distinct(records.iter().flat_map(|record| record.job.own_metrics()));
    all(&own).collect::<Vec<_>>().into_iter()
}

/// The metrics that are limited; the test accuracy has a column of its own.
pub(super) fn limited(records: &[RunRecord]) -> Vec<MetricId> {
    let metrics = all_limited(records).filter(|id| *id != MetricId::TestAccuracy);
    distinct(metrics).into_iter().take(LIMITED).collect()
}

/// The metric of each limit of each run.
fn all_limited(records: &[RunRecord]) -> impl Iterator<Item = MetricId> {
    let verdicts = records.iter().filter_map(|record| record.verdict.as_ref());
    let findings = verdicts.flat_map(|verdict| &verdict.findings);
    let limits = findings.filter_map(|finding| finding.constraint.as_ref()?.metric.def());
    limits.map(|metric| metric.id)
}

/// The name on two lines, for a metric that is in a table only where it is limited.
fn head_of(metric: &MetricDef, scale: &Scale) -> String {
    let at = metric.name.find(['.', '_']).unwrap_or_default();
    let (first, rest) = metric.name.split_at(at);
    let gap = if scale.name.is_empty() { "" } else { " " };
    format!("{first}\n{}{gap}", rest.trim_start_matches(['.', '_']))
}

/// The metrics that cells were compared by.
pub(super) fn aims(front: Option<&FrontReport>) -> Vec<MetricId> {
    let objectives = front.into_iter().flat_map(|front| &front.objectives);
    objectives.filter_map(|objective| Some(objective.metric.def()?.id)).collect()
}

/// Those of a table, from the left. What cells are compared by (`aims`) stays longest, then what a verdict rests on.
pub(super) fn headlines(records: &[RunRecord], aims: &[MetricId]) -> Vec<Headline> {
    let limited = limited(records);
    let headline = |metric: &'static MetricDef| {
        let is_limited = limited.contains(&metric.id);
        let is_aim = aims.contains(&metric.id) && metric.id != MetricId::TestAccuracy;
        let estimate = |record| Place::of(metric).estimate(record, metric.id);
        let estimates: Vec<f64> = records.iter().filter_map(estimate).collect();
        let scale = scale_of(metric, records);
        let (head, place, rank) = match metric.heading {
            Some(Heading { text, place, rank }) => (text.to_owned(), place, rank),
            None if is_limited || is_aim => (head_of(metric, &scale), LAST, 1),
            None => return None,
        };
        let rank = match (is_aim, is_limited) {
            (true, _) => AIM,
            (false, true) => LIMIT,
            (false, false) => rank + STOP,
        };
        (!estimates.is_empty()).then_some(Headline { metric, scale, head, place, rank })
    };
    let mut all: Vec<_> = metrics_of(records).filter_map(headline).collect();
    all.sort_by_key(|headline| headline.place);
    all
}

impl Headline {
    /// Its column of any table: a cell of each row.
    pub(super) fn column<T>(
        &self,
        rows: impl IntoIterator<Item = T>,
        cell: impl FnMut(T) -> Cell,
    ) -> Column {
        Column {
            unit: Some(self.scale.name),
            about: format!("{}: {}", self.metric.name, self.metric.about),
            ..Column::figures(&self.head, rows, cell).ranked(self.rank)
        }
    }

    fn cell(&self, record: &RunRecord) -> Cell {
        let row = Place::of(self.metric).row(record, self.metric.id);
        measured(row, "the run ended before it was measured", |row, estimate| {
            let show = |value| self.scale.show(value);
            let caveat = caveat(row);
            Cell {
                text: format!("{}{}", if caveat.is_some() { "~" } else { "" }, show(estimate)),
                caveat,
                small: interval(row.low, row.high, show).unwrap_or_default(),
                ..Cell::default()
            }
        })
    }
}

/// The figures of the runs.
pub(super) fn figures(records: &[RunRecord], aims: &[MetricId]) -> Vec<Column> {
    let all = headlines(records, aims);
    let column = |headline: &Headline| headline.column(records, |record| headline.cell(record));
    all.iter().map(column).collect()
}

/// The cell of a figure with all that is known of it; without one, why there is none.
fn measured(
    row: Option<&MetricRow>,
    unmeasured: &str,
    shown: impl FnOnce(&MetricRow, f64) -> Cell,
) -> Cell {
    match row.and_then(|row| Some((row, row.estimate?))) {
        Some((row, estimate)) => Cell { title: details(row, estimate), ..shown(row, estimate) },
        None => Cell::missing(&row.map_or_else(|| unmeasured.to_owned(), words::notes_of)),
    }
}

/// The figure with all that is known of it.
fn details(row: &MetricRow, estimate: f64) -> String {
    let show = |value| row.unit.show(value);
    let mut said = format!("{} of {}: {}", row.metric, row.phase, show(estimate));
    if let Some(ends) = interval(row.low, row.high, show) {
        let percent = |share: f64| number((share * 1e4).round() / 1e2) + "% ";
        let confidence = row.confidence.map_or_else(String::new, percent);
        let _ = write!(said, ", {confidence}interval {ends} within this run");
    }
    if row.samples > 1 {
        let _ = write!(said, ", {} observations", row.samples);
    }
    if !row.notes.is_empty() {
        let _ = write!(said, "; {}", words::notes_of(row));
    }
    said
}

/// Half of the interval, as a share, beyond which a figure is marked of which nothing was asked.
pub(super) const UNASKED: f64 = 0.05;

/// What its sign warns of, where a figure has one.
pub(super) fn caveat(row: &MetricRow) -> Option<Caveat> {
    let warns = if row.known.is_some() { Caveat::Open } else { Caveat::Unasked };
    is_open(row).then_some(warns)
}

/// Whether a figure is not known as precisely as was asked; where nothing was asked of it, to less than 5%.
fn is_open(row: &MetricRow) -> bool {
    let bounded = row.metric.def().is_some_and(MetricDef::has_interval);
    let half = row.low.zip(row.high).map(|(low, high)| (high - low) / 2.0);
    let wide = || {
        let within = half.zip(row.estimate);
        within.is_none_or(|(half, estimate)| half > UNASKED * estimate.abs())
    };
    match row.known {
        Some(known) => !known,
        None => is_lower_end(row) || bounded && wide(),
    }
}

/// Test accuracy to three digits; in parentheses where training was stopped early. None where no run has it or could have had it.
pub(super) fn accuracy(records: &[RunRecord]) -> Option<Column> {
    let row = |record| Place::Run.row(record, MetricId::TestAccuracy);
    let shown =
        |record| is_untested(record) || row(record).is_some_and(|row| row.estimate.is_some());
    records.iter().find(|record| shown(record))?;
    let cell = |record| {
        measured(row(record), "the run ended before its test", |_, value| {
            if accuracy_is_final(record) == Some(true) {
                return format!("{value:.3}").into();
            }
            let caveat = Some(Caveat::Unfinished);
            Cell { text: format!("({value:.3})"), caveat, ..Cell::default() }
        })
    };
    Some(Column::figures("test\nacc.", records, cell))
}

/// Ranks: what cells are compared by is left out last, ...
const AIM: u8 = 1;
/// ... before that what a verdict rests on, ...
const LIMIT: u8 = 2;
/// ... and before that how a run ended, which is told under the table where it failed.
const STOP: u8 = 3;

/// How soon the column of the test accuracy is left out.
pub(super) fn rank_of_accuracy(records: &[RunRecord], aims: &[MetricId]) -> u8 {
    match MetricId::TestAccuracy {
        accuracy if aims.contains(&accuracy) => AIM,
        accuracy if all_limited(records).any(|limited| limited == accuracy) => LIMIT,
        _ => 6,
    }
}

/// Whether some of these columns are what the user asked the runs for: an objective, or a limit.
pub(super) fn is_asked(columns: &[Column]) -> bool {
    columns.iter().any(|column| (AIM..=LIMIT).contains(&column.rank))
}

/// How soon the column of how runs ended is left out: never, but for what was asked.
pub(super) const fn rank_of_stop(is_asked: bool) -> u8 {
    if is_asked { STOP } else { 0 }
}

/// How a run ended, with the sign of one that failed.
pub(super) fn stop(record: &RunRecord) -> Cell {
    let text = ending::word(record);
    if record.status == RunStatus::Failed {
        Cell { text: format!("! {text}"), caveat: Some(Caveat::Failed), ..Cell::default() }
    } else {
        text.into()
    }
}

/// Whether each run keeps its constraints and is on the front; none where neither is asked.
fn standing(records: &[RunRecord], front: Option<&FrontReport>) -> Option<Column> {
    let judged = verdicts(records).next().is_some();
    if !judged && front.is_none() {
        return None;
    }
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let cell = |record: &RunRecord| {
        let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict.to_string());
        let mark = (marks.of(record) == Some(Mark::Front)).then(|| "front".to_owned());
        verdict.into_iter().chain(mark).collect::<Vec<_>>().join(", ")
    };
    Some(Column::words(if judged { "verdict" } else { "mark" }, records, cell))
}

/// Epochs that were trained; none where commands tell of none.
pub(super) fn epochs(records: &[RunRecord]) -> Option<Column> {
    let told = |record: &RunRecord| record.epochs > 0 || !record.job.work.is_command();
    records
        .iter()
        .any(told)
        .then(|| Column::figures("epochs", records, |record| record.epochs.to_string()))
}

/// How long each run took.
pub(super) fn time(records: &[RunRecord]) -> Column {
    let scale = Scale::of(Unit::Seconds, [1.0]);
    Column::figures("time\ns", records, |record| scale.show(record.wall_s))
}

/// Runs that are told of under the table before the rest is only counted: all are in `report.csv`.
const SHOWN: usize = 6;

/// Why each failed run failed.
fn failures(records: &[RunRecord], width: usize) -> String {
    let failed = records.iter().filter(|record| record.status == RunStatus::Failed);
    let says = failed.map(|record| format!("! {}: {}", record.run, ending::why(record)));
    some_of(says, SHOWN, width, |more| format!("! {more} more failed: see `failure` in report.csv"))
}

/// Why each run has this verdict.
fn reasons(records: &[RunRecord], of: Feasibility, width: usize) -> String {
    let found = records.iter().filter(|record| verdicts([*record]).next() == Some(of));
    let says = found.map(|record| {
        // The first run of a cell has its name.
        let again = records.iter().any(|it| it.cell == record.cell && it.run != record.run);
        let whose = if again {
            format!("run {} of {}", record.repeat, record.cell)
        } else {
            record.run.clone()
        };
        format!("{whose} {of}: {}", words::verdict(record))
    });
    some_of(says, SHOWN, width, |more| {
        format!("{more} more {of}: see `verdict_reason` in report.csv")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Age, Evidence, Note, Num, Ruling, Stage, StopReason};
    use crate::report::fixtures::{
        all_kinds, compared, completed, failed, front, judged, limited, of_peak, open, record,
        undecided,
    };

    fn closing() -> Closing<'static> {
        Closing {
            elapsed_s: Some(91.2),
            folder: Some("results/three-by-three"),
            ..Closing::default()
        }
    }

    #[test]
    fn the_table_fits_each_width() {
        for width in [40, 60, 80, 100, 140] {
            let table = summary(&all_kinds(), &closing(), width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
            insta::assert_snapshot!(format!("table_{width}"), table);
        }
    }

    #[test]
    fn a_verdict_of_one_of_several_runs_says_of_which() {
        let of = |run: &str, repeat| {
            let run =
                RunRecord { run: run.to_owned(), repeat, cell: "one".to_owned(), ..completed() };
            judged(run, Feasibility::Undecided, vec![of_peak(1.0)])
        };
        let both = [of("one", 1), of("one-r2", 2)];
        let said = reasons(&both, Feasibility::Undecided, 200);
        assert!(said.starts_with("run 1 of one undecided: "), "{said}");
        assert!(said.contains("\nrun 2 of one undecided: "), "{said}");
        let said = reasons(&both[..1], Feasibility::Undecided, 200);
        assert!(said.starts_with("one undecided: "), "{said}");
    }

    #[test]
    fn what_is_limited_has_a_column_however_narrow() {
        let mut record = completed();
        for (phase, metric) in [("serve[1]", "serve.latency_p90"), ("run", "cpu.time")] {
            let mut row = record.metrics[0].clone();
            (row.phase, row.metric) = (phase.to_owned(), metric.into());
            (row.unit, row.estimate) = (crate::units::Unit::Seconds, Some(0.0123));
            record.metrics.push(row);
        }
        let heads = |record: &RunRecord| {
            let columns = fitting(columns(std::slice::from_ref(record), None), 80).columns;
            columns.iter().map(Column::heading).collect::<Vec<_>>()
        };
        let has = |heads: &[String], head: &str| heads.iter().any(|found| found == head);
        let plain = heads(&record);
        let evidence = || Evidence::Figure { value: Num(0.0123), peak: false };
        let limits =
            ["serve.latency_p90", "serve.latency_p99", "cpu.time", "train.step_latency_p95"];
        let findings = limits.map(|metric| limited(metric, 1.0, Ruling::Met, evidence()));
        let judged = judged(record, Feasibility::Feasible, findings.to_vec());
        let shown = heads(&judged);
        for head in ["serve\nlatency_p90 ms", "serve\np99 us", "cpu\ntime s"] {
            assert!(has(&shown, head) && !has(&plain, head), "{head}: {shown:?}");
        }
        assert!(!has(&shown, "step\np95 us"), "at most three: {shown:?}");
    }

    #[test]
    fn axes_that_vary_are_shown_and_the_legend_only_explains_what_occurs() {
        let mut small = record("mlp", "digits");
        small.job.train.batch_size = 32;
        small.job.model.depth = Some(3);
        small.repeat = 2;
        insta::assert_snapshot!("table_axes", summary(&[completed(), small], &closing(), 80));
    }

    #[test]
    fn what_is_not_known_as_precisely_as_asked_is_open() {
        let row = |metric: &str, [low, high]: [Option<f64>; 2], known| {
            let mut row = completed().metrics[0].clone();
            (row.metric, row.known) = (metric.into(), known);
            (row.estimate, row.low, row.high) = (Some(100.0), low, high);
            row
        };
        let (narrow, wide) = ([Some(97.0), Some(103.0)], [Some(90.0), Some(110.0)]);
        for (metric, ends, known, says) in [
            ("serve.latency_p99", narrow, None, false),
            ("serve.latency_p99", wide, None, true),
            ("serve.latency_p99", wide, Some(true), false),
            ("serve.latency_p99", [None; 2], None, true),
            ("memory.peak", [None; 2], None, false),
            ("memory.peak", [None; 2], Some(false), true),
            ("cpu.time", [None; 2], None, false),
            // Said once, and yet found with an interval.
            ("serve.max_rate", narrow, None, false),
            ("serve.max_rate", wide, None, true),
            ("serve.max_rate", [Some(100.0), None], None, true),
            ("serve.max_rate", narrow, Some(false), true),
        ] {
            let found = caveat(&row(metric, ends, known));
            let sign = if known.is_some() { Caveat::Open } else { Caveat::Unasked };
            assert_eq!(found, says.then_some(sign), "{metric} {ends:?} {known:?}");
        }
        let mut lower = row("memory.peak", [None; 2], None);
        lower.notes = vec![Note::AtLeast { bytes: Num(200.0) }];
        assert_eq!(caveat(&lower), Some(Caveat::Unasked));
    }

    #[test]
    fn one_sign_has_one_meaning() {
        let column = |caveats: &[Caveat]| {
            let cell = |caveat: &Caveat| Cell { caveat: Some(*caveat), ..Cell::default() };
            Column::figures("x", caveats, cell)
        };
        let says = |caveats: &[Caveat]| legend(&[column(caveats)]).unwrap();
        assert_eq!(says(&[Caveat::Open]), Caveat::Open.meaning());
        let both = says(&[Caveat::Missing, Caveat::Unasked, Caveat::Open]);
        assert_eq!(both, format!("{NOT_KNOWN}; {}", Caveat::Missing.meaning()));
    }

    #[test]
    fn a_machine_with_an_accelerator_has_columns_for_it() {
        let mut with = completed();
        for row in &mut with.metrics {
            if row.metric == "gpu.utilisation" {
                (row.estimate, row.known) = (Some(97.0), Some(false));
            }
        }
        let table = summary(&[with], &Closing::default(), 100);
        assert!(table.contains("GPU") && table.contains("~97.0"), "{table}");
        assert!(!summary(&[completed()], &Closing::default(), 100).contains("GPU"));
    }

    #[test]
    fn verdicts_have_a_column_and_their_reasons() {
        let bounds = Evidence::Bounds {
            low: Some(Num(0.0121)),
            high: None,
            confidence: Num(0.995),
            load: None,
            age: Age { seconds: Num(1.21), stage: Stage::Serve(1), queues: false },
        };
        let slow = limited("serve.latency_p99", 0.01, Ruling::Broken, bounds);
        let slow = vec![slow.within(Stage::Serve(1))];
        let mut slow = judged(record("resnet", "digits"), Feasibility::Infeasible, slow);
        (slow.status, slow.stop.reason) = (RunStatus::Stopped, StopReason::Infeasible);
        let records = [
            judged(completed(), Feasibility::Feasible, vec![of_peak(5e8)]),
            slow,
            judged(failed(), Feasibility::Undecided, vec![open()]),
        ];
        for width in [60, 80] {
            let table = summary(&records, &closing(), width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
            insta::assert_snapshot!(format!("table_verdicts_{width}"), table);
        }
        let many = vec![records[1].clone(); 9];
        assert!(summary(&many, &closing(), 80).contains("3 more infeasible: see"));
    }

    #[test]
    fn what_would_decide_a_limit_is_said_once_for_all_runs() {
        let table = summary(&[undecided(), completed(), undecided()], &closing(), 400);
        let says = "what would decide it: longer stages narrow its bounds";
        assert_eq!(table.matches(says).count(), 1, "{table}");
        assert!(!summary(&[completed()], &closing(), 400).contains("what would decide"));
    }

    #[test]
    fn the_front_is_marked_and_said_under_the_table() {
        let front = front();
        let closing = Closing { front: Some(&front), ..closing() };
        let judged: Vec<_> = compared()
            .into_iter()
            .map(|record| {
                let verdict = match record.cell.as_str() {
                    "cnn-fashion-mnist" => Feasibility::Infeasible,
                    _ => Feasibility::Feasible,
                };
                judged(record, verdict, vec![of_peak(5e8)])
            })
            .collect();
        for width in [60, 80] {
            for (name, records) in [("front", compared()), ("front_verdicts", judged.clone())] {
                let table = summary(&records, &closing, width);
                assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
                insta::assert_snapshot!(format!("table_{name}_{width}"), table);
            }
        }
    }

    #[test]
    fn a_long_list_of_failures_is_cut() {
        let table = summary(&vec![failed(); 20], &Closing::default(), 80);
        assert_eq!(table.matches("! cnn-fashion-mnist: killed").count(), 6);
        assert!(table.contains("14 more failed"), "{table}");
    }
}
