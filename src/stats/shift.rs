//! By how much one set of values lies above another, whatever a few outliers do: the estimates of Hodges and Lehmann
//! (1963).

/// The median of the Walsh averages `(d_i + d_j) / 2`, `i <= j`, of paired differences: their pseudo-median, in the
/// differences' own unit. `None` without values, or where one of them is not finite.
///
/// Up to 29% of the differences can be anything without carrying it away. It takes `n (n + 1) / 2` numbers of memory.
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    if !differences.iter().all(|difference| difference.is_finite()) {
        return None;
    }
    let count = differences.len() * (differences.len() + 1) / 2;
    let mut averages = Vec::with_capacity(count);
    for (at, first) in differences.iter().enumerate() {
        averages.extend(differences[at..].iter().map(|second| f64::midpoint(*first, *second)));
    }
    median(&mut averages)
}

/// The median of all differences `new_j - base_i`, in the values' own unit. `None` where a side has no values, or one
/// of them is not finite.
pub fn hodges_lehmann_shift(base: &[f64], new: &[f64]) -> Option<f64> {
    if !base.iter().chain(new).all(|value| value.is_finite()) {
        return None;
    }
    let mut shifts = Vec::with_capacity(base.len() * new.len());
    for base in base {
        shifts.extend(new.iter().map(|new| new - base));
    }
    median(&mut shifts)
}

/// The middle value, or the mean of the two in the middle; reorders its argument. `None` without values.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hollander and Wolfe, *Nonparametric Statistical Methods*: table 3.1 (Hamilton's depression scale, -0.46) and
    /// table 4.1 (permeability of membranes, -0.305); R's `wilcox.test` gives the same.
    #[test]
    #[expect(clippy::approx_constant, reason = "one of the measured values looks like pi")]
    fn the_estimates_are_those_of_the_textbook() {
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let depression = hodges_lehmann(&differences).unwrap();
        assert!((depression + 0.46).abs() < 1e-9, "{depression}");
        let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let early = [1.15, 0.88, 0.90, 0.74, 1.21];
        let permeability = hodges_lehmann_shift(&term, &early).unwrap();
        assert!((permeability + 0.305).abs() < 1e-9, "{permeability}");
    }

    #[test]
    fn small_and_senseless_sets() {
        for (differences, expected) in [
            (vec![], None),
            (vec![2.0], Some(2.0)),
            (vec![1.0, 4.0], Some(2.5)),
            // 0, 0.5, 1, 50, 50.5, 100: an outlier moves it by one place.
            (vec![0.0, 1.0, 100.0], Some(25.5)),
            (vec![0.0, 0.1, 0.2, 0.3, 100.0], Some(0.2)),
            (vec![1.0, f64::NAN], None),
            (vec![1.0, f64::INFINITY], None),
        ] {
            let got = hodges_lehmann(&differences);
            assert!(
                got == expected || (got.unwrap() - expected.unwrap()).abs() < 1e-12,
                "{differences:?}: {got:?}"
            );
        }
        assert_eq!(hodges_lehmann_shift(&[], &[1.0]), None);
        assert_eq!(hodges_lehmann_shift(&[1.0], &[]), None);
        assert_eq!(hodges_lehmann_shift(&[1.0, 2.0], &[5.0]), Some(3.5));
        assert_eq!(hodges_lehmann_shift(&[f64::NAN], &[5.0]), None);
    }

    proptest! {
        #[test]
        fn they_follow_shift_and_scale_and_turn_with_the_sides(
            base in prop::collection::vec(-1e3..1e3f64, 1..20),
            new in prop::collection::vec(-1e3..1e3f64, 1..20),
            shift in -100.0..100.0f64,
            scale in 0.01..100.0f64,
        ) {
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            let moved = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| scale * v + shift).collect() };
            let paired = hodges_lehmann(&new).unwrap();
            prop_assert!(near(hodges_lehmann(&moved(&new)).unwrap(), scale * paired + shift));
            let between = hodges_lehmann_shift(&base, &new).unwrap();
            prop_assert!(near(hodges_lehmann_shift(&moved(&base), &moved(&new)).unwrap(), scale * between));
            prop_assert!(near(hodges_lehmann_shift(&new, &base).unwrap(), -between));
            let range = |f: fn(f64, f64) -> f64| new.iter().copied().reduce(f).unwrap();
            prop_assert!(range(f64::min) <= paired && paired <= range(f64::max));
        }
    }
}
