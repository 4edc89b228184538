//! The axes in which cells differ, and the cells as points of them.

use crate::event::{AxisDef, AxisList, AxisValue, RunRecord};
use crate::search::{Axis, Space, UNSET};

/// An axis in which cells differ.
pub(super) struct Knob {
    /// Its key.
    pub(super) key: String,
    /// Its levels as people read them: numbers from the smallest, false before true, words as they first come.
    pub(super) levels: Vec<String>,
}

/// The axes, and the cells by them.
pub(super) struct Knobs {
    pub(super) axes: Vec<Knob>,
    pub(super) space: Space,
}

/// A knob, its kind, and the level of each cell.
struct Column {
    knob: Knob,
    kind: Axis,
    levels: Vec<u16>,
}

impl Knobs {
    /// Of the runs of each cell.
    pub(super) fn of(cells: &[&[&RunRecord]]) -> Self {
        let jobs = || cells.iter().map(|runs| &runs[0].job);
        let list = AxisList::of(jobs());
        let column = |def: &AxisDef| {
            let values: Vec<AxisValue> = jobs().map(|job| def.of(job)).collect();
            column(&def.key, &values)
        };
        let columns: Vec<Column> = list.defs().filter_map(column).collect();
        let row = |cell: usize| columns.iter().map(|column| column.levels[cell]).collect();
        let rows = (0..cells.len()).map(row).collect();
        let kinds = columns.iter().map(|column| column.kind.clone()).collect();
        let space = Space::new(kinds, rows, vec![0; cells.len()]);
        Self { axes: columns.into_iter().map(|column| column.knob).collect(), space }
    }

    /// How many combinations of their levels there are.
    pub(super) fn combinations(&self) -> usize {
        let levels = self.axes.iter().map(|axis| axis.levels.len());
        levels.fold(1, usize::saturating_mul)
    }
}

/// In the order in which levels are told.
fn order(a: &AxisValue, b: &AxisValue) -> std::cmp::Ordering {
    match (a, b) {
        (AxisValue::Flag(a), AxisValue::Flag(b)) => a.cmp(b),
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            // A stable sort leaves them as they come.
            _ => std::cmp::Ordering::Equal,
        },
    }
}

/// `None` of an axis that has one level, or none.
fn column(key: &str, values: &[AxisValue]) -> Option<Column> {
    let mut found: Vec<&AxisValue> = Vec::new();
    for value in values.iter().filter(|value| **value != AxisValue::Unset) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    if found.len() < 2 {
        return None;
    }
    let numbers: Option<Vec<f64>> = found.iter().map(|value| value.number()).collect();
    let is_flag = found.iter().all(|value| matches!(value, AxisValue::Flag(_)));
    if numbers.is_some() || is_flag {
        found.sort_by(|a, b| order(a, b));
    }
    let level = |value: &AxisValue| {
        let place = found.iter().position(|found| *found == value);
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(UNSET)
    };
    let levels = values.iter().map(level).collect();
    let numbers: Option<Vec<f64>> = found.iter().map(|value| value.number()).collect();
    let kind = numbers.map_or(Axis::Choice(found.len()), |numbers| Axis::ordered(&numbers));
    let shown = found.iter().map(ToString::to_string).collect();
    Some(Column { knob: Knob { key: key.to_owned(), levels: shown }, kind, levels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_told_in_an_order_that_people_expect() {
        use AxisValue::{Flag, Number, Text, Unset, Whole};
        let text = |text: &'static str| Text(text.into());
        for (values, levels, told) in [
            (vec![Whole(4), Whole(1), Whole(2)], vec![2, 0, 1], vec!["1", "2", "4"]),
            (vec![Flag(true), Flag(false)], vec![1, 0], vec!["false", "true"]),
            (vec![text("b"), text("a"), text("b")], vec![0, 1, 0], vec!["b", "a"]),
            (vec![Number(0.5), Unset, Whole(0)], vec![1, UNSET, 0], vec!["0", "0.5"]),
            (vec![text("auto"), Whole(2), Whole(1)], vec![0, 1, 2], vec!["auto", "2", "1"]),
        ] {
            let column = column("x", &values).unwrap();
            assert_eq!(
                (column.levels, column.knob.levels),
                (levels, told.iter().map(ToString::to_string).collect())
            );
        }
        assert!(column("x", &[Whole(1), Whole(1), Unset]).is_none());
        assert!(column("x", &[]).is_none());
    }
}
