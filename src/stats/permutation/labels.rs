//! The arrangements of an experiment: which blocks are turned round, or which runs are called the candidate.

use super::draw::Draws;

/// Up to so many arrangements are all looked at; of more, a seeded draw.
pub(super) const MOST_EXACT: u64 = 20_000;

/// All arrangements that the design could have had, or a draw of them with the observed one first.
pub(super) struct Labels {
    observed: Vec<bool>,
    way: Way,
    seed: u64,
    count: u64,
    exact: bool,
}

enum Way {
    /// Every unit alone is turned or not.
    Flips,
    /// Labels change places within a stratum: its units, and how many of them are chosen.
    Shuffles(Vec<(Vec<usize>, usize)>),
}

impl Labels {
    /// Sign flips of `units` blocks, drawn where there are more than `most`.
    pub(super) fn flips(units: usize, most: u64, draws: u32, seed: u64) -> Self {
        let all = u32::try_from(units).ok().and_then(|units| 1_u64.checked_shl(units));
        Self::new(vec![false; units], Way::Flips, all, most, draws, seed)
    }

    /// Exchanges of the labels within each stratum, drawn where there are more than `most`.
    pub(super) fn shuffles(
        candidate: Vec<bool>,
        stratum: &[usize],
        most: u64,
        draws: u32,
        seed: u64,
    ) -> Self {
        let mut names = stratum.to_vec();
        names.sort_unstable();
        names.dedup();
        let strata: Vec<(Vec<usize>, usize)> = names
            .into_iter()
            .map(|name| {
                let units: Vec<usize> =
                    (0..stratum.len()).filter(|unit| stratum[*unit] == name).collect();
                let chosen = units.iter().filter(|unit| candidate[**unit]).count();
                (units, chosen)
            })
            .collect();
        let all = strata.iter().try_fold(1_u64, |all, (units, chosen)| {
            all.checked_mul(choices(units.len(), *chosen)?)
        });
        Self::new(candidate, Way::Shuffles(strata), all, most, draws, seed)
    }

    fn new(
        observed: Vec<bool>,
        way: Way,
        all: Option<u64>,
        most: u64,
        draws: u32,
        seed: u64,
    ) -> Self {
        let exact = all.filter(|all| *all <= most);
        Self {
            observed,
            way,
            seed,
            count: exact.unwrap_or(u64::from(draws) + 1),
            exact: exact.is_some(),
        }
    }

    /// How many arrangements there are, the observed one among them.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether they are all that the design could have had.
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The arrangement that was observed: a flag for each unit.
    pub(super) fn observed(&self) -> &[bool] {
        &self.observed
    }

    /// Arrangement `index` into `flags`, one for each unit. It depends on nothing but the index and the seed. `order` is
    /// scratch.
    pub(super) fn fill(&self, index: u64, flags: &mut [bool], order: &mut Vec<usize>) {
        match &self.way {
            Way::Flips if self.exact => {
                for (unit, flag) in flags.iter_mut().enumerate() {
                    *flag = index >> unit & 1 == 1;
                }
            }
            _ if !self.exact && index == 0 => flags.copy_from_slice(&self.observed),
            Way::Flips => {
                let mut draws = Draws::of(self.seed, index);
                for flags in flags.chunks_mut(64) {
                    let word = draws.word();
                    for (bit, flag) in flags.iter_mut().enumerate() {
                        *flag = word >> bit & 1 == 1;
                    }
                }
            }
            Way::Shuffles(strata) if self.exact => {
                let mut rest = index;
                for (units, chosen) in strata {
                    let all = choices(units.len(), *chosen).unwrap_or(u64::MAX);
                    combination(rest % all, units, *chosen, flags);
                    rest /= all;
                }
            }
            Way::Shuffles(strata) => {
                let mut draws = Draws::of(self.seed, index);
                for (units, _) in strata {
                    order.clear();
                    order.extend_from_slice(units);
                    // Whole units change places, whatever their label, so that exchanging the arms' names
                    // exchanges the flags of every draw.
                    for last in (1..order.len()).rev() {
                        order.swap(last, draws.below(last + 1));
                    }
                    for (unit, from) in units.iter().zip(order.iter()) {
                        flags[*unit] = self.observed[*from];
                    }
                }
            }
        }
    }
}

