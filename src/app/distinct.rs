//! Each of several things once, and what belongs to it.
//!
//! Nothing is sorted. Invariant: the order is always that of the first appearance, which is the order of the plan.

use std::collections::BTreeMap;

use crate::event::RunRecord;

/// The items in the order of their first appearance.
pub(super) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// The runs of each cell, in the order of their first.
pub(super) fn by_cell(records: &[RunRecord]) -> Vec<(&str, Vec<&RunRecord>)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cells: Vec<(&str, Vec<&RunRecord>)> = Vec::new();
    for record in records {
        let place = *places.entry(&record.cell).or_insert(cells.len());
        match cells.get_mut(place) {
            Some((_, runs)) => runs.push(record),
            None => cells.push((&record.cell, vec![record])),
        }
    }
    cells
}
