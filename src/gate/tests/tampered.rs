//! Input that is not what it should be. None of it may pass without a word.

use super::*;
use crate::metric::Better;

/// What must come of it.
enum Says {
    /// No judgement: exit code 2, with this in the message.
    Error(&'static str),
    /// This exit code, and so many rows of this verdict.
    Exit(u8, RowVerdict, usize),
    /// Green by the default, yet rows are inconclusive and `--on-inconclusive=fail` exits 6.
    Open(usize),
    /// Nothing changes but a note.
    Note(&'static str),
    /// Exactly as before: what was changed does not matter.
    Same,
}

use Says::{Error, Exit, Note, Open, Same};

type Tamper = fn(&mut Side, &mut Side, &mut GatePolicy);

/// A run of `rnn` somewhere in the middle.
fn one(side: &mut Side) -> &mut GateRun {
    let mut runs = side.runs.iter_mut();
    runs.find(|run| run.cell == "rnn" && run.repeat == 5).unwrap()
}

fn value(side: &mut Side, metric: &str, value: f64) {
    let mut figures = one(side).figures.iter_mut();
    let figure = figures.find(|figure| figure.metric == metric).unwrap();
    figure.value = Some(value);
}

fn drop_metric(side: &mut Side, metric: &str) {
    for run in &mut side.runs {
        run.figures.retain(|figure| figure.metric != metric);
    }
}

fn gate_of(metric: &str) -> (MetricName, MetricRule) {
    let rule = MetricRule {
        direction: None,
        role: Role::Gate,
        floor: None,
        at_least: None,
        fallback: None,
    };
    (metric.into(), rule)
}

/// Of two equal builds in turns, which pass.
const PAIRED: &[(&str, Tamper, Says)] = &[
    ("nothing", |_, _, _| (), Same),
    (
        "dropped cell",
        |_, new, _| new.runs.retain(|run| run.cell != "rnn"),
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "dropped metric in the candidate",
        |_, new, _| drop_metric(new, P25),
        Exit(5, RowVerdict::Missing, 2),
    ),
    (
        "dropped metric in the baseline",
        |base, _, _| drop_metric(base, P25),
        Note(r#""note":"new","rows":2"#),
    ),
    (
        "metric dropped in one run",
        |_, new, _| one(new).figures.retain(|figure| figure.metric != P25),
        Exit(5, RowVerdict::Missing, 1),
    ),
    ("NaN", |_, new, _| value(new, P25, f64::NAN), Error("is NaN")),
    ("infinite", |base, _, _| value(base, P50, f64::INFINITY), Error("is inf")),
    ("zero", |_, new, _| value(new, PEAK, 0.0), Error("is 0: only a finite number")),
    ("negative", |_, new, _| value(new, RATE, -3.0), Error("is -3")),
    (
        "zero everywhere",
        |base, new, _| {
            for side in [base, new] {
                figures(side, PEAK).for_each(|figure| figure.value = Some(0.0));
            }
        },
        Error("only a finite number above 0"),
    ),
    (
        "crashed run",
        |_, new, _| one(new).status = Some(RunStatus::Failed),
        Exit(5, RowVerdict::Failed, GATED),
    ),
    (
        "crashed run of the baseline",
        |base, _, _| one(base).status = Some(RunStatus::Failed),
        Exit(5, RowVerdict::Failed, GATED),
    ),
    (
        "cancelled run",
        |_, new, _| one(new).status = Some(RunStatus::Cancelled),
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "runs whose end is not known",
        |_, new, _| new.runs.iter_mut().for_each(|run| run.status = None),
        Note(r#""note":"silent","side":"candidate","runs":40,"of":40"#),
    ),
    (
        "metric renamed to one that nobody knows",
        |_, new, _| {
            figures(new, P25).for_each(|figure| figure.metric = "train.step_time_p25".into());
        },
        Error("`train.step_time_p25`, which perftune does not know"),
    ),
    (
        "metric renamed to another one",
        |_, new, _| {
            figures(new, RATE).for_each(|figure| figure.metric = "train.throughput_p75".into());
        },
        Exit(5, RowVerdict::Missing, 2),
    ),
    (
        "phase renamed",
        |_, new, _| figures(new, RATE).for_each(|figure| figure.phase = "serve[2]".into()),
        Exit(5, RowVerdict::Missing, 2),
    ),
    (
        "unit changed in the candidate",
        |_, new, _| figures(new, P25).for_each(|figure| figure.unit = "ms".into()),
        Error("is in `s` and in `ms`"),
    ),
    (
        "unit changed in one run",
        |base, _, _| {
            let mut figures = one(base).figures.iter_mut();
            figures.find(|figure| figure.metric == PEAK).unwrap().unit = "KiB".into();
        },
        Error("is in `bytes` and in `KiB`"),
    ),
    (
        "unit of another dimension on both sides",
        |base, new, _| {
            for side in [base, new] {
                figures(side, PEAK).for_each(|figure| figure.unit = "s".into());
            }
        },
        Error("is not a multiple of `bytes`"),
    ),
    (
        "direction absent",
        |_, _, policy| policy.metrics.extend([gate_of("cpu.utilisation")]),
        Error("`cpu.utilisation` is gated and has no direction"),
    ),
    (
        "direction absent, of another program",
        |_, _, policy| policy.metrics.extend([gate_of("tokens")]),
        Error("a direction is never guessed"),
    ),
    (
        "other host",
        |_, new, _| new.sessions[0].fingerprint = Some(machine("B")),
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "no fingerprint",
        |base, _, _| base.sessions[0].fingerprint = None,
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "fingerprints that say nothing",
        |base, new, _| {
            for side in [base, new] {
                side.sessions[0].fingerprint = Some(Fingerprint::default());
            }
        },
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "fingerprints without a processor",
        |base, new, _| {
            for side in [base, new] {
                let print = side.sessions[0].fingerprint.as_mut().unwrap();
                print.hard.remove("cpu.model");
            }
        },
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "a metric that the policy gates and nobody has",
        |_, _, policy| {
            let (name, mut rule) = gate_of("cpu.time");
            rule.direction = Some(Better::Lower);
            policy.metrics.insert(name, rule);
        },
        Exit(5, RowVerdict::Missing, 1),
    ),
    (
        "sessions not listed",
        |_, new, _| new.sessions.clear(),
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    ("run twice", |_, new, _| new.runs.push(new.runs[4].clone()), Error("twice")),
    (
        "run twice under another name",
        |_, new, _| {
            let mut copy = new.runs[4].clone();
            copy.run = "another".into();
            new.runs.push(copy);
        },
        Error("twice"),
    ),
    (
        "run copied over another one",
        |_, new, _| {
            let figures = new.runs[0].figures.clone();
            let cell = new.runs[0].cell.clone();
            let mut others = new.runs.iter_mut().skip(1);
            others.find(|run| run.cell == cell).unwrap().figures = figures;
        },
        Open(GATED),
    ),
    (
        "row twice",
        |_, new, _| {
            let copy = one(new).figures[0].clone();
            one(new).figures.push(copy);
        },
        Error("twice"),
    ),
    (
        "row twice with another value",
        |base, _, _| {
            let mut copy = one(base).figures[0].clone();
            copy.value = Some(1.0);
            one(base).figures.insert(0, copy);
        },
        Error("twice"),
    ),
    ("exchanged arms", |base, new, _| std::mem::swap(base, new), Note("exchanged")),
    (
        "arms mixed on one side",
        |base, new, _| {
            let arm = new.runs[0].pairing.as_ref().unwrap().arm;
            base.runs[0].pairing.as_mut().unwrap().arm = arm;
        },
        Error("both sides"),
    ),
    (
        "disjoint names",
        |_, new, _| {
            for run in &mut new.runs {
                run.cell = format!("{}-v2", run.cell);
            }
            new.cells = vec!["mlp-v2".into(), "rnn-v2".into()];
        },
        Error("no cell in common"),
    ),
    ("empty candidate", |_, new, _| new.runs.clear(), Error("has no runs")),
    ("empty baseline", |base, _, _| base.runs.clear(), Error("has no runs")),
    (
        "too few blocks",
        |base, new, _| {
            for side in [base, new] {
                side.runs.retain(|run| run.pairing.as_ref().unwrap().block <= 6);
            }
        },
        Exit(5, RowVerdict::Unreachable, 2 * GATED),
    ),
    (
        "half a block",
        |_, new, _| new.runs.retain(|run| run.cell != "rnn" || run.repeat != 19),
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "a block of one cell on both sides",
        |base, new, _| {
            for side in [base, new] {
                side.runs
                    .retain(|run| run.cell != "rnn" || run.pairing.as_ref().unwrap().block != 4);
            }
        },
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "a block of one side",
        |base, _, _| {
            base.runs.retain(|run| run.cell != "rnn" || run.pairing.as_ref().unwrap().block != 4);
        },
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "a block of another session",
        |_, new, _| {
            for run in new.runs.iter_mut().filter(|run| run.cell == "rnn") {
                let pairing = run.pairing.as_mut().unwrap();
                if pairing.block == 4 {
                    pairing.session = "x9".into();
                }
            }
        },
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "a block in the order AABB",
        |base, new, _| {
            for (side, places) in [(base, [0, 1]), (new, [2, 3])] {
                let runs = side.runs.iter_mut().filter(|run| run.cell == "rnn");
                let block = runs.filter(|run| run.pairing.as_ref().unwrap().block == 4);
                for (run, place) in block.zip(places) {
                    run.pairing.as_mut().unwrap().position = place;
                }
            }
        },
        Exit(5, RowVerdict::Missing, GATED),
    ),
    ("a run of no block", |_, new, _| one(new).pairing = None, Exit(5, RowVerdict::Missing, GATED)),
    (
        "metric not supported on one side",
        |_, new, _| {
            for figure in figures(new, RATE) {
                (figure.value, figure.samples) = (None, Some(0));
                figure.note = "not on this machine".into();
            }
        },
        Exit(5, RowVerdict::Missing, 2),
    ),
    (
        "ten times the samples",
        |_, new, _| {
            for figure in new.runs.iter_mut().flat_map(|run| &mut run.figures) {
                figure.samples = figure.samples.map(|n| 10 * n);
            }
        },
        Same,
    ),
    (
        "cells that were planned and never run",
        |_, new, _| new.cells.push("cnn".into()),
        Exit(5, RowVerdict::Missing, 1),
    ),
    ("floor of nothing", |_, _, policy| policy.floor = 0.0, Error("`floor` of the gate")),
    (
        "draws with which nothing can fail",
        |_, _, policy| policy.draws = 10,
        Error("`draws` of the gate"),
    ),
];

fn check((name, says): (&str, &Says), clean: &Judgement, found: Result<Judgement, GateError>) {
    let found = match (found, says) {
        (Err(error), Error(text)) => {
            let message = error.to_string();
            return assert!(message.contains(text), "{name}: {message}");
        }
        (Err(error), _) => panic!("{name}: {error}"),
        (Ok(found), Error(_)) => panic!("{name}: {found:#?}"),
        (Ok(found), _) => found,
    };
    match says {
        Error(_) => (),
        Exit(code, verdict, rows) => {
            assert_eq!(exits(&found), (*code, *code), "{name}: {:?}", found.notes);
            assert_eq!(count(&found, *verdict), *rows, "{name}: {:#?}", found.rows);
        }
        Open(rows) => {
            assert_eq!(exits(&found), (0, 6), "{name}");
            let open = count(&found, RowVerdict::Inconclusive);
            assert_eq!(open, *rows, "{name}: {:#?}", found.rows);
            let why = found.rows.iter().find(|row| row.verdict == RowVerdict::Inconclusive);
            assert!(!why.unwrap().why.is_empty(), "{name}");
        }
        Note(text) => {
            assert_eq!(exits(&found), (0, 0), "{name}: {:#?}", found.rows);
            assert!(has_note(&found, text), "{name}: {:?}", found.notes);
        }
        Same => assert_eq!(&found, clean, "{name}"),
    }
}

#[test]
fn nothing_that_was_tampered_with_passes_silently() {
    let (base, new) = Lab::new(3, 0.005).paired(10, &none);
    let clean = judged(&base, &new);
    assert_eq!(exits(&clean), (0, 0));
    assert!(clean.notes.is_empty());
    assert!(PAIRED.len() > 40);
    for (name, tamper, says) in PAIRED {
        let (mut base, mut new, mut policy) = (base.clone(), new.clone(), GatePolicy::default());
        tamper(&mut base, &mut new, &mut policy);
        check((name, says), &clean, judge(&base, &new, &policy));
    }
}

/// What is red stays red, or is no verdict at all: a regression cannot be hidden by taking things away.
#[test]
fn a_regression_is_not_hidden_by_tampering() {
    let (base, new) = Lab::new(3, 0.005).paired(10, &slower(1.5));
    assert_eq!(exits(&judged(&base, &new)), (1, 1));
    let green: Vec<&str> = PAIRED
        .iter()
        .filter(|(_, tamper, _)| {
            let (mut base, mut new, mut policy) =
                (base.clone(), new.clone(), GatePolicy::default());
            tamper(&mut base, &mut new, &mut policy);
            judge(&base, &new, &policy).is_ok_and(|found| found.exit_code(true) == 0)
        })
        .map(|(name, _, _)| *name)
        .collect();
    assert_eq!(green, ["exchanged arms"]);
}

/// Whatever single thing is taken away: a run, a figure of one, or its value.
#[test]
fn no_run_and_no_figure_less_turns_red_into_green() {
    type Takes = fn(&mut Side, usize, usize);
    let takes: [(&str, Takes); 4] = [
        ("run", |side, run, _| drop(side.runs.remove(run))),
        ("figure", |side, run, figure| drop(side.runs[run].figures.remove(figure))),
        ("value", |side, run, figure| side.runs[run].figures[figure].value = None),
        ("place", |side, run, _| side.runs[run].pairing = None),
    ];
    // As few blocks as can be red, and one more; in one cell alone.
    for blocks in [7, 8] {
        let effect = only("rnn", P25, 1.5);
        let sides = Lab::new(3, 0.005).paired(blocks, &effect);
        let sides = [sides.0, sides.1];
        assert_eq!(exits(&judged(&sides[0], &sides[1])), (1, 1));
        let of_cell = |run: &usize| sides[0].runs[*run].cell == "rnn";
        for run in (0..sides[0].runs.len()).filter(of_cell) {
            for (side, figure) in
                [0, 1].into_iter().flat_map(|at| (0..METRICS.len()).map(move |f| (at, f)))
            {
                for (what, take) in takes {
                    let of_run = ["run", "place"].contains(&what);
                    if of_run && figure > 0 {
                        continue;
                    }
                    let mut cut = sides.clone();
                    take(&mut cut[side], run, figure);
                    let found = judged(&cut[0], &cut[1]).exit_code(false);
                    assert_ne!(found, 0, "{blocks} blocks: {what} {run} {figure} of side {side}");
                }
            }
        }
    }
}

/// Of two sessions of equal builds, which pass.
const STORED: &[(&str, Tamper, Says)] = &[
    ("nothing", |_, _, _| (), Same),
    (
        "one run",
        |_, new, _| new.runs.retain(|run| run.repeat == 1),
        Exit(5, RowVerdict::Unreachable, 2 * GATED),
    ),
    (
        "one run of each",
        |base, new, _| {
            for side in [base, new] {
                side.runs.retain(|run| run.repeat == 1);
            }
        },
        Exit(5, RowVerdict::Unreachable, 2 * GATED),
    ),
    (
        "a run that is gone",
        |_, new, _| new.runs.retain(|run| run.cell != "rnn" || run.repeat != 5),
        Exit(5, RowVerdict::Missing, GATED),
    ),
    (
        "repeat twice",
        |_, new, _| {
            let mut copy = new.runs[0].clone();
            copy.run = "another".into();
            new.runs.push(copy);
        },
        Error("repeat 1 of cell `mlp`"),
    ),
    (
        "run under another repeat",
        |_, new, _| {
            let mut copy = new.runs[0].clone();
            (copy.run, copy.repeat) = ("another".into(), 7);
            new.runs.push(copy);
            let mut other = new.runs[6].clone();
            (other.run, other.repeat) = ("another one".into(), 7);
            new.runs.push(other);
        },
        Open(2 * GATED),
    ),
    ("the same folder twice", |base, new, _| *new = base.clone(), Error("are the same runs")),
    (
        "a copy that calls itself another session",
        |base, new, _| {
            *new = base.clone();
            new.sessions[0].id = "other".into();
            new.runs.iter_mut().for_each(|run| run.session = "other".into());
        },
        Note("twins"),
    ),
    (
        "other host",
        |_, new, _| new.sessions[0].fingerprint = Some(machine("B")),
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "no fingerprint",
        |_, new, _| new.sessions[0].fingerprint = None,
        Exit(4, RowVerdict::Incomparable, 2 * GATED),
    ),
    (
        "crashed run",
        |_, new, _| one(new).status = Some(RunStatus::Failed),
        Exit(5, RowVerdict::Failed, GATED),
    ),
    ("NaN", |_, new, _| value(new, P25, f64::NAN), Error("is NaN")),
    (
        "order of everything",
        |base, new, _| {
            for side in [base, new] {
                side.runs.reverse();
                side.cells.reverse();
                side.runs.iter_mut().for_each(|run| run.figures.reverse());
            }
        },
        Same,
    ),
];

#[test]
fn nor_does_it_in_stored_sessions() {
    let mut lab = Lab::new(4, 0.002);
    let base = lab.session("before", 6, &none);
    let new = lab.session("after", 6, &none);
    let clean = judged(&base, &new);
    assert_eq!(exits(&clean), (0, 0));
    for (name, tamper, says) in STORED {
        let (mut base, mut new, mut policy) = (base.clone(), new.clone(), GatePolicy::default());
        tamper(&mut base, &mut new, &mut policy);
        check((name, says), &clean, judge(&base, &new, &policy));
    }
}

/// Neither side varies at all: the usual formulas divide by nothing here, and a gate that gives up is green for ever.
#[test]
fn constant_figures_are_judged_too() {
    for (by, paired, exit) in [
        (1.0, true, (0, 0)),
        (1.03, true, (0, 0)),
        (1.06, true, (1, 1)),
        (0.9, true, (0, 0)),
        (1.0, false, (0, 0)),
        (1.5, false, (0, 6)),
    ] {
        let mut lab = Lab::new(1, 0.0);
        let effect = only("mlp", P25, by);
        let (base, new) = if paired {
            lab.paired(10, &effect)
        } else {
            (lab.session("before", 6, &none), lab.session("after", 6, &effect))
        };
        let found = judged(&base, &new);
        assert_eq!(exits(&found), exit, "{by} {paired}: {:#?}", found.rows[0]);
        assert!(has_note(&found, r#""note":"constant""#));
    }
}
