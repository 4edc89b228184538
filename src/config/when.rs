//! `[[when]]`: axes that only some cells have.

use super::axes::{Axes, Cell, Origin};
use super::axis;
use super::own;
use super::read;
use super::select::{Selector, Which};
use super::world::World;
use crate::document::problems::{Place, Problems};
use crate::document::suggest;
use crate::document::tree::Table;
use crate::event::Axis;

/// Values of some axes for the cells that match.
pub(super) struct When {
    selector: Selector,
    /// The axes, and the places of their values in the pools.
    given: Vec<(Axis, Vec<u32>)>,
    place: Place,
}

impl When {
    /// How many cells one that matches becomes.
    fn times(&self) -> u64 {
        let sizes = self.given.iter().map(|(_, values)| values.len() as u64);
        sizes.fold(1, u64::saturating_mul)
    }

    /// The cells that one that matches becomes; the last axis changes fastest.
    fn product(&self, cell: &Cell) -> Vec<Cell> {
        let mut cells = vec![cell.clone()];
        for (axis, values) in &self.given {
            let with = |cell: Cell| {
                values.iter().map(move |value| {
                    let mut cell = cell.clone();
                    cell[axis.index()] = *value;
                    cell
                })
            };
            cells = cells.into_iter().flat_map(with).collect();
        }
        cells
    }

    /// Reports a cell that has one of its axes from one before it.
    fn check_twice(&self, cells: &[Cell], before: &[Self], grid: &Axes, problems: &mut Problems) {
        for (axis, _) in &self.given {
            let gives = |other: &&Self| other.given.iter().any(|(given, _)| given == axis);
            let others: Vec<&Self> = before.iter().filter(gives).collect();
            let mut own = cells.iter().filter(|cell| self.selector.matches(cell));
            let twice = own.find(|cell| others.iter().any(|other| other.selector.matches(cell)));
            if let Some(cell) = twice {
                let name = grid.cell_name(cell).unwrap_or_default();
                let key = grid.list.key(*axis);
                problems.error_with(
                    self.place,
                    format!("this [[when]] gives `{key}` to {name}, which has it from another one"),
                    "let no cell match both",
                );
            }
        }
    }
}

/// Every `[[when]]`; its values are in the pools from now on.
pub(super) fn read(
    root: &Table,
    grid: &mut Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<When> {
    let tables = read::tables(root, "when", problems);
    let mut whens = Vec::new();
    for (at, (table, place)) in tables.iter().enumerate() {
        let later: Vec<Axis> =
            tables[at..].iter().flat_map(|(table, _)| axes_of(table, world)).collect();
        let given = given(table, *place, grid, world, problems);
        let selector = selector(table, *place, &later, grid, world, problems);
        whens.extend(selector.map(|selector| When { selector, given, place: *place }));
    }
    whens
}

fn axes_of(table: &Table, world: &World<'_>) -> Vec<Axis> {
    let keys = table.table("grid").into_iter().flat_map(own::entries);
    keys.filter_map(|(key, _)| world.axes.find(&key)).collect()
}

/// The values that it gives.
fn given(
    table: &Table,
    place: Place,
    grid: &mut Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<(Axis, Vec<u32>)> {
    let mut all = Vec::new();
    let Some((values, _)) = read::table(table, "grid", problems) else {
        if table.get("grid").is_none() {
            let hint = "add one, such as grid.weight_decay = [0, 0.01]";
            problems.error_with(place, "this [[when]] has no axis", hint);
        }
        return all;
    };
    for (key, entry) in own::entries(values) {
        let Some(axis) = world.axes.find(&key) else { continue };
        let pool = &mut grid.pools[axis.index()];
        if [Axis::MODEL, Axis::DATASET].contains(&axis) || pool.origin != Origin::Default {
            let of = if pool.origin == Origin::Train { "train" } else { "grid" };
            problems.error_with(
                entry.key_place,
                format!("`{key}` is an axis of every cell: it is in [{of}]"),
                "leave it out there, and write a [[when]] for each case",
            );
            continue;
        }
        pool.key_place = pool.key_place.or(Some(entry.key_place));
        pool.conditional = true;
        let mut values = Vec::new();
        for item in entry.node.items() {
            let Some(choice) = problems.ok(axis::read(axis, item, world)) else { continue };
            let label = choice.label.clone();
            let index = pool.intern(choice);
            if values.contains(&index) {
                problems.error(item.place, format!("`{key}` holds {label} twice"));
            }
            values.push(index);
        }
        if entry.node.items().is_empty() && !problems.blames(entry.node.place) {
            let message = format!("`{key}` is an empty list, so no cell would be left");
            problems.error_with(entry.node.place, message, "give at least one value");
        }
        all.push((axis, values));
    }
    all
}

/// The cells that it is for; unlike those of others, each of its values must be one of the grid.
fn selector(
    table: &Table,
    place: Place,
    later: &[Axis],
    grid: &Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Option<Selector> {
    let Some((wanted, _)) = read::table(table, "match", problems) else {
        if table.get("match").is_none() {
            let hint = "name the cells with these axes: match = { optimizer = \"sgd\" }";
            problems.error_with(place, "this [[when]] has no `match`", hint);
        }
        return None;
    };
    for (key, entry) in own::entries(wanted) {
        let Some(axis) = world.axes.find(&key) else { continue };
        if later.contains(&axis) {
            problems.error_with(
                entry.key_place,
                format!("no cell has `{key}` yet: this [[when]] or a later one gives it"),
                "put the [[when]] that gives it first",
            );
            continue;
        }
        let pool = &grid.pools[axis.index()];
        for item in entry.node.items() {
            let Some(choice) = problems.ok(axis::read(axis, item, world)) else { continue };
            let there: Vec<&str> = pool.labels().collect();
            // Where the command line has left fewer values, those of the file are no mistake; where it has none, that is told.
            if pool.find(&choice.label).is_none() && !world.narrowed && !there.is_empty() {
                let hint = suggest::hint(&choice.label, &there, "the values there are");
                problems.error_with(
                    item.place,
                    format!("no cell has `{key}` = {}", choice.label),
                    hint,
                );
            }
        }
    }
    Selector::read(&Which { table: wanted, place, name: "match" }, grid, world, problems)
}

/// The cells with the axes that each `[[when]]` gives them, in turn.
pub(super) fn apply(
    mut cells: Vec<Cell>,
    whens: &[When],
    grid: &Axes,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<Cell> {
    for (at, when) in whens.iter().enumerate() {
        let matching = cells.iter().filter(|cell| when.selector.matches(cell)).count();
        if matching == 0 && !world.narrowed {
            problems.error(when.place, "this [[when]] matches no cell");
        }
        when.check_twice(&cells, &whens[..at], grid, problems);
        let more = (matching as u64).saturating_mul(when.times());
        let total = more.saturating_add((cells.len() - matching) as u64);
        if world.has_too_many(total, "", when.place, problems) || problems.any() {
            return Vec::new();
        }
        let become_of = |cell: Cell| {
            if when.selector.matches(&cell) { when.product(&cell) } else { vec![cell] }
        };
        cells = cells.into_iter().flat_map(become_of).collect();
    }
    cells
}
