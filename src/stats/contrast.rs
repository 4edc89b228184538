//! What a change is worth, from sets of cells that are equal but for it: intervals that hold for many contrasts at once.
//!
//! A set lends a difference for each round in which all its cells were visited, so that what a round has in common cancels out.
//! A contrast is the mean over its sets. Its variance is that of its sets, `sum (s~^2 / n) / m^2` over `m` sets with `n` rounds each, `s~`
//! moderated over the sets of its kind as in [`super::visits`] (Smyth 2004), with the degrees of freedom of Welch (1947) and
//! Satterthwaite (1946).
//!
//! Sets may move together from round to round: what slows one level of a setting slows it in all of them. `F` is the variance of the
//! mean over the sets between the `r` rounds that all of them share, over what it would be if none knew of the others. Where it is
//! more than chance makes of it in a group of contrasts (chi-squared, 5%), the rounds alone speak, with `r - 1` degrees of freedom. Else the variance
//! is multiplied with `(4 + (r - 1) F) / (4 + r - 1)`, moderated as above, and its degrees of freedom are at most `4 + r - 1`.
//!
//! The variance that the visits know of themselves counts where it is larger, up to what the spread contradicts, by chi-squared.
//!
//! With one round nothing is known of how visits differ. The spread between the sets stands for it, from three sets on: it holds
//! what visits differ by, and what the effect differs by from set to set.
//!
//! Intervals are Bonferroni's (Dunn 1961, Miller 1981): all hold at once with the asked confidence, however they depend on one another.

use std::collections::BTreeMap;

use super::distribution::{chi_squared, normal, student_t};
use super::permutation::{PRIOR, moderated};
use super::sample::{Interval, Sample};
use super::visits::typical;

/// The confidence at which sets are said to move together.
const TOGETHER: f64 = 0.95;

/// Sets from which on their spread says something.
pub const FEWEST_SETS: usize = 3;

/// What a set of cells showed in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundDifference {
    /// The round.
    pub round: u32,
    /// The difference between its cells.
    pub difference: f64,
}

/// Cells that are equal but for what the contrast is of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MatchedSet {
    /// One for each round in which all cells were visited, at least one.
    pub rounds: Vec<RoundDifference>,
    /// The variance of the mean of these differences that the visits know of themselves; 0 where they know of none.
    pub within: f64,
}

impl MatchedSet {
    fn mean(&self) -> f64 {
        self.rounds.iter().map(|round| round.difference).sum::<f64>() / self.rounds.len() as f64
    }

    /// The variance of its differences, where there are several.
    fn variance(&self) -> Option<f64> {
        let values: Vec<f64> = self.rounds.iter().map(|round| round.difference).collect();
        Sample::new(&values).ok().map(Sample::variance)
    }

    fn freedom(&self) -> f64 {
        self.rounds.len() as f64 - 1.0
    }
}

/// A difference that many sets show.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// Contrasts of the same kind share a variance.
    pub kind: usize,
    /// What slows one contrast of a group slows the others.
    pub group: usize,
    /// The sets.
    pub sets: Vec<MatchedSet>,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpreadOf {
    /// The spread between rounds.
    Rounds,
    /// That between matched sets: there is one round.
    Sets,
}

/// What the sets say of a contrast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrasted {
    /// The mean over the sets.
    pub mean: f64,
    /// Its interval; absent where nobody can say.
    pub interval: Option<Interval>,
    /// What the interval rests on, or would.
    pub spread: SpreadOf,
}

/// A variance and how well it is known.
#[derive(Debug, Clone, Copy)]
struct Variance {
    value: f64,
    freedom: f64,
}

/// What the sets of a kind have in common.
struct Shared {
    /// The typical variance of a difference.
    variance: f64,
    /// Sets that share it.
    sets: f64,
    /// Degrees of freedom of all together.
    freedom: f64,
}

