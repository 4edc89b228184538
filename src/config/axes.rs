//! Reads `[grid]`: which values each axis has.

use std::collections::{BTreeMap, HashMap};

use super::axis::{self, Choice};
use super::own;
use super::read;
use super::world::World;
use crate::document::problems::{GRID, Place, Problems};
use crate::document::tree::{Node, Table, Value};
use crate::event::{Axis, AxisDef, AxisList};

/// One value of each axis, as indices into the pools.
pub(super) type Cell = Box<[u32]>;

/// Who gives an axis its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Grid,
    Train,
    Default,
}

/// The values of one axis.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) choices: Vec<Choice>,
    by_label: HashMap<String, u32>,
    /// The first of the choices, which make up the product; the others are of `[[include]]`.
    pub(super) product: u32,
    pub(super) origin: Origin,
    /// Where [grid] names it.
    pub(super) key_place: Option<Place>,
    /// Whether a `[[when]]` gives it values: then cells may lack it.
    pub(super) conditional: bool,
    /// Whether the grid file gives it several values, of which `--set` has left one.
    swept: bool,
}

impl Pool {
    fn new(origin: Origin) -> Self {
        let (choices, by_label) = (Vec::new(), HashMap::new());
        Self {
            choices,
            by_label,
            product: 0,
            origin,
            key_place: None,
            conditional: false,
            swept: false,
        }
    }

    pub(super) fn find(&self, label: &str) -> Option<u32> {
        self.by_label.get(label).copied()
    }

    /// The index of an equal value, or of this one as a new one.
    pub(super) fn intern(&mut self, choice: Choice) -> u32 {
        if let Some(index) = self.find(&choice.label) {
            return index;
        }
        let index = u32::try_from(self.choices.len()).unwrap_or(u32::MAX);
        if !choice.is_absent() {
            self.by_label.insert(choice.label.clone(), index);
        }
        self.choices.push(choice);
        index
    }

    /// The values, as they are chosen by.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().filter(|choice| !choice.is_absent()).map(|choice| &*choice.label)
    }

    pub(super) fn varies(&self) -> bool {
        self.choices.len() > 1
    }
}

/// All axes.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) list: AxisList,
    /// The headings of those that have one of their own.
    pub(super) labels: BTreeMap<String, String>,
    /// The axes of `[grid]` in the order of the file, then the others.
    pub(super) order: Vec<Axis>,
    /// In the order of the axes.
    pub(super) pools: Vec<Pool>,
}

/// A value that stands a second time.
struct Twice {
    axis: Axis,
    index: u32,
    again: Choice,
}

impl Axes {
    /// Reads `[grid]` and the axes that `[train]` fixes.
    pub(super) fn read(root: &Table, world: &World<'_>, problems: &mut Problems) -> Option<Self> {
        let list = world.axes.clone();
        let pools = list.all().map(|_| Pool::new(Origin::Default)).collect();
        let labelled =
            list.own().iter().filter(|def| def.heading != AxisDef::own(&def.key).heading);
        let label =
            |def: &AxisDef| (def.key.clone().into_owned(), def.heading.clone().into_owned());
        let labels = labelled.map(label).collect();
        let mut axes = Self { list, labels, order: Vec::new(), pools };
        let Some(entry) = root.get("grid") else {
            problems.error_with(
                Place::whole(GRID),
                "there is no [grid], which names the models and the data sets",
                "write [grid] with model = [...] and dataset = [...]",
            );
            return None;
        };
        let (grid, place) = read::table(root, "grid", problems)?;
        let mut twice = Vec::new();
        for (key, entry) in own::entries(grid) {
            if let Some(axis) = axes.list.find(&key) {
                axes.order.push(axis);
                let key_place = Some(entry.key_place);
                axes.pools[axis.index()] = Pool { key_place, ..Pool::new(Origin::Grid) };
                twice.extend(axes.read_values(axis, &entry.node, world, problems));
            }
        }
        let whole = if entry.node.place.span.is_some() { entry.node.place } else { place };
        for required in [Axis::MODEL, Axis::DATASET] {
            if !axes.order.contains(&required) {
                let key = axes.list.key(required);
                let example = if required == Axis::MODEL { "mlp" } else { "digits" };
                problems.error_with(
                    whole,
                    format!("[grid] names no `{key}`"),
                    format!("add for example {key} = [\"{example}\"]"),
                );
            }
        }
        axes.read_train(root, world, problems);
        axes.fill_defaults(world.cores);
        for twice in twice {
            axes.report_twice(&twice, problems);
        }
        axes.warn_of_threads(world.cores, problems);
        Some(axes)
    }

    /// Fills the pool of an axis; the values that it held already are returned, since naming their cells needs every pool.
    fn read_values(
        &mut self,
        axis: Axis,
        node: &Node,
        world: &World<'_>,
        problems: &mut Problems,
    ) -> Vec<Twice> {
        let mut twice = Vec::new();
        let pool = &mut self.pools[axis.index()];
        if node.items().is_empty() && !problems.blames(node.place) {
            let key = world.axes.key(axis);
            problems.error_with(
                node.place,
                format!("`{key}` is an empty list, so the grid would be empty"),
                "give at least one value, or leave the key out for its default",
            );
        }
        for item in node.items() {
            let Some(choice) = problems.ok(axis::read(axis, item, world)) else {
                continue;
            };
            match pool.find(&choice.label) {
                Some(index) => twice.push(Twice { axis, index, again: choice }),
                None => {
                    pool.intern(choice);
                }
            }
        }
        pool.product = u32::try_from(pool.choices.len()).unwrap_or(u32::MAX);
        twice
    }

