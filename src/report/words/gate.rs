//! Why a row of the gate has its verdict, and what must be known beside the rows.

use super::count;
use super::runs::{is_told, more_runs_a_side};
use crate::gate::reason::{Narrow, Tested};
use crate::gate::unlike::{MachineDoubt, OtherSetting};
use crate::gate::{FEW_SAMPLES, GateNote, RowReason, SESSIONS};
use crate::units::{change, percent};

/// All that must be known of a row; may be empty.
pub fn row_reasons(reasons: &[RowReason]) -> String {
    reasons.iter().map(row_reason).collect::<Vec<_>>().join("; ")
}

/// One of them.
#[expect(
    clippy::too_many_lines,
    reason = "one match, so that a reason without words does not compile"
)]
pub(super) fn row_reason(reason: &RowReason) -> String {
    match reason {
        RowReason::RunFailed { side, run, status, why, more } => {
            let status = status.map_or_else(String::new, |status| status.to_string());
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let more = if *more > 0 {
                format!("; and {}", counted(*more, "more run"))
            } else {
                String::new()
            };
            format!("run `{run}` of the {side} {status}{why}{more}")
        }
        RowReason::TooFew { side: None, samples } => {
            format!("neither side has it: too few samples, {}", few(*samples))
        }
        RowReason::TooFew { side: Some(side), samples } => {
            format!("the {side} has {}", few(*samples))
        }
        RowReason::NoBaseline => {
            "the baseline has no such figure: nothing to compare with".to_owned()
        }
        RowReason::NotMeasured { note } if note.is_empty() => {
            "the candidate did not measure it".to_owned()
        }
        RowReason::NotMeasured { note } => format!("the candidate did not measure it: {note}"),
        RowReason::NotRun => "the candidate planned this cell and has no run of it".to_owned(),
        RowReason::NoCell => "the candidate does not have this cell".to_owned(),
        RowReason::NothingJudged => "neither side has a judged figure of it".to_owned(),
        RowReason::NewUnjudged => "the cell is new, and none of its figures is judged".to_owned(),
        RowReason::Undelivered => "it is gated, and neither side measured it".to_owned(),
        RowReason::Absent { side, absent, runs, of_other, note, .. } => {
            let why = if note.is_empty() { String::new() } else { format!(" ({note})") };
            let other = match of_other {
                (0, _) => String::new(),
                (absent, runs) => format!(" and {absent} of {runs} of the {}", side.other()),
            };
            format!("{absent} of {runs} runs of the {side}{other} have no such figure{why}")
        }
        RowReason::Unfinished { side, runs } => {
            format!("{} of the {side} were not made or did not finish", counted(*runs, "run"))
        }
        RowReason::FewerRuns { side, has, others } => {
            format!("the {side} has {has} runs of this cell and {others} of others")
        }
        RowReason::Copies { side, runs } => {
            format!("copies of another run: {} of the {side}", counted(*runs, "run"))
        }
        RowReason::AllZero => "0 in every run of both sides".to_owned(),
        RowReason::JudgedInstead { samples, by } => {
            format!("{}: `{by}` is judged instead", only(*samples))
        }
        RowReason::NoFallback { samples, fallback } => {
            format!("{}, and `{fallback}` cannot be judged instead", only(*samples))
        }
        RowReason::InPlaceOf { metric } => format!("judged in place of `{metric}` too"),
        RowReason::TooFewBlocks { blocks, p_min, alpha, needed } => {
            let blocks = counted(*blocks, "whole block");
            let more =
                needed.map_or_else(String::new, |needed| format!("; {needed} blocks are enough"));
            format!("{blocks}: {}{more}", no_p_value(*p_min, *alpha))
        }
        RowReason::TooFewRuns { baseline, candidate, p_min, alpha, needed, .. } => {
            let more =
                needed.map_or_else(String::new, |n| format!("; {n} runs of each are enough"));
            format!("{baseline} and {candidate} runs: {}{more}", no_p_value(*p_min, *alpha))
        }
        RowReason::BrokenBlocks { blocks: 1 } => "1 block is incomplete".to_owned(),
        RowReason::BrokenBlocks { blocks } => format!("{blocks} blocks are incomplete"),
        RowReason::Untestable { of } => {
            let of = match of {
                Tested::Blocks => "blocks",
                Tested::Runs => "runs",
                Tested::Sessions => "sessions",
            };
            format!("its {of} cannot be tested")
        }
        RowReason::OneHasIt => {
            "only one of the stored sessions has it, so the spread between sessions is unknown"
                .to_owned()
        }
        RowReason::OneSession => "one stored session".to_owned(),
        RowReason::FewSessions { sessions, all: true } => {
            format!("{sessions} stored sessions, fewer than {SESSIONS}")
        }
        RowReason::FewSessions { sessions, all: false } => {
            format!("{sessions} of the stored sessions have it, fewer than {SESSIONS}")
        }
        RowReason::Narrow(why) => narrow(*why),
        RowReason::OtherMachine => OTHER_MACHINE.to_owned(),
        RowReason::SuspectAtMost { since } => format!("suspect at most: {}", row_reason(since)),
        RowReason::Uncertain { since } => format!("not called improved: {}", row_reason(since)),
        RowReason::WithinSessions => {
            "the interval is within these two sessions and leaves out the spread between sessions"
                .to_owned()
        }
        RowReason::Open { floor, alone: false } => {
            format!("{} worse is neither shown nor excluded", percent(*floor))
        }
        RowReason::Open { floor, alone: true } => format!(
            "{} worse is not shown: the interval is for this row alone, p is corrected for all rows",
            percent(*floor)
        ),
        RowReason::NoneBelow { share } => {
            format!("with this design no change below {} is called worse", percent(*share))
        }
        RowReason::Detectable { share: Some(share) } => {
            format!("a change of {} could be detected", percent(*share))
        }
        RowReason::Detectable { share: None } => {
            "not even a factor of a thousand could be detected".to_owned()
        }
        RowReason::MoreSessions { other_days } => {
            format!(
                "{} would narrow it, more runs of this session would not",
                more_sessions(*other_days)
            )
        }
        RowReason::MoreRuns { least, most } => {
            let unsure = if is_told(*least, *most) { "" } else { ", how many is not known yet" };
            format!("{} would decide it{unsure}", more_runs_a_side(*least, *most))
        }
        RowReason::RunsTellNothing => "more runs of these sessions would not decide it".to_owned(),
        RowReason::NearFloor => {
            "it is too close to the floor for the noise of these runs: more runs may not decide it"
                .to_owned()
        }
    }
}