/// Combination `index` (in lexicographic order) of `chosen` out of `units`.
fn combination(mut index: u64, units: &[usize], mut chosen: usize, flags: &mut [bool]) {
    for (at, unit) in units.iter().enumerate() {
        let left = units.len() - at - 1;
        let with = match chosen.checked_sub(1) {
            Some(others) => choices(left, others).unwrap_or(u64::MAX),
            None => 0,
        };
        flags[*unit] = index < with;
        if index < with {
            chosen -= 1;
        } else {
            index -= with;
        }
    }
}

/// `n` over `k`; `None` where it is too large for 64 bits, 0 where `k > n`.
fn choices(n: usize, k: usize) -> Option<u64> {
    if k > n {
        return Some(0);
    }
    let mut all = 1_u128;
    for at in 0..k.min(n - k) {
        all = all * (n - at) as u128 / (at + 1) as u128;
        // It only grows on the way to the middle.
        if all > u128::from(u64::MAX) {
            return None;
        }
    }
    u64::try_from(all).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all(labels: &Labels) -> Vec<Vec<bool>> {
        let mut order = Vec::new();
        (0..labels.count())
            .map(|index| {
                let mut flags = vec![false; labels.observed().len()];
                labels.fill(index, &mut flags, &mut order);
                flags
            })
            .collect()
    }

    #[test]
    fn choices_are_those_of_pascal() {
        for (n, k, expected) in [
            (5, 0, Some(1)),
            (5, 5, Some(1)),
            (10, 5, Some(252)),
            (16, 7, Some(11_440)),
            (3, 4, Some(0)),
            (67, 33, Some(14_226_520_737_620_288_370)),
            (200, 100, None),
            (20_000, 1, Some(20_000)),
        ] {
            assert_eq!(choices(n, k), expected, "{n} over {k}");
        }
    }

    #[test]
    fn every_arrangement_comes_once_and_the_observed_among_them() {
        let candidate = vec![true, false, true, false, true, false, false];
        let stratum = [4, 4, 4, 4, 9, 9, 9];
        for (labels, count) in [
            (Labels::flips(5, MOST_EXACT, 9, 0), 32),
            (Labels::shuffles(candidate.clone(), &[0; 7], MOST_EXACT, 9, 0), 35),
            (Labels::shuffles(candidate.clone(), &stratum, MOST_EXACT, 9, 0), 6 * 3),
        ] {
            assert!(labels.is_exact());
            assert_eq!(labels.count(), count);
            let all = all(&labels);
            let distinct: BTreeSet<_> = all.iter().cloned().collect();
            assert_eq!(distinct.len() as u64, count);
            assert!(distinct.contains(labels.observed()));
        }
    }

    #[test]
    fn draws_keep_the_counts_of_every_stratum() {
        let candidate: Vec<bool> = (0..40).map(|unit| unit % 2 == 0).collect();
        let stratum: Vec<usize> = (0..40).map(|unit| unit / 10).collect();
        let labels = Labels::shuffles(candidate, &stratum, MOST_EXACT, 500, 7);
        assert!(!labels.is_exact() && labels.count() == 501);
        let all = all(&labels);
        assert_eq!(all[0], labels.observed(), "the observed one comes first");
        for flags in &all {
            for ten in flags.chunks(10) {
                assert_eq!(ten.iter().filter(|flag| **flag).count(), 5);
            }
        }
        // Each unit is chosen in a half of the draws.
        for unit in 0..40 {
            let share = all.iter().filter(|flags| flags[unit]).count();
            assert!((180..=320).contains(&share), "unit {unit}: {share}");
        }
    }

    #[test]
    fn more_than_64_blocks_are_drawn_independently() {
        let labels = Labels::flips(100, MOST_EXACT, 400, 1);
        let all = all(&labels);
        assert_eq!((all.len(), labels.is_exact()), (401, false));
        assert!(all[0].iter().all(|flag| !flag));
        let agree = all.iter().filter(|flags| flags[3] == flags[67]).count();
        assert!((140..=260).contains(&agree), "{agree}");
    }
}