impl Shared {
    fn of<'a>(sets: impl Iterator<Item = &'a MatchedSet>) -> Option<Self> {
        let (mut sum, mut count, mut freedom) = (0.0, 0.0, 0.0);
        for set in sets {
            if let Some(variance) = set.variance() {
                sum += variance.sqrt() / typical(set.freedom());
                count += 1.0;
                freedom += set.freedom();
            }
        }
        let variance = (sum / count).powi(2);
        (count > 0.0).then_some(Self { variance, sets: count, freedom })
    }

    /// The variance of a difference of this set.
    fn of_set(&self, set: &MatchedSet) -> Variance {
        let borrowed = PRIOR * (1.0 - 1.0 / self.sets);
        match set.variance() {
            Some(variance) => Variance {
                value: moderated(self.variance, borrowed, variance, set.freedom()),
                freedom: set.freedom() + borrowed,
            },
            None => Variance {
                value: moderated(self.variance, PRIOR, 0.0, 0.0),
                freedom: PRIOR.min(self.freedom),
            },
        }
    }

    /// The variance of the mean over the sets, if none knew of the others (Welch and Satterthwaite).
    fn of_mean(&self, sets: &[MatchedSet]) -> Variance {
        let (mut sum, mut squares) = (0.0, 0.0);
        for set in sets {
            let Variance { value, freedom } = self.of_set(set);
            let part = value / set.rounds.len() as f64;
            sum += part;
            squares += part * part / freedom;
        }
        Variance { value: sum / (sets.len() as f64).powi(2), freedom: sum * sum / squares }
    }

    /// By how much the mean over the sets varies from round to round, over what it would if none knew of the others, with the degrees of
    /// freedom of that; `None` with one set, or without two rounds that all have.
    fn together(&self, sets: &[MatchedSet]) -> Option<Variance> {
        let mut rounds: BTreeMap<u32, (f64, usize)> = BTreeMap::new();
        for found in sets.iter().flat_map(|set| &set.rounds) {
            let (sum, count) = rounds.entry(found.round).or_default();
            *sum += found.difference;
            *count += 1;
        }
        let all = sets.len();
        let whole = rounds.values().filter(|(_, count)| *count == all);
        let means: Vec<f64> = whole.map(|(sum, _)| sum / all as f64).collect();
        let variance = Sample::new(&means).ok().filter(|_| all > 1)?.variance();
        let apart: f64 = sets.iter().map(|set| self.of_set(set).value).sum();
        let value = variance * (all * all) as f64 / apart;
        Some(Variance { value, freedom: means.len() as f64 - 1.0 })
    }
}

/// The variance of the mean of a contrast; `together`: whether its group is one whose sets move together.
fn variance(sets: &[MatchedSet], shared: Option<&Shared>, together: bool) -> Option<Variance> {
    if sets.is_empty() {
        return None;
    }
    let Some(shared) = shared else {
        let means: Vec<f64> = sets.iter().map(MatchedSet::mean).collect();
        let enough = means.len() >= FEWEST_SETS;
        let spread = Sample::new(&means).ok().filter(|_| enough)?.variance();
        let (count, freedom) = (means.len() as f64, means.len() as f64 - 1.0);
        return Some(Variance { value: moderated(0.0, 0.0, spread, freedom) / count, freedom });
    };
    let apart = shared.of_mean(sets);
    Some(match shared.together(sets) {
        None => apart,
        Some(own) if together => Variance { value: apart.value * own.value, freedom: own.freedom },
        Some(own) => {
            let factor = moderated(1.0, PRIOR, own.value, own.freedom);
            let freedom = apart.freedom.min(PRIOR + own.freedom);
            Variance { value: apart.value * factor, freedom }
        }
    })
}

/// Of each group whether its sets move together more than chance makes them.
fn groups_together(all: &[Contrast], shared: &[Option<Shared>]) -> Vec<bool> {
    let groups = all.iter().map(|contrast| contrast.group + 1).max().unwrap_or(0);
    let mut found = vec![Variance { value: 0.0, freedom: 0.0 }; groups];
    for contrast in all {
        let of_kind = shared[contrast.kind].as_ref();
        if let Some(own) = of_kind.and_then(|shared| shared.together(&contrast.sets)) {
            let group = &mut found[contrast.group];
            group.value += own.value * own.freedom;
            group.freedom += own.freedom;
        }
    }
    let beyond = |group: &Variance| {
        group.freedom > 0.0 && group.value > chi_squared(TOGETHER, group.freedom)
    };
    found.iter().map(beyond).collect()
}