/// `more stored sessions of other days`.
pub fn more_sessions(other_days: bool) -> &'static str {
    if other_days { "more stored sessions of other days" } else { "more stored sessions" }
}

const OTHER_MACHINE: &str = "compared although machines or settings differ or are unknown";

fn few(samples: u64) -> String {
    format!("fewer than {FEW_SAMPLES} samples ({samples})")
}

fn only(samples: u64) -> String {
    format!("a run has only {samples} samples, fewer than {FEW_SAMPLES}")
}

fn no_p_value(p_min: f64, alpha: f64) -> String {
    format!("the smallest possible p value is {p_min:.2}, above alpha {}", percent(alpha))
}

fn narrow(Narrow { sessions, dated }: Narrow) -> String {
    if dated {
        format!(
            "the {sessions} stored sessions span less than two days, so they may vary less than a later one"
        )
    } else {
        format!("it is not known when the {sessions} stored sessions were recorded")
    }
}

/// `mlp-digits`, or it and how many others.
fn and_others(cell: &str, cells: usize) -> String {
    match cells {
        0 | 1 => format!("`{cell}`"),
        n => format!("`{cell}` and {}", counted(n - 1, "other cell")),
    }
}

fn counted(number: usize, what: &str) -> String {
    count(number as u64, what)
}

