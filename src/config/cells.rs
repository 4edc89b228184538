//! The cells of a grid: the product of its axes, less `[[exclude]]`, with `[[include]]`.

use std::collections::HashSet;

use super::axes::{Axes, Cell};
use super::axis;
use super::own;
use super::read;
use super::select::{Selector, Which};
use super::when;
use super::world::World;
use crate::document::problems::{Place, Problems};
use crate::document::tree::{Table, Value};

/// The cells in the order in which they run.
pub(super) fn expand(
    root: &Table,
    axes: &mut Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<Cell> {
    let whens = when::read(root, axes, world, problems);
    // First, since a value of an included cell may be what an exclusion or an override names.
    let included = includes(root, axes, world, problems);
    let excludes: Vec<(Selector, Place)> = read::tables(root, "exclude", problems)
        .into_iter()
        .filter_map(|(table, place)| {
            let which = Which { table, place, name: "[[exclude]]" };
            let selector = Selector::read(&which, axes, world, problems)?;
            Some((selector, place))
        })
        .collect();
    if problems.any() {
        return Vec::new();
    }
    let cells = product(axes, root, world, problems);
    let mut cells = when::apply(cells, &whens, axes, world, problems);
    exclude(&mut cells, &excludes, problems);
    add_included(&mut cells, &included, axes, problems);
    if let (true, Some((_, place))) = (cells.is_empty(), excludes.first()) {
        problems.error(*place, "[[exclude]] leaves no cell, so the grid is empty");
    }
    cells
}

fn product(axes: &Axes, root: &Table, world: &World<'_>, problems: &mut Problems) -> Vec<Cell> {
    let sizes: Vec<(usize, u32)> =
        axes.order.iter().map(|axis| (axis.index(), axes.pools[axis.index()].product)).collect();
    let total = sizes.iter().fold(1, |total: u64, (_, size)| total.saturating_mul((*size).into()));
    let place = root.get("grid").map(|entry| entry.key_place);
    let several = axes.order.iter().zip(&sizes).filter(|(_, (_, size))| *size > 1);
    let factors: Vec<_> =
        several.map(|(axis, (_, size))| format!("{size} {}", axes.list.key(*axis))).collect();
    let factors = format!(" ({})", factors.join(" x "));
    if world.has_too_many(total, &factors, place.unwrap_or_default(), problems) {
        return Vec::new();
    }
    (0..total)
        .map(|index| {
            let mut rest = index;
            let mut cell = axes.first_cell();
            // The last axis of the file changes fastest.
            for (axis, size) in sizes.iter().rev() {
                let size = u64::from(*size);
                cell[*axis] = u32::try_from(rest % size).unwrap_or(0);
                rest /= size;
            }
            cell
        })
        .collect()
}

fn exclude(cells: &mut Vec<Cell>, excludes: &[(Selector, Place)], problems: &mut Problems) {
    let mut matched = vec![false; excludes.len()];
    cells.retain(|cell| {
        let mut keep = true;
        for (seen, (selector, _)) in matched.iter_mut().zip(excludes) {
            if selector.matches(cell) {
                *seen = true;
                keep = false;
            }
        }
        keep
    });
    for ((_, place), _) in excludes.iter().zip(matched).filter(|(_, seen)| !seen) {
        problems.warn_idle(*place, "[[exclude]]");
    }
}

fn includes(
    root: &Table,
    axes: &mut Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<(Cell, Place)> {
    let mut cells = Vec::new();
    for (table, place) in read::tables(root, "include", problems) {
        let mut cell = axes.first_cell();
        for axis in world.axes.all() {
            let key = world.axes.key(axis);
            let Some(entry) = own::entry(table, key) else {
                let values = axes.pools[axis.index()].product;
                if values > 1 {
                    problems.error_with(
                        place,
                        format!(
                            "this [[include]] does not say which `{key}`: the grid has {values}"
                        ),
                        format!("add {key} = ..."),
                    );
                }
                continue;
            };
            if matches!(entry.node.value, Value::List(_)) {
                problems.error_with(
                    entry.node.place,
                    format!("`{key}` of an [[include]] must be one value, not a list"),
                    "write one [[include]] for each cell",
                );
            } else if let Some(choice) = problems.ok(axis::read(axis, &entry.node, world)) {
                let pool = &mut axes.pools[axis.index()];
                let dataset = choice.dataset.clone();
                let index = pool.intern(choice);
                // Two folders whose data sets have one name: the runs could not be told apart.
                if pool.choices[index as usize].dataset != dataset {
                    let label = &pool.choices[index as usize].label;
                    problems.error(
                        entry.node.place,
                        format!("the grid has another `{key}` of the name {label}"),
                    );
                }
                cell[axis.index()] = index;
            }
        }
        cells.push((cell, place));
    }
    cells
}

fn add_included(
    cells: &mut Vec<Cell>,
    included: &[(Cell, Place)],
    axes: &Axes,
    problems: &mut Problems,
) {
    if included.is_empty() {
        return;
    }
    let mut seen: HashSet<Cell> = cells.iter().cloned().collect();
    for (cell, place) in included {
        if seen.insert(cell.clone()) {
            cells.push(cell.clone());
        } else {
            let name = axes.cell_name(cell).unwrap_or_default();
            problems.error(
                *place,
                format!("this [[include]] adds the cell {name}, which the grid has already"),
            );
        }
    }
}