    /// `[train]` may fix some of the axes, but only those that `[grid]` does not name.
    fn read_train(&mut self, root: &Table, world: &World<'_>, problems: &mut Problems) {
        let Some(train) = root.table("train") else {
            return;
        };
        for axis in self.list.all().filter(|axis| world.axes.def(*axis).in_train) {
            let key = world.axes.key(axis);
            let Some(entry) = train.get(key) else {
                continue;
            };
            if self.order.contains(&axis) {
                problems.error_with(
                    entry.key_place,
                    format!("`{key}` is in [grid] and in [train]"),
                    "keep one of the two: [grid] for an axis, [train] for one fixed value",
                );
            } else if matches!(entry.node.value, Value::List(_)) {
                problems.error_with(
                    entry.node.place,
                    format!("`{key}` in [train] must be one value, not a list"),
                    format!("move it to [grid] to try several: {key} = [...]"),
                );
            } else if let Some(choice) = problems.ok(axis::read(axis, &entry.node, world)) {
                let pool = &mut self.pools[axis.index()];
                pool.origin = Origin::Train;
                pool.intern(choice);
                pool.product = 1;
            }
        }
    }

    fn fill_defaults(&mut self, cores: u32) {
        for axis in self.list.all() {
            if self.order.contains(&axis) {
                continue;
            }
            self.order.push(axis);
            let pool = &mut self.pools[axis.index()];
            if let Some(choice) =
                Choice::default(self.list.def(axis), cores).filter(|_| pool.choices.is_empty())
            {
                pool.intern(choice);
                pool.product = 1;
            }
        }
    }

    fn report_twice(&self, twice: &Twice, problems: &mut Problems) {
        let Some(place) = twice.again.place else {
            return;
        };
        let key = self.list.key(twice.axis);
        let first = &self.pools[twice.axis.index()].choices[twice.index as usize];
        let label = &first.label;
        let written = |choice: &Choice| choice.written.clone().unwrap_or(choice.label.clone());
        let how = if written(first) == written(&twice.again) {
            format!("`{key}` holds {label} twice")
        } else {
            let (first, again) = (written(first), written(&twice.again));
            format!("`{key}` holds {label} twice, as {first} and as {again}")
        };
        let mut cell = self.first_cell();
        cell[twice.axis.index()] = twice.index;
        let which = self
            .cell_name(&cell)
            .map_or_else(String::new, |name| format!(": the cell {name} would run twice"));
        problems.error(place, format!("{how}{which}"));
    }

    fn warn_of_threads(&self, cores: u32, problems: &mut Problems) {
        for choice in &self.pools[Axis::THREADS.index()].choices {
            if let (Some(threads), Some(place)) = (choice.count(), choice.place)
                && threads > cores
            {
                problems.warn(
                    place,
                    format!("{threads} threads on {cores} usable cores will wait for each other"),
                );
            }
        }
    }

    /// Of axes that vary in the file: the runs of one value keep their names, so that those of several calls can be put together.
    pub(super) fn keep_in_names(&mut self, swept: &[String]) {
        for axis in swept.iter().filter_map(|key| self.list.find(key)) {
            self.pools[axis.index()].swept = true;
        }
    }

    /// The first value of each axis.
    pub(super) fn first_cell(&self) -> Cell {
        vec![0; self.pools.len()].into()
    }

    /// What was found in the files of each data set since its manifest does not say it.
    pub(super) fn found_in_data(&self) -> Vec<String> {
        let choices = self.pools[Axis::DATASET.index()].choices.iter();
        let data = choices.filter_map(|choice| Some((&choice.label, choice.dataset.as_ref()?)));
        data.filter(|(_, data)| !data.guessed.is_empty())
            .map(|(name, data)| format!("found in the data of {name}: {}", data.guessed.join("; ")))
            .collect()
    }

    pub(super) fn choice(&self, axis: Axis, cell: &Cell) -> Option<&Choice> {
        let index = axis.index();
        self.pools[index].choices.get(cell[index] as usize)
    }

    /// `{model}-{dataset}`, then the tag of every other axis that varies, or does in the file.
    pub(super) fn cell_name(&self, cell: &Cell) -> Option<String> {
        let mut tags = Vec::new();
        for axis in self.list.all().filter(|axis| self.is_named(*axis)) {
            tags.push(&*self.choice(axis, cell)?.tag);
        }
        tags.retain(|tag| !tag.is_empty());
        Some(tags.join("-"))
    }

    /// Whether an axis stands in the names of cells.
    pub(super) fn is_named(&self, axis: Axis) -> bool {
        let pool = &self.pools[axis.index()];
        pool.varies() || pool.swept || [Axis::MODEL, Axis::DATASET].contains(&axis)
    }

    /// Axes with more than one value, in the order of the file.
    pub(super) fn varying(&self) -> Vec<String> {
        self.order
            .iter()
            .filter(|axis| self.pools[axis.index()].varies())
            .map(|axis| self.list.key(*axis).to_owned())
            .collect()
    }
}
