//! What each design may say, and the exit code that comes of it.

use super::super::reason::Narrow;
use super::*;
use RowVerdict::{Improved, Inconclusive, Pass, Regressed, Suspect, Unreachable};

#[test]
fn equal_builds_in_turns_pass() {
    let (baseline, candidate) = Lab::new(1, 0.01).paired(10, &none);
    let found = judged(&baseline, &candidate);
    assert_eq!(count(&found, Pass), 2 * GATED, "{:#?}", found.rows);
    assert_eq!(count(&found, RowVerdict::Info), 2);
    assert_eq!(exits(&found), (0, 0));
    assert_eq!(found.outcome, Outcome::Ok);
    assert_eq!(found.coverage.to_string(), "judged 8 of 8");
    let blocks = Design::Paired { sessions: 1, blocks: 10 };
    assert_eq!((found.design, found.full_verdicts), (blocks, true));
    assert!((found.p_min - 1.0 / 1024.0).abs() < 1e-12);
    let p25 = row(&found, "mlp", P25);
    assert_eq!((p25.baseline_runs, p25.candidate_runs), (20, 20));
    assert!(p25.low.unwrap() < p25.change.unwrap() && p25.change.unwrap() < p25.high.unwrap());
    assert!(
        (p25.floor - 0.05).abs() < 1e-12 && (row(&found, "mlp", P50).floor - 0.1).abs() < 1e-12
    );
    assert!(p25.detectable.unwrap() > 0.05 && p25.detectable.unwrap() < 0.1, "{p25:?}");
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[test]
fn a_slower_row_is_named_first_and_alone() {
    for (cell, metric, by) in
        [("mlp", P25, 1.1), ("rnn", P50, 1.25), ("rnn", RATE, 0.85), ("mlp", PEAK, 1.06)]
    {
        let (baseline, candidate) = Lab::new(2, 0.01).paired(10, &only(cell, metric, by));
        let found = judged(&baseline, &candidate);
        assert_eq!(count(&found, Regressed), 1, "{metric}");
        let worst = &found.rows[0];
        assert_eq!((worst.cell.as_str(), worst.metric.as_str()), (cell, metric));
        assert!((worst.change.unwrap() - (by - 1.0)).abs() < 0.02, "{worst:?}");
        assert!(worst.low.unwrap() < by - 1.0 && by - 1.0 < worst.high.unwrap(), "{worst:?}");
        assert!(worst.p.unwrap() <= 0.01);
        assert_eq!(exits(&found), (1, 1));
    }
}

#[test]
fn a_faster_build_is_improved_and_green() {
    let (baseline, candidate) = Lab::new(3, 0.01).paired(10, &slower(0.8));
    let found = judged(&baseline, &candidate);
    assert_eq!((count(&found, Improved), count(&found, Pass)), (6, 2));
    assert_eq!(exits(&found), (0, 0));
    assert!(row(&found, "rnn", RATE).change.unwrap() > 0.2);
}

#[test]
fn a_change_below_the_floor_is_no_regression_however_certain() {
    let (baseline, candidate) = Lab::new(4, 0.001).paired(14, &only("mlp", P25, 1.03));
    let found = judged(&baseline, &candidate);
    let p25 = row(&found, "mlp", P25);
    assert!(p25.p.unwrap() <= 0.01, "{p25:?}");
    assert_eq!(p25.verdict, Pass);
    let policy = GatePolicy { floor: 0.02, ..GatePolicy::default() };
    let found = judge(&baseline, &candidate, &policy).unwrap();
    assert_eq!(row(&found, "mlp", P25).verdict, Regressed);
}

#[test]
fn noise_is_inconclusive_and_says_what_it_would_take() {
    let (baseline, candidate) = Lab::new(5, 0.12).paired(10, &none);
    let found = judged(&baseline, &candidate);
    let open: Vec<&Row> = found.rows.iter().filter(|row| row.verdict == Inconclusive).collect();
    assert!(!open.is_empty());
    for row in open {
        assert!(row.detectable.unwrap() > row.floor, "{row:?}");
        assert!(row.runs_needed.unwrap() >= 1, "{row:?}");
        assert!(row.why.contains(&RowReason::Open { floor: row.floor, alone: false }), "{row:?}");
        let runs = row.runs_needed.unwrap();
        let told = row.why.iter().find_map(|why| match why {
            RowReason::MoreRuns { least, most } => Some((*least, *most)),
            _ => None,
        });
        // Ten blocks do not tell the noise, nor the change, to a hair.
        let (least, most) = told.unwrap();
        assert!(least < runs && most.is_none_or(|most| most > runs), "{row:?}");
    }
    assert_eq!(found.outcome, Outcome::Doubtful);
    assert_eq!(exits(&found), (0, 6));
    assert!(found.coverage.to_string().contains("inconclusive"));
}

#[test]
fn too_few_blocks_can_never_fail_and_say_so() {
    for (blocks, more) in [(1, 12), (3, 8), (6, 2)] {
        let (baseline, candidate) = Lab::new(6, 0.01).paired(blocks, &slower(2.0));
        let found = judged(&baseline, &candidate);
        assert_eq!(count(&found, Unreachable), 2 * GATED);
        assert_eq!(row(&found, "mlp", P25).runs_needed, Some(more));
        assert_eq!(exits(&found), (5, 5), "nothing was judged");
        assert!(has_note(&found, r#""note":"unreachable""#));
    }
    let (baseline, candidate) = Lab::new(6, 0.01).paired(7, &slower(2.0));
    assert_eq!(exits(&judged(&baseline, &candidate)), (1, 1));
}

#[test]
fn one_stored_session_is_suspect_at_most() {
    let mut lab = Lab::new(7, 0.002);
    let baseline = lab.session("before", 6, &none);
    for (by, expected, exit) in [
        (1.0, Pass, (0, 0)),
        // Certainly worse by more than the floor, and by less than two sessions of one build may differ.
        (1.06, Inconclusive, (0, 6)),
        (1.19, Inconclusive, (0, 6)),
        (0.9, Pass, (0, 0)),
        (1.5, Suspect, (0, 6)),
        (3.0, Suspect, (0, 6)),
        (0.5, Pass, (0, 0)),
    ] {
        let candidate = lab.session("after", 6, &only("mlp", P25, by));
        let found = judged(&baseline, &candidate);
        let p25 = row(&found, "mlp", P25);
        assert_eq!(p25.verdict, expected, "{by}: {p25:?}");
        assert!((p25.floor - 0.05).abs() < 1e-12, "the floor of what passes");
        assert!((row(&found, "mlp", P50).floor - 0.1).abs() < 1e-12);
        assert!(p25.detectable.unwrap() >= 0.2, "{p25:?}");
        if expected == Inconclusive {
            assert!(p25.why.contains(&RowReason::NoneBelow { share: 0.2 }), "{p25:?}");
        }
        assert_eq!(exits(&found), exit, "{by}");
        assert!(!found.full_verdicts && has_note(&found, "one_session"));
        if by > 1.2 {
            assert!(said(&p25.why).contains("suspect_at_most"), "{p25:?}");
        }
    }
    // 1 / C(12, 6)
    let candidate = lab.session("after", 6, &none);
    assert!((judged(&baseline, &candidate).p_min - 1.0 / 924.0).abs() < 1e-12);
}

#[test]
fn too_few_repeats_can_never_fail_and_say_so() {
    let mut lab = Lab::new(8, 0.01);
    for (base, new, more) in [(1, 1, 4), (4, 4, 1), (3, 5, 1)] {
        let baseline = lab.session("before", base, &none);
        let candidate = lab.session("after", new, &slower(3.0));
        let found = judged(&baseline, &candidate);
        assert_eq!(count(&found, Unreachable), 2 * GATED, "{base} {new}");
        assert_eq!(row(&found, "rnn", RATE).runs_needed, Some(more));
        assert_eq!(exits(&found), (5, 5));
    }
}

#[test]
fn several_stored_sessions_are_suspect_at_most_and_eight_can_fail() {
    for (sessions, verdict, exit) in
        [(3, Suspect, (0, 6)), (7, Suspect, (0, 6)), (8, Regressed, (1, 1))]
    {
        let mut lab = Lab::new(9, 0.005);
        let baseline = lab.stored(sessions, 5, 0.005);
        let candidate = lab.session("new", 5, &slower(1.6));
        let found = judged(&baseline, &candidate);
        let p25 = row(&found, "mlp", P25);
        assert_eq!(p25.verdict, verdict, "{sessions}: {p25:?}");
        assert_eq!(exits(&found), exit, "{sessions}");
        assert_eq!(found.full_verdicts, sessions == 8);
        assert_eq!(p25.baseline_runs, 5 * sessions as usize);
        let equal = lab.session("new", 5, &none);
        let found = judged(&baseline, &equal);
        assert_eq!(count(&found, Regressed) + count(&found, Suspect), 0);
        assert_ne!(exits(&found).0, 1);
    }
}

#[test]
fn sessions_of_one_afternoon_are_suspect_at_most() {
    let mut lab = Lab::new(10, 0.005);
    let mut baseline = lab.stored(8, 3, 0.005);
    let candidate = lab.session("new", 3, &slower(1.6));
    let capped = |baseline: &Side, dated| {
        let found = judged(baseline, &candidate);
        assert_eq!((exits(&found), found.full_verdicts), ((0, 6), false));
        let p25 = row(&found, "mlp", P25);
        assert_eq!(p25.verdict, Suspect, "{p25:?}");
        let narrow = Narrow { sessions: 8, dated };
        let since = Box::new(RowReason::Narrow(narrow));
        assert_eq!(p25.why, [RowReason::SuspectAtMost { since }]);
        assert!(found.notes.contains(&GateNote::Narrow(narrow)), "{:?}", found.notes);
    };
    let found = judged(&baseline, &candidate);
    assert_eq!((exits(&found), found.full_verdicts), ((1, 1), true));
    assert!(!has_note(&found, "narrow"));
    for (hour, session) in baseline.sessions.iter_mut().enumerate() {
        session.created = format!("2026-03-01T{hour:02}:00:00Z");
    }
    capped(&baseline, true);
    baseline.sessions[3].created = String::new();
    capped(&baseline, false);
}

#[test]
fn doubt_about_sessions_asks_for_sessions_and_of_other_days_where_they_are_close() {
    let mut lab = Lab::new(10, 0.03);
    let mut baseline = lab.stored(8, 3, 0.05);
    let candidate = lab.session("new", 3, &none);
    let asks = |baseline: &Side, other_days| {
        let found = judged(baseline, &candidate);
        let open: Vec<&Row> = found.rows.iter().filter(|row| row.verdict == Inconclusive).collect();
        assert!(!open.is_empty());
        for row in open {
            assert_eq!(row.why.last(), Some(&RowReason::MoreSessions { other_days }), "{row:?}");
            assert_eq!(row.remedy(), Some(Remedy::Sessions { other_days }));
        }
    };
    asks(&baseline, false);
    for (hour, session) in baseline.sessions.iter_mut().enumerate() {
        session.created = format!("2026-03-01T{hour:02}:00:00Z");
    }
    asks(&baseline, true);
}

#[test]
fn a_row_that_few_sessions_have_is_not_judged_as_if_all_had_it() {
    let mut lab = Lab::new(11, 0.005);
    let mut baseline = lab.stored(8, 4, 0.005);
    let candidate = lab.session("new", 4, &slower(1.6));
    let drop_from = |side: &mut Side, kept: &[&str]| {
        for run in &mut side.runs {
            if !kept.contains(&run.session.as_str()) {
                run.figures.retain(|figure| figure.metric != P25);
            }
        }
    };
    drop_from(&mut baseline, &["s01", "s02", "s03", "s04"]);
    let found = judged(&baseline, &candidate);
    let p25 = row(&found, "mlp", P25);
    assert_eq!(p25.verdict, Suspect, "{p25:?}");
    let since = Box::new(RowReason::FewSessions { sessions: 4, all: false });
    assert_eq!(p25.why, [RowReason::SuspectAtMost { since }]);
    drop_from(&mut baseline, &["s01"]);
    let p25 = judged(&baseline, &candidate);
    let p25 = row(&p25, "mlp", P25);
    assert_eq!(p25.verdict, Inconclusive);
    assert_eq!(p25.why, [RowReason::OneHasIt]);
}

#[test]
fn the_mean_of_a_few_runs_is_held_against_the_mean_of_as_few() {
    let mut lab = Lab::new(12, 0.05);
    let baseline = lab.stored(8, 12, 0.001);
    let candidate = lab.session("new", 1, &none);
    let found = judged(&baseline, &candidate);
    assert!(found.notes.contains(&GateNote::RunsLeftOut), "{:?}", found.notes);
    // Means of 12 runs would vary by 1.4%, and one run varies by 5%.
    let p25 = row(&found, "mlp", P25);
    let half = (p25.high.unwrap() - p25.low.unwrap()) / 2.0;
    assert!(half > 0.1, "{half}");
}

#[test]
fn the_candidates_own_session_is_left_out_of_the_baseline() {
    let mut lab = Lab::new(13, 0.01);
    let candidate = lab.session("new", 6, &slower(2.0));
    let mut baseline = lab.session("before", 6, &none);
    baseline.sessions.extend(candidate.sessions.clone());
    baseline.runs.extend(candidate.runs.clone());
    let found = judged(&baseline, &candidate);
    assert_eq!(found.design, Design::Stored { baseline_sessions: 1 });
    assert_eq!(row(&found, "mlp", P25).verdict, Suspect);
    assert!(has_note(&found, "own_session"), "{:?}", found.notes);
    let error = judge(&candidate, &candidate, &GatePolicy::default()).unwrap_err();
    assert!(matches!(error, GateError::SameRuns { .. }), "{error}");
    // With one figure changed it is still one session, and one build.
    let mut changed = candidate.clone();
    changed.runs[0].figures[0].value = Some(0.5);
    for baseline in [&candidate, &baseline] {
        let error = judge(baseline, &changed, &GatePolicy::default()).unwrap_err();
        assert!(matches!(&error, GateError::SharedSession { session, .. } if session == "new"));
        assert!(error.to_string().contains("session `new`"), "{error}");
    }
}

#[test]
fn blocks_of_two_comparisons_are_put_together() {
    let mut lab = Lab::new(14, 0.01);
    let (mut baseline, mut candidate) = lab.paired(5, &slower(1.2));
    let (base, new) = lab.paired(5, &slower(1.2));
    for (side, mut more) in [(&mut baseline, base), (&mut candidate, new)] {
        for run in &mut more.runs {
            run.pairing.as_mut().unwrap().session = "x2".into();
        }
        side.runs.append(&mut more.runs);
    }
    let found = judged(&baseline, &candidate);
    let design = Design::Paired { sessions: 2, blocks: 10 };
    assert_eq!((found.design, exits(&found).0), (design, 1));
    assert_eq!(found.design.to_string(), "interleaved, 10 blocks of 2 sessions");
}

#[test]
fn the_worse_outcome_hides_the_better() {
    use Outcome::{Coverage, Doubtful, Incomparable, Ok, Regressed};
    let (baseline, candidate) = Lab::new(15, 0.01).paired(10, &none);
    let mut found = judged(&baseline, &candidate);
    for (verdicts, outcome, exit) in [
        (&[][..], Ok, (0, 0)),
        (&[RowVerdict::Improved, RowVerdict::New], Ok, (0, 0)),
        (&[RowVerdict::Inconclusive], Doubtful, (0, 6)),
        (&[RowVerdict::Suspect], Doubtful, (0, 6)),
        (&[RowVerdict::Unreachable], Coverage, (5, 5)),
        (&[RowVerdict::Suspect, RowVerdict::Regressed], Regressed, (1, 1)),
        (&[RowVerdict::Regressed, RowVerdict::Missing], Coverage, (5, 5)),
        (&[RowVerdict::Regressed, RowVerdict::Failed], Coverage, (5, 5)),
        (
            &[RowVerdict::Failed, RowVerdict::Regressed, RowVerdict::Incomparable],
            Incomparable,
            (4, 4),
        ),
    ] {
        let clean = found.clone();
        for (row, verdict) in found.rows.iter_mut().zip(verdicts) {
            row.verdict = *verdict;
        }
        assert_eq!(Outcome::of(&found.rows), outcome, "{verdicts:?}");
        // The outcome that was written is not trusted where the rows say worse.
        assert_eq!(exits(&found), exit, "{verdicts:?}");
        found = clean;
    }
    found.rows.retain(|row| row.verdict == RowVerdict::Info);
    assert_eq!(exits(&found), (5, 5), "a gate that looked at nothing");
    found.rows.clear();
    assert_eq!(exits(&found), (5, 5));
}

#[test]
fn a_judgement_is_read_back() {
    let (baseline, candidate) = Lab::new(16, 0.05).paired(9, &slower(1.1));
    let found = judged(&baseline, &candidate);
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.starts_with("{\"format\":\"perftune-verdict/2\""), "{text}");
    let back: Judgement = serde_json::from_str(&text).unwrap();
    assert_eq!(back, found);
}
