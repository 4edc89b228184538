//! Rows that need no test: missing, new, failed, retired; and what is judged in place of what.

use super::*;
use crate::metric::Better;
use RowVerdict::{
    Failed, Incomparable, Inconclusive, Info, Missing, New, Pass, Regressed, Unreachable,
};

fn pair(seed: u64) -> (Side, Side) {
    Lab::new(seed, 0.01).paired(10, &none)
}

fn policy(metric: &str, rule: MetricRule) -> GatePolicy {
    let mut policy = GatePolicy::default();
    policy.metrics.insert(metric.into(), rule);
    policy
}

fn rule(role: Role) -> MetricRule {
    MetricRule { direction: None, role, floor: None, at_least: None, fallback: None }
}

fn without_cell(side: &mut Side, cell: &str) {
    side.runs.retain(|run| run.cell != cell);
    side.cells.retain(|name| name != cell);
}

#[test]
fn a_cell_that_is_gone_is_missing_unless_it_is_retired() {
    let (baseline, mut candidate) = pair(1);
    without_cell(&mut candidate, "rnn");
    let found = judged(&baseline, &candidate);
    assert_eq!(count(&found, Missing), GATED);
    assert_eq!((exits(&found), found.outcome), ((5, 5), Outcome::Coverage));
    assert_eq!(found.coverage.to_string(), "judged 4 of 8, missing 4");
    assert_eq!(row(&found, "rnn", P25).why, [RowReason::NoCell]);

    let mut policy = GatePolicy::default();
    policy.retired.insert("rnn".into(), "2026-03-01 replaced by the transformer".into());
    let found = judge(&baseline, &candidate, &policy).unwrap();
    assert_eq!(exits(&found), (0, 0));
    assert_eq!(found.coverage.to_string(), "judged 4 of 4");
    assert!(has_note(&found, r#""cell":"rnn","reason":"2026-03-01 replaced"#));

    // Planned, and nothing came of it.
    candidate.cells.push("rnn".into());
    let found = judged(&baseline, &candidate);
    assert_eq!(count(&found, Missing), GATED);
    assert_eq!(row(&found, "rnn", P25).why, [RowReason::NotRun]);
}

#[test]
fn retiring_excuses_neither_what_is_there_nor_what_failed() {
    let (baseline, mut candidate) = pair(2);
    let mut policy = GatePolicy::default();
    policy.retired.insert("rnn".into(), "2026-03-01 gone".into());
    policy.retired.insert("cnn".into(), "2026-03-01 gone".into());
    let found = judge(&baseline, &candidate, &policy).unwrap();
    assert_eq!(found.coverage.judged, 8);
    let idle = |cell: &str, present| GateNote::IdleRetired { cell: cell.to_owned(), present };
    assert!(found.notes.contains(&idle("rnn", true)), "{:?}", found.notes);
    assert!(found.notes.contains(&idle("cnn", false)), "{:?}", found.notes);
    for run in candidate.runs.iter_mut().filter(|run| run.cell == "rnn") {
        run.status = Some(RunStatus::Failed);
    }
    let found = judge(&baseline, &candidate, &policy).unwrap();
    assert_eq!((count(&found, Failed), exits(&found).0), (GATED, 5));
}

#[test]
fn a_new_cell_is_told_and_not_judged() {
    let (mut baseline, candidate) = pair(3);
    without_cell(&mut baseline, "mlp");
    let found = judged(&baseline, &candidate);
    assert_eq!((count(&found, New), count(&found, Pass)), (GATED, GATED));
    assert_eq!(exits(&found), (0, 0));
    assert_eq!(found.coverage.to_string(), "judged 4 of 4, new 4");
    assert!(found.notes.contains(&GateNote::New { rows: 4 }), "{:?}", found.notes);
}

#[test]
fn one_failed_run_fails_its_cell_on_either_side() {
    // One that was not made leaves the blocks of the others where the sides took turns, and nothing elsewhere.
    let alone = || {
        let mut lab = Lab::new(4, 0.01);
        (lab.session("old", 6, &none), lab.session("new", 6, &none))
    };
    let in_turns = || pair(4);
    for (status, in_candidate, sides) in [
        (RunStatus::Failed, true, &in_turns as &dyn Fn() -> (Side, Side)),
        (RunStatus::Failed, false, &in_turns),
        (RunStatus::Cancelled, true, &alone),
        (RunStatus::Cancelled, false, &alone),
    ] {
        let (mut baseline, mut candidate) = sides();
        let side = if in_candidate { &mut candidate } else { &mut baseline };
        let run = &mut side.runs[3];
        (run.status, run.why) = (Some(status), "killed by signal 9".into());
        let cell = run.cell.clone();
        let found = judged(&baseline, &candidate);
        assert_eq!((count(&found, Failed), exits(&found)), (GATED, (5, 5)));
        let p25 = row(&found, &cell, P25);
        assert!(said(&p25.why).contains("killed by signal 9"), "{p25:?}");
        let of = if in_candidate { r#""side":"candidate""# } else { r#""side":"baseline""# };
        assert!(said(&p25.why).contains(of), "{p25:?}");
        assert_eq!((p25.baseline, p25.candidate, p25.change), (None, None, None));
    }
}

#[test]
fn a_comparison_that_was_interrupted_counts_its_whole_blocks_and_passes_nothing() {
    let (mut baseline, mut candidate) = pair(4);
    let begun = |run: &GateRun| run.pairing.as_ref().unwrap().block <= 2;
    let mut not_made = 0;
    for side in [&mut baseline, &mut candidate] {
        for run in side.runs.iter_mut().filter(|run| !begun(run)) {
            // As the manifest promises it, and without a record of its place.
            (run.status, run.pairing) = (Some(RunStatus::Cancelled), None);
            run.figures.clear();
            not_made += 1;
        }
    }
    let found = judged(&baseline, &candidate);
    assert_eq!(found.design, Design::Paired { sessions: 1, blocks: 2 });
    assert_eq!((count(&found, Unreachable), exits(&found)), (2 * GATED, (5, 5)));
    let of = baseline.runs.len() + candidate.runs.len();
    assert!(found.notes.contains(&GateNote::Unfinished { runs: not_made, of }), "{found:?}");
    // Enough blocks to find what is worse, and to let nothing pass.
    let (baseline, mut candidate) = Lab::new(4, 0.01).paired(10, &only("mlp", P25, 1.5));
    let last = candidate.runs.iter_mut().filter(|run| run.pairing.as_ref().unwrap().block == 10);
    last.for_each(|run| run.status = Some(RunStatus::Cancelled));
    let found = judged(&baseline, &candidate);
    assert_eq!(found.design, Design::Paired { sessions: 1, blocks: 9 });
    assert_eq!(row(&found, "mlp", P25).verdict, Regressed);
    assert_eq!((count(&found, Missing), count(&found, Pass)), (2 * GATED - 1, 0));
    // A side of which nothing was made is not new.
    let (mut baseline, candidate) = pair(4);
    for run in baseline.runs.iter_mut().filter(|run| run.cell == "mlp") {
        run.status = Some(RunStatus::Cancelled);
        run.figures.clear();
    }
    let found = judged(&baseline, &candidate);
    assert_eq!((count(&found, Missing), count(&found, New)), (GATED, 0));
    assert_eq!(exits(&found), (5, 5));
}

#[test]
fn settings_that_differ_are_named_and_compared_only_where_that_is_meant() {
    let told = |mut side: Side, batch: &str| {
        for run in side.runs.iter_mut().filter(|run| run.cell == "mlp") {
            run.settings = [("batch_size".to_owned(), batch.to_owned())].into();
        }
        side
    };
    let mut lab = Lab::new(4, 0.01);
    let (old, new) = (lab.session("old", 6, &none), lab.session("new", 6, &none));
    let says = r#""setting":"batch_size","baseline":"64","candidate":"32","cells":["mlp"]"#;
    let subject = GatePolicy { subject: ["batch_size".to_owned()].into(), ..GatePolicy::default() };
    let any = GatePolicy { any_machine: true, ..GatePolicy::default() };
    let usual = GatePolicy::default();
    let (turned, other) = pair(4);
    for (base, candidate, policy, named, compared) in [
        (told(old.clone(), "64"), told(new.clone(), "64"), &usual, false, true),
        (told(old.clone(), "64"), told(new.clone(), "32"), &usual, true, false),
        (told(old.clone(), "64"), told(new.clone(), "32"), &subject, true, true),
        (told(old.clone(), "64"), told(new.clone(), "32"), &any, true, true),
        // A CSV file does not tell.
        (told(old.clone(), "64"), new.clone(), &usual, false, true),
        // Who measures them in turns has set them so.
        (told(turned, "64"), told(other, "32"), &usual, true, true),
    ] {
        let found = judge(&base, &candidate, policy).unwrap();
        assert_eq!(has_note(&found, says), named, "{:?}", found.notes);
        assert_eq!(found.outcome != Outcome::Incomparable, compared, "{:?}", found.notes);
        assert!(!has_note(&found, "idle_subject"), "{:?}", found.notes);
    }
}

#[test]
fn a_cell_whose_every_run_failed_keeps_a_row() {
    let (mut baseline, mut candidate) = pair(5);
    for side in [&mut baseline, &mut candidate] {
        for run in side.runs.iter_mut().filter(|run| run.cell == "rnn") {
            run.status = Some(RunStatus::Failed);
            run.figures.clear();
        }
    }
    let found = judged(&baseline, &candidate);
    let whole = row(&found, "rnn", WHOLE_CELL);
    assert_eq!((whole.verdict, whole.phase.as_str()), (Failed, WHOLE_CELL));
    assert_eq!(exits(&found), (5, 5));
}

#[test]
fn a_cell_without_a_judged_figure_on_either_side_is_missing() {
    let (mut baseline, mut candidate) = pair(6);
    for side in [&mut baseline, &mut candidate] {
        for run in side.runs.iter_mut().filter(|run| run.cell == "rnn") {
            run.figures.retain(|figure| figure.metric == "train.throughput");
        }
    }
    let found = judged(&baseline, &candidate);
    assert_eq!(row(&found, "rnn", WHOLE_CELL).verdict, Missing);
    assert_eq!(exits(&found), (5, 5));
}

#[test]
fn a_quartile_of_few_samples_gives_way_to_the_median() {
    let (baseline, mut candidate) = Lab::new(7, 0.01).paired(10, &only("mlp", P25, 1.5));
    for figure in figures(&mut candidate, P25).take(1) {
        figure.samples = Some(19);
    }
    let cell = candidate.runs[0].cell.clone();
    let found = judged(&baseline, &candidate);
    let p25 = row(&found, &cell, P25);
    assert_eq!((p25.verdict, p25.role), (Info, Role::Info));
    assert_eq!(p25.why, [RowReason::JudgedInstead { samples: 19, by: P50.into() }]);
    let p50 = row(&found, &cell, P50);
    assert_eq!(p50.verdict, Pass);
    assert!(p50.why.contains(&RowReason::InPlaceOf { metric: P25.into() }), "{p50:?}");
    assert_eq!(found.coverage.of, 7);

    // A median that is for information otherwise is judged then.
    let policy = policy(P50, rule(Role::Info));
    let found = judge(&baseline, &candidate, &policy).unwrap();
    let p50 = row(&found, &cell, P50);
    assert_eq!((p50.verdict, p50.role), (Pass, Role::Gate));
    let other = if cell == "mlp" { "rnn" } else { "mlp" };
    assert_eq!(row(&found, other, P50).verdict, Info);

    // Without a median there is nothing to judge by, and that is said.
    let mut bare = [baseline.clone(), candidate.clone()];
    for side in &mut bare {
        for run in &mut side.runs {
            run.figures.retain(|figure| figure.metric != P50);
        }
    }
    let found = judged(&bare[0], &bare[1]);
    let p25 = row(&found, &cell, P25);
    assert_eq!(p25.verdict, Inconclusive);
    assert!(matches!(p25.why[..], [RowReason::NoFallback { .. }]), "{p25:?}");
}

#[test]
fn a_figure_absent_for_want_of_samples_is_inconclusive_and_not_missing() {
    let (baseline, mut candidate) = pair(8);
    for figure in figures(&mut candidate, RATE) {
        (figure.value, figure.samples) = (None, Some(14));
        figure.note = "14 windows, fewer than 20".into();
    }
    let found = judged(&baseline, &candidate);
    let rate = row(&found, "mlp", RATE);
    assert_eq!(rate.verdict, Inconclusive);
    assert!(said(&rate.why).contains("14"), "{rate:?}");
    // The other way round there is nothing to compare with, for the same reason.
    let found = judged(&candidate, &baseline);
    assert_eq!(row(&found, "mlp", RATE).verdict, Inconclusive);
}

/// The runs are there and too short for the figure: more of them are no help, and why they are is said instead of a count of blocks.
#[test]
fn a_figure_that_most_runs_are_too_short_for_asks_for_no_more_runs() {
    let (mut baseline, mut candidate) = pair(8);
    let note = "the steps fill 18 windows of 25.0 ms, and a quartile needs 20";
    for side in [&mut baseline, &mut candidate] {
        for run in side.runs.iter_mut().filter(|run| run.repeat > 2) {
            for figure in run.figures.iter_mut().filter(|figure| figure.metric == RATE) {
                (figure.value, figure.samples, figure.note) = (None, Some(18), note.into());
            }
        }
    }
    let found = judged(&baseline, &candidate);
    let rate = row(&found, "mlp", RATE);
    assert_eq!((rate.verdict, rate.runs_needed), (Inconclusive, None), "{rate:?}");
    let why = said(&rate.why);
    assert!(why.contains(note) && !why.contains("p_min"), "{why}");
}

#[test]
fn memory_must_grow_by_the_floor_and_by_a_mebibyte() {
    const MIB: f64 = 1_048_576.0;
    for (size, by, unit, expected) in [
        (10.0, 0.5, 1.0, Pass),
        (10.0, 1.5, 1.0, Regressed),
        (10.0, 1.5, 1024.0, Regressed),
        (10.0, 0.5, MIB, Pass),
        (1000.0, 1.5, 1.0, Pass),
        (1000.0, 30.0, 1.0, Regressed),
    ] {
        let (mut baseline, mut candidate) = Lab::new(9, 0.0001).paired(10, &none);
        for (side, add) in [(&mut baseline, 0.0), (&mut candidate, by)] {
            for figure in figures(side, PEAK) {
                let noise = figure.value.unwrap() / 3e8;
                figure.value = Some((size + add) * noise * MIB / unit);
                figure.unit = match unit {
                    1.0 => "bytes",
                    1024.0 => "KiB",
                    _ => "MiB",
                }
                .to_owned();
            }
        }
        let found = judged(&baseline, &candidate);
        let peak = row(&found, "mlp", PEAK);
        assert_eq!(peak.verdict, expected, "{size} {by} {unit}: {peak:?}");
        let floor = (1.0 / size).max(0.02);
        assert!((peak.floor - floor).abs() < 1e-3, "{} {floor}", peak.floor);
    }
}

/// Calls the peaks of a side figures of another metric, of this size.
fn in_place_of_peaks(side: &mut Side, name: &str, unit: &str, of: f64) {
    for figure in figures(side, PEAK) {
        // The same in each run, or with the noise of the lab.
        let noise = if name == "model.bytes" { 1.0 } else { figure.value.unwrap() / 3e8 };
        (figure.value, figure.unit) = (Some(of * noise), unit.to_owned());
        figure.metric = name.into();
    }
}

#[test]
fn what_is_judged_only_where_it_is_asked_for_has_floors_of_its_own() {
    let asked = |name: &str, unit: &str, (old, new): (f64, f64), role: Role| {
        let (mut baseline, mut candidate) = pair(14);
        in_place_of_peaks(&mut baseline, name, unit, old);
        in_place_of_peaks(&mut candidate, name, unit, new);
        let found = judge(&baseline, &candidate, &policy(name, rule(role))).unwrap();
        row(&found, "mlp", name).verdict
    };
    for (name, unit, sizes, expected) in [
        // A count has no noise: a thousandth more is found, and the same is the same.
        ("model.bytes", "bytes", (4e6, 4e6), Pass),
        ("model.bytes", "bytes", (4e6, 4.004e6), Regressed),
        ("model.bytes", "bytes", (4.004e6, 4e6), RowVerdict::Improved),
        ("start.time", "s", (0.4, 0.5), Regressed),
        ("start.time", "s", (0.02, 0.025), Pass),
        ("train.data_wait", "%", (0.1, 0.4), Pass),
        ("train.data_wait", "%", (10.0, 14.0), Regressed),
        ("cpu.time_per_sample", "s", (1e-5, 1.2e-5), Regressed),
    ] {
        assert_eq!(asked(name, unit, sizes, Role::Gate), expected, "{name} {sizes:?}");
        assert_eq!(asked(name, unit, sizes, Role::Info), Info, "{name} {sizes:?}");
    }
}

#[test]
fn other_machines_are_not_compared_unless_they_are_the_subject() {
    let (baseline, mut candidate) = pair(10);
    candidate.sessions[0].fingerprint = Some(machine("B"));
    let found = judged(&baseline, &candidate);
    assert_eq!((exits(&found), found.outcome), ((4, 4), Outcome::Incomparable));
    assert_eq!(count(&found, Incomparable), 2 * GATED);
    assert!(row(&found, "mlp", P25).change.is_none());
    assert!(has_note(&found, r#""baseline":"A","candidate":"B""#), "{:?}", found.notes);
    assert_eq!(found.environment.len(), 1);
    assert!(found.environment[0].hard && !found.full_verdicts);
    assert_eq!(found.coverage.to_string(), "judged 0 of 8, incomparable 8");

    let mut policy = GatePolicy::default();
    policy.subject.insert("cpu.model".into());
    policy.subject.insert("cpu.modle".into());
    let found = judge(&baseline, &candidate, &policy).unwrap();
    assert_eq!(exits(&found), (0, 0));
    assert!(has_note(&found, r#""note":"under_test","field":"cpu.model""#));
    assert!(has_note(&found, r#""note":"idle_subject","field":"cpu.modle""#));
}

#[test]
fn soft_differences_are_shown_and_forbid_nothing() {
    let (baseline, mut candidate) = pair(11);
    let print = candidate.sessions[0].fingerprint.as_mut().unwrap();
    print.soft.insert("kernel".into(), "6.2".into());
    let found = judged(&baseline, &candidate);
    assert_eq!(exits(&found), (0, 0));
    assert_eq!(found.environment[0].field, "kernel");
}

#[test]
fn any_machine_compares_and_stored_sessions_of_another_one_prove_nothing() {
    let mut lab = Lab::new(12, 0.005);
    let baseline = lab.stored(9, 5, 0.002);
    let mut candidate = lab.session("new", 5, &slower(2.0));
    assert_eq!(exits(&judged(&baseline, &candidate)), (1, 1));
    let policy = GatePolicy { any_machine: true, ..GatePolicy::default() };
    for print in [None, Some(machine("B"))] {
        candidate.sessions[0].fingerprint = print;
        assert_eq!(exits(&judged(&baseline, &candidate)), (4, 4));
        let found = judge(&baseline, &candidate, &policy).unwrap();
        assert_eq!(exits(&found), (0, 6), "{:#?}", found.rows);
        assert_eq!(row(&found, "mlp", P25).verdict, RowVerdict::Suspect);
        assert!(!found.full_verdicts);
        assert!(has_note(&found, "other_machine"), "{:?}", found.notes);
    }
}

#[test]
fn a_metric_of_another_program_is_judged_where_it_is_declared() {
    let (mut baseline, mut candidate) = Lab::new(13, 0.01).paired(10, &only("mlp", RATE, 0.7));
    for side in [&mut baseline, &mut candidate] {
        for figure in figures(side, RATE) {
            (figure.metric, figure.unit) = ("tokens".into(), "tokens/s".into());
        }
    }
    let mut declared = rule(Role::Gate);
    declared.direction = Some(Better::Higher);
    let found = judge(&baseline, &candidate, &policy("tokens", declared.clone())).unwrap();
    assert_eq!(row(&found, "mlp", "tokens").verdict, Regressed);
    assert_eq!(exits(&found), (1, 1));
    // Declared the other way round it is an improvement.
    declared.direction = Some(Better::Lower);
    let found = judge(&baseline, &candidate, &policy("tokens", declared.clone())).unwrap();
    assert_eq!(row(&found, "mlp", "tokens").verdict, RowVerdict::Improved);
    // For information it needs no direction.
    let found = judge(&baseline, &candidate, &policy("tokens", rule(Role::Info))).unwrap();
    assert_eq!(row(&found, "mlp", "tokens").verdict, Info);
    // Gated and nowhere to be found.
    let (baseline, candidate) = pair(13);
    let found = judge(&baseline, &candidate, &policy("tokens", declared)).unwrap();
    assert_eq!((row(&found, WHOLE_CELL, "tokens").verdict, exits(&found).0), (Missing, 5));
}

#[test]
fn a_metric_turned_against_the_catalogue_is_told() {
    let (baseline, candidate) = Lab::new(14, 0.01).paired(10, &only("mlp", P25, 1.5));
    let mut asked = rule(Role::Gate);
    asked.direction = Some(Better::Higher);
    let found = judge(&baseline, &candidate, &policy(P25, asked)).unwrap();
    assert_eq!(row(&found, "mlp", P25).verdict, RowVerdict::Improved);
    assert!(found.notes.contains(&GateNote::Turned { metric: P25.into() }), "{:?}", found.notes);
}

#[test]
fn what_neither_side_measured_is_told() {
    let (mut baseline, mut candidate) = pair(15);
    for side in [&mut baseline, &mut candidate] {
        for figure in figures(side, RATE) {
            figure.value = None;
        }
    }
    let found = judged(&baseline, &candidate);
    assert_eq!((found.coverage.of, exits(&found)), (6, (0, 0)));
    assert!(has_note(&found, r#""places":2"#));
}

#[test]
fn figures_that_runs_lack_are_counted_on_both_sides() {
    for (lacks, said) in [
        ([3, 2], Some((Arm::Baseline, 3, 2))),
        ([3, 0], Some((Arm::Baseline, 3, 0))),
        ([0, 2], Some((Arm::Candidate, 2, 0))),
        ([0, 0], None),
    ] {
        let mut lab = Lab::new(18, 0.01);
        let (mut baseline, mut candidate) = (lab.stored(3, 6, 0.01), lab.session("new", 6, &none));
        for (side, lacks) in [&mut baseline, &mut candidate].into_iter().zip(lacks) {
            for run in side.runs.iter_mut().filter(|run| run.cell == "mlp").take(lacks) {
                let mut of_run = run.figures.iter_mut();
                of_run.find(|figure| figure.metric == RATE).unwrap().value = None;
            }
        }
        let found = judged(&baseline, &candidate);
        let absent: Vec<_> = row(&found, "mlp", RATE)
            .why
            .iter()
            .filter_map(|why| match why {
                RowReason::Absent { side, absent, of_other, .. } => {
                    Some((*side, *absent, of_other.0))
                }
                _ => None,
            })
            .collect();
        assert_eq!(absent, Vec::from_iter(said), "{lacks:?}");
    }
}

/// A figure that nobody judges is named where every run of the candidate is worse, and nothing else of its cell is red.
#[test]
fn what_is_not_judged_and_is_worse_in_every_run_is_named() {
    let named = |effect: Effect<'_>, policy: &GatePolicy| {
        let (baseline, candidate) = Lab::new(19, 0.01).paired(10, effect);
        let found = judge(&baseline, &candidate, policy).unwrap();
        let note = found.notes.iter().find_map(|note| match note {
            GateNote::Apart { cell, metric, change, more, .. } => {
                Some((cell.clone(), metric.to_string(), (change * 10.0).round(), *more))
            }
            _ => None,
        });
        (note, exits(&found).0)
    };
    let usual = GatePolicy::default();
    let halved = only("mlp", TOLD, 0.5);
    let said = ("mlp".to_owned(), TOLD.to_owned(), -5.0, 0);
    assert_eq!(named(&halved, &usual), (Some(said), 0));
    // Of equal sides, one that is better, one below the floor, what was asked to be told only, and a cell that is red: nothing.
    assert_eq!(named(&none, &usual).0, None);
    assert_eq!(named(&only("mlp", TOLD, 2.0), &usual).0, None);
    assert_eq!(named(&only("mlp", TOLD, 0.955), &usual).0, None);
    assert_eq!(named(&halved, &policy(TOLD, rule(Role::Info))).0, None);
    assert_eq!(named(&slower(1.5), &usual), (None, 1));
}

/// What the baseline says in every run and the candidate in some only is not measured as before; what both say now and then is in doubt.
#[test]
fn a_figure_that_the_candidate_stopped_saying_in_some_runs_is_missing() {
    for (silent, verdict, exit) in [
        ([0, 0], Pass, 0),
        ([0, 4], Missing, 5),
        ([0, 15], Missing, 5),
        ([4, 4], Inconclusive, 0),
        ([4, 0], Inconclusive, 0),
    ] {
        let (mut baseline, mut candidate) = pair(18);
        for (side, silent) in [&mut baseline, &mut candidate].into_iter().zip(silent) {
            for run in side.runs.iter_mut().filter(|run| run.cell == "mlp").take(silent) {
                let mut of_run = run.figures.iter_mut();
                let figure = of_run.find(|figure| figure.metric == RATE).unwrap();
                (figure.value, figure.samples, figure.unsaid) = (None, Some(0), true);
                figure.note = "no value was reported in this stage".to_owned();
            }
        }
        let found = judged(&baseline, &candidate);
        let rate = row(&found, "mlp", RATE);
        assert_eq!((rate.verdict, exits(&found).0), (verdict, exit), "{silent:?}");
        let said = rate.why.iter().any(|why| matches!(why, RowReason::Absent { unsaid: true, .. }));
        assert_eq!(said, silent != [0, 0], "{silent:?}");
        assert_eq!(rate.remedy(), None, "{silent:?}");
    }
}

/// What the catalogue gates may be absent; what the policy asks for may not, whichever metric it is.
#[test]
fn what_the_policy_gates_and_nobody_measured_is_missing() {
    const DEVICE: &str = "gpu.memory_peak";
    let (mut baseline, mut candidate) = pair(17);
    let with = |metric: &str, wanted: bool| {
        let mut policy = policy(metric, default_rule(&metric.into()).unwrap());
        policy.metrics.get_mut(metric).unwrap().role = Role::Gate;
        if wanted {
            policy.wanted.insert(metric.into());
        }
        policy
    };
    let finds = |sides: (&Side, &Side), metric: &str, wanted: bool, exit: u8| {
        let found = judge(sides.0, sides.1, &with(metric, wanted)).unwrap();
        assert_eq!(exits(&found).0, exit, "{metric} {wanted}");
        let missing = found.rows.iter().filter(|row| row.verdict == Missing);
        let missing: Vec<&str> = missing.map(|row| row.metric.as_str()).collect();
        let expected: &[&str] = if exit == 0 { &[] } else { &[metric] };
        assert_eq!(missing, expected);
    };
    finds((&baseline, &candidate), DEVICE, false, 0);
    finds((&baseline, &candidate), DEVICE, true, 5);
    // It is told by the catalogue only, so to gate it is the policy's own wish.
    finds((&baseline, &candidate), "cpu.time", false, 5);
    finds((&baseline, &candidate), P25, true, 0);
    // The figure is there and holds nothing.
    for side in [&mut baseline, &mut candidate] {
        for figure in figures(side, RATE) {
            (figure.metric, figure.value) = (DEVICE.into(), None);
            figure.unit = "bytes".into();
        }
    }
    finds((&baseline, &candidate), DEVICE, false, 0);
    finds((&baseline, &candidate), DEVICE, true, 5);
}

/// As perftune writes it: no quartile, and of how many samples it would have been.
#[test]
fn an_absent_quartile_of_few_samples_gives_way_to_the_median() {
    let (mut baseline, mut candidate) = Lab::new(18, 0.005).paired(10, &only("mlp", P50, 1.5));
    let strip = |side: &mut Side, runs: usize| {
        for figure in figures(side, P25).take(runs) {
            (figure.value, figure.samples) = (None, Some(12));
        }
    };
    strip(&mut candidate, 1);
    for sides in 1..=3 {
        let found = judged(&baseline, &candidate);
        let cell = candidate.runs[0].cell.clone();
        let p25 = row(&found, &cell, P25);
        assert_eq!((p25.verdict, p25.role), (Info, Role::Info), "{sides}");
        assert_eq!(p25.why, [RowReason::JudgedInstead { samples: 12, by: P50.into() }]);
        let p50 = row(&found, &cell, P50);
        assert!(p50.why.contains(&RowReason::InPlaceOf { metric: P25.into() }), "{p50:?}");
        assert_eq!(row(&found, "mlp", P50).verdict, Regressed);
        let side = if sides == 1 { &mut candidate } else { &mut baseline };
        strip(side, usize::MAX);
    }
    // Without the median there is nothing to judge by, and neither is that a pass.
    for side in [&mut baseline, &mut candidate] {
        side.runs.iter_mut().for_each(|run| run.figures.retain(|figure| figure.metric == P25));
    }
    let found = judged(&baseline, &candidate);
    assert_eq!(row(&found, "mlp", P25).verdict, Inconclusive);
    assert_eq!(row(&found, "mlp", WHOLE_CELL).verdict, Missing);
    assert_eq!(exits(&found), (5, 5));
}

#[test]
fn copies_of_runs_are_no_evidence() {
    let copy = |side: &mut Side, cell: &str| {
        let of_cell = side.runs.iter_mut().filter(|run| run.cell == cell);
        let mut of_cell: Vec<&mut GateRun> = of_cell.collect();
        let figures = of_cell[0].figures.clone();
        of_cell[1].figures = figures;
    };
    let (baseline, mut candidate) = Lab::new(19, 0.005).paired(10, &only("mlp", P25, 1.5));
    assert_eq!(exits(&judged(&baseline, &candidate)), (1, 1));
    copy(&mut candidate, "mlp");
    let found = judged(&baseline, &candidate);
    let p25 = row(&found, "mlp", P25);
    assert_eq!(p25.verdict, RowVerdict::Suspect);
    let copied = RowReason::Copies { side: Arm::Candidate, runs: 1 };
    assert_eq!(p25.why, [RowReason::SuspectAtMost { since: Box::new(copied) }]);
    assert_eq!(row(&found, "mlp", PEAK).verdict, Inconclusive);
    assert_eq!(row(&found, "rnn", P25).verdict, Pass);
    assert!(has_note(&found, r#""note":"copies""#));

    // Rounded figures are equal by chance.
    let (mut baseline, mut candidate) = Lab::new(19, 0.005).paired(10, &none);
    for side in [&mut baseline, &mut candidate] {
        for run in &mut side.runs {
            run.figures.retain(|figure| figure.metric == P25);
            let value = run.figures[0].value.as_mut().unwrap();
            *value = (*value * 1e5).round() / 1e5;
        }
        copy(side, "mlp");
    }
    let found = judged(&baseline, &candidate);
    assert_eq!((exits(&found), count(&found, Pass)), ((0, 0), 2));
}

#[test]
fn eight_copies_of_one_session_are_no_eight_sessions() {
    let mut lab = Lab::new(20, 0.005);
    let mut baseline = lab.stored(8, 5, 0.005);
    let candidate = lab.session("new", 5, &slower(1.6));
    assert_eq!(exits(&judged(&baseline, &candidate)), (1, 1));
    let first: Vec<GateRun> = baseline.runs[..10].to_vec();
    for (run, copied) in baseline.runs.iter_mut().zip(first.iter().cycle()) {
        run.figures.clone_from(&copied.figures);
    }
    let found = judged(&baseline, &candidate);
    assert_eq!(exits(&found), (0, 6));
    assert_eq!(count(&found, RowVerdict::Regressed) + count(&found, Pass), 0);
}

#[test]
fn a_device_that_is_not_used_holds_nothing() {
    let (mut baseline, mut candidate) = pair(16);
    for side in [&mut baseline, &mut candidate] {
        for figure in figures(side, PEAK) {
            (figure.metric, figure.value) = ("gpu.memory_peak".into(), Some(0.0));
        }
    }
    let found = judged(&baseline, &candidate);
    let peak = row(&found, "mlp", "gpu.memory_peak");
    assert_eq!((peak.verdict, peak.role), (Info, Role::Info));
    figures(&mut candidate, "gpu.memory_peak").for_each(|figure| figure.value = Some(1e9));
    let error = judge(&baseline, &candidate, &GatePolicy::default()).unwrap_err();
    assert!(matches!(error, GateError::NotPositive { .. }), "{error}");
}