/// What the sets say of each contrast; `None` of one without any. With the asked confidence all intervals hold at once.
pub fn contrasts(all: &[Contrast], confidence: f64) -> Vec<Option<Contrasted>> {
    let kinds = all.iter().map(|contrast| contrast.kind + 1).max().unwrap_or(0);
    let of_kind = |kind: usize| all.iter().filter(move |contrast| contrast.kind == kind);
    let shared: Vec<Option<Shared>> = (0..kinds)
        .map(|kind| Shared::of(of_kind(kind).flat_map(|contrast| &contrast.sets)))
        .collect();
    let together = groups_together(all, &shared);
    let of = |contrast: &Contrast| {
        let (shared, together) = (shared[contrast.kind].as_ref(), together[contrast.group]);
        variance(&contrast.sets, shared, together)
    };
    let variances: Vec<Option<Variance>> = all.iter().map(of).collect();
    let told = variances.iter().flatten().count() as f64;
    let each = 1.0 - (1.0 - confidence) / told;
    let said = |(contrast, variance): (&Contrast, &Option<Variance>)| {
        let sets = &contrast.sets;
        let count = sets.len() as f64;
        let mean = sets.iter().map(MatchedSet::mean).sum::<f64>() / count;
        let within = sets.iter().map(|set| set.within).sum::<f64>() / (count * count);
        let interval = variance.map(|Variance { value, freedom }| {
            let most = value * freedom / chi_squared((1.0 - confidence) / 2.0, freedom);
            let between = student_t(each, freedom) * value.sqrt();
            Interval::around(mean, between.max(normal(each) * within.min(most).sqrt()))
        });
        let one = shared[contrast.kind].is_none();
        let spread = if one { SpreadOf::Sets } else { SpreadOf::Rounds };
        (!sets.is_empty()).then_some(Contrasted { mean, interval, spread })
    };
    all.iter().zip(&variances).map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;
    use proptest::prelude::*;

    fn set(values: &[f64]) -> MatchedSet {
        let rounds = (1..).zip(values);
        let rounds =
            rounds.map(|(round, difference)| RoundDifference { round, difference: *difference });
        MatchedSet { rounds: rounds.collect(), within: 0.0 }
    }

    fn one(sets: Vec<MatchedSet>) -> Contrasted {
        contrasts(&[Contrast { kind: 0, group: 0, sets }], 0.95)[0].unwrap()
    }

    fn half(found: Contrasted) -> f64 {
        let interval = found.interval.unwrap();
        (interval.high - interval.low) / 2.0
    }

    #[test]
    fn one_set_alone_has_the_interval_of_paired_differences() {
        let found = one(vec![set(&[0.1, 0.2, 0.3])]);
        // t(0.975, 2) = 4.3027, s = 0.1.
        assert!((half(found) - 4.3027 * 0.1 / 3.0_f64.sqrt()).abs() < 1e-4, "{found:?}");
        assert!((found.mean - 0.2).abs() < 1e-12 && found.spread == SpreadOf::Rounds);
    }

    #[test]
    fn one_round_has_the_spread_between_sets_from_three_on() {
        let found = one([0.1, 0.2, 0.3].map(|value| set(&[value])).to_vec());
        assert!((half(found) - 4.3027 * 0.1 / 3.0_f64.sqrt()).abs() < 1e-4, "{found:?}");
        assert_eq!(found.spread, SpreadOf::Sets);
        let found = one([0.1, 0.3].map(|value| set(&[value])).to_vec());
        assert_eq!((found.interval, found.spread), (None, SpreadOf::Sets));
        assert_eq!(contrasts(&[Contrast { kind: 0, group: 0, sets: Vec::new() }], 0.95), [None]);
        assert_eq!(contrasts(&[], 0.95), []);
    }

    #[test]
    fn what_the_visits_know_of_themselves_counts_where_it_is_more() {
        let of = |within: f64| half(one(vec![MatchedSet { within, ..set(&[0.1, 0.2, 0.3]) }]));
        let alone = of(0.0);
        assert!((of(1e-6) - alone).abs() < 1e-12);
        assert!((of(0.04) - 0.2 * 1.96).abs() < 1e-3, "{}", of(0.04));
        // Differences that agree to a tenth are not off by a hundred.
        assert!(of(1e4) < 1.0, "{}", of(1e4));
    }

    #[test]
    fn more_contrasts_make_wider_intervals() {
        let sets = || vec![set(&[0.1, 0.2, 0.3])];
        // Of kinds of their own, so that none borrows from another.
        let all: Vec<Contrast> =
            (0..10).map(|kind| Contrast { kind, group: kind, sets: sets() }).collect();
        let found = contrasts(&all, 0.95)[0].unwrap();
        // t(0.9975, 2) = 14.089.
        assert!((half(found) - 14.089 * 0.1 / 3.0_f64.sqrt()).abs() < 1e-2, "{found:?}");
    }

    #[test]
    fn sets_that_move_together_count_as_few() {
        let noise = |seed: u64| -> Vec<f64> {
            let mut noise = Noise::new(seed);
            (0..4).map(|_| 0.02 * noise.normal()).collect()
        };
        let together: Vec<MatchedSet> = (0..8).map(|_| set(&noise(1))).collect();
        let apart: Vec<MatchedSet> = (1..9).map(|seed| set(&noise(seed))).collect();
        assert!(half(one(together)) > 2.0 * half(one(apart)));
    }

    #[test]
    fn a_set_with_one_round_borrows_from_those_with_more() {
        let sets = vec![set(&[0.1, 0.2, 0.3]), set(&[0.15, 0.2, 0.25]), set(&[0.2])];
        let found = one(sets);
        assert!(half(found).is_finite() && half(found) > 0.05, "{found:?}");
    }

    /// How often all intervals of a family hold their truths. `shared`: noise that all sets of the first group have in a round.
    fn covered(rounds: usize, sets: usize, shared: f64, one_round: bool) -> f64 {
        const FAMILIES: u32 = 400;
        let mut noise = Noise::new(rounds as u64 * 31 + sets as u64);
        let mut held = 0;
        for _ in 0..FAMILIES {
            let contrasts_of = |kind: usize, noise: &mut Noise| -> Vec<Contrast> {
                let contrast = |group: usize, noise: &mut Noise| {
                    let of_round = if group == 0 { shared } else { 0.0 };
                    let moves: Vec<f64> = (0..rounds).map(|_| of_round * noise.normal()).collect();
                    let sets = (0..sets).map(|_| {
                        set(&moves
                            .iter()
                            .map(|all| all + 0.02 * noise.normal())
                            .collect::<Vec<_>>())
                    });
                    Contrast { kind, group, sets: sets.collect() }
                };
                (0..4).map(|group| contrast(group, noise)).collect()
            };
            let all = [contrasts_of(0, &mut noise), contrasts_of(1, &mut noise)].concat();
            let found = contrasts(&all, 0.95);
            let holds = |found: &Option<Contrasted>| {
                let found = found.unwrap();
                assert_eq!(found.spread == SpreadOf::Sets, one_round);
                found.interval.unwrap().contains(0.0)
            };
            held += u32::from(found.iter().all(holds));
        }
        f64::from(held) / f64::from(FAMILIES)
    }

    #[test]
    fn all_truths_of_a_family_are_held_at_once() {
        for (rounds, sets, shared) in [
            (2, 1, 0.0),
            (3, 1, 0.0),
            (3, 4, 0.0),
            (5, 8, 0.0),
            (2, 6, 0.0),
            (1, 4, 0.0),
            (4, 6, 0.02),
        ] {
            let share = covered(rounds, sets, shared, rounds == 1);
            assert!(share >= 0.93, "{rounds} rounds, {sets} sets, {shared}: {share}");
        }
    }

    proptest! {
        #[test]
        fn a_contrast_turns_and_moves_with_its_differences(
            values in proptest::collection::vec(proptest::collection::vec(-1.0..1.0_f64, 3), 1..6),
            by in -2.0..2.0_f64,
        ) {
            let of = |map: &dyn Fn(f64) -> f64| {
                let sets = values.iter().map(|set| set.iter().map(|value| map(*value)).collect::<Vec<_>>());
                one(sets.map(|values| set(&values)).collect())
            };
            let (as_is, turned, moved) = (of(&|value| value), of(&|value| -value), of(&|value| value + by));
            prop_assert!((as_is.mean + turned.mean).abs() < 1e-12);
            prop_assert!((half(as_is) - half(turned)).abs() < 1e-9);
            prop_assert!((as_is.mean + by - moved.mean).abs() < 1e-9);
            prop_assert!((half(as_is) - half(moved)).abs() < 1e-6);
        }
    }
}
