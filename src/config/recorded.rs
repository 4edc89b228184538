//! `[models.NAME] recorded`: a table of recorded figures in the place of runs.
//!
//! Its columns are axes of the grid: what the grid does not say of them are all of their values. Invariant: a cell of such a
//! model is a configuration of the table, and no two of them are the same one.

use std::path::PathBuf;
use std::sync::Arc;

use super::declared;
use super::key::Kind::Own;
use super::key::{Context, KeyDef, Kind, put_table};
use super::own;
use super::read::{self, Read};
use super::world::Bases;
use crate::control::policy::StopPolicy;
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table as Tree, Value};
use crate::event::{AXES, Axis, AxisList, AxisValue, ENV, NO_DATA, RecordedSpec, Work};
use crate::metric::MetricId;
use crate::recorded::{self, AxisColumn, Table};

/// The table's column of models; no axis, since the model of the grid is the table.
pub(super) const MODEL: &str = "model";

/// A model that is a table.
#[derive(Debug)]
pub(super) struct RecordedModel {
    pub(super) name: String,
    pub(super) table: Arc<Table>,
    /// What the jobs of its cells say of it.
    spec: Arc<RecordedSpec>,
    /// The value of its column of models, where there is one.
    pub(super) of: Option<AxisValue>,
    pub(super) cost: Option<usize>,
    /// Where the table is named.
    pub(super) place: Place,
}

/// What `[models.NAME]` says of a table.
#[derive(Default)]
pub(super) struct Asked {
    table: Option<(PathBuf, Place)>,
    cost: Option<(String, Place)>,
    of: Option<(String, Place)>,
}

const fn key(path: &'static str, kind: Kind<Asked>) -> KeyDef<Asked> {
    KeyDef::new(path, kind)
}

const TEXT: &str = r#"{ "type": "string", "minLength": 1 }"#;

/// The keys of a table of `[models]` that is a recorded one.
pub(super) static KEYS: &[KeyDef<Asked>] = &[
    key(
        "models.NAME.recorded",
        Own("a file or a folder", TEXT, |asked, entry, context, _| {
            let path = text(entry)?;
            asked.table = Some((context.bases.of(&entry.node).join(path), entry.node.place));
            Ok(())
        }),
    )
    .about("a table of recorded figures, used instead of running: a CSV file, or a results folder"),
    key(
        "models.NAME.cost",
        Own("a figure of the table", TEXT, |asked, entry, _, _| {
            asked.cost = Some((text(entry)?.to_owned(), entry.node.place));
            Ok(())
        }),
    )
    .about("the figure with the seconds that a run took, for [run] budget"),
    key(
        "models.NAME.of",
        Own("a text", TEXT, |asked, entry, _, _| {
            asked.of = Some((text(entry)?.to_owned(), entry.node.place));
            Ok(())
        }),
    )
    .about("which model of the table, where it has a column `model`"),
];

fn text(entry: &Entry) -> Read<&str> {
    let expected = "a text in quotes";
    let text = read::text(&entry.key, &entry.node, expected)?;
    if text.is_empty() { Err(read::wrong(&entry.key, expected, &entry.node)) } else { Ok(text) }
}

/// Each model of `[models]` that is a table.
fn entries(root: &Tree) -> impl Iterator<Item = (&Entry, &Tree)> {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    let tables = models.filter_map(|entry| Some((entry, entry.node.table()?)));
    tables.filter(|(_, table)| table.get("recorded").is_some())
}

/// Their names, whether or not the grid names them.
pub(super) fn names(root: &Tree) -> impl Iterator<Item = &str> {
    entries(root).map(|(entry, _)| &*entry.key)
}

/// The model of this name, if it is a table.
pub(super) fn find<'a>(models: &'a [RecordedModel], name: &str) -> Option<&'a RecordedModel> {
    models.iter().find(|model| model.name == name)
}

/// The names of all figures of these tables.
pub(super) fn figures(models: &[RecordedModel]) -> Vec<&str> {
    let figures = models.iter().flat_map(|model| &model.table.figures);
    figures.map(|figure| &*figure.metric).collect()
}

/// The models that a grid names.
pub(super) fn named(root: &Tree) -> Vec<&str> {
    let includes = root.get("include").into_iter().flat_map(|entry| entry.node.items());
    let tables = root.table("grid").into_iter().chain(includes.filter_map(Node::table));
    let items = tables.filter_map(|table| table.get(MODEL)).flat_map(|entry| entry.node.items());
    let names = items.filter_map(|node| match &node.value {
        Value::Text(name) => Some(&**name),
        _ => None,
    });
    names.collect()
}

/// Reads the tables of all models that the grid names.
pub(super) fn read(root: &Tree, bases: &Bases, problems: &mut Problems) -> Vec<RecordedModel> {
    let (named, none) = (named(root), AxisList::default());
    let context = Context::of(bases, &none);
    // Its mistakes are told of with those of the whole.
    let own = declared::ids(&declared::read(root, &context, &mut Problems::default()));
    let mut models = Vec::new();
    for (entry, table) in entries(root) {
        for other in ["command", "steps"] {
            if let Some(other) = table.get(other) {
                let message =
                    format!("`{}` is of a model that is run, and this is `recorded`", other.key);
                problems.error_with(other.key_place, message, "keep one of the two");
            }
        }
        let mut asked = Asked::default();
        put_table(KEYS, &mut asked, table, &context, problems);
        if named.contains(&&*entry.key) {
            let model = asked.model(&entry.key, &own);
            models.extend(model.and_then(|model| problems.ok(model)));
        }
    }
    models
}

