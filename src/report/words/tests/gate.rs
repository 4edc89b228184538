//! What is said of a gate's rows, and beside them.

use super::check;
use crate::event::{Arm, RunStatus};
use crate::gate::reason::{Narrow, Tested};
use crate::gate::unlike::{MachineDoubt, OtherSetting};
use crate::gate::{GateNote, RowReason};
use crate::report::words::gate::{gate_note, row_reason, row_reasons};

fn other_batch() -> OtherSetting {
    let [setting, baseline, candidate] = ["batch_size", "64", "32"].map(str::to_owned);
    let cells = ["mlp", "rnn"].map(str::to_owned).into();
    OtherSetting { setting, baseline, candidate, cells }
}

fn failed(status: Option<RunStatus>, why: &str, more: usize) -> RowReason {
    let (side, run) = (Arm::Candidate, "mlp-r2".to_owned());
    RowReason::RunFailed { side, run, status, why: why.to_owned(), more }
}

#[test]
fn why_a_row_has_its_verdict() {
    let side = Arm::Baseline;
    let since = || Box::new(RowReason::OneSession);
    let narrow = |dated| Narrow { sessions: 8, dated };
    for (reason, says) in [
        (
            failed(Some(RunStatus::Failed), "killed by signal 9", 2),
            "run `mlp-r2` of the candidate failed: killed by signal 9; and 2 more runs",
        ),
        (failed(Some(RunStatus::Cancelled), "", 0), "run `mlp-r2` of the candidate cancelled"),
        (
            RowReason::TooFew { side: None, samples: 3 },
            "neither side has it: too few samples, fewer than 20 samples (3)",
        ),
        (
            RowReason::TooFew { side: Some(side), samples: 3 },
            "the baseline has fewer than 20 samples (3)",
        ),
        (
            RowReason::Unfinished { side, runs: 2 },
            "2 runs of the baseline were not made or did not finish",
        ),
        (RowReason::NoBaseline, "the baseline has no such figure: nothing to compare with"),
        (RowReason::NotMeasured { note: String::new() }, "the candidate did not measure it"),
        (
            RowReason::NotMeasured { note: "no NVML".to_owned() },
            "the candidate did not measure it: no NVML",
        ),
        (RowReason::NotRun, "the candidate planned this cell and has no run of it"),
        (RowReason::NoCell, "the candidate does not have this cell"),
        (RowReason::NothingJudged, "neither side has a judged figure of it"),
        (RowReason::NewUnjudged, "the cell is new, and none of its figures is judged"),
        (RowReason::Undelivered, "it is gated, and neither side measured it"),
        (
            RowReason::Absent {
                side,
                absent: 1,
                runs: 10,
                of_other: (0, 9),
                note: String::new(),
                unsaid: false,
            },
            "1 of 10 runs of the baseline have no such figure",
        ),
        (
            RowReason::Absent {
                side,
                absent: 2,
                runs: 10,
                of_other: (3, 9),
                note: "not read".to_owned(),
                unsaid: false,
            },
            "2 of 10 runs of the baseline and 3 of 9 of the candidate have no such figure (not read)",
        ),
        (
            RowReason::FewerRuns { side, has: 3, others: 5 },
            "the baseline has 3 runs of this cell and 5 of others",
        ),
        (RowReason::Copies { side, runs: 1 }, "copies of another run: 1 run of the baseline"),
        (RowReason::AllZero, "0 in every run of both sides"),
        (
            RowReason::JudgedInstead { samples: 19, by: "memory.peak".into() },
            "a run has only 19 samples, fewer than 20: `memory.peak` is judged instead",
        ),
        (
            RowReason::NoFallback { samples: 19, fallback: "memory.peak".into() },
            "a run has only 19 samples, fewer than 20, and `memory.peak` cannot be judged instead",
        ),
        (
            RowReason::InPlaceOf { metric: "memory.peak".into() },
            "judged in place of `memory.peak` too",
        ),
        (
            RowReason::TooFewBlocks { blocks: 1, p_min: 0.5, alpha: 0.01, needed: Some(7) },
            "1 whole block: the smallest possible p value is 0.50, above alpha 1%; 7 blocks are enough",
        ),
        (
            RowReason::TooFewRuns {
                baseline: 2,
                candidate: 3,
                p_min: 0.1,
                alpha: 0.01,
                needed: None,
                more: None,
            },
            "2 and 3 runs: the smallest possible p value is 0.10, above alpha 1%",
        ),
        (
            RowReason::TooFewRuns {
                baseline: 2,
                candidate: 3,
                p_min: 0.1,
                alpha: 0.01,
                needed: Some(5),
                more: Some([3, 2]),
            },
            "2 and 3 runs: the smallest possible p value is 0.10, above alpha 1%; 5 runs of each are enough",
        ),
        (RowReason::BrokenBlocks { blocks: 1 }, "1 block is incomplete"),
        (RowReason::BrokenBlocks { blocks: 2 }, "2 blocks are incomplete"),
        (RowReason::Untestable { of: Tested::Blocks }, "its blocks cannot be tested"),
        (RowReason::Untestable { of: Tested::Runs }, "its runs cannot be tested"),
        (RowReason::Untestable { of: Tested::Sessions }, "its sessions cannot be tested"),
        (
            RowReason::OneHasIt,
            "only one of the stored sessions has it, so the spread between sessions is unknown",
        ),
        (RowReason::OneSession, "one stored session"),
        (RowReason::FewSessions { sessions: 3, all: true }, "3 stored sessions, fewer than 8"),
        (
            RowReason::FewSessions { sessions: 3, all: false },
            "3 of the stored sessions have it, fewer than 8",
        ),
        (
            RowReason::Narrow(narrow(true)),
            "the 8 stored sessions span less than two days, so they may vary less than a later one",
        ),
        (
            RowReason::Narrow(narrow(false)),
            "it is not known when the 8 stored sessions were recorded",
        ),
        (RowReason::OtherMachine, "compared although machines or settings differ or are unknown"),
        (RowReason::SuspectAtMost { since: since() }, "suspect at most: one stored session"),
        (RowReason::Uncertain { since: since() }, "not called improved: one stored session"),
        (
            RowReason::WithinSessions,
            "the interval is within these two sessions and leaves out the spread between sessions",
        ),
        (RowReason::Open { floor: 0.05, alone: false }, "5% worse is neither shown nor excluded"),
        (
            RowReason::Open { floor: 0.05, alone: true },
            "5% worse is not shown: the interval is for this row alone, p is corrected for all rows",
        ),
        (
            RowReason::NoneBelow { share: 0.2 },
            "with this design no change below 20% is called worse",
        ),
        (RowReason::Detectable { share: Some(0.08) }, "a change of 8% could be detected"),
        (
            RowReason::Detectable { share: None },
            "not even a factor of a thousand could be detected",
        ),
        (
            RowReason::MoreSessions { other_days: false },
            "more stored sessions would narrow it, more runs of this session would not",
        ),
        (
            RowReason::MoreSessions { other_days: true },
            "more stored sessions of other days would narrow it, more runs of this session would not",
        ),
        (
            RowReason::MoreRuns { least: 14, most: Some(97) },
            "about 10 to 100 more runs a side would decide it",
        ),
        (
            RowReason::MoreRuns { least: 24, most: Some(5_500) },
            "at least 20 more runs a side would decide it, how many is not known yet",
        ),
        (
            RowReason::MoreRuns { least: 6, most: Some(6) },
            "about 6 more runs a side would decide it",
        ),
        (
            RowReason::MoreRuns { least: 61, most: None },
            "at least 60 more runs a side would decide it, how many is not known yet",
        ),
        (RowReason::RunsTellNothing, "more runs of these sessions would not decide it"),
        (
            RowReason::NearFloor,
            "it is too close to the floor for the noise of these runs: more runs may not decide it",
        ),
    ] {
        check(&reason, row_reason, says);
    }
    assert_eq!(
        row_reasons(&[RowReason::NoCell, RowReason::AllZero]),
        "the candidate does not have this cell; 0 in every run of both sides"
    );
}

