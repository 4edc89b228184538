use super::super::testing::Noise;
use super::*;
use proptest::prelude::*;

const ASK: FamilyAsk = FamilyAsk { alpha: 0.01, draws: 19_999, seed: 1 };

fn paired(kind: usize, differences: &[f64]) -> PairedTest {
    PairedTest { kind, differences: differences.iter().copied().map(Some).collect() }
}

fn grouped(kind: usize, values: &[f64]) -> GroupTest {
    GroupTest { kind, values: values.iter().copied().map(Some).collect() }
}

/// The first `new` of `all` runs are the candidate's, all in one stratum.
fn groups(new: usize, all: usize) -> Groups {
    Groups { candidate: (0..all).map(|unit| unit < new).collect(), stratum: vec![0; all] }
}

fn normals(noise: &mut Noise, count: usize, (mean, deviation): (f64, f64)) -> Vec<f64> {
    (0..count).map(|_| mean + deviation * noise.normal()).collect()
}

fn outcomes(found: &FamilyOutcome) -> Vec<TestOutcome> {
    found.tests.iter().map(|test| test.unwrap()).collect()
}

/// Fisher, *The Design of Experiments* (1935), section 21: of the 32,768 signs of Darwin's 15 pairs of plants 863 give a
/// sum of 314 or more, by hand.
#[test]
fn sign_flips_are_fishers() {
    let eighths =
        [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];
    let ask = FamilyAsk { draws: 40_000, ..ASK };
    let found = paired_family(&[paired(0, &eighths)], &ask);
    assert!(found.exact && found.arrangements == 32_768);
    let test = found.tests[0].unwrap();
    assert!((test.p_up - 863.0 / 32_768.0).abs() < 1e-12, "{}", test.p_up);
    // Student's t of these data, as Fisher gives it.
    assert!((test.statistic - 2.148).abs() < 1e-3, "{}", test.statistic);
    assert!((test.mean - 314.0 / 15.0).abs() < 1e-9);
    assert_eq!((test.units, found.p_min), (15, paired_p_min(15)));
}

/// R. A. Fisher's exchange of labels by brute force, over all C(9, 4) choices.
#[test]
fn shuffles_are_the_share_of_all_choices() {
    let values = [2.1, 3.4, 1.9, 4.2, 1.0, 1.7, 2.0, 2.6, 0.4];
    let found = group_family(&[grouped(0, &values)], &groups(4, 9), &ASK);
    let sum = |mask: u32| -> f64 {
        (0..9).filter(|unit| mask >> unit & 1 == 1).map(|unit| values[unit]).sum()
    };
    let choices: Vec<f64> = (0..512_u32).filter(|mask| mask.count_ones() == 4).map(sum).collect();
    let as_large = choices.iter().filter(|other| **other >= sum(0b1111) - 1e-9).count();
    let as_small = choices.iter().filter(|other| **other <= sum(0b1111) + 1e-9).count();
    let test = found.tests[0].unwrap();
    assert_eq!((found.arrangements, found.exact), (126, true));
    assert!((test.p_up - as_large as f64 / 126.0).abs() < 1e-12);
    assert!((test.p_down - as_small as f64 / 126.0).abs() < 1e-12);
    assert!((found.p_min - group_p_min(5, 4)).abs() < 1e-15);
    // Two-sample t with pooled variance: mean 2.9 against 1.54.
    assert!((test.mean - 1.36).abs() < 1e-9);
    assert!((test.statistic - 2.0988).abs() < 1e-3, "{}", test.statistic);
    assert!((test.effect - 1.45).abs() < 1e-9, "{}", test.effect);
}

