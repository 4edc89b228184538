//! What must not matter: order, units, samples, and which arm is called which.

use proptest::prelude::*;

use super::*;

/// Moves the last to other places, by a seed.
fn shuffle<T>(items: &mut [T], noise: &mut Noise) {
    for last in (1..items.len()).rev() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the length"
        )]
        let other = (noise.uniform() * (last + 1) as f64) as usize;
        items.swap(last, other);
    }
}

/// With fewer draws than usual: what is drawn from is the same.
fn judged(baseline: &Side, candidate: &Side) -> Judgement {
    let policy = GatePolicy { draws: 999, ..GatePolicy::default() };
    judge(baseline, candidate, &policy).unwrap()
}

/// Two sides of any design.
fn sides(seed: u64, (design, cv, by): (u8, f64, f64)) -> (Side, Side) {
    let mut lab = Lab::new(seed, cv);
    let effect = slower(by);
    match design {
        0 => lab.paired(10, &effect),
        // More than 20,000 arrangements: they are drawn.
        1 => lab.paired(15, &effect),
        2 => (lab.session("a", 6, &none), lab.session("b", 5, &effect)),
        3 => (lab.session("a", 12, &none), lab.session("b", 9, &effect)),
        _ => {
            let baseline = lab.stored(8, 4, cv);
            (baseline, lab.session("new", 4, &effect))
        }
    }
}

fn mirrored(verdict: RowVerdict) -> Option<RowVerdict> {
    match verdict {
        RowVerdict::Regressed => Some(RowVerdict::Improved),
        // What may say no more than that may not say improved either.
        RowVerdict::Suspect => Some(RowVerdict::Pass),
        RowVerdict::Info | RowVerdict::Unreachable => Some(verdict),
        // Equal within the floor, or better: the mirror of the latter is open.
        _ => None,
    }
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_runs_figures_and_cells_does_not_matter(
        seed in 0u64..1000,
        design in 0u8..5,
        cv in 0.001..0.1f64,
        by in 0.8..1.3f64,
    ) {
        let (mut base, mut new) = sides(seed, (design, cv, by));
        let found = judged(&base, &new);
        prop_assert_eq!(&found, &judged(&base, &new), "the same input twice");
        let mut noise = Noise::new(seed + 1);
        for side in [&mut base, &mut new] {
            shuffle(&mut side.runs, &mut noise);
            shuffle(&mut side.cells, &mut noise);
            shuffle(&mut side.sessions, &mut noise);
            side.runs.iter_mut().for_each(|run| shuffle(&mut run.figures, &mut noise));
        }
        prop_assert_eq!(&found, &judged(&base, &new));
    }

    #[test]
    fn the_unit_does_not_matter(
        seed in 0u64..1000,
        design in 0u8..5,
        cv in 0.001..0.1f64,
        by in 0.8..1.3f64,
    ) {
        let (mut base, mut new) = sides(seed, (design, cv, by));
        let found = judged(&base, &new);
        for side in [&mut base, &mut new] {
            for run in &mut side.runs {
                for figure in &mut run.figures {
                    let (unit, factor) = match figure.unit.as_str() {
                        "s" => ("ms", 1e3),
                        "bytes" => ("MiB", 1.0 / 1_048_576.0),
                        _ => ("k/s", 1e-3),
                    };
                    figure.unit = unit.to_owned();
                    figure.value = figure.value.map(|value| value * factor);
                }
            }
        }
        let scaled = judged(&base, &new);
        prop_assert_eq!(verdicts(&found), verdicts(&scaled));
        for row in &scaled.rows {
            let before = found.rows.iter().find(|before| {
                (&before.cell, &before.metric) == (&row.cell, &row.metric)
            });
            let before = before.unwrap();
            prop_assert!(near(before.change, row.change) && near(before.high, row.high));
            prop_assert!(near(before.p, row.p), "{:?} {:?}", before.p, row.p);
        }
    }

    #[test]
    fn ten_times_the_samples_are_no_more_runs(
        seed in 0u64..1000,
        design in 0u8..5,
        cv in 0.001..0.1f64,
        by in 0.8..1.3f64,
    ) {
        let (mut base, mut new) = sides(seed, (design, cv, by));
        let found = judged(&base, &new);
        for side in [&mut base, &mut new] {
            for figure in side.runs.iter_mut().flat_map(|run| &mut run.figures) {
                figure.samples = figure.samples.map(|n| 10 * n);
            }
        }
        prop_assert_eq!(&found, &judged(&base, &new));
    }

    #[test]
    fn exchanged_arms_mirror_the_verdicts(
        seed in 0u64..1000,
        design in 0u8..4,
        cv in 0.001..0.05f64,
        by in 0.7..1.4f64,
    ) {
        let (base, new) = sides(seed, (design, cv, by));
        let (found, turned) = (judged(&base, &new), judged(&new, &base));
        let other = verdicts(&turned);
        for row in &found.rows {
            let name = (row.cell.clone(), row.phase.clone(), row.metric.clone());
            let there = other[&name];
            if let Some(expected) = mirrored(row.verdict) {
                prop_assert_eq!(there, expected, "{:?}", row);
            }
            if row.verdict == RowVerdict::Improved {
                prop_assert_eq!(there, RowVerdict::Regressed, "{:?}", row);
            }
            let back = turned.rows.iter().find(|back| (&back.cell, &back.metric) == (&row.cell, &row.metric));
            let back = back.unwrap();
            prop_assert!(near(row.p, back.p), "{:?} {:?}", row.p, back.p);
            let turn = |share: Option<f64>| share.map(|share| 1.0 / (1.0 + share) - 1.0);
            prop_assert!(near(turn(row.change), back.change) || row.verdict == RowVerdict::Info);
            prop_assert!(near(turn(row.high), back.low) && near(turn(row.low), back.high));
            prop_assert!(near(Some(row.floor), Some(back.floor)));
        }
    }

    /// Equal builds, whatever the noise: no row is worse than suspect in a design that cannot know, and every row is accounted for.
    #[test]
    fn the_census_is_complete_and_ceilings_hold(
        seed in 0u64..1000,
        design in 2u8..5,
        cv in 0.001..0.3f64,
        by in 0.3..3.0f64,
    ) {
        let (base, new) = sides(seed, (design, cv, by));
        let found = judged(&base, &new);
        if design < 4 {
            prop_assert_eq!(count(&found, RowVerdict::Regressed), 0);
        }
        let census = found.coverage;
        prop_assert_eq!(census.of, 2 * GATED);
        let told = census.judged + census.inconclusive + census.missing + census.failed + census.unreachable;
        prop_assert_eq!(told, census.of);
        prop_assert!(found.rows.is_sorted_by_key(|row| row.verdict));
        for row in &found.rows {
            prop_assert!(row.verdict == RowVerdict::Info || row.p.is_some_and(|p| p > 0.0 && p <= 1.0));
            let inside = row.low.is_none_or(|low| low <= row.change.unwrap())
                && row.high.is_none_or(|high| row.change.unwrap() <= high);
            prop_assert!(inside, "{:?}", row);
        }
    }
}
