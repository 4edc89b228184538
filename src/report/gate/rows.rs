//! A row of a judgement in words that all forms share.

use super::super::one_line;
use super::super::words::row_reasons;
use crate::gate::{Design, Judgement, Outcome, Row, RowVerdict, WHOLE_CELL};
use crate::units;

/// Verdicts, worst first, in the order of every form.
pub(super) const ORDER: [RowVerdict; 11] = [
    RowVerdict::Incomparable,
    RowVerdict::Failed,
    RowVerdict::Missing,
    RowVerdict::Regressed,
    RowVerdict::Suspect,
    RowVerdict::Unreachable,
    RowVerdict::Inconclusive,
    RowVerdict::New,
    RowVerdict::Improved,
    RowVerdict::Pass,
    RowVerdict::Info,
];

/// Whether a row fails whatever is made of doubt: such a row is never left out.
pub(super) fn fails(verdict: RowVerdict) -> bool {
    verdict.outcome() > Outcome::Doubtful
}

/// Whether a row is what `--on-inconclusive` speaks of.
pub(super) fn doubtful(verdict: RowVerdict) -> bool {
    verdict.outcome() == Outcome::Doubtful
}

/// The rows of a verdict, in their order.
pub(super) fn of(judgement: &Judgement, verdict: RowVerdict) -> Vec<&Row> {
    let rows = judgement.rows.iter();
    rows.filter(|row| row.verdict == verdict).collect()
}

/// How many rows are not compared, where none is: the environment is the reason then, and says it once.
pub(super) fn all_incomparable(judgement: &Judgement) -> Option<usize> {
    let judged = judgement.rows.iter().filter(|row| row.verdict != RowVerdict::Info);
    let found = of(judgement, RowVerdict::Incomparable).len();
    (found > 0 && found == judged.count()).then_some(found)
}

/// Each verdict that occurs, worst first, and how often: `2 regressed, 1 missing, 93 pass`.
pub(super) fn counts(judgement: &Judgement) -> String {
    let counts = ORDER.into_iter().filter_map(|verdict| {
        let count = of(judgement, verdict).len();
        (count > 0).then(|| format!("{count} {verdict}"))
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        return "no rows".to_owned();
    }
    counts.join(", ")
}

/// The figure of a row in one name: `train.step_latency_p25`, `serve[1].latency_p25`, `memory.peak`. Another phase than the
/// metric's own stands before it.
pub(super) fn figure(row: &Row) -> String {
    if row.metric == WHOLE_CELL {
        return "(whole cell)".to_owned();
    }
    let (scope, rest) = row.metric.split_once('.').unwrap_or(("", &row.metric));
    let stage = row.phase.split('[').next().unwrap_or_default();
    if row.phase.is_empty() || row.phase == "run" || row.phase == scope {
        row.metric.to_string()
    } else if stage == scope {
        format!("{}.{rest}", row.phase)
    } else {
        format!("{} {}", row.phase, row.metric)
    }
}

/// A value with its unit, for readers; none where there is none.
pub(super) fn quantity(unit: &str, value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| units::show_in(unit, value))
}

/// `+12.1%`; none where there is none.
pub(super) fn change(share: Option<f64>) -> String {
    share.map_or_else(String::new, units::change)
}

/// The simultaneous interval of the change: `+8.9% to +15.2%`.
pub(super) fn interval(row: &Row) -> String {
    match (row.low, row.high) {
        (None, None) => String::new(),
        (low, high) => {
            let end = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), units::change);
            format!("{} to {}", end(low), end(high))
        }
    }
}

/// `0.0004`, `< 0.0001`; never 0.
pub(super) fn probability(p: Option<f64>) -> String {
    p.map_or_else(
        String::new,
        |p| {
            if p < 0.000_1 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
        },
    )
}

/// One line without characters that could move a cursor or change colours: names come from files that anybody may have written.
pub(super) fn plain(text: &str) -> String {
    let line = one_line(text);
    let shown = line.chars().map(|c| if c.is_control() { '?' } else { c });
    shown.collect()
}

/// Heading of the changes of these rows: those that were not tested are of medians, and nothing was paired.
pub(super) fn change_head(design: &Design, rows: &[&Row]) -> &'static str {
    let tested = |row: &&&Row| row.change.is_some() && row.p.is_some();
    let all = rows.iter().filter(|row| row.change.is_some()).count();
    match design {
        Design::Paired { .. } if all == rows.iter().filter(tested).count() => "paired change",
        _ => "change",
    }
}

/// Of what a tested change is the middle: it need not be that of the medians beside it.
const fn middle_of(design: &Design) -> &'static str {
    match design {
        Design::Paired { .. } => "paired",
        Design::Stored { baseline_sessions: 1 } => "over all pairs of runs",
        Design::Stored { .. } => "over all sessions, each counted once",
    }
}

/// What the verdict of a row rests on: figures, interval, floor, level, and what the row itself says.
pub(super) fn evidence(row: &Row, design: &Design) -> String {
    let mut said = Vec::new();
    if row.baseline.is_some() || row.candidate.is_some() {
        let side = |value| {
            let text = quantity(&row.unit, value);
            if text.is_empty() { "none".to_owned() } else { text }
        };
        let change = change(row.change);
        let change = match row.p {
            _ if change.is_empty() => change,
            Some(_) => format!(", {change} {}", middle_of(design)),
            None => format!(", {change} between the medians, not tested"),
        };
        said.push(format!("{} -> {}{change}", side(row.baseline), side(row.candidate)));
    }
    let interval = interval(row);
    if !interval.is_empty() {
        said.push(format!("interval {interval}, floor {}", units::percent(row.floor)));
    }
    if row.p.is_some() {
        said.push(format!("p {}", probability(row.p)));
    }
    said.extend(Some(reasons(row)).filter(|reasons| !reasons.is_empty()));
    said.join("; ")
}

/// What its figures do not say of a row.
pub(super) fn reasons(row: &Row) -> String {
    if row.why.is_empty() && row.verdict == RowVerdict::New {
        return "not in the baseline, so not judged".to_owned();
    }
    plain(&row_reasons(&row.why))
}