fn against(doubts: &[MachineDoubt]) -> String {
    let said = doubts.iter().map(|doubt| match doubt {
        MachineDoubt::Unknown { side, of: 1, .. } => {
            format!("the machine of the {side} is unknown")
        }
        MachineDoubt::Unknown { side, sessions, of } => {
            format!("the machine of {sessions} of the {of} sessions of the {side} is unknown")
        }
        MachineDoubt::Differs { field, baseline, candidate } => {
            format!("{field} is `{baseline}` and `{candidate}`")
        }
        MachineDoubt::Setting(setting) => other_setting(setting),
    });
    said.collect::<Vec<_>>().join("; ")
}

fn other_setting(OtherSetting { setting, baseline, candidate, cells }: &OtherSetting) -> String {
    let of = and_others(cells.first().map_or("", String::as_str), cells.len());
    format!("{setting} is `{baseline}` and `{candidate}` in {of}")
}

/// `; with 2 more runs of the candidate one could`.
fn enough_runs([baseline, candidate]: [u32; 2]) -> String {
    let who = match (baseline, candidate) {
        (0, 0) => return String::new(),
        (0, new) => format!("{} of the candidate", count_of_more(new)),
        (base, 0) => format!("{} of the baseline", count_of_more(base)),
        (base, new) if base == new => format!("{} of each side", count_of_more(base)),
        (base, new) => {
            format!("{} of the baseline and {new} of the candidate", count_of_more(base))
        }
    };
    format!("; with {who} a large one could be found")
}

/// `1 more run`.
fn count_of_more(count: u32) -> String {
    format!("{count} more run{}", if count == 1 { "" } else { "s" })
}

