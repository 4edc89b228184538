//! The Pareto front of points whose coordinates are known to intervals.
//!
//! # What dominates what
//!
//! In one objective a point is *better beyond the noise* than another where the difference of their values is larger than
//! the halves of their intervals that face each other: where the intervals do not touch. That asks for more than the
//! interval of the difference would (two 95% intervals that just part differ at about 99.4%), on purpose: intervals
//! within a run know nothing of the differences between runs. Two exact values differ as soon as they are not equal.
//! Two points of which neither is better are *tied* in that objective.
//!
//! A point is *dominated for certain* by another whose value is at least as good in every objective, and which is better
//! beyond the noise in at least one. The *front* is what nothing dominates for certain.
//!
//! Where only one end of an interval is known, the value is a bound and no estimate (a peak that still grew, a rate that was
//! not the limit yet): what may be worse by nobody knows how much is never at least as good as anything, and nothing is at
//! least as good as what may be better by nobody knows how much. A value of which neither end is known is an estimate like
//! another; it is better than nothing beyond the noise.
//!
//! # What follows
//!
//! No point dominates itself, no two dominate each other, and no chain of dominations comes back to where it began (the
//! values only get better along it), so where there are points there is a front. "Better beyond the noise" is transitive;
//! "tied" is not: A and B may be tied, B and C too, and A still be better than C. Nor is domination itself: where B dominates C, and A with a wide interval
//! dominates B, nothing may be certain between A and C. A point that is known well can therefore show of another that it
//! is dominated although it is dominated itself. With intervals of equal width in each objective (exact values among
//! them) domination is transitive, and a dominated point changes nothing for the others.

use serde::{Deserialize, Serialize};

use super::sample::Interval;

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Small ones.
    Lower,
    /// Large ones.
    Higher,
}

impl Better {
    /// What a change is multiplied with so that up is worse.
    pub const fn sign(self) -> f64 {
        match self {
            Self::Lower => 1.0,
            Self::Higher => -1.0,
        }
    }
}

/// A coordinate: a finite value and the interval that it is known to, whose ends may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    value: f64,
    interval: Interval,
}

impl Known {
    /// A value with the ends of its interval; an end that is absent or no number is unknown, and therefore infinite.
    /// `None` where the value is not finite.
    pub fn within(value: f64, low: Option<f64>, high: Option<f64>) -> Option<Self> {
        let interval = Interval {
            low: low.filter(|low| !low.is_nan()).unwrap_or(f64::NEG_INFINITY),
            high: high.filter(|high| !high.is_nan()).unwrap_or(f64::INFINITY),
        };
        // A value outside its own interval would be better than itself.
        let interval = Interval { low: interval.low.min(value), high: interval.high.max(value) };
        value.is_finite().then_some(Self { value, interval })
    }

    /// A value without noise. `None` where it is not finite.
    pub fn exact(value: f64) -> Option<Self> {
        Self::within(value, Some(value), Some(value))
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.value
    }

    /// The interval.
    pub const fn interval(self) -> Interval {
        self.interval
    }

    fn at_least_as_good(self, other: Self, better: Better) -> bool {
        let (by_value, open) = match better {
            Better::Higher => {
                (self.value >= other.value, self.is_open_below() || other.is_open_above())
            }
            Better::Lower => {
                (self.value <= other.value, self.is_open_above() || other.is_open_below())
            }
        };
        by_value && !open
    }

    /// Whether the value is only known not to be smaller.
    fn is_open_above(self) -> bool {
        self.interval.low.is_finite() && !self.interval.high.is_finite()
    }

    /// Whether the value is only known not to be larger.
    fn is_open_below(self) -> bool {
        self.interval.high.is_finite() && !self.interval.low.is_finite()
    }

    /// Whether this is better than `other` by more than the noise of both.
    pub fn is_better(self, other: Self, better: Better) -> bool {
        match better {
            Better::Higher => self.interval.low > other.interval.high,
            Better::Lower => self.interval.high < other.interval.low,
        }
    }

    /// Whether neither is better than the other by more than the noise of both.
    pub fn is_tied(self, other: Self, better: Better) -> bool {
        !self.is_better(other, better) && !other.is_better(self, better)
    }
}

