//! What early stopping changes in the comparison of cells: their order, and how that compares with repeats.

use crate::stats::Interval;

/// Whole runs of a cell from which on their spread says something.
const REPEATS: usize = 3;

/// A run in a ranking: by its figure at the stop and by that of the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Contestant<'a> {
    /// The cell; runs of one cell do not compete.
    pub cell: &'a str,
    /// Only runs with the same number compete, so that each repeat is a ranking of its own.
    pub repeat: u32,
    /// The figure of the whole run.
    pub full: f64,
    /// The figure at the stop.
    pub at_stop: f64,
    /// Its interval at the stop.
    pub interval: Option<Interval>,
}

/// How a ranking changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swaps {
    /// Pairs that compete.
    pub pairs: u64,
    /// Pairs in the other order at the stop.
    pub swapped: u64,
    /// Swapped pairs whose intervals at the stop are disjoint: the stop claimed an order that the whole runs deny.
    pub disjoint: u64,
}

/// Compares the order at the stop with that of the whole runs. Equal figures have no order, so they cannot be swapped.
pub fn swaps(contestants: &[Contestant<'_>]) -> Swaps {
    let mut found = Swaps::default();
    for (at, one) in contestants.iter().enumerate() {
        for other in &contestants[at + 1..] {
            if one.cell == other.cell || one.repeat != other.repeat {
                continue;
            }
            found.pairs += 1;
            let order = |a: f64, b: f64| (a > b, a < b);
            let (full, then) = (order(one.full, other.full), order(one.at_stop, other.at_stop));
            // (true, false) against (false, true), or the other way round.
            if full.0 == then.1 && full.1 == then.0 && full.0 != full.1 {
                found.swapped += 1;
                found.disjoint += u64::from(disjoint(one.interval, other.interval));
            }
        }
    }
    found
}

fn disjoint(one: Option<Interval>, other: Option<Interval>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.high < other.low || other.high < one.low)
}

/// How far the figures of whole runs of one cell lie apart: (largest - smallest) / mean. `None` for fewer than three,
/// and where the mean is 0 or no number.
pub fn spread(figures: &[f64]) -> Option<f64> {
    if figures.len() < REPEATS {
        return None;
    }
    let mean = figures.iter().sum::<f64>() / figures.len() as f64;
    let low = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let high = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = (high - low) / mean.abs();
    spread.is_finite().then_some(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contestant(cell: &str, full: f64, at_stop: f64, half: f64) -> Contestant<'_> {
        Contestant {
            cell,
            repeat: 1,
            full,
            at_stop,
            interval: (half > 0.0).then(|| Interval::around(at_stop, half)),
        }
    }

    #[test]
    fn pairs_in_the_other_order_are_counted() {
        let a = contestant("a", 10.0, 10.0, 0.5);
        for (b, swapped, disjoint) in [
            (contestant("b", 11.0, 12.0, 0.5), 0, 0),
            (contestant("b", 11.0, 9.8, 0.5), 1, 0),
            (contestant("b", 11.0, 8.0, 0.5), 1, 1),
            (contestant("b", 9.0, 12.0, 0.5), 1, 1),
            (contestant("b", 11.0, 8.0, 0.0), 1, 0),
            // Equal here or there: no order to swap.
            (contestant("b", 10.0, 8.0, 0.5), 0, 0),
            (contestant("b", 11.0, 10.0, 0.5), 0, 0),
        ] {
            let found = swaps(&[a.clone(), b.clone()]);
            let says = Swaps { pairs: 1, swapped, disjoint };
            assert_eq!(found, says, "{b:?}");
            assert_eq!(swaps(&[b, a.clone()]), says);
        }
    }

    #[test]
    fn repeats_of_a_cell_do_not_compete_and_each_repeat_is_a_ranking() {
        let mut all = Vec::new();
        for repeat in 1..=3 {
            for cell in ["a", "b", "c"] {
                all.push(Contestant { repeat, ..contestant(cell, 1.0, 1.0, 0.1) });
            }
        }
        assert_eq!(swaps(&all).pairs, 9);
        assert_eq!(swaps(&[]), Swaps::default());
    }

    #[test]
    fn a_spread_needs_three_runs() {
        for (figures, says) in [
            (&[][..], None),
            (&[1.0, 2.0], None),
            (&[9.0, 10.0, 11.0], Some(0.2)),
            (&[5.0, 5.0, 5.0], Some(0.0)),
            (&[0.0, 0.0, 0.0], None),
            (&[1.0, f64::NAN, 2.0], None),
        ] {
            let found = spread(figures);
            match says {
                Some(says) => assert!((found.unwrap() - says).abs() < 1e-12, "{figures:?}"),
                None => assert_eq!(found, None, "{figures:?}"),
            }
        }
    }
}