#[test]
fn the_smallest_p_values_are_those_of_the_arithmetic() {
    for (blocks, expected) in [(5, 0.031_25), (7, 0.007_812_5), (10, 0.000_976_562_5)] {
        assert!((paired_p_min(blocks) - expected).abs() < 1e-15, "{blocks}");
    }
    for (base, new, expected) in [
        (3, 3, 0.05),
        (4, 4, 1.0 / 70.0),
        (5, 5, 1.0 / 252.0),
        (8, 8, 1.0 / 12_870.0),
        (20, 1, 1.0 / 21.0),
        (0, 5, 1.0),
    ] {
        let got = group_p_min(base, new);
        assert!((got / expected - 1.0).abs() < 1e-12, "{base} {new}: {got}");
    }
    assert!(paired_p_min(100_000) >= 0.0 && group_p_min(5000, 5000) >= 0.0);
}

/// The four moderated statistics of 8 blocks of which those in `mask` are turned.
fn by_definition(mask: u32, kinds: &[usize; 4], data: &[Vec<f64>]) -> Vec<f64> {
    let flipped = |test: usize| -> Vec<f64> {
        let sign = |at: usize| if mask >> at & 1 == 1 { -1.0 } else { 1.0 };
        data[test].iter().enumerate().map(|(at, d)| sign(at) * d).collect()
    };
    let mean = |test: usize| flipped(test).iter().sum::<f64>() / 8.0;
    let variance =
        |test: usize| flipped(test).iter().map(|d| (d - mean(test)).powi(2)).sum::<f64>() / 7.0;
    let shared = |kind: usize| {
        let mut all: Vec<f64> = (0..4).filter(|t| kinds[*t] == kind).map(variance).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let t = |test: usize| {
        let pooled = (4.0 * shared(kinds[test]) + 7.0 * variance(test)) / 11.0;
        mean(test) / (pooled / 8.0).sqrt()
    };
    (0..4).map(t).collect()
}

/// The definition, step by step and without any of the shortcuts.
#[test]
fn the_step_down_is_that_of_westfall_and_young() {
    let mut noise = Noise::new(11);
    let shift = [0.05, 0.0, -0.03, 0.015];
    let kinds = [0, 0, 1, 0];
    let data: Vec<Vec<f64>> =
        shift.iter().map(|shift| normals(&mut noise, 8, (*shift, 0.02))).collect();
    let statistics = |mask: u32| by_definition(mask, &kinds, &data);
    let observed = statistics(0);
    let mut order: Vec<usize> = (0..4).collect();
    order.sort_by(|a, b| observed[*b].total_cmp(&observed[*a]));
    let mut expected = [0.0; 4];
    let mut before = 0.0_f64;
    for (rank, test) in order.iter().enumerate() {
        let reached = (0..256).filter(|mask| {
            let other = statistics(*mask);
            let largest = order[rank..].iter().map(|t| other[*t]).fold(f64::MIN, f64::max);
            largest >= observed[*test] - 1e-9
        });
        before = before.max(reached.count() as f64 / 256.0);
        expected[*test] = before;
    }
    let tests: Vec<PairedTest> =
        kinds.iter().zip(&data).map(|(kind, data)| paired(*kind, data)).collect();
    let found = outcomes(&paired_family(&tests, &ASK));
    for test in 0..4 {
        assert!((found[test].statistic - observed[test]).abs() < 1e-9);
        assert!((found[test].p_up - expected[test]).abs() < 1e-12, "{test}: {found:?}");
    }
    assert!(found[0].p_up < 0.02 && found[2].p_down < 0.05, "{found:?}");
}

#[test]
fn constant_and_senseless_data_stay_finite() {
    let still = paired(0, &[0.0; 10]);
    let shifted = paired(0, &[0.1; 10]);
    let found = paired_family(&[still, shifted], &ASK);
    let [still, shifted] = outcomes(&found)[..] else {
        panic!("two tests");
    };
    assert_eq!((still.statistic, still.p_up, still.p_down), (0.0, 1.0, 1.0));
    assert!(still.low.is_finite() && still.high.is_finite() && still.se > 0.0);
    assert!(shifted.statistic.is_finite() && shifted.low > 0.0);
    // The one arrangement with all signs as they were.
    assert!((shifted.p_up - 1.0 / 1024.0).abs() < 1e-12, "{}", shifted.p_up);

    let same = group_family(&[grouped(0, &[3.0; 12])], &groups(6, 12), &ASK);
    let same = same.tests[0].unwrap();
    assert_eq!((same.statistic, same.effect, same.p_up), (0.0, 0.0, 1.0));

    let holes = PairedTest {
        kind: 0,
        differences: vec![Some(f64::NAN), None, Some(f64::INFINITY), Some(0.1)],
    };
    let found = paired_family(&[holes], &ASK);
    assert_eq!((found.tests[0], found.p_min), (None, 1.0));
    let nothing = paired_family(&[], &ASK);
    assert!(nothing.tests.is_empty() && nothing.critical_up.is_infinite());
    let nothing = group_family(&[], &groups(0, 0), &ASK);
    assert!(nothing.tests.is_empty() && nothing.p_min >= 1.0);
}

#[test]
fn what_has_too_few_units_has_no_outcome_and_disturbs_nobody() {
    let mut noise = Noise::new(3);
    let whole = paired(0, &normals(&mut noise, 9, (0.01, 0.02)));
    let alone = paired_family(std::slice::from_ref(&whole), &ASK);
    for kept in [0, 1] {
        let mut lonely = whole.clone();
        lonely.differences.iter_mut().skip(kept).for_each(|d| *d = None);
        let both = paired_family(&[lonely, whole.clone()], &ASK);
        assert_eq!(both.tests, [None, alone.tests[0]], "{kept}");
    }

    // No run of the candidate, one, and strata that have one arm each.
    let one = |candidate: [bool; 6], stratum: [usize; 6]| {
        let groups = Groups { candidate: candidate.to_vec(), stratum: stratum.to_vec() };
        group_family(&[grouped(0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], &groups, &ASK).tests[0]
    };
    let halves = [true, true, true, false, false, false];
    assert!(one(halves, [0; 6]).is_some());
    assert_eq!(one([false; 6], [0; 6]), None);
    assert_eq!(one([true, false, false, false, false, false], [0; 6]), None);
    assert_eq!(one(halves, [1, 1, 1, 2, 2, 2]), None);
}

/// A block that no test has must not make p-values possible that its absence forbids.
#[test]
fn units_without_any_value_do_not_count() {
    let mut test = paired(0, &[0.1, 0.11, 0.09, 0.1, 0.12, 0.1]);
    test.differences.extend([None; 10]);
    let found = paired_family(&[test], &ASK);
    assert_eq!(found.arrangements, 64);
    assert!((found.tests[0].unwrap().p_up - 1.0 / 64.0).abs() < 1e-12);
    assert!(found.critical_up.is_infinite(), "64 arrangements have no hundredth part");
    let low = found.tests[0].unwrap().low;
    assert!(low.is_infinite() && low < 0.0);
}

/// Sessions far apart say nothing of the difference between arms that both were measured in them.
#[test]
fn strata_take_the_differences_between_sessions_out() {
    let mut noise = Noise::new(5);
    let groups = Groups {
        candidate: (0..24).map(|unit| unit % 3 == 0).collect(),
        stratum: (0..24).map(|unit| 7 + 3 * (unit / 8)).collect(),
    };
    let value = |unit: usize, noise: &mut Noise| {
        let arm = if groups.candidate[unit] { 0.1 } else { 0.0 };
        groups.stratum[unit] as f64 + arm + 0.01 * noise.normal()
    };
    let values: Vec<f64> = (0..24).map(|unit| value(unit, &mut noise)).collect();
    let found = group_family(&[grouped(0, &values)], &groups, &ASK);
    let test = found.tests[0].unwrap();
    assert!(!found.exact && test.p_up <= 2.0 / 20_000.0, "{test:?}");
    assert!((test.mean - 0.1).abs() < 0.015 && (test.effect - 0.1).abs() < 0.015);
    assert!(test.low > 0.05 && test.high < 0.15);

    // The weighted difference by hand: weights n1 n0 / n of each stratum.
    let (mut sum, mut weights) = (0.0, 0.0);
    for stratum in [7, 10, 13] {
        let of = |arm: bool| -> Vec<f64> {
            let is =
                |unit: &usize| groups.stratum[*unit] == stratum && groups.candidate[*unit] == arm;
            (0..24).filter(is).map(|unit| values[unit]).collect()
        };
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let (new, base) = (of(true), of(false));
        let weight = (new.len() * base.len()) as f64 / 8.0;
        sum += weight * (mean(&new) - mean(&base));
        weights += weight;
    }
    assert!((test.mean - sum / weights).abs() < 1e-9);
}

/// Several kinds, holes and more units than can be enumerated.
fn mixed(seed: u64, units: usize) -> Vec<Vec<Option<f64>>> {
    let mut noise = Noise::new(seed);
    (0..9)
        .map(|test| {
            let scale = [0.005, 0.02, 0.05][test % 3];
            (0..units)
                .map(|_| {
                    let value = 0.01 * (test as f64 - 4.0) + scale * noise.normal();
                    (noise.uniform() > 0.08).then_some(value)
                })
                .collect()
        })
        .collect()
}

fn mixed_paired(seed: u64, units: usize) -> Vec<PairedTest> {
    let tests = mixed(seed, units).into_iter().enumerate();
    tests.map(|(test, differences)| PairedTest { kind: test % 3, differences }).collect()
}

fn mixed_grouped(seed: u64, units: usize) -> (Vec<GroupTest>, Groups) {
    let tests = mixed(seed, units).into_iter().enumerate();
    let tests = tests.map(|(test, values)| GroupTest { kind: test % 3, values });
    let groups = Groups {
        candidate: (0..units).map(|unit| unit % 2 == 0).collect(),
        stratum: (0..units).map(|unit| unit / (units / 2)).collect(),
    };
    (tests.collect(), groups)
}

#[test]
fn exact_and_drawn_arrangements_agree() {
    for seed in 0..3 {
        let tests = mixed_paired(seed, 12);
        let (group_tests, groups) = mixed_grouped(seed, 16);
        for (all, drawn) in [
            (paired_family_of(&tests, &ASK, 4096), paired_family_of(&tests, &ASK, 0)),
            (
                group_family_of(&group_tests, &groups, &ASK, 20_000),
                group_family_of(&group_tests, &groups, &ASK, 0),
            ),
        ] {
            assert!(all.exact && !drawn.exact && drawn.arrangements == 20_000);
            for (all, drawn) in outcomes(&all).iter().zip(outcomes(&drawn)) {
                assert!((all.statistic - drawn.statistic).abs() < 1e-12);
                for (all, drawn) in [(all.p_up, drawn.p_up), (all.p_down, drawn.p_down)] {
                    let error = 5.0 * (all * (1.0 - all) / 20_000.0).sqrt() + 1e-4;
                    assert!((all - drawn).abs() < error, "{all} {drawn}");
                }
            }
            assert!((all.critical_up / drawn.critical_up - 1.0).abs() < 0.08);
            assert!((all.critical_down / drawn.critical_down - 1.0).abs() < 0.08);
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (tests, groups) = mixed_grouped(4, 40);
    let units: Vec<usize> = (0..40).collect();
    let columns = tests.iter().enumerate().map(|(test, one)| {
        let (mut values, present) = laid_out(&one.values, &units);
        let freedom = within_strata(&mut values, &present, &groups.stratum);
        Column { test, kind: one.kind, values, present, freedom }
    });
    let table = Table::new(columns.collect(), Design::Groups(groups.stratum.clone()));
    let labels = Labels::shuffles(groups.candidate.clone(), &groups.stratum, 0, 999, 5);
    let mut work = table.work();
    table.arrange(labels.observed(), &mut work);
    let on = |threads| maxima::maxima_on(threads, &table, &labels, &work.statistics);
    let one = on(1);
    for threads in [2, 3, 7, 2000] {
        let several = on(threads);
        assert_eq!((&one.up, &one.down), (&several.up, &several.down), "{threads}");
        assert_eq!(one.highest, several.highest);
        assert_eq!(one.lowest, several.lowest);
    }
}

/// Under no difference, with kinds and correlated tests: the share of families with any p of 5% or less.
#[test]
fn the_family_wise_error_is_what_it_says() {
    let ask = FamilyAsk { alpha: 0.05, draws: 199, seed: 3 };
    let (mut pairs, mut runs, mut uncovered) = (0, 0, 0);
    for seed in 0..800_u64 {
        let mut noise = Noise::new(seed * 7919 + 1);
        let common = normals(&mut noise, 10, (0.0, 0.02));
        let values = |noise: &mut Noise, units: usize| -> Vec<f64> {
            common[..units].iter().map(|c| c + 0.02 * noise.normal()).collect()
        };
        let tests: Vec<PairedTest> =
            (0..6).map(|test| paired(test % 2, &values(&mut noise, 8))).collect();
        let found = paired_family(&tests, &ask);
        pairs += u32::from(outcomes(&found).iter().any(|test| test.p_up <= 0.05));
        uncovered += u32::from(outcomes(&found).iter().any(|test| test.low > 0.0));
        let tests: Vec<GroupTest> =
            (0..6).map(|test| grouped(test % 2, &values(&mut noise, 10))).collect();
        let found = group_family(&tests, &groups(5, 10), &ask);
        runs += u32::from(outcomes(&found).iter().any(|test| test.p_down <= 0.05));
    }
    // 40 are expected; the deviation is 6.2.
    for (name, wrong) in [("pairs", pairs), ("runs", runs), ("intervals", uncovered)] {
        assert!((16..=60).contains(&wrong), "{name}: {wrong} of 800");
    }
}

/// Blocks with a few spikes: the mean is rejected by p, and the smaller effect less as many standard errors lies below 0.
#[test]
fn no_interval_holds_what_its_p_value_excludes() {
    let mut noise = Noise::new(11);
    let mut contradicted = 0;
    for _ in 0..400 {
        let spiked = |noise: &mut Noise| {
            let spike = if noise.uniform() < 0.2 { 0.6 } else { 0.0 };
            0.12 + spike + 0.12 * noise.normal()
        };
        let tests: Vec<PairedTest> = (0..3)
            .map(|kind| {
                let values: Vec<f64> = (0..10).map(|_| spiked(&mut noise)).collect();
                paired(kind, &values)
            })
            .collect();
        let found = paired_family(&tests, &ASK);
        let turned: Vec<PairedTest> = tests
            .iter()
            .map(|test| {
                let less = test.differences.iter().map(|value| value.map(|value| -value));
                PairedTest { differences: less.collect(), ..test.clone() }
            })
            .collect();
        let mirror = outcomes(&paired_family(&turned, &ASK));
        for (test, mirror) in outcomes(&found).into_iter().zip(mirror) {
            let alone = test.effect.min(test.mean) - found.critical_up * test.se;
            contradicted += u32::from(test.p_up <= ASK.alpha && alone < 0.0);
            assert!(test.p_up > ASK.alpha || test.low >= 0.0, "{test:?}");
            assert!(test.low <= test.effect && test.effect <= test.high, "{test:?}");
            assert!(near(test.low, -mirror.high) && near(test.high, -mirror.low), "{test:?}");
        }
    }
    assert!(contradicted > 5, "the case is not there: {contradicted}");
}

fn near(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq() || (a - b).abs() <= 1e-6 * (1.0 + a.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn scale_and_order_change_no_p_value(seed in 0..1000u64, scale in 1.0..50.0f64, units in 4..15usize) {
        let tests = mixed_paired(seed, units);
        let ask = FamilyAsk { draws: 300, ..ASK };
        let found = paired_family_of(&tests, &ask, 500);
        let scaled: Vec<PairedTest> = tests.iter().map(|test| PairedTest {
            kind: test.kind,
            differences: test.differences.iter().map(|d| d.map(|d| scale * d)).collect(),
        }).collect();
        let turned: Vec<PairedTest> = tests.iter().rev().cloned().collect();
        let by_scale = paired_family_of(&scaled, &ask, 500);
        let mut by_order = paired_family_of(&turned, &ask, 500);
        by_order.tests.reverse();
        prop_assert_eq!(&by_order, &found);
        for (one, other) in found.tests.iter().zip(&by_scale.tests) {
            let (Some(one), Some(other)) = (one, other) else {
                prop_assert_eq!(one.is_some(), other.is_some());
                continue;
            };
            prop_assert_eq!((one.p_up, one.p_down), (other.p_up, other.p_down));
            prop_assert!(near(scale * one.effect, other.effect));
            prop_assert!(near(scale * one.low, other.low) && near(scale * one.high, other.high));
        }
    }

    #[test]
    fn exchanging_the_arms_mirrors_everything(seed in 0..1000u64, units in 3..12usize, exact: bool) {
        let ask = FamilyAsk { draws: 300, alpha: 0.05, seed };
        let most = if exact { 20_000 } else { 0 };
        let tests = mixed_paired(seed, units);
        let turned: Vec<PairedTest> = tests.iter().map(|test| PairedTest {
            kind: test.kind,
            differences: test.differences.iter().map(|d| d.map(|d| -d)).collect(),
        }).collect();
        let (group_tests, groups) = mixed_grouped(seed, 2 * units);
        let exchanged = Groups {
            candidate: groups.candidate.iter().map(|is| !is).collect(),
            ..groups.clone()
        };
        for (one, other) in [
            (paired_family_of(&tests, &ask, most), paired_family_of(&turned, &ask, most)),
            (
                group_family_of(&group_tests, &groups, &ask, most),
                group_family_of(&group_tests, &exchanged, &ask, most),
            ),
        ] {
            prop_assert!(near(one.critical_up, other.critical_down));
            for (one, other) in one.tests.iter().zip(&other.tests) {
                let (Some(one), Some(other)) = (one, other) else {
                    prop_assert_eq!(one.is_some(), other.is_some());
                    continue;
                };
                prop_assert_eq!((one.p_up, one.p_down), (other.p_down, other.p_up));
                prop_assert!(near(one.effect, -other.effect) && near(one.low, -other.high));
            }
        }
    }

    #[test]
    fn p_values_keep_their_order_and_their_floor(seed in 0..1000u64, units in 4..12usize) {
        let tests = mixed_paired(seed, units);
        let found = paired_family(&tests, &ASK);
        let mut several: Vec<TestOutcome> = found.tests.iter().flatten().copied().collect();
        several.sort_by(|a, b| a.statistic.total_cmp(&b.statistic));
        for pair in several.windows(2) {
            prop_assert!(pair[0].p_up >= pair[1].p_up);
            prop_assert!(pair[0].p_down <= pair[1].p_down);
        }
        for (at, test) in found.tests.iter().enumerate() {
            let Some(test) = test else { continue };
            prop_assert!(test.p_up >= found.p_min && test.p_up <= 1.0);
            prop_assert!(test.p_down >= found.p_min && test.p_down <= 1.0);
            prop_assert!(test.low <= test.effect && test.effect <= test.high && test.se > 0.0);
            // Of the most extreme one, p-value and bound are the same statement.
            if test.statistic >= several.last().unwrap().statistic {
                let beyond = test.statistic > found.critical_up;
                let margin = (test.statistic - found.critical_up).abs() > 1e-5;
                prop_assert!(!margin || (test.p_up <= ASK.alpha) == beyond, "{at}");
            }
        }
    }

    /// A test in a family is never surer than alone with the same variance.
    #[test]
    fn company_makes_no_test_surer(seed in 0..1000u64) {
        let mut noise = Noise::new(seed);
        let one = paired(0, &normals(&mut noise, 9, (0.02, 0.02)));
        let company = paired(1, &normals(&mut noise, 9, (0.0, 0.05)));
        let alone = paired_family(std::slice::from_ref(&one), &ASK).tests[0].unwrap();
        let both = paired_family(&[one, company], &ASK).tests[0].unwrap();
        prop_assert!(both.p_up >= alone.p_up);
        prop_assert!(near(both.statistic, alone.statistic));
    }
}
