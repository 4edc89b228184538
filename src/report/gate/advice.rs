//! What can be done about what a judgement could not say.
//!
//! Invariant: it is the typed reasons of the rows that say what would help, so that no advice contradicts its row.

use super::super::layout::counted;
use super::super::words::{is_told, more_runs_a_side, more_sessions, rounded_runs, row_reasons};
use super::rows::{of, plain, probability};
use crate::gate::unlike::MachineDoubt;
use crate::gate::{
    Design, GateNote, Judgement, Remedy, Row, RowReason, RowVerdict, blocks, runs_each,
};

/// A line for each thing that can be done.
pub(super) fn advice(judgement: &Judgement) -> Vec<String> {
    let mut lines = inconclusive(judgement);
    lines.extend(suspect(judgement));
    lines.extend(unreachable(judgement));
    lines.extend(uncovered(judgement));
    lines
}

/// What would settle the rows that are in doubt; those of one remedy together.
fn inconclusive(judgement: &Judgement) -> Vec<String> {
    let rows = of(judgement, RowVerdict::Inconclusive);
    let with = |wanted: &dyn Fn(Option<Remedy>) -> bool| {
        let rows = rows.iter().copied().filter(|row| wanted(row.remedy()));
        rows.collect::<Vec<&Row>>()
    };
    let mut lines = Vec::new();
    lines
        .extend(more_runs(&with(&|remedy| matches!(remedy, Some(Remedy::Runs { .. }))), judgement));
    for other_days in [false, true] {
        let rows = with(&|remedy| remedy == Some(Remedy::Sessions { other_days }));
        if let Some(head) = head(&rows) {
            let more = more_sessions(other_days);
            lines.push(format!(
                "{head}: {more} (`perftune baseline add`) may settle {}; more runs do not. Or use `perftune run GRID --against \
                 BASELINE`, or a higher floor in the gate file",
                them(&rows)
            ));
        }
    }
    lines.extend(head(&with(&|remedy| remedy == Some(Remedy::Floor))).map(|head| {
        format!("{head}: too close to the floor for the noise of these runs, so more runs may not settle it; longer runs, a quieter machine or a floor outside of the interval may")
    }));
    let lacking = with(&|remedy| remedy == Some(Remedy::LongerRuns));
    // Of a comparison that is not over nobody knows why a block is not whole.
    let is_over = !judgement.notes.iter().any(|note| matches!(note, GateNote::Unfinished { .. }));
    if is_over && !lacking.is_empty() {
        let rows = counted(lacking.len(), "row");
        lines.push(format!(
            "to do: some runs have no figure in {rows}; more runs do not help. Where runs are too short for it, longer ones do \
             (of a model: epochs of [train], max_requests and max_time of [serve], and min_time of [stop] where runs are stopped \
             early; of a command: more work in it), and so may a shorter interval of [sampler]"
        ));
    }
    lines
}

/// `to do: 2 rows inconclusive`; nothing of no rows.
fn head(rows: &[&Row]) -> Option<String> {
    let some = !rows.is_empty();
    some.then(|| format!("to do: {} inconclusive", counted(rows.len(), "row")))
}

fn them(rows: &[&Row]) -> &'static str {
    if rows.len() == 1 { "it" } else { "them" }
}

/// How many runs would settle these rows.
fn more_runs(rows: &[&Row], judgement: &Judgement) -> Option<String> {
    let needs = |row: &&Row| match row.remedy() {
        Some(Remedy::Runs { least, most }) => Some((least, most)),
        _ => None,
    };
    let known: Vec<_> = rows.iter().filter_map(needs).collect();
    // What settles all of them settles the one that needs most.
    let least = known.iter().map(|(least, _)| *least).max()?;
    let most: Option<Vec<u32>> = known.iter().map(|(_, most)| *most).collect();
    let most = most.and_then(|all| all.into_iter().max());
    let how = match judgement.design {
        Design::Paired { sessions: 1, blocks: made } => {
            // A comparison is made anew: its blocks are drawn together. As many as the sentence says.
            let more = rounded_runs(least, most).0.div_ceil(blocks::RUNS / 2) as usize;
            format!("`perftune run --against` with --fresh and `--blocks {}` or more", made + more)
        }
        Design::Paired { .. } => {
            "--blocks of `perftune run --against`, 2 runs of each side a block".to_owned()
        }
        Design::Stored { .. } => {
            "--repeat of `perftune run`, or `perftune run GRID --against BASELINE`, which needs fewest".to_owned()
        }
    };
    let unsure = if is_told(least, most) {
        ""
    } else {
        "; how many is not known yet. Longer runs, a quieter machine or a higher floor in the gate file need fewer"
    };
    let fewer = if known.len() > 1 { ", some of them fewer" } else { "" };
    Some(format!(
        "{}: {} may settle {}{fewer}, judging by the noise and the change of these runs ({how}){unsure}",
        head(rows)?,
        more_runs_a_side(least, most),
        them(rows)
    ))
}

