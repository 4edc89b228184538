//! Quantiles of values that do not all count alike.

/// The value at `level` in 0..=1 of values with weights, linear between neighbours: each value stands in the middle of
/// its own weight (type 5 of Hyndman and Fan 1996 where all weights are equal). Sorts its argument. `None` where
/// nothing has weight; infinite values are the largest ones, NaN and weights that are not positive are left out.
pub fn weighted_quantile(values: &mut Vec<(f64, f64)>, level: f64) -> Option<f64> {
    values.retain(|(value, weight)| !value.is_nan() && *weight > 0.0);
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = values.iter().map(|(_, weight)| weight).sum();
    let wanted = level.clamp(0.0, 1.0) * all;
    let mut below = 0.0;
    let mut before: Option<(f64, f64)> = None;
    for (value, weight) in values.iter() {
        let middle = below + weight / 2.0;
        if middle >= wanted {
            return Some(match before {
                Some((at, low)) if value.is_finite() => {
                    low + (value - low) * ((wanted - at) / (middle - at)).clamp(0.0, 1.0)
                }
                // Between a number and infinity there is nothing.
                _ => *value,
            });
        }
        below += weight;
        before = Some((middle, *value));
    }
    before.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_weights_are_the_textbook_and_others_pull() {
        for (values, level, expected) in [
            (vec![], 0.5, None),
            (vec![(3.0, 1.0)], 0.95, Some(3.0)),
            (vec![(2.0, 1.0), (1.0, 1.0)], 0.5, Some(1.5)),
            (vec![(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)], 0.5, Some(2.0)),
            (vec![(1.0, 1.0), (2.0, 1.0)], 0.0, Some(1.0)),
            (vec![(1.0, 1.0), (2.0, 1.0)], 1.0, Some(2.0)),
            // Ten values of one group against one of another that weighs as much.
            (
                (0..10).map(|_| (1.0, 0.1)).chain([(5.0, 1.0)]).collect(),
                0.5,
                Some(1.0 + 4.0 * 0.05 / 0.55),
            ),
            (vec![(1.0, 1.0), (f64::INFINITY, 1.0)], 0.9, Some(f64::INFINITY)),
            (vec![(f64::NAN, 1.0), (2.0, 1.0)], 0.5, Some(2.0)),
        ] {
            let found = weighted_quantile(&mut values.clone(), level);
            match (found, expected) {
                (Some(found), Some(expected)) if expected.is_finite() => {
                    assert!((found - expected).abs() < 1e-12, "{values:?}: {found}");
                }
                _ => assert_eq!(found, expected, "{values:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn it_stays_in_range_and_in_order(
            values in prop::collection::vec((-1e6..1e6f64, 0.01..10.0f64), 1..40), a in 0.0..1.0f64, b in 0.0..1.0f64,
        ) {
            let at = |level: f64| weighted_quantile(&mut values.clone(), level).unwrap();
            prop_assert!(at(a.min(b)) <= at(a.max(b)) + 1e-9);
            let low = values.iter().map(|v| v.0).fold(f64::INFINITY, f64::min);
            prop_assert!(at(a) >= low);
        }
    }
}