#[test]
fn what_must_be_known_beside_the_rows() {
    let text = str::to_owned;
    let (side, cell) = (Arm::Candidate, || "mlp".to_owned());
    let differs = MachineDoubt::Differs {
        field: text("cpu.model"),
        baseline: text("A"),
        candidate: text("B"),
    };
    let unknown = |sessions, of| MachineDoubt::Unknown { side, sessions, of };
    for (note, says) in [
        (
            GateNote::NotCompared { against: vec![unknown(1, 1), differs.clone()] },
            "not compared: the machine of the candidate is unknown; cpu.model is `A` and `B`. Name what you test in \
             `subject`; --any-machine compares anyway",
        ),
        (
            GateNote::OtherMachine { against: vec![unknown(1, 3)] },
            "compared although the machines differ or are unknown: the machine of 1 of the 3 sessions of the candidate is \
             unknown",
        ),
        (
            GateNote::NotCompared { against: vec![unknown(1, 1)] },
            "not compared: the machine of the candidate is unknown. --any-machine compares anyway",
        ),
        (
            GateNote::OtherMachine {
                against: vec![MachineDoubt::Setting(OtherSetting {
                    setting: text("extra"),
                    baseline: text("0"),
                    candidate: text("0.2"),
                    cells: vec![text("mlp")],
                })],
            },
            "compared although a setting differs: extra is `0` and `0.2` in `mlp`",
        ),
        (
            GateNote::UnderTest {
                field: text("cpu.model"),
                baseline: text("A"),
                candidate: text("B"),
            },
            "under test: cpu.model is `A` and `B`",
        ),
        (
            GateNote::IdleSubject { field: text("cpu.model") },
            "subject `cpu.model` is in neither fingerprint",
        ),
        (
            GateNote::OwnSession { session: text("s1") },
            "session `s1` is the candidate's own and was left out of the baseline",
        ),
        (
            GateNote::Lost { file: text("baseline/1f/s1.json"), more: 1 },
            "baseline/1f/s1.json and 1 more are gone: the baseline is smaller than what was stored. Restore it; if you \
             removed it on purpose, remove the file of that name under written/ too",
        ),
        (
            GateNote::Exchanged,
            "the sides are swapped: the baseline given here was recorded as the candidate",
        ),
        (
            GateNote::Silent { side, runs: 4, of: 40 },
            "it is not known how 4 of 40 runs of the candidate ended: a run that failed would look like any other",
        ),
        (
            GateNote::Copies { side, runs: 2, cell: cell() },
            "2 runs of the candidate (one of `mlp`) have exactly the figures of another run: copies are not evidence, so \
             their cells do not pass and are suspect at most",
        ),
        (
            GateNote::Constant { side, cell: cell(), cells: 1 },
            "the runs of `mlp` of the candidate do not differ at all: what is measured there does not vary, or all are \
             copies of one run",
        ),
        (
            GateNote::Constant { side, cell: cell(), cells: 3 },
            "the runs of `mlp` and 2 other cells of the candidate do not differ at all: what is measured there does not \
             vary, or all are copies of one run",
        ),
        (
            GateNote::Twins,
            "every run of the candidate has exactly the figures of one of the baseline: are they copies of one recording?",
        ),
        (
            GateNote::Unmeasured {
                metric: "memory.peak".into(),
                places: 2,
                first: String::new(),
                why: String::new(),
            },
            "`memory.peak` was measured on neither side, in 2 places",
        ),
        (
            GateNote::Unmeasured {
                metric: "a.b".into(),
                places: 1,
                first: text("train of mlp"),
                why: text("no steps"),
            },
            "`a.b` was measured on neither side, in train of mlp: no steps",
        ),
        (
            GateNote::Unmeasured {
                metric: "a.b".into(),
                places: 3,
                first: text("train of mlp"),
                why: String::new(),
            },
            "`a.b` was measured on neither side, in train of mlp and 2 places more",
        ),
        (
            GateNote::OtherSetting(other_batch()),
            "different settings: batch_size is `64` and `32` in `mlp` and 1 other cell: a change may come from them and \
             not from the build",
        ),
        (
            GateNote::NotCompared { against: vec![MachineDoubt::Setting(other_batch())] },
            "not compared: batch_size is `64` and `32` in `mlp` and 1 other cell. Name what you test in `subject`; \
             --any-machine compares anyway",
        ),
        (
            GateNote::Unfinished { runs: 24, of: 40 },
            "the comparison is incomplete: 24 of the 40 runs planned so far are missing, so no row passes, and only whole blocks are judged. \
             --resume of `perftune run --against` makes the rest",
        ),
        (
            GateNote::Retired { cell: cell(), reason: text("2026-11-01: gone") },
            "`mlp` is retired: 2026-11-01: gone",
        ),
        (
            GateNote::IdleRetired { cell: cell(), present: true },
            "`mlp` is retired, but the candidate has it, so it was judged",
        ),
        (
            GateNote::IdleRetired { cell: cell(), present: false },
            "`mlp` is retired; neither side has a run of it",
        ),
        (
            GateNote::Apart {
                cell: "mlp".to_owned(),
                phase: "run".to_owned(),
                metric: "cpu.time".into(),
                change: 0.98,
                more: 2,
            },
            "not judged, and worse in every run of the candidate than in any of the baseline: `cpu.time` in run of `mlp`, +98.0% \
             between the medians, and so 2 more figures. `role = \"gate\"` judges it",
        ),
        (
            GateNote::Turned { metric: "memory.peak".into() },
            "the gate reverses the direction that `memory.peak` has by default",
        ),
        (GateNote::New { rows: 1 }, "1 row is new and not judged"),
        (GateNote::New { rows: 2 }, "2 rows are new and not judged"),
        (
            GateNote::Unreachable { rows: 2, of: 9, more_runs: Some([3, 3]) },
            "in 2 of 9 rows no change could be found, however large; with 3 more runs of each side a large one could be found",
        ),
        (
            GateNote::Unreachable { rows: 2, of: 9, more_runs: Some([0, 1]) },
            "in 2 of 9 rows no change could be found, however large; with 1 more run of the candidate a large one could be found",
        ),
        (
            GateNote::Unreachable { rows: 2, of: 9, more_runs: Some([1, 2]) },
            "in 2 of 9 rows no change could be found, however large; with 1 more run of the baseline and 2 of the \
             candidate a large one could be found",
        ),
        (
            GateNote::Unreachable { rows: 2, of: 9, more_runs: None },
            "in 2 of 9 rows no change could be found, however large",
        ),
        (
            GateNote::BrokenBlocks { cell: cell(), cells: 2, rows: 3 },
            "in 3 rows of 2 cells (`mlp` and 1 more), incomplete blocks were left out (a block is two runs of each side in \
             the order ABBA or BAAB, all with the figure); a row with such a block does not pass",
        ),
        (
            GateNote::OneSession { from: 0.2 },
            "one stored session: a difference between two sessions of one build looks like one between two builds. So rows \
             are suspect at most, and only from 20% on, or from four times the floor where that is more; a row that may be \
             worse by its floor does not pass. `perftune run --against`, or 8 stored sessions over two days or more, give \
             full verdicts",
        ),
        (
            GateNote::FewSessions { sessions: 3 },
            "3 stored sessions: rows are suspect at most; 8 over two days or more give full verdicts",
        ),
        (
            GateNote::Narrow(Narrow { sessions: 8, dated: false }),
            "it is not known when the 8 stored sessions were recorded: rows are suspect at most",
        ),
        (
            GateNote::RunsLeftOut,
            "of some figures, stored sessions have more runs than the candidate: only the first ones of each were compared, \
             as many as the candidate has, since the mean of more runs varies less",
        ),
        (
            GateNote::WorkersOwn { metric: "tokens".into(), more: 1 },
            "the worker's own `tokens` and 1 more was not judged, since its direction is unknown; `direction` in \
             [gate.metrics] gates it",
        ),
        (
            GateNote::OwnRules { keys: vec![text("alpha"), text("floor")], both: true },
            "the [gate] of the two grids differs (alpha, floor): the candidate's was used; --gate FILE chooses another",
        ),
        (
            GateNote::OwnRules { keys: vec![text("alpha")], both: false },
            "the [gate] of the candidate's grid is not the default (alpha): the candidate's was used; --gate FILE \
             chooses another",
        ),
        (
            GateNote::OneProgram,
            "both sides are the same program with the same settings: only noise can differ",
        ),
        (
            GateNote::EndedEarly { blocks: 7, of: 10 },
            "ended after 7 of 10 blocks, when every row passed",
        ),
        (GateNote::OfSide { side: text("a.csv"), said: text("cut off") }, "a.csv: cut off"),
    ] {
        check(&note, gate_note, says);
    }
}

/// A verdict that was written before it was told who kept a figure back.
#[test]
fn a_reason_of_an_earlier_verdict_is_read() {
    let (side, of_other, note) = (Arm::Candidate, (0, 9), "not read".to_owned());
    let absent = |unsaid| RowReason::Absent {
        side,
        absent: 2,
        runs: 10,
        of_other,
        note: note.clone(),
        unsaid,
    };
    let mut old = serde_json::to_value(absent(true)).unwrap();
    assert_eq!(old.as_object_mut().unwrap().remove("unsaid"), Some(true.into()));
    assert_eq!(serde_json::from_value::<RowReason>(old).unwrap(), absent(false));
}