impl Asked {
    /// Nothing where the file is not said, which has been reported.
    fn model(self, name: &str, own: &[MetricId]) -> Option<Read<RecordedModel>> {
        let (path, place) = self.table.as_ref()?;
        let read = recorded::read(path, own).map_err(|error| {
            let message = format!("the table {} cannot be used: {error}", path.display());
            let problem = Problem::new(*place, message);
            match error.to_do() {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        });
        Some(read.and_then(|table| self.of_table(name, table)))
    }

    fn of_table(&self, name: &str, table: Table) -> Read<RecordedModel> {
        let place = self.table.as_ref().map_or(Place::default(), |(_, place)| *place);
        for axis in table.axes.iter().filter(|axis| !is_built_in(&axis.key)) {
            if let Some(why) = own::why_not(&axis.key) {
                let column = shown(&axis.key);
                let message = format!("the column `{column}` of {} cannot be an axis", table.name);
                return Err(Problem::new(place, message).hint(why));
            }
        }
        let cost = match &self.cost {
            Some((name, place)) => Some(cost(name, *place, &table)?),
            None if table.has_times() => None,
            None => table.figure(MetricId::CommandTime.name()),
        };
        let of = self.which(name, &table, place)?;
        let axes = table.axes.iter().map(|axis| axis.key.clone()).filter(|key| key != MODEL);
        let spec = RecordedSpec {
            table: table.name.clone(),
            sha256: table.sha256.clone(),
            axes: axes.collect(),
            cost: cost.map(|place| table.figures[place].metric.to_string()),
        };
        let (name, table, spec) = (name.to_owned(), Arc::new(table), Arc::new(spec));
        Ok(RecordedModel { name, table, spec, of, cost, place })
    }

    /// Which model of the table it is.
    fn which(&self, name: &str, table: &Table, place: Place) -> Read<Option<AxisValue>> {
        let Some(column) = table.axes.iter().find(|axis| axis.key == MODEL) else {
            return match &self.of {
                Some((_, place)) => {
                    let message = format!("{} has no column `{MODEL}`", table.name);
                    Err(Problem::new(*place, message).hint("leave `of` out"))
                }
                None => Ok(None),
            };
        };
        let (asked, place) = self.of.as_ref().map_or((name, place), |(of, place)| (of, *place));
        if let Some(code) = column.code(asked) {
            return Ok(column.values.get(code as usize).cloned());
        }
        if let ([only], None) = (&column.values[..], &self.of) {
            return Ok(Some(only.clone()));
        }
        let message = format!("{} has no row of the model `{}`", table.name, shown(asked));
        let hint = format!("write of = \"...\"; {}", nearest(asked, column));
        Err(Problem::new(place, message).hint(hint))
    }
}

fn is_built_in(key: &str) -> bool {
    AXES.iter().any(|def| def.key == key)
}

/// The value of a column that is like this one.
pub(super) fn nearest(value: &str, column: &AxisColumn) -> String {
    let number = |value: &AxisValue| value.to_string().parse::<f64>().ok();
    if let Ok(asked) = value.parse::<f64>() {
        let numbers = column.values.iter().filter_map(number);
        let near = numbers.min_by(|a, b| (a - asked).abs().total_cmp(&(b - asked).abs()));
        if let Some(near) = near {
            return format!("the nearest value is {near}");
        }
    }
    let values: Vec<String> = column.values.iter().map(ToString::to_string).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    suggest::hint(value, &values, "the values there are")
}

/// The figure of this name, if it may be a time.
fn cost(name: &str, place: Place, table: &Table) -> Read<usize> {
    let found = table.figure(name).ok_or_else(|| {
        let message = format!("{} has no figure `{}`", table.name, shown(name));
        let names: Vec<&str> = table.figures.iter().map(|figure| &*figure.metric).collect();
        Problem::new(place, message).hint(suggest::hint(name, &names, "the figures are"))
    })?;
    if table.has_negative(found) {
        let message = format!("`{}` is negative in a row, and a time cannot be", shown(name));
        return Err(Problem::new(place, message));
    }
    Ok(found)
}

/// Writes the columns of the tables into the grid: of each axis that this does not name all values. Where the grid has other
/// models too, only the cells of the table have them.
pub(super) fn put_axes(root: &mut Tree, models: &[RecordedModel]) {
    let named: Vec<String> = named(root).into_iter().map(str::to_owned).collect();
    let given: Vec<Vec<&AxisColumn>> = models.iter().map(|model| model.left_out(root)).collect();
    for (model, columns) in models.iter().zip(given) {
        for axis in model.table.axes.iter().filter(|axis| !is_built_in(&axis.key)) {
            let declared = root.table("axes").and_then(|axes| own::entry(axes, &axis.key));
            if declared.is_none() && !axis.key.starts_with(ENV) {
                put(root, "axes", &axis.key, model.node(Value::Table(Tree::default())));
            }
        }
        let alone = named.iter().all(|name| *name == model.name);
        let of_all = |axis: &&AxisColumn| alone || axis.key == AXES[Axis::DATASET.index()].key;
        let (common, own): (Vec<_>, Vec<_>) = columns.into_iter().partition(of_all);
        for axis in common {
            put(root, "grid", &axis.key, model.node(model.all(axis)));
        }
        if !own.is_empty() {
            model.put_when(root, &own);
        }
    }
    let dataset = &AXES[Axis::DATASET.index()].key;
    let are_tables = named.iter().all(|name| find(models, name).is_some());
    if let Some(first) = models.first().filter(|_| are_tables && !is_given(root, dataset)) {
        put(root, "grid", dataset, first.node(Value::Text(NO_DATA.to_owned())));
    }
}

/// Puts an axis into the table of this name, which is made where it is not there.
fn put(root: &mut Tree, table: &str, key: &str, node: Node) {
    let place = node.place;
    if let Some(table) = root.table_or_new(table, place) {
        own::put(table, key, Entry { key: key.to_owned(), key_place: place, node });
    }
}

/// Whether the file says which values an axis has.
fn is_given(root: &Tree, key: &str) -> bool {
    let said = |inner: &Tree| inner.get("values").is_some() || inner.get("from").is_some();
    let axes = root.table("axes").and_then(|axes| own::entry(axes, key)?.node.table());
    let in_train = root.table("train").is_some_and(|train| train.get(key).is_some());
    own::grids(root).any(|grid| own::entry(grid, key).is_some())
        || axes.is_some_and(said)
        || in_train
}

impl RecordedModel {
    /// Its columns of which the grid says no values.
    fn left_out(&self, root: &Tree) -> Vec<&AxisColumn> {
        let axes = self.table.axes.iter().filter(|axis| axis.key != MODEL);
        axes.filter(|axis| !is_given(root, &axis.key)).collect()
    }