/// Why stored figures say no more than that a row is suspect, and what says more.
fn suspect(judgement: &Judgement) -> Option<String> {
    let rows = of(judgement, RowVerdict::Suspect);
    if rows.is_empty() || !matches!(judgement.design, Design::Stored { .. }) {
        return None;
    }
    let mut since: Vec<String> = Vec::new();
    for why in rows.iter().flat_map(|row| &row.why) {
        let RowReason::SuspectAtMost { since: of } = why else { continue };
        let said = row_reasons(std::slice::from_ref(of));
        if !since.contains(&said) {
            since.push(said);
        }
    }
    let since =
        if since.is_empty() { String::new() } else { format!(" ({})", plain(&since.join("; "))) };
    Some(format!(
        "to do: stored figures give no more than suspect here{since}: confirm with `perftune run GRID --against BASELINE`, \
         which alternates both sides on one machine"
    ))
}

/// How many runs it takes before anything could be found.
fn unreachable(judgement: &Judgement) -> Option<String> {
    if of(judgement, RowVerdict::Unreachable).is_empty() {
        return None;
    }
    let alpha = judgement.alpha;
    let runs =
        runs_each(alpha).map(|runs| format!("{runs} runs of each cell on each side (--repeat)"));
    let blocks = format!("{} blocks (--against)", blocks::needed(alpha));
    let enough = runs.into_iter().chain([blocks]).collect::<Vec<_>>().join(", or ");
    let enough = format!("{enough} are enough");
    Some(if judgement.p_min > alpha {
        let p_min = probability(Some(judgement.p_min));
        format!(
            "to do: with these runs the smallest possible p value is {p_min}, above alpha {alpha}: no slowdown would be found, \
             however large. {enough}"
        )
    } else {
        format!(
            "to do: unreachable rows have too few runs for a p value of at most alpha {alpha}, however large the slowdown. \
             {enough}"
        )
    })
}

/// What would make rows that are missing or not compared rows that are judged.
fn uncovered(judgement: &Judgement) -> Vec<String> {
    let has = |verdict| !of(judgement, verdict).is_empty();
    let mut lines = Vec::new();
    let is_gone = |row: &&Row| row.why.contains(&RowReason::NoCell);
    if of(judgement, RowVerdict::Missing).iter().any(is_gone) {
        lines.push(
            "to do: list a cell that was removed on purpose under `retired` in the gate file, with a date and a reason"
                .to_owned(),
        );
    }
    if judgement.environment.iter().any(|difference| difference.hard) {
        lines.push(
            "to do: measure both sides on one machine (`perftune run GRID --against BASELINE`); name a field in `subject` of \
             the gate file if it is what you test; --any-machine compares anyway"
                .to_owned(),
        );
    } else if has(RowVerdict::Incomparable) && !judgement.notes.iter().any(is_of_settings) {
        lines.push(
            "to do: give results folders, or keep manifest.json beside the CSV files: it says where they were measured; \
             --any-machine compares anyway"
                .to_owned(),
        );
    }
    lines
}

/// Whether nothing was compared since the settings differ; the note says what to do.
fn is_of_settings(note: &GateNote) -> bool {
    let of_setting = |doubt: &MachineDoubt| matches!(doubt, MachineDoubt::Setting(_));
    matches!(note, GateNote::NotCompared { against } if against.iter().all(of_setting))
}
