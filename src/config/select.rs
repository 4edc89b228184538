//! Which cells are meant: `[[exclude]]`, the `match` of an `[[override]]`, `--only`.

use super::axes::{Axes, Cell};
use super::axis::{self, Choice};
use super::own;
use super::set::Scalar;
use super::world::World;
use crate::document::problems::{Place, Problems};
use crate::document::suggest;
use crate::document::tree::Table;
use crate::event::Axis;

/// Values of some axes; a cell must have one of each.
#[derive(Debug)]
pub(super) struct Selector {
    terms: Vec<Term>,
}

#[derive(Debug)]
struct Term {
    axis: Axis,
    /// For each value of the axis, whether it is meant.
    wanted: Vec<bool>,
}

/// A table of axes, and what a message calls it.
pub(super) struct Which<'a> {
    pub(super) table: &'a Table,
    pub(super) place: Place,
    pub(super) name: &'static str,
}

impl Selector {
    pub(super) fn matches(&self, cell: &Cell) -> bool {
        self.terms.iter().all(|term| {
            let index = cell[term.axis.index()] as usize;
            term.wanted.get(index).copied().unwrap_or(false)
        })
    }

    /// From a table of axes; a value that the grid lacks is no mistake, it just matches nothing.
    pub(super) fn read(
        which: &Which<'_>,
        grid: &Axes,
        world: &World<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Which { table, place, name } = *which;
        let mut terms = Vec::new();
        for (key, entry) in own::entries(table) {
            let Some(axis) = world.axes.find(&key) else {
                continue;
            };
            let mut wanted = vec![false; grid.pools[axis.index()].choices.len()];
            for item in entry.node.items() {
                let choice = problems.ok(axis::read(axis, item, world));
                let index = choice.and_then(|choice| grid.pools[axis.index()].find(&choice.label));
                if let Some(index) = index {
                    wanted[index as usize] = true;
                }
            }
            terms.push(Term { axis, wanted });
        }
        // An unknown key has been reported, and is no wish to match everything.
        if terms.is_empty() && table.entries.is_empty() {
            problems.error_with(
                place,
                format!("{name} names no axis, so it would match every cell"),
                "name at least one axis, such as model = \"cnn\"",
            );
        }
        (!terms.is_empty()).then_some(Self { terms })
    }
}

const FLAG: &str = "--only ";

/// Leaves the cells that every `--only` names.
pub(super) fn only(
    cells: &mut Vec<Cell>,
    only: &[String],
    grid: &Axes,
    world: &World<'_>,
    problems: &mut Problems,
) {
    let mut selectors = Vec::new();
    let mut last = None;
    for argument in only {
        let text = problems.add_argument(format!("{FLAG}{argument}"));
        let whole = Place { text, span: Some((FLAG.len(), FLAG.len() + argument.len())) };
        last = Some(whole);
        let asked = Only { argument, text, whole };
        selectors.extend(asked.read(cells, grid, world, problems));
    }
    cells.retain(|cell| selectors.iter().all(|selector| selector.matches(cell)));
    if let Some(place) = last.filter(|_| cells.is_empty() && !problems.any()) {
        problems.error(place, "no cell of the grid matches every --only");
    }
}

struct Only<'a> {
    argument: &'a str,
    text: usize,
    whole: Place,
}

impl Only<'_> {
    fn read(
        &self,
        cells: &[Cell],
        grid: &Axes,
        world: &World<'_>,
        problems: &mut Problems,
    ) -> Option<Selector> {
        let Some((key, values)) = self.argument.split_once('=') else {
            problems.error_with(
                self.whole,
                "--only needs AXIS=VALUE",
                "for example --only model=cnn,mlp",
            );
            return None;
        };
        let Some(axis) = world.axes.find(key.trim()) else {
            problems.error_with(
                self.whole,
                format!("unknown axis `{}`", crate::document::problems::shown(key.trim())),
                suggest::hint(key.trim(), &world.axes.keys(), "the axes are"),
            );
            return None;
        };
        let choices = &grid.pools[axis.index()].choices;
        let mut present = vec![false; choices.len()];
        for cell in cells {
            if let Some(seen) = present.get_mut(cell[axis.index()] as usize) {
                *seen = true;
            }
        }
        let mut wanted = vec![false; choices.len()];
        let mut offset = FLAG.len() + key.len() + 1;
        for part in values.split(',') {
            let start = offset + part.len() - part.trim_start().len();
            offset += part.len() + 1;
            let found = self.find(axis, part.trim(), start, grid, world);
            if let Some(index) = found.filter(|index| present[*index]) {
                wanted[index] = true;
            } else {
                let there = (0..choices.len())
                    .filter(|index| present[*index] && !choices[*index].is_absent());
                let there: Vec<&str> = there.map(|index| choices[index].label.as_str()).collect();
                problems.error_with(
                    Place { text: self.text, span: Some((start, start + part.trim().len())) },
                    format!("no cell has {} = {}", world.axes.key(axis), part.trim()),
                    suggest::hint(part.trim(), &there, "the values there are"),
                );
            }
        }
        let terms = vec![Term { axis, wanted }];
        Some(Selector { terms })
    }

    /// By the label, as it was written in the grid, or as a value that means the same (`1e-3` for `0.001`).
    fn find(
        &self,
        axis: Axis,
        value: &str,
        offset: usize,
        grid: &Axes,
        world: &World<'_>,
    ) -> Option<usize> {
        let pool = &grid.pools[axis.index()];
        if let Some(index) = pool.find(value) {
            return Some(index as usize);
        }
        let as_written = |choice: &Choice| choice.written.as_deref() == Some(value);
        if let Some(index) = pool.choices.iter().position(as_written) {
            return Some(index);
        }
        if matches!(axis, Axis::MODEL | Axis::DATASET) || value.is_empty() {
            return None;
        }
        // What is wrong with the value itself does not matter here: no cell has it.
        let scalar = Scalar { text: self.text, offset };
        let node = scalar.value(value, &mut Problems::default())?;
        let choice = axis::read(axis, &node, world).ok()?;
        pool.find(&choice.label).map(|index| index as usize)
    }
}
