//! What became of all runs, in a line.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use super::distinct;
use super::effects::EffectsReport;
use super::ending::{is_ok, verdict_of, with_status};
use super::fastest::Fastest;
use super::found::Found;
use super::front::{FrontReport, Mark};
use super::lanes::most_lanes;
use super::layout::counted;
use crate::event::{Cut, Feasibility, RunRecord, RunStatus, StopReason};
use crate::units;

/// What stands under the table, and what marks its rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Closing<'a> {
    /// Runs that were planned, where more were than have a record.
    pub planned: Option<usize>,
    /// How long the grid took, in seconds; absent when it was not run just now.
    pub elapsed_s: Option<f64>,
    /// How many of the runs had been made before that time.
    pub kept: usize,
    /// Where the reports are.
    pub folder: Option<&'a str>,
    /// Why it ended before all was run: the rest may be run later.
    pub cut: Option<Cut>,
    /// Which of several commands is the fastest.
    pub fastest: &'a [Fastest],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// What each setting buys, where it was asked for.
    pub effects: Option<&'a EffectsReport>,
    /// What a search found, where there was one.
    pub found: Option<&'a Found>,
    /// What tells the machines apart, where the runs are from several.
    pub machines: &'a [String],
}

/// `7 known, 2 completed`: each of `all` that is found, and how often.
pub(super) fn tally<T: PartialEq + Display>(all: &[T], found: &[T]) -> String {
    let counts = all.iter().filter_map(|kind| {
        let count = found.iter().filter(|found| *found == kind).count();
        (count > 0).then(|| format!("{count} {kind}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// `9 ok (7 known, 2 completed)`; nothing where no run came to its end.
fn fine(records: &[RunRecord]) -> Option<String> {
    const REASONS: [StopReason; 10] = [
        StopReason::Known,
        StopReason::Infeasible,
        StopReason::OutOfMemory,
        StopReason::Trained,
        StopReason::OutOfReach,
        StopReason::Completed,
        StopReason::Budget,
        StopReason::Diverged,
        StopReason::NoiseLimited,
        StopReason::Unstable,
    ];
    let ok = records.iter().filter(|record| is_ok(record));
    let ended: Vec<_> = ok.map(|record| record.stop.reason).collect();
    let reasons = tally(&REASONS, &ended);
    let why = if reasons.is_empty() { String::new() } else { format!(" ({reasons})") };
    (!ended.is_empty()).then(|| format!("{} ok{why}", ended.len()))
}

/// `9 runs: 9 ok (7 known, 2 completed) in 1 min 31 s; reports in results/three-by-three`.
pub fn closing_line(records: &[RunRecord], closing: &Closing<'_>) -> String {
    let total = closing.planned.unwrap_or(0).max(records.len());
    let mut parts = Vec::new();
    parts.extend(fine(records).or((total == 0).then(|| "0 ok".to_owned())));
    for (count, what) in [
        (with_status(records, RunStatus::Failed), "failed"),
        (with_status(records, RunStatus::Cancelled), "cancelled"),
        (total - records.len(), "not run"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let mut line = format!("{}: {}", counted(total, "run"), parts.join(", "));
    if let Some(elapsed) = closing.elapsed_s {
        let now = match closing.kept {
            0 => String::new(),
            kept => format!("; {} of them now,", records.len().saturating_sub(kept)),
        };
        let _ = write!(line, "{now} in {}", units::elapsed(elapsed));
    }
    if let Some(lanes) = most_lanes(records) {
        let _ = write!(line, "; on {lanes} lanes at a time");
    }
    let tables = records.iter().filter_map(|record| record.job.work.recorded());
    let tables: Vec<_> = tables.map(|table| &*table.table).collect();
    if !tables.is_empty() {
        let names = distinct(tables.iter().copied()).join(", ");
        let _ = write!(line, "; {} recorded in {names}, not measured here", tables.len());
    }
    let all = [Feasibility::Feasible, Feasibility::Infeasible, Feasibility::Undecided];
    let mut cells: HashMap<&str, Vec<&RunRecord>> = HashMap::new();
    for record in records {
        cells.entry(&record.cell).or_default().push(record);
    }
    let judged = cells.values().filter_map(|runs| verdict_of(runs));
    let judged = tally(&all, &judged.collect::<Vec<_>>());
    if !judged.is_empty() {
        let of = if cells.len() < records.len() { "of the cells " } else { "" };
        let _ = write!(line, "; {of}{judged}");
    }
    if let Some(front) = closing.front {
        let _ = write!(line, "; {} on the front", counted(front.count(Mark::Front), "cell"));
    }
    if let Some(found) = closing.found {
        let _ = write!(line, "; {}", found.extent());
    }
    if let Some(folder) = closing.folder {
        let _ = write!(line, "; reports in {folder}");
    }
    line.push_str(match closing.cut {
        Some(Cut::User) => "; --resume runs the rest",
        Some(Cut::Budget) => "; the budget has run out: --resume runs the rest",
        None => "",
    });
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::all_kinds;

    #[test]
    fn the_closing_line_counts_what_happened() {
        let all = all_kinds();
        let found = Found { visited: 1, cells: 9, ..Found::default() };
        for (records, closing, says) in [
            (
                &all[..1],
                Closing {
                    elapsed_s: Some(91.2),
                    folder: Some("results/three-by-three"),
                    ..Closing::default()
                },
                "1 run: 1 ok (1 completed) in 1 min 31 s; reports in results/three-by-three",
            ),
            (
                &all[..2],
                Closing { elapsed_s: Some(91.2), kept: 1, ..Closing::default() },
                "2 runs: 2 ok (1 known, 1 completed); 1 of them now, in 1 min 31 s",
            ),
            (
                &all[..],
                Closing { planned: Some(9), ..Closing::default() },
                "9 runs: 4 ok (1 known, 1 completed, 1 diverged, 1 unstable), 1 failed, 1 cancelled, 3 not run",
            ),
            (
                &all[5..],
                Closing {
                    planned: Some(2),
                    folder: Some("results/a"),
                    cut: Some(Cut::User),
                    ..Closing::default()
                },
                "2 runs: 1 cancelled, 1 not run; reports in results/a; --resume runs the rest",
            ),
            (&[], Closing::default(), "0 runs: 0 ok"),
            (&all[4..5], Closing::default(), "1 run: 1 failed"),
            (
                &all[..1],
                Closing { found: Some(&found), ..Closing::default() },
                "1 run: 1 ok (1 completed); searched 1 of 9 cells",
            ),
        ] {
            assert_eq!(closing_line(records, &closing), says);
        }
    }

    #[test]
    fn verdicts_are_counted_by_cell() {
        use Feasibility::{Feasible, Infeasible, Undecided};

        use crate::report::fixtures::{completed, judged, of_peak};
        let of = |cell: &str, verdict| RunRecord {
            cell: cell.to_owned(),
            ..judged(completed(), verdict, vec![of_peak(1.0)])
        };
        let runs = [of("a", Feasible), of("b", Infeasible), of("a", Undecided), of("b", Feasible)];
        let line = closing_line(&runs, &Closing::default());
        assert!(line.ends_with("; of the cells 1 infeasible, 1 undecided"), "{line}");
        let line = closing_line(&runs[..2], &Closing::default());
        assert!(line.ends_with("; 1 feasible, 1 infeasible"), "{line}");
    }
}