/// Whether `point` dominates `other` for certain. Both have a coordinate for each of `objectives`.
pub fn dominates(point: &[Known], other: &[Known], objectives: &[Better]) -> bool {
    let pairs = || point.iter().zip(other).zip(objectives);
    pairs().all(|((own, other), better)| own.at_least_as_good(*other, *better))
        && pairs().any(|((own, other), better)| own.is_better(*other, *better))
}

/// Where a point stands among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing dominates it for certain.
    Front,
    /// This point does: one of the front, if one of the front does.
    DominatedBy(usize),
}

/// Where each of `points` stands. Each has a coordinate for each of `objectives`.
pub fn standings(points: &[Vec<Known>], objectives: &[Better]) -> Vec<Standing> {
    let dominates = |by: usize, of: usize| dominates(&points[by], &points[of], objectives);
    let first: Vec<Option<usize>> =
        (0..points.len()).map(|of| (0..points.len()).find(|by| dominates(*by, of))).collect();
    let front: Vec<usize> = (0..points.len()).filter(|at| first[*at].is_none()).collect();
    let standing = |(of, first): (usize, &Option<usize>)| match first {
        None => Standing::Front,
        Some(first) => {
            let of_front = front.iter().copied().find(|by| dominates(*by, of));
            Standing::DominatedBy(of_front.unwrap_or(*first))
        }
    };
    first.iter().enumerate().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Better; 2] = [Better::Higher, Better::Lower];

    fn point(figures: &[(f64, f64)]) -> Vec<Known> {
        let known = |(value, half): &(f64, f64)| {
            Known::within(*value, Some(value - half), Some(value + half)).unwrap()
        };
        figures.iter().map(known).collect()
    }

    #[test]
    fn only_what_is_beyond_the_noise_dominates() {
        // Accuracy, more is better; memory, less is better.
        let base = [(0.90, 0.01), (100.0, 0.0)];
        for (other, says, why) in [
            ([(0.90, 0.01), (100.0, 0.0)], false, "the same"),
            ([(0.90, 0.01), (101.0, 0.0)], true, "tied, and larger"),
            ([(0.89, 0.01), (100.0, 0.0)], false, "less accurate within the noise"),
            ([(0.87, 0.01), (100.0, 0.0)], true, "less accurate beyond the noise"),
            ([(0.88, 0.01), (100.0, 0.0)], false, "the intervals touch at 0.89"),
            ([(0.901, 0.01), (200.0, 0.0)], false, "more accurate, if only by the noise"),
            ([(0.80, 0.01), (99.0, 0.0)], false, "smaller"),
        ] {
            assert_eq!(dominates(&point(&base), &point(&other), &BOTH), says, "{why}");
        }
    }

    #[test]
    fn an_interval_that_is_not_known_decides_nothing() {
        let open = vec![Known::within(0.5, None, None).unwrap(), Known::exact(100.0).unwrap()];
        let good = point(&[(0.9, 0.0), (100.0, 0.0)]);
        assert!(!dominates(&good, &open, &BOTH) && !dominates(&open, &good, &BOTH));
        assert!(open[0].is_tied(good[0], Better::Higher));
        // In the other objective it may.
        let larger = vec![open[0], Known::exact(101.0).unwrap()];
        assert!(dominates(&good, &larger, &BOTH));
    }

    #[test]
    fn a_value_that_is_only_a_bound_is_not_as_good_as_anything() {
        // Accuracy, more is better; memory, less is better: a peak that still grew, and a rate that may be higher.
        let at_least = |value: f64| Known::within(value, Some(value), None).unwrap();
        let grew = vec![Known::exact(0.9).unwrap(), at_least(100.0)];
        let larger = point(&[(0.5, 0.0), (200.0, 0.0)]);
        assert!(!dominates(&grew, &larger, &BOTH));
        let smaller = point(&[(0.95, 0.0), (50.0, 0.0)]);
        assert!(dominates(&smaller, &grew, &BOTH));
        let open_rate = vec![at_least(100.0), Known::exact(100.0).unwrap()];
        let faster = point(&[(200.0, 0.0), (50.0, 0.0)]);
        assert!(!dominates(&faster, &open_rate, &BOTH));
        // It is at least so good, however much better it may be.
        let slower = point(&[(50.0, 0.0), (100.0, 0.0)]);
        assert!(dominates(&open_rate, &slower, &BOTH));
    }

    #[test]
    fn what_is_no_number_is_no_coordinate() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Known::exact(value), None);
        }
        let odd = Known::within(1.0, Some(f64::NAN), Some(0.5)).unwrap();
        assert_eq!(
            (odd.value(), odd.interval().low, odd.interval().high),
            (1.0, f64::NEG_INFINITY, 1.0)
        );
    }

    #[test]
    fn the_front_and_who_is_behind_it() {
        let points = [
            point(&[(0.978, 0.015), (135.0, 0.0)]),
            point(&[(0.989, 0.011), (151.0, 0.0)]),
            point(&[(0.983, 0.013), (159.0, 0.0)]),
        ];
        let found = standings(&points, &BOTH);
        assert_eq!(found, [Standing::Front, Standing::Front, Standing::DominatedBy(1)]);
        assert!(points[0][0].is_tied(points[1][0], Better::Higher));
        assert_eq!(standings(&[], &BOTH), []);
        assert_eq!(standings(&points[2..], &BOTH), [Standing::Front]);
    }

    #[test]
    fn equal_points_are_all_on_the_front() {
        let points = vec![point(&[(1.0, 0.0), (1.0, 0.0)]); 3];
        assert_eq!(standings(&points, &BOTH), vec![Standing::Front; 3]);
    }

    #[test]
    fn ties_are_not_transitive() {
        let [a, b, c] = [1.0, 1.5, 2.0].map(|value| point(&[(value, 0.3)])[0]);
        assert!(a.is_tied(b, Better::Higher) && b.is_tied(c, Better::Higher));
        assert!(c.is_better(a, Better::Higher));
    }

    #[test]
    fn a_dominated_point_may_prove_what_its_own_dominator_cannot() {
        // A is known badly in the second objective, B well: both are better than C, only B for certain.
        let a = point(&[(10.0, 0.1), (10.0, 5.0)]);
        let b = point(&[(9.0, 0.1), (9.9, 0.1)]);
        let c = point(&[(9.0, 2.0), (9.0, 0.1)]);
        let up = [Better::Higher; 2];
        assert!(dominates(&a, &b, &up) && dominates(&b, &c, &up) && !dominates(&a, &c, &up));
        assert_eq!(standings(&[a.clone(), c.clone()], &up), [Standing::Front, Standing::Front]);
        assert_eq!(
            standings(&[a, b, c], &up),
            [Standing::Front, Standing::DominatedBy(0), Standing::DominatedBy(1)]
        );
    }

    /// Small whole numbers, so that equal values and touching intervals occur.
    fn coordinate() -> impl Strategy<Value = (f64, f64)> {
        (0_i32..8, 0_i32..3).prop_map(|(value, half)| (f64::from(value), f64::from(half)))
    }

    fn goals() -> impl Strategy<Value = [Better; 3]> {
        prop::array::uniform3(prop_oneof![Just(Better::Higher), Just(Better::Lower)])
    }

    /// The same, sometimes with ends that nobody knows.
    fn known() -> impl Strategy<Value = Known> {
        let open = prop::array::uniform2(prop::bool::weighted(0.15));
        (coordinate(), open).prop_map(|((value, half), [below, above])| {
            let end = |open: bool, end: f64| (!open).then_some(end);
            Known::within(value, end(below, value - half), end(above, value + half)).unwrap()
        })
    }

    fn points(most: usize) -> impl Strategy<Value = Vec<Vec<Known>>> {
        let one = prop::collection::vec(known(), 3);
        prop::collection::vec(one, 1..most)
    }

    /// Points whose intervals are equally wide in each objective.
    fn even(most: usize) -> impl Strategy<Value = Vec<Vec<Known>>> {
        let halves = prop::array::uniform3((0_i32..3).prop_map(f64::from));
        let values =
            prop::collection::vec(prop::array::uniform3((0_i32..8).prop_map(f64::from)), 1..most);
        (halves, values).prop_map(|(halves, values)| {
            let with = |values: &[f64; 3]| {
                let pairs: Vec<_> = values.iter().copied().zip(halves).collect();
                point(&pairs)
            };
            values.iter().map(with).collect()
        })
    }

    fn on_front(points: &[Vec<Known>], goals: &[Better]) -> Vec<bool> {
        let found = standings(points, goals);
        found.iter().map(|standing| *standing == Standing::Front).collect()
    }

    proptest! {
        #[test]
        fn nothing_dominates_itself_or_its_dominator(points in points(9), goals in goals()) {
            for a in &points {
                prop_assert!(!dominates(a, a, &goals));
                for b in &points {
                    prop_assert!(!(dominates(a, b, &goals) && dominates(b, a, &goals)));
                }
            }
        }

        #[test]
        fn there_is_always_a_front_and_the_rest_is_dominated(points in points(12), goals in goals()) {
            let found = standings(&points, &goals);
            prop_assert!(found.contains(&Standing::Front));
            for (at, standing) in found.iter().enumerate() {
                match standing {
                    Standing::DominatedBy(by) => prop_assert!(dominates(&points[*by], &points[at], &goals)),
                    Standing::Front => prop_assert!(!points.iter().any(|other| dominates(other, &points[at], &goals))),
                }
            }
        }

        #[test]
        fn better_beyond_the_noise_is_transitive(points in points(9)) {
            for goal in [Better::Higher, Better::Lower] {
                for a in &points {
                    for b in points.iter().filter(|b| a[0].is_better(b[0], goal)) {
                        for c in points.iter().filter(|c| b[0].is_better(c[0], goal)) {
                            prop_assert!(a[0].is_better(c[0], goal));
                        }
                    }
                }
            }
        }

        #[test]
        fn the_unit_of_an_objective_changes_nothing(points in points(12), goals in goals(), factor in 1e-9..1e9f64, which in 0_usize..3) {
            let scaled: Vec<Vec<Known>> = points.iter().map(|point| {
                let mut point = point.clone();
                let Interval { low, high } = point[which].interval();
                let value = point[which].value() * factor;
                point[which] = Known::within(value, Some(low * factor), Some(high * factor)).unwrap();
                point
            }).collect();
            prop_assert_eq!(standings(&points, &goals), standings(&scaled, &goals));
        }

        #[test]
        fn turning_an_objective_round_changes_nothing(points in points(12), goals in goals(), which in 0_usize..3) {
            let mut turned = goals;
            turned[which] = match goals[which] {
                Better::Higher => Better::Lower,
                Better::Lower => Better::Higher,
            };
            let mirrored: Vec<Vec<Known>> = points.iter().map(|point| {
                let mut point = point.clone();
                let Interval { low, high } = point[which].interval();
                point[which] = Known::within(-point[which].value(), Some(-high), Some(-low)).unwrap();
                point
            }).collect();
            prop_assert_eq!(standings(&points, &goals), standings(&mirrored, &turned));
        }

        #[test]
        fn among_intervals_of_equal_width_a_dominated_point_changes_no_other_mark(points in even(12), goals in goals()) {
            let all = on_front(&points, &goals);
            for (at, _) in all.iter().enumerate().filter(|(_, front)| !**front) {
                let mut rest = points.clone();
                rest.remove(at);
                let mut expected = all.clone();
                expected.remove(at);
                prop_assert_eq!(on_front(&rest, &goals), expected);
            }
        }

        #[test]
        fn a_new_point_only_moves_what_it_dominates(points in points(12), new in prop::collection::vec(coordinate(), 3), goals in goals()) {
            let before = on_front(&points, &goals);
            let mut more = points.clone();
            more.push(point(&new));
            let after = on_front(&more, &goals);
            for (at, was) in before.iter().enumerate() {
                let hit = dominates(&more[points.len()], &points[at], &goals);
                prop_assert_eq!(after[at], *was && !hit);
            }
        }
    }
}