    fn node(&self, value: Value) -> Node {
        Node { value, place: self.place }
    }

    /// All values of an axis.
    fn all(&self, axis: &AxisColumn) -> Value {
        let values = axis.values.iter().filter(|value| **value != AxisValue::Unset);
        Value::List(values.map(|value| self.node(written(value))).collect())
    }

    /// Gives the axes to the cells of this model alone.
    fn put_when(&self, root: &mut Tree, axes: &[&AxisColumn]) {
        let entry = |key: &str, value| {
            let key = key.to_owned();
            Entry { key, key_place: self.place, node: self.node(value) }
        };
        let mut grid = Tree::default();
        for axis in axes {
            own::put(&mut grid, &axis.key, entry(&axis.key, self.all(axis)));
        }
        let wanted = Tree { entries: vec![entry(MODEL, Value::Text(self.name.clone()))] };
        let parts = [("match", wanted), ("grid", grid)];
        let when = parts.map(|(key, table)| entry(key, Value::Table(table)));
        let when = self.node(Value::Table(Tree { entries: when.into() }));
        match root.get_mut("when").map(|entry| &mut entry.node.value) {
            Some(Value::List(whens)) => whens.push(when),
            Some(_) => {}
            None => root.entries.push(entry("when", Value::List(vec![when]))),
        }
    }

    /// Whether its table has this axis.
    pub(super) fn names(&self, key: &str) -> bool {
        self.table.axes.iter().any(|axis| axis.key == key)
    }

    /// What does the jobs of its cells.
    pub(super) fn work(&self) -> Work {
        Work::Recorded { spec: Arc::clone(&self.spec) }
    }

    /// Warns of a metric that the grid asks for and the table does not have.
    pub(super) fn check_figure(
        &self,
        how: &str,
        metric: &str,
        place: Place,
        problems: &mut Problems,
    ) {
        if self.table.figure(metric).is_none() {
            let table = &self.table.name;
            problems.warn(place, format!("`{metric}` {how}, and {table} has no such figure"));
        }
    }

    /// What is waited for between its visits where the user has not chosen: all that differs from one to the next.
    pub(super) fn stop(&self, stop: &StopPolicy) -> StopPolicy {
        let figures = self.table.figures.iter().filter(|figure| figure.by_seed);
        StopPolicy {
            metrics: figures.map(|figure| figure.metric.clone()).collect(),
            ..stop.clone()
        }
    }
}

/// A value as a grid file has it; numbers that are whole are whole.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole, and small enough to be exact"
)]
fn written(value: &AxisValue) -> Value {
    match value {
        AxisValue::Flag(flag) => Value::Flag(*flag),
        AxisValue::Whole(whole) => Value::Integer(*whole),
        AxisValue::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Value::Integer(*number as i64)
        }
        AxisValue::Number(number) => Value::Float(*number),
        AxisValue::Text(text) => Value::Text(text.clone().into_owned()),
        AxisValue::Unset => Value::Text(String::new()),
    }
}
