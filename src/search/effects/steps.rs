//! Which changes of the axes are told.

use crate::search::space::{Axis, Space};

/// A change of one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The place of the axis.
    pub axis: usize,
    /// The level before.
    pub from: u16,
    /// The level after.
    pub to: u16,
}

/// Levels of an axis of numbers that are told: more are a curve, which a few points of it show.
const MOST_LEVELS: usize = 5;

/// So many of the levels of an axis, its ends among them; of one whose levels have no order all.
fn levels(axis: &Axis, most: usize) -> Vec<u16> {
    let count = axis.levels();
    let all = (0..count).filter_map(|level| u16::try_from(level).ok());
    if matches!(axis, Axis::Choice(_)) || count <= most {
        return all.collect();
    }
    let last = count - 1;
    let places = (0..most).map(|at| (at * last + (most - 1) / 2) / (most - 1));
    places.filter_map(|level| u16::try_from(level).ok()).collect()
}

fn of_axes(space: &Space, most: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for (axis, of) in space.axes().iter().enumerate() {
        let levels = levels(of, most);
        let first = levels.first().copied().unwrap_or_default();
        steps.extend(levels.iter().skip(1).map(|to| Step { axis, from: first, to: *to }));
    }
    steps
}

/// From the first level of each axis to the others.
pub(super) fn steps(space: &Space) -> Vec<Step> {
    of_axes(space, MOST_LEVELS)
}

/// Pairs of steps of two axes; of an axis of numbers its whole range.
pub(super) fn pairs(space: &Space) -> Vec<[Step; 2]> {
    let steps = of_axes(space, 2);
    let mut pairs = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let others = steps[at + 1..].iter().filter(|by| by.axis != step.axis);
        pairs.extend(others.map(|by| [*step, *by]));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_numbers_a_few_are_told_and_of_words_all() {
        let numbers = |count: u32| Axis::ordered(&(0..count).map(f64::from).collect::<Vec<_>>());
        for (axis, told) in [
            (numbers(2), vec![0, 1]),
            (numbers(5), vec![0, 1, 2, 3, 4]),
            (numbers(6), vec![0, 1, 3, 4, 5]),
            (numbers(9), vec![0, 2, 4, 6, 8]),
            (Axis::Choice(7), vec![0, 1, 2, 3, 4, 5, 6]),
            (numbers(1), vec![0]),
        ] {
            assert_eq!(levels(&axis, MOST_LEVELS), told, "{axis:?}");
        }
        assert_eq!(levels(&numbers(9), 2), [0, 8]);
    }
}