/// What must be known beside the rows.
#[expect(
    clippy::too_many_lines,
    reason = "one match, so that a note without words does not compile"
)]
pub fn gate_note(note: &GateNote) -> String {
    match note {
        GateNote::NotCompared { against: doubts } => {
            let unknown = |doubt: &MachineDoubt| matches!(doubt, MachineDoubt::Unknown { .. });
            let all = doubts.iter().all(unknown);
            let subject = if all { "" } else { "Name what you test in `subject`; " };
            format!("not compared: {}. {subject}--any-machine compares anyway", against(doubts))
        }
        GateNote::OtherMachine { against: doubts } => {
            let of_setting = |doubt: &MachineDoubt| matches!(doubt, MachineDoubt::Setting(_));
            let what = match doubts[..] {
                [_] if doubts.iter().all(of_setting) => "a setting differs",
                _ if doubts.iter().all(of_setting) => "settings differ",
                _ if doubts.iter().any(of_setting) => "machines and settings differ or are unknown",
                _ => "the machines differ or are unknown",
            };
            format!("compared although {what}: {}", against(doubts))
        }
        GateNote::UnderTest { field, baseline, candidate } => {
            format!("under test: {field} is `{baseline}` and `{candidate}`")
        }
        GateNote::OtherSetting(setting) => format!(
            "different settings: {}: a change may come from them and not from the build",
            other_setting(setting)
        ),
        GateNote::Unfinished { runs, of } => format!(
            "the comparison is incomplete: {runs} of the {of} runs planned so far are missing, so no row passes, and only whole blocks are \
             judged. --resume of `perftune run --against` makes the rest"
        ),
        GateNote::IdleSubject { field } => format!("subject `{field}` is in neither fingerprint"),
        GateNote::OwnSession { session } => {
            format!("session `{session}` is the candidate's own and was left out of the baseline")
        }
        GateNote::Lost { file, more } => {
            let gone = if *more > 0 { format!(" and {more} more are gone") } else { " is gone".to_owned() };
            format!(
                "{file}{gone}: the baseline is smaller than what was stored. Restore it; if you removed it on purpose, remove \
                 the file of that name under written/ too"
            )
        }
        GateNote::Exchanged => {
            "the sides are swapped: the baseline given here was recorded as the candidate".to_owned()
        }
        GateNote::Silent { side, runs, of } => format!(
            "it is not known how {runs} of {of} runs of the {side} ended: a run that failed would look like any other"
        ),
        GateNote::Copies { side, runs, cell } => format!(
            "{} of the {side} (one of `{cell}`) have exactly the figures of another run: copies are not evidence, so their \
             cells do not pass and are suspect at most",
            counted(*runs, "run")
        ),
        GateNote::Constant { side, cell, cells } => format!(
            "the runs of {} of the {side} do not differ at all: what is measured there does not vary, or all are copies of \
             one run",
            and_others(cell, *cells)
        ),
        GateNote::Twins => {
            "every run of the candidate has exactly the figures of one of the baseline: are they copies of one recording?".to_owned()
        }
        GateNote::Unmeasured { metric, places, first, why } => {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let places = match (first.as_str(), *places) {
                ("", places) => counted(places, "place"),
                (first, 1) => first.to_owned(),
                (first, places) => format!("{first} and {} more", counted(places - 1, "place")),
            };
            format!("`{metric}` was measured on neither side, in {places}{why}")
        }
        GateNote::Retired { cell, reason } => format!("`{cell}` is retired: {reason}"),
        GateNote::IdleRetired { cell, present: true } => {
            format!("`{cell}` is retired, but the candidate has it, so it was judged")
        }
        GateNote::IdleRetired { cell, present: false } => {
            format!("`{cell}` is retired; neither side has a run of it")
        }
        GateNote::Turned { metric } => {
            format!("the gate reverses the direction that `{metric}` has by default")
        }
        GateNote::New { rows: 1 } => "1 row is new and not judged".to_owned(),
        GateNote::New { rows } => format!("{rows} rows are new and not judged"),
        GateNote::Apart { cell, phase, metric, change: by, more } => format!(
            "not judged, and worse in every run of the candidate than in any of the baseline: `{metric}` in {phase} of `{cell}`, {} \
             between the medians{}. `role = \"gate\"` judges it",
            change(*by),
            if *more > 0 { format!(", and so {}", counted(*more, "more figure")) } else { String::new() }
        ),
        GateNote::Unreachable { rows, of, more_runs } => {
            let more = more_runs.map_or_else(String::new, enough_runs);
            format!("in {rows} of {of} rows no change could be found, however large{more}")
        }
        GateNote::BrokenBlocks { cell, cells, rows } => format!(
            "in {} of {}, incomplete blocks were left out (a block is two runs of each side in the order ABBA or BAAB, all with \
             the figure); a row with such a block does not pass",
            if *rows == 0 { "some rows".to_owned() } else { counted(*rows, "row") },
            if *cells > 1 {
                format!("{cells} cells (`{cell}` and {} more)", cells - 1)
            } else {
                format!("`{cell}`")
            }
        ),
        GateNote::OneSession { from } => format!(
            "one stored session: a difference between two sessions of one build looks like one between two builds. So rows are \
             suspect at most, and only from {} on, or from four times the floor where that is more; a row that may be worse by \
             its floor does not pass. `perftune run --against`, or {SESSIONS} stored sessions over two days or more, give full \
             verdicts",
            percent(*from)
        ),
        GateNote::FewSessions { sessions } => format!(
            "{sessions} stored sessions: rows are suspect at most; {SESSIONS} over two days or more give full verdicts"
        ),
        GateNote::Narrow(why) => format!("{}: rows are suspect at most", narrow(*why)),
        GateNote::RunsLeftOut => {
            "of some figures, stored sessions have more runs than the candidate: only the first ones of each were compared, as \
             many as the candidate has, since the mean of more runs varies less"
                .to_owned()
        }
        GateNote::WorkersOwn { metric, more } => {
            let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
            format!(
                "the worker's own `{metric}`{more} was not judged, since its direction is unknown; `direction` in [gate.metrics] gates it"
            )
        }
        GateNote::OwnRules { keys, both } => {
            let than = if *both {
                "the [gate] of the two grids differs"
            } else {
                "the [gate] of the candidate's grid is not the default"
            };
            let keys = keys.join(", ");
            format!("{than} ({keys}): the candidate's was used; --gate FILE chooses another")
        }
        GateNote::OneProgram => {
            "both sides are the same program with the same settings: only noise can differ".to_owned()
        }
        GateNote::EndedEarly { blocks, of } => {
            format!("ended after {blocks} of {of} blocks, when every row passed")
        }
        GateNote::OfSide { side, said } => format!("{side}: {said}"),
    }
}
